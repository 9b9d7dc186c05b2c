"""What can be done with direct uploads."""
