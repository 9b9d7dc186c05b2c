"""Which account and which programs PostgreSQL runs with, as far as that can be told without starting it."""

from __future__ import annotations

import os
import pwd

import pytest

from app.embedded import postgres_home
from app.embedded.exceptions import EmbeddedError, PartMissingError


def test_a_missing_wheel_says_what_to_do(monkeypatch):
    monkeypatch.setattr(postgres_home, "PACKAGE", "no_such_wheel")

    with pytest.raises(PartMissingError, match="`make install`, or set DATABASE_URL"):
        postgres_home.installed_programs()


def test_the_account_that_was_made_for_postgresql_comes_first(monkeypatch):
    """The account file usually lists nobody first."""
    monkeypatch.setattr(pwd, "getpwnam", lambda name: pwd.struct_passwd((name, "x", 101, 104, "", "/", "/bin/sh")))

    assert postgres_home._account().pw_name == "postgres"


def test_a_machine_without_those_accounts_is_told_so(monkeypatch):
    def unknown(name: str) -> pwd.struct_passwd:
        raise KeyError(name)

    monkeypatch.setattr(pwd, "getpwnam", unknown)

    with pytest.raises(EmbeddedError, match="no account postgres or nobody"):
        postgres_home._account()


def test_data_made_by_another_kind_of_user_is_not_touched(tmp_path, monkeypatch):
    (tmp_path / "postgres").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    with pytest.raises(EmbeddedError, match="run as that user, or choose another DATA_DIR"):
        postgres_home.postgres_home(tmp_path, {"method": "user", "folder": "", "uid": None, "gid": None})
