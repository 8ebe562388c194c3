# SPDX-License-Identifier: MIT
"""kernels.py prove [WORD]: are counts of instructions what they are said to be?

Three claims, each measured: boots of one kernel repeat; load on this machine changes nothing; one
per cent more instructions in the child's path is found, and found to be that many.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

from kernels.campaign import ROOT, Campaign, Settings
from kernels.errors import CUT, FAILED, GOOD, KernelsError, writable, writing
from kernels.fetch import Cache, parse
from kernels.image import Kernel, own
from kernels.plan import Plan
from kernels.progress import Durations, Progress
from runfile import RunError
from samples import NAME, Samples

BOOTS, LOADED, PHASES = 5, 2, 3
MOST_SPREAD = 0.005
PLANT = 0.01
#: Whose `ready` the planted one per cent is of. It is looked for in the child's own path, from `entered`
#: to `ready`, where both sides spin and one of them longer: what is in front of `entered` meets ticks
#: of the clock, which every instruction that is added moves, and a tick makes a guest whose CPU idles
#: leap by millions. Hence the medians of many, in boots that begin in different phases (a warm-up more).
#: Memory is laid out anew for the server of each block: in about a third of them its children take one
#: page fault more, of 1592 instructions, on that path. These boots therefore have one layout.
PLANTED_IN = "zygote3"
PLANTED_SAMPLES = 100
SPIN = 10_000
ONE_LAYOUT = "norandmaps"
PATH = ("entered", "ready")
TOLERANCE = 0.02
METRICS = ("entered", "ready", "worked", "reaped")
ONLY = "/none(/spin=[0-9]+)?$"
STRESS = ("stress-ng", "--cpu", "{cpus}", "--vm", "1", "--vm-bytes", "64m", "--switch", "2")
#: Medians of a boot: case and metric → instructions.
Medians = dict[tuple[str, str], float]


@dataclass(frozen=True)
class Claim:
    """What is said, what was seen, and whether that will do."""

    text: str
    seen: str
    met: bool | None


def medians(folder: Path) -> Medians:
    told = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return {(case["name"], name): case["metrics"][name]["p50"]
            for case in told["cases"] for name in METRICS
            if case.get("metrics") and case["metrics"].get(name)
            and case["metrics"][name]["p50"] is not None}


def child_path(folder: Path, spin: int) -> float:
    """The median of it, of children that spin so long; no metric begins in the child."""
    try:
        path = Samples(folder / NAME).between(
            f"kernels/{PLANTED_IN}/none/spin={spin}", *PATH)
    except RunError as err:
        raise KernelsError(str(err), FAILED) from err
    if not len(path):
        raise KernelsError(f"{folder}: no child of {PLANTED_IN} became ready", FAILED)
    return float(median(path))


def spread(boots: Sequence[Medians]) -> tuple[float, tuple[str, str]]:
    """The largest of (highest - lowest) / median of any figure, and whose it is."""
    keys = set.intersection(*(set(b) for b in boots))
    if not keys:
        raise KernelsError("the boots have no figure in common", FAILED)
    each = {key: (max(b[key] for b in boots) - min(b[key] for b in boots))
            / median(b[key] for b in boots) for key in keys}
    worst = max(each, key=lambda key: (each[key], key))
    return each[worst], worst


def repeats(boots: Sequence[Medians]) -> Claim:
    share, (case, metric) = spread(boots)
    return Claim(f"{len(boots)} boots: medians within {MOST_SPREAD:.1%}",
                 f"{share:.3%} at most ({metric} of {case}; {len(boots[0])} figures)",
                 share <= MOST_SPREAD)


def load_changes_nothing(quiet: Sequence[Medians], loaded: Sequence[Medians] | None) -> Claim:
    text = f"under stress-ng: medians within {MOST_SPREAD:.1%} of those without"
    if loaded is None:
        return Claim(text, "not asked: stress-ng is missing: make setup", None)
    share, (case, metric) = spread([*quiet, *loaded])
    return Claim(text, f"{share:.3%} at most ({metric} of {case}; {len(loaded)} boots)",
                 share <= MOST_SPREAD)


def plant_of(boots: Sequence[Medians]) -> int:
    """One per cent of the figure."""
    for key, value in sorted(boots[0].items()):
        if f"/{PLANTED_IN}/" in key[0] and key[1] == "ready":
            return round(value * PLANT)
    raise KernelsError(f"no case of {PLANTED_IN} was measured", FAILED)


def plant_is_found(plain: Sequence[float], planted: Sequence[float], instructions: int) -> Claim:
    """Beyond all that phases differ by, and of the right size."""
    found = [p - b for p, b in zip(planted, plain, strict=True)]
    beyond = min(planted) > max(plain)
    right = all(abs(f - instructions) <= TOLERANCE * instructions for f in found)
    return Claim(f"{instructions} instructions more ({PLANT:.0%} of ready) are found in {PLANTED_IN}, "
                 "memory laid out alike",
                 f"{', '.join(f'{f:.0f}' for f in found)} found, {' to '.join(PATH)}; phases differ "
                 f"by {max(plain) - min(plain):.0f}", beyond and right)


@contextmanager
def stressed() -> Iterator[None]:
    """stress-ng, and nothing of it left behind."""
    cpus = 2 * (os.cpu_count() or 1)
    load = subprocess.Popen([w.format(cpus=cpus) for w in STRESS], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            start_new_session=True)
    try:
        yield
    finally:
        load.terminate()  # it ends its own workers
        try:
            load.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(load.pid, signal.SIGKILL)
            load.wait()


class Prover:
    """Boots by the dozen, of one kernel."""

    def __init__(self, settings: Settings, cache: Cache, progress: Progress, kernel: Kernel) -> None:
        self.settings, self.cache, self.progress, self.kernel = settings, cache, progress, kernel

    def boots(self, n: int, what: str) -> list[Medians]:
        self.progress.say(f"{n} boots of {self.kernel.label} {what}")
        return [medians(folder) for folder in self._folders(n, self.settings)]

    def phases(self, what: str, spin: int) -> list[float]:
        """The path of one strategy's children, in boots that begin in different phases."""
        self.progress.say(f"{PHASES} boots of {self.kernel.label} {what}")
        found = []
        for phase in range(PHASES):
            plan = replace(self.settings.plan, only=f"/{PLANTED_IN}{ONLY}",
                           settings=(f"samples={PLANTED_SAMPLES}", f"warmup={1 + phase}",
                                     f"spin={spin}"))
            settings = replace(self.settings, plan=plan,
                               cmdline=f"{self.settings.cmdline} {ONE_LAYOUT}".strip())
            found.append(child_path(self._folders(1, settings)[0], spin))
        return found

    def _folders(self, n: int, settings: Settings) -> list[Path]:
        campaign = Campaign(settings, self.cache, self.progress,
                            Durations(self.cache.folder / "durations.json"))
        ended = campaign.run([self.kernel] * n)
        bad = [line for one in ended if one.code or not one.folder for line in one.lines()]
        if bad:
            raise KernelsError(bad[0].strip(), max(one.code for one in ended) or FAILED)
        return [one.folder for one in ended if one.folder]

    def prove(self) -> list[Claim]:
        quiet, claims = self.boots(BOOTS, "as it is"), []

        def found(claim: Claim) -> None:
            claims.append(claim)
            self.progress.say(f"{claim.text}: {claim.seen}")

        found(repeats(quiet))
        loaded = None
        if shutil.which(STRESS[0]):
            with stressed():
                loaded = self.boots(LOADED, "under stress-ng")
        found(load_changes_nothing(quiet, loaded))
        instructions = plant_of(quiet)
        plain = self.phases(f"with {PLANTED_IN} alone", SPIN)
        planted = self.phases(f"with {instructions} instructions planted", SPIN + instructions)
        found(plant_is_found(plain, planted, instructions))
        return claims


def told(claims: Sequence[Claim], kernel: Kernel) -> int:
    words = {True: "met", False: "NOT MET", None: "not asked"}
    print(f"{kernel.label} ({kernel.release}), instructions under QEMU -icount:")
    for claim in claims:
        print(f"  {words[claim.met]:<8} {claim.text}\n           {claim.seen}")
    if any(claim.met is False for claim in claims):
        return FAILED
    return CUT if any(claim.met is None for claim in claims) else GOOD


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="kernels.py prove", description=__doc__.splitlines()[0])
    parser.add_argument("word", nargs="?", default="6.12", help="a kernel; default: 6.12")
    parser.add_argument("--kernel", type=Path, metavar="PATH", help="your own")
    parser.add_argument("--cmdline", default="", help="added to the kernel's command line")
    parser.add_argument("--add", type=Path, metavar="PATH",
                        help="a folder or initramfs laid over the guest's files")
    parser.add_argument("--qemu", metavar="PATH", help="another QEMU")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), metavar="N")
    parser.add_argument("--only", default=ONLY, metavar="REGEX", help="cases of the plan")
    parser.add_argument("--programs", type=Path, metavar="DIR", help="static programs from there")
    parser.add_argument("-o", dest="output", type=Path, metavar="FILE.json", help="write it there")
    options = parser.parse_args(argv)
    progress = Progress([], options.jobs)
    if options.output:
        writable(options.output.parent, "-o FILE.json")
    cache = Cache(say=progress.say)
    kernel = own(options.kernel) if options.kernel else cache.kernel(parse(options.word))
    with tempfile.TemporaryDirectory(prefix="spawnmark-proof-") as made:
        settings = Settings(Plan(only=options.only, conform=False, probe=False),
                            cmdline=options.cmdline, add=options.add, qemu=options.qemu,
                            at_a_time=options.jobs, results=Path(made),
                            programs=options.programs or ROOT / "build" / "static",
                            make=options.programs is None)
        claims = Prover(settings, cache, progress, kernel).prove()
    if options.output:
        with writing(options.output, "-o FILE.json"):
            options.output.write_text(json.dumps(
                {"kernel": kernel.release, "package": kernel.package,
                 "claims": [asdict(claim) for claim in claims]}, indent=1) + "\n",
                encoding="utf-8")
    return told(claims, kernel)
