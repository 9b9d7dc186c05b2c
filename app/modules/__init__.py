"""Capabilities, each with the same file names inside."""
