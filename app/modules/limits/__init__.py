"""What owners may have and callers may do: quotas, and how often."""
