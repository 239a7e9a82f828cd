"""The recursion: solve, take gradients, form a new feature matrix."""
