# SPDX-License-Identifier: MIT
"""Bring your own spawner: an installation, the two example hosts on it, and bad hosts."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import SCRIPTS

import runfile

ROOT = SCRIPTS.parent
HOSTS = ROOT / "harness" / "hosts"
CPYTHON = f"{sys.executable} {HOSTS / 'cpython.py'}"
# One check of each thing that a spawner gets wrong, and none that waits long.
ONLY = "^(identity.ppid.parent|exit.code|exit.signal|exit.wait.once|fd.count.spawns|fd.open.entry" \
       "|fd.stdio.bulk|env.private|thread.spawn.concurrent)$"
TINY = """[tiny]
kind = latency
strategy = popen
payload = none
blocks = 2
samples = 3
"""


def say(*argv: str | Path, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in argv], cwd=cwd, env={**os.environ, **more},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                          check=False)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make install PREFIX=/usr DESTDIR=` made, in its folder `stage`; a relative one."""
    folder = tmp_path_factory.mktemp("byo")
    relative = os.path.relpath(folder / "stage", ROOT)
    made = say("make", "-j2", "install", f"DESTDIR={relative}", "PREFIX=/usr", cwd=ROOT,
               MAKEFLAGS="")
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture
def spawnmark(place: Path) -> Path:
    return place / "stage" / "usr" / "bin" / "spawnmark"


def flags(place: Path, *which: str) -> list[str]:
    if not shutil.which("pkg-config"):
        pytest.skip("pkg-config is missing: make setup")
    told = say("pkg-config", *which, "spawnmark", cwd=place,
               PKG_CONFIG_LIBDIR=str(place / "stage/usr/lib/pkgconfig"),
               PKG_CONFIG_SYSROOT_DIR=str(place / "stage"))
    assert told.returncode == 0, told.stderr
    return told.stdout.split()


def compile_host(place: Path, source: str, name: str) -> Path:
    (place / f"{name}.c").write_text(source, encoding="utf-8")
    made = say("cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o", name, f"{name}.c",
               *flags(place, "--cflags", "--libs"), cwd=place)
    assert made.returncode == 0, made.stderr
    return place / name


@pytest.fixture
def minimal(place: Path) -> str:
    return (place / "stage/usr/share/spawnmark/harness/hosts/minimal.c").read_text("utf-8")


def conform(spawnmark: Path, place: Path, host: str, only: str = ONLY):
    name = host.partition("=")[0]
    return say(spawnmark, "conform", "--host", host, "--strategy", name, "--only", only, cwd=place)


def test_minimal_conforms(place: Path, spawnmark: Path, minimal: str) -> None:
    compile_host(place, minimal, "minimal")
    told = conform(spawnmark, place, "minimal=./minimal")
    assert told.returncode == 0, told.stdout + told.stderr
    assert re.search(r"^# minimal: \d PASS$", told.stdout, re.MULTILINE), told.stdout


BROKEN = {  # what is wrong: in minimal.c, instead of it, and the check that tells
    "leaks": ("fault->err = err;", "fault->err = dup(1) < 0 ? errno : err;", "fd.count.spawns"),
    "lies": ("fault->err = err;", "fault->err = err;\n	child->pid++;", "identity.ppid.parent"),
    "hands on": ("(&actions, 3)", "(&actions, 300)", "fd.open.entry"),
    "forgets": ("	exit->utime_ns =", "	exit->status = 0;\n	exit->utime_ns =", "exit.code"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_is_caught(place: Path, spawnmark: Path, minimal: str, what: str) -> None:
    right, wrong, check = BROKEN[what]
    assert minimal.count(right) == 1
    compile_host(place, minimal.replace(right, wrong), "broken")
    told = conform(spawnmark, place, "broken=./broken", f"^{re.escape(check)}$")
    assert told.returncode == 1, told.stdout + told.stderr
    assert f"not ok 1 {check}" in told.stdout


@pytest.mark.parametrize("kind", ["popen", "forkserver"])
def test_cpython_conforms(place: Path, spawnmark: Path, kind: str) -> None:
    installed = place / "stage/usr/share/spawnmark/harness/hosts/cpython.py"
    told = conform(spawnmark, place, f"cpython-{kind}={sys.executable} {installed} {kind}")
    assert told.returncode == 0, told.stdout + told.stderr
    assert re.search(rf"^# cpython-{kind}: \d PASS", told.stdout, re.MULTILINE)


def test_run(place: Path, spawnmark: Path, minimal: str) -> None:
    """All three join what the scenario names; results go to where the installed program is run."""
    compile_host(place, minimal, "minimal")
    (place / "tiny.ini").write_text(TINY, encoding="utf-8")
    told = say(spawnmark, "run", "./tiny.ini", "--host", "minimal=./minimal", "--host",
               f"py-popen={CPYTHON} popen", "--host", f"py-fork={CPYTHON} forkserver", cwd=place)
    assert told.returncode == 0, told.stderr
    assert "requirements.txt" in told.stdout  # no .venv beside an installation: how to draw it
    run = runfile.read_json(place / "results" / "latest" / "run.json")
    assert runfile.check(run, "run.json") == []
    cases = {case["strategy"]: case for case in run["cases"]}
    assert set(cases) == {"popen", "minimal", "py-popen", "py-fork"}  # not what HELLO told
    for name, case in cases.items():
        metric = case["metrics"]
        assert case["status"] == "ok" and metric["ready"]["n"] == 6, name
        assert metric["entered"]["p50"] <= metric["ready"]["p50"] <= metric["worked"]["p50"]
    assert cases["py-fork"]["traits"] == ["RUNS_ATFORK", "OWN_SERVER"]
    assert "posix_spawn" in cases["minimal"]["summary"]


def test_payload_is_loaded(place: Path, spawnmark: Path) -> None:
    """A real fork server's child has what the scenario imports, from its server."""
    (place / "loaded.ini").write_text(
        TINY.replace("payload = none", "payload = python\npreamble = import os, wave; server = "
                     "os.getpid()\nimports = wave\nwork = (os.getppid(), server)\n"
                     "check = _[0] == _[1] and wave.__name__ == 'wave'\n"
                     f"interpreter = {sys.executable}"), encoding="utf-8")
    told = say(spawnmark, "run", "./loaded.ini", "--host", f"fs={CPYTHON} forkserver", "--set",
               "strategy=fs", "--no-report", "-o", "loaded", cwd=place)
    assert told.returncode == 0, told.stdout + told.stderr


C_OPTIONS = {  # of minimal.c: it has one, and tells which value came, in a file
    "	(void)fault;\n	*self": '	FILE *f = fopen("options", "a");\n\n	(void)fault;\n'
    '	if (f) {\n		fprintf(f, "%s\\n", setup->options ? setup->options : "-");\n'
    "		fclose(f);\n	}\n	*self",
    "	const struct sm_ops ops": '	static const char *const names[] = { "size", NULL };\n'
    "	const struct sm_ops ops",
    "		.stop = stop,": "		.stop = stop,\n		.options = names,",
    "#include <spawnmark.h>": "#include <spawnmark.h>\n#include <stdio.h>",
}
PY_OPTIONS = """import sys; sys.path[:0] = [sys.argv[1]]
import cpython, spawnmark
class Told(cpython.Popen):
    options = ("warm", "size")
    def start(self, setup):
        with open("options", "a") as file:
            print((setup.options or b"-").decode(), file=file)
        super().start(setup)
sys.exit(spawnmark.main(Told))
"""


@pytest.mark.parametrize("kind", ["c", "python"])
def test_options(place: Path, spawnmark: Path, minimal: str, kind: str) -> None:
    """What a scenario sets goes to the host whose strategy has it, and is told of its cases."""
    if kind == "c":
        for old, new in C_OPTIONS.items():
            assert minimal.count(old) == 1, old
            minimal = minimal.replace(old, new)
        compile_host(place, minimal, "told")
        command = "./told"
    else:
        (place / "told.py").write_text(PY_OPTIONS, encoding="utf-8")
        command = f"{sys.executable} told.py {HOSTS}"
    (place / "options").unlink(missing_ok=True)
    (place / "tuned.ini").write_text(TINY + "[quick]\npool_size = 3, default\n", encoding="utf-8")
    told = say(spawnmark, "run", "./tuned.ini", "--quick", "--host", f"mine={command}",
               "--no-report", "-o", f"tuned-{kind}", cwd=place)
    assert told.returncode == 0, told.stdout + told.stderr
    run = runfile.read_json(place / f"tuned-{kind}" / "run.json")
    assert runfile.check(run, "run.json") == []
    assert {case["name"]: case["params"] for case in run["cases"]} == {
        "tuned/popen/none": {}, "tuned/mine/none/pool_size=3": {"pool_size": "3"},
        "tuned/mine/none/pool_size=default": {"pool_size": "default"}}
    told_of = (place / "options").read_text("utf-8").split("\n")[:-1]
    assert sorted(told_of) == ["-", "-", "size=3", "size=3"]  # one start a block
    told = say(spawnmark, "run", "./tuned.ini", "--host", f"mine={command}", "--set", "trim=yes",
               "-o", "bad", cwd=place)
    assert told.returncode == 2 and "key 'trim'" in told.stderr, told.stderr


BAD = [  # host, more options, exit status, message
    ("mine", [], 2, "expected NAME=COMMAND"),
    ("mine=", [], 2, "expected NAME=COMMAND"),
    ("a b=./minimal", [], 2, "expected NAME=COMMAND"),
    ("popen=./minimal", [], 2, "'popen' is the name of another strategy"),
    ("mine=no-such-program-here", [], 2, "is not on PATH"),
    ("mine=./nowhere", [], 2, "cannot be executed: No such file or directory"),
    ("mine=false", [], 2, "--host mine: the host exited with status 1"),
    ("mine=sh -c 'echo why >&2; exit 3'", [], 2, "the host exited with status 3: why"),
    ("mine=a | b", [], 2, "is not one command with arguments"),
]


@pytest.mark.parametrize("command", ["run", "conform"])
@pytest.mark.parametrize("host,more,status,message", BAD)
def test_bad_host(place: Path, spawnmark: Path, command: str, host: str, more: list[str],
                  status: int, message: str) -> None:
    words = ["run", "startup", "-o", "bad"] if command == "run" else ["conform"]
    told = say(spawnmark, *words, "--host", host, *more, cwd=place)
    assert (told.returncode, len(told.stderr.splitlines())) == (status, 1), told.stderr
    assert message in told.stderr
    assert not (place / "bad").exists()


@pytest.mark.parametrize("trait", ["METER", "PARENT_LOADS"])
def test_traits_that_none_may_have(place: Path, spawnmark: Path, minimal: str, trait: str) -> None:
    # sm_host() itself refuses one that loads itself and is none.
    compile_host(place, minimal.replace("SM_FRESH_IMAGE,", f"SM_FRESH_IMAGE | SM_{trait},"), "odd")
    for words in (["run", "startup", "-o", "bad"], ["conform"]):
        told = say(spawnmark, *words, "--host", "odd=./odd", cwd=place)
        assert (told.returncode, len(told.stderr.splitlines())) == (2, 1), told.stderr
        reason = "the host must be a payload" if trait == "PARENT_LOADS" else "the trait METER"
        assert "--host odd: " in told.stderr and reason in told.stderr


def test_strategies_of_a_run(place: Path, spawnmark: Path, minimal: str) -> None:
    compile_host(place, minimal, "minimal")
    (place / "tiny.ini").write_text(TINY, encoding="utf-8")
    base = [spawnmark, "run", "./tiny.ini", "--no-report", "-o", "named"]
    told = say(*base, "--set", "strategy=popen,mine", cwd=place)
    assert told.returncode == 2 and "--host mine=COMMAND" in told.stderr
    told = say(*base, "--set", "strategy=popen", "--host", "mine=./minimal", cwd=place)
    assert told.returncode == 2 and "--host mine: no case" in told.stderr
    told = say(*base, "--set", "strategy=mine", "--host", "mine=./minimal", cwd=place)
    assert told.returncode == 0, told.stderr
    run = json.loads((place / "named" / "run.json").read_text("utf-8"))
    assert [case["strategy"] for case in run["cases"]] == ["mine"]


def test_bindings_fit(place: Path) -> None:
    """The structures of spawnmark.py are the header's, field by field."""
    structs = {"Fault": "sm_fault", "Setup": "sm_setup", "Request": "sm_req", "Child": "sm_child",
               "Exit": "sm_exit", "Ops": "sm_ops", "Payload": "sm_payload"}
    other = {("Child", "stdin"): "in", ("Child", "stdout"): "out", ("Child", "stderr"): "err",
             ("Exit", "utime"): "utime_ns", ("Exit", "stime"): "stime_ns"}
    sys.path.insert(0, str(HOSTS))
    import spawnmark as sm

    lines, ours = [], []
    for name, struct in structs.items():
        kind = getattr(sm, name)
        lines.append(f'printf("%zu\\n", sizeof(struct {struct}));')
        ours.append(sm.c.sizeof(kind))
        for field, *_ in kind._fields_:
            lines.append(f'printf("%zu\\n", offsetof(struct {struct}, '
                         f"{other.get((name, field), field)}));")
            ours.append(getattr(kind, field).offset)
    for name in ("CHILD_OF_PARENT", "FRESH_IMAGE", "RUNS_ATFORK", "OWN_SERVER", *(
            n for n in vars(sm) if n.startswith("STAGE_"))):
        lines.append(f'printf("%zu\\n", (size_t)SM_{name});')
        ours.append(getattr(sm, name))
    for name in ("SETSID", "PGID", "UMASK", "GROUPS", "GID", "UID", "FDS"):
        lines.append(f'printf("%zu\\n", (size_t)SM_REQ_{name});')
        ours.append(getattr(sm, name))
    source = "#include <stddef.h>\n#include <stdio.h>\n#include <spawnmark.h>\nint main(void)\n{\n" \
        + "\n".join(lines) + "\nreturn 0;\n}\n"
    told = say(compile_host(place, source, "sizes"), cwd=place)
    assert [int(line) for line in told.stdout.split()] == ours
