"""Tables as users have them, turned into points."""
