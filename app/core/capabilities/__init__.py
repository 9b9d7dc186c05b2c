"""What a store keeps of what S3 promises, found out by trying, once for all workers."""
