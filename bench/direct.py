"""boto3's own `upload_file`, straight to the store. Prints seconds and the growth of its memory in MiB.

Run: python -m bench.direct FILE
"""

from __future__ import annotations

import os
import sys
import time

import boto3

from bench.processes import MemoryGrowth

s3 = boto3.client(
    "s3",
    endpoint_url=os.environ["S3_ENDPOINT_URL"],
    aws_access_key_id=os.environ["S3_ACCESS_KEY_ID"],
    aws_secret_access_key=os.environ["S3_SECRET_ACCESS_KEY"],
    region_name="us-east-1",
)
s3.put_object(Bucket=os.environ["S3_BUCKET_NAME"], Key="direct/warm-up", Body=b"connected")
memory = MemoryGrowth(os.getpid())
memory.begin()
started = time.perf_counter()
s3.upload_file(sys.argv[1], os.environ["S3_BUCKET_NAME"], "direct/file.bin")
seconds = time.perf_counter() - started
print(seconds, memory.mebibytes())
