"""What knows no module: database, store, problems, logging, middleware."""
