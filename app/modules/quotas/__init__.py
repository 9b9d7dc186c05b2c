"""How many bytes and files an owner may have."""
