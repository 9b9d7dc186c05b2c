"""The authorisation matrix, written by hand: one row an operation, one column a kind of caller.

A cell of five letters tells the answers for five files of alice's: available, pending, deleted, rejected, public.
A cell of one letter is the answer of an operation that is about no single file.

    +  it is done, with the status in the column `ok`      .  404, as if there were nothing
    x  403, seen but not for this caller                   !  409, the file is not in a state for that
    ?  401, nobody known is calling                        ~  410, the upload has ended
    o  200, and says that it isn't there

`for` is the scope that an operation needs: r(ead), w(rite) or none; `unscoped` is alice with a token that carries
only the other one. An operation that needs both has two rows. `reader` and `writer` are granted each of the five
files, `member` is in a group that may read them. Grants count for available files only, so their holders are
strangers to the three in the middle.
"""

from __future__ import annotations

from dataclasses import dataclass

STATES = ("available", "pending", "deleted", "rejected", "public")
CALLERS = (
    "anonymous", "owner", "stranger", "reader", "writer", "member", "admin", "expired", "unscoped", "revoked",
)  # fmt: skip

# About one file. Its bytes and URLs are for whoever sees it while it is available; its record stays with its owner.
FILES = """
operation                                   ok for anonymous owner stranger reader writer member admin expired unscoped revoked
GET    /files/{file_id}                     200 r  ????+     +++++ ....+    +...+  +...+  +...+  +++++ ?????   xxxxx    ?????
HEAD   /files/{file_id}                     200 r  ????+     +++++ ....+    +...+  +...+  +...+  +++++ ?????   xxxxx    ?????
GET    /files/{file_id}/metadata            200 r  ?????     +!.!+ ....x    +...+  +...+  +...+  +!.!+ ?????   xxxxx    ?????
GET    /files/{file_id}/exists              200 r  ?????     +ooo+ ooooo    +ooo+  +ooo+  +ooo+  +ooo+ ?????   xxxxx    ?????
GET    /files/{file_id}/download            200 r  ????+     +!.!+ ....+    +...+  +...+  +...+  +!.!+ ?????   xxxxx    ?????
HEAD   /files/{file_id}/download            200 r  ????+     +!.!+ ....+    +...+  +...+  +...+  +!.!+ ?????   xxxxx    ?????
GET    /files/{file_id}/download#redirect   307 r  ????+     +!.!+ ....+    +...+  +...+  +...+  +!.!+ ?????   xxxxx    ?????
GET    /files/{file_id}/presigned-url       200 r  ????+     +!.!+ ....+    +...+  +...+  +...+  +!.!+ ?????   xxxxx    ?????
POST   /files/presigned-urls                200 r  ?         +!.!+ ....+    +...+  +...+  +...+  +!.!+ ?       x        ?
POST   /files/{file_id}/copy                201 w  ?????     +!.!+ ....x    +...+  +...+  +...+  +!.!+ ?????   xxxxx    ?????
POST   /files/{file_id}/copy#read           201 r  ?????     +!.!+ ....x    +...+  +...+  +...+  +!.!+ ?????   xxxxx    ?????
POST   /files/batch#copy                    201 w  ?         +!.!+ ....x    +...+  +...+  +...+  +!.!+ ?       x        ?
PATCH  /files/{file_id}                     200 w  ?????     +!!!+ ....x    x...x  +...+  x...x  +!!!+ ?????   xxxxx    ?????
POST   /files/batch#move                    200 w  ?         +!!!+ ....x    x...x  +...+  x...x  +!!!+ ?       x        ?
PUT    /files/{file_id}/content             200 w  ?????     +!!!+ ....x    x...x  +...+  x...x  +!!!+ ?????   xxxxx    ?????
PATCH  /files/{file_id}#is_public           200 w  ?????     +!!!+ ....x    x...x  x...x  x...x  +!!!+ ?????   xxxxx    ?????
PATCH  /files/{file_id}#publish             200 r  ?????     +!!!+ ....x    x...x  x...+  x...x  +!!!+ ?????   xxxxx    ?????
PATCH  /files/{file_id}#expires_at          200 w  ?????     +!!!+ ....x    x...x  x...x  x...x  +!!!+ ?????   xxxxx    ?????
PATCH  /files/{file_id}#owner_id            200 w  ?????     x!!!x ....x    x...x  x...x  x...x  +!!!+ ?????   xxxxx    ?????
DELETE /files/{file_id}                     204 w  ?????     +!+!+ ....x    x...x  x...x  x...x  +!+!+ ?????   xxxxx    ?????
POST   /files/batch#delete                  204 w  ?         +!+!+ ....x    x...x  x...x  x...x  +!+!+ ?       x        ?
DELETE /files/{file_id}#hard_delete         204 w  ?????     +++++ ....x    x...x  x...x  x...x  +++++ ?????   xxxxx    ?????
POST   /files/batch#hard_delete             204 w  ?         +++++ ....x    x...x  x...x  x...x  +++++ ?       x        ?
POST   /files/{file_id}/restore             200 w  ?????     +!+!+ ....x    x...x  x...x  x...x  +!+!+ ?????   xxxxx    ?????
POST   /files/batch#restore                 200 w  ?         +!+!+ ....x    x...x  x...x  x...x  +!+!+ ?       x        ?
GET    /files/{file_id}/grants              200 r  ?????     +++++ ....x    x...x  x...x  x...x  +++++ ?????   xxxxx    ?????
PUT    /files/{file_id}/grants/{principal}  201 w  ?????     +++++ ....x    x...x  x...x  x...x  +++++ ?????   xxxxx    ?????
PUT    /files/{file_id}/grants/{principal}#read 201 r ?????   +++++ ....x    x...x  x...x  x...x  +++++ ?????   xxxxx    ?????
DELETE /files/{file_id}/grants/{principal}  204 w  ?????     +++++ ....x    x...x  x...x  x...x  +++++ ?????   xxxxx    ?????
"""  # noqa: E501 -- a table

# About one upload, which is its owner's alone: nobody else learns that there is one, public or granted.
UPLOADS = """
operation                                   ok for anonymous owner stranger reader writer member admin expired unscoped revoked
GET    /files/uploads/{file_id}             200 w  ?????     +++++ .....    .....  .....  .....  +++++ ?????   xxxxx    ?????
POST   /files/uploads/{file_id}/parts       200 w  ?????     ~+~~~ .....    .....  .....  .....  ~+~~~ ?????   xxxxx    ?????
POST   /files/uploads/{file_id}/complete    200 w  ?????     +!+!+ .....    .....  .....  .....  +!+!+ ?????   xxxxx    ?????
DELETE /files/uploads/{file_id}             204 w  ?????     .+.+. .....    .....  .....  .....  .+.+. ?????   xxxxx    ?????
POST   /files/uppy/sign#step                200 w  ?????     +++++ .....    .....  .....  .....  +++++ ?????   xxxxx    ?????
"""  # noqa: E501 -- as above

# Addresses of stock Uppy: a token of alice's in the query stands for her. Whoever else signs in beside it spoils it.
CONTROL = """
operation                                   ok for anonymous owner stranger reader writer member admin expired unscoped revoked
POST   /files/uppy/{file_id}/create         200 -  +++++     +++++ xxxxx    xxxxx  xxxxx  xxxxx  xxxxx ?????   +++++    ?????
GET    /files/uppy/{file_id}/parts          200 -  ++.!+     ++.!+ xxxxx    xxxxx  xxxxx  xxxxx  xxxxx ?????   ++.!+    ?????
POST   /files/uppy/{file_id}/complete       200 -  +!+!+     +!+!+ xxxxx    xxxxx  xxxxx  xxxxx  xxxxx ?????   +!+!+    ?????
DELETE /files/uppy/{file_id}                204 -  .+.+.     .+.+. xxxxx    xxxxx  xxxxx  xxxxx  xxxxx ?????   .+.+.    ?????
POST   /files/uppy/{file_id}/create#bare    200 -  ?????     ????? ?????    ?????  ?????  ?????  ????? ?????   ?????    ?????
GET    /files/uppy/{file_id}/parts#bare     200 -  ?????     ????? ?????    ?????  ?????  ?????  ????? ?????   ?????    ?????
POST   /files/uppy/{file_id}/complete#bare  200 -  ?????     ????? ?????    ?????  ?????  ?????  ????? ?????   ?????    ?????
DELETE /files/uppy/{file_id}#bare           204 -  ?????     ????? ?????    ?????  ?????  ?????  ????? ?????   ?????    ?????
"""  # noqa: E501 -- as above

# About no single file. What is created belongs to the caller; who names somebody as the owner must be an admin.
# (`/usage` is asked for alice's.)
OTHERS = """
operation                                   ok for anonymous owner stranger reader writer member admin expired unscoped revoked
POST   /files/upload                        201 w  ?         +     +        +      +      +      +     ?       x        ?
POST   /files/upload#owner_id               201 w  ?         x     x        x      x      x      +     ?       x        ?
PUT    /files/raw/{filename}                201 w  ?         +     +        +      +      +      +     ?       x        ?
PUT    /files/raw/{filename}#owner_id       201 w  ?         x     x        x      x      x      +     ?       x        ?
POST   /files/uploads                       201 w  ?         +     +        +      +      +      +     ?       x        ?
POST   /files/uploads#owner_id              201 w  ?         x     x        x      x      x      +     ?       x        ?
POST   /files/uppy/sign                     200 w  ?         +     +        +      +      +      +     ?       x        ?
GET    /files                               200 r  ?         +     +        +      +      +      +     ?       x        ?
GET    /files#owner_id                      200 r  ?         x     x        x      x      x      +     ?       x        ?
GET    /files/folders                       200 r  ?         +     +        +      +      +      +     ?       x        ?
GET    /files/folders#owner_id              200 r  ?         x     x        x      x      x      +     ?       x        ?
POST   /keys                                201 w  ?         +     +        +      +      +      +     ?       x        ?
POST   /keys#admin                          201 w  ?         x     x        x      x      x      +     ?       x        ?
GET    /keys                                200 r  ?         +     +        +      +      +      +     ?       x        ?
GET    /keys#owner_id                       200 r  ?         x     x        x      x      x      +     ?       x        ?
DELETE /keys/{key_id}                       204 w  ?         +     .        .      .      .      +     ?       x        ?
GET    /usage                               200 r  ?         +     +        +      +      +      +     ?       x        ?
GET    /usage#owner_id                      200 r  ?         +     x        x      x      x      +     ?       x        ?
PUT    /usage/{owner_id}/limits             200 w  ?         x     x        x      x      x      +     ?       x        ?
DELETE /usage/{owner_id}/limits             204 w  ?         x     x        x      x      x      +     ?       x        ?
GET    /audit                               200 r  ?         x     x        x      x      x      +     ?       x        ?
GET    //health                             200 -  +         +     +        +      +      +      +     +       +        +
GET    //health/ready                       200 -  +         +     +        +      +      +      +     +       +        +
GET    //docs                               200 -  +         +     +        +      +      +      +     +       +        +
GET    //redoc                              200 -  +         +     +        +      +      +      +     +       +        +
GET    //openapi.json                       200 -  +         +     +        +      +      +      +     +       +        +
"""  # noqa: E501 -- as above

# Pages about the document, which aren't in it.
UNDOCUMENTED = frozenset({"GET //docs", "GET //redoc", "GET //openapi.json"})


@dataclass(frozen=True)
class Row:
    """One operation, or one way to call it.

    Args:
        name: method and path, as the document writes it; behind a `#` the way.
        ok: the status of success.
        scope: `r`, `w` or `-`.
        cells: the expected letters by caller.
    """

    name: str
    ok: int
    scope: str
    cells: dict[str, str]

    @property
    def operation(self) -> str:
        return self.name.partition("#")[0]

    @property
    def way(self) -> str:
        return self.name.partition("#")[2]

    @property
    def is_about_files(self) -> bool:
        return len(self.cells["owner"]) > 1


def _rows(table: str) -> list[Row]:
    _, _, *lines = table.splitlines()
    rows = []
    for line in lines:
        method, path, ok, scope, *cells = line.split()
        rows.append(Row(f"{method} {path}", int(ok), scope, dict(zip(CALLERS, cells, strict=True))))
    return rows


ROWS = [row for table in (FILES, UPLOADS, CONTROL, OTHERS) for row in _rows(table)]
