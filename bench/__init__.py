"""Claims of the README, each measured against its peer in the same run."""
