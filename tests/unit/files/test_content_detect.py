"""What bytes are found to be, whatever they are called (cases 64-71, 95)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.modules.files.content import HEAD_BYTES, TAIL_BYTES, detect, libmagic, needs_tail
from app.modules.files.content.detect import EMPTY
from tests import samples
from tests.samples import SAMPLES

ROOT = Path(__file__).parents[3]
DOCX = SAMPLES["letter.docx"][0]


def verdict(content: bytes) -> str:
    tail = content[-TAIL_BYTES:] if needs_tail(content[:HEAD_BYTES]) else None
    return detect(content[:HEAD_BYTES], tail=tail, size=len(content)).media_type


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_found_to_be_what_it_is(name):
    """Cases 64 to 68."""
    expected, content = SAMPLES[name]
    assert verdict(content) == expected


SECOND_LIBRARY = """
import json, sys
sys.modules["pylibmagic"] = None  # not installed: python-magic takes the system's libmagic
from app.modules.files.content import HEAD_BYTES, TAIL_BYTES, detect, libmagic
from tests.samples import SAMPLES
found = {n: detect(c[:HEAD_BYTES], tail=c[-TAIL_BYTES:], size=len(c)).media_type for n, (_, c) in SAMPLES.items()}
json.dump({"version": libmagic.version(), "found": found}, sys.stdout)
"""


def test_another_version_of_libmagic_comes_to_the_same_verdicts():
    """Cases 64 and 71: the system's library stands in where there is no wheel, and nothing changes."""
    run = subprocess.run([sys.executable, "-c", SECOND_LIBRARY], capture_output=True, text=True, check=False, cwd=ROOT)
    if "ImportError" in run.stderr:
        pytest.skip("this machine has no second libmagic")
    answer = json.loads(run.stdout)
    if answer["version"] == libmagic.version():
        pytest.skip("this machine's libmagic is the same version")
    assert answer["found"] == {name: expected for name, (expected, _) in SAMPLES.items()}


def test_without_any_libmagic_the_message_says_what_to_install():
    """Case 71."""
    script = (
        "import sys, ctypes, ctypes.util\nsys.modules['pylibmagic'] = None\n"
        "ctypes.util.find_library = lambda name: None\n"
        "def refuse(*_a, **_k): raise OSError\n"
        "ctypes.CDLL.__init__ = refuse\nimport app.modules.files.content.libmagic"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ROOT)
    assert "pip install pylibmagic" in run.stderr
    assert "apt-get install libmagic1" in run.stderr


def test_children_inherit_nothing_of_the_bundled_library():
    assert "pylibmagic" not in str(dict(os.environ))


def test_eight_threads_get_the_verdicts_of_one():
    """Case 70: every thread has a libmagic handle of its own."""
    content = [(expected, body[:HEAD_BYTES]) for name, (expected, body) in SAMPLES.items() if name != "big.zip"] * 3

    def run(_: int) -> tuple[int, list[str]]:
        wrong = [expected for expected, head in content if verdict(head) != expected]
        libmagic.guess(samples.png())
        return id(libmagic._own.sniffer), wrong

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(run, range(16)))
    assert all(not wrong for _, wrong in answers)
    assert len({handle for handle, _ in answers}) > 1


def test_internal_limits_of_libmagic_are_no_error(monkeypatch):
    class Odd:
        def from_buffer(self, _head):
            raise libmagic.magic.MagicException("recursion limit 50 exceeded")

    monkeypatch.setattr(libmagic._own, "sniffer", Odd(), raising=False)
    assert libmagic.guess(b"\xff\x00") == "application/octet-stream"


def test_libmagic_has_no_say_in_what_is_text(monkeypatch):
    """Case 65: its names for text differ from version to version, and it is wrong about much of it."""
    monkeypatch.setattr(libmagic, "guess", lambda _head: "text/x-perl")
    assert detect(b"\xff\x01\x00").media_type == "application/octet-stream"
    assert detect("é\n".encode("latin-1")).media_type == "text/plain"


def test_no_bytes_are_an_empty_file():
    """Case 69."""
    assert detect(b"").media_type == EMPTY


# --- ZIP


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (samples.docx(properties_first=True), DOCX),
        (samples.docx("word/embeddings/table.xlsx", "xl/stray.txt"), DOCX),
        (samples.docx().replace(b"word/document.xml", b"word\\document.xml"), DOCX),
        (samples.plain_zip("word/document.xml", "a.txt"), "application/zip"),
        (samples.plain_zip("project/[Content_Types].xml", "project/word/document.xml"), "application/zip"),
        (samples.zip64("[Content_Types].xml", "word/document.xml"), DOCX),
        (samples.docx("META-INF/MANIFEST.MF"), "application/java-archive"),
        (samples.many_entries_zip(first=("[Content_Types].xml", "_rels/.rels", "word/document.xml")), DOCX),
        (samples.self_declaring_zip("text/html", "a"), "application/zip"),
        (samples.self_declaring_zip(f"{samples.ODF}.text", "a"), f"{samples.ODF}.text"),
        (samples.odt(method=8), samples.ODF),
        (b"PK\x03\x04", "application/zip"),
        (b"PK\x03\x04" + bytes(26) + b"PK\x05\x06", "application/zip"),
    ],
)
def test_zip_containers_are_told_apart_by_the_names_inside(content, expected):
    """Case 64."""
    assert verdict(content) == expected


def test_a_directory_wholly_behind_the_tail_is_completed_from_both_ends():
    """Case 64: 300 KB of directory, of which the last 128 KiB are seen; the Office names stand in its first part."""
    content = samples.many_entries_zip(6_000, first=("[Content_Types].xml", "_rels/.rels", "ppt/presentation.xml"))
    assert verdict(content) == SAMPLES["talk.pptx"][0]


def test_before_the_tail_a_zip_is_not_settled():
    head = samples.docx().ljust(HEAD_BYTES + 1, b"\x00")[:HEAD_BYTES]
    found = detect(head, size=10_000_000)
    assert (found.is_settled, found.media_type) == (False, DOCX)
    assert needs_tail(head)
    assert not needs_tail(samples.pdf())


def test_a_small_zip_is_settled_by_its_head_alone():
    assert detect(samples.docm()).is_settled
    assert detect(samples.docm()).media_type == SAMPLES["macro.docm"][0]


def test_bombs_are_never_unpacked():
    """Case 95."""
    bomb = samples.zip_bomb()
    tracemalloc.start()
    started = time.perf_counter()
    assert verdict(bomb) == "application/zip"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert time.perf_counter() - started < 0.5
    assert peak < 4 << 20


@pytest.mark.parametrize(
    "tail",
    [
        b"PK\x01\x02" * 32_700 + b"PK\x05\x06" + bytes(18),
        b"PK\x05\x06" * 32_768,
        (b"PK\x01\x02" + bytes(42)) * 2_848 + b"PK\x05\x06" + bytes(8) + b"\xff\xff\xff\x7f" + bytes(6),
        (b"PK\x01\x02" + bytes(42)) * 2_848 + b"!PK\x05\x06" + bytes(8) + b"\xff\xff\xff\x7f" + bytes(6),
        b"PK\x06\x06" * 30_000 + b"PK\x06\x07" + bytes(16) + b"PK\x05\x06" + bytes(8) + b"\xff" * 4 + bytes(6),
    ],
)
def test_forged_directories_cost_little(tail):
    """Case 95."""
    started = time.perf_counter()
    assert detect(b"PK\x03\x04" + bytes(100), tail=tail, size=10**9).media_type == "application/zip"
    assert time.perf_counter() - started < 0.5


# --- OLE


def test_an_embedded_sheet_does_not_make_a_letter_a_sheet():
    """Case 64: only what lies in the root counts."""
    assert verdict(samples.ole("WordDocument", nested=("Workbook",))) == "application/msword"
    assert verdict(samples.ole("Contents", nested=("WordDocument",))) == "application/x-ole-storage"


def test_an_ole_directory_at_the_end_is_read_from_the_tail():
    content = samples.doc(padding_sectors=2_000)
    head = content[:HEAD_BYTES]
    assert needs_tail(head)
    assert not detect(head, size=len(content)).is_settled
    assert verdict(content) == "application/msword"
    assert detect(head, tail=b"\xff" * 4_096, size=len(content)).media_type == "application/x-ole-storage"


def test_broken_ole_files_are_just_ole_storage():
    whole = samples.doc()
    looping = whole[:512] + bytes(128 * 4) + whole[1024:]
    sibling_of_itself = whole[: 1024 + 128 + 72] + b"\x01\x00\x00\x00" + whole[1024 + 128 + 76 :]
    for content in (
        sibling_of_itself,
        whole[:8],
        whole[:400],
        whole[:700],
        whole[:30] + b"\xff\xff" + whole[32:600],
        looping,
    ):
        assert verdict(content) in {"application/x-ole-storage", "application/msword"}


def test_a_typical_head_takes_less_than_two_milliseconds():
    heads = [content[:8192] for _, content in SAMPLES.values()]
    for head in heads:
        detect(head)
    started = time.perf_counter()
    for head in heads:
        detect(head)
    assert (time.perf_counter() - started) / len(heads) < 0.002


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_damaged_files_get_some_verdict(name, data):
    """Case 95: whatever is cut off or overwritten, there is an answer and no error."""
    content = bytearray(SAMPLES[name][1][:20_000])
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + 4] = data.draw(st.sampled_from([b"\xff" * 4, bytes(4), b"PK\x05\x06", b"\xfe\xff\xff\xff"]))
    end = data.draw(st.integers(1, len(content)))
    whole = bytes(content[:end])
    size = data.draw(st.sampled_from([None, len(whole), 10**12, 1]))
    assert "/" in detect(whole, tail=data.draw(st.sampled_from([None, whole, whole[-30:]])), size=size).media_type
