#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""selfcheck.py [--minutes N] [--quick] [-o DIR]: how often this machine's verdicts are wrong.

Compares the build with itself, with slow-downs of known size planted in the children, and both
under load, each time in mini-runs of pairs (`spawnmark run --baseline`). Writes selfcheck.json and
summary.md into results/selfcheck-<host>-<stamp>/. `compare` takes the floor from there.

Exit 0: every claim met; 1: one is not; 2: bad usage; 3: cannot be measured here; 4: cut short, or
too few comparisons.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Iterator

import selfcheck_judge as judge
import selfcheck_plan as plan
from selfcheck_text import markdown, screen
from template import write

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = "spawnmark-selfcheck/1"
DEFAULT_MINUTES = 35
#: Shares of the time; what is left is the pilot's and the end's.
MAIN, PYTHON, LOAD = 0.56, 0.11, 0.29
#: Fewest and most mini-runs of each: 4 of the machine with itself are in each main one.
MAIN_RUNS, PYTHON_RUNS, LOAD_RUNS = (50, 120), (8, 24), (15, 40)
QUICK_MINUTES, QUICK_RUNS = 2.0, (2, 3)
FAILURES_IN_A_ROW = 3
STRESS = ("stress-ng", "--cpu", "{cpus}", "--vm", "1", "--vm-bytes", "64m", "--switch", "1")


class Stop(Exception):
    """One line for the user, and the exit code."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


@dataclass
class Progress:
    """One line rewritten on a terminal, else one every ten seconds; on stderr."""

    began: float = field(default_factory=time.monotonic)
    said: float = 0.0
    terminal: bool = field(default_factory=lambda: sys.stderr.isatty()
                           and os.environ.get("TERM", "dumb") != "dumb")

    def line(self, text: str, left: float, last: bool = False) -> None:
        now = time.monotonic()
        if not last and now - self.said < (0.2 if self.terminal else 10) and self.said:
            return
        self.said = now
        clock = f"{left:.0f} s" if left < 90 else f"{left // 60:.0f} min {left % 60:02.0f} s"
        end = "" if self.terminal else "\n"
        start = "\r\033[K" if self.terminal else ""
        print(f"{start}selfcheck: {text}, {clock} left", end=end, file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self.terminal and self.said:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


@dataclass
class Bench:
    """Mini-runs, one after the other, in a folder of their own."""

    program: Path
    folder: Path
    seed: int
    done: int = 0
    failed: list[str] = field(default_factory=list)
    in_a_row: int = 0

    def run(self, text: str) -> dict[str, Any] | None:
        """The run.json; None: it failed, which is noted. Stop: it does so again and again."""
        self.done += 1
        file, out = self.folder / "selfcheck.ini", self.folder / "run"
        shutil.rmtree(out, ignore_errors=True)
        file.write_text(text, encoding="utf-8")
        code, said = self._spawnmark(
            "run", file, "--baseline", self.program, "--baseline-set", "delay=0", "--seed",
            str(self.seed + self.done), "--no-report", "-o", out)
        if code in (2, 3):
            raise Stop(said, 3)
        if code == 0:
            self.in_a_row = 0
            return json.loads((out / "run.json").read_text(encoding="utf-8"))
        if code == 4:
            raise KeyboardInterrupt
        self.in_a_row += 1
        self.failed.append(said)
        if self.in_a_row == FAILURES_IN_A_ROW:
            raise Stop(f"{FAILURES_IN_A_ROW} mini-runs in a row failed: {self.failed[-1]}", 3)
        return None

    def _spawnmark(self, *argv: str | Path) -> tuple[int, str]:
        """Status and last line. Interrupted, it is asked to end, so that it leaves nothing behind."""
        made: subprocess.Popen[str] | None = None
        try:
            with INTERRUPTS.held():
                made = subprocess.Popen([self.program, *argv], cwd=ROOT, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        text=True, start_new_session=True)
            _, said = made.communicate()
        except KeyboardInterrupt:
            if made:
                made.send_signal(signal.SIGINT)
                made.communicate(timeout=60)
            raise
        return made.returncode, (said.splitlines() or [f"{self.program} {argv[0]}"])[-1]


@dataclass(frozen=True)
class Budget:
    """How long, and how many mini-runs of each part."""

    seconds: float
    quick: bool
    blocks: int | None  # instead of the plan's own

    def runs(self, bounds: tuple[int, int], part: float, each: float) -> int:
        low, high = QUICK_RUNS if self.quick else bounds
        return max(low, min(high, int(self.seconds * part / each)))

    def mini(self, whole: plan.Mini) -> plan.Mini:
        return replace(whole, blocks=self.blocks) if self.blocks else whole


@dataclass
class Selfcheck:
    """The parts, in their order; what has been measured is kept when it is cut short."""

    bench: Bench
    budget: Budget
    progress: Progress
    main: list[plan.Trial] = field(default_factory=list)
    python: list[plan.Trial] = field(default_factory=list)
    between: list[plan.Trial] = field(default_factory=list)
    load: list[plan.Trial] | None = None
    no_load: str | None = "cut short before"
    first: dict[str, Any] | None = None
    counts: dict[str, int] = field(default_factory=dict)

    def left(self) -> float:
        return max(0.0, self.budget.seconds - (time.monotonic() - self.progress.began))

    def part(self, name: str, texts: Sequence[str], bounds: tuple[int, int], share: float,
             take: Callable[[dict[str, Any]], None]) -> None:
        """Mini-runs of one part, until there are enough or its time is up."""
        began, n, target = time.monotonic(), 0, bounds[1]
        while n < target:
            self.progress.line(f"{name}: {n} of {target} mini-runs", self.left())
            raw = self.bench.run(texts[n % len(texts)])
            n += 1
            spent = time.monotonic() - began
            target = self.budget.runs(bounds, share, spent / n)
            if raw is not None:
                self.counts[name] = self.counts.get(name, 0) + 1
                take(raw)
            if self.left() <= 0:
                break

    def pilot(self) -> dict[str, dict[float, int]]:
        """How fast the machine is: what 2, 5 and 10 % are in ns."""
        self.progress.line("pilot", self.left())
        raw = self.bench.run(plan.scenario_planted_alone(self.budget.mini(plan.Mini()), {}))
        if raw is None:
            raise Stop(f"the pilot failed: {self.bench.failed[-1]}", 3)
        self.first = raw
        level = plan.levels(raw)
        return plan.delays({p: next(iter(level[plan.PLANTED, p].values())) for p in plan.PAYLOADS})

    def measure(self) -> None:
        delays, mini = self.pilot(), self.budget.mini(plan.Mini())
        last: list[dict[str, Any]] = []

        def take_main(raw: dict[str, Any]) -> None:
            self.main += plan.trials(raw, self.bench.done, delays)
            if last:
                self.between.extend(plan.between(last.pop(), raw, self.bench.done))
            last.append(raw)

        def take_python(raw: dict[str, Any]) -> None:
            self.python += plan.trials(raw, self.bench.done, {})

        def take_load(raw: dict[str, Any]) -> None:
            assert self.load is not None
            self.load += plan.trials(raw, self.bench.done, five)

        self.part("itself and planted", plan.scenarios(mini, delays), MAIN_RUNS, MAIN, take_main)
        self.part("python", [plan.scenario_python(self.budget.mini(plan.PYTHON))], PYTHON_RUNS,
                  PYTHON, take_python)
        five = {p: {judge.CLAIMED: d[judge.CLAIMED]} for p, d in delays.items()}
        self.no_load = None if shutil.which(STRESS[0]) else "stress-ng is missing: make setup"
        if self.no_load is None:
            self.load = []
            with stressed():
                self.part("under load", [plan.scenario_planted_alone(mini, five)], LOAD_RUNS,
                          LOAD, take_load)

    def evidence(self) -> judge.Evidence:
        return judge.Evidence(self.main, self.python, self.between, self.load, self.no_load)


class Interrupts:
    """^C, but not between a child's start and the moment that somebody knows of it."""

    def __init__(self) -> None:
        self.hold = self.came = False

    def take(self, *_: Any) -> None:
        self.came = True
        if not self.hold:
            raise KeyboardInterrupt

    @contextmanager
    def held(self) -> Iterator[None]:
        self.hold = True
        try:
            yield
        finally:
            self.hold = False
        if self.came:
            raise KeyboardInterrupt


INTERRUPTS = Interrupts()


@contextmanager
def stressed() -> Iterator[None]:
    """stress-ng, and nothing of it left behind."""
    cpus = 2 * (os.cpu_count() or 1)
    load: subprocess.Popen[bytes] | None = None
    try:
        with INTERRUPTS.held():
            load = subprocess.Popen([w.format(cpus=cpus) for w in STRESS],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL, start_new_session=True)
        yield
    finally:
        _end(load)


def _end(load: subprocess.Popen[bytes] | None) -> None:
    if load:
        load.terminate()  # it ends its own workers
        try:
            load.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(load.pid, signal.SIGKILL)
            load.wait()


def document(check: Selfcheck, made: list[judge.Claim], host: str, cut: bool) -> dict[str, Any]:
    """selfcheck.json."""
    assert check.first is not None
    context = check.first["context"]
    mark = context["spawnmark"]
    return {"schema": SCHEMA, "version": mark["version"], "fingerprint": mark["fingerprint"],
            "host": host, "kernel": mark["environment"]["kernel"], "cpus": context["num_cpus"],
            "date": context["date"], "seconds": round(time.monotonic() - check.progress.began),
            "quick": check.budget.quick, "cut_short": cut,
            "plan": {"margin": plan.MARGIN, "metric": plan.PRIMARY, "runs": check.counts,
                     "main": asdict(check.budget.mini(plan.Mini())),
                     "python": asdict(check.budget.mini(plan.PYTHON)),
                     "failed_runs": check.bench.failed},
            **judge.figures(check.evidence())}


def give_back(*paths: Path) -> None:
    """What is made under sudo belongs to whoever called it."""
    user, group = os.environ.get("SUDO_UID"), os.environ.get("SUDO_GID", "0")
    if user and os.geteuid() == 0:
        for path in paths:
            os.chown(path, int(user), int(group))


def make_folder(given: Path | None, host: str) -> Path:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    folder = given or ROOT / "results" / f"selfcheck-{re.sub(r'[^A-Za-z0-9._-]', '_', host)}-{stamp}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise Stop(f"{folder}: {err.strerror}; name a writable folder with -o DIR", 2) from err
    return folder


def selfcheck(options: argparse.Namespace) -> int:
    program = ROOT / os.environ.get("B", "build") / "spawnmark"
    if not os.access(program, os.X_OK):
        raise Stop(f"{program} is missing: run 'make'", 3)
    host = options.name or platform.node()
    folder = make_folder(options.output, host)
    minutes = options.minutes or (QUICK_MINUTES if options.quick else DEFAULT_MINUTES)
    cut = False
    with tempfile.TemporaryDirectory(prefix="selfcheck-") as work:
        check = Selfcheck(Bench(program, Path(work), options.seed),
                          Budget(minutes * 60, options.quick, options.blocks), Progress())
        try:
            check.measure()
        except KeyboardInterrupt:
            cut = True
        check.progress.clear()
    if check.first is None:
        raise Stop("interrupted before anything was measured", 4)
    made = judge.claims(check.evidence())
    told = document(check, made, host, cut)
    write(folder / "selfcheck.json", json.dumps(told, indent=1, allow_nan=False) + "\n")
    write(folder / "summary.md", markdown(told))
    give_back(folder, folder / "selfcheck.json", folder / "summary.md")
    print(screen(told), end="")
    print(f"\n{folder}/selfcheck.json")
    code = judge.exit_code(made)
    return 4 if cut and code == 0 else code


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="selfcheck.py", description=__doc__.split("\n\n")[0])
    parser.add_argument("--minutes", type=float, help=f"how long (default: {DEFAULT_MINUTES})")
    parser.add_argument("--quick", action="store_true", help="two minutes: too few to prove much")
    parser.add_argument("--blocks", type=int, help="pairs of a comparison (default: the plan's)")
    parser.add_argument("--seed", type=int, default=1, help="of the order of visits (default: 1)")
    parser.add_argument("--name", help="call this machine so")
    parser.add_argument("-o", dest="output", type=Path, help="the results folder")
    options = parser.parse_args(argv)
    if options.minutes is not None and not 0 < options.minutes <= 600:
        parser.error("--minutes: expected more than 0, and at most 600")
    if options.blocks is not None and not 1 <= options.blocks <= 1000:
        parser.error("--blocks: expected 1 to 1000")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, INTERRUPTS.take)
    try:
        return selfcheck(options)
    except Stop as err:
        print(f"selfcheck.py: {err}", file=sys.stderr)
        return err.code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
