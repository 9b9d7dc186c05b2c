"""Which files are taken: by name, declared type and bytes, against the operator's lists and the deny-list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.modules.files.content.detect import Detected, detect, is_harmless_fragment, needs_tail
from app.modules.files.content.formats import Format
from app.modules.files.content.media_types import (
    ENCRYPTED_OFFICE,
    HTML,
    MSI,
    OLE,
    OPEN_DOCUMENT,
    TEXT,
    UNKNOWN,
    ZIP,
    ZIP_PROGRAMS,
)
from app.modules.files.content.middle import Middle
from app.modules.files.content.suffixes import (
    CLASS_ID_SUFFIX,
    DENIED_EXTENSIONS,
    RUN_ANYWHERE,
    other_readings,
    suffixes,
)
from app.modules.files.content.table import (
    DENIED_MEDIA_TYPES,
    canonical,
    family_of,
    formats_of,
    is_known,
    media_types_of,
)
from app.modules.files.content.words import words
from app.modules.files.exceptions import (
    ContentTypeMismatch,
    ContentTypeNotAllowed,
    EmptyFile,
    ExtensionNotAllowed,
)

ANY: Final = "*"
# What clients say when they don't know; the last one is curl's word for whatever it sends.
_UNDECLARED: Final = words(
    "application/octet-stream binary/octet-stream application/binary application/x-binary application/unknown"
    " application/x-unknown application/x-compressed application/download application/x-download"
    " application/force-download application/x-force-download application/save unknown/unknown"
    " application/x-www-form-urlencoded"
)
_LONGEST_LIST = 24
_LONGEST_SHOWN_EXTENSION = 16


@dataclass(frozen=True)
class ContentPolicy:
    """The lists, and the judgement by them.

    Args:
        extensions: lower-case, without the dot. `*` means any that isn't on the deny-list; the empty one (`.`
            in `S3_ALLOWED_EXTENSIONS`) files without extension. One that is named here is taken even if it
            stands on the deny-list.
        media_types: canonical; `image/*` and `*` as well.
    """

    extensions: frozenset[str]
    media_types: frozenset[str]

    @classmethod
    def from_settings(cls, allowed_extensions: Sequence[str], allowed_media_types: Sequence[str]) -> ContentPolicy:
        """The policy of `S3_ALLOWED_EXTENSIONS` and `S3_ALLOWED_MIME_TYPES`, the latter by default theirs.

        Raises:
            ValueError: something in the second list is no media type.
        """
        extensions = frozenset(word.strip().lower().removeprefix(".") for word in allowed_extensions)
        media_types = frozenset(_listed(word) for word in allowed_media_types)
        return cls(extensions, media_types or media_types_of(extensions))

    def check_declared(self, filename: str, declared_type: str | None) -> None:
        """Refuse what name and declared type alone show to be unwanted, before the first byte is read.

        Raises:
            ExtensionNotAllowed: not on the list, or one that servers or desktops run.
            ContentTypeNotAllowed: the declared type, or every type of the extension, is not on the list.
            ContentTypeMismatch: the declared type is on the list, but isn't the extension's.
        """
        extension = self._extension(filename)
        self._check_declared(extension, self._candidates(extension), _declared(declared_type))

    def judge(
        self,
        filename: str,
        declared_type: str | None,
        head: bytes,
        *,
        tail: bytes | None = None,
        size: int | None = None,
        middle: Middle | None = None,
        final: bool = True,
    ) -> str:
        """The canonical media type to store the file under: the same for the first and the final call.

        Args:
            filename: as given by the client.
            declared_type: the client's `Content-Type` of the file.
            head: the first `HEAD_BYTES` of the file, or all of it.
            tail: its last `TAIL_BYTES`, for the final call where `needs_tail(head)`.
            size: the whole length in bytes, where known.
            middle: what was seen between head and tail, for the final call.
            final: False on the head only, before anything is stored: what the tail may still decide passes.

        Raises:
            ExtensionNotAllowed, ContentTypeNotAllowed, ContentTypeMismatch: as in `check_declared`, and by the bytes.
            EmptyFile: there are no bytes.
        """
        if not head:
            raise EmptyFile
        extension = self._extension(filename)
        candidates = self._candidates(extension)
        declared = _declared(declared_type)
        self._check_declared(extension, candidates, declared)
        found = detect(head, tail=tail, size=size, middle=middle)
        if not candidates:
            return self._judge_unknown(extension, declared, found, _container(head, found))
        fitting = [row for row in candidates if _fits(row, found, head, extension, final=final)]
        if not fitting:
            raise ContentTypeMismatch(
                f"The file is named .{_shown(extension)}, but its content is {found.media_type};"
                " rename it or choose another file."
            )
        _check_problem(found)
        by_name = {row.media_type: row.media_type for row in fitting}
        return by_name.get(declared) or by_name.get(found.media_type) or fitting[0].media_type

    def expected_type(self, filename: str, declared_type: str | None) -> str:
        """The media type that `judge` will most likely find, where a store must be told one before there are bytes.

        Raises:
            ExtensionNotAllowed, ContentTypeNotAllowed: as in `check_declared`.
        """
        declared = _declared(declared_type)
        types = [row.media_type for row in self._candidates(self._extension(filename))]
        return declared if declared in types else (types or [declared or UNKNOWN])[0]

    def _extension(self, filename: str) -> str:
        found = suffixes(filename)
        extension = found[-1] if found else ""
        if extension in self.extensions or (ANY in self.extensions and extension not in DENIED_EXTENSIONS):
            self._check_other_readings(filename, found)
            return extension
        if not extension:
            raise ExtensionNotAllowed(f"The file's name has no extension; {self._choice()}.")
        raise ExtensionNotAllowed(f"Files named .{_shown(extension)} are not accepted; {self._choice()}.")

    def _check_other_readings(self, filename: str, found: tuple[str, ...]) -> None:
        """Refuse a name that somebody behind us might clean into a program's."""
        inside, last = other_readings(filename)
        for inner in sorted((inside | set(found[:-1])) & RUN_ANYWHERE - self.extensions):
            raise ExtensionNotAllowed(
                f"The file's name contains .{inner}, which web servers may run; rename it without that."
            )
        for hidden in sorted(last & (DENIED_EXTENSIONS | {CLASS_ID_SUFFIX}) - self.extensions):
            raise ExtensionNotAllowed(
                f"The file's name can be read as ending in .{hidden}, which is not accepted; rename it without that."
            )

    def _choice(self) -> str:
        named = sorted(self.extensions - {ANY, ""})
        if ANY in self.extensions or not 0 < len(named) <= _LONGEST_LIST:
            return "choose a file of another kind"
        return f"choose one of these: {', '.join(named)}"

    def _candidates(self, extension: str) -> list[Format]:
        """What a file of this extension may be by the operator's lists; empty for one that the table doesn't know."""
        rows = formats_of(extension)
        # `*` stands for harmless types; but who names an extension wants its files.
        is_named = extension in self.extensions
        candidates = [row for row in rows if self._allows(row.media_type, is_named=is_named)]
        if rows and not candidates:
            raise ContentTypeNotAllowed(
                f"Files of type {rows[0].media_type} are not accepted; choose a file of another kind."
            )
        return candidates

    def _allows(self, media_type: str, *, is_named: bool = False) -> bool:
        if media_type in self.media_types:
            return True
        if media_type in DENIED_MEDIA_TYPES and not is_named:
            return False
        return ANY in self.media_types or f"{media_type.partition('/')[0]}/*" in self.media_types

    def _check_declared(self, extension: str, candidates: list[Format], declared: str) -> None:
        if not declared or any(_agrees(row, declared) for row in candidates):
            return
        if not candidates:
            if declared in DENIED_MEDIA_TYPES and not self._allows(declared):
                raise ContentTypeNotAllowed(
                    f"Files of type {declared} are not accepted; choose a file of another kind."
                )
            return
        if not self._allows(declared):
            raise ContentTypeNotAllowed(
                f"Files declared as {declared} are not accepted; declare what the file is, or nothing."
            )
        raise ContentTypeMismatch(
            f"The file is named .{_shown(extension)}, but declared as {declared}; rename it or declare what it is."
        )

    def _judge_unknown(self, extension: str, declared: str, found: Detected, generic: str) -> str:
        """The verdict on a file whose name says nothing: no extension, or one that only the operator knows."""
        if found.media_type in DENIED_MEDIA_TYPES and not self._allows(found.media_type):
            # An extension of the deny-list that the operator names is meant to be a program.
            is_wanted = extension in self.extensions and extension in DENIED_EXTENSIONS
            if not is_wanted:
                raise ContentTypeNotAllowed(
                    f"The file's content is {found.media_type}, which is not accepted; choose another file."
                )
            return UNKNOWN
        _check_problem(found)
        is_telling = found.media_type not in {UNKNOWN, TEXT}
        if is_telling and is_known(declared) and family_of(declared) != family_of(found.media_type):
            raise ContentTypeMismatch(
                f"The file is declared as {declared}, but its content is {found.media_type};"
                " declare what it is, or nothing."
            )
        if not is_telling and declared and not is_known(declared) and declared in self.media_types:
            return declared
        if self._allows(generic):
            return generic
        if UNKNOWN in self.media_types:
            return UNKNOWN
        raise ContentTypeNotAllowed(f"The file's content is {generic}, which is not accepted; choose another file.")


def _listed(word: str) -> str:
    bare = word.strip().lower()
    if bare in {ANY, "*/*"}:
        return ANY
    media_type = bare if bare.endswith("/*") and bare[:-2].isalpha() else canonical(bare)
    if not media_type:
        raise ValueError(f"{word!r} is no media type such as image/png, image/* or *")
    return media_type


def _declared(declared_type: str | None) -> str:
    """The canonical declared type, empty where it says nothing."""
    media_type = canonical(declared_type or "")
    return "" if media_type in _UNDECLARED else media_type


def _check_problem(found: Detected) -> None:
    if found.problem:
        raise ContentTypeNotAllowed(f"The file's content is {found.media_type}, but {found.problem}.")


def _container(head: bytes, found: Detected) -> str:
    """The type that is known from the head on: what a container holds may show only at the end of the file."""
    if needs_tail(head):
        return ZIP if head.startswith(b"PK") else OLE
    return found.media_type


def _agrees(row: Format, declared: str) -> bool:
    """Whether a declared type is what this row's files are called by somebody."""
    if declared == row.media_type or declared in row.found_as or declared in row.declared_as:
        return True
    return row.family == "text" and family_of(declared) == "text"


def _fits(row: Format, found: Detected, head: bytes, extension: str, *, final: bool) -> bool:
    """Whether the bytes may be of this row."""
    media_type = found.media_type
    if media_type == row.media_type or media_type in row.found_as:
        return True
    if row.media_type == ZIP:  # an Office file renamed to .zip is an archive all the same; a JAR is a program
        return media_type == OPEN_DOCUMENT or family_of(media_type) == "zip"
    if not final and not found.is_settled:
        if media_type == ZIP:
            return row.family == "zip" or row.media_type in ZIP_PROGRAMS
        if media_type == OLE:
            return row.media_type == MSI or ENCRYPTED_OFFICE in row.found_as
    return media_type == HTML and extension in {"md", "markdown"} and is_harmless_fragment(head)


def _shown(extension: str) -> str:
    """The extension as an error may repeat it: ours by now, but never longer than any real one."""
    return extension[:_LONGEST_SHOWN_EXTENSION]
