"""Keeps registry and bucket in agreement: expire, purge, reconcile, scrub."""
