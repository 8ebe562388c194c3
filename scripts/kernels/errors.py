# SPDX-License-Identifier: MIT
"""What the user is told: one line, its remedy in it, and an exit status of the common table."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GOOD, FAILED, USAGE, UNABLE, CUT = 0, 1, 2, 3, 4
SETUP = "PROFILE=kernels make setup"


class KernelsError(Exception):
    """One line, and the exit status."""

    def __init__(self, text: str, code: int = UNABLE) -> None:
        super().__init__(text)
        self.code = code


def no_space(folder: Path, needed_mb: int | None = None) -> KernelsError:
    needs = f", {needed_mb} MB are needed" if needed_mb else ""
    return KernelsError(f"no space left in {folder}{needs}: free some, or name another place with "
                        "KERNEL_CACHE=DIR (kernels) or TMPDIR=DIR (guests)")


def need_space(folder: Path, needed_mb: int) -> None:
    """Rather before half of it is written than after."""
    if shutil.disk_usage(folder).free < needed_mb << 20:
        raise no_space(folder, needed_mb)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Whatever is written in here: a full disk or a refused one is told in one line."""
    try:
        yield
    except OSError as err:
        if err.errno in (errno.ENOSPC, errno.EDQUOT):
            raise no_space(folder) from err
        if err.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise KernelsError(f"cannot write to {err.filename or folder}: {err.strerror}; name "
                               "another place with KERNEL_CACHE=DIR", USAGE) from err
        raise


def tool(name: str, what_for: str) -> str:
    """The path of a program, or what installs it."""
    found = shutil.which(name)
    if not found:
        raise KernelsError(f"{name} is missing ({what_for}): {SETUP}")
    return found
