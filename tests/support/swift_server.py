"""OpenStack Swift with its S3 API in one process, one replica; run by path in Swift's own environment.

    python swift_server.py FOLDER PROXY_PORT ACCOUNT_PORT CONTAINER_PORT OBJECT_PORT

FOLDER must take extended attributes. The key is `test:tester`, its secret `testing`.
"""

from __future__ import annotations

import eventlet

eventlet.monkey_patch()

import os  # noqa: E402 -- whatever is imported before the patch keeps blocking sockets
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from eventlet import listen, wsgi  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402
from swift.common.utils import set_swift_dir  # noqa: E402
from swift.common.wsgi import SwiftHttpProtocol, loadapp  # noqa: E402

LOOPBACK = "127.0.0.1"
DEVICE = "disk"
COMMON = """[swift-hash]
swift_hash_path_prefix = holdfast
swift_hash_path_suffix = tests
[storage-policy:0]
name = default
default = yes
"""
BACKEND = """[DEFAULT]
swift_dir = {etc}
devices = {devices}
mount_check = false
disable_fallocate = true
fallocate_reserve = 0
log_level = ERROR
[pipeline:main]
pipeline = {server}-server
[app:{server}-server]
use = egg:swift#{server}
"""
PLAIN_FILTERS = (
    "catch_errors",
    "gatekeeper",
    "healthcheck",
    "listing_formats",
    "bulk",
    "copy",
    "slo",
    "dlo",
    "symlink",
)
PROXY = """[DEFAULT]
swift_dir = {etc}
log_level = ERROR
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats bulk s3api tempauth copy slo dlo versioned_writes symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:cache]
use = egg:swift#memcache
memcache_servers =
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
"""  # noqa: E501 -- the ini format has no other way to write a pipeline


def write_ring(etc: Path, server: str, port: int) -> None:
    """One device, one replica."""
    builder = RingBuilder(part_power=2, replicas=1, min_part_hours=1)
    address = {"ip": LOOPBACK, "port": port, "replication_ip": LOOPBACK, "replication_port": port}
    builder.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1, "device": DEVICE, **address})
    builder.rebalance()
    builder.get_ring().save(str(etc / f"{server}.ring.gz"))


def main(folder: Path, proxy_port: int, backend_ports: dict[str, int]) -> None:
    """Write the settings, then serve until killed."""
    etc, devices = folder / "etc", folder / "devices"
    etc.mkdir(exist_ok=True)
    (devices / DEVICE).mkdir(parents=True, exist_ok=True)
    (etc / "swift.conf").write_text(COMMON, encoding="utf-8")
    set_swift_dir(str(etc))
    for server, port in backend_ports.items():
        write_ring(etc, server, port)
        config = BACKEND.format(etc=etc, devices=devices, server=server)
        (etc / f"{server}-server.conf").write_text(config, encoding="utf-8")
    filters = "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n" for name in PLAIN_FILTERS)
    (etc / "proxy-server.conf").write_text(PROXY.format(etc=etc) + filters, encoding="utf-8")
    # The proxy comes last: once it listens, all of them do.
    servers = [serve(etc, server, port) for server, port in {**backend_ports, "proxy": proxy_port}.items()]
    for server in servers:
        server.wait()


def serve(etc: Path, server: str, port: int) -> eventlet.greenthread.GreenThread:
    """Load one of the four and let it listen."""
    app = loadapp(str(etc / f"{server}-server.conf"), global_conf={"log_name": server})
    return eventlet.spawn(
        wsgi.server,
        listen((LOOPBACK, port), backlog=512),
        app,
        log=Path(os.devnull).open("w", encoding="utf-8"),
        protocol=SwiftHttpProtocol,
        capitalize_response_headers=False,
        minimum_chunk_size=65_536,
    )


if __name__ == "__main__":
    account, container, objects = (int(word) for word in sys.argv[3:6])
    main(Path(sys.argv[1]), int(sys.argv[2]), {"account": account, "container": container, "object": objects})
