# SPDX-License-Identifier: MIT
"""Runs of pairs: real ones, of two builds and of two settings; and what is no base side."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import SCRIPTS

import report
import runfile

ROOT = SCRIPTS.parent
BUILD = ROOT / os.environ.get("B", "build")
PROGRAMS = ("spawnmark", "sm-host", "libspawnmark.so", "sm-atfork.so", "payloads")
TINY = """[tiny]
kind = latency
strategy = {}
payload = {}
blocks = 4
samples = 5
warmup = 1
"""


def spawnmark(folder: Path, *argv: str, strategy: str = "zygote3", payload: str = "heap"
              ) -> subprocess.CompletedProcess[str]:
    (folder / "tiny.ini").write_text(TINY.format(strategy, payload), encoding="utf-8")
    return subprocess.run([BUILD / "spawnmark", "run", folder / "tiny.ini", *argv, "--no-report",
                           "-o", folder / "out"], cwd=ROOT, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=120, check=False)


def paired(folder: Path, *argv: str, **scenario: str) -> dict[str, Any]:
    ran = spawnmark(folder, *argv, **scenario)
    assert ran.returncode == 0, ran.stderr
    raw = json.loads((folder / "out" / "run.json").read_text(encoding="utf-8"))
    assert runfile.check(raw) == []
    return raw


def by_name(raw: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {c["name"]: c for c in raw["cases"]}


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A second build: the same programs in another folder."""
    made = tmp_path / "other"
    made.mkdir()
    for name in PROGRAMS:
        copy = shutil.copytree if (BUILD / name).is_dir() else shutil.copy2
        copy(BUILD / name, made / name)
    return made


def test_settings(tmp_path: Path) -> None:
    """What was planted is what differs; both sides are visited by turns, block by block."""
    raw = paired(tmp_path, "--set", "delay=300us", "--baseline-set", "delay=0")
    cases = by_name(raw)
    new, base = cases["tiny/zygote3/heap/delay=300us"], cases["tiny/zygote3/heap/delay=300us@base"]
    assert (new["side"], base["side"]) == ("new", "base")
    assert (new["params"], base["params"]) == ({"delay": "300us"}, {})
    assert [b["index"] for b in new["blocks"]] == [b["index"] for b in base["blocks"]] == [0, 1, 2, 3]
    began = [b["at_ns"] < n["at_ns"] for b, n in zip(base["blocks"], new["blocks"])]
    assert began in ([True, False] * 2, [False, True] * 2)
    # Within one spawn: what the machine does between two of them is nobody's delay.
    waited = [case["timeline"]["ready"] - case["timeline"]["entered"] for case in (new, base)]
    assert waited[0] >= 300_000 > waited[1]
    told = raw["context"]["spawnmark"]["plan"]["baseline"]
    assert told["set"] == ["delay=0"] and told["version"] == raw["context"]["library_version"]


@pytest.mark.parametrize(("plant", "told"), [
    ("delay=2ms", ("delay", "2000us")),
    ("spin=60000000", ("spin", "60000000"))])  # in 2 ms, no CPU executes so many
def test_plants_reach_every_child(tmp_path: Path, plant: str, told: tuple[str, str]) -> None:
    """Whoever makes it: no child is ready before its delay is over."""
    every = "popen, vfork, posix_spawn, shell, fork, recycle, forkserver, zygote, zygote3, subreaper"
    ran = spawnmark(tmp_path, "--set", plant, strategy=every)
    assert ran.returncode == 0, ran.stderr
    cases = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))["cases"]
    assert len(cases) == 10
    for case in cases:
        assert case["metrics"]["ready"]["min"] >= 2_000_000, case["name"]
        assert case["timeline"]["ready"] - case["timeline"]["entered"] >= 2_000_000, case["name"]
        assert case["params"] == dict([told])


@pytest.mark.parametrize("strategy", ["popen", "fork", "zygote"])
def test_base_side_is_of_the_other_build(tmp_path: Path, other: Path, strategy: str) -> None:
    """Its host and its payload: where they cannot work, its cases fail, and they alone."""
    assert by_name(paired(tmp_path, "--baseline", str(other), strategy=strategy))
    heap = other / "payloads" / "heap"
    heap.unlink()
    heap.write_text("#!/bin/sh\n[ \"$SM_JOB\" != child ] || exit 9\nexec "
                    f"{BUILD / 'payloads' / 'heap'} \"$@\"\n", encoding="utf-8")
    heap.chmod(0o755)
    ran = spawnmark(tmp_path, "--baseline", str(other / "spawnmark"), strategy=strategy)
    cases = by_name(json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8")))
    assert cases[f"tiny/{strategy}/heap"]["status"] == "ok"
    # Clones are never exec'd: the script is only their server, or their parent.
    bad = strategy == "popen"
    assert cases[f"tiny/{strategy}/heap@base"]["status"] == ("failed" if bad else "ok")
    assert ran.returncode == (1 if bad else 0)


def test_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of the base side reaches its children, in place of the caller's own."""
    monkeypatch.setenv("LANG", "C")
    script = tmp_path / "payload.py"
    script.write_text("#!/bin/sh\n[ \"$SM_JOB\" != child ] || "
                      "[ \"$(env | grep -c ^LANG=)$LANG\" = 1xx ] || exit 7\n"
                      f"exec {BUILD / 'payloads' / 'none'} \"$@\"\n", encoding="utf-8")
    script.chmod(0o755)
    ran = spawnmark(tmp_path, "--baseline-env", "LANG=xx", strategy="popen", payload=str(script))
    cases = by_name(json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8")))
    assert cases["tiny/popen/payload.py@base"]["status"] == "ok"
    assert cases["tiny/popen/payload.py"]["status"] == "failed"
    assert ran.returncode == 1


def test_hosts(tmp_path: Path) -> None:
    """Two command lines of one's own spawner."""
    host = f"cpy=python3 {ROOT}/harness/hosts/cpython.py "
    raw = paired(tmp_path, "--host", host + "popen", "--baseline-host", host + "forkserver",
                 "--set", "strategy=cpy", payload="none")
    cases = by_name(raw)
    assert "OWN_SERVER" not in cases["tiny/cpy/none"]["traits"]
    assert "OWN_SERVER" in cases["tiny/cpy/none@base"]["traits"]


def _host_that_says(other: Path, program: str) -> None:
    (other / "sm-host").unlink()
    (other / "sm-host").write_text(program, encoding="utf-8")
    (other / "sm-host").chmod(0o755)


@pytest.mark.parametrize("binary, said", [
    ("/bin/true", "is no spawnmark"),
    ("/bin/cat", "is no spawnmark"),
    ("/nonexistent", "No such file or directory"),
    ("/etc/passwd", "cannot be executed"),
    (".", "./spawnmark: No such file or directory"),
])
def test_no_baseline(tmp_path: Path, binary: str, said: str) -> None:
    ran = spawnmark(tmp_path, "--baseline", binary)
    assert ran.returncode == 2
    assert said in ran.stderr and ran.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_build_without_host(tmp_path: Path, other: Path) -> None:
    (other / "sm-host").unlink()
    ran = spawnmark(tmp_path, "--baseline", str(other))
    assert ran.returncode == 2 and "sm-host: No such file or directory" in ran.stderr


def test_build_without_payload(tmp_path: Path, other: Path) -> None:
    (other / "payloads" / "heap").unlink()
    ran = spawnmark(tmp_path, "--baseline", str(other))
    assert ran.returncode == 2 and "base side: " in ran.stderr and "heap is missing" in ran.stderr


def test_host_that_does_not_speak(tmp_path: Path, other: Path) -> None:
    _host_that_says(other, "#!/bin/sh\necho 'no strategy of that name' >&2\nexit 1\n")
    ran = spawnmark(tmp_path, "--baseline", str(other))
    assert ran.returncode == 2 and "does not answer as popen" in ran.stderr
    assert ran.stderr.count("\n") == 1


#: As the host of a build before SM_PROTOCOL answers: a TRAITS that ends before it, and DONE.
OLD_HOST = """#!/usr/bin/python3
import os, socket, struct
sock = socket.socket(fileno=int(os.environ["SM_JOB"].rpartition("/")[2]))
def say(kind, data):
    sock.sendall(struct.pack("=IHHII", 0x31666D73, kind, 0, len(data), 0) + data)
sock.recv(4096)
say(109, struct.pack("=32s160s128sQ", b"popen", b"as it was", b"", 0))
say(100, bytes(72))
sock.recv(4096)
say(100, bytes(72))
"""


def test_other_protocol(tmp_path: Path, other: Path) -> None:
    _host_that_says(other, OLD_HOST)
    ran = spawnmark(tmp_path, "--baseline", str(other))
    assert ran.returncode == 2 and ran.stderr.count("\n") == 1
    assert "sm-host speaks protocol 0, and this program 1" in ran.stderr
    # The same of a host beside the suite: built with another version of the library.
    ran = spawnmark(tmp_path, "--host", f"old={other / 'sm-host'}", strategy="popen")
    assert ran.returncode == 2 and "--host old: it speaks protocol 0" in ran.stderr


def test_unequal_sides(tmp_path: Path) -> None:
    ran = spawnmark(tmp_path, "--baseline-set", "blocks=3")
    assert ran.returncode == 2 and "has 4 blocks, and 3 on the base side" in ran.stderr


def test_report_is_of_the_new_side(golden: dict[str, Any], tmp_path: Path,
                                   capsys: pytest.CaptureFixture[str]) -> None:
    """The base side is no strategy more: it says what an ordinary run would."""
    def told(raw: dict[str, Any]) -> str:
        (tmp_path / "run.json").write_text(json.dumps(raw), encoding="utf-8")
        assert report.main([str(tmp_path), "--summary-only"]) == 0
        return capsys.readouterr().out

    alone = told(golden)
    for case in golden["cases"]:
        case["side"] = "new"
    golden["cases"] += [{**c, "name": c["name"] + "@base", "side": "base"} for c in golden["cases"]]
    golden["context"]["spawnmark"]["plan"]["baseline"] = {"command": "x", "version": "0"}
    both = told(golden)
    assert both.startswith(alone)
    assert "of a run of pairs the new side alone" in both[len(alone):]
