# SPDX-License-Identifier: MIT
"""kernels.py profile [WORD…] [options]: where the instructions of one spawn go.

For each kernel, strategy and heap: who ran them (parent, child, server), when (clone, exec, exit,
faults), for what (page tables, VMAs, descriptors, cgroup, scheduler…) and in which functions; two
kernels stand side by side. Written are a table, JSON, folded stacks and flame graphs.

How it is known: a QEMU plugin counts every instruction between two markers, by call path
(plugin.c); the paths' functions are named from the guest's /proc/kallsyms. `when` is the outermost
function of a path that begins such a phase, `for what` is the function's own category in
functions.toml, or that of the nearest caller that has one. In every span the sum must agree with the
virtual clock, which is the product's own measurement of the same span, within 1 %.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from kernels import flame
from kernels import qemu as machines
from kernels.counted import ROOT, Case, cases, count
from kernels.errors import FAILED, GOOD, USAGE, KernelsError, writable, writing
from kernels.fetch import Cache, parse
from kernels.functions import Functions
from kernels.image import Kernel, own
from kernels.results import give_back
from kernels.shares import NOTE, SCHEMA, STRINGS, Profile, Table, as_json

DEFAULT = ("6.1", "6.12")
STRATEGIES = ("fork", "vfork", "zygote3")
HEAPS, PAGES = (0, 64), ("4k", "thp")
SPANS, WARMUPS, MOST_SPANS = 5, 3, 60


def _words(text: str) -> list[str]:
    found = [word for word in text.split(",") if word]
    if not found:
        raise argparse.ArgumentTypeError("expected words with commas between them")
    return found


def _heaps(text: str) -> list[int]:
    try:
        found = [int(word) for word in _words(text)]
    except ValueError as err:
        raise argparse.ArgumentTypeError(f"'{text}': expected MiB, such as 0,64") from err
    if min(found) < 0 or any(mb % 2 for mb in found):
        raise argparse.ArgumentTypeError(f"'{text}': expected even numbers of MiB, such as 0,64")
    return found


def _pages(text: str) -> list[str]:
    found = _words(text)
    if set(found) - set(PAGES):
        raise argparse.ArgumentTypeError(f"'{text}': expected {' or '.join(PAGES)}")
    return found


def _spans(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= MOST_SPANS:
        raise argparse.ArgumentTypeError(f"'{text}': expected 1 to {MOST_SPANS}")
    return int(text)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="kernels.py profile", description=__doc__.split("\n\n")[0])
    made.add_argument("words", nargs="*", metavar="WORD", help=f"default: {' '.join(DEFAULT)}")
    made.add_argument("--kernel", type=Path, action="append", default=[], metavar="PATH",
                      help="a bzImage of your own")
    made.add_argument("--strategy", type=_words, default=list(STRATEGIES), metavar="LIST",
                      help=f"default: {','.join(STRATEGIES)}")
    made.add_argument("--heap", type=_heaps, default=list(HEAPS), metavar="MIB",
                      help="of the process that is cloned; default: 0,64")
    made.add_argument("--pages", type=_pages, default=list(PAGES), metavar="LIST",
                      help="of that heap; default: 4k,thp")
    made.add_argument("--spans", type=_spans, default=SPANS, metavar="N",
                      help=f"spawns that are counted; default: {SPANS}")
    made.add_argument("--cmdline", default="", help="added to the kernel's command line")
    made.add_argument("--memory", type=int, default=1024, metavar="MB", help="of a guest")
    made.add_argument("--qemu", metavar="PATH", help="another QEMU")
    made.add_argument("-o", dest="output", type=Path, metavar="DIR",
                      help="default: results/profile-STAMP")
    return made


def _kernels(options: argparse.Namespace, cache: Cache) -> list[Kernel]:
    words = [w for text in options.words for w in text.split()]
    words = words or ([] if options.kernel else list(DEFAULT))
    known = [parse(word) for word in words]
    for wanted in known:
        _profiled(wanted.arch, f"{wanted.arch}:{wanted.word}")  # before minutes of others'
    mine = [own(path) for path in options.kernel]
    for kernel in mine:
        _profiled(kernel.arch, kernel.label)
    return mine + [cache.kernel(word) for word in known]


def _profiled(arch: str, label: str) -> None:
    if arch != "amd64":
        raise KernelsError(f"{label} is for {arch}: the profile knows amd64 alone (plugin.c follows "
                           "its calls)", USAGE)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def write(folder: Path, profiles: Sequence[Profile], tables: str) -> None:
    """profile.json, profile.txt, and of each case its stacks and pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = {"schema": SCHEMA, "unit": "instructions", "note": f"{NOTE}; {STRINGS}",
             "cases": [as_json(p) for p in profiles]}
    (folder / "profile.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    (folder / "profile.txt").write_text(tables, encoding="utf-8")
    for p in profiles:
        name = f"{p.label.replace('/', '_')}-{p.case.file}"
        title = f"{p.case.name}, Linux {p.of.release}"
        for kind, stacks in (("", p.shares.stacks), (".calls", p.shares.paths)):
            each = {(p.case.strategy, *stack): round(p.each(n)) for stack, n in stacks.items()}
            (folder / f"{name}{kind}.folded").write_text(flame.folded(each), encoding="utf-8")
            (folder / f"{name}{kind}.svg").write_text(
                flame.svg(each, title, f"one spawn, request to reaped: {NOTE}"), encoding="utf-8")


def tables_of(wanted: Sequence[Case], kernels: Sequence[Kernel], profiles: Sequence[Profile]) -> str:
    found = {(p.case, p.label): p for p in profiles}
    blocks = ["\n".join(Table(case, [found.get((case, k.label)) for k in kernels]).lines())
              for case in wanted]
    return "\n\n".join(blocks) + f"\n\n{NOTE};\n{STRINGS}\n"


def main(argv: list[str]) -> int:
    options = parser().parse_args(argv)
    cache = Cache(say=_say)
    if options.qemu:
        machines.version(machines.find("amd64", options.qemu))
    kernels = _kernels(options, cache)
    wanted = list(cases(options.strategy, options.heap, options.pages))
    functions = Functions()
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    folder = options.output or ROOT / "results" / f"profile-{stamp}"
    writable(folder.parent, "-o DIR")
    profiles = []
    for kernel in kernels:
        for counted in count(kernel, cache, wanted, warmups=WARMUPS, spans=options.spans, say=_say,
                             cmdline=options.cmdline, qemu=options.qemu, memory_mb=options.memory):
            counted.check()
            profiles.append(Profile(counted, functions))
    tables = tables_of(wanted, kernels, profiles)
    print(tables, end="")
    with writing(folder, "-o DIR"):
        write(folder, profiles, tables)
        give_back(folder)
    _say(f"written: {os.path.relpath(folder)}")
    doubts = [text for text in (p.doubts() for p in profiles) if text]
    for text in doubts:
        _say(f"profile: {text}")
    return FAILED if doubts else GOOD


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KernelsError as err:
        print(f"kernels.py profile: {err}", file=sys.stderr)
        sys.exit(err.code)
