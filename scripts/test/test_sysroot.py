# SPDX-License-Identifier: MIT
"""sysroot.sh: made once, from what apt hands over; nothing is left where it fails."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "kernels" / "sysroot.sh"
#: Puts one package where apt-get would, or fails with words.
APT = """\
#!/bin/sh
[ ! -e {here}/broken ] || {{ echo 'E: Unable to locate package'; exit 100; }}
case $* in
*install*) cp {here}/one.deb "$(sed -n 's/^Dir::Cache "\\(.*\\)";/\\1/p' "$2")/archives/" ;;
esac
echo "$@" >>{here}/calls
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    if not shutil.which("dpkg-deb"):
        pytest.skip("no dpkg-deb: this is no Debian")
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(
        "Package: one\nVersion: 1\nArchitecture: arm64\nMaintainer: x <x@x>\nDescription: one\n")
    (tree / "lib").mkdir()
    (tree / "usr" / "lib").mkdir(parents=True)
    (tree / "lib" / "libz.so.1").write_text("a library\n")
    (tree / "usr" / "lib" / "libz.so").symlink_to("/lib/libz.so.1")
    subprocess.run(["dpkg-deb", "-b", tree, tmp_path / "one.deb"], check=True, capture_output=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "apt-get").write_text(APT.format(here=tmp_path))
    (tmp_path / "bin" / "apt-get").chmod(0o755)
    return tmp_path


def run(here: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SCRIPT, "arm64"], capture_output=True, text=True, check=False, timeout=60,
                          env={**os.environ, "PATH": f"{here}/bin:{os.environ['PATH']}",
                               "XDG_CACHE_HOME": str(here / "cache")})


def test_made_once(here: Path) -> None:
    first, second = run(here), run(here)
    root = here / "cache" / "spawnmark" / "sysroot-arm64"
    assert first.returncode == second.returncode == 0, first.stderr
    assert first.stdout == second.stdout == f"{root}\n"
    assert second.stderr == ""
    assert len((here / "calls").read_text().splitlines()) == 2  # update and install, once


def test_a_link_by_its_full_path_stays_inside(here: Path) -> None:
    root = Path(run(here).stdout.strip())
    assert (root / "usr" / "lib" / "libz.so").read_text() == "a library\n"
    assert not os.readlink(root / "usr" / "lib" / "libz.so").startswith("/")


def test_a_failure_is_told_and_leaves_nothing(here: Path) -> None:
    (here / "broken").touch()
    ran = run(here)
    assert (ran.returncode, ran.stdout) == (3, "")
    assert "E: Unable to locate package" in ran.stderr
    assert [p.name for p in (here / "cache" / "spawnmark").iterdir()] == ["sysroot-arm64.lock"]
    (here / "broken").unlink()
    assert run(here).returncode == 0  # it does not stay so
