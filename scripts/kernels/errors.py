# SPDX-License-Identifier: MIT
"""What the user is told: one line, its remedy in it, and an exit status of the common table."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GOOD, FAILED, USAGE, UNABLE, CUT = 0, 1, 2, 3, 4
SETUP = "PROFILE=kernels make setup"
#: How the user names another place: for kernels, for guests' files, for results.
CACHE, TEMPORARY, RESULTS = "KERNEL_CACHE=DIR", "TMPDIR=DIR", "OPTIONS='--results DIR'"
REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EEXIST,
           errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP)


class KernelsError(Exception):
    """One line, and the exit status."""

    def __init__(self, text: str, code: int = UNABLE) -> None:
        super().__init__(text)
        self.code = code


def no_space(folder: Path, other: str, needed_mb: int | None = None) -> KernelsError:
    needs = f", {needed_mb} MB are needed" if needed_mb else ""
    return KernelsError(f"no space left in {folder}{needs}: free some, or name another place with "
                        f"{other}")


def need_space(folder: Path, other: str, needed_mb: int) -> None:
    """Rather before half of it is written than after."""
    if shutil.disk_usage(folder).free < needed_mb << 20:
        raise no_space(folder, other, needed_mb)


@contextmanager
def writing(folder: Path, other: str) -> Iterator[None]:
    """Whatever is written in here: a full disk or a refused one is told in one line."""
    try:
        yield
    except OSError as err:
        if err.errno in (errno.ENOSPC, errno.EDQUOT):
            raise no_space(folder, other) from err
        if err.errno in REFUSED:
            raise KernelsError(f"cannot write to {err.filename or folder}: {err.strerror}; name "
                               f"another place with {other}", USAGE) from err
        raise


def writable(folder: Path, other: str) -> None:
    """Asked before the work whose outcome goes there; a folder that is not there yet is made."""
    with writing(folder, other):
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


def temporary() -> Path:
    """Where guests' files go while they run."""
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError as err:
        raise KernelsError("no folder for temporary files can be written to: name one with "
                           f"{TEMPORARY}") from err


def tool(name: str, what_for: str) -> str:
    """The path of a program, or what installs it."""
    found = shutil.which(name)
    if not found:
        raise KernelsError(f"{name} is missing ({what_for}): {SETUP}")
    return found
