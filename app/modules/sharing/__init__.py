"""Files opened to others: grants to single callers and to groups."""
