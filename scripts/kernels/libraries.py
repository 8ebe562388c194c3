# SPDX-License-Identifier: MIT
"""The loader and the shared libraries of programs built for a guest, found without running them."""

from __future__ import annotations

import functools
import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from kernels.errors import UNABLE, KernelsError, tool

TRIPLET = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
HOST_ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine)
SYSROOT = Path(__file__).resolve().parent / "sysroot.sh"
_NEEDED = re.compile(r"\(NEEDED\)\s+Shared library: \[(.+)\]")
_LOADER = re.compile(r"Requesting program interpreter: (/.+)\]")
#: Opened and not linked: by glibc, when a thread ends itself; by checks, which are skipped without.
OPENED = ("libgcc_s.so.1", "libgomp.so.1", "libcrypto.so.3")


def sysroot(arch: str) -> Path:
    """Where the libraries of that architecture lie: here, or fetched for a cross build."""
    if arch == HOST_ARCH:
        return Path("/")
    ran = subprocess.run([str(SYSROOT), arch], capture_output=True, text=True, check=False)
    if ran.returncode:
        said = ran.stderr.strip().splitlines() or ["no word of it"]
        raise KernelsError(f"no libraries for {arch}: {said[-1]}", UNABLE)
    return Path(ran.stdout.strip())


@functools.lru_cache(maxsize=None)
def _asks_for(file: Path) -> tuple[tuple[str, ...], str | None]:
    """Its libraries by name, its loader by path."""
    said = subprocess.run([tool("readelf", "it tells a program's libraries"), "-dlW", str(file)],
                          capture_output=True, text=True, check=False).stdout
    loader = _LOADER.search(said)
    return tuple(_NEEDED.findall(said)), loader[1] if loader else None


def _look(root: Path, arch: str, name: str) -> Path | None:
    places = (root / f"{top}lib/{TRIPLET[arch]}/{name}" for top in ("", "usr/"))
    return next((place for place in places if place.exists()), None)


def _find(root: Path, arch: str, name: str) -> Path:
    found = _look(root, arch, name)
    if not found:
        raise KernelsError(f"{name} for {arch} is not below {root}")
    return found


def of(programs: Iterable[Path], arch: str, root: Path) -> dict[str, Path]:
    """Place in the guest → file here, for all that the programs are linked with."""
    files: dict[str, Path] = {}
    names = {name for name in OPENED if _look(root, arch, name)}
    left = [*programs, *(_find(root, arch, name) for name in names)]
    while left:
        needed, loader = _asks_for(left.pop())
        if loader:
            files[loader.lstrip("/")] = root / loader.lstrip("/")
        fresh = [n for n in needed if n not in names and not n.startswith("ld-linux")]
        names.update(fresh)
        left += [_find(root, arch, name) for name in fresh]
    files.update({f"lib/{TRIPLET[arch]}/{n}": _find(root, arch, n) for n in sorted(names)})
    return files
