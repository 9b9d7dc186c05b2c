"""The way S3 tutorials print it: `UploadFile`, then a blocking `upload_fileobj` inside `async def`."""

from __future__ import annotations

import os

import boto3
from fastapi import FastAPI, UploadFile

app = FastAPI()
s3 = boto3.client(
    "s3",
    endpoint_url=os.environ["S3_ENDPOINT_URL"],
    aws_access_key_id=os.environ["S3_ACCESS_KEY_ID"],
    aws_secret_access_key=os.environ["S3_SECRET_ACCESS_KEY"],
    region_name="us-east-1",
)


@app.get("/health")
async def health() -> dict[str, str]:
    """The process lives."""
    return {"status": "ok"}


@app.post("/upload")
async def upload(file: UploadFile) -> dict[str, str | None]:
    """Upload one file."""
    s3.upload_fileobj(file.file, os.environ["S3_BUCKET_NAME"], f"tutorial/{file.filename}")
    return {"filename": file.filename}


@app.post("/presign")
async def presign(filename: str) -> dict[str, str]:
    """Hand out an upload URL, as tutorials do: no row, no check, nothing pinned."""
    parameters = {"Bucket": os.environ["S3_BUCKET_NAME"], "Key": f"tutorial/{filename}"}
    return {"url": s3.generate_presigned_url("put_object", Params=parameters, ExpiresIn=3600)}
