# SPDX-License-Identifier: MIT
"""QEMU's command line, one machine for each architecture; and whether KVM works."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kernels.errors import SETUP, USAGE, KernelsError

ICOUNT, KVM, TCG = "icount", "kvm", "tcg"
ACCELERATORS = {
    ICOUNT: ("-accel", "tcg", "-icount", "shift=0,sleep=off"),
    KVM: ("-accel", "kvm"),
    TCG: ("-accel", "tcg"),
}


@dataclass(frozen=True)
class Machine:
    """What is emulated: fixed, so that two kernels have the same under them."""

    program: str
    machine: tuple[str, ...]
    cpu: str
    console: str
    port: str
    result: tuple[str, ...]


MACHINES = {
    # With erms, Linux clears a page by `rep stosb`, which TCG counts as 4096 instructions; without,
    # by `rep stosq`: 512, about what a CPU needs cycles for it.
    "amd64": Machine("qemu-system-x86_64", ("-machine", "q35"), "max,erms=off,fsrm=off", "ttyS0",
                     "ttyS1", ("-serial", "chardev:result")),
    # The virt machine has one PL011; a 16550 on PCI is built into every kernel that is general.
    "arm64": Machine("qemu-system-aarch64", ("-machine", "virt,gic-version=3"), "cortex-a76",
                     "ttyAMA0", "ttyS0", ("-device", "pci-serial,chardev=result")),
}
#: Where the guest's calendar begins, at each boot: its digits are an input like any other, and one
#: instruction more in front of the first sample moves all ticks of the clock after it.
EPOCH = "2026-01-01T00:00:00"
HOST_ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine)
#: Writes what `-device isa-debug-exit` takes as its exit status, then halts. 3 = (1 << 1) | 1.
BOOT_SECTOR = (b"\xb0\x01\xe6\xf4\xf4\xeb\xfd".ljust(510, b"\0") + b"\x55\xaa")
#: movz/movk w0, #0x84000008 (PSCI SYSTEM_OFF); hvc #0; b .
ARM64_OFF = bytes.fromhex("00018052" "0080b072" "020000d4" "00000014")
PROBE_SECONDS = 10


def find(arch: str, given: str | None = None) -> str:
    """The program; what is given may be a path or a name."""
    name = given or MACHINES[arch].program
    found = shutil.which(name)
    if not found and given:
        raise KernelsError(f"QEMU={given} is no program", USAGE)
    if not found:
        raise KernelsError(f"{name} is missing: {SETUP}")
    return found


@functools.lru_cache
def version(program: str) -> str:
    """KernelsError: it is no QEMU. Asked before a boot, which it would end in a stranger way."""
    try:
        ran = subprocess.run([program, "--version"], stdin=subprocess.DEVNULL, capture_output=True,
                             text=True, errors="replace", timeout=PROBE_SECONDS, check=False)
        said = ran.stdout + ran.stderr
    except subprocess.TimeoutExpired:
        said = f"nothing within {PROBE_SECONDS} s"
    except OSError as err:
        said = err.strerror
    found = re.search(r"QEMU emulator version ([^\s(]+)", said)
    if not found:
        first = (said.strip().splitlines() or ["nothing"])[0][:200]
        raise KernelsError(f"QEMU={program} is no QEMU: asked for its --version, it says: {first}",
                           USAGE)
    return found[1]


def command(program: str, arch: str, *, kernel: Path, initramfs: Path, cmdline: str, memory_mb: int,
            accel: str, result: str, host: str, extra: Sequence[str]) -> list[str]:
    """A guest with one CPU, no network, no disk; nothing in it differs from boot to boot."""
    m = MACHINES[arch]
    given = cmdline.split()
    own = [f"console={m.console}", "panic=-1", "nokaslr", "random.trust_cpu=1",
           f"spawnmark.console={m.console}", f"spawnmark.port={m.port}", f"spawnmark.host={host}"]
    return [program, *m.machine, "-cpu", "host" if accel == KVM else m.cpu, *ACCELERATORS[accel],
            "-smp", "1", "-m", str(memory_mb), "-nodefaults", "-no-user-config", "-display", "none",
            "-no-reboot", "-nic", "none", "-seed", "1", "-rtc", f"base={EPOCH},clock=vm",
            "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
            "-chardev", f"file,id=result,path={result}", *m.result,
            "-kernel", str(kernel), "-initrd", str(initramfs), "-append", " ".join(own + given),
            *extra]


def _probe_command(program: str, arch: str, file: Path, accel: str) -> tuple[list[str], int]:
    common = [program, "-accel", accel, "-m", "64", "-nodefaults", "-no-user-config", "-display",
              "none", "-no-reboot"]
    if arch == "amd64":
        file.write_bytes(BOOT_SECTOR)
        return [*common, "-machine", "pc", "-device", "isa-debug-exit,iobase=0xf4,iosize=1",
                "-drive", f"file={file},format=raw,if=floppy,readonly=on"], 3
    file.write_bytes(ARM64_OFF)
    cpu = "host" if accel == KVM else "cortex-a72"
    return [*common, "-machine", "virt", "-cpu", cpu, "-kernel", str(file)], 0


def runs(program: str, arch: str, accel: str, seconds: float = PROBE_SECONDS) -> str | None:
    """Starts a guest of four instructions. None: it ran to its end; else why not."""
    with tempfile.TemporaryDirectory(prefix="spawnmark-probe-") as made:
        argv, good = _probe_command(program, arch, Path(made) / "guest", accel)
        try:
            ran = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                 timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            return f"a guest of four instructions did not end in {seconds:.0f} s"
    if ran.returncode == good:
        return None
    return (ran.stderr.strip().splitlines() or [f"exit status {ran.returncode}"])[-1]


@functools.lru_cache
def why_no_kvm(program: str, arch: str) -> str | None:
    """None: KVM works. /dev/kvm can be there and fail at the first instruction of a guest."""
    if arch != HOST_ARCH:
        return f"this machine is no {arch}"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "/dev/kvm cannot be opened" if os.path.exists("/dev/kvm") else "there is no /dev/kvm"
    return runs(program, arch, KVM)
