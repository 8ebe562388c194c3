# SPDX-License-Identifier: MIT
"""One boot with the counting plugin: which cases, and what came of each.

The plugin has to know where functions begin before it sees them. So a kernel is booted twice: the
first time, once for each image, to ask it for /proc/kallsyms (addresses are the same in each boot,
with nokaslr).
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kernels.boot import Boot, boot
from kernels.errors import CACHE, FAILED, UNABLE, KernelsError, tool, writing
from kernels.fetch import Cache
from kernels.image import Kernel
from kernels.initramfs import Step, build
from kernels.outcome import DEAD, release
from kernels.stacks import KERNEL_HALF, Namer, Segment, Symbols, load

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "build" / "profile"
PROGRAMS = ("spawns", "plugin.so")
MAKE_SECONDS = 600
SYMBOLS_SECONDS, BOOT_SECONDS, CASE_SECONDS = 120.0, 60.0, 30.0
#: Where the processor goes by itself; not through a call.
EXCEPTION = re.compile(r"asm_(?:exc|sysvec|common_interrupt|spurious|int80)\w*")
SYSCALL = re.compile(r"entry_SYSCALL_64|entry_SYSENTER_compat|entry_INT80_compat")
FORKED = re.compile(r"ret_from_fork(?:_asm)?")
SETTLE_SECONDS = 20
MARKERS = ("arm", "begin", "end", "done")
MOST_DISAGREEMENT = 0.01
Say = Callable[[str], None]


@dataclass(frozen=True)
class Case:
    """One strategy, with so much heap in the process that is cloned (or that spawns, by exec)."""

    strategy: str
    heap_mb: int
    pages: str

    @property
    def name(self) -> str:
        return f"{self.strategy} {self.heap_mb} MiB" + (f" {self.pages}" if self.heap_mb else "")

    @property
    def file(self) -> str:
        """What files of it are called."""
        return f"{self.strategy}-{self.heap_mb}" + (f"-{self.pages}" if self.heap_mb else "")

    @property
    def word(self) -> str:
        """Of its step: letters and digits alone."""
        return "".join(c for c in self.file if c.isalnum())


@dataclass
class Counted:
    """A case on a kernel. clock: what the product says of the same spans, in virtual ns."""

    kernel: Kernel
    release: str
    case: Case
    segment: Segment
    clock: list[int]
    namer: Namer

    @property
    def counted(self) -> int:
        return sum(self.segment.spans)

    @property
    def disagreement(self) -> float:
        """Of the worst span, as a share of it."""
        return max(abs(c - t) / t for c, t in zip(self.segment.spans, self.clock))

    def check(self) -> None:
        """KernelsError: this profile cannot be trusted."""
        what = f"{self.kernel.label}, {self.case.name}"
        if len(self.segment.spans) != len(self.clock) or not self.clock:
            raise KernelsError(f"profile: {what}: {len(self.segment.spans)} spans counted, "
                               f"{len(self.clock)} measured", FAILED)
        if self.disagreement > MOST_DISAGREEMENT:
            raise KernelsError(
                f"profile: {what}: {self.segment.spans} instructions counted, and the virtual clock "
                f"says {self.clock} ns: {self.disagreement:.1%} apart, more than "
                f"{MOST_DISAGREEMENT:.0%}", FAILED)


def cases(strategies: Iterable[str], heaps: Iterable[int], pages: Sequence[str]) -> Iterator[Case]:
    """Without a heap there are no pages to differ."""
    for strategy in strategies:
        for mb in heaps:
            for kind in pages if mb else pages[:1]:
                yield Case(strategy, mb, kind)


def make() -> None:
    """The plugin and the guest's program, if they are not up to date."""
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "B")}
    targets = [f"build/profile/{name}" for name in PROGRAMS]
    made = subprocess.run([tool("make", "it builds the plugin"), "-s", "-C", str(ROOT), *targets],
                          capture_output=True, text=True, check=False, timeout=MAKE_SECONDS, env=env)
    if made.returncode:
        said = [line for line in made.stderr.splitlines() if "error" in line.lower()]
        raise KernelsError(f"make {' '.join(targets)} failed: {said[0] if said else made.returncode}",
                           UNABLE)


def _boot(kernel: Kernel, cache: Cache, steps: Sequence[Step], work: Path, **more: object) -> Boot:
    image = build(work / "initramfs", busybox=cache.busybox(kernel.arch), steps=steps,
                  files={"bin/spawns": BUILT / "spawns"})
    done = boot(kernel.path, arch=kernel.arch, initramfs=image, out=work / "out",
                **more)  # type: ignore[arg-type]
    if done.outcome == DEAD and "plugin" in done.detail:
        raise KernelsError(f"{done.detail}: plugin.c speaks version 1 of the plugin interface, as "
                           "QEMU 7.2 does: give such a one with --qemu PATH")
    if not done.ok:
        last = "".join(f"\n  {line}" for line in done.last_lines)
        raise KernelsError(f"profile: {kernel.label}: {done.detail}{last}", FAILED)
    failed = [line.split("\t") for line in (work / "out" / "steps").read_text().splitlines()]
    for name, status in failed:
        if status != "0":
            said = (work / "out" / f"{name}.err").read_text().strip()
            raise KernelsError(f"profile: {kernel.label}: {name}: exit status {status}: {said}",
                               UNABLE if status == "3" else FAILED)
    return done


def kernel_symbols(kernel: Kernel, cache: Cache, say: Say, qemu: str | None = None) -> Symbols:
    """Kept beside the kernels, by the image's checksum."""
    digest = hashlib.sha256(kernel.path.read_bytes()).hexdigest()[:20]
    kept = cache.folder / "symbols" / f"{digest}.gz"
    if not kept.is_file():
        say(f"{kernel.label}: asking it for its symbols")
        with tempfile.TemporaryDirectory(prefix="spawnmark-") as made:
            _boot(kernel, cache, [Step("symbols", "grep -i ' [tw] ' /proc/kallsyms >/out/symbols")],
                  Path(made), timeout_s=SYMBOLS_SECONDS, qemu=qemu)
            text = (Path(made) / "out" / "symbols").read_bytes()
        with writing(kept.parent, CACHE):
            kept.parent.mkdir(parents=True, exist_ok=True)
            fresh = kept.with_suffix(".new")
            fresh.write_bytes(gzip.compress(text))
            fresh.replace(kept)
    with gzip.open(kept, "rt", encoding="ascii") as lines:
        found = Symbols(lines, low=KERNEL_HALF)
    if "__switch_to_asm" not in found.at or "entry_SYSCALL_64" not in found.at:
        raise KernelsError(f"{kernel.label} does not tell its symbols (CONFIG_KALLSYMS=y, x86-64)")
    return found


def program_symbols() -> tuple[Symbols, int]:
    """Of the guest's program, and where it ends."""
    said = subprocess.run([tool("nm", "it names functions"), str(BUILT / "spawns")], check=True,
                          capture_output=True, text=True, timeout=60).stdout
    found = Symbols(said.splitlines())
    return found, found.starts[-1] + (1 << 20)


def control(kernel: Symbols, program: Symbols, program_end: int) -> Iterator[str]:
    """Lines for plugin.c: what is where."""
    for at in kernel.starts:
        yield f"function {at:x} 0"
    for word, pattern in (("exception", EXCEPTION), ("syscall", SYSCALL), ("forked", FORKED)):
        for at in kernel.matching(pattern):
            yield f"{word} {at:x} 0"
    if "do_task_dead" in kernel.at:
        yield f"dead {kernel.at['do_task_dead']:x} 0"
    switch = kernel.at["__switch_to_asm"]
    yield f"switch {switch:x} {kernel.after(switch):x}"
    for word in MARKERS:
        yield f"{word} {program.at[f'sm_marker_{word}']:x} 0"
    yield f"program {program.starts[0]:x} {program_end:x}"


def count(kernel: Kernel, cache: Cache, wanted: Sequence[Case], *, warmups: int, spans: int,
          say: Say, cmdline: str = "", qemu: str | None = None, memory_mb: int = 1024,
          log: Path | None = None) -> list[Counted]:
    """Boots it and plays every case, one after another."""
    make()
    symbols = kernel_symbols(kernel, cache, say, qemu)
    program, end = program_symbols()
    # What a kernel puts off at boot (it tests its own keys and ciphers) shall not be in a span; a
    # second of sleep is a second of the virtual clock alone.
    steps = [Step("settle", f"sleep {SETTLE_SECONDS}")]
    steps += [Step(case.word, f"/bin/spawns {case.strategy} {case.heap_mb} {case.pages} {warmups} "
                             f"{spans} /out/{case.word}.spans") for case in wanted]
    with tempfile.TemporaryDirectory(prefix="spawnmark-") as made:
        work = Path(made)
        (work / "control").write_text("\n".join(control(symbols, program, end)) + "\n")
        plugin = f"{BUILT / 'plugin.so'},control={work / 'control'},out={work / 'counts'}"
        say(f"{kernel.label}: counting {len(wanted)} cases")
        done = _boot(kernel, cache, steps, work, extra=("-plugin", plugin), cmdline=cmdline,
                     qemu=qemu, memory_mb=memory_mb, log=log,
                     timeout_s=BOOT_SECONDS + CASE_SECONDS * len(steps))
        segments = load(work / "counts")
        clocks = [[int(line) for line in (work / "out" / f"{case.word}.spans").read_text().split()]
                  for case in wanted]
    say(f"{kernel.label}: {done.seconds:.0f} s")
    if len(segments) != len(wanted):
        raise KernelsError(f"profile: {len(segments)} cases counted of {len(wanted)}", FAILED)
    namer = Namer(symbols, program, end)
    return [Counted(kernel, release(done.console), *row, namer)
            for row in zip(wanted, segments, clocks)]
