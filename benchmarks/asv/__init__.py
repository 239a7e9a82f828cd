"""Times, memory and scores that asv compares between commits; see "Measuring a change" in CONTRIBUTING.md."""
