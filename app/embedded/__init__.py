"""The real PostgreSQL and S3 server of `make run` and of the tests; production never imports this package."""
