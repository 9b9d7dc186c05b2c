"""Who may do what: every operation, every kind of caller, every state of a file."""
