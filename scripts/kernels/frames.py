# SPDX-License-Identifier: MIT
"""What comes out of a guest's serial port: frames, each a whole copy of its /out.

One after each step, so that a later panic loses nothing. A frame whose checksum is not its own is
not unpacked. Line and bytes are written by guest/init.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import shutil
import tarfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

HEADER = re.compile(rb"@spawnmark frame (\w+) (\d+) ([0-9a-f]{64})\n")
LONGEST_HEADER = 200
#: A guest that sends more than this is not ours.
MOST_BYTES = 256 << 20
#: What unpacking one may raise whose checksum is right: packed wrong already in the guest.
DAMAGES = (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError)


@dataclass
class Frames:
    """Bytes as they arrive; the newest whole frame is kept."""

    newest: bytes | None = None
    names: list[str] = field(default_factory=list)
    damaged: str | None = None
    _pending: bytearray = field(default_factory=bytearray)
    _wanted: tuple[str, int, str] | None = None

    def feed(self, data: bytes) -> None:
        self._pending += data
        while self._take():
            pass

    @property
    def partial(self) -> bool:
        """Something has begun and not ended."""
        return bool(self._pending)

    def _take(self) -> bool:
        if self._wanted is None:
            found = HEADER.match(self._pending)
            if not found:
                if self._pending and (len(self._pending) > LONGEST_HEADER
                                      or b"\n" in self._pending):
                    self.damaged = self.damaged or "bytes without a header"
                    self._pending.clear()
                return False
            self._wanted = found[1].decode(), int(found[2]), found[3].decode()
            del self._pending[:found.end()]
            if self._wanted[1] > MOST_BYTES:
                self.damaged, self._wanted = f"{self._wanted[1]} bytes announced", None
                return False
        name, size, digest = self._wanted
        if len(self._pending) < size:
            return False
        body, self._wanted = bytes(self._pending[:size]), None
        del self._pending[:size]
        if hashlib.sha256(body).hexdigest() == digest:
            self.newest = body
            self.names.append(name)
        else:
            self.damaged = f"the checksum of frame '{name}' is not its own"
        return True

    def unpack(self, folder: Path) -> bool:
        """The newest one's files, into the folder. False: there is none."""
        if self.newest is None:
            return False
        fresh = folder.with_name(f".{folder.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        with tarfile.open(fileobj=io.BytesIO(self.newest), mode="r:gz") as tar:
            for member in tar:
                _extract(tar, member, fresh)
        folder.mkdir(parents=True, exist_ok=True)
        for path in fresh.iterdir():
            place = folder / path.name
            if place.is_dir():
                shutil.rmtree(place)
            path.replace(place)
        fresh.rmdir()
        return True


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Plain files alone, and none outside: a guest's kernel may be anybody's."""
    name = PurePosixPath(member.name)
    if not member.isfile():
        return
    if name.is_absolute() or ".." in name.parts:
        raise tarfile.TarError(f"a file outside: {member.name}")
    data = tar.extractfile(member)
    assert data
    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data.read())
