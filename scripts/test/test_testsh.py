# SPDX-License-Identifier: MIT
"""test.sh itself, in a checkout of small programs that say what tests say."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import SCRIPTS

#: Waits for what another step makes, within a bound: both are there at once, or the step fails.
MEET = """#!/bin/bash
meet() { : >"$TOP/$1.here"; for _ in {1..1000}; do [ ! -e "$TOP/$2.here" ] || return 0; sleep 0.01; done; return 1; }
"""
GOOD = """#!/bin/bash
printf '[==========] Running 2 test(s).\\n[       OK ] one\\n[       OK ] two\\n[==========] 2 test(s) run.\\n'
"""
BAD = """#!/bin/bash
echo '[==========] Running 2 test(s).'
echo '[ RUN      ] one'
for i in {1..300}; do echo "noise $i"; done
echo '[  ERROR   ] --- 0x7 != 0x8'
echo '[   LINE   ] --- harness/test/x.c:3: error: Failure!'
echo '[  FAILED  ] one'
for i in {1..30}; do echo "more noise $i"; done
echo '[       OK ] two'
echo '[==========] 2 test(s) run.'
exit 1
"""
PYTEST = """
def show(n):
    return "\\n".join(f"line {i}" for i in range(n))


def test_small():
    assert 6 * 7 == 43, "not what was hoped for"


def test_long():
    for i in range(100):
        print("noise")
    assert not "x", show(60)


def test_fine():
    pass
"""
KTAP = """#!/bin/bash
echo '  ok 1 fd.count'
echo '  not ok 2 fd.open'
echo '  # claim: closed (D01, MUST)'
echo '  # seen: 4 is open'
echo '  not ok 3 fd.old # XFAIL differs by design: so it is'
for i in {4..40}; do echo "  ok $i more"; done
echo 'not ok 1 fork'
exit 1
"""
ALONE = """#!/bin/bash
for _ in {1..30}; do
	[ "$(ls "$TOP/running")" = "" ] || { echo "beside $(ls "$TOP/running")"; exit 1; }
	sleep 0.01
done
echo "2 passed, 0 failed in 1s"
"""
RUNS = """#!/bin/bash
[ -e "$TOP/build/made" ] || { echo "nothing is built"; exit 1; }
: >"$TOP/running/$$"; sleep 0.2; rm "$TOP/running/$$"
""" + GOOD.split("\n", 1)[1]
MAKEFILE = """
all tests:
	@sleep 0.3; [ $(B) = build/san ] || ! ls running | grep .
	@mkdir -p $(B)/test; cp runs $(B)/test; : >$(B)/made
"""


class Tree:
    """A checkout with nothing in it but test.sh and what the test puts there."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.put("scripts/test.sh", (SCRIPTS / "test.sh").read_text(encoding="utf-8"))
        self.put(".venv/bin/python", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        (top / "running").mkdir()
        self.env = {k: v for k, v in os.environ.items() if k not in ("B", "TMPDIR", "JOBS")}
        self.env |= {"TOP": str(top), "JOBS": "2", "PYTHONPATH": ""}

    def put(self, name: str, text: str) -> str:
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        return str(path)

    def command(self, only: str, *words: str) -> list[str]:
        return [str(self.top / "scripts/test.sh"), "--only", only, *words]

    def run(self, only: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(only, *words), env=self.env, cwd="/", text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=120,
                              check=False)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def in_short(told: str) -> list[str]:
    return [line.strip(" |") for line in told.split("What failed, in short:")[1].splitlines()]


def test_counts_and_repeats(tree: Tree) -> None:
    good, bad = tree.put("good", GOOD), tree.put("bad", BAD)
    crash = tree.put("crash", GOOD.replace("[       OK ] two", "") + "kill -SEGV $$\n")
    told = tree.run("^(good|bad|crash)$", good, bad, crash)
    assert told.returncode == 1, told.stderr
    lines = told.stdout.splitlines()
    assert lines[-1] == "4 passed, 2 failed"
    assert any(re.fullmatch(r"ok   good +2 passed, \d s", line) for line in lines)
    assert re.search(r"^FAIL bad +1 failed: exit status 1$", told.stdout, re.M)
    assert re.search(r"^FAIL crash +1 failed: killed by SIGSEGV$", told.stdout, re.M)
    assert f"     repeat: {bad}" in lines
    assert not (tree.top / "build/tmp").exists()
    times = (tree.top / "build/test-log/times").read_text(encoding="utf-8")
    assert sorted(line.split()[0] for line in times.splitlines()) == ["bad", "crash", "good"]


def test_all_good_is_exit_0_and_nothing_is_not(tree: Tree) -> None:
    good = tree.put("good", GOOD)
    told = tree.run("^good$", good)
    assert (told.returncode, told.stdout.splitlines()[-1]) == (0, "2 passed, 0 failed")
    told = tree.run("^nothing$", good)
    assert (told.returncode, told.stdout.splitlines()[-1]) == (1, "0 passed, 1 failed")
    assert tree.run("").returncode == 2


def test_a_failed_program_says_what_it_asserted(tree: Tree) -> None:
    told = in_short(tree.run("^bad$", tree.put("bad", BAD)).stdout)
    assert "[  ERROR   ] --- 0x7 != 0x8" in told
    assert "[   LINE   ] --- harness/test/x.c:3: error: Failure!" in told
    assert "more noise 3" not in told


def test_a_failed_pytest_says_which_and_what(tree: Tree) -> None:
    tree.put("scripts/test/test_it.py", PYTEST)
    told = tree.run("^python$")
    assert told.stdout.splitlines()[-1] == "1 passed, 2 failed"
    short = in_short(told.stdout)
    for name in ("test_small", "test_long"):
        assert any(re.fullmatch(f"_+ {name} _+", line) for line in short), short
    assert "E       AssertionError: not what was hoped for" in short
    assert any(re.match(r"scripts/test/test_it.py:\d+: AssertionError", line) for line in short)
    assert any("line 1" in line for line in short) and "E   […]" in short
    assert "noise" not in short and len(short) < 45
    assert any(re.match("2 failed, 1 passed", line) for line in short)


def test_a_failed_mutant_says_how(tree: Tree) -> None:
    tree.put("scripts/mutants.py", """
for i in range(300):
    print(f"ok   mutant-{i}")
print("FAIL zygote-leaks\\n     fd.count stays PASS: 3 of 3")
print("# no mutant kills 0 MUST checks: ")
print("299 passed, 1 failed in 3s")
raise SystemExit(1)
""")
    told = tree.run("^mutants$")
    assert told.stdout.splitlines()[-1] == "299 passed, 1 failed"
    assert in_short(told.stdout)[1:5] == ["FAIL mutants", "FAIL zygote-leaks",
                                          "fd.count stays PASS: 3 of 3", "299 passed, 1 failed in 3s"]


def test_a_failed_cell_says_what_was_seen(tree: Tree) -> None:
    tree.put("scripts/test-conform.sh", KTAP)
    told = tree.run("^conform-plain$")
    assert told.stdout.splitlines()[-1] == "38 passed, 1 failed"
    short = in_short(told.stdout)
    assert "not ok 2 fd.open" in short and "# seen: 4 is open" in short
    assert not any("fd.old" in line or "more" in line for line in short)


def test_two_run_at_once_and_their_lines_do_not_mix(tree: Tree) -> None:
    """Each fails unless the other is there at the same time; what they say stands together."""
    programs = []
    for name, other in (("left", "right"), ("right", "left")):
        text = MEET + f"meet {name} {other} || exit 1\n" + \
            BAD.split("\n", 1)[1].replace("noise", name).replace("0x7", f"met-{other}")
        programs.append(tree.put(name, text))
    told = tree.run("^(left|right)$", *programs)
    assert "met-left" in told.stdout and "met-right" in told.stdout, told.stdout
    lines = told.stdout.split("What failed")[0].splitlines()
    at = [i for i, line in enumerate(lines) if line.startswith("FAIL ")]
    assert len(at) == 2 and at[0] == 0
    for block in (lines[:at[1]], lines[at[1]:]):
        name = block[0].split()[1]
        other = "left" if name == "right" else "right"
        assert any(f"more {name} 30" in line for line in block)
        assert not any(f"more {other}" in line for line in block)


def test_no_more_at_once_than_there_are_cpus(tree: Tree) -> None:
    """With one CPU the two that want to meet do not."""
    tree.env["JOBS"] = "1"
    text = MEET.replace("1000", "30")
    left = tree.put("left", text + "meet left right || exit 7\n" + GOOD)
    right = tree.put("right", text + ": >$TOP/right.here\n" + GOOD)
    told = tree.run("^(left|right)$", left, right)
    assert re.search(r"^FAIL left +1 failed: exit status 7$", told.stdout, re.M), told.stdout


def test_builds_come_first_and_who_needs_the_machine_has_it_alone(tree: Tree) -> None:
    tree.put("Makefile", MAKEFILE)
    runs = tree.put("runs", RUNS)
    tree.put("scripts/test-conform.sh", RUNS.split("printf")[0] +
             '[ -e "$B/made" ] || exit 1\necho "  ok 1 fd.count"\n')
    tree.put(".venv/bin/python", ALONE)
    steps = "build|runs|san/build|san/runs|san/conform|conform-.*|mutants"
    told = tree.run(f"^({steps})$", runs)
    lines = told.stdout.splitlines()
    assert lines[-1] == "12 passed, 0 failed", told.stdout
    assert [line.split()[1] for line in lines[:3]] == ["build", "runs", "mutants"]


def test_nobody_is_left_when_it_is_stopped(tree: Tree) -> None:
    wait = tree.put("wait", "#!/bin/bash\necho $$ >$TOP/pid.new && mv $TOP/pid.new $TOP/pid\n"
                            "sleep 1000\n")
    with subprocess.Popen(tree.command("^wait$", wait), env=tree.env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        until = time.monotonic() + 30
        while not (tree.top / "pid").exists() and time.monotonic() < until:
            time.sleep(0.01)
        pid = int((tree.top / "pid").read_text(encoding="ascii"))
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=30) == 130
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.01)  # dead, and not yet reaped by its new parent
    assert not Path(f"/proc/{pid}").exists()
    assert not (tree.top / "build/tmp").exists()


def test_what_is_missing_is_told(tree: Tree) -> None:
    shutil.rmtree(tree.top / ".venv")
    told = tree.run("^(good|mutants)$", tree.put("good", GOOD))
    assert re.search(r"^skip mutants +.venv/bin/python is missing: make setup$", told.stdout, re.M)
    assert told.stdout.splitlines()[-1] == "2 passed, 0 failed, 1 skipped"
