#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""mutants.py [NAME…]: tests of the tests. Breaks the product; do the right checks turn red?

A mutant is a row of harness/test/mutants/*.toml:

    [[mutant]]
    name = "zygote-leaks-a-pipe-end"
    strategy = "zygote"                  on which the suite is run
    file = "harness/strategies/zygote.c"
    old = '''…'''                        stands in the file exactly once
    new = '''…'''
    red = ["fd.count.server"]            the checks that turn red: these, and no other
    green = ["limit.nesting"]            if it spoils every spawn: these alone stay green
    maybe = ["signal.group.during"]      optional: what a race decides, in one run and not the next

The changed file is compiled as a copy and linked before the library, into programs of their own
below build/mutants/NAME. The product has no hooks for it. Red is what fails a run: FAIL, XPASS,
BROKEN, TIMEOUT. Slow checks are left out unless a row names them. A MUST check that no row names is an
error as well: it has never been seen to bite. Of a row that is not as it says, the cells that differ
are asked up to five times, alone, after the others: some changes leave a cell to a race. It fails when
one cell differs in every try; what differed in some is printed, for a `maybe`.

    --list      the rows, and the checks that no mutant kills; runs nothing
    --show      say what turned red, also where it is as expected
    --keep      leave build/mutants/NAME there

Exit 0: all as the rows say. 1: not so. 2: a row, or the command line, is wrong. 3: not built.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ROWS = ROOT / "harness" / "test" / "mutants"
RED = {"FAIL", "XPASS", "BROKEN", "TIMEOUT"}
PRELOAD = "harness/atfork/atfork.c"  # not of the library: of an object of its own, with the next
BESIDE = "harness/atfork/preload.c"
TRIES = 5
SECONDS = 240  # one mutant: most of its checks may have to time out
# A mutant of a sandbox may change mounts where it should not: root's get a namespace of their own.
APART = ["unshare", "--mount", "--propagation", "private"] if os.geteuid() == 0 else []
LINK = ["cc", "-Wl,--strip-debug"]
WARN = "-Wall -Wextra -Wno-unused".split()  # a mutant may leave something unused


class RowError(Exception):
    """One line: which row is wrong, and how."""


@dataclass(frozen=True)
class Mutant:
    name: str
    strategy: str
    file: str
    old: str
    new: str
    red: frozenset[str]
    origin: str
    green: frozenset[str] | None = None
    maybe: frozenset[str] = frozenset()

    def named(self) -> frozenset[str]:
        return self.red | self.maybe | (self.green or frozenset())

    def source(self) -> str:
        """The file with the change; RowError when the row no longer applies."""
        path = ROOT / self.file
        text = path.read_text() if path.is_file() else ""
        found = text.count(self.old)
        if found != 1:
            raise RowError(f"{self.origin}: {self.name}: old text stands {found} times in "
                           f"{self.file}, expected once")
        return text.replace(self.old, self.new)


def read_rows(folder: Path = ROWS) -> list[Mutant]:
    keys = {"name": str, "strategy": str, "file": str, "old": str, "new": str, "red": list}
    rows: list[Mutant] = []
    for path in sorted(folder.glob("*.toml")):
        origin = path.name
        try:
            raw = tomllib.loads(path.read_text())
        except tomllib.TOMLDecodeError as err:
            raise RowError(f"{origin}: {err}") from None
        for row in raw.get("mutant", []):
            name = row.get("name", "a row without a name")
            wrong = [k for k, kind in keys.items() if not isinstance(row.get(k), kind)]
            wrong += [k for k in row if k not in {*keys, "green", "maybe"}]
            wrong += [k for k in ("green", "maybe") if not isinstance(row.get(k, []), list)]
            if wrong:
                raise RowError(f"{origin}: {name}: missing, wrong or unknown: {', '.join(wrong)}")
            if not row["red"] or row["old"] == row["new"]:
                raise RowError(f"{origin}: {name}: changes nothing, or turns nothing red")
            sets = {k: frozenset(row[k]) for k in ("red", "green", "maybe") if k in row}
            rows.append(Mutant(**{**row, **sets}, origin=origin))
    names = [m.name for m in rows]
    for name in names:
        if names.count(name) > 1:
            raise RowError(f"mutant {name} stands there twice")
    return rows


class Builder:
    """Links changed copies of the programs that take part in a spawn."""

    def __init__(self, build: Path) -> None:
        self.build = build
        self.lib = build / "libspawnmark.a"
        self.checks = sorted((build / "o" / "harness" / "check").glob("*.o"))
        self.checks = [o for o in self.checks if o.name not in ("loader.o", "linked.o")]
        self.checks += sorted((build / "o" / "scenarios" / "conformance").glob("*.o"))
        if not (build / "spawnmark").exists() or not self.lib.exists() or not self.checks:
            raise FileNotFoundError(f"{build}: not built; run `make`")

    def compile(self, mutant: Mutant, out: Path) -> Path:
        made = out / "mutant.o"
        command = [os.environ.get("CC", "cc"), "-std=gnu11", *WARN, "-D_GNU_SOURCE", "-O2",
                   "-fPIC", f"-I{ROOT}/harness", "-iquote", str((ROOT / mutant.file).parent),
                   "-x", "c", "-c", "-o", str(made), "-"]
        text = f'#line 1 "{mutant.file}"\n' + mutant.source()
        done = subprocess.run(command, input=text, text=True, capture_output=True, cwd=ROOT)
        if done.returncode:
            raise RowError(f"{mutant.origin}: {mutant.name}: does not compile:\n{done.stderr}")
        return made

    def link(self, mutant: Mutant, out: Path) -> None:
        """The changed object comes first: what it defines is not taken from the archive."""
        first: Path | None = self.compile(mutant, out)
        preload = out / "sm-atfork.so"
        if mutant.file == PRELOAD:
            self.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-fPIC", "-shared",
                      "-Wl,-z,defs", f"-I{ROOT}/harness", "-o", preload, first, ROOT / BESIDE])
            first = None  # it is in nothing else
        else:
            os.link(self.build / "sm-atfork.so", preload)
        own = self.build / "o" / Path(mutant.file).with_suffix(".o")
        payloads = [p for p in ("none",) if (self.build / "payloads" / p).exists()]
        (out / "payloads").mkdir()
        jobs = [([self.build / "o/harness/host/sm-host.o"], out / "sm-host", [])]
        jobs += [([self.build / f"o/harness/payloads/{p}.o"], out / "payloads" / p, [])
                 for p in payloads]
        jobs.append((self.checks, out / "checks.so",
                     ["-shared", "-Wl,-z,defs", "-Wl,--exclude-libs,ALL"]))
        changed = [first] if first else []
        for objects, target, flags in jobs:
            objects = [o for o in objects if o != own]
            self.run([*LINK, *flags, "-o", target, *changed, *objects, self.lib])
        whole = ["-Wl,--whole-archive", self.lib, "-Wl,--no-whole-archive"]
        self.run([*LINK, "-shared", "-Wl,-z,muldefs", "-Wl,-z,defs", "-o",
                  out / "libspawnmark.so", *changed, *whole])
        os.link(self.build / "spawnmark", out / "spawnmark")

    @staticmethod
    def run(command: list[Any]) -> None:
        done = subprocess.run([str(word) for word in command], text=True, capture_output=True)
        if done.returncode:
            raise RowError(f"{shlex.join(map(str, command))}:\n{done.stderr}")


def list_checks(build: Path) -> list[dict[str, Any]]:
    done = subprocess.run([build / "spawnmark", "list", "checks", "--json"], cwd=ROOT, text=True,
                          capture_output=True, check=True)
    return json.loads(done.stdout)


def no_core() -> None:
    """A mutant may crash; what it leaves is of no use. Checks of cores raise the soft limit."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def conform(out: Path, strategy: str, ids: list[str]) -> dict[str, dict[str, Any]]:
    """The cells of one run by check."""
    cells = out / "cells.json"
    only = "^(" + "|".join(re.escape(i).replace(r"\-", "-") for i in ids) + ")$"
    try:
        done = subprocess.run(
            [*APART, out / "spawnmark", "conform", "--strategy", strategy, "--only", only, "--json", cells],
            cwd=ROOT, text=True, errors="replace", capture_output=True, timeout=SECONDS,
            stdin=subprocess.DEVNULL, preexec_fn=no_core)
    except subprocess.TimeoutExpired:
        raise RowError(f"the run took more than {SECONDS} s") from None
    if not cells.exists():
        raise RowError(f"no cells: {done.stderr.strip() or done.stdout.strip()}")
    return {c["check"]: c for c in json.loads(cells.read_text())["conformance"]}


def judge(mutant: Mutant, cells: dict[str, dict[str, Any]]) -> list[str]:
    """What is not as the row says, a line each. Cells that this machine skips say nothing."""
    faults = []
    for check, cell in cells.items():
        red = cell["verdict"] in RED
        meant = check in mutant.red
        if mutant.green is not None:
            meant = check not in mutant.green and cell["verdict"] != "NA"
        if check in mutant.maybe:
            continue
        if red and not meant:
            faults.append(f"{check} turned red too: {cell['verdict']}: {cell['evidence']}")
        elif not red and meant and cell["verdict"] != "SKIP":
            faults.append(f"{check} stays {cell['verdict']}: {cell['evidence']}")
    return faults


def to_ask(mutant: Mutant, checks: list[dict[str, Any]]) -> list[str]:
    return [c["id"] for c in checks if not c["slow"] or c["id"] in mutant.named()]


def try_one(builder: Builder, mutant: Mutant, ids: list[str],
            args: argparse.Namespace) -> list[str]:
    out = builder.build / "mutants" / mutant.name
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    try:
        builder.link(mutant, out)
        cells = conform(out, mutant.strategy, ids)
        if args.show:
            asked = {c: cell["verdict"] in RED for c, cell in cells.items()
                     if cell["verdict"] not in ("NA", "SKIP")}
            most = sum(asked.values()) * 2 > len(asked)
            told = sorted(c for c, red in asked.items() if red != most)
            print(f"# {mutant.name}: {'green' if most else 'red'} = {json.dumps(told)}", flush=True)
        return [f"{i} was not told" for i in ids if i not in cells] + judge(mutant, cells)
    except RowError as err:
        return [str(err)]
    finally:
        if not args.keep:
            shutil.rmtree(out, ignore_errors=True)


def try_again(builder: Builder, mutant: Mutant, ids: list[str],
              args: argparse.Namespace, faults: list[str]) -> tuple[list[str], list[str]]:
    """(what differs in every try, what differed in some): a cell that a race decides is told only.

    Alone on the machine: what the other mutants take from it is the commonest race. Each cell is
    asked of processes of its own: those that did not differ need not be asked again.
    """
    told, stays = list(faults), {key(f) for f in faults}
    for _ in range(TRIES - 1):
        if not stays:
            break
        differ = {word for k in stays for word in k.split()}
        now = try_one(builder, mutant, [i for i in ids if i in differ] or ids, args)
        stays &= {key(f) for f in now}
        told += [f for f in now if f not in told]
    return [f for f in told if key(f) in stays], [f for f in told if key(f) not in stays]


def key(fault: str) -> str:
    """Which cell, and which way it differs: the evidence after it changes from try to try."""
    return fault.split(": ")[0]


def survivors(rows: list[Mutant], checks: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Per level, the checks that no row kills."""
    killed = {check for m in rows for check in m.red}
    left: dict[str, list[str]] = {"MUST": [], "SHOULD": []}
    for check in checks:
        if check["level"] in left and check["id"] not in killed:
            left[check["level"]].append(check["id"])
    return left


def run_all(builder: Builder, rows: list[Mutant], checks: list[dict[str, Any]],
            args: argparse.Namespace) -> int:
    wrong: list[tuple[Mutant, list[str]]] = []
    differs: list[tuple[Mutant, list[str]]] = []
    with ThreadPoolExecutor(args.jobs) as pool:
        results = pool.map(lambda m: try_one(builder, m, to_ask(m, checks), args), rows)
        for mutant, faults in zip(rows, results):
            if faults or args.show or sys.stdout.isatty():
                print(f"{'try again' if faults else 'ok  '} {mutant.name}", flush=True)
            if faults:
                differs.append((mutant, faults))
    for mutant, first in differs:
        faults, told = try_again(builder, mutant, to_ask(mutant, checks), args, first)
        for fault in told:
            print(f"ok   {mutant.name}: in one try, not in another: {fault}", flush=True)
        if faults:
            wrong.append((mutant, faults))
    for mutant, faults in wrong:  # last, so that the end of the output tells what is wrong
        print(f"FAIL {mutant.name}")
        for fault in faults:
            print(f"     {fault}")
    return len(wrong)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--jobs", type=int, default=3 * (os.cpu_count() or 1),
                        help="at a time; much of what a mutant does is to wait")
    args = parser.parse_args(argv)
    began = time.monotonic()
    try:
        builder = Builder((ROOT / os.environ.get("B", "build")).resolve())
        rows, checks = read_rows(), list_checks(builder.build)
        unknown = set(args.names) - {m.name for m in rows}
        if unknown:
            raise RowError(f"no mutant {', '.join(sorted(unknown))}")
        for mutant in rows:
            mutant.source()
            strange = mutant.named() - {c["id"] for c in checks}
            if strange:
                raise RowError(f"{mutant.name}: there is no check {', '.join(sorted(strange))}")
    except FileNotFoundError as err:
        print(f"mutants: {err}", file=sys.stderr)
        return 3
    except RowError as err:
        print(f"mutants: {err}", file=sys.stderr)
        return 2
    left = survivors(rows, checks)
    if args.list:
        for mutant in rows:
            print(f"{mutant.name:40} {mutant.strategy:12} {' '.join(sorted(mutant.red))}")
    chosen = [m for m in rows if not args.names or m.name in args.names]
    failed = 0 if args.list else run_all(builder, chosen, checks, args)
    passed = 0 if args.list else len(chosen) - failed
    if not args.names:
        for level, ids in left.items():
            print(f"# no mutant kills {len(ids)} {level} checks: {' '.join(ids)}")
        failed += bool(left["MUST"])
        passed += not left["MUST"]
    print(f"{passed} passed, {failed} failed in {time.monotonic() - began:.0f}s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
