"""The S3 adapter: the only code that calls boto3. `adapter.S3` is the door; the rest are its rooms."""
