# SPDX-License-Identifier: MIT
"""Counting what tests in a guest came to, and finding the libraries that they need there."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from kernels import counting, guesttest, libraries, outcome
from kernels.errors import KernelsError

LOG = """\
[==========] Running 4 test(s).
[ RUN      ] one
a message
[       OK ] one
[ RUN      ] two
no python here: make setup
[  SKIPPED ] two
[ RUN      ] three
[  ERROR   ] --- 1 != 2
[  FAILED  ] three
[ RUN      ] four
[       OK ] four
[==========] 4 test(s) run.
[  PASSED  ] 2 test(s).
[  SKIPPED ] 1 test(s), listed below:
[  SKIPPED ] two
[  FAILED  ] 1 test(s), listed below:
[  FAILED  ] three

 1 FAILED TEST(S)
"""


def test_of_a_program() -> None:
    count = counting.cmocka(LOG)
    assert (count.passed, count.failed, count.skipped) == (2, 1, 1)
    assert count.failures == ["three: [  ERROR   ] --- 1 != 2"]
    assert dict(count.reasons) == {"no python here: make setup": 1}


def test_of_two_groups() -> None:
    count = counting.cmocka(LOG + LOG.replace("three", "five"))
    assert (count.passed, count.failed, count.skipped) == (4, 2, 2)


@pytest.mark.parametrize("end", ["[ RUN      ] four", "[ RUN      ] two", "[ RUN      ] one"])
def test_a_crash_in_the_middle_is_a_failure(end: str) -> None:
    count = counting.cmocka(LOG[:LOG.index(end) + len(end) + 1])
    assert count.passed + count.failed + count.skipped == 4
    assert count.failures[-1] == f"{end.split()[-1]} did not end"


@pytest.mark.parametrize("log", ["", "Segmentation fault\n"])
def test_nothing_announced_is_a_failure(log: str) -> None:
    count = counting.cmocka(log)
    assert (count.passed, count.failed, count.skipped) == (0, 1, 0)


def cell(verdict: str, reason: str | None = None) -> dict[str, str | None]:
    return {"check": "a.b", "strategy": "fork", "verdict": verdict, "feature": None,
            "reason": reason, "evidence": "seen"}


def test_of_the_suite(tmp_path: Path) -> None:
    cells = [cell("PASS"), cell("XFAIL", "by design"), cell("SKIP", "no hugetlb"), cell("NA", "n/a"),
             cell("FAIL"), cell("XPASS"), cell("BROKEN", "mmap"), cell("TIMEOUT")]
    path = tmp_path / "plain.json"
    path.write_text(json.dumps({"conformance": cells, "incomplete": False}), encoding="utf-8")
    count = counting.conformance(path)
    assert (count.passed, count.failed, count.skipped) == (2, 4, 1)
    assert count.failures[0] == "FAIL a.b of fork: seen"
    assert dict(count.reasons) == {"no hugetlb": 1}


def test_a_suite_that_was_cut_short_has_failed(tmp_path: Path) -> None:
    path = tmp_path / "plain.json"
    path.write_text(json.dumps({"conformance": [cell("PASS")], "incomplete": True}),
                    encoding="utf-8")
    assert counting.conformance(path).failed == 1


CONSOLE = """\
@spawnmark up 6.12 1.00
@spawnmark step prepare 1.50
@spawnmark end prepare 0 2.25
[    3.1] a word of the kernel's
@spawnmark step testsome 3.00
@spawnmark end testsome 137 {end}
@spawnmark step testother 700.0
"""


def test_steps_of_a_console() -> None:
    steps = outcome.steps(CONSOLE.format(end="603.10"))
    assert list(steps) == ["prepare", "testsome"]
    assert steps["prepare"] == outcome.Step(0, 0.75)
    assert (steps["testsome"].status, round(steps["testsome"].seconds, 1)) == (137, 600.1)


def test_steps_that_were_begun() -> None:
    assert outcome.begun(CONSOLE) == {"prepare", "testsome", "testother"}
    assert outcome.begun("@spawnmark step testso") == set(), "it may go on"


def test_how_far_a_step_is() -> None:
    assert outcome.whereabouts(CONSOLE) == "testother" == outcome.step(CONSOLE)
    suite = "@spawnmark step plain 3.00\n@spawnmark past fork\n@spawnmark past posix_spawn\n@spawnmark p"
    assert outcome.whereabouts(suite) == "plain, past posix_spawn"
    assert outcome.whereabouts(suite + "\n@spawnmark step testsome 9.00\n") == "testsome"
    assert outcome.whereabouts("") is None


BEGUN = "@spawnmark step testsome 3.00\n"


def ended(status: int, seconds: float) -> str:
    return f"{BEGUN}@spawnmark end testsome {status} {3 + seconds:.2f}\n"


def counted(log: str | None, out: Path, console: str) -> counting.Count:
    if log is not None:
        (out / "test_some.log").write_text(log, encoding="utf-8")
    return guesttest._count("test_some", out, console)


WELL = LOG.replace("[  FAILED  ] three\n", "[       OK ] three\n", 1).split("[==========] 4")[0]


def test_all_well(tmp_path: Path) -> None:
    count = counted(WELL, tmp_path, ended(0, 2.0))
    assert (count.passed, count.failed, count.failures) == (3, 0, [])


@pytest.mark.parametrize("console, why", [
    (ended(139, 2.0), "exit status 139"), (ended(137, 2.0), "exit status 137"),
    (ended(137, 1e6), f"killed after {guesttest.TEST_SECONDS} s of the guest's"),
    (BEGUN, "the guest was at its end in it"), ("", "the guest was at its end before it"),
])
def test_an_end_that_is_none_is_a_failure(tmp_path: Path, console: str, why: str) -> None:
    """Whatever its log says: of what did not end, or ended otherwise than it had told."""
    count = counted(WELL, tmp_path, console)
    assert (count.failed, count.failures) == (1, [why])
    count = counted(LOG[:LOG.index("three")] + "three\n", tmp_path, console)
    assert (count.failed, count.failures) == (2, ["three did not end", why])


@pytest.mark.parametrize("console, says", [
    (BEGUN, ["nothing came out of it", "the guest was at its end in it"]),
    ("", ["it did not run", "the guest was at its end before it"]),
])
def test_what_did_not_run_is_not_what_was_lost(console: str, says: list[str], tmp_path: Path,
                                               capsys: pytest.CaptureFixture[str]) -> None:
    """QEMU may die in the middle of a step, whose frame is not sent then."""
    count = counted(None, tmp_path, console)
    assert (count.passed, count.failed, count.failures) == (0, 1, says)
    guesttest._tell("test_some", count, tmp_path, None)
    assert "log:" not in capsys.readouterr().out, "there is none"


@pytest.mark.parametrize("log, says", [(None, "nothing came out of it"),
                                       ("TAP version 14\n", "it did not come to an end")])
def test_a_suite_that_was_lost(log: str | None, says: str, tmp_path: Path) -> None:
    if log is not None:
        (tmp_path / "plain.log").write_text(log, encoding="utf-8")
    count = guesttest._count("plain", tmp_path, "@spawnmark step plain 3.00\n")
    assert (count.failed, count.failures[0]) == (1, says)


def test_the_exit_status_of_failures_is_told_once(tmp_path: Path) -> None:
    count = counted(LOG, tmp_path, ended(1, 2.0))
    assert (count.failed, len(count.failures)) == (1, 1)


def test_bad_usage_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        guesttest.main(["6.12", "--only", "("])
    assert end.value.code == 2 and "'(': missing )" in capsys.readouterr().err


def test_a_choice_of_nothing_is_told_before_a_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesttest, "Cache", None)
    with pytest.raises(KernelsError, match="--only 'nowhere' fits none of [0-9]+ names; they look like "
                       "test_[a-z]+, .*, and the suites are plain and contained$") as end:
        guesttest.main(["6.12", "--only", "nowhere"])
    assert end.value.code == 2
    assert guesttest.chosen(re.compile("^test_p|tain")) == [
        *(p.stem for p in sorted((guesttest.ROOT / "harness/test").glob("test_p*.c"))), "contained"]


@pytest.mark.skipif(not shutil.which("readelf"), reason="no readelf: make setup")
def test_libraries_of_a_program_here() -> None:
    arch = libraries.HOST_ARCH
    if arch is None:
        pytest.skip(f"no triplet is known for this machine: {sys.platform}")
    files = libraries.of([Path("/bin/sh")], arch, Path("/"))
    assert any(name.endswith("/libc.so.6") for name in files)
    assert any("/ld-linux" in f"/{name}" for name in files)
    assert any(name.endswith("/libgcc_s.so.1") for name in files)
    assert all(path.is_file() for path in files.values())


def test_counts_are_added() -> None:
    total = counting.Count(1, 2, 3, ["a"])
    total += counting.Count(10, 20, 30, ["b"])
    assert (total.passed, total.failed, total.skipped, total.failures) == (11, 22, 33, ["a", "b"])


def test_libraries_of_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, each once; the loader is found by its path."""
    asked = {"program": (("liba.so",), "/lib64/ld-linux-x.so.2"), "liba.so": (("libb.so",), None),
             "libb.so": (("liba.so", "ld-linux-x.so.2"), None)}
    folder = tmp_path / "lib" / "x86_64-linux-gnu"
    folder.mkdir(parents=True)
    for name in asked:
        (folder / name).touch()
    monkeypatch.setattr(libraries, "_asks_for", lambda path: asked[path.name])
    files = libraries.of([folder / "program"], "amd64", tmp_path)
    assert set(files) == {"lib64/ld-linux-x.so.2", "lib/x86_64-linux-gnu/liba.so",
                          "lib/x86_64-linux-gnu/libb.so"}
