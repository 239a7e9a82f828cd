"""Steering with a strength that is learned and differs between tokens."""


class TokenStrength:
    """To come."""
