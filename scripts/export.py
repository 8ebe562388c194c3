#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""export.py RUN --format FORMAT: a run's times in the words of another tool.

RUN is a results folder or its run.json, packed or not. Times are in nanoseconds, hyperfine's in
seconds, hgrm's in microseconds; every one has the digits that run.json has. Where the run's clock
counts instructions, these two are refused, and the others say so. Exit 0: done; 2: bad
arguments or bad run.json, or nothing to export.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import re
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import hgrm
from runfile import METRICS, Case, Metric, Run, RunError, load
from samples import Samples, beside
from template import write
from units import INSTRUCTIONS

#: Of a block, as run.json names them.
BLOCK_COLUMNS = ("order", "at_ns", "instance", "n", "failed", "warmup", "steal_ns", "nivcsw",
                 "majflt", "cpu_ns")


@dataclass(frozen=True)
class Series:
    """One metric of one case."""

    case: Case
    metric: Metric

    @property
    def name(self) -> str:
        """As in run.json's benchmarks: 'startup/popen/none/ready'."""
        return f"{self.case.name}/{self.metric.name}"

    @property
    def raw(self) -> dict[str, Any]:
        return self.case.raw["metrics"][self.metric.name]

    def blocks(self) -> Iterator[tuple[dict[str, Any], float | None]]:
        """Every block of the case and its median, None where it has no sample."""
        return zip(self.case.raw["blocks"], self.raw["blocks"])

    def medians(self) -> list[float]:
        return [m for _, m in self.blocks() if m is not None]


def seconds(ns: float | None) -> float | None:
    """The point is moved, nothing is divided: up to 15 digits, all that run.json has, stay."""
    return None if ns is None else float(Decimal(repr(ns)).scaleb(-9))


def unit(run: Run) -> str:
    """Of all that run.json calls ns."""
    return "instructions" if run.clock == INSTRUCTIONS else "ns"


def _indented(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _varied(chosen: list[Series]) -> list[str]:
    """Parameters that tell the cases apart: hyperfine's plot of a sweep takes exactly one."""
    keys = sorted({key for one in chosen for key in one.case.params})
    return [key for key in keys if len({one.case.params.get(key) for one in chosen}) > 1]


def _hyperfine_result(one: Series, varied: list[str]) -> dict[str, Any]:
    medians, cpu = one.medians(), one.case.raw["cpu"] or {}
    spread = statistics.stdev(medians) if len(medians) > 1 else None
    made = {"command": one.name, "mean": seconds(statistics.fmean(medians)),
            "stddev": seconds(spread), "median": seconds(one.metric.p50),
            "user": seconds(cpu.get("user_ns")), "system": seconds(cpu.get("system_ns")),
            "min": seconds(min(medians)), "max": seconds(max(medians)),
            "times": [seconds(m) for m in medians],
            "exit_codes": [None if b["failed"] else 0 for b, m in one.blocks() if m is not None]}
    params = {key: one.case.params[key] for key in varied if key in one.case.params}
    return {**made, "parameters": params} if params else made


def hyperfine(run: Run, chosen: list[Series]) -> str:
    """A block is one of hyperfine's runs: its time is the block's median."""
    varied = _varied(chosen)
    return _indented({"results": [_hyperfine_result(one, varied) for one in chosen]})


def github_action_benchmark(run: Run, chosen: list[Series]) -> str:
    """customSmallerIsBetter; range is the interval's ends, as it need not be symmetric."""
    rows = []
    for one in chosen:
        level = one.raw["p50_ci_level"]
        said = f"{level:.1%} interval" if level else "no interval"
        row = {"name": one.name, "unit": unit(run), "value": one.metric.p50,
               "extra": f"median of {one.metric.nblocks} blocks, {said}, {one.metric.n} spawns\n"
                        f"{run.machine}, {run.mark['fingerprint']}"}
        if one.metric.ci:
            row["range"] = json.dumps(one.metric.ci)
        rows.append(row)
    return _indented(rows)


def csv_tidy(run: Run, chosen: list[Series]) -> str:
    """A row for each case, metric and block; a case's parameters have a column each."""
    params = sorted({key for one in chosen for key in one.case.params})
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["case", "scenario", "section", "kind", "strategy", "payload", "target",
                    "sandbox", "pin", "side", *(f"param.{key}" for key in params), "metric",
                    "block", *BLOCK_COLUMNS, f"median_{unit(run)}"])
    for one in chosen:
        case = one.case
        table.writerows(
            [case.name, case.scenario, case.section, case.kind, case.strategy, case.payload,
             case.target, case.sandbox, case.pin, case.side,
             *(case.params.get(key) for key in params), one.metric.name, block["index"],
             *(block[key] for key in BLOCK_COLUMNS), median] for block, median in one.blocks())
    return text.getvalue()


def _go_name(case: Case) -> str:
    """A word that begins in upper case. Of a pair, both sides have the same: side tells them."""
    name = case.name.removesuffix("@base") if case.side == "base" else case.name
    return "BenchmarkSpawn/" + re.sub(r"[\s%]", lambda m: f"%{ord(m[0]):02X}", name)


def benchstat(run: Run, chosen: list[Series]) -> str:
    """Go's benchmark lines, one a block. What two runs need not share is a comment, not a key:
    benchstat would not hold them against each other. Its base is the side that comes first."""
    lines = [f"# {run.machine}, {run.environment['libc']}, {run.mark['fingerprint']}",
             "pkg: spawnmark"]
    side = None
    base_first = sorted(chosen, key=lambda one: one.case.side == "new")
    for case, group in groupby(base_first, key=lambda one: one.case):
        if case.side != side:
            side = case.side
            lines.append(f"side: {side}" if side else "side:")
        mine = list(group)
        for at, block in enumerate(case.raw["blocks"]):
            found = [(one.raw["blocks"][at], one.metric.name) for one in mine]
            pairs = [f"{value!r} {name}-{unit(run)}/op" for value, name in found if value is not None]
            if pairs:
                lines.append("\t".join([_go_name(case), str(block["n"]), *pairs]))
    return "\n".join([*lines, ""])


def _histogram(one: Series, samples: Samples | None) -> str:
    if samples:
        return hgrm.of_samples(one.name, samples.spans(one.case, one.metric))
    points = one.case.ecdf(one.metric.name)
    if not points:
        raise RunError(f"{one.name}: no samples.bin.gz beside run.json, which has quantiles of "
                       "ready and worked alone")
    return hgrm.of_quantiles(one.name, one.metric, points, one.raw["mean"])


def histograms(run: Run, chosen: list[Series]) -> Iterator[tuple[str, str]]:
    """Pooled samples: a file for each, as the plotters want them."""
    samples = beside(run.folder)
    for one in chosen:
        yield one.name, _histogram(one, samples)


@dataclass(frozen=True)
class Format:
    """What another tool reads: one text of all that is chosen, or a file for each."""

    name: str
    what: str
    text: Callable[[Run, list[Series]], str] | None = None
    files: Callable[[Run, list[Series]], Iterator[tuple[str, str]]] | None = None
    metrics: tuple[str, ...] = ("ready",)  # without --metric
    time_alone: bool = False  # the form has no place to say that it is of something else


FORMATS = (
    Format("hyperfine", "JSON of hyperfine: its plot scripts", text=hyperfine,
           time_alone=True),
    Format("github-action-benchmark", "JSON of customSmallerIsBetter",
           text=github_action_benchmark),
    Format("csv", "a row for each case, metric and block (all metrics)", text=csv_tidy,
           metrics=METRICS),
    Format("hgrm", "percentiles of HdrHistogram, of exact samples", files=histograms,
           time_alone=True),
    Format("benchstat", "lines of Go's benchmarks, one a block", text=benchstat),
)


def choose(run: Run, metrics: tuple[str, ...], only: re.Pattern[str]) -> list[Series]:
    """In the order of run.json, which is that of the scenarios."""
    names = [c["name"] for c in run.raw["cases"]]
    cases = [run.by_name[name] for name in names if only.search(name)]
    if not cases:
        raise RunError(f"{run.folder}: nothing to export: none of {len(names)} cases matches "
                       f"'{only.pattern}'")
    found = [Series(case, metric) for case in cases for name in metrics
             if (metric := case.metric(name))]
    if not found:
        raise RunError(f"{run.folder}: nothing to export: {cases[0].name} and the like have no "
                       f"time of {' or '.join(metrics)}")
    return found


def _file_name(name: str, suffix: str) -> str:
    return re.sub(r"[^\w=+@-]+", "_", name) + suffix


def _write_files(form: Format, run: Run, chosen: list[Series], out: Path | None) -> None:
    """One goes where a text goes; of several, each into a file of the folder."""
    made = form.files(run, chosen)
    if len(chosen) == 1 and not (out and out.is_dir()):
        _, text = next(made)
        _write_text(text, out)
        return
    if not out or out.is_file():
        raise RunError(f"{form.name} takes a file for each of {len(chosen)} cases and metrics: "
                       "choose one by --only, or -o DIR")
    out.mkdir(exist_ok=True)
    for name, text in made:
        write(out / _file_name(name, f".{form.name}"), text)


def _write_text(text: str, out: Path | None) -> None:
    if out:
        write(out, text)
    else:
        print(text, end="")


def metric_list(text: str) -> tuple[str, ...]:
    """'ready,worked', or 'all'."""
    names = METRICS if text == "all" else tuple(text.split(","))
    for name in names:
        if name not in METRICS:
            raise argparse.ArgumentTypeError(
                f"'{name}' is no metric; expected all, or some of {','.join(METRICS)}")
    return tuple(name for name in METRICS if name in names)


def pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as err:
        raise argparse.ArgumentTypeError(f"'{text}': {err}") from err


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="export.py", description=__doc__.split("\n\n")[0],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="formats:\n" + "\n".join(f"  {f.name:24} {f.what}" for f in FORMATS))
    made.add_argument("run", type=Path, metavar="RUN", help="results folder, or a run.json")
    made.add_argument("--format", required=True, choices=[f.name for f in FORMATS],
                      metavar="FORMAT", help="see below")
    made.add_argument("-o", "--output", type=Path, metavar="FILE",
                      help="instead of standard output; of several hgrm a folder")
    made.add_argument("--metric", type=metric_list, metavar="LIST",
                      help=f"all, or some of {','.join(METRICS)} (default: ready)")
    made.add_argument("--only", type=pattern, default=pattern("."), metavar="REGEX",
                      help="cases whose name matches")
    return made


def export(options: argparse.Namespace) -> None:
    form = next(f for f in FORMATS if f.name == options.format)
    run = load(options.run)
    if form.time_alone and run.clock == INSTRUCTIONS:
        raise RunError(f"{run.folder}: its clock counts instructions, and {form.name} has seconds "
                       "alone: csv, benchstat and github-action-benchmark say what they count")
    chosen = choose(run, options.metric or form.metrics, options.only)
    if form.text:
        _write_text(form.text(run, chosen), options.output)
    else:
        _write_files(form, run, chosen, options.output)


def main(argv: list[str]) -> int:
    try:
        export(parser().parse_args(argv))
        sys.stdout.flush()
    except RunError as err:
        print(f"export.py: {err}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # who reads it has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as err:
        print(f"export.py: {err.filename}: {err.strerror}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
