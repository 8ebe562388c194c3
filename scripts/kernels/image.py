# SPDX-License-Identifier: MIT
"""Kernel images: for which machine, of which release, and whether they are whole.

A truncated image does not tell so itself: the boot loader starts what there is, and the kernel
stops before it has a console. The headers say how long it has to be.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from kernels.errors import USAGE, KernelsError

#: Documentation/arch/x86/boot.rst and Documentation/arch/arm64/booting.rst: offset, magic.
X86_MAGIC = 0x202, b"HdrS"
ARM64_MAGIC = 56, b"ARM\x64"
ZBOOT_MAGIC = 4, b"zimg"
GZIP_MAGIC = b"\x1f\x8b"
FIRST = 4096
ARCHES = ("amd64", "arm64")


@dataclass(frozen=True)
class Kernel:
    """What is booted: an image, where it came from, and what is known of how it was built."""

    arch: str
    path: Path
    release: str | None
    config: Path | None = None
    package: str | None = None  # name and version, if from a distribution
    word: str | None = None  # what was asked for: arm64:6.12-rt

    @property
    def label(self) -> str:
        name = self.word or str(self.path)
        return name if name.startswith(self.arch) or self.arch == "amd64" else f"{self.arch}:{name}"


def _has(data: bytes, magic: tuple[int, bytes]) -> bool:
    return data[magic[0]:magic[0] + len(magic[1])] == magic[1]


def _bzimage_bytes(head: bytes) -> int:
    """Boot sector and setup, then the protected-mode part in paragraphs of 16 bytes."""
    return ((head[0x1F1] or 4) + 1) * 512 + struct.unpack_from("<I", head, 0x1F4)[0] * 16


def _is_of_32_bits(head: bytes) -> bool:
    """Of boot protocol 2.12 and later, which tells (XLF_KERNEL_64)."""
    protocol, flags = (struct.unpack_from("<H", head, at)[0] for at in (0x206, 0x236))
    return protocol >= 0x20C and not flags & 1


def _bzimage_release(data: bytes) -> str | None:
    at = struct.unpack_from("<H", data, 0x20E)[0]
    text = data[at + 0x200:at + 0x300].split(b"\0")[0] if at else b""
    return text.decode("ascii", "replace").split(" ")[0] or None


def _pe_bytes(head: bytes) -> int | None:
    """An image with an EFI stub is a PE file: the end of its last section."""
    at = struct.unpack_from("<I", head, 60)[0] if head[:2] == b"MZ" else 0
    if not at or head[at:at + 4] != b"PE\0\0":
        return None
    count, optional = struct.unpack_from("<H", head, at + 6)[0], struct.unpack_from(
        "<H", head, at + 20)[0]
    table = [at + 24 + optional + 40 * i for i in range(count)]
    if not table or table[-1] + 40 > len(head):
        return None
    sizes = [struct.unpack_from("<II", head, section + 16) for section in table]
    return max(start + size for size, start in sizes)


def _arm64_release(data: bytes) -> str | None:
    found = re.search(rb"Linux version (\S+) ", data)
    return found[1].decode("ascii", "replace") if found else None


def _gunzipped(path: Path, data: bytes) -> bytes:
    inflate = zlib.decompressobj(wbits=31)
    try:
        plain = inflate.decompress(data)
    except zlib.error as err:
        raise KernelsError(f"{path} is a damaged gzip file ({err}): copy it again", USAGE) from err
    if not inflate.eof:
        raise KernelsError(f"{path} is truncated: its gzip stream has no end; copy it again", USAGE)
    return plain


def _whole(path: Path, has: int, needs: int | None) -> None:
    if needs and has < needs:
        raise KernelsError(f"{path} is truncated: {has} bytes of at least {needs}; copy it again",
                           USAGE)


def inspect(path: Path) -> tuple[str, str | None]:
    """Architecture and release. KernelsError: it is no whole kernel image that QEMU can boot."""
    try:
        data = path.read_bytes()
    except OSError as err:
        raise KernelsError(f"KERNEL={path}: {err.strerror}", USAGE) from err
    size, packed = len(data), data[:2] == GZIP_MAGIC
    if packed:
        data = _gunzipped(path, data)
    head = data[:FIRST]
    if _has(head, X86_MAGIC) and not packed:
        _whole(path, size, _bzimage_bytes(head))
        if _is_of_32_bits(head):
            raise KernelsError(f"{path} is a kernel of 32 bits, and what runs in a guest has 64: build "
                               "it with CONFIG_64BIT=y", USAGE)
        return "amd64", _bzimage_release(data)
    if _has(head, ARM64_MAGIC):
        _whole(path, len(data), _pe_bytes(head))
        return "arm64", _arm64_release(data)
    if _has(head, ZBOOT_MAGIC):
        raise KernelsError(f"{path} is an EFI zboot image, which QEMU cannot load: give "
                           "arch/arm64/boot/Image", USAGE)
    what = "an ELF file (vmlinux)" if head[:4] == b"\x7fELF" else f"{size} bytes of something else"
    raise KernelsError(f"{path} is neither a bzImage (x86) nor an Image (arm64), but {what}: give "
                       "arch/x86/boot/bzImage or arch/arm64/boot/Image", USAGE)


def _config_of(path: Path) -> Path | None:
    """Where an installed kernel and a build tree have theirs."""
    beside = path.with_name(path.name.replace("vmlinuz", "config"))
    if beside != path and beside.is_file():
        return beside
    above = [p / ".config" for p in path.resolve().parents[:4]]
    return next((p for p in above if p.is_file() and (p.parent / "Kconfig").is_file()), None)


def own(path: Path) -> Kernel:
    """A kernel of the user's, with its config if that lies where it is built or installed."""
    arch, release = inspect(path)
    return Kernel(arch, path, release, _config_of(path))
