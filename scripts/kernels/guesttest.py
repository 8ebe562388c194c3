# SPDX-License-Identifier: MIT
"""kernels.py test WORD…: the unit tests and the conformance suite, inside a guest with that kernel.

The programs are those of `make all tests` (ARCH=arm64: the cross build), dynamically linked, with
the libraries they were linked against. The guest counts instructions for its clock, so that a busy
machine makes no deadline of a test pass. Logs are kept; what a guest lacks is skipped, and said.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from kernels import counting, libraries, outcome
from kernels.boot import Boot, boot
from kernels.counting import Count
from kernels.errors import FAILED, GOOD, UNABLE, USAGE, KernelsError
from kernels.fetch import Cache, parse
from kernels.image import Kernel
from kernels.initramfs import GUEST, Step, build

ROOT = Path(__file__).resolve().parents[2]
HOME = "spawnmark"  # the checkout, there
PROGRAMS = ("spawnmark", "sm-host", "libspawnmark.so", "checks.so", "sm-atfork.so", "payloads/none",
            "payloads/heap", "payloads/none-static", "payloads/none-nolibc")
BESIDE = ("bad-checks.so", "handlers.so", "contain")
SHELL = "bin/dash"
#: What tests and suite read.
SOURCES = ("scenarios", "harness")
SUITES = ("plain", "contained")
TEST_SECONDS, SUITE_SECONDS = 120, 3600  # the guest's
KILLED = 128 + 9
BOOT_SECONDS = 7200.0
MEMORY_MB = 2048


def _strip(program: Path, arch: str, to: Path) -> Path:
    """Three quarters of them tell debuggers what nobody here asks."""
    to.parent.mkdir(parents=True, exist_ok=True)
    strip = shutil.which(f"{libraries.TRIPLET[arch]}-strip")
    if not strip or subprocess.run([strip, "-o", to, program], capture_output=True,
                                   check=False).returncode:
        shutil.copy(program, to)
    return to


def _sources() -> dict[str, Path]:
    listed = subprocess.run(["git", "ls-files", "-z", "--", *SOURCES], cwd=ROOT, text=True,
                            capture_output=True, check=False).stdout
    names = [n for n in listed.split("\0") if n] or [
        str(p.relative_to(ROOT)) for top in SOURCES for p in (ROOT / top).rglob("*") if p.is_file()]
    return {f"{HOME}/{name}": ROOT / name for name in names}


def _tests() -> list[str]:
    return sorted(p.stem for p in (ROOT / "harness" / "test").glob("test_*.c"))


def chosen(only: re.Pattern[str]) -> list[str]:
    """KernelsError: there is nothing of such a name."""
    whats = [*_tests(), *SUITES]
    fitting = [what for what in whats if only.search(what)]
    if not fitting:
        raise KernelsError(f"--only '{only.pattern}' fits none of {len(whats)} names; they look like "
                           f"{', '.join(whats[:3])}, and the suites are {' and '.join(SUITES)}", USAGE)
    return fitting


def _built(folder: Path, arch: str) -> list[str]:
    """The test programs. KernelsError: not all that is needed is there."""
    make = "make all tests" if arch == libraries.HOST_ARCH else f"make ARCH={arch} all tests"
    for name in (*PROGRAMS, *(f"test/{n}" for n in BESIDE)):
        if not (folder / name).is_file():
            raise KernelsError(f"{folder / name} is missing: run '{make}'")
    tests = _tests()
    lacks = [name for name in tests if not (folder / "test" / name).is_file()]
    if lacks:
        raise KernelsError(f"{folder}/test/{lacks[0]} is missing: run '{make}'")
    return tests


def _files(folder: Path, arch: str, tests: Sequence[str], work: Path) -> dict[str, Path]:
    names = [*PROGRAMS, *(f"test/{n}" for n in (*BESIDE, *tests))]
    programs = {n: _strip(folder / n, arch, work / n) for n in names}
    files = {f"{HOME}/build/{n}": path for n, path in programs.items()}
    root = libraries.sysroot(arch)
    if (root / SHELL).is_file():  # what /bin/sh is on Debian; programs' parent is rarely busybox
        programs[SHELL] = files[SHELL] = root / SHELL
    files |= libraries.of(programs.values(), arch, root)
    return files | _sources() | {"bin/test-step": GUEST / "test"}


def _name(what: str) -> str:
    return re.sub(r"[^a-z0-9]", "", what)


def _bound(what: str) -> int:
    return SUITE_SECONDS if what in SUITES else TEST_SECONDS


def _steps(whats: Sequence[str]) -> list[Step]:
    return [Step("prepare", "sh /bin/test-step prepare"),
            *(Step(_name(what), f"sh /bin/test-step {what} {_bound(what)}") for what in whats)]


def _said(what: str, out: Path, begun: bool) -> Count:
    """By its own words."""
    log, told = out / f"{what}.log", out / f"{what}.json"
    lost = Count()
    if what in SUITES and told.is_file():
        return counting.conformance(told)
    if what in SUITES or not log.is_file():
        lost.fail("it did not come to an end" if log.is_file() else
                  "nothing came out of it" if begun else "it did not run")
        return lost
    return counting.cmocka(log.read_text(encoding="utf-8", errors="replace"))


def _count(what: str, out: Path, console: str) -> Count:
    """What says that all is well and then does not end well has failed."""
    step, begun = outcome.steps(console).get(_name(what)), _name(what) in outcome.begun(console)
    count = _said(what, out, begun)
    if step and not step.status:
        return count
    why = (f"exit status {step.status}" if step else
           f"the guest was at its end {'in' if begun else 'before'} it")
    if step and step.status == KILLED and step.seconds >= _bound(what):
        why = f"killed after {_bound(what)} s of the guest's"
    if not count.failed or not step or step.status not in (FAILED, count.failed):
        count.fail(why, 0 if count.failed else 1)
    return count


def _tell(what: str, count: Count, out: Path, step: outcome.Step | None) -> None:
    print(f"{'FAIL' if count.failed else 'ok  '} {what:<20} {_sum(count):<32}"
          f"{f' in {step.seconds:.1f} s' if step else ''}")
    for failure in count.failures:
        print(f"     | {failure[:300]}")
    for reason, n in count.reasons.most_common():
        print(f"     | {n} skipped: {reason[:160]}")
    if count.failed and (out / f"{what}.log").is_file():
        print(f"     log: {out / what}.log")


def _sum(count: Count) -> str:
    return (f"{count.passed} passed, {count.failed} failed"
            f"{f', {count.skipped} skipped' if count.skipped else ''}")


def test(kernel: Kernel, *, busybox: Path, folder: Path, whats: Sequence[str], out: Path,
         qemu: str | None = None) -> tuple[Count, Boot]:
    """One guest; its logs go to out."""
    tests = _built(folder, kernel.arch)
    out.mkdir(parents=True, exist_ok=True)
    for what in whats:  # what was said last time is no word of this guest
        for kind in ("log", "json"):
            (out / f"{what}.{kind}").unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="spawnmark-guest-") as made:
        work = Path(made)
        image = build(work / "guest.cpio", busybox=busybox, steps=_steps(whats),
                      files=_files(folder, kernel.arch, tests, work / "stripped"))
        ended = boot(kernel.path, arch=kernel.arch, initramfs=image, memory_mb=MEMORY_MB, qemu=qemu,
                     timeout_s=BOOT_SECONDS, out=out, log=out / "console.log",
                     tell=lambda step: print(f"     … {step}", file=sys.stderr, flush=True))
    total, steps = Count(), outcome.steps(ended.console)
    for what in whats:
        count = _count(what, out, ended.console)
        _tell(what, count, out, steps.get(_name(what)))
        total += count
    return total, ended


def _regex(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as err:
        raise argparse.ArgumentTypeError(f"'{text}': {err}") from err


def main(argv: Sequence[str]) -> int:
    """The command; its last line is the plain count."""
    parser = argparse.ArgumentParser(prog="kernels.py test", description=__doc__.splitlines()[0])
    parser.add_argument("word", nargs="+", help="a kernel: arm64:6.12, 6.1")
    parser.add_argument("--only", default=".", type=_regex, metavar="REGEX",
                        help="programs and suites (plain, contained) whose name fits")
    parser.add_argument("-o", dest="out", type=Path, metavar="DIR", help="where logs are kept")
    options = parser.parse_args(argv)
    whats, words = chosen(options.only), {word: parse(word) for word in options.word}
    cache, total, code = Cache(), Count(), GOOD  # a typing error costs no download
    for word, known in words.items():
        kernel = cache.kernel(known)
        native = kernel.arch == libraries.HOST_ARCH
        folder = ROOT / os.environ.get("B", "build" if native else f"build/{kernel.arch}")
        out = (options.out or folder / "guest-test") / re.sub(r"\W+", "-", word)
        count, ended = test(kernel, busybox=cache.busybox(kernel.arch), folder=folder,
                            whats=whats, out=out, qemu=os.environ.get("QEMU"))
        total += count
        print(f"{kernel.label} ({outcome.release(ended.console)}): {_sum(count)}, "
              f"in {ended.seconds:.0f} s")
        if not ended.ok:
            print(f"FAIL {kernel.label}: {ended.outcome}: {ended.detail}")
            print("".join(f"     | {line}\n" for line in ended.last_lines), end="")
            code = UNABLE
    print(_sum(total))
    return FAILED if total.failed or not total.passed else code
