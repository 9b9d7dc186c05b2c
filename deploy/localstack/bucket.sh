#!/bin/sh
# Run by LocalStack once it is ready: makes the bucket that docker-compose.yml names.
awslocal s3api head-bucket --bucket holdfast 2>/dev/null || awslocal s3api create-bucket --bucket holdfast
