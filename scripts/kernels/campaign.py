# SPDX-License-Identifier: MIT
"""Several kernels, two at a time: fetched, booted with the plan, their results kept."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from kernels import outcome, plan as plans, qemu as machines, results
from kernels.boot import BOOT_SECONDS, Boot, Interrupted, boot
from kernels.errors import (CUT, FAILED, GOOD, RESULTS, TEMPORARY, UNABLE, USAGE, KernelsError,
                            need_space, temporary, writable, writing)
from kernels.fetch import Cache
from kernels.image import Kernel
from kernels.initramfs import build, check_added, check_program
from kernels.options import check
from kernels.progress import Durations, Job, Progress

ROOT = Path(__file__).resolve().parents[2]
GUEST_MB = 100  # of files, while it runs
MOST_TOLD = 5
CHOOSE_SECONDS = 60
#: A boot's end is whose fault? The kernel's, this machine's, or nobody's.
CODES = {outcome.OK: GOOD, outcome.PANIC: FAILED, outcome.HANG: FAILED, outcome.TIMEOUT: CUT,
         outcome.LACKS: UNABLE, outcome.SILENT: UNABLE, outcome.DEAD: UNABLE,
         outcome.DAMAGED: UNABLE}


@dataclass(frozen=True)
class Settings:
    """What is the same for all boots of the campaign."""

    plan: plans.Plan
    cmdline: str = ""
    add: Path | None = None
    qemu: str | None = None
    memory_mb: int = 1024
    timeout_s: float = 600.0
    silence_s: float = BOOT_SECONDS
    name: str | None = None
    at_a_time: int = 2
    results: Path = ROOT / "results"
    programs: Path = ROOT / "build" / "static"
    make: bool = True
    accel: str = machines.ICOUNT


@dataclass
class Ended:
    """Of one kernel."""

    kernel: Kernel
    boot: Boot | None = None
    folder: Path | None = None
    steps: dict[str, int] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)  # the last word of each of them
    error: KernelsError | None = None

    @property
    def code(self) -> int:
        if self.error:
            return self.error.code
        assert self.boot
        worst = max(self.steps.values(), default=GOOD)
        return CODES[self.boot.outcome] or (worst if worst <= CUT else FAILED)

    def lines(self) -> list[str]:
        """What the user hears: one line; of a guest that died the console's last ones as well."""
        if self.error:
            return [f"{self.kernel.label}: {self.error}"]
        assert self.boot
        told = [f"step {step} ended with status {status}: {self.said.get(step, '')}"
                for step, status in self.steps.items() if status not in (GOOD, FAILED)]
        if self.steps.get("run") == FAILED:
            told.append(f"a case failed: {self.said.get('run', '')} (run.err has all)")
        if self.folder and (failed := results.failed_checks(self.folder)):
            told.append(f"{len(failed)} cells of conformance failed: {', '.join(failed[:MOST_TOLD])}"
                        f"{', …' if len(failed) > MOST_TOLD else ''}")
        if not self.boot.ok:
            told.insert(0, f"{self.boot.outcome}: {self.boot.detail}")
            told[1:1] = [f"    | {line}" for line in self.boot.last_lines]
        return [line if line.startswith("    |") else f"{self.kernel.label}: {line}"
                for line in told]


def program(arch: str, settings: Settings) -> Path:
    """The static program, built anew if its sources have changed."""
    path = settings.programs / f"spawnmark-{arch}"
    if settings.make:
        env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}
        ran = subprocess.run(["make", "-j2", "static", f"ARCH={arch}"], cwd=ROOT, env=env,
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True, check=False)
        if ran.returncode:
            said = ran.stderr.strip().splitlines() or ["no word of it"]
            # The last line is make's own, which tells that something failed and not what.
            why = next((line for line in said if "error" in line.lower()
                        and not line.startswith("make")), said[0])
            raise KernelsError(f"make static ARCH={arch} failed: {why}")
    return check_program(path, arch)


def choose(settings: Settings) -> None:
    """KernelsError: nothing is called as --only or --conform-only say, or a setting is none. It is
    this machine's program that knows, before minutes of boots; without one, the guest tells."""
    questions, arch = settings.plan.questions(), machines.HOST_ARCH
    if not questions or not arch or not (
            settings.make or (settings.programs / f"spawnmark-{arch}").is_file()):
        return
    asked = program(arch, settings)
    for words, called in questions:
        try:
            ran = subprocess.run([asked, *words], stdin=subprocess.DEVNULL, capture_output=True,
                                 text=True, errors="replace", timeout=CHOOSE_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return  # what is wrong with it, a guest's boot tells
        if ran.returncode == USAGE:
            said = ran.stderr.strip().removeprefix("spawnmark: ")
            raise KernelsError(said.replace("--only", called, 1), USAGE)


def accelerator(kernel: Kernel, wanted: str, given: str | None, say: Callable[[str], None]) -> str:
    """Instructions are counted. Who wants times gets them where KVM really works."""
    if wanted != machines.KVM:
        return wanted
    why = machines.why_no_kvm(machines.find(kernel.arch, given), kernel.arch)
    if why:
        say(f"{kernel.label}: no times, but instructions: KVM does not work here ({why})")
    return machines.ICOUNT if why else machines.KVM


class Campaign:
    """Boots in threads; whoever started it waits, tells, and can be interrupted."""

    def __init__(self, settings: Settings, cache: Cache, progress: Progress,
                 durations: Durations) -> None:
        self.settings, self.cache, self.progress = settings, cache, progress
        self.durations, self.stop = durations, threading.Event()
        self.ended: list[Ended] = []
        self._programs: dict[str, Path] = {}

    def run(self, kernels: Sequence[Kernel]) -> list[Ended]:
        """In the order of kernels; Interrupted when ^C came, and then no guest is left."""
        self._check(kernels)
        choose(self.settings)
        for arch in dict.fromkeys(kernel.arch for kernel in kernels):
            self._programs[arch] = program(arch, self.settings)
        self.progress.jobs = [Job(k.label, self.durations.guess(self._kind(k))) for k in kernels]
        with ThreadPoolExecutor(self.settings.at_a_time) as pool:
            running: list[Future[Ended]] = [
                pool.submit(self._one, kernel, job)
                for kernel, job in zip(kernels, self.progress.jobs)]
            try:
                while wait(running, timeout=0.5).not_done:
                    self.progress.line()
            except BaseException:
                self.stop.set()
                for one in running:
                    one.cancel()
                raise
            finally:
                self.progress.clear()
        return [one.result() for one in running]

    def _check(self, kernels: Sequence[Kernel]) -> None:
        """All that can be known before a build and minutes of boots."""
        for kernel in kernels:
            check(kernel)
            machines.version(machines.find(kernel.arch, self.settings.qemu))
        if self.settings.add:
            check_added(self.settings.add)
        writable(self.settings.results, RESULTS)
        need_space(temporary(), TEMPORARY, GUEST_MB)

    def _kind(self, kernel: Kernel) -> str:
        return f"{kernel.arch} {self.settings.accel} {self.settings.plan.kind}"

    def _one(self, kernel: Kernel, job: Job) -> Ended:
        ended = Ended(kernel)
        try:
            self._boot(ended, job)
        except Interrupted:
            raise
        except KernelsError as err:
            ended.error = err
        self.progress.end(job, ended.boot.outcome if ended.boot else "failed")
        for line in ended.lines() if ended.code else []:
            self.progress.say(line)
        return ended

    def _boot(self, ended: Ended, job: Job) -> None:
        s, kernel = self.settings, ended.kernel
        accel = accelerator(kernel, s.accel, s.qemu, self.progress.say)
        name = plans.machine_name(kernel, accel, s.cmdline, s.name)
        need_space(temporary(), TEMPORARY, GUEST_MB)
        with writing(temporary(), TEMPORARY), \
                tempfile.TemporaryDirectory(prefix="spawnmark-guest-") as made:
            work, began = Path(made), time.monotonic()
            image = build(work / "guest.cpio", busybox=self.cache.busybox(kernel.arch),
                          steps=s.plan.steps(name, accel), add=s.add,
                          files={plans.PROGRAM: self._programs[kernel.arch]})
            self.progress.begin(job, "boots")
            ended.boot = boot(kernel.path, arch=kernel.arch, initramfs=image, cmdline=s.cmdline,
                              memory_mb=s.memory_mb, qemu=s.qemu, accel=accel, out=work / "out",
                              timeout_s=s.timeout_s, boot_s=s.silence_s, host=name, stop=self.stop,
                              tell=lambda step: self.progress.begin(job, step))
            ended.steps = results.statuses(work / "out")
            ended.said = {step: results.last_word(work / "out" / f"{step}.err")
                          for step in ended.steps}
            version = machines.version(machines.find(kernel.arch, s.qemu))
            ended.folder = results.keep(work / "out", results=s.results, name=name, kernel=kernel,
                                        boot=ended.boot, cmdline=s.cmdline, version=version)
        if ended.boot.ok:
            self.durations.learn(self._kind(kernel), time.monotonic() - began)
