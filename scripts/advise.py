#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""advise.py --rss 180M --import 1.4s --rate 20/s RUN…: which strategy to use, and at what price.

RUN: run.json files or results folders; one must hold the scenario model, others may add startup,
memory and isolation. Exit 0: answered; 1: --check found a prediction that is off by more than 25 %;
2: bad arguments or bad run.json; 3: the runs lack what the question needs; 4: --check found one
off in a run of too few blocks to tell (--quick).
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import textwrap
from pathlib import Path
from typing import Any, NoReturn

import units
from advice import (BUSY, TOLERANCE, Answer, Check, Lacking, Wish, advise, checks, load_runs)
from model import Image
from runfile import RunError
from stats import Estimate

SIZES = {"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
TIMES = {"ns": 1.0, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9}
PERIODS = {"": 1.0, "s": 1.0, "min": 60.0, "h": 3600.0}
NUMBER = r"(\d+(?:\.\d+)?|\.\d+)"


class Parser(argparse.ArgumentParser):
    """Bad usage is one line."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message}; see --help", file=sys.stderr)
        sys.exit(2)


def _parsed(text: str, form: str, scales: dict[str, float], example: str) -> tuple[float, float]:
    found = re.fullmatch(NUMBER + form, text)
    if not found or (found[2] or "") not in scales:
        raise argparse.ArgumentTypeError(f"'{text}': expected {example}")
    return float(found[1]), scales[found[2] or ""]


def size(text: str) -> float:
    """Bytes."""
    value, scale = _parsed(text, r"([BKMG]?)(?:i?B)?", SIZES, "a size such as 180M or 1.5G")
    return value * scale


def time(text: str) -> float:
    """ns."""
    value, scale = _parsed(text, r"([a-zµ]+)", TIMES, "a time such as 1.4s, 3ms or 20us")
    return value * scale


def rate(text: str) -> float:
    """Per second."""
    value, period = _parsed(text, r"(?:/([a-z]+))?", PERIODS, "a rate such as 20/s or 300/min")
    return value / period


def count(text: str) -> float:
    if not re.fullmatch(r"\d+", text):
        raise argparse.ArgumentTypeError(f"'{text}': expected a whole number")
    return float(text)


def parser() -> Parser:
    made = Parser(prog="advise.py", description=__doc__.split("\n\n")[0], allow_abbrev=False,
                  epilog=__doc__.split("\n\n", 1)[1])
    add = made.add_argument
    add("runs", nargs="+", type=Path, metavar="RUN", help="run.json, or a folder that has one")
    add("--rss", type=size, metavar="SIZE", help="RSS of the program when it has loaded everything")
    add("--import", type=time, dest="load", metavar="TIME", help="its start, until it is usable")
    add("--rate", type=rate, default=0.0, metavar="N/s", help="requests")
    add("--work", type=time, default=0.0, metavar="TIME",
        help="CPU of a request's work in a fresh child (copy-on-write faults included)")
    add("--sandbox", default="none", metavar="NAME", help="none, ns, full or layers")
    add("--anon", type=size, metavar="SIZE", help="what a clone copies of the RSS: memory in "
        "mappings with pages of their own (default: the share that the runs' Python has)")
    add("--vmas", type=count, metavar="N", help="mappings with pages of their own")
    add("--maps", type=count, metavar="N", help="other mappings")
    add("--fds", type=count, default=8.0, metavar="N", help="its descriptors (default 8)")
    add("--hooks", type=time, metavar="TIME", help="fork handlers of its runtime and libraries")
    add("--parent-rss", type=size, default=0.0, metavar="SIZE",
        help="what the asking program itself holds: popen clones it (default 0)")
    add("--parent-threads", type=count, default=1.0, metavar="N")
    add("--pool", type=count, default=8.0, metavar="N", help="children waiting (default 8)")
    add("--warm", action="store_true",
        help="they have done the work once: its CPU is spent twice, and its memory while they wait")
    add("--check", action="store_true",
        help="no wish: hold the model against the payloads that the runs have measured")
    add("--json", action="store_true", help="the same as JSON")
    return made


def wish_of(options: argparse.Namespace) -> Wish:
    return Wish(rss=options.rss, copied=options.anon, anon_vmas=options.vmas,
                plain_vmas=options.maps, fds=options.fds, load=options.load, hooks=options.hooks,
                work=options.work, rate=options.rate, sandbox=options.sandbox,
                parent_rss=options.parent_rss, parent_threads=options.parent_threads,
                pool=int(options.pool), warm=options.warm)


def _cells(a: Answer) -> tuple[str, ...]:
    memory = units.size(a.private) if a.private is not None else units.NOTHING
    return (a.strategy, units.time(a.ready.value, a.ready.ci),
            units.time(a.p99.value, a.p99.ci) if a.p99 else units.NOTHING,
            units.time(a.cpu), f"{units.digits(100 * a.share)} %",
            memory, units.size(a.page_tables) if a.page_tables else units.NOTHING,
            units.size(a.idle) if a.idle is not None else units.NOTHING,
            _part(a.inherited), _part(a.reachable))


def _part(part: tuple[int, int] | None) -> str:
    return f"{part[0]}/{part[1]}" if part else units.NOTHING


HEAD = ("strategy", "ready p50 [95 %]", "p99", "CPU/child", "of a CPU", "private", "tables",
        "idle", "inherits", "reaches")


def table(lines: list[tuple[str, ...]]) -> list[str]:
    width = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return ["  ".join(c.ljust(w) if i == 0 else c.rjust(w)
                      for i, (c, w) in enumerate(zip(line, width))) for line in lines]


def _carries(a: Answer, wish: Wish) -> str:
    per_cpu = 1e9 / a.cpu if a.cpu else float("inf")
    if not wish.rate:
        return f"One CPU carries at most {units.digits(per_cpu)} a second."
    said = f"At {wish.rate:g}/s it takes {units.digits(100 * a.share)} % of one CPU"
    if a.share >= 1:
        return f"{said}: one CPU does NOT carry it ({units.digits(per_cpu)} a second at most)."
    if a.share >= BUSY:
        return f"{said}: requests will queue, and times be longer than these."
    return f"{said}: one CPU carries it."


def _exposes(a: Answer) -> str:
    if a.inherited is None and a.reachable is None:
        return "What it leaves exposed was not measured: run the scenario isolation as well."
    said = []
    if a.inherited:
        said.append(f"a child inherits {units.share(a.inherited)} secrets of the parent")
    if a.reachable:
        said.append(f"{units.share(a.reachable)} attacks on other processes of the same uid go "
                    "through")
    return f"Exposed: {', and '.join(said)}."


def _price_of_idling(best: Answer, rest: list[Answer], wish: Wish) -> list[str]:
    """What it takes before anybody asks, and who is soonest of those that take nothing."""
    lines = [f"Its price is memory: {wish.pool} children that wait take {units.size(best.idle)}."]
    other = next((a for a in rest if a.idle is None and not a.unsafe), None)
    if other:
        lines.append(f"Without it the soonest is {other.strategy}: "
                     f"{units.time(other.ready.value, other.ready.ci)}.")
    return lines


def explain(answers: list[Answer], wish: Wish, image: Image, said: str) -> list[str]:
    best, rest = answers[0], answers[1:]
    p99 = f", {units.time(best.p99.value)} at p99" if best.p99 else ", p99 not predictable"
    word = "Use" if not best.unsafe else "All leave the parent's secrets in the child; soonest is"
    lines = [f"{word} {best.strategy}: ready after {units.time(best.ready.value, best.ready.ci)}"
             f"{p99}.", _carries(best, wish), _exposes(best)]
    level = [a for a in rest if not a.unsafe and a.ready.ci and best.ready.ci
             and a.ready.low <= best.ready.high]
    if level:
        lines.append("Its interval does not tell it from " + ", ".join(
            f"{a.strategy} ({units.time(a.ready.value, a.ready.ci)})" for a in level) + ".")
    lines += [f"Not {a.strategy}, though sooner: its child holds the parent's memory." for a in rest
              if a.unsafe and a.ready.value < best.ready.value]
    if best.idle is not None:
        lines += _price_of_idling(best, rest, wish)
    lines += [f"{n[0].upper()}{n[1:]}." for n in best.notes]
    lines.append(f"A clone of this image copies {image.copied_mib:.0f} MiB in "
                 f"{image.anon_vmas:.0f} mappings, and {image.plain_vmas:.0f} others ({said}).")
    lines.append("Times are of one request at a time. p99: the clone's p50 × p99 ÷ p50 over all "
                 "model cases of the strategy; what the payload itself adds, as it is.")
    return lines


def _pair(est: Estimate | None) -> dict[str, Any] | None:
    return {"value_ns": est.value, "ci_ns": est.ci, "n": est.n} if est else None


def answer_json(a: Answer) -> dict[str, Any]:
    return {"strategy": a.strategy, "ready": _pair(a.ready), "p99": _pair(a.p99),
            "cpu_ns_per_child": a.cpu, "cpu_share": a.share, "one_cpu_carries": a.carries,
            "private_bytes": a.private, "page_tables_bytes": a.page_tables,
            "idle_bytes": a.idle, "inherited": a.inherited, "reachable": a.reachable,
            "unsafe": a.unsafe, "notes": a.notes}


def tell_advice(options: argparse.Namespace) -> int:
    wish = wish_of(options)
    answers, image, said = advise(load_runs(options.runs), wish)
    lines = explain(answers, wish, image, said)
    if options.json:
        print(json.dumps({"answers": [answer_json(a) for a in answers], "explanation": lines,
                          "image": vars(image)}, indent=1))
        return 0
    wrapped = [w for line in lines for w in textwrap.wrap(line, 100)]
    print("\n".join([*wrapped, "", *table([HEAD, *map(_cells, answers)])]))
    return 0


def _judged(made: list[Check]) -> str:
    if made[0].crowded:
        return "the ratio of p10 (ready bends with the heap: the machine was shared)"
    return "the ratio of p50"


def check_json(c: Check) -> dict[str, Any]:
    return {"strategy": c.case.strategy, "case": c.case.name, "predicted": _pair(c.predicted),
            "measured_ns": c.measured, "ratio": c.ratio,
            "ratio_p10": c.quiet, "judged_by": "p10" if c.crowded else "p50", "good": c.good, "basis": c.basis}


def tell_checks(options: argparse.Namespace) -> int:
    made, skipped = checks(load_runs(options.runs))
    if not made:
        raise Lacking("nothing could be checked: " + "; ".join(skipped))
    if options.json:
        print(json.dumps({"checks": [check_json(c) for c in made], "skipped": skipped}, indent=1))
    else:
        lines = [("strategy", "scenario", "predicted ready", "measured", "ratio", "of p10", "", "from")]
        lines += [(c.case.strategy, c.case.scenario, units.time(c.predicted.value, c.predicted.ci),
                   units.time(c.measured), f"{c.ratio:.2f}",
                   f"{c.quiet:.2f}" if c.quiet else units.NOTHING, c.verdict, c.basis)
                  for c in made]
        print("\n".join([*table(lines), *(f"not checked: {s}" for s in skipped),
                         f"good: {_judged(made)} within {TOLERANCE:.0%}"]))
    found = {c.verdict for c in made}
    return 1 if "OFF" in found else 4 if "few blocks" in found else 0


def main(argv: list[str]) -> int:
    options = parser().parse_args(argv)
    if not options.check:
        for name, value in (("--rss", options.rss), ("--import", options.load)):
            if value is None:
                parser().error(f"{name} is missing: what the program needs when it has loaded, "
                               "as --rss 180M --import 1.4s")
    try:
        return tell_checks(options) if options.check else tell_advice(options)
    except RunError as err:
        print(f"advise.py: {err}", file=sys.stderr)
        return 2
    except Lacking as err:
        print(f"advise.py: {err}", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
