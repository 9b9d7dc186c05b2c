"""Becomes another program that dies with its parent; run by path, before any package can be imported.

    python -I -S child.py PARENT_PID DEATH_SIGNAL IDENTITY PROGRAM [ARGUMENT ...]

IDENTITY is `same`, `namespace` (the caller's uid shown as 1000 in a user namespace of its own, for
programs that refuse root) or `UID:GID`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
SHOWN_ID = 1000


def main(parent_pid: int, death_signal: int, identity: str, command: list[str]) -> None:
    """Take the identity, tie this process to its parent, become the program."""
    os.umask(0o077)
    # A shell that starts a job in the background leaves SIGINT ignored, for all descendants.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if identity == "namespace":
        _enter_user_namespace()
    elif identity != "same":
        uid, gid = (int(number) for number in identity.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # After the change of identity, which clears the death signal.
        _system_call("prctl", PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent_pid:
            sys.exit("the parent ended before its child was ready")
    os.execv(command[0], command)  # noqa: S606 - becoming that program is what this file is for


def _enter_user_namespace() -> None:
    uid, gid = os.geteuid(), os.getegid()
    _system_call("unshare", CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{SHOWN_ID} {uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{SHOWN_ID} {gid} 1", encoding="ascii")


def _system_call(name: str, *arguments: int) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
