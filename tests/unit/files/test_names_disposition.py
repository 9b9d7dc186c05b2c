"""The header that names a download (cases 20 and 57)."""

from __future__ import annotations

import re
from email.message import Message
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.modules.files.disposition import content_disposition


def parsed_back(value: str) -> str | None:
    """The name as RFC 6266 wants it read: by `filename*` alone, which the standard library's parser then decodes."""
    message = Message()
    message["Content-Disposition"] = re.sub(r'filename="[^"]*"; ', "", value)
    return message.get_filename()


@pytest.mark.parametrize(
    ("filename", "value"),
    [
        ("report.pdf", "attachment; filename=\"report.pdf\"; filename*=UTF-8''report.pdf"),
        ("Q3 résumé.pdf", "attachment; filename=\"Q3 resume.pdf\"; filename*=UTF-8''Q3%20r%C3%A9sum%C3%A9.pdf"),
        ("€.txt", "attachment; filename=\"EUR.txt\"; filename*=UTF-8''%E2%82%AC.txt"),
        ('a"b\\c/d.txt', "attachment; filename=\"a_b_c_d.txt\"; filename*=UTF-8''a%22b%5Cc%2Fd.txt"),
        ("100%41.txt", "attachment; filename=\"100_41.txt\"; filename*=UTF-8''100%2541.txt"),
        ("a\r\nX-Evil: 1.txt", "attachment; filename=\"a_X-Evil_ 1.txt\"; filename*=UTF-8''a%0D%0AX-Evil%3A%201.txt"),
        ("a.txt.\u0301bat", "attachment; filename=\"a.txt.bat_\"; filename*=UTF-8''a.txt.%CC%81bat"),
        ("a.bat.\u0301", "attachment; filename=\"a.bat._\"; filename*=UTF-8''a.bat.%CC%81"),
        (".txt", "attachment; filename=\"download.txt\"; filename*=UTF-8''.txt"),
    ],
)
def test_old_clients_get_a_plain_name_and_new_ones_the_true_one(filename, value):
    """Cases 20 and 57."""
    assert content_disposition(filename, attachment=True) == value


def test_what_may_be_shown_is_inline():
    assert content_disposition("a.png", attachment=False).startswith("inline; ")


@settings(max_examples=500, deadline=None)
@given(st.text(min_size=1, max_size=255), st.booleans())
def test_any_name_gives_one_line_of_printable_ascii_that_reads_back(filename, attachment):
    """Cases 20 and 57."""
    value = content_disposition(filename, attachment=attachment)
    assert re.fullmatch(r"""(inline|attachment); filename="[ !#-~]+"; filename\*=UTF-8''[A-Za-z0-9_.~%-]*""", value)
    assert value.count('"') == 2
    assert "\\" not in value
    whole = filename.encode("utf-8", errors="replace").decode()
    assert unquote(value.rpartition("''")[2]) == whole


@pytest.mark.parametrize(
    "filename", ["plain.pdf", 'Ünïcode "quoted" 文件.pdf', "a;b=c,d'e.txt", "x%0D%0Ay.txt", "👩\u200d👧 .png"]
)
def test_the_standard_library_reads_the_name_back(filename):
    """Case 20."""
    assert parsed_back(content_disposition(filename, attachment=True)) == filename
