"""Recursive feature machines for scikit-learn."""
