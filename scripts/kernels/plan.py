# SPDX-License-Identifier: MIT
"""What a guest is told to do, and what its results are called."""

from __future__ import annotations

import hashlib
import re
import shlex
from dataclasses import dataclass

from kernels import qemu
from kernels.image import Kernel
from kernels.initramfs import Step

PROGRAM = "bin/spawnmark"
#: What a results folder is named after: with what its figures were made.
MACHINE = {qemu.ICOUNT: "qemu", qemu.KVM: "kvm", qemu.TCG: "tcg"}


#: It is the guest's host name as well.
LONGEST = 64


@dataclass(frozen=True)
class Plan:
    """The deterministic plan, or a part of it."""

    scenario: str = "kernels"
    quick: bool = False
    only: str | None = None
    settings: tuple[str, ...] = ()
    conform: bool = True
    conform_only: str | None = None
    probe: bool = True

    @property
    def kind(self) -> str:
        """Plans that take about as long are called alike."""
        parts = [self.scenario, "quick" if self.quick else "", self.only or "", *self.settings,
                 f"conform {self.conform_only or ''}" if self.conform else ""]
        return " ".join(" ".join(parts).split())

    def _choice(self) -> list[str]:
        """The cases, and what they are set to."""
        return [*(["--quick"] if self.quick else []),
                *(["--only", self.only] if self.only else []),
                *(word for setting in self.settings for word in ("--set", setting))]

    def questions(self) -> list[tuple[list[str], str]]:
        """Commands that end at once, with status 2 where a guest's would: there is no such case or
        check, or a setting is none. And what the user calls the command's --only."""
        asked = [(["run", self.scenario, *self._choice(), "--list"], "--only")]
        if self.conform and self.conform_only:
            asked.append((["conform", "--list", "--only", self.conform_only], "--conform-only"))
        return asked if self.only or self.settings else asked[1:]

    def steps(self, name: str, accel: str) -> list[Step]:
        """The measurement comes first: the kernel is as it was after its boot."""
        clock = "icount" if accel == qemu.ICOUNT else "time"
        run = ["run", self.scenario, "--clock", clock, "--name", name, "--no-report", "-o", "/out",
               *self._choice()]
        steps = [Step("run", _command(run, "/out/run.log"))]
        if self.probe:
            steps.append(Step("probe", _command(["probe", "--json"], "/out/probe.json")))
        if self.conform:
            chosen = ["--only", self.conform_only] if self.conform_only else []
            steps.append(Step("conform", _command(
                ["conform", "--json", "/out/conformance.json", *chosen], "/out/conformance.ktap")))
        return steps


def _command(words: list[str], log: str) -> str:
    return f"{shlex.join([f'/{PROGRAM}', *words])} >{log}"


def machine_name(kernel: Kernel, accel: str, cmdline: str, own: str | None) -> str:
    """qemu-amd64, kvm-amd64-mitigations=off: of folders and in tables."""
    words = [own or f"{MACHINE[accel]}-{kernel.arch}", *cmdline.split()]
    name = re.sub(r"[^A-Za-z0-9._=-]", "_", "-".join(words))
    if len(name) <= LONGEST:
        return name
    mark = hashlib.sha256(name.encode()).hexdigest()[:6]  # of what is cut off
    return f"{name[:LONGEST - len(mark) - 1]}-{mark}"
