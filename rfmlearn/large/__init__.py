"""Any number of rows: one global machine over landmarks, and trees of local ones, averaged by rows left out."""
