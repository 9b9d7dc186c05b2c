"""Requests that two servers could read differently. Behind each lies another one, which nobody may ever answer."""

from __future__ import annotations

from dataclasses import dataclass

HOST = "files.example.com"
# The body of most requests, or what lies behind one. `{id}` is replaced at each sending.
SMUGGLED = f"GET /smuggled HTTP/1.1\r\nHost: {HOST}\r\nX-Request-ID: smuggled-{{id}}\r\n\r\n".encode()
REFUSED, GOES_ON, CLOSES, STORED = "400, closed", "200, goes on", "200, closed", "201, goes on"
TRAILED = "trailed"
WORDS, END = b"5\r\nwords\r\n", b"0\r\n\r\n"


@dataclass(frozen=True)
class Case:
    """One input.

    Args:
        name: what is odd about it; a row of the table in docs/security.md.
        segments: sent one after another, each once the one before was read.
        answer: what the service itself answers: the status of each answer, and whether the connection goes on.
    """

    name: str
    segments: tuple[bytes, ...]
    answer: str


def shown(value: str) -> str:
    return value.replace("{length}", "n").encode("unicode_escape").decode() or "empty"


def head(
    *lines: str, method: str = "GET", target: str = "/health", version: str = "HTTP/1.1", host: str | None = HOST
) -> bytes:
    fixed = [] if host is None else [f"Host: {host}"]
    request_line = f"{method} {target} {version}"
    return "\r\n".join([request_line, *fixed, "X-Request-ID: asked-{id}", *lines, "", ""]).encode("latin-1")


def put(*lines: str, **options: str) -> bytes:
    """The head of an upload, whose body is read to its end."""
    upload = {"method": "PUT", "target": "/api/v1/files/raw/a.txt"}
    return head("Authorization: Bearer {token}", *lines, **(upload | options))


def sized(*lines: str, length: str = "{length}", **options: str) -> tuple[bytes, ...]:
    """A request whose body is a whole other request. The length is that of the body once the id stands in it."""
    return put(f"Content-Length: {length}", *lines, **options), SMUGGLED


def unread(*lines: str) -> tuple[bytes, ...]:
    """A request that is answered before its body is here."""
    return head("Content-Length: {length}", *lines), SMUGGLED


def behind(*lines: str) -> tuple[bytes, ...]:
    """A head of which somebody may read that the body is chunked, and is over at once."""
    return put(*lines), END + SMUGGLED


def chunked(*lines: str, body: bytes | None = None, behind: bytes = b"", coding: str = "chunked", **options: str):
    """A request with a chunked body; by default that is the other request, else the other lies behind it."""
    whole = b"{size}\r\n" + SMUGGLED + b"\r\n0\r\n\r\n" if body is None else body
    return put(f"Transfer-Encoding: {coding}", *lines, **options), whole + behind


def broken(body: bytes) -> tuple[bytes, ...]:
    """A chunked body that is none, and the other request behind it."""
    return chunked(body=body, behind=SMUGGLED)


def trailed(*lines: str, behind: bytes = b"") -> tuple[bytes, ...]:
    """A chunked body with fields behind it."""
    return chunked(body=WORDS + "\r\n".join(["0", *lines, "", ""]).encode(), behind=behind)


BELIEVED = (f"Authorization: Bearer {TRAILED}", f"X-Forwarded-For: {TRAILED}")
CODING = "Transfer-Encoding"
UPGRADE = "Connection: Upgrade"
H2C = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMA")
WEBSOCKET = (UPGRADE, "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13")
UPGRADES = [
    Case("Upgrade: foo, body that nobody reads", unread(UPGRADE, "Upgrade: foo"), REFUSED),
    Case("Upgrade: foo, body by length", sized(UPGRADE, "Upgrade: foo"), REFUSED),
    Case("Upgrade: foo, body chunked", chunked(UPGRADE, "Upgrade: foo"), REFUSED),
    Case("Upgrade: h2c, body", sized(*H2C), REFUSED),
    Case("Upgrade: websocket, body", sized(*WEBSOCKET), REFUSED),
    Case("Upgrade in a list of tokens, body", sized("Connection: keep-alive, upgrade", "Upgrade: TLS/1.0"), REFUSED),
    Case("Upgrade without Connection, body", sized("Upgrade: foo"), REFUSED),
    Case("Connection: upgrade without Upgrade, body", sized(UPGRADE), STORED),
    Case("Upgrade without a body, another request later", (head(UPGRADE, "Upgrade: foo"), SMUGGLED), CLOSES),
    Case("Upgrade without a body, another request at once", (head(UPGRADE, "Upgrade: foo") + SMUGGLED,), CLOSES),
    Case("Upgrade, Content-Length: 0", (head(UPGRADE, "Upgrade: foo", "Content-Length: 0"), SMUGGLED), CLOSES),
    Case("CONNECT", (head(method="CONNECT", target=f"{HOST}:443"), SMUGGLED), REFUSED),
]
LENGTHS = [
    Case("body that is read", sized(), STORED),
    Case("body that nobody reads", unread(), GOES_ON),
    Case("body named in Connection", sized("Connection: Content-Length"), STORED),
    Case("Expect: 100-continue, body at once", sized("Expect: 100-continue"), STORED),
    Case("Expect with two tokens", sized("Expect: y, 100-continue"), STORED),
    Case("Content-Length with leading zeros", sized(length="000{length}"), STORED),
    Case("Content-Length behind a tab", sized(length="\t{length}"), STORED),
    *(
        Case(f"Content-Length: {shown(length)}", sized(length=length), REFUSED)
        for length in ("+5", "-1", "0x5", "5.0", "5 5", "", "{length}, {length}", "99999999999999999999999")
    ),
    Case("Content-Length twice, equal", sized("Content-Length: {length}"), REFUSED),
    Case("Content-Length twice, 0 behind", sized("Content-Length: 0"), REFUSED),
    Case("Content-Length twice, 0 before", (put("Content-Length: 0", "Content-Length: {length}"), SMUGGLED), REFUSED),
    Case("space before the colon", (put("Content-Length : {length}"), SMUGGLED), REFUSED),
    Case("length on a folded line", (put("Content-Length:", " {length}"), SMUGGLED), REFUSED),
    Case("length and chunked", chunked("Content-Length: 5"), REFUSED),
    Case(
        "length of the whole body and chunked",
        behind("Content-Length: 5", "Transfer-Encoding: chunked"),
        REFUSED,
    ),
    Case("Content-Length: 0 and chunked", chunked("Content-Length: 0"), REFUSED),
]
CODINGS = [
    Case("chunked", chunked(), STORED),
    Case("Chunked, in capitals", chunked(coding="CHUNKED"), STORED),
    *(
        Case(f"Transfer-Encoding: {shown(coding)}", chunked(coding=coding), REFUSED)
        for coding in (
            "gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "chunked, identity", "identity", "xchunked",
            "chunked;q=1", '"chunked"', "\x0bchunked", "\x00chunked", "chunked\x0c", "",
        )
    ),
    Case("Transfer-Encoding twice, chunked both", chunked("Transfer-Encoding: chunked"), REFUSED),
    Case("Transfer-Encoding twice, identity last", chunked("Transfer-Encoding: identity"), REFUSED),
    Case("Transfer-Encoding twice, identity first", behind(f"{CODING}: identity", f"{CODING}: chunked"), REFUSED),
    Case("space before the colon of Transfer-Encoding", behind("Transfer-Encoding : chunked"), REFUSED),
    Case("Transfer-Encoding on a folded line", behind("Transfer-Encoding:", " chunked"), REFUSED),
    Case("Transfer-Encoding behind a bare LF", behind("X: a\nTransfer-Encoding: chunked"), REFUSED),
    Case("Transfer-Encoding behind a bare CR", behind("X: a\rTransfer-Encoding: chunked"), REFUSED),
    Case("chunked in HTTP/1.0", chunked(version="HTTP/1.0"), REFUSED),
]  # fmt: skip
CHUNKS = [
    Case("chunk size -5", broken(b"-5\r\nwords\r\n0\r\n\r\n"), REFUSED),
    Case("chunk size +5", broken(b"+5\r\nwords\r\n0\r\n\r\n"), REFUSED),
    Case("chunk size 0x5", broken(b"0x5\r\nwords\r\n0\r\n\r\n"), REFUSED),
    Case("chunk size zz", broken(b"zz\r\nwords\r\n0\r\n\r\n"), REFUSED),
    Case("chunk size empty", broken(b"\r\nwords\r\n0\r\n\r\n"), REFUSED),
    Case("chunk size behind a space", broken(b" 5\r\nwords\r\n0\r\n\r\n"), REFUSED),
    Case("chunk size before a space", broken(b"5 \r\nwords\r\n0\r\n\r\n"), REFUSED),
    Case("chunk size of 17 digits", broken(b"10000000000000005\r\nwords\r\n0\r\n\r\n"), REFUSED),
    Case("chunk size of 18 digits", broken(b"ffffffffffffffffff\r\nwords\r\n0\r\n\r\n"), REFUSED),
    Case("chunk size with leading zeros", chunked(body=b"0005\r\nwords\r\n0\r\n\r\n"), STORED),
    Case("chunk extension", chunked(body=b"5;a=b\r\nwords\r\n0\r\n\r\n"), STORED),
    Case("chunk extension that ends in a bare LF", broken(b"5;a\nwords\r\n0\r\n\r\n"), REFUSED),
    Case("chunk extension with a bare CR", broken(b"5;a\rb\r\nwords\r\n0\r\n\r\n"), REFUSED),
    Case("chunk extension with an open quote", broken(b'5;a="b\r\nwords\r\n0\r\n\r\n'), REFUSED),
    Case("chunk extension with a NUL", broken(b"5;a=\0\r\nwords\r\n0\r\n\r\n"), REFUSED),
    Case("chunk size that ends in a bare LF", broken(b"5\nwords\r\n0\r\n\r\n"), REFUSED),
    Case("chunk longer than its size", broken(b"5\r\nwordsX\r\n0\r\n\r\n"), REFUSED),
    Case("chunk that ends in a bare LF", broken(b"5\r\nwords\n0\r\n\r\n"), REFUSED),
    Case("chunk without an end", broken(b"5\r\nwords0\r\n\r\n"), REFUSED),
    Case("last chunk that ends in a bare LF", broken(b"5\r\nwords\r\n0\n\r\n"), REFUSED),
    Case("body that ends in a bare LF", broken(b"5\r\nwords\r\n0\r\n\n"), REFUSED),
]
TRAILERS = [
    Case("token and address in a trailer", trailed(*BELIEVED), STORED),
    Case("announced trailer", chunked("Trailer: X-Checksum", body=WORDS + b"0\r\nX-Checksum: trailed\r\n\r\n"), STORED),
    Case("Host in a trailer", trailed(f"Host: {TRAILED}"), STORED),
    Case("Upgrade in a trailer", trailed("Connection: upgrade", "Upgrade: foo"), STORED),
    Case("Content-Length in a trailer", trailed("Content-Length: {length}", behind=SMUGGLED), REFUSED),
    Case("Transfer-Encoding in a trailer", trailed("Transfer-Encoding: chunked", behind=SMUGGLED), REFUSED),
    Case("trailer without a colon", trailed("words", behind=SMUGGLED), REFUSED),
    Case("trailer with a bare LF", trailed("A: b\nC: d", behind=SMUGGLED), REFUSED),
]
HOSTS = [
    Case("no Host", (head(host=None),), REFUSED),
    Case("no Host in HTTP/1.0", (head(host=None, version="HTTP/1.0"),), CLOSES),
    Case("two Hosts, different", (head("Host: other.example.com"),), REFUSED),
    Case("two Hosts, equal", (head(f"Host: {HOST}"),), REFUSED),
    Case("Host on two lines", (head("Host: a", " b", host=None),), REFUSED),
    *(
        Case(f"Host: {shown(host)}", (head(host=host),), REFUSED)
        for host in ("", "a b", "a/b", "a@b", "a,b", "a:b", "a:80:80", "[a", "a\x00b")
    ),
    Case("Host is an IPv6 address", (head(host="[::1]:8000"),), GOES_ON),
    Case("address of the same host", (head(target=f"http://{HOST}/health"),), GOES_ON),
    Case("address of another host", (head(target="http://other.example.com/health"),), REFUSED),
    Case("address with a name before the host", (head(target=f"http://other@{HOST}/health"),), REFUSED),
]
REQUEST_LINES = [
    Case("HTTP/0.9, no version", (b"GET /health\r\n\r\n",), REFUSED),
    Case("HTTP/0.9 by name", (head(version="HTTP/0.9"),), REFUSED),
    Case("HTTP/1.2", (head(version="HTTP/1.2"),), REFUSED),
    Case("HTTP/2.0", (head(version="HTTP/2.0"),), REFUSED),
    Case("HTTP/2.0's preface", (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",), REFUSED),
    Case("http/1.1 in small letters", (head(version="http/1.1"),), REFUSED),
    Case("HTTP/1.1 with a space behind", (head(version="HTTP/1.1 "),), REFUSED),
    Case("method in small letters", (head(method="get"),), REFUSED),
    Case("method that nobody knows", (head(method="BREW"),), REFUSED),
    Case("two spaces in the request line", (head(method="GET "),), GOES_ON),
    Case("tab in the request line", (head(target="/health\tx"),), REFUSED),
    Case("space in the address", (head(target="/health x"),), REFUSED),
    Case("address without a slash", (head(target="health"),), REFUSED),
    Case("address with a fragment", (head(target="/health#a"),), REFUSED),
    Case("address with a NUL", (head(target="/health\x00"),), REFUSED),
    Case("address with a raw byte", (head(target="/health\xff"),), REFUSED),
    Case("empty lines before", (b"\r\n\r\n" + head(),), GOES_ON),
    Case("lines that end in a bare LF", (head().replace(b"\r\n", b"\n"),), REFUSED),
    Case(
        "first field behind a space", (head(host=None).replace(b"\r\n", f"\r\n Host: {HOST}\r\n".encode(), 1),), REFUSED
    ),
    Case("field without a colon", (head("NoColon"),), REFUSED),
    Case("field without a name", (head(": a"),), REFUSED),
    Case("space in a field's name", (head("X Name: a"),), REFUSED),
    Case("NUL in a field's name", (head("X\x00Name: a"),), REFUSED),
    Case("NUL in a field's value", (head("X-Name: a\x00b"),), REFUSED),
    Case("CR in a field's value", (head("X-Name: a\rb"),), REFUSED),
    Case("request behind Connection: close", (head("Connection: close") + SMUGGLED,), CLOSES),
    Case("request behind one of HTTP/1.0", (head(version="HTTP/1.0") + SMUGGLED,), CLOSES),
]
GROUPS = {
    "Upgrades": UPGRADES, "Lengths": LENGTHS, "Codings": CODINGS, "Chunks": CHUNKS, "Trailers": TRAILERS,
    "Hosts": HOSTS, "Request lines and fields": REQUEST_LINES,
}  # fmt: skip
CASES = [case for cases in GROUPS.values() for case in cases]
