# SPDX-License-Identifier: MIT
"""The example for GitHub is YAML, and every command in it is one that exists."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import SCRIPTS

ROOT = SCRIPTS.parent
EXAMPLE = SCRIPTS / "ci" / "regression.yml"
#: Debian's, as setup installs it: it is in no list of .venv.
PYTHON = "/usr/bin/python3"
READ = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout, default=str)"


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    if subprocess.run([PYTHON, "-c", "import yaml"], capture_output=True, check=False).returncode:
        pytest.skip("python3-yaml is missing: make setup")
    told = subprocess.run([PYTHON, "-c", READ, EXAMPLE], capture_output=True, text=True,
                          check=False)
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def commands(text: str) -> list[list[str]]:
    """Words of each command of a script of one level: what a shell would start, and with what."""
    joined = text.replace("\\\n", " ")
    parts = re.split(r"\n|&&|\|\||;", joined)
    return [words for part in parts if (words := shlex.split(part, comments=True))]


def told_by(*argv: str | Path) -> str:
    told = subprocess.run([str(word) for word in argv], cwd=ROOT, capture_output=True, text=True,
                          timeout=60, check=False)
    assert told.returncode == 0, told.stderr
    return told.stdout


def flags(words: list[str]) -> set[str]:
    return {word for word in words if re.fullmatch(r"--?[a-z][a-z-]*", word)}


def has(text: str, flag: str) -> bool:
    return re.search(rf"(^|[\s,]){re.escape(flag)}($|[\s,=])", text, re.M) is not None


def check_make(words: list[str]) -> None:
    """Targets, and variables that Makefile or setup.sh knows."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    setup = (SCRIPTS / "setup.sh").read_text(encoding="utf-8")
    rest = iter(words[1:])
    for word in rest:
        if word == "-C":
            next(rest)
        elif "=" in word:
            assert re.search(rf"\b{word.partition('=')[0]}=", makefile + setup), word
        elif not word.startswith("-"):
            assert re.search(rf"^{re.escape(word)}:", makefile, re.M), word


def check_spawnmark(words: list[str]) -> None:
    program = ROOT / os.environ.get("B", "build") / "spawnmark"
    if not program.exists():
        pytest.skip("build/spawnmark is missing: make")
    help_text = told_by(program, words[1], "--help")
    for flag in flags(words):
        assert has(help_text, flag), f"{flag} of {words[1]}"
    for name in words[2:3]:
        assert name in told_by(program, "list", "scenarios")


def check_script(words: list[str]) -> None:
    script = ROOT / words[1]
    assert script.parent == SCRIPTS and script.exists(), words[1]
    help_text = told_by(sys.executable, script, "--help")
    for flag in flags(words):
        assert has(help_text, flag), f"{flag} of {words[1]}"


CHECKS = {"make": check_make, "build/spawnmark": check_spawnmark,
          ".venv/bin/python": check_script}


def test_it_is_a_workflow(workflow: dict[str, Any]) -> None:
    """`on` is read as a boolean in YAML 1.1, and as a word by GitHub."""
    assert {"name", "jobs", "permissions"} <= workflow.keys() and len(workflow) == 4
    assert "pull_request" in (workflow.get("on") or workflow.get("true") or workflow["True"])
    for job in workflow["jobs"].values():
        assert "runs-on" in job and "timeout-minutes" in job
    for step in steps(workflow):
        assert ("run" in step) != ("uses" in step), step
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"])


def test_every_command_exists(workflow: dict[str, Any]) -> None:
    found = [words for step in steps(workflow) for words in commands(step.get("run", ""))
             if words[0] in CHECKS]
    assert {words[0] for words in found} == set(CHECKS)
    for words in found:
        CHECKS[words[0]](words)


def test_what_the_comment_offers_exists() -> None:
    lines = [line.lstrip("# ") for line in EXAMPLE.read_text(encoding="utf-8").splitlines()
             if line.startswith("#   ")]
    assert lines
    for line in lines:
        check_spawnmark(shlex.split(line))


@pytest.mark.parametrize("bad", ["make nothing", "build/spawnmark run startup --never",
                                 "build/spawnmark run nothing", "make setup NOTHING=1",
                                 ".venv/bin/python scripts/export.py x --never",
                                 ".venv/bin/python scripts/nothing.py"])
def test_the_check_bites(bad: str) -> None:
    [words] = commands(bad)
    with pytest.raises(AssertionError):
        CHECKS[words[0]](words)


def test_scripts_are_whole(workflow: dict[str, Any]) -> None:
    """As bash reads them, GitHub's own expressions taken for words."""
    for step in steps(workflow):
        if "run" in step:
            told = subprocess.run(["bash", "-n"], input=step["run"], capture_output=True, text=True,
                                  check=False)
            assert told.returncode == 0, told.stderr


def test_what_is_uploaded_is_made(workflow: dict[str, Any]) -> None:
    """Each file of the artifact is named by a command, or is what a run leaves."""
    script = "\n".join(step.get("run", "") for step in steps(workflow))
    [upload] = [s for s in steps(workflow) if s.get("uses", "").startswith("actions/upload")]
    for path in upload["with"]["path"].split():
        inside = path.removeprefix("new/")
        assert inside != path
        assert inside in script or (Path(inside).name in ("report.html", "run.json")
                                    and f"-o {Path(inside).parent}" in script)


@pytest.mark.parametrize(("status", "ends"), [(0, 0), (1, 1), (2, 2), (4, 0)])
def test_the_job_fails_on_a_regression_alone(workflow: dict[str, Any], tmp_path: Path, status: int,
                                             ends: int) -> None:
    """The step itself, with a compare.py that ends as it is told."""
    [step] = [s for s in steps(workflow) if "compare.py" in s.get("run", "")]
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / "results" / "pairs").mkdir(parents=True)
    fake = tmp_path / ".venv" / "bin" / "python"
    fake.write_text(f"#!/bin/sh\necho said\nexit {status}\n")
    fake.chmod(0o755)
    summary = tmp_path / "summary"
    told = subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                          cwd=tmp_path, env={**os.environ, "GITHUB_STEP_SUMMARY": str(summary)},
                          capture_output=True, text=True, check=False)
    assert told.returncode == ends, told.stderr
    assert summary.read_text() == "said\n"
    assert ("::warning::" in told.stdout) == (status == 4)
