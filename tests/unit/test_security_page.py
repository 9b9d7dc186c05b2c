"""The security page holds what it says: every file and test that it names is there, and no requirement is left out."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("SECURITY.md", "docs/security.md")
# So many requirements has each section of ASVS 5.0.0 that the page goes through as a whole.
SECTIONS = {
    "2.1": 3, "2.2": 3, "2.3": 5, "2.4": 2, "4.1": 5, "4.2": 5, "4.3": 2, "4.4": 4, "5.1": 1, "5.2": 6, "5.3": 3,
    "5.4": 3, "6.1": 3, "6.2": 12, "6.3": 8, "6.4": 6, "6.5": 8, "6.6": 4, "6.7": 2, "6.8": 4, "8.1": 4, "8.2": 4,
    "8.3": 3, "8.4": 2, "9.1": 3, "9.2": 4, "10.3": 5, "12.1": 5, "12.2": 2, "12.3": 5, "13.1": 4, "13.2": 6,
    "13.3": 4, "13.4": 7, "16.1": 1, "16.2": 5, "16.3": 4, "16.4": 3, "16.5": 4,
}  # fmt: skip
# What may stand where no test is named.
REASONS = {"reading", "deployer", "not applicable", "not met"}
ROW = re.compile(r"\| (?P<numbers>\d[\d.]+(?:(?:, | to )\d[\d.]+)*) · L[123] [^|]+\|[^|]*\|(?P<shown>[^|]*)\|[^|]*\|")
TEST = re.compile(r"`(test_\w+\.py)::(test_\w+)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
CODE = re.compile(r"`([\w.-]+/[\w./-]*|[\w./-]+\.py)`")


def parsed(number: str) -> tuple[int, ...]:
    return tuple(map(int, number.split(".")))


REQUIREMENTS = sorted((*parsed(name), number) for name, count in SECTIONS.items() for number in range(1, count + 1))


def text_of(page: str) -> str:
    return (ROOT / page).read_text()


def rows() -> list[re.Match[str]]:
    return [row for line in text_of("docs/security.md").splitlines() if (row := ROW.fullmatch(line))]


def requirements_of(row: re.Match[str]) -> list[tuple[int, ...]]:
    """All that a row is about: `6.2.1 to 6.2.3` means each of them."""
    found = []
    for part in row["numbers"].split(", "):
        first, *last = map(parsed, part.split(" to "))
        found += [each for each in REQUIREMENTS if first <= each <= last[0]] if last else [first]
    return found


@cache
def functions_of(name: str) -> frozenset[str]:
    """Those of the one file of that name."""
    [path] = (ROOT / "tests").rglob(name)
    return frozenset(re.findall(r"^(?:async )?def (test_\w+)\(", path.read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_is_named_is_there(page):
    assert [f"{file}::{test}" for file, test in TEST.findall(text_of(page)) if test not in functions_of(file)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_named_is_there(page):
    text = text_of(page)
    named = [ROOT / path for path in CODE.findall(text)] + [(ROOT / page).parent / link for link in LINK.findall(text)]
    assert named
    assert [str(path) for path in named if not path.exists()] == []


def test_every_row_of_the_tables_is_read():
    assert len(rows()) == len(re.findall(r"^\| \d", text_of("docs/security.md"), re.MULTILINE))


def test_every_requirement_of_the_chapters_has_one_row():
    listed = [each for row in rows() for each in requirements_of(row)]
    assert [each for each in listed if listed.count(each) > 1] == []
    assert sorted(each for each in listed if f"{each[0]}.{each[1]}" in SECTIONS) == REQUIREMENTS


def test_a_row_names_a_test_or_says_why_there_is_none():
    unshown = [row for row in rows() if not TEST.search(row["shown"])]
    assert [row["numbers"] for row in unshown if row["shown"].strip().partition(":")[0] not in REASONS] == []
