"""The dialect of stock Uppy (`@uppy/aws-s3` 6, `signRequest`): its request, and what a page may say in the key.

Uppy asks for a signature with method, key and upload id only. What we need to know of a new file besides stands in
the key that the page's `generateObjectKey` makes: `JSON.stringify({n: file.name, s: file.size})`.
"""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.core.exceptions import FieldError, Invalid
from app.core.text import Text
from app.core.wire_types import SPARE_MEMBERS, RequestModel
from app.modules.uploads.models import UploadMethod
from app.modules.uploads.part_plan import MAX_PARTS, MIN_PART_BYTES
from app.modules.uploads.schemas import PartNumber, UploadRequest
from app.modules.uploads.services.creation import UploadWish

UNDECLARED_TYPE = "application/octet-stream"
# Metadata of 16 KiB, a description, and room for escapes.
MAX_KEY_CHARACTERS = 65_536
NAMES = {
    "n": "filename",
    "name": "filename",
    "s": "file_size",
    "size": "file_size",
    "t": "content_type",
    "type": "content_type",
}
TAKEN = frozenset({*NAMES, *UploadRequest.model_fields} - {"method", "part_checksums"})
SIZE_AND_NAME = re.compile(r"([0-9]{1,19})/(.+)", re.DOTALL)


class Step(StrEnum):
    """What the plugin is about to do."""

    PUT_FILE = "put_file"
    CREATE = "create"
    PUT_PART = "put_part"
    LIST = "list"
    COMPLETE = "complete"
    ABORT = "abort"


# By method, and whether there are an upload and a part yet.
_STEPS = {
    ("PUT", False, False): Step.PUT_FILE,
    ("POST", False, False): Step.CREATE,
    ("PUT", True, True): Step.PUT_PART,
    ("GET", True, False): Step.LIST,
    ("POST", True, False): Step.COMPLETE,
    ("DELETE", True, False): Step.ABORT,
}


class SignRequest(RequestModel):
    """What `signRequest` is given. Later versions may say more; what we don't know is passed over."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"maxProperties": 5 + SPARE_MEMBERS})

    method: Literal["GET", "POST", "PUT", "DELETE"]
    key: Annotated[
        Text,
        Field(
            min_length=1,
            max_length=MAX_KEY_CHARACTERS,
            description="Of a new file: JSON text with `n` (name), `s` (size in bytes), and if wanted `t` (type) and"
            " the fields of `POST /files/uploads`; or `<size>/<name>`. Afterwards the `key` of the first answer.",
            examples=['{"n":"report.pdf","s":182044}'],
        ),
    ]
    upload_id: Annotated[UUID | None, Field(alias="uploadId")] = None
    part_number: Annotated[PartNumber | None, Field(alias="partNumber")] = None
    content_type: Annotated[Text | None, Field(alias="contentType", max_length=255)] = None

    def step(self) -> Step:
        """Which of the six calls this is.

        Raises:
            Invalid: none of them.
        """
        step = _STEPS.get((self.method, self.upload_id is not None, self.part_number is not None))
        if step is None:
            raise _wrong("method", "goes with another combination of uploadId and partNumber")
        return step


class SignedAddress(BaseModel):
    """Where the plugin sends its request, and what it must send along."""

    url: str
    key: Annotated[str | None, Field(description="The file's id, from now on the key.")] = None
    headers: dict[str, str] | None = None


def wish_of(request: SignRequest, method: UploadMethod, idempotency_key: str | None) -> UploadWish:
    """The new file that a request is about.

    Raises:
        Invalid: the key describes no file.
        RequestValidationError: a field in the key is wrong; it's named.
    """
    described = _described(request.key)
    if unknown := sorted(described.keys() - TAKEN):
        raise _wrong(f"key.{unknown[0][:64]}", "is not known")
    fields = {NAMES.get(name, name): value for name, value in described.items()}
    declared = {"content_type": request.content_type or UNDECLARED_TYPE, "method": method}
    try:
        wish = UploadRequest.model_validate(declared | fields)
    except ValidationError as error:
        raise RequestValidationError(
            [{**item, "loc": ("body", "key", *item["loc"])} for item in error.errors(include_input=False)]
        ) from error
    if method is UploadMethod.MULTIPART and wish.part_size is None:
        # The plugin cuts by itself, by this rule, and every URL is signed for exactly its part's length.
        wish.part_size = max(MIN_PART_BYTES, -(-wish.file_size // MAX_PARTS))
    return wish.to_wish(idempotency_key)


def _described(key: str) -> dict[str, Any]:
    if found := SIZE_AND_NAME.fullmatch(key):
        return {"s": int(found[1]), "n": found[2]}
    try:
        described = json.loads(key)
    except (ValueError, RecursionError) as error:
        raise _no_description() from error
    if not isinstance(described, dict):
        raise _no_description()
    return described


def _no_description() -> Invalid:
    return _wrong("key", "must describe the file: generateObjectKey: f => JSON.stringify({n: f.name, s: f.size})")


def _wrong(field: str, detail: str) -> Invalid:
    return Invalid(f"The request can't be signed: {field} {detail}.", errors=(FieldError(f"body.{field}", detail),))
