"""PostgreSQL and the S3 server of `make run`: started where the settings name none, found again by other commands."""

from __future__ import annotations

import logging
import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from app.embedded import processes
from app.embedded.environment import (
    BUCKET_NAME,
    RunningParts,
    attached_environment,
    effective_variables,
    foreign_names,
    store_environment,
)
from app.embedded.exceptions import FolderBusyError
from app.embedded.object_store import allow_origins, cors_origins, ensure_bucket, start_object_store
from app.embedded.postgres import start_postgres
from app.embedded.postgres_home import ROOT_METHODS, SHARED_FOLDERS, RootMethod
from app.embedded.processes import Child, ProcessId
from app.embedded.service_env import LOCK_NAME, ServiceEnv, locked, read_service_env, write_service_env

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from app.embedded.object_store import AccessKey, ObjectStore

log = logging.getLogger(__name__)
PRIVATE = stat.S_IRWXU
OTHERS = stat.S_IRWXG | stat.S_IRWXO
ATTACH_TIMEOUT_SECONDS = 60.0
ATTACH_POLL_SECONDS = 0.05


@contextmanager
def embedded_parts(
    data_dir: Path,
    environ: Mapping[str, str],
    *,
    store_venv: Path | None = None,
    durable: bool = True,
    persist_store: bool = True,
    http_host: str | None = None,
    http_port: int | None = None,
    children: list[Child] | None = None,
    root_methods: Sequence[RootMethod] = ROOT_METHODS,
    shared_folders: Sequence[Path] = SHARED_FOLDERS,
) -> Iterator[RunningParts]:
    """Start the parts that `environ` names none for, hold the folder, and stop them at the end.

    Call it from a thread that lives as long as the parts, such as the main one (see `processes`).

    Args:
        data_dir: holds everything; made with mode 0700 if missing, and given that mode if it is ours.
        environ: what the settings are read from. `S3_BUCKET_NAME` in it means that store, `DATABASE_URL` that
            database; nothing else switches.
        store_venv: the S3 server's virtual environment; by default `.venv-store` beside `app`.
        durable: False for tests, where a power cut may lose the database.
        persist_store: False for tests, which keeps objects in memory.
        http_host: where the service itself will listen, for the readers of `service.env`.
        http_port: see `http_host`.
        children: is filled with the processes that were started, for a caller that must end them by force.
        root_methods: how PostgreSQL gets away from root, in order of preference.
        shared_folders: where PostgreSQL may live as another account.

    Raises:
        FolderBusyError: when another process holds the folder.
        EmbeddedError: when a part can't be started; the message says what to do.
    """
    data_dir = _made(data_dir)
    children = [] if children is None else children
    with locked(data_dir):
        try:
            parts = _start(
                data_dir,
                environ,
                children,
                store_venv=store_venv,
                durable=durable,
                persist_store=persist_store,
                root_methods=root_methods,
                shared_folders=shared_folders,
            )
            running = {child.name.upper(): child.id for child in children}
            address = {"HOLDFAST_HOST": http_host, "HOLDFAST_PORT": http_port}
            known = {name: str(value) for name, value in address.items() if value is not None}
            write_service_env(
                data_dir, effective_variables(parts, environ) | known, running | {"HOLDFAST": _this_process()}
            )
            yield parts
        finally:
            processes.stop(children)


@contextmanager
def attached_parts(
    data_dir: Path,
    environ: Mapping[str, str],
    *,
    store_venv: Path | None = None,
    children: list[Child] | None = None,
) -> Iterator[RunningParts]:
    """Use the parts that run on this folder, as the service that runs there does; start them when none run.

    Raises:
        FolderBusyError: when another process holds the folder but does not get ready.
        EmbeddedError: when a part can't be started.
    """
    if environ.get("DATABASE_URL") and environ.get("S3_BUCKET_NAME"):
        yield RunningParts({}, (), embedded_database=False, embedded_store=False)
        return
    deadline = time.monotonic() + ATTACH_TIMEOUT_SECONDS
    with ExitStack() as stack:
        while True:
            try:
                parts = stack.enter_context(embedded_parts(data_dir, environ, store_venv=store_venv, children=children))
            except FolderBusyError as error:
                service = _service_of(data_dir, error.holder_pid)
                if service is not None:
                    parts = attached_environment(service, environ)
                elif time.monotonic() > deadline:
                    raise
                else:
                    time.sleep(ATTACH_POLL_SECONDS)
                    continue
            break
        yield parts


def _start(
    data_dir: Path,
    environ: Mapping[str, str],
    children: list[Child],
    *,
    store_venv: Path | None,
    durable: bool,
    persist_store: bool,
    root_methods: Sequence[RootMethod],
    shared_folders: Sequence[Path],
) -> RunningParts:
    """Start both, then wait for both; `children` has what must be stopped also when this fails half-way."""
    environment: dict[str, str] = {}
    store = postgres = None
    # Only waiting is done in the other thread: children die with the thread that starts them.
    with ThreadPoolExecutor(1) as pool:
        if not environ.get("S3_BUCKET_NAME"):
            store = start_object_store(
                data_dir,
                store_venv=store_venv,
                persist=persist_store,
                public_url=environ.get("S3_PUBLIC_ENDPOINT_URL"),
            )
            children.append(store.child)
            store_keys = pool.submit(_prepare, store, cors_origins(environ))
        if not environ.get("DATABASE_URL"):
            postgres = start_postgres(
                data_dir,
                durable=durable,
                avoid_port=store.port if store else None,
                root_methods=root_methods,
                shared_folders=shared_folders,
            )
            children.append(postgres.child)
            postgres.wait_ready()
            environment["DATABASE_URL"] = postgres.url
        if store:
            environment |= store_environment(store.endpoint_url, *store_keys.result(), environ)
    database, bucket = postgres is not None, store is not None
    removed = foreign_names(environ, database=database, store=bucket)
    return RunningParts(environment, removed, embedded_database=database, embedded_store=bucket)


def _prepare(store: ObjectStore, origins: Sequence[str]) -> tuple[AccessKey, AccessKey]:
    key = store.wait_ready()
    ensure_bucket(store.endpoint_url, key, BUCKET_NAME)
    allow_origins(store.endpoint_url, key, BUCKET_NAME, origins)
    return key, store.signing_key(BUCKET_NAME)


def _service_of(data_dir: Path, holder_pid: int | None) -> ServiceEnv | None:
    """Read what the holder of the folder wrote; None while it is still starting."""
    service = read_service_env(data_dir)
    if service is None or not all(process.is_running() for process in service.processes.values()):
        return None
    holder = service.processes.get("HOLDFAST")
    return service if holder is not None and holder.pid == holder_pid else None


def _made(data_dir: Path) -> Path:
    """Make the folder, and close one that is ours to other accounts: it holds keys and everybody's files."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = data_dir.resolve()
    found = folder.stat()
    if found.st_mode & OTHERS:
        # Ours is what we lived in before, or what somebody made for us. Anything else may be shared on purpose.
        is_ours = found.st_uid == os.geteuid() and ((folder / LOCK_NAME).exists() or not any(folder.iterdir()))
        if is_ours:
            folder.chmod(PRIVATE)
        else:
            message = "%s was not made by this service and is left as it is: other accounts can enter it (mode %o)"
            log.warning(message, folder, stat.S_IMODE(found.st_mode))
    return folder


def _this_process() -> ProcessId:
    return ProcessId.of(os.getpid()) or ProcessId(os.getpid(), "unknown")
