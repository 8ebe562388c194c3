# SPDX-License-Identifier: MIT
"""What tests of kernels.py boot: images that are none, frames as guest/init writes them."""

from __future__ import annotations

import hashlib
import io
import struct
import tarfile


def bzimage(release: str = "6.99.1-test", paragraphs: int = 512, protocol: int = 0x20F,
            flags: int = 0x3F) -> bytes:
    """A bzImage's header, and as many bytes as it announces."""
    head = bytearray(512 * 5 + paragraphs * 16)
    head[0x1F1] = 4
    struct.pack_into("<I", head, 0x1F4, paragraphs)
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x206, protocol)
    struct.pack_into("<H", head, 0x236, flags)
    struct.pack_into("<H", head, 0x20E, 0x400)
    text = f"{release} (somebody@somewhere) #1 SMP".encode() + b"\0"
    head[0x600:0x600 + len(text)] = text
    return bytes(head)


def arm64_image(release: str = "6.99.1-arm", size: int = 8192, earlier: int = 0) -> bytes:
    """An Image with an EFI stub: PE header, one section that ends where the file does; and one behind
    it in the table that ends earlier, if it has bytes."""
    data = bytearray(size)
    data[:2], data[56:60] = b"MZ", b"ARM\x64"
    struct.pack_into("<I", data, 60, 64)
    data[64:68] = b"PE\0\0"
    struct.pack_into("<HH", data, 68, 0xAA64, 2 if earlier else 1)
    struct.pack_into("<II", data, 88 + 40 + 16, earlier, 1024)
    struct.pack_into("<H", data, 84, 0)
    struct.pack_into("<II", data, 88 + 16, size - 512, 512)
    text = f"Linux version {release} (gcc)".encode()
    data[1024:1024 + len(text)] = text
    return bytes(data)


def archive(files: dict[str, bytes], dot: str = "./", links: dict[str, str] | None = None) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(f"{dot}{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(f"{dot}{name}")
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return packed.getvalue()


def frame(name: str, body: bytes, digest: str | None = None) -> bytes:
    digest = digest or hashlib.sha256(body).hexdigest()
    return f"@spawnmark frame {name} {len(body)} {digest}\n".encode() + body


def static_program(machine: int = 62) -> bytes:
    """As much of an ELF header as is looked at: no program header asks for a loader."""
    head = bytearray(64)
    head[:6] = b"\x7fELF\x02\x01"
    struct.pack_into("<H", head, 18, machine)
    return bytes(head)
