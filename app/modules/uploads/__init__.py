"""Direct uploads: the bytes go from the client to the store, and become visible only after the same checks."""
