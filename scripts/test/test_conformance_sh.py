# SPDX-License-Identifier: MIT
"""conformance.sh, with a small program in spawnmark's place."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import SCRIPTS

import make_conformance

FAKE = """#!/bin/bash
printf '%s\n' "$@" >"$0.args"
echo KTAP version 1
[ -z "$FAKE_WAIT" ] || { trap 'cut=1' INT; echo ready >&2; while [ -z "$cut" ]; do sleep 0.05; done; }
[ -z "$FAKE_JSON" ] || cp "$FAKE_JSON" "$3"
exit "$FAKE_STATUS"
"""


@pytest.fixture
def tree(golden: dict[str, Any], tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A checkout with nothing in it but what the script needs, and its environment."""
    raw = make_conformance.conformance(golden["context"]["spawnmark"]["environment"])
    (tmp_path / "golden.json").write_text(json.dumps(raw), encoding="utf-8")
    (tmp_path / "scripts").symlink_to(SCRIPTS)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    python = tmp_path / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (tmp_path / "build").mkdir()
    fake = tmp_path / "build" / "spawnmark"
    fake.write_text(FAKE)
    for program in (python, fake):
        program.chmod(0o755)
    environment = {k: v for k, v in os.environ.items() if k not in ("B", "SUDO_UID", "SUDO_GID")}
    return tmp_path, environment | {"FAKE_JSON": str(tmp_path / "golden.json"),
                                    "FAKE_STATUS": "0", "FAKE_WAIT": ""}


def conformance(tree: Path, environment: dict[str, str], *options: str
                ) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(tree / "scripts" / "conformance.sh"), *options], env=environment,
                          capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("status", [0, 1, 4])
def test_script(tree: tuple[Path, dict[str, str]], status: int) -> None:
    """The run's status is the script's, and the matrix is drawn in any case."""
    top, environment = tree
    told = conformance(top, environment | {"FAKE_STATUS": str(status)}, "--only", "a b|c")
    assert told.returncode == status, told.stderr
    (folder,) = (top / "results").iterdir()
    assert re.fullmatch(rf"[\w.-]+-{re.escape(os.uname().release)}-\d{{8}}T\d{{6}}Z", folder.name)
    assert sorted(p.name for p in folder.iterdir()) == ["conformance.json", "conformance.ktap",
                                                        "matrix.html", "matrix.md"]
    assert (folder / "conformance.ktap").read_text() == "KTAP version 1\n"
    arguments = (top / "build" / "spawnmark.args").read_text()
    assert arguments.splitlines() == ["conform", "--json",
                                      f"results/{folder.name}/conformance.json", "--only", "a b|c"]
    assert "4 cells failed" in told.stdout and f"results/{folder.name}/matrix.html" in told.stdout


def test_script_without_results(tree: tuple[Path, dict[str, str]]) -> None:
    """Bad usage leaves no folder behind, and what the program printed is seen."""
    top, environment = tree
    told = conformance(top, environment | {"FAKE_JSON": "", "FAKE_STATUS": "2"})
    assert told.returncode == 2 and "KTAP version 1" in told.stdout
    assert list((top / "results").iterdir()) == []
    told = conformance(top, environment, "--json", "x")
    assert told.returncode == 2 and "-o DIR" in told.stderr


def test_script_names_what_is_missing(tree: tuple[Path, dict[str, str]]) -> None:
    top, environment = tree
    (top / "build" / "spawnmark").unlink()
    told = conformance(top, environment)
    assert told.returncode == 3 and "run 'make'" in told.stderr
    (top / ".venv" / "bin" / "python").unlink()
    told = conformance(top, environment)
    assert told.returncode == 3 and "make setup" in told.stderr


def test_script_interrupted(tree: tuple[Path, dict[str, str]]) -> None:
    """^C reaches script and program alike; the program ends well, and so does the script."""
    top, environment = tree
    command = [str(top / "scripts" / "conformance.sh"), "-o", str(top / "out")]
    with subprocess.Popen(command, env=environment | {"FAKE_WAIT": "1", "FAKE_STATUS": "4"},
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          start_new_session=True) as script:
        assert script.stderr and script.stderr.readline() == "ready\n"
        os.killpg(script.pid, signal.SIGINT)
        out, _ = script.communicate(timeout=60)
    assert script.returncode == 4
    assert "4 cells failed" in out and (top / "out" / "matrix.html").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_script_under_sudo(tree: tuple[Path, dict[str, str]]) -> None:
    top, environment = tree
    told = conformance(top, environment | {"SUDO_UID": "1234", "SUDO_GID": "2345"})
    assert told.returncode == 0, told.stderr
    made = [top / "results", *(top / "results").rglob("*")]
    assert len(made) == 6
    for path in made:
        assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345), path
