"""Signing URLs for clients without asking boto3 each time: byte for byte what it would sign, many times faster."""
