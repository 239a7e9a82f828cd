"""Random cases that no one would think of: what each draws is in `_cases`, what may come of it in `_outcomes`."""
