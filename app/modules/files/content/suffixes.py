"""The suffixes of a file name, as the most careless program behind us would read them, and those never taken."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from app.modules.files.content.words import words

# Run on a double click or by being opened: what mail services refuse, and scripts for the usual shells.
_RUN_BY_DESKTOPS: Final = words(
    "ade adp apk app appref-ms application appx appxbundle bash bat cab chm class cmd com command cpl csh dll"
    " desktop diagcab dylib elf ex exe gadget hta inf ins isp jar jnlp js jse ksh lib lnk mde mjs msc msh msi msix"
    " msixbundle msp mst nsh pif ps1 ps1xml ps2 psc1 psd1 psm1 reg scf scr sct settingcontent-ms sh shb shs so sys"
    " tcsh url vb vbe vbs vxd war workflow ws wsc wsf wsh xll zsh"
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


def suffixes(filename: str) -> tuple[str, ...]:
    """All suffixes, last one last, lower-case and without dots: `a.PHP. .jpg` gives `("php", "jpg")`.

    Trailing dots and spaces and `::$DATA`, which Windows drops, don't hide one; nor do full-width letters,
    invisible characters or what follows a sign such as `;`, `:` or `~`.
    """
    name = re.split(r"[/\\]", filename)[-1]
    if stream := _STREAM.search(name):
        name = name[: stream.start()]
    name = unicodedata.normalize("NFKC", name)
    name = "".join(character for character in name if unicodedata.category(character) not in {"Cc", "Cf"}).casefold()
    found = (_WORD.match(part.strip()) for part in name.split(".")[1:])
    return tuple(word[0] for word in found if word)
