# SPDX-License-Identifier: MIT
"""A private apt: Debian's own signatures and checksums, any architecture, nothing installed.

Its state, cache and sources are in a folder of ours; of the host's settings it takes only how to
reach the network. It needs no root, and the host's package database is not looked at.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from kernels.errors import CACHE, SETUP, KernelsError, need_space, no_space, tool, writing

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MIRROR = "http://deb.debian.org"
SOURCES = (("debian", "bookworm"), ("debian", "bookworm-backports"),
           ("debian-security", "bookworm-security"))
#: From the host's configuration: proxies, their passwords, timeouts, and how old a list may be.
NETWORK = re.compile(r"^Acquire::(https?|Check-\S+|ForceIPv[46]|Retries\b)")
SECONDS = 600
LISTS_MB = 120  # with what apt makes of them


@dataclass(frozen=True)
class Package:
    """As apt knows it."""

    name: str
    version: str
    bytes: int


class Apt:
    """One architecture's."""

    def __init__(self, arch: str, folder: Path) -> None:
        self.arch, self.root = arch, folder / f"apt-{arch}"

    def update(self) -> None:
        """Makes the folder if need be, and fetches the lists."""
        tool("apt-get", "it fetches kernels: here, give KERNEL=path/to/bzImage instead")
        if not KEYRING.is_file():
            raise KernelsError(f"{KEYRING} is missing, so nothing from Debian can be verified: "
                               f"{SETUP}, or give KERNEL=path/to/bzImage")
        with writing(self.root, CACHE):
            self._make()
        need_space(self.root, CACHE, LISTS_MB)
        self._run("apt-get", "-q", "update", "--error-on=any")

    def names(self, pattern: str) -> list[str]:
        """Packages whose whole name matches."""
        found = self._run("apt-cache", "pkgnames", "linux-image-").split()
        return [name for name in found if re.fullmatch(pattern, name)]

    def show(self, name: str) -> Package:
        """The newest version of it; KernelsError: there is none."""
        said = self._run("apt-cache", "show", "--no-all-versions", name)
        fields = dict(re.findall(r"^(Version|Size): (\S+)$", said, re.M))
        if "Version" not in fields:
            raise KernelsError(f"apt has no package {name} for {self.arch}")
        return Package(name, fields["Version"], int(fields.get("Size", 0)))

    def download(self, package: Package, folder: Path) -> Path:
        """Its .deb, whose checksum apt has compared with the signed lists."""
        need_space(folder.parent, CACHE, package.bytes // (1 << 20) + 100)
        self._run("apt-get", "-q", "download", f"{package.name}={package.version}", folder=folder)
        (deb,) = folder.glob(f"{package.name}_*.deb")
        return deb

    def _make(self) -> None:
        for part in ("lists/partial", "cache/archives/partial"):
            (self.root / part).mkdir(parents=True, exist_ok=True)
        mirror = os.environ.get("DEBIAN_MIRROR", MIRROR).rstrip("/")
        (self.root / "status").write_text("")
        (self.root / "sources.list").write_text("".join(
            f"deb [signed-by={KEYRING}] {mirror}/{path} {suite} main\n" for path, suite in SOURCES))
        (self.root / "apt.conf").write_text(self._settings())

    def _settings(self) -> str:
        host = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, timeout=60,
                              check=False, env={**os.environ, "LC_ALL": "C"}).stdout
        kept = [line for line in host.splitlines() if NETWORK.match(line)]
        # As root, apt would fetch as its own user, who cannot write below a home directory.
        return "\n".join((
            *kept, 'Dir::Etc::main "/dev/null";', 'Dir::Etc::parts "/dev/null";',
            f'Dir::Etc::sourcelist "{self.root}/sources.list";',
            'Dir::Etc::sourceparts "/dev/null";',
            'Dir::Etc::preferences "/dev/null";', 'Dir::Etc::preferencesparts "/dev/null";',
            f'Dir::State "{self.root}";', f'Dir::State::status "{self.root}/status";',
            f'Dir::Cache "{self.root}/cache";', f'APT::Architecture "{self.arch}";',
            f'APT::Architectures {{ "{self.arch}"; }};', 'APT::Sandbox::User "";',
            'Acquire::Languages "none";', 'Acquire::GzipIndexes "true";', 'Acquire::Retries "3";',
            ""))

    def _run(self, *argv: str, folder: Path | None = None) -> str:
        env = {**os.environ, "APT_CONFIG": str(self.root / "apt.conf"), "LC_ALL": "C"}
        try:
            ran = subprocess.run(argv, cwd=folder, env=env, stdin=subprocess.DEVNULL,
                                 capture_output=True, text=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired as err:
            raise KernelsError(f"{' '.join(argv[:3])} took more than {SECONDS} s: check the "
                               "network, or give KERNEL=path/to/bzImage") from err
        if ran.returncode:
            raise self._failure(argv, ran.stderr)
        return ran.stdout

    def _failure(self, argv: tuple[str, ...], said: str) -> KernelsError:
        if "No space left" in said or "enough free space" in said:
            return no_space(self.root, CACHE)
        lines = [line for line in said.splitlines() if line.startswith(("E: ", "Err:"))]
        why = (lines or said.splitlines() or ["no word of it"])[0].removeprefix("E: ")
        return KernelsError(f"{' '.join(argv[:3])} ({self.arch}): {why[:300]}: check network and "
                            "proxy, or give KERNEL=path/to/bzImage")
