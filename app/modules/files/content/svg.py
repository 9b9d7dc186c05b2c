"""Whether text is an SVG document that an XML parser takes: its root element, without entities."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import XMLParser

_NAMES: Final = frozenset({"svg", "{http://www.w3.org/2000/svg}svg"})


class _RootSeenError(Exception):
    """Ends the parsing at the first element: nothing below it is looked at."""


class _Root:
    name = ""

    def start(self, tag: str, _attributes: dict[str, str]) -> None:
        self.name = tag
        raise _RootSeenError

    def close(self) -> None:
        """Wanted by the parser."""


def problem(text: str) -> str | None:
    """Why text that begins like an SVG isn't one that can be stored, as the end of a sentence; None if it is.

    Entities are refused in any form, so that no parser further on can be made to expand them.
    """
    root = _Root()
    parser = XMLParser(target=root, encoding="utf-8", forbid_dtd=False, forbid_entities=True, forbid_external=True)
    try:
        parser.feed(text.encode())
        parser.close()
    except _RootSeenError:
        return None if root.name in _NAMES else "its root element isn't <svg>"
    except DefusedXmlException:
        return "it declares entities; save it as plain SVG"
    except (ParseError, ValueError, LookupError):
        return "it isn't well-formed; save it again from a drawing program"
    return "it ends before its root element"
