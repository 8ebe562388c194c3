# SPDX-License-Identifier: MIT
"""The guest's files, as an initramfs: busybox, our init, the static program, what it shall run."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kernels.errors import TEMPORARY, UNABLE, USAGE, KernelsError, no_space, tool, writing

GUEST = Path(__file__).resolve().parent / "guest"
COPY_SECONDS = 120
#: How what a kernel unpacks begins: newc, newc with checksums, gzip, bzip2, xz, lzma, lzo, lz4, zstd.
ARCHIVES = (b"070701", b"070702", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x5d\0\0", b"\x89LZO",
            b"\x02\x21\x4c\x18", b"\x28\xb5\x2f\xfd")
PT_INTERP = 3
ELF_MACHINE = {62: "amd64", 183: "arm64"}


@dataclass(frozen=True)
class Step:
    """A command of the guest, by whose name its messages and its frame go."""

    name: str
    command: str

    def __post_init__(self) -> None:
        if not self.name.isalnum() or set("\t\n") & set(self.command):
            raise ValueError(f"{self}: a name of letters, and one line")


def _needs_loader(elf: bytes) -> bool:
    """Has it a PT_INTERP? Of 64-bit, little-endian programs, which all ours are."""
    start, size, count = (struct.unpack_from(form, elf, at)[0]
                          for form, at in (("<Q", 32), ("<H", 54), ("<H", 56)))
    return any(struct.unpack_from("<I", elf, start + i * size)[0] == PT_INTERP
               for i in range(count))


def check_program(path: Path, arch: str) -> Path:
    """KernelsError: it is not there, is for another machine, or needs a loader that a guest lacks."""
    remedy = f"run 'make static ARCH={arch}'"
    try:
        data = path.read_bytes()
    except OSError as err:
        raise KernelsError(f"{path}: {err.strerror}: {remedy}") from err
    machine = int.from_bytes(data[18:20], "little") if data[:4] == b"\x7fELF" else 0
    if ELF_MACHINE.get(machine) != arch:
        raise KernelsError(f"{path} is no program for {arch}: {remedy}", USAGE)
    if _needs_loader(data):
        raise KernelsError(f"{path} is not static: {remedy}", USAGE)
    return path


def _tree(root: Path, busybox: Path, files: dict[str, Path], steps: Sequence[Step]) -> None:
    for folder in ("bin", "etc/spawnmark", "dev", "proc", "sys", "tmp", "out", "root"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    shutil.copy(busybox, root / "bin" / "busybox")
    (root / "bin" / "sh").symlink_to("busybox")
    shutil.copy(GUEST / "init", root / "init")
    (root / "init").chmod(0o755)
    for name, path in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / name)
    (root / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n"
                                         "nobody:x:65534:65534:nobody:/:/bin/false\n")
    (root / "etc" / "group").write_text("root:x:0:\nnogroup:x:65534:\n")
    (root / "etc" / "spawnmark" / "steps").write_text(
        "".join(f"{s.name}\t{s.command}\n" for s in steps))


def check_added(path: Path) -> None:
    """KernelsError: it is neither a folder nor what a kernel unpacks."""
    if path.is_dir():
        return
    try:
        with open(path, "rb") as file:
            head = file.read(8)
    except OSError as err:
        raise KernelsError(f"INITRAMFS_ADD={path}: {err.strerror}", USAGE) from err
    if not head.startswith(ARCHIVES):
        raise KernelsError(f"INITRAMFS_ADD={path} is neither a folder nor an initramfs: give a folder, "
                           "or what cpio -o -H newc makes, compressed or not", USAGE)


def _failed(what: str, stderr: bytes, place: Path, code: int) -> KernelsError:
    said = stderr.decode("utf-8", "replace").strip().splitlines() or ["no word of it"]
    if any("No space left" in line for line in said):
        return no_space(place, TEMPORARY)
    return KernelsError(f"{what}: {said[-1]}", code)


def _add(root: Path, folder: Path) -> None:
    """The user's own files, which may take the place of ours: a link is replaced, not followed."""
    ran = subprocess.run(["cp", "-a", "--no-preserve=ownership", "--remove-destination", "--",
                          f"{folder}/.", str(root)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                         check=False, timeout=COPY_SECONDS)
    if ran.returncode:
        raise _failed(f"INITRAMFS_ADD={folder}", ran.stderr, root, USAGE)


def _pack(root: Path, out: Path) -> None:
    """In the order of names and without times, so that like goes in as like. Not compressed: a
    kernel needs no further option to read it, and no instructions to unpack it."""
    names = []
    for folder, folders, files in os.walk(root):
        names += [Path(folder, n) for n in (*folders, *files)]
    for path in names:
        os.utime(path, (0, 0), follow_symlinks=False)
    listed = "".join(f"{p.relative_to(root)}\0" for p in sorted(names))
    with open(out, "wb") as file:
        ran = subprocess.run([tool("cpio", "it packs the guest's files"), "-o", "-0", "-H", "newc",
                              "-R", "0:0", "--reproducible", "--quiet"], cwd=root, stdout=file,
                             input=listed.encode(), stderr=subprocess.PIPE, check=False,
                             timeout=COPY_SECONDS)
    if ran.returncode:
        raise _failed("cpio failed", ran.stderr, out.parent, UNABLE)


def build(out: Path, *, busybox: Path, steps: Sequence[Step], files: dict[str, Path],
          add: Path | None = None) -> Path:
    """Writes it. files: place in the guest → file here. add: a folder laid over all of it, or an
    initramfs, which the kernel unpacks after ours."""
    if add:
        check_added(add)
    with writing(out.parent, TEMPORARY), tempfile.TemporaryDirectory(dir=out.parent) as made:
        root = Path(made) / "root"
        _tree(root, busybox, files, steps)
        if add and add.is_dir():
            _add(root, add)
        _pack(root, out)
        if add and not add.is_dir():
            with open(out, "ab") as whole, open(add, "rb") as more:
                shutil.copyfileobj(more, whole)
    return out
