"""Reads the journal that `app.core.audit` writes."""
