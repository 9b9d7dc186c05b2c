"""What proxies make of the inputs: deploy/nginx.conf under nginx 1.22, deploy/haproxy.cfg under HAProxy 2.6.

Named is what is answered otherwise than by the service alone. Two numbers mean that the proxy itself has read two
requests, and passed both on as such. A number alone: whether the connection goes on hangs on whether the body has
arrived before the answer.
"""

from __future__ import annotations

from tests.attacks.framing_inputs import Case

NGINX = {
    "200": ["body that nobody reads", "Upgrade: foo, body that nobody reads"],
    "200, 404, goes on": [
        "Upgrade without a body, another request later",
        "Upgrade without a body, another request at once",
        "Upgrade, Content-Length: 0",
    ],
    "200, goes on": [
        "Host: a:b",
        "Host: a:80:80",
        "address of another host",
        "lines that end in a bare LF",
        "field without a colon",
    ],
    "201, 404, goes on": [
        "chunk size before a space",
        "chunk extension that ends in a bare LF",
        "chunk extension with an open quote",
        "chunk extension with a NUL",
        "chunk size that ends in a bare LF",
        "chunk that ends in a bare LF",
        "last chunk that ends in a bare LF",
        "body that ends in a bare LF",
        "Content-Length in a trailer",
        "Transfer-Encoding in a trailer",
        "trailer without a colon",
        "trailer with a bare LF",
    ],
    "201, goes on": [
        "Upgrade: foo, body by length",
        "Upgrade: foo, body chunked",
        "Upgrade: h2c, body",
        "Upgrade: websocket, body",
        "Upgrade in a list of tokens, body",
        "Upgrade without Connection, body",
    ],
    "400, closed": ["Content-Length behind a tab"],
    "400, goes on": [
        "Host: a@b",
        "Host: a,b",
        "Host: [a",
        "method that nobody knows",
        "address with a fragment",
        "address with a raw byte",
    ],
    "422, 404, goes on": ["Transfer-Encoding behind a bare LF"],
    "501, closed": [
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked;q=1",
        'Transfer-Encoding: "chunked"',
        "Transfer-Encoding: \\x0bchunked",
        "Transfer-Encoding: chunked\\x0c",
        "Transfer-Encoding: empty",
    ],
    "505, closed": ["HTTP/2.0"],
    "no head, closed": ["HTTP/0.9, no version"],
}
HAPROXY = {
    "200": ["body that nobody reads", "Upgrade: foo, body that nobody reads"],
    "200, 404, goes on": [
        "Upgrade without a body, another request later",
        "Upgrade without a body, another request at once",
        "Upgrade, Content-Length: 0",
    ],
    "200, goes on": ["two Hosts, equal", "lines that end in a bare LF"],
    "201, 404, goes on": [
        "chunk size before a space",
        "chunk extension that ends in a bare LF",
        "chunk extension with an open quote",
        "chunk extension with a NUL",
        "chunk size that ends in a bare LF",
        "chunk that ends in a bare LF",
        "last chunk that ends in a bare LF",
        "body that ends in a bare LF",
        "trailer with a bare LF",
    ],
    "201, closed": ["length and chunked", "Content-Length: 0 and chunked"],
    "201, goes on": [
        "Upgrade: foo, body by length",
        "Upgrade: foo, body chunked",
        "Upgrade: h2c, body",
        "Upgrade: websocket, body",
        "Upgrade in a list of tokens, body",
        "Upgrade without Connection, body",
        "Content-Length: n, n",
        "Content-Length twice, equal",
        "length on a folded line",
    ],
    "400, 404, goes on": ["Content-Length in a trailer", "Transfer-Encoding in a trailer"],
    "400, goes on": [
        "Host on two lines",
        "Host: empty",
        "Host: a b",
        "Host: a/b",
        "Host: a@b",
        "Host: a,b",
        "Host: a:b",
        "Host: a:80:80",
        "Host: [a",
        "Host: a\\x00b",
        "address with a name before the host",
        "method in small letters",
        "method that nobody knows",
        "NUL in a field's value",
    ],
    "422, 404, goes on": ["Transfer-Encoding on a folded line", "Transfer-Encoding behind a bare LF"],
    "422, closed": [
        "length of the whole body and chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding twice, identity first",
    ],
}
ELSEWHERE = {
    server: {name: answer for answer, names in answers.items() for name in names}
    for server, answers in (("nginx", NGINX), ("HAProxy", HAPROXY))
}


def expected(case: Case, server: str) -> str:
    """How a server answers an input, such as `400, closed`."""
    return ELSEWHERE.get(server, {}).get(case.name, case.answer)


def matches(found: str, wanted: str) -> bool:
    """Whether an answer is the one that is wanted."""
    return found == wanted or found.rpartition(", ")[0] == wanted
