"""The verdict on bytes: own rules where libmagic errs or its versions differ, libmagic for everything else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.modules.files.content import libmagic, ole, programs, signatures, svg, text, zip_container
from app.modules.files.content.media_types import HTML, SVG, TEXT, UNKNOWN, XML
from app.modules.files.content.middle import Middle
from app.modules.files.content.table import canonical

HEAD_BYTES: Final = 65_536
TAIL_BYTES: Final = 131_072
# So many bytes of any binary format hold some control byte: without one they are text, which libmagic reads slowly.
_TELLING_BYTES: Final = 512
EMPTY: Final = "application/x-empty"


@dataclass(frozen=True, slots=True)
class Detected:
    """What bytes are.

    Args:
        media_type: canonical name.
        is_settled: False where the end of the file, not seen yet, may tell more.
        problem: why it must not be stored even where its type may, as the end of a sentence.
    """

    media_type: str
    is_settled: bool = True
    problem: str | None = None


def needs_tail(head: bytes) -> bool:
    """Whether only the end of the file tells what it is: ZIP containers, and OLE files with the directory there."""
    return head.startswith(zip_container.SIGNATURES) or (
        head.startswith(ole.SIGNATURE) and not ole.is_directory_visible(head)
    )


def detect(
    head: bytes, *, tail: bytes | None = None, size: int | None = None, middle: Middle | None = None
) -> Detected:
    """What the bytes are, whatever their name.

    Args:
        head: the first `HEAD_BYTES` of the file, all of it if it is shorter.
        tail: its last `TAIL_BYTES` (all of it if it is shorter), once they are known; used if `needs_tail(head)`.
        size: the length of the whole file in bytes, where known.
        middle: what was seen between them, once all bytes, or those of its `span`, have passed by.
    """
    if not head:
        return Detected(EMPTY)
    if tail is None and (len(head) == size if size is not None else len(head) < HEAD_BYTES):
        tail, size = head, len(head)
    if head.startswith(zip_container.SIGNATURES):
        return _detect_zip(head, tail, size, middle)
    if head.startswith(ole.SIGNATURE):
        return _detect_ole(head, tail, size, middle)
    if leading := signatures.leading(head):
        return Detected(leading)
    later, program = signatures.behind_junk(head), programs.beginning(head)
    # The junk in front of a document may be a program; a text that begins like one is told by what it is for.
    if program and (later or not text.is_text(head)):
        return Detected(program)
    return Detected(later) if later else _detect_text(head) or _detect_binary(head)


def _detect_zip(head: bytes, tail: bytes | None, size: int | None, middle: Middle | None) -> Detected:
    if tail is None:
        return Detected(zip_container.kind_in_head(head), is_settled=False)
    more = middle.program_names(tail, size) if middle is not None and size is not None else []
    return Detected(zip_container.kind_in_directory(tail, head, more))


def _detect_ole(head: bytes, tail: bytes | None, size: int | None, middle: Middle | None) -> Detected:
    if ole.is_directory_visible(head):
        return Detected(ole.kind(head))  # the tail is left out, so that the verdict is the same before it comes
    directory = middle.directory if middle is not None else None
    return Detected(ole.kind(head, tail=tail, size=size, directory=directory), is_settled=tail is not None)


def _detect_text(head: bytes) -> Detected | None:
    content = text.decode(head)
    if content is None:
        return None
    found = text.classify(content)
    return Detected(found, problem=svg.problem(content)) if found == SVG else Detected(found)


def _detect_binary(head: bytes) -> Detected:
    found = programs.binary(head) or signatures.binary(head)
    if found is None and not (len(head) >= _TELLING_BYTES and text.is_legacy_text(head)):
        found = canonical(libmagic.guess(head))
    if found and found not in {UNKNOWN, SVG, XML} and not found.startswith("text/"):
        return Detected(found)
    # libmagic's versions call 8-bit text by different names, or none; a page must be seen in any bytes.
    kind = text.classify(head.decode("latin-1"))
    if text.is_legacy_text(head):
        return Detected(kind, problem="save it as UTF-8" if kind == SVG else None)
    return Detected(kind if kind not in {TEXT, XML} else UNKNOWN)


def is_harmless_fragment(head: bytes) -> bool:
    """Whether bytes found to be HTML are the harmless markup that Markdown files begin with."""
    content = text.decode(head)
    return content is not None and text.classify(content) == HTML and text.is_harmless_fragment(content)
