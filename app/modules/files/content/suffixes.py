"""The suffixes of a file name, as the most careless program behind us would read them, and those never taken."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from anyascii import anyascii

from app.modules.files.content.words import words

# Run on a double click or by being opened: what mail services refuse, and scripts for the usual shells.
_RUN_BY_DESKTOPS: Final = words(
    "ade adp air apk app appimage appref-ms application appx appxbundle bash bat cab chm class cmd com command cpl crx"
    " csh deb desktop dex diagcab dll dylib elf ex exe gadget hta inf ins ipa isp jar jnlp js jse ksh lib lnk mde mjs"
    " msc msh msi msix msixbundle msp mst nsh pif pkg ps1 ps1xml ps2 psc1 psd1 psm1 pyc pyo pyw pyz reg rpm scf scr sct"
    " settingcontent-ms sh shb shs so sys tcsh url vb vbe vbs vsix vxd war wasm workflow ws wsc wsf wsh xll xpi zsh"
)
# Run in the reader's browser, on the origin that serves them.
_RUN_BY_BROWSERS: Final = words("htm html mht mhtml shtm shtml svg svgz swf xht xhtml xsl xslt")
_SERVER_SETTINGS: Final = frozenset({"htaccess", "htpasswd"})
_RUN_BY_SERVERS: Final = words("ashx asa asax ascx asmx asp aspx cer cfm cfml jhtml jsp jspf jspx pl rb")
# Apache (AddHandler, AddOutputFilter) acts on these wherever in a name they stand: `a.php.jpg` is PHP to it. That
# is why these, and only these, are refused inside a name too: nothing runs `holiday.com.pdf`, `setup.exe.zip`,
# `Pro.ASP.NET.pdf` or `jquery.min.js.txt` by a suffix in the middle.
RUN_ANYWHERE: Final = words("cgi fcgi phar php php3 php4 php5 php6 php7 php8 phps pht phtm phtml pgif shtm shtml")
DENIED_EXTENSIONS: Final = _RUN_BY_DESKTOPS | _RUN_BY_BROWSERS | _SERVER_SETTINGS | _RUN_BY_SERVERS | RUN_ANYWHERE

_STREAM: Final = re.compile(r":[^:/\\]*:\$[a-z]+", re.IGNORECASE)
_WORD: Final = re.compile(r"[^\W_][\w+-]*")
_ODD: Final = re.compile(r"[\W_]+")
_ODD_OR_FOREIGN: Final = re.compile(r"[^0-9a-z]+")
# Windows opens a file by the class that such a suffix names, and hides the suffix.
_CLASS_ID: Final = re.compile(r"\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}")
CLASS_ID_SUFFIX: Final = "{class id}"
# A name ends here for Windows, where a stream's name follows, and for old servers; people write a space behind them.
_END_OF_NAME: Final = re.compile(r"[:;](?!\s)")


def suffixes(filename: str) -> tuple[str, ...]:
    """All suffixes, last one last, lower-case and without dots: `a.PHP. .jpg` gives `("php", "jpg")`.

    Trailing dots and spaces and `::$DATA`, which Windows drops, don't hide one; nor do full-width letters,
    invisible characters, signs in front (`_exe`), or what follows a sign such as `;`, `:` or `~`.
    """
    found = (_WORD.search(part) for part in _plain(_last_part(filename)).split(".")[1:])
    return tuple(word[0] for word in found if word)


def other_readings(filename: str) -> tuple[frozenset[str], frozenset[str]]:
    """What programs that clean names may take for suffixes: those inside the name, and those that may be its last.

    They drop signs (`$e_x-e`), drop or spell out what isn't ASCII (`b\u0301at`), take other dots for dots, and end
    a name at `:` or `;`. Our own object keys and the ASCII names of downloads are such readings.
    """
    name = _last_part(filename)
    inner: set[str] = set()
    last: set[str] = set()
    for text in _readings(name):
        for odd in (_ODD, _ODD_OR_FOREIGN):
            found = _squeezed(text, odd)
            inner.update(found)
            last.update(found[-1:])
        if _CLASS_ID.search(text.rpartition(".")[2]):
            last.add(CLASS_ID_SUFFIX)
    if end := _END_OF_NAME.search(name):
        for text in _readings(name[: end.start()]):
            last.update(_squeezed(text, _ODD)[-1:])
    return frozenset(inner), frozenset(last)


def _readings(name: str) -> set[str]:
    if name.isascii():
        return {name.casefold()}
    return {_plain(name), anyascii(name).casefold(), unicodedata.normalize("NFKD", name).casefold()}


def _squeezed(text: str, odd: re.Pattern[str]) -> list[str]:
    """The suffixes of a text without odd characters; those of which nothing is left are none."""
    return [word for part in text.split(".")[1:] if (word := odd.sub("", part))]


def _last_part(filename: str) -> str:
    name = re.split(r"[/\\]", filename)[-1]
    stream = _STREAM.search(name)
    return name[: stream.start()] if stream else name


def _plain(name: str) -> str:
    """Compatible forms made one, without marks and what can't be seen, lower-case."""
    visible = (
        character
        for character in unicodedata.normalize("NFKC", name)
        if unicodedata.category(character)[0] != "M" and unicodedata.category(character) not in {"Cc", "Cf"}
    )
    return "".join(visible).casefold()
