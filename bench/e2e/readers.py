#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""readers.py [FOLDER] [-o OUT.json] [--folders N] [--runs N]: what reading results costs.

Times by hyperfine one page over ten folders, one page of one, and a comparison of two, and watches
their memory. The folders are made of FOLDER (a results folder; by default the largest of
results/latest and the kept ones), each as if another machine had measured it. OUT.json is
hyperfine's, with the memory.

Exit 0: within the bounds; 1: not, or a command failed; 2: bad usage; 3: something is missing.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv" / "bin" / "python"
sys.path.insert(0, str(ROOT / "scripts"))

MIB = 1 << 20
#: Between two looks at a process's memory: what lives shorter than that holds little.
LOOK_S = 0.05


@dataclass(frozen=True)
class Reader:
    """One command and its bounds."""

    name: str
    command: list[str]
    most_s: float
    most_bytes: int = 1024 * MIB


@dataclass(frozen=True)
class Cost:
    """What a reader took: the median of its runs, and the peak of its processes together."""

    reader: Reader
    row: dict[str, Any]  # hyperfine's
    peak_bytes: int

    @property
    def kept(self) -> bool:
        return self.row["median"] <= self.reader.most_s and self.peak_bytes <= self.reader.most_bytes

    def __str__(self) -> str:
        r = self.reader
        return (f"{'ok      ' if self.kept else 'TOO MUCH'} {r.name:<24} "
                f"{self.row['median']:6.2f} s (at most {r.most_s:g}) "
                f"{self.peak_bytes / MIB:5.0f} MiB (at most {r.most_bytes / MIB:.0f})")


def another(raw: dict[str, Any], number: int) -> dict[str, Any]:
    """As another machine would have measured it: its own name, seed, and block medians."""
    made: dict[str, Any] = json.loads(json.dumps(raw))
    rng = random.Random(number)
    made["context"]["host_name"] = f"machine-{number}"
    made["context"]["spawnmark"]["seed"] = number
    for case in made["cases"]:
        for metric in case["metrics"].values():
            if metric and metric["p50"] is not None:
                metric["blocks"] = [b and b * rng.lognormvariate(0, 0.01)
                                    for b in metric["blocks"]]
    return made


def pss_bytes(pid: int) -> int:
    """Of a process and all below it. What ends meanwhile counts nothing."""
    total = 0
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total = int(line.split()[1]) * 1024
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += sum(map(pss_bytes, map(int, (task / "children").read_text().split())))
    except OSError:
        pass
    return total


def cost(reader: Reader, runs: int, work: Path) -> Cost:
    """RuntimeError: the command failed."""
    told, log = work / "hyperfine.json", work / "log"
    words = shlex.join(reader.command)
    with log.open("w+", encoding="utf-8") as said:
        timer = subprocess.Popen(
            ["hyperfine", "-N", "--style", "none", "--ignore-failure", "--runs", str(runs),
             "--export-json", str(told), "-n", reader.name, words],
            stdout=subprocess.DEVNULL, stderr=said, stdin=subprocess.DEVNULL)
        peak, ended = 0, None
        while ended is None:
            peak = max(peak, pss_bytes(timer.pid))
            try:
                ended = timer.wait(LOOK_S)
            except subprocess.TimeoutExpired:
                continue
        said.seek(0)
        if ended:
            raise RuntimeError(f"hyperfine: {said.read().strip()}")
    row = json.loads(told.read_text(encoding="utf-8"))["results"][0]
    if bad := {s for s in row["exit_codes"] if s not in (0, 1, 4)}:  # 1, 4: a comparison's answer
        raise RuntimeError(f"{reader.name}: exit status {sorted(bad)}: {words}")
    return Cost(reader, row | {"peak_pss_bytes": peak}, peak)


def readers(folders: list[Path], out: Path, scale: float) -> list[Reader]:
    scripts = ROOT / "scripts"
    report, compare = [[str(PYTHON), str(scripts / name)] for name in ("report.py", "compare.py")]
    each = [str(f) for f in folders]
    return [Reader(f"report over {len(each)} folders", [*report, *each, "-o", str(out)], 20 * scale),
            Reader("report over 1 folder", [*report, each[0]], 20 * scale),
            Reader("compare of 2 folders", [*compare, *each[:2], "--html", str(out / "compare.html")],
                   5 * scale)]


def default_folder() -> Path:
    """The largest of the newest and the kept ones: what `make bench` measures, and not one scenario."""
    found = [path for name in ("latest", "reference-*")
             for path in ROOT.glob(f"results/{name}/run.json*")]
    return max(found, key=size_of).parent


def size_of(path: Path) -> int:
    return len(gzip.decompress(path.read_bytes())) if path.suffix == ".gz" else path.stat().st_size


def measure(options: argparse.Namespace) -> int:
    import runfile

    work = Path(tempfile.mkdtemp(prefix="readers-"))
    try:
        run = runfile.load(options.folder or default_folder())
        folders = [work / f"results-{i}" for i in range(options.folders)]
        for number, folder in enumerate(folders):
            folder.mkdir()
            (folder / "run.json").write_text(json.dumps(another(run.raw, number)), encoding="utf-8")
        out = work / "page"
        out.mkdir()
        costs = []
        for reader in readers(folders, out, options.scale):
            costs.append(cost(reader, options.runs, work))
            print(costs[-1], flush=True)
        if options.output:
            options.output.write_text(json.dumps({"results": [c.row for c in costs]}, indent=1))
    except (RuntimeError, runfile.RunError, OSError) as err:
        print(f"readers.py: {err}", file=sys.stderr)
        return 1 if isinstance(err, RuntimeError) else 2
    finally:
        shutil.rmtree(work)
    return 0 if all(c.kept for c in costs) else 1


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="readers.py", description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help="a results folder to copy")
    parser.add_argument("-o", dest="output", type=Path, metavar="OUT.json", help="hyperfine's JSON")
    parser.add_argument("--folders", type=int, default=10, help="so many of them (10)")
    parser.add_argument("--runs", type=int, default=3, help="of each command (3)")
    parser.add_argument("--scale", type=float, default=1.0,
                        help="of the bounds of time, for a machine that is known to be slower (1)")
    options = parser.parse_args(argv)
    if options.folders < 2 or options.runs < 1:
        parser.error("--folders: at least 2; --runs: at least 1")
    for needed in ("hyperfine", str(PYTHON)):
        if not shutil.which(needed):
            print(f"readers.py: {needed} is missing: make setup", file=sys.stderr)
            return 3
    return measure(options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
