"""One log, console or JSON, for our own events and for those of libraries; no signature, token or key in any of it."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable
from typing import Final, Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

SECRET = re.compile(
    r"(?i)((?:x[-_]amz[-_](?:signature|credential|security[-_]token)|signature|awsaccesskeyid|policy)=)[^&\s\"']+"
    r"|(bearer\s+)[\w.~+/=-]+"
    r"|(://[^\s/:@]*:)[^\s/@]+(?=@)"
    # An API key may show its prefix, so that people can tell which one it was.
    r"|(?-i:(hf_[0-9A-Za-z]{8}_)[0-9A-Za-z]+)"
    # A JWT, wherever it was pasted.
    r"|(?-i:()\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)"
    # Buckets and keys: in the store's addresses and names, below a host or in front of it.
    r"|(https?://(?!sqlalche\.me)(?:[^\s/@\"'<>]+/))[^\s\"'<>)]+"
    r"|(https?://)[^\s/@.\"']+(?=\.s3[.-])"
    r"|(arn:aws[\w-]*:s3:::)[^\s\"']+"
    # An object's key ends in an id and a name.
    r"|()\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?:_[\w.-]+|\.[0-9A-Za-z]+)"
    # What PostgreSQL and its driver repeat of the values of a row.
    r"|(\bKey \([^)\n]*\)=|\bFailing row contains |invalid input for query argument \$\d+: )[^\n]+"
)
# However a name is spelt: url, X-Amz-Signature, jwt_secret, AWSAccessKeyId.
REDACTED_NAME = re.compile(
    r"(?i)(?:^|.*[_-])(?:authorization|signature|credential|policy|token|secret|password|key)|url|.*keyid"
)
# At DEBUG these print whole requests, signatures included.
TALKATIVE = ("botocore", "boto3", "s3transfer", "urllib3", "asyncio", "python_multipart")

HIDDEN_FROM_CHARACTERS: Final = 8
MAY_BE_A_WORD: Final = re.compile(r"[a-z][a-z.-]*")
_hidden: dict[str, re.Pattern[str]] = {}


def hide(values: Iterable[str]) -> None:
    """From now on no log line of this process shows these: secrets of the settings, the bucket's name.

    One of fewer than 8 characters is left out, and one that may be a word, as a bucket's name may be, is found as
    a whole word only: else it would be taken out of paths and other words.
    """
    for value in values:
        if len(value) >= HIDDEN_FROM_CHARACTERS:
            found = re.escape(value)
            _hidden[value] = re.compile(rf"(?<![\w/.-]){found}(?![\w/-])" if MAY_BE_A_WORD.fullmatch(value) else found)


def redact(value: object) -> object:
    """The same value without signatures, tokens and passwords, at any depth; strange objects as their text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return _without_hidden(SECRET.sub(lambda match: f"{match[match.lastindex or 0]}[redacted]", value))
    if isinstance(value, dict):
        return {
            redact(name): "[redacted]" if REDACTED_NAME.fullmatch(str(name)) else redact(item)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact(item) for item in value]
    return redact(repr(value))


def _without_hidden(text: str) -> str:
    # A handful of values: looking for each is quicker than one pattern that is made anew.
    for value, pattern in tuple(_hidden.items()):
        if value in text:
            text = pattern.sub("[redacted]", text)
    return text


def _drop_colours(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Uvicorn sends each message a second time with terminal colours."""
    event.pop("color_message", None)
    return event


def _redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    redacted = redact(event)
    return redacted if isinstance(redacted, dict) else event


def configure_logging(level: str, form: Literal["console", "json"]) -> None:
    """Send everything to standard error in one form.

    Args:
        level: the lowest level written, such as `INFO`.
        form: `console` for people, `json` for machines: one object a line.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        _drop_colours,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    # Tracebacks become text before redaction, so that an address inside an exception is caught too.
    last: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        _redact_event,
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.INFO, root.level))
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
