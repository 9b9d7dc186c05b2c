"""Object keys (cases 18, 19, 41)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.modules.files.exceptions import InvalidFilename, InvalidFolder
from app.modules.files.keys import build_key
from app.modules.files.names import clean_filename, clean_folder

ID = UUID("5f0c2f6e-1111-4222-8333-444455556666")
NOW = datetime(2025, 1, 15, 14, 30, 22, tzinfo=UTC)
DATES = "{year}/{month}/{day}"


def key(filename: str = "document.pdf", **changes) -> str:
    return build_key(**{
        "prefix": "", "folder": "", "filename": filename, "object_id": ID, "now": NOW, "structure": DATES,
        "use_uuid_prefix": True, "preserve_filename": True,
    } | changes)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, f"2025/01/15/{ID}_document.pdf"),
        ({"use_uuid_prefix": False}, "2025/01/15/20250115_143022_document.pdf"),
        ({"preserve_filename": False}, f"2025/01/15/{ID}.pdf"),
        ({"preserve_filename": False, "use_uuid_prefix": False}, f"2025/01/15/{ID}.pdf"),
        ({"folder": "documents/2026"}, f"documents/2026/2025/01/15/{ID}_document.pdf"),
        ({"structure": ""}, f"{ID}_document.pdf"),
        ({"structure": "{year}-{month}/h{hour}"}, f"2025-01/h14/{ID}_document.pdf"),
        ({"prefix": "tenants/acme/"}, f"tenants/acme/2025/01/15/{ID}_document.pdf"),
        ({"use_uuid_prefix": False, "collision": "0a1b2c3d"}, "2025/01/15/20250115_143022_document-0a1b2c3d.pdf"),
        ({"filename": "README", "collision": "0a1b2c3d"}, f"2025/01/15/{ID}_README-0a1b2c3d"),
        ({"filename": "a.tar.gz", "structure": ""}, f"{ID}_a.tar.gz"),
        ({"filename": ".gitignore", "structure": ""}, f"{ID}.gitignore"),
        ({"filename": 'Ünïcode "quoted" 文件.pdf', "structure": ""}, f"{ID}_Unicode_quoted_WenJian.pdf"),
        ({"filename": "Q3 résumé.pdf", "structure": ""}, f"{ID}_Q3_resume.pdf"),
        ({"filename": "a+b#c?d&e%2f.txt", "structure": ""}, f"{ID}_a_b_c_d_e_2f.txt"),
        ({"filename": "a..b...c.txt", "structure": ""}, f"{ID}_a.b.c.txt"),
        ({"filename": "½.txt", "structure": ""}, f"{ID}_1_2.txt"),
        ({"folder": ".holdfast/probe", "structure": ""}, f"holdfast/probe/{ID}_document.pdf"),
        ({"folder": ".hidden/a..b/My Files", "structure": ""}, f"hidden/a.b/My_Files/{ID}_document.pdf"),
        ({"now": NOW.astimezone(timezone(timedelta(hours=14)))}, f"2025/01/15/{ID}_document.pdf"),
    ],
)
def test_keys_are_built_as_the_settings_say(changes, expected):
    """Cases 18 and 19."""
    assert key(**changes) == expected


def test_a_key_that_would_be_too_long_loses_its_name_first_and_its_folder_next():
    """Case 41: 1,024 bytes; extension, id and suffix stay."""
    long_name, long_folder = "文" * 80 + ".pdf", "/".join(["ℵ文文文文文文文文文"] * 16)
    for changes in ({}, {"collision": "0a1b2c3d"}, {"prefix": "p" * 900 + "/"}, {"preserve_filename": False}):
        built = key(long_name, folder=long_folder, **changes)
        ending = f"-{changes['collision']}.pdf" if "collision" in changes else ".pdf"
        assert len(built) <= 1024
        assert str(ID) in built
        assert built.endswith(ending)
        assert "2025/01/15/" in built
    with pytest.raises(ValueError, match="too long"):
        key(prefix="p" * 1000 + "/")


@pytest.mark.parametrize("more", range(4))
def test_a_folder_is_never_cut_to_end_in_a_dot(more):
    """Case 19."""
    built = key(folder="a." * 60 + "a/b", prefix="p" * (900 + more) + "/")
    assert "./" not in built
    assert "//" not in built


def test_the_extension_in_a_key_is_short_and_plain():
    assert key("a.p d%f", structure="") == f"{ID}_a.pdf"
    assert key("a." + "x" * 200, structure="") == f"{ID}_a." + "x" * 16


@settings(max_examples=500, deadline=None)
@given(
    st.text(max_size=300),
    st.text(st.characters(categories=["L", "Nd"]) | st.sampled_from("/ ._-"), max_size=200),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", "0a1b2c3d"]),
)
@example("...a....b", ".holdfast/x", True, True, "")  # noqa: FBT003 -- hypothesis takes them by position
def test_no_name_and_folder_give_a_key_that_clients_would_rewrite(filename, folder, uuid_prefix, preserve, collision):
    """Cases 18 and 19: `..`, `./` and `//` make presigned URLs fail."""
    try:
        filename, folder = clean_filename(filename), clean_folder(folder)
    except (InvalidFilename, InvalidFolder):
        return
    built = key(
        filename,
        folder=folder,
        prefix="pre/",
        use_uuid_prefix=uuid_prefix,
        preserve_filename=preserve,
        collision=collision or None,
    )
    assert re.fullmatch(r"[A-Za-z0-9/_.-]{1,1024}", built)
    assert ".." not in built
    assert "./" not in built
    assert "//" not in built
    assert not any(segment.startswith(".") or not segment for segment in built.split("/"))
    assert not built.startswith("pre/.holdfast/")
