"""Features of a store, each tried with one request that is right and one that is wrong."""

from __future__ import annotations

import base64
import hashlib
from secrets import token_bytes, token_hex
from typing import Any

from app.core.capabilities.sandbox import HEADERS, Sandbox

WRONG_ETAG = f'"{"0" * 32}"'


def post_policy(sandbox: Sandbox) -> bool:
    """A form POST inside its policy is taken; another size, key or type, a forged or an old policy are not."""
    content = token_bytes(64)

    def is_taken(body: bytes, *, expiry_seconds: int = 600, **changed: str) -> bool:
        key = sandbox.fresh_key()
        fields = {"Content-Type": "image/png"} | {HEADERS[name]: value for name, value in sandbox.write_options.items()}
        conditions: list[Any] = [{name: value} for name, value in fields.items()]
        conditions.append(["content-length-range", len(content), len(content)])
        form = sandbox.client.generate_presigned_post(
            sandbox.bucket, key, Fields=fields, Conditions=conditions, ExpiresIn=expiry_seconds
        )
        return _post(sandbox, form["url"], form["fields"] | changed, body)

    wrong: list[tuple[bytes, dict[str, Any]]] = [
        (content + b"+", {}),
        (content[:-1], {}),
        (content, {"key": sandbox.fresh_key()}),
        (content, {"Content-Type": "text/html"}),
        (content, {"x-amz-signature": token_hex(32)}),
        (content, {"expiry_seconds": -60}),
    ]
    return is_taken(content) and not any(is_taken(body, **changed) for body, changed in wrong)


def _post(sandbox: Sandbox, url: str, fields: dict[str, str], content: bytes) -> bool:
    boundary = token_hex(16)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'.encode())
    body = b"".join([*parts, content, f"\r\n--{boundary}--\r\n".encode()])
    return sandbox.send("POST", url, body, {"content-type": f"multipart/form-data; boundary={boundary}"}).is_taken


def _sha256(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def verifies_sha256(sandbox: Sandbox) -> bool:
    """A presigned PUT whose bytes don't have the SHA-256 that was signed is refused."""
    right, wrong = token_bytes(64), token_bytes(64)
    is_wrong_refused = sandbox.put(sandbox.fresh_key(), wrong, ChecksumSHA256=_sha256(right)).is_refused
    return is_wrong_refused and sandbox.put(sandbox.fresh_key(), right, ChecksumSHA256=_sha256(right)).is_taken


def returns_sha256(sandbox: Sandbox) -> bool:
    """The SHA-256 of a PUT is told again by HEAD."""
    key, content = sandbox.fresh_key(), token_bytes(64)
    if not sandbox.put(key, content, ChecksumSHA256=_sha256(content)).is_taken:
        return False
    head = sandbox.client.head_object(Bucket=sandbox.bucket, Key=key, ChecksumMode="ENABLED")
    return head.get("ChecksumSHA256") == _sha256(content)


def part_checksums(sandbox: Sandbox) -> bool:
    """A part with another SHA-256 than signed is refused, and the list of parts tells the right one."""
    key, right, wrong = sandbox.fresh_key(), token_bytes(64), token_bytes(64)
    upload_id = sandbox.begin_multipart(key, ChecksumAlgorithm="SHA256")
    url, headers = sandbox.presigned(
        "upload_part", Key=key, UploadId=upload_id, PartNumber=1, ChecksumSHA256=_sha256(right)
    )
    if not (sandbox.send("PUT", url, wrong, headers).is_refused and sandbox.send("PUT", url, right, headers).is_taken):
        return False
    listed = sandbox.client.list_parts(Bucket=sandbox.bucket, Key=key, UploadId=upload_id)
    return [part.get("ChecksumSHA256") for part in listed.get("Parts", [])] == [_sha256(right)]


def optional_part_checksums(sandbox: Sandbox) -> bool:
    """A part may be sent with its SHA-256 although its upload was begun without any; AWS refuses it."""
    key, right, wrong = sandbox.fresh_key(), token_bytes(64), token_bytes(64)
    upload_id = sandbox.begin_multipart(key)
    url, headers = sandbox.presigned(
        "upload_part", Key=key, UploadId=upload_id, PartNumber=1, ChecksumSHA256=_sha256(right)
    )
    return sandbox.send("PUT", url, wrong, headers).is_refused and sandbox.send("PUT", url, right, headers).is_taken


def copy_source_if_match(sandbox: Sandbox) -> bool:
    """A copy is made only of the object whose ETag is named."""
    source = sandbox.fresh_key()
    client, names = sandbox.client, {"Bucket": sandbox.bucket, "Key": source}
    client.put_object(Bucket=sandbox.bucket, Key=source, Body=token_bytes(64), **sandbox.write_options)
    etag = client.head_object(Bucket=sandbox.bucket, Key=source)["ETag"]
    is_refused = [
        sandbox.is_refused(
            client.copy_object,
            Key=sandbox.fresh_key(),
            CopySource=names,
            CopySourceIfMatch=each,
            **sandbox.write_options,
        )
        for each in (etag, WRONG_ETAG)
    ]
    return is_refused == [False, True]


def sealed_multipart(sandbox: Sandbox) -> bool:
    """The URL of a part does nothing once its upload was completed; on Swift it breaks the object."""
    key, content = sandbox.fresh_key(), token_bytes(64)
    upload = sandbox.one_part_upload(key, content)
    url, headers = sandbox.presigned("upload_part", Key=key, UploadId=upload["UploadId"], PartNumber=1)
    sandbox.client.complete_multipart_upload(Bucket=sandbox.bucket, **upload)
    return sandbox.send("PUT", url, token_bytes(64), headers).is_refused and sandbox.read(key) == content


def complete_object_size(sandbox: Sandbox) -> bool:
    """A multipart upload is completed only to the size that is named."""
    content = token_bytes(64)
    is_refused = [
        sandbox.is_refused(
            sandbox.client.complete_multipart_upload,
            MpuObjectSize=size_bytes,
            **sandbox.one_part_upload(sandbox.fresh_key(), content),
        )
        for size_bytes in (len(content), len(content) + 1)
    ]
    return is_refused == [False, True]


def server_side_encryption(sandbox: Sandbox) -> bool:
    """A presigned PUT that asks for AES256 is taken, and the object says so."""
    key = sandbox.fresh_key()
    url, headers = sandbox.presigned("put_object", Key=key, ServerSideEncryption="AES256")
    if not sandbox.send("PUT", url, token_bytes(64), headers).is_taken:
        return False
    return sandbox.client.head_object(Bucket=sandbox.bucket, Key=key).get("ServerSideEncryption") == "AES256"


def versioning(sandbox: Sandbox) -> bool:
    """The bucket keeps versions now."""
    return sandbox.client.get_bucket_versioning(Bucket=sandbox.bucket).get("Status") == "Enabled"
