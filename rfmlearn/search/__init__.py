"""Estimators that choose their settings: search, ensemble, refit."""
