"""What a checker that knows only the document takes for a fault, and isn't one; each with its reason."""

from __future__ import annotations

from schemathesis import Case
from schemathesis.core.failures import Failure
from schemathesis.core.transport import Response

# Rules that JSON Schema can't state: a value of the right shape may still be refused, but only by these names.
RULES = frozenset(
    {
        "invalid_folder",  # categories of Unicode
        "invalid_filename",  # nothing left once it's cleaned
        "invalid_metadata",  # JSON inside of text; size and depth
        "invalid_cursor",  # signed
        "extension_not_allowed",  # an operator's setting
        "content_type_not_allowed",  # by extension
        "content_type_mismatch",  # by the bytes
        "file_too_large",  # an operator's setting
        "empty_file",
        "size_mismatch",
        "checksum_mismatch",
        "precondition_failed",  # the header holds another version
        "range_not_satisfiable",
        "upload_expired",
    }
)
# As above, for members and parameters whose refusal carries the general code.
FIELDS = (
    "body.expires_at", "query.expires_at",  # must lie ahead
    "body.folder", "body.new_folder",  # each with one operation of a batch only
    "body.part_numbers", "body.checksums",  # the plan of this very upload
    "body.method", "body.key",  # stock Uppy's: six combinations of four fields, JSON inside of text
)  # fmt: skip


def is_allowed(failure: Failure, case: Case, response: Response) -> bool:
    """Whether it's one of the named exceptions."""
    if type(failure).__name__ == "RejectedPositiveData":
        return _is_rule(response)
    if type(failure).__name__ == "AcceptedNegativeData":
        # The checker holds an example as it stands in the address, `user%3Abob`, against the pattern of what it means.
        return "%3A" in str((case.path_parameters or {}).get("principal", ""))
    # A soft-deleted file is still there for its owner, by the contract.
    return type(failure).__name__ == "UseAfterFree" and "/files/{file_id}" in case.operation.label


def _is_rule(response: Response) -> bool:
    if response.request.method == "HEAD":
        return response.status_code in {412, 416}  # it has no body that could tell why
    if "problem+json" not in response.headers["content-type"][0]:
        return False
    problem = response.json()
    wrong = [error["field"] for error in problem.get("errors", ())]
    return problem["code"] in RULES or bool(wrong and all(map(_is_special, wrong)))


def _is_special(field: str) -> bool:
    return any(field == each or field.startswith(f"{each}.") for each in FIELDS)
