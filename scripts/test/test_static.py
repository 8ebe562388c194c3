# SPDX-License-Identifier: MIT
"""The program of one file, in an empty folder and environment; and the build for a test machine."""

from __future__ import annotations

import gzip
import json
import os
import platform
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import SCRIPTS

import conformfile
import report
import runfile
import samples

ROOT = SCRIPTS.parent
BUILD = ROOT / os.environ.get("B", "build")
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
LEFT = "spawnmark-static-*"
# One of every group, and those of which a static program does it in another way: fork handlers,
# the vDSO, what has to be loaded.
ONLY = "^(identity[.]ppid[.]parent|exit[.]code|fd[.]open[.]entry|env[.]private|thread[.]atfork" \
       "|random[.](arc4random|vdso)|thread[.]lock[.](malloc|loader)|layer[.](root|full)" \
       "|memory[.]layout[.]addresses)"
ET_EXEC, ET_DYN = 2, 3


def say(*argv: str | Path, cwd: Path, timeout: int = 300, **env: str
        ) -> subprocess.CompletedProcess[str]:
    """With no environment but what is given."""
    return subprocess.run([str(word) for word in argv], cwd=cwd, env=env, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=timeout, check=False)


def make(*argv: str) -> None:
    made = subprocess.run(["make", "-j2", *argv], cwd=ROOT, capture_output=True, text=True,
                          env={**os.environ, "MAKEFLAGS": ""}, timeout=600, check=False)
    assert made.returncode == 0, made.stdout + made.stderr


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy far from the build, so that nothing of it is found beside."""
    make("static", f"B={os.path.relpath(BUILD, ROOT)}")
    copy = tmp_path_factory.mktemp("static") / "spawnmark"
    shutil.copy2(BUILD / "static" / f"spawnmark-{ARCH}", copy)
    copy.parent.chmod(0o755)
    return copy


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    made = tmp_path / "empty"
    made.mkdir()
    return made


@pytest.fixture
def temp(tmp_path: Path) -> Path:
    """What TMPDIR names; the tests of other programs must not meet there."""
    made = tmp_path / "temp"
    made.mkdir()
    return made


def run(program: Path, empty: Path, temp: Path, *argv: str) -> dict[str, Any]:
    ran = say(program, "run", *argv, "-o", "out", cwd=empty, TMPDIR=str(temp))
    assert ran.returncode == 0, ran.stderr
    assert list(temp.iterdir()) == [], "nothing is left of what was unpacked"
    raw = runfile.read_json(empty / "out" / "run.json")
    assert runfile.check(raw) == []
    return raw


def test_runs_what_is_c_and_tells_what_is_not(program: Path, empty: Path, temp: Path) -> None:
    raw = run(program, empty, temp, "startup", "--quick")
    assert [p.name for p in empty.iterdir()] == ["out"]
    assert raw["context"]["spawnmark"]["environment"]["programs"] == "static"
    status = {(c["payload"], c["status"]) for c in raw["cases"] if c["section"] in ("none", "python")}
    assert ("none", "ok") in status and ("python", "unavailable") in status
    assert not {s for _, s in status} - {"ok", "unavailable"}
    told = {e["text"] for c in raw["cases"] if c["status"] == "unavailable" for e in c["errors"]}
    assert told == {"not measured: built without Python (PROFILE=kernel, make static)"}


def test_is_reported_elsewhere(program: Path, empty: Path, temp: Path) -> None:
    raw = run(program, empty, temp, "startup", "--quick", "--only", "/none")
    assert raw["context"]["spawnmark"]["commit"] is not None or not (ROOT / ".git").exists()
    assert report.main([str(empty / "out")]) == 0
    assert (empty / "out" / "report.html").stat().st_size > 10000


@pytest.mark.parametrize("strategy", ["fork", "vfork", "zygote3"])
def test_conforms(program: Path, empty: Path, temp: Path, strategy: str) -> None:
    ran = say(program, "conform", "--strategy", strategy, "--only", ONLY, "--json", "c.json",
              cwd=empty, TMPDIR=str(temp))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    cells = conformfile.load(empty / "c.json").cells
    assert "PASS" in {cell.verdict for cell in cells.values()}
    # What cannot be in a static program is told, and not taken for a failure.
    assert cells["thread.lock.loader", strategy].verdict == "SKIP"
    assert cells["random.arc4random", strategy].verdict == "PASS"
    # Code too, though the other checks' programs are always loaded at one address.
    if strategy == "vfork":
        placed = cells["memory.layout.addresses", strategy]
        assert (placed.verdict, placed.evidence) == \
            ("PASS", "of 5 values two siblings have 0 alike")
    assert list(temp.iterdir()) == []


def test_one_payload_of_conformance_is_loaded_anywhere(program: Path) -> None:
    types = {name: (BUILD / "static" / name).read_bytes()[16] for name in ("conform", "conform-pie")}
    assert types == {"conform": ET_EXEC, "conform-pie": ET_DYN}


def test_lists_and_probes_without_a_file_beside_it(program: Path, empty: Path, temp: Path) -> None:
    listed = say(program, "list", "scenarios", cwd=empty, TMPDIR=str(temp)).stdout
    assert [line.split()[0] for line in listed.splitlines()] == sorted(
        p.stem for p in (ROOT / "scenarios").glob("*.ini"))
    probed = json.loads(say(program, "probe", "--json", cwd=empty, TMPDIR=str(temp)).stdout)
    seen = {f["name"]: f["presence"] for f in probed["features"]}
    other = json.loads(say(BUILD / "spawnmark", "probe", "--json", cwd=ROOT, PATH="/usr/bin").stdout)
    # The vDSO, the kernel and the libc that was linked are the same in both.
    assert {f["name"] for f in other["features"]
            if f["presence"] != seen[f["name"]]} <= {"numpy"}
    assert list(temp.iterdir()) == [] and list(empty.iterdir()) == []


def test_tries_no_python(program: Path, empty: Path) -> None:
    tried = say(program, "try", "import os", cwd=empty)
    assert tried.returncode == 3
    assert "built without Python" in tried.stderr


def test_is_each_of_its_programs(program: Path, empty: Path) -> None:
    for name in ("sm-host", "none", "heap"):
        (empty / name).symlink_to(program)
        by_name = say(empty / name, cwd=empty, SM_JOB="nonsense")
        by_word = say(program, name, cwd=empty, SM_JOB="nonsense")
        assert by_name.returncode == by_word.returncode == 2, name
        assert "nonsense" in by_name.stderr and "nonsense" in by_word.stderr
    assert say(program, "none-nolibc", cwd=empty).stderr == ""


def test_unpacks_itself_and_is_a_baseline_then(program: Path, empty: Path, temp: Path) -> None:
    env = {"TMPDIR": str(temp)}
    whole = say(program, "--help", cwd=empty)
    assert whole.returncode == 0 and "unpack DIR" in whole.stdout
    assert say(program, "unpack", "--help", cwd=empty).stdout == whole.stdout
    assert "unpack" not in say(BUILD / "spawnmark", "--help", cwd=ROOT).stdout
    for argv, why in ((("unpack",), "unpack: expected a folder"), (("unpack", "no/way"), "No such file"),
                      (("unpack", program), "Not a directory")):
        told = say(program, *argv, cwd=empty)
        assert told.returncode == 2 and why in told.stderr and told.stderr.count("\n") == 1
    refused = say(program, "run", "startup", "--baseline", program, cwd=empty, **env)
    assert refused.returncode == 2 and f"`{program} unpack DIR`" in refused.stderr
    for _ in range(2):  # what is there is written anew, and the second time by the one written
        assert say(program, "unpack", "base", cwd=empty).returncode == 0
        program = empty / "base" / "spawnmark"
    assert os.access(empty / "base" / "sm-host", os.X_OK)
    raw = run(program, empty, temp, "startup", "--quick", "--only", "popen/none$", "--baseline", "base",
              "--set", "blocks=2")
    sides = {c["side"]: c for c in raw["cases"] if c["strategy"] == "popen"}
    assert all(sides[side]["metrics"]["ready"]["p50"] > 0 for side in ("base", "new"))


def test_a_killed_run_is_swept_up_by_the_next(program: Path, empty: Path, temp: Path) -> None:
    env = {"TMPDIR": str(temp)}
    began = subprocess.Popen([program, "run", "soak", "-o", "out"], cwd=empty, env=env,
                             stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 30
    while not (empty / "out" / "run.json").exists() and time.monotonic() < until:
        if any(temp.glob(f"{LEFT}/sm-host")):
            break
        time.sleep(0.01)
    assert say(program, "list", "keys", cwd=empty, **env).returncode == 0
    assert len(list(temp.glob(LEFT))) == 1, "one that is in use stays"
    began.send_signal(signal.SIGKILL)
    began.wait()
    until = time.monotonic() + 30
    while list(temp.glob(LEFT)) and time.monotonic() < until:
        # What it was just starting holds the lock until its exec.
        assert say(program, "list", "keys", cwd=empty, **env).returncode == 0
    assert list(temp.glob(LEFT)) == []


def test_says_where_it_wants_to_write(program: Path, empty: Path) -> None:
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("needs root, for a mount namespace in which nothing can be written")
    shut = "mount -o remount,ro,bind / && for d in /tmp /dev/shm /run /var/tmp; do " \
           "mount -t tmpfs -o noexec none $d; done; cd /proc && exec \"$0\" list scenarios"
    keep = Path("/opt") / f"spawnmark-test-{os.getpid()}"
    shutil.copy2(program, keep)
    try:
        ran = say("unshare", "--mount", "sh", "-c", shut, keep, cwd=empty, PATH=os.defpath)
    finally:
        keep.unlink()
    assert ran.returncode == 3, ran.stderr
    assert "TMPDIR" in ran.stderr


def test_conforms_without_a_tmp(program: Path, empty: Path) -> None:
    """Where nobody names a folder and /tmp cannot be written to, another one will do; none is told."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("needs root, for a mount namespace in which /tmp cannot be written to")
    argv = '"$0" conform --strategy vfork --only "^exit[.]code"'
    keep = Path("/opt") / f"spawnmark-test-{os.getpid()}"
    shutil.copy2(program, keep)
    try:
        done = say("unshare", "--mount", "sh", "-c", f"mount -t tmpfs -o ro none /tmp && exec {argv}",
                   keep, cwd=Path("/"), PATH=os.defpath)
        shut = "for d in /tmp /dev/shm /var/tmp /run; do mount -t tmpfs -o ro none $d; done; " \
               "mount -t tmpfs none /mnt && mkdir /mnt/{0} && cd /mnt/{0} && exec {1}"
        none = say("unshare", "--mount", "sh", "-c", shut.format("x" * 50, argv), keep, cwd=Path("/"),
                   PATH=os.defpath)
    finally:
        keep.unlink()
    assert done.returncode == 0 and "1 PASS" in done.stdout, done.stdout + done.stderr
    assert none.returncode == 3 and "40 characters" in none.stderr and none.stderr.count("\n") == 1


@pytest.fixture(scope="session")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PROFILE=kernel where what it must not need cannot be had: headers, C++, Python."""
    build = BUILD / "kernel"
    folder = tmp_path_factory.mktemp("shut")
    for name in ("zlib.h", "seccomp.h"):
        (folder / name).write_text(f"#error {name} is not to be included\n", encoding="ascii")
    for name in ("c++", "g++", "python3", "python"):
        (folder / name).write_text("#!/bin/sh\necho $0 is not to be run >&2\nexit 1\n")
        (folder / name).chmod(0o755)
    made = subprocess.run(["make", "-j2", f"B={os.path.relpath(build, ROOT)}"], cwd=ROOT,
                          env={"PATH": f"{folder}:{os.environ['PATH']}", "CPATH": str(folder),
                               "PROFILE": "kernel"},
                          capture_output=True, text=True, timeout=600, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    return build


def test_kernel_profile_links_what_it_names(kernel: Path) -> None:
    if not shutil.which("readelf"):
        pytest.skip("readelf is missing")
    needed = say("readelf", "-d", kernel / "spawnmark", cwd=ROOT, PATH=os.environ["PATH"]).stdout
    assert "libjansson" in needed and "libinih" in needed
    assert "libseccomp" not in needed and "libz." not in needed
    assert not (kernel / "micro").exists()


def test_kernel_profile_tells_what_it_is_without(kernel: Path, tmp_path: Path) -> None:
    (tmp_path / "x.ini").write_text("[x]\nkind = latency\nstrategy = zygote3\npayload = none\n"
                                    "sandbox = none, seccomp\nblocks = 2\nsamples = 400\n")
    ran = say(kernel / "spawnmark", "run", tmp_path / "x.ini", "-o", tmp_path / "out", "--no-report",
              cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    raw = runfile.read_json(tmp_path / "out" / "run.json")
    assert runfile.check(raw) == []
    of = {c["sandbox"]: c for c in raw["cases"]}
    assert of["none"]["status"] == "ok"
    assert of["seccomp"]["status"] == "unavailable"
    assert of["seccomp"]["errors"][0]["text"] == \
        "layer seccomp is refused here: built without libseccomp"
    # Stored blocks, several of them, with a right checksum: what any reader of gzip takes.
    stored = gzip.decompress((tmp_path / "out" / "samples.bin.gz").read_bytes())
    assert len(stored) > 65535
    assert samples.beside(tmp_path / "out")


def test_kernel_profile_skips_checks_of_what_it_is_without(kernel: Path, tmp_path: Path) -> None:
    ran = say(kernel / "spawnmark", "conform", "--strategy", "zygote3", "--only",
              "^layer[.](seccomp|nnp)", "--json", tmp_path / "c.json", cwd=ROOT)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "SKIP built without libseccomp" in ran.stdout


def test_setup_of_the_kernel_profile_wants_no_python() -> None:
    wanted = [line.split()[0] for line in
              (SCRIPTS / "packages.txt").read_text(encoding="utf-8").splitlines()
              if line[:1] not in ("", "#") and line.split()[1] == "kernel"]
    assert sorted(wanted) == ["gcc", "libc6-dev", "libinih-dev", "libjansson-dev", "make"]
