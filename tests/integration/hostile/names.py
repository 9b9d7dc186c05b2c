"""Hostile names and folders, and what becomes of each: the name that is kept, or the code of the refusal."""

from __future__ import annotations

# The doors that take JSON, where text that can't be stored is refused instead of cleaned (case 77).
BY_JSON = ("create", "sign", "sign_short", "patch", "copy")
TYPE = "extension_not_allowed"
NAME = "invalid_filename"
FOLDER = "invalid_folder"
WRONG = "validation_error"


def but(kept: str, **doors: str) -> dict[str, str]:
    """The answer of every door, and those that differ; `json` stands for all doors that take JSON."""
    if "json" in doors:
        doors |= dict.fromkeys(BY_JSON, doors.pop("json"))
    return {"": kept} | doors


# Every one of them ends in .txt where it may be kept, since the bytes are text.
NAMES = {
    # Paths: only the last part is a name. A slash in the path of a raw upload is refused, since it means a folder.
    "../../etc/passwd.txt": but("passwd.txt", raw=NAME),
    "/etc/cron.d/a.txt": but("a.txt", raw=NAME),
    "a/../../b.txt": but("b.txt", raw=NAME),
    "file:///etc/a.txt": but("a.txt", raw=NAME),
    "..\\..\\windows\\a.txt": but("a.txt"),
    "C:\\Users\\ann\\a.txt": but("a.txt"),
    "\\\\host\\share\\a.txt": but("a.txt"),
    "a.txt/": but(NAME),
    "a.txt\\": but(NAME),
    # Decoded once, and no more.
    "%2e%2e%2fa.txt": but("%2e%2e%2fa.txt"),
    "..%5c..%5ca.txt": but("..%5c..%5ca.txt"),
    "%252e%252e%252fa.txt": but("%252e%252e%252fa.txt"),
    "a%00.txt": but("a%00.txt"),
    "a%0d%0ab.txt": but("a%0d%0ab.txt", form="ab.txt"),  # the escapes of browsers
    # Control characters, and what would end a header.
    "a\0.txt": but("a.txt", json=WRONG),
    "a.txt\0.exe": but(TYPE, json=WRONG),
    "a.php\0.txt": but(TYPE, json=WRONG),
    "line\r\nSet-Cookie: a=b.txt": but("lineSet-Cookie: a=b.txt"),
    'a"; filename="b.exe.txt': but('a"; filename="b.exe.txt'),
    "a\x1b[31mred.txt": but("a[31mred.txt"),
    "\x7f\x85\x9fa.txt": but("a.txt"),
    "a.txt\n": but("a.txt"),
    # What the eye doesn't see.
    "invoice\u202etxt.exe": but(TYPE),
    "invoice\u202eexe.txt": but("invoiceexe.txt"),
    "\u2066a\u2069\u200e\u200f.txt": but("a.txt"),
    "\ufeffa\u200b\u2060.txt": but("a.txt"),
    "a.txt\u200d": but("a.txt"),
    "a\u2028b\u2029.txt": but("ab.txt"),
    "a\ufffe\ufdd0.txt": but("a.txt"),
    "\ud800.txt": but(WRONG, raw="\ufffd\ufffd\ufffd.txt"),
    "re\u0301sume\u0301.txt": but("résumé.txt"),
    # What Windows would make of it.
    "CON.txt": but("_CON.txt"),
    "aux .txt": but("_aux .txt"),
    "com1.tar.txt": but("_com1.tar.txt"),
    "nul": but(TYPE),
    "a.txt. . .": but("a.txt"),
    "a.exe. . .": but(TYPE),
    "  a.txt\u00a0 ": but("a.txt"),
    "a.txt::$DATA": but("a.txt"),
    "a.exe::$DATA.txt": but(TYPE),
    # Endings that somebody may run.
    "a.php.txt": but(TYPE),
    "a.PhP5.txt": but(TYPE),
    "a.phtml;.txt": but(TYPE),
    "a.p\u200bhp.txt": but(TYPE),
    "a.txt.html": but(TYPE),
    "a.txt.svgz": but(TYPE),
    "a.ｅｘｅ": but(TYPE),  # noqa: RUF001 -- full-width letters
    ".htaccess": but(TYPE),
    "a.txt.lnk": but(TYPE),
    "a.txt~": but("a.txt~"),
    # Words of other languages: kept, since a name is never part of a command, a query or a page.
    "<img src=x onerror=alert(1)>.txt": but("<img src=x onerror=alert(1)>.txt"),
    "'; DROP TABLE file_uploads; --.txt": but("'; DROP TABLE file_uploads; --.txt"),
    "=cmd|'calc'!A0.txt": but("=cmd|'calc'!A0.txt"),
    "${jndi:ldap:x}{{7*7}}$(id)`id`.txt": but("${jndi:ldap:x}{{7*7}}$(id)`id`.txt"),
    "--help.txt": but("--help.txt"),
    "?a=b#c.txt": but("?a=b#c.txt"),
    # Too little, too much.
    "": but(NAME, form=WRONG, sign_short=WRONG),
    ".": but(NAME),
    "..": but(NAME),
    "...": but(NAME),
    "/": but(NAME),
    "\u202e": but(NAME),
    ".txt": but(".txt"),
    "é" * 200 + ".txt": but("é" * 125 + ".txt"),
    "a" * 5000 + ".txt": but("a" * 251 + ".txt", json=WRONG),
}

# By the path of a raw upload, as its bytes are.
RAW_PATHS = {
    "..": NAME,
    "%2e%2e": NAME,
    "%2E%2E%2Fa.txt": NAME,
    "..%2f..%2fa.txt": NAME,
    "a%2fb.txt": NAME,
    "a/b.txt": NAME,
    "/a.txt": NAME,
    "a.txt/": NAME,
    "..%5c..%5ca.txt": "a.txt",
    "..\\a.txt": "a.txt",
    "%252e%252e%252fa.txt": "%2e%2e%2fa.txt",
    "a%00.txt": "a.txt",
    "a.txt%00.exe": TYPE,
    "a%0d%0aX:y.txt": "aX:y.txt",
    "%0a.txt%0a": ".txt",
    "%C0%AE%C0%AE%5Ca.txt": "a.txt",
    "%C0%AE%C0%AFa.txt": "\ufffd\ufffd\ufffd\ufffda.txt",
    "%E2%80%AEtxt.exe": TYPE,
    "%EF%BC%8E%EF%BC%8E.txt": "\uff0e\uff0e.txt",
    "%FF.txt": "\ufffd.txt",
    "%zz%4.txt": "%zz%4.txt",
    "a.txt;.exe": TYPE,
    "a+b.txt": "a+b.txt",
}

FOLDERS = {
    # Nothing is repaired: what could mean another place is refused.
    "..": but(FOLDER),
    "../other": but(FOLDER),
    "a/../b": but(FOLDER),
    "a/./b": but(FOLDER),
    "a/..": but(FOLDER),
    ".": but(FOLDER),
    "...": but(FOLDER),
    ".. /b": but(FOLDER),
    "/": but(FOLDER),
    "/etc/passwd": but(FOLDER),
    "a/": but(FOLDER),
    "a//b": but(FOLDER),
    "..\\other": but(FOLDER),
    "C:\\a": but(FOLDER),
    "\\\\host\\share": but(FOLDER),
    "%2e%2e%2fother": but(FOLDER),
    "%252e%252e": but(FOLDER),
    "..%c0%af": but(FOLDER),
    "\uff0e\uff0e/other": but(FOLDER),
    "a\uff0fb": but(FOLDER),
    "a\u2215b": but(FOLDER),
    "a\0b": but(WRONG),
    "a\r\nX: y": but(FOLDER),
    "a\u202eb": but(FOLDER),
    "a\u200bb": but(FOLDER),
    "\ud800": but(WRONG, raw=FOLDER),
    " a": but(FOLDER),
    "a /b": but(FOLDER),
    "~root": but(FOLDER),
    "$HOME": but(FOLDER),
    "{year}": but(FOLDER),
    "a;b": but(FOLDER),
    "a*": but(FOLDER),
    "<script>": but(FOLDER),
    "' OR 1=1 --": but(FOLDER),
    "s3://bucket/a": but(FOLDER),
    "👩": but(FOLDER),
    "a" * 513: but(FOLDER),
    "/".join("a" * 33): but(FOLDER),
    "a" * 20_000: but(FOLDER),
    # And these are folders like any other.
    "a..b/.hidden": but("a..b/.hidden"),
    "re\u0301sume\u0301s": but("résumés"),
    "CON/nul": but("CON/nul"),
    ".holdfast/staging": but(".holdfast/staging"),
    "/".join("a" * 32): but("/".join("a" * 32)),
}
