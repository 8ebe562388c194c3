# SPDX-License-Identifier: MIT
"""What became of a boot, from its console."""

from __future__ import annotations

import re
from dataclasses import dataclass

OK, PANIC, HANG, TIMEOUT, LACKS, DEAD, DAMAGED, SILENT = (
    "ok", "panic", "hang", "timeout", "lacks", "died", "damaged", "silent")

_PANIC = re.compile(r"Kernel panic - not syncing: (.*)")
_OOPS = re.compile(r"(BUG: .*|Internal error: .*|Oops: .*|kernel BUG at .*)")
_LACKS = re.compile(r"^@spawnmark lacks (.*)", re.M)
_UP = re.compile(r"^@spawnmark up (\S+)", re.M)
_DONE = re.compile(r"^@spawnmark done", re.M)
_STEP = re.compile(r"^@spawnmark step (\w+)\s", re.M)  # a whole word: it comes in pieces
_PAST = re.compile(r"^@spawnmark (step|past) (\w+)\s", re.M)
_MARK = re.compile(r"^@spawnmark (?:step (\w+)|end (\w+) (\d+)) (\d+\.\d+)$", re.M)
_RDINIT = re.compile(r"Kernel command line:.*\brdinit=(\S+)")  # the last of them counts
_UNPACKING = re.compile(r"Initramfs unpacking failed: (.*)")
_STAMP = re.compile(r"^\[ *\d+\.\d+\](?:\[[^\]]*\])? ?")
#: Panics of a kernel that was built without what a guest needs: the words, the option.
BY_PANIC = (
    ("Unable to mount root fs", "CONFIG_BLK_DEV_INITRD (the guest's files)"),
    ("No working init found", "CONFIG_BINFMT_SCRIPT or CONFIG_BINFMT_ELF (its init)"),
    ("Requested init /init failed", "CONFIG_BINFMT_SCRIPT or CONFIG_BINFMT_ELF (its init)"),
)
LAST_LINES = 12


@dataclass(frozen=True)
class Step:
    """A step that came to its end: the shell's status, the guest's seconds."""

    status: int
    seconds: float


def clean(console: str) -> str:
    return console.replace("\r", "")


def is_up(console: str) -> bool:
    return bool(_UP.search(console))


def is_done(console: str) -> bool:
    return bool(_DONE.search(console))


def step(console: str) -> str | None:
    """The one that was begun last."""
    found = _STEP.findall(console)
    return found[-1] if found else None


def whereabouts(console: str) -> str | None:
    """The step, and what of a long one is done."""
    found = _PAST.findall(console)
    if found and found[-1][0] == "past":
        return f"{step(console)}, past {found[-1][1]}"
    return step(console)


def begun(console: str) -> set[str]:
    """Those that the guest came to, whether they ended or not."""
    return set(_STEP.findall(console))


def steps(console: str) -> dict[str, Step]:
    """Those that have ended."""
    began: dict[str, float] = {}
    ended: dict[str, Step] = {}
    for name, end, status, at in _MARK.findall(console):
        if name:
            began[name] = float(at)
        elif end in began:
            ended[end] = Step(int(status), float(at) - began[end])
    return ended


def release(console: str) -> str:
    """The kernel's own word for itself."""
    found = _UP.search(console)
    return found[1] if found else "unknown"


def is_panic(console: str) -> bool:
    """It has given up; what only looks bad may go on."""
    return bool(_PANIC.search(console))


def panic(console: str) -> str | None:
    found = _PANIC.search(console)
    if found:
        return found[1].strip()
    oops = _OOPS.search(console)
    return oops[1].strip() if oops else None


def lacks(console: str) -> str | None:
    """An option that this kernel was built without, in the words of NEEDED."""
    found = _LACKS.search(console)
    if found:
        return found[1].strip()
    died = panic(console)
    if _wrong_init(console):
        return None
    return next((option for words, option in BY_PANIC if died and words in died), None)


def _wrong_init(console: str) -> str | None:
    """A program that the command line wants instead of ours: where there is none, a kernel looks for
    a disk, as one does that cannot unpack an initramfs."""
    found = _RDINIT.search(console)
    return found[1] if found and found[1] != "/init" and not is_up(console) else None


def last_lines(console: str, most: int = LAST_LINES) -> list[str]:
    """Of the console, without times, for a human."""
    lines = [_STAMP.sub("", line).rstrip() for line in console.splitlines()]
    return [line for line in lines if line][-most:]


def judge(console: str, *, ended: bool, status: int | None, said: str, limit: str | None
          ) -> tuple[str, str]:
    """Outcome, and a line about it. limit: hang or timeout, when a bound was met first."""
    missing, died = lacks(console), panic(console)
    if missing:
        return LACKS, f"this kernel lacks {missing}: build it with that"
    if died:
        wrong = _wrong_init(console)
        more = f" (rdinit={wrong} of its command line is no program of the guest)" if wrong else ""
        return PANIC, f"the kernel panicked: {died}{more}"
    unpacking = _UNPACKING.search(console)
    if unpacking:
        return DAMAGED, (f"the kernel could not unpack its initramfs: {unpacking[1].strip()}; is what "
                         "was given as INITRAMFS_ADD whole, and packed in a way that it knows?")
    if is_done(console) and ended and status == 0:
        return OK, "done"
    if limit == HANG and not console.strip():
        return SILENT, ("nothing came to the console: the kernel lacks CONFIG_SERIAL_8250_CONSOLE "
                        "(arm64: CONFIG_SERIAL_AMBA_PL011_CONSOLE), is for another machine, or "
                        "hangs before it has one")
    if limit == HANG:
        return HANG, "the kernel hangs: it did not come to its init, and says nothing more"
    if limit == TIMEOUT:
        at = step(console)
        return TIMEOUT, f"time is up{f' in step {at}' if at else ''}"
    if not said.strip() and status == 0:
        where = "in the middle" if console.strip() else "without a word: has it enough --memory?"
        return DEAD, f"the guest switched itself off {where}"
    lines = said.strip().splitlines() or [f"exit status {status}"]
    # What comes after the reason is advice on its options.
    why = next((line for line in lines if "warning:" not in line), lines[-1])
    return DEAD, f"QEMU ended early: {why}"
