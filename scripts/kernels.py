#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kernels.py [run] [WORD…] [options]: how kernels start processes, each booted under QEMU.

A WORD is a Debian kernel: 6.1, 6.12-rt, arm64:6.12; or --kernel PATH is your own. Each is fetched
(cached), booted around the static program, asked the conformance suite, the feature probes and a
deterministic plan; results go to results/, and one page compares them. The guest's clock counts
instructions (QEMU -icount): no cache misses, no time. --time asks for times, where KVM works.

Further commands: `kernels.py prove` (boots repeat, load changes nothing, 1 % is found), `profile`
(where the instructions of a spawn go), `test` (the tests inside a guest), `fetch` (into the cache
alone). Exit 0: good; 1: a check failed, or a kernel panicked or hangs; 2: bad usage or input; 3:
this machine or that kernel cannot do it; 4: cut short.
"""

from __future__ import annotations

import argparse
import importlib
import math
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from kernels import plan as plans, qemu
from kernels.boot import BOOT_SECONDS
from kernels.campaign import ROOT, Campaign, Ended, Settings
from kernels.errors import CUT, GOOD, SETUP, UNABLE, KernelsError
from kernels.fetch import Cache, parse
from kernels.image import Kernel, own
from kernels.progress import Durations, Progress
from kernels.results import give_back

DEFAULT = ("6.1", "6.12", "6.12-rt", "arm64:6.12")
COMMANDS = {"run": "", "fetch": "", "prove": "kernels.prove", "profile": "kernels.profile",
            "test": "kernels.guesttest"}
BOUND_S = 600.0
PAGE_SECONDS = 600


def words_of(given: Sequence[str]) -> list[str]:
    """KERNELS="6.1 6.12" arrives as one argument."""
    return [word for text in given for word in text.split()]


def wanted(options: argparse.Namespace, cache: Cache) -> list[Kernel]:
    """Your own ones first; the default set if nothing was named."""
    words = words_of(options.words) or ([] if options.kernel else list(DEFAULT))
    known = [parse(word) for word in words]  # a typing error costs no download
    return [own(path) for path in options.kernel] + [cache.kernel(w) for w in known]


def compare(folders: Sequence[Path], out: Path) -> int:
    """The page of several, or the one of one. Its exit status; without .venv, there is no page."""
    python = ROOT / ".venv" / "bin" / "python"
    if not python.is_file():
        print(f"no page: .venv is missing: make setup; then make report RESULTS='"
              f"{' '.join(map(str, folders))}'")
        return GOOD
    where = ["-o", str(out)] if len(folders) > 1 else []
    try:
        ran = subprocess.run([python, ROOT / "scripts" / "report.py", *folders, *where], check=False,
                             timeout=PAGE_SECONDS)
    except subprocess.TimeoutExpired as err:
        raise KernelsError(f"the page took more than {PAGE_SECONDS} s; the results are there",
                           CUT) from err
    if ran.returncode == 0:
        give_back(out if where else folders[0])
    return ran.returncode


def told(ended: Sequence[Ended]) -> int:
    for one in ended:
        how = one.boot.outcome if one.boot else "not booted"
        seconds = f" in {one.boot.seconds:.0f} s" if one.boot else ""
        place = f": {os.path.relpath(one.folder)}" if one.folder else ""
        print(f"{one.kernel.label} ({one.kernel.release}): {how}{seconds}{place}")
    return max((one.code for one in ended), default=GOOD)


def run(options: argparse.Namespace) -> int:
    progress = Progress([], options.jobs)
    cache = Cache(say=progress.say, refresh=options.refresh)
    settings = Settings(
        plans.Plan(options.scenario, options.quick, options.only, tuple(options.set),
                   options.conform, options.conform_only),
        cmdline=options.cmdline, add=options.add, qemu=options.qemu, memory_mb=options.memory,
        timeout_s=options.timeout, silence_s=options.silence, name=options.name, at_a_time=options.jobs,
        results=options.results, programs=options.programs or Settings.programs,
        make=options.programs is None, accel=qemu.KVM if options.time else qemu.ICOUNT)
    for arch in qemu.MACHINES if options.qemu else ():
        qemu.version(qemu.find(arch, options.qemu))
    kernels = wanted(options, cache)
    campaign = Campaign(settings, cache, progress, Durations(cache.folder / "durations.json"))
    ended = campaign.run(kernels)
    code = told(ended)
    folders = [one.folder for one in ended if one.folder]
    if folders and options.page:
        code = max(code, compare(folders, options.output))
    return code


def fetch(options: argparse.Namespace) -> int:
    cache = Cache(refresh=options.refresh)
    for kernel in wanted(options, cache):
        cache.busybox(kernel.arch)  # a guest needs it as well, and then perhaps without a network
        print(f"{kernel.label}: {kernel.package or 'your own'}: {kernel.path}")
    return GOOD


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"'{text}': expected 1 or more")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"'{text}': expected seconds, more than 0")
    return number


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="kernels.py", description=__doc__.split("\n\n")[0],
        epilog="More: kernels.py prove|profile|test|fetch --help")
    made.add_argument("words", nargs="*", metavar="WORD", help=f"default: {' '.join(DEFAULT)}")
    made.add_argument("--kernel", type=Path, action="append", default=[], metavar="PATH",
                      help="a bzImage (x86) or Image (arm64) of your own")
    made.add_argument("--cmdline", default="", help="added to the kernel's command line")
    made.add_argument("--add", type=Path, metavar="PATH",
                      help="a folder or initramfs laid over the guest's files")
    made.add_argument("--qemu", metavar="PATH", help="another QEMU")
    made.add_argument("--memory", type=_positive, default=1024, metavar="MB", help="of a guest")
    made.add_argument("--timeout", type=_seconds, default=BOUND_S, metavar="S",
                      help=f"for one boot with its plan (default: {BOUND_S:.0f})")
    made.add_argument("--silence", type=_seconds, default=BOOT_SECONDS, metavar="S",
                      help=f"before its init: longer, and it hangs (default: {BOOT_SECONDS:.0f})")
    made.add_argument("--time", action="store_true", help="times, under KVM if that works")
    made.add_argument("--jobs", type=_positive, default=min(2, os.cpu_count() or 1), metavar="N",
                      help="boots at a time")
    made.add_argument("--scenario", default="kernels", help=argparse.SUPPRESS)
    made.add_argument("--quick", action="store_true", help="the short form of the plan")
    made.add_argument("--only", metavar="REGEX", help="cases of the plan")
    made.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                      help="as for spawnmark run")
    made.add_argument("--no-conform", dest="conform", action="store_false",
                      help="without the conformance suite")
    made.add_argument("--conform-only", metavar="REGEX", help="checks of the suite")
    made.add_argument("--name", help="call these machines so, instead of qemu-ARCH")
    made.add_argument("--results", type=Path, default=ROOT / "results", metavar="DIR",
                      help="where the new results folders go")
    made.add_argument("-o", dest="output", type=Path, default=ROOT / "results" / "kernels",
                      metavar="DIR", help="where the page goes")
    made.add_argument("--no-page", dest="page", action="store_false", help="results alone")
    made.add_argument("--programs", type=Path, metavar="DIR",
                      help="static programs from there, instead of `make static`")
    made.add_argument("--refresh", action="store_true", help="ask Debian for newer kernels")
    return made


def interrupted(*_: Any) -> NoReturn:
    raise KeyboardInterrupt


def main(argv: list[str]) -> int:
    command = argv.pop(0) if argv and argv[0] in COMMANDS else "run"
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, interrupted)
    try:
        if COMMANDS[command]:
            return int(importlib.import_module(COMMANDS[command]).main(argv))
        options = parser().parse_args(argv)
        return fetch(options) if command == "fetch" else run(options)
    except KernelsError as err:
        print(f"kernels.py: {err}", file=sys.stderr)
        return err.code
    except ModuleNotFoundError as err:
        print(f"kernels.py: {command} needs Python's {err.name}, which .venv/bin/python has: "
              f"{SETUP}", file=sys.stderr)
        return UNABLE
    except OSError as err:
        print(f"kernels.py: {err.filename or command}: {err.strerror or err}", file=sys.stderr)
        return UNABLE
    except KeyboardInterrupt:
        print("kernels.py: interrupted; nothing is left running", file=sys.stderr)
        return CUT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
