"""Files: taken in, kept track of, given out."""
