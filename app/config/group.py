"""Variables of one prefix, read together, with errors that name them."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ENV_FILE = ".env"


class ConfigurationError(Exception):
    """A setting is missing or wrong; the message names the variable and says what would be right."""


def group_of(prefix: str) -> SettingsConfigDict:
    """How a group is read whose variables begin with `prefix`."""
    return SettingsConfigDict(env_prefix=prefix, env_file=ENV_FILE, extra="ignore", frozen=True)


class SettingsGroup(BaseSettings):
    """Variables of one prefix. An empty one counts as unset, as people leave them in `.env` files."""

    meant_empty: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def from_environment(cls) -> Self:
        """Read this group alone, for commands that need no other.

        Raises:
            ConfigurationError: as of `Settings.from_environment`.
        """
        try:
            return cls()
        except ValidationError as error:
            raise ConfigurationError(
                "\n".join(readable(error, prefix=cls.model_config.get("env_prefix", "")))
            ) from error

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in values.items() if value != "" or name in cls.meant_empty}


def readable(error: ValidationError, *, prefix: str) -> list[str]:
    """One line a variable: its name and what would be right."""
    lines = []
    for item in error.errors(include_input=False, include_url=False):
        message = item["msg"].removeprefix("Value error, ")
        if item["loc"]:
            variable = f"{prefix}{item['loc'][0]}".upper()
            lines.append(f"{variable} is not set" if item["type"] == "missing" else f"{variable}: {message}")
        else:
            lines.append(message)
    return lines
