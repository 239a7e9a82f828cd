"""Targets: codes for the solver, and the way back to predictions, probabilities and intervals."""
