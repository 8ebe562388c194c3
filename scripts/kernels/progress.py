# SPDX-License-Identifier: MIT
"""How far several boots are: one line rewritten on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

FIRST_GUESS_S = 150.0


class Durations:
    """How long a boot of a kind took last time: what an estimate is made of."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.known: dict[str, float] = dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            self.known = {}

    def guess(self, kind: str) -> float:
        return float(self.known.get(kind, FIRST_GUESS_S))

    def learn(self, kind: str, seconds: float) -> None:
        """Lost, it costs a guess: nobody hears of it."""
        self.known[kind] = round(seconds, 1)
        try:
            self.path.write_text(json.dumps(self.known, indent=1) + "\n", encoding="utf-8")
        except OSError:
            pass


@dataclass
class Job:
    """One boot of the campaign."""

    label: str
    guess_s: float
    began: float | None = None
    step: str = ""
    done: bool = False

    def left(self, now: float) -> float:
        if self.done:
            return 0.0
        return max(5.0, self.guess_s - (now - self.began)) if self.began else self.guess_s


@dataclass
class Progress:
    """Told by boots in their threads."""

    jobs: list[Job]
    at_a_time: int
    terminal: bool = field(default_factory=lambda: sys.stderr.isatty()
                           and os.environ.get("TERM", "dumb") != "dumb")
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _shown: bool = False

    def begin(self, job: Job, step: str) -> None:
        job.began = job.began or time.monotonic()
        job.step = step
        self._event(f"{job.label}: {step}")

    def end(self, job: Job, how: str) -> None:
        job.done = True
        self._event(f"{job.label}: {how}")

    def say(self, text: str) -> None:
        """A line that stays."""
        with self._lock:
            self._clear()
            print(f"kernels: {text}", file=sys.stderr, flush=True)

    def line(self) -> None:
        """For whoever waits: the terminal's line, with its clock."""
        if self.terminal:
            with self._lock:
                self._clear()
                print(f"kernels: {self._state()}", end="", file=sys.stderr, flush=True)
                self._shown = True

    def clear(self) -> None:
        with self._lock:
            self._clear()

    def _event(self, text: str) -> None:
        if not self.terminal:
            self.say(f"{text}{self._left()}")

    def _clear(self) -> None:
        if self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
            self._shown = False

    def _left(self) -> str:
        """Boots beside each other: not sooner than the longest, nor than all of them shared."""
        now = time.monotonic()
        left = [job.left(now) for job in self.jobs]
        seconds = max(max(left, default=0.0), sum(left) / self.at_a_time)
        if not seconds:
            return ""
        return f", about {seconds:.0f} s left" if seconds < 90 else \
            f", about {seconds / 60:.0f} min left"

    def _state(self) -> str:
        done = sum(job.done for job in self.jobs)
        now = ", ".join(f"{job.label}: {job.step}" for job in self.jobs
                        if job.began and not job.done)
        return f"{done} of {len(self.jobs)} done{'; ' + now if now else ''}{self._left()}"
