# SPDX-License-Identifier: MIT
"""Debian's kernels and busybox, from the cache or from the archive.

The cache has a folder for each package and, beside them, one link for each word that was asked
for; as long as that link leads somewhere nothing is looked up: a second run needs no network.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kernels.apt import Apt, Package
from kernels.errors import CACHE, USAGE, KernelsError, tool, writing
from kernels.image import ARCHES, Kernel, inspect

FLAVOURS = ("rt", "cloud", "16k")
WORD = re.compile(rf"(?:({'|'.join(ARCHES)}):)?(\d+\.\d+(?:\.[\w.+~]+?)?)"
                  rf"(?:-({'|'.join(FLAVOURS)}))?")
KERNEL_FILES = {"vmlinuz": re.compile(r"(?:\./)?boot/vmlinuz-.+"),
                "config": re.compile(r"(?:\./)?boot/config-.+")}
BUSYBOX_FILES = {"busybox": re.compile(r"(?:\./)?(?:usr/)?bin/busybox")}
UNDER_WAY = ".fetch-"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """arm64:6.12-rt: a series, perhaps a flavour, perhaps not of this architecture."""

    arch: str
    series: str
    flavour: str | None

    @property
    def word(self) -> str:
        return f"{self.series}-{self.flavour}" if self.flavour else self.series

    @property
    def pattern(self) -> str:
        """Names of packages that are it: 6.1 is 6.1.0-56 and 6.1.170, but not 6.12."""
        before = f"-{self.flavour}" if self.flavour in ("rt", "cloud") else ""
        after = f"-{self.flavour}" if self.flavour == "16k" else ""
        return (rf"linux-image-{re.escape(self.series)}(?:\.[\d.]+)?(?:\+[a-z]+\d*)*(?:-\d+)?"
                rf"{before}-{self.arch}{after}(?:-unsigned)?")


def parse(word: str) -> Wanted:
    found = WORD.fullmatch(word)
    if not found:
        raise KernelsError(f"KERNELS: '{word}' is no kernel: expected such as 6.1, 6.12-rt or "
                           "arm64:6.12", USAGE)
    return Wanted(found[1] or "amd64", found[2], found[3])


def cache_folder() -> Path:
    given = os.environ.get("KERNEL_CACHE")
    if given:
        return Path(given).absolute()
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError as err:  # neither HOME nor an entry in the password file
        raise KernelsError(f"there is no home for kernels: name a place with {CACHE}",
                           USAGE) from err
    return home / "spawnmark" / "kernels"


def newest(names: list[str]) -> str | None:
    """By number, not by letter; of two alike the signed one, which is what people boot."""
    def numbers(name: str) -> list[int]:
        return [int(n) for n in re.findall(r"\d+", re.split("-a[mr][dm]64", name)[0])]
    # linux-image-6.12-amd64 is a meta-package: nothing in it.
    return max((n for n in names if len(numbers(n)) > 2), default=None,
               key=lambda name: (numbers(name), not name.endswith("-unsigned")))


class Cache:
    """Where packages are kept."""

    def __init__(self, folder: Path | None = None, say: Say = print, refresh: bool = False) -> None:
        self.folder, self.say, self.refresh = folder or cache_folder(), say, refresh
        self._apts: dict[str, Apt] = {}

    def kernel(self, wanted: Wanted) -> Kernel:
        """The newest of the series."""
        found = self._kept(wanted.arch, wanted.word, lambda apt: self._choose(apt, wanted),
                           KERNEL_FILES)
        told = json.loads((found / "package.json").read_text(encoding="utf-8"))
        arch, release = inspect(found / "vmlinuz")
        if arch != wanted.arch:
            raise KernelsError(f"{found} holds a kernel for {arch}: remove it, and run again")
        return Kernel(arch, found / "vmlinuz", release, found / "config",
                      f"{told['name']} {told['version']}", wanted.word)

    def has_kernel(self, wanted: Wanted) -> bool:
        return (self.folder / wanted.arch / wanted.word / "package.json").is_file()

    def busybox(self, arch: str) -> Path:
        """A static one, for the guest's init."""
        return self._kept(arch, "busybox", lambda apt: apt.show("busybox-static"),
                          BUSYBOX_FILES) / "busybox"

    def _choose(self, apt: Apt, wanted: Wanted) -> Package:
        name = newest(apt.names(wanted.pattern))
        if not name:
            raise KernelsError(f"Debian bookworm has no kernel {wanted.word} for {wanted.arch} (of "
                               "main, security and backports): see apt-cache search linux-image, "
                               "or give KERNEL=path/to/bzImage", USAGE)
        return apt.show(name)

    def _kept(self, arch: str, word: str, choose: Callable[[Apt], Package],
              files: dict[str, re.Pattern[str]]) -> Path:
        link = self.folder / arch / word
        with writing(self.folder, CACHE):
            if not self.refresh and (link / "package.json").is_file():
                return link.resolve()  # a cache of somebody else's may be read alone
        with writing(self.folder, CACHE), self._alone():
            if self.refresh or not (link / "package.json").is_file():
                package = choose(self._apt(arch))
                kept = self.folder / arch / f"{package.name}_{package.version.replace(':', '%3a')}"
                if not (kept / "package.json").is_file():
                    self._fetch(arch, package, kept, files)
                _point(link, kept)
        return link.resolve()

    def _apt(self, arch: str) -> Apt:
        """Its lists are as new as this run."""
        if arch not in self._apts:
            self.say(f"asking Debian for the lists of {arch}")
            apt = Apt(arch, self.folder)
            apt.update()
            self._apts[arch] = apt
        return self._apts[arch]

    def _fetch(self, arch: str, package: Package, kept: Path,
               files: dict[str, re.Pattern[str]]) -> None:
        self.say(f"fetching {package.name} {package.version} ({package.bytes / 1e6:.0f} MB)")
        for left in kept.parent.glob(f"{UNDER_WAY}*"):  # of one that was killed: we are alone here
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=UNDER_WAY, dir=kept.parent) as made:
            work = Path(made)
            unpack(self._apts[arch].download(package, work), files, work / "kept")
            (work / "kept" / "package.json").write_text(json.dumps(
                {"name": package.name, "version": package.version, "arch": arch}) + "\n")
            shutil.rmtree(kept, ignore_errors=True)
            os.replace(work / "kept", kept)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two runs at a time share one cache."""
        for arch in ARCHES:
            (self.folder / arch).mkdir(parents=True, exist_ok=True)
        with open(self.folder / ".lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _point(link: Path, target: Path) -> None:
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target.name)
    os.replace(temporary, link)


def unpack(deb: Path, files: dict[str, re.Pattern[str]], into: Path) -> None:
    """These files of the package alone; the hundreds of megabytes of modules are not looked at."""
    into.mkdir(parents=True, exist_ok=True)
    left = dict(files)
    with subprocess.Popen([tool("dpkg-deb", "it unpacks packages"), "--fsys-tarfile", str(deb)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as made:
        assert made.stdout and made.stderr
        try:
            with tarfile.open(fileobj=made.stdout, mode="r|") as tar:
                for member in tar:
                    name = next((n for n, at in left.items() if at.fullmatch(member.name)), None)
                    data = tar.extractfile(member) if name and member.isfile() else None
                    if name and data:
                        _save(data.read(), into / name, bool(member.mode & 0o100))
                        del left[name]
                    if not left:
                        break
        except tarfile.TarError as err:
            raise KernelsError(f"{deb.name} is damaged ({err}): run again") from err
        finally:
            made.kill()
    if left:
        raise KernelsError(f"{deb.name} has no {' and no '.join(left)}: choose another kernel")


def _save(data: bytes, path: Path, executable: bool) -> None:
    path.write_bytes(data)
    path.chmod(0o755 if executable else 0o644)
