"""How many requests a caller may send in a time, and how many uploads at once."""
