"""The table of framings in docs/security.md is the one that the battery asserts."""

from __future__ import annotations

from tests.attacks.framing_answers import expected
from tests.attacks.framing_inputs import CASES
from tests.attacks.framing_page import SECURITY_PAGE, SERVERS, table


def test_the_table_of_the_security_page_is_what_was_found():
    answers = {server: {case.name: expected(case, server) for case in CASES} for server in SERVERS}
    assert table(answers) in SECURITY_PAGE.read_text()


def test_every_input_has_a_name_of_its_own():
    assert len({case.name for case in CASES}) == len(CASES)
