# SPDX-License-Identifier: MIT
"""From a boot to a results folder like any other: run.json, what lies beside it, its owner."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from kernels import outcome
from kernels.boot import Boot
from kernels.errors import RESULTS, KernelsError, writing
from kernels.image import Kernel
from kernels.qemu import EPOCH

EPOCH_S = datetime.fromisoformat(EPOCH).replace(tzinfo=timezone.utc).timestamp()
#: Of a guest's /out, what is worth keeping.
KEPT = ("run.json", "samples.bin.gz", "conformance.json", "conformance.ktap", "probe.json",
        "run.log", "run.err", "conform.err", "steps")


def give_back(top: Path) -> None:
    """What is made under sudo belongs to whoever called it."""
    user, group = os.environ.get("SUDO_UID"), os.environ.get("SUDO_GID", "0")
    if user and os.geteuid() == 0:
        for path in (top, *top.rglob("*")):
            os.chown(path, int(user), int(group), follow_symlinks=False)


def statuses(out: Path) -> dict[str, int]:
    """How each step of the guest ended."""
    try:
        lines = (out / "steps").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = [re.fullmatch(r"(\w+)\t(\d+)", line) for line in lines]
    return {pair[1]: int(pair[2]) for pair in pairs if pair}


def last_word(path: Path) -> str:
    """Of what a step said."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return ""
    return next((line for line in reversed(lines) if line.strip()), "")[:300]


def failed_checks(folder: Path) -> list[str]:
    """Of the conformance.json there: cells that are not as they should be."""
    try:
        told = json.loads((folder / "conformance.json").read_text(encoding="utf-8"))
        return [f"{c['check']} of {c['strategy']}" for c in told["conformance"]
                if c["verdict"] in ("FAIL", "XPASS", "BROKEN")]
    except (OSError, ValueError, KeyError):
        return []


def about(kernel: Kernel, boot: Boot, cmdline: str, version: str) -> dict[str, Any]:
    """boot.json: what was booted, on what, and what became of it."""
    return {"kernel": {"asked": kernel.word, "package": kernel.package, "release": kernel.release,
                       "arch": kernel.arch, "image": str(kernel.path)},
            "cmdline": cmdline, "accelerator": boot.accel, "qemu": version,
            "command": boot.command, "outcome": boot.outcome, "detail": boot.detail,
            "seconds": round(boot.seconds, 1), "cpu_seconds": round(boot.cpu_s, 1),
            "frames": boot.frames}


def _put_right(path: Path, boot: Boot) -> None:
    """Dates: the guest's calendar begins with the same one at each boot. And a whole run.json of a
    guest that did not come to its end says so."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        context = told["context"]
    except (ValueError, KeyError, TypeError) as err:
        raise KernelsError(f"the guest's {path.name} is damaged: {err!r}") from err
    late = timedelta(seconds=round(boot.began - EPOCH_S))
    for holder, key in ((context, "date"), (context.get("spawnmark", {}), "started"),
                        (context.get("spawnmark", {}), "finished")):
        if holder.get(key):
            holder[key] = _later(holder[key], late)
    if path.name == "run.json" and not boot.ok and told.get("incomplete") is None:
        blocks = len({(v["block"]) for v in told["context"]["spawnmark"]["plan"]["order"]})
        told["incomplete"] = {"reason": f"after the run: {boot.detail}"[:300],
                              "blocks_done": blocks, "blocks_planned": blocks}
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    os.replace(fresh, path)


def _later(date: str, late: timedelta) -> str:
    """In the form it has."""
    moved = datetime.fromisoformat(date) + late
    return moved.strftime("%Y-%m-%dT%H:%M:%S") + date[len(EPOCH):]


def keep(out: Path, *, results: Path, name: str, kernel: Kernel, boot: Boot, cmdline: str,
         version: str) -> Path | None:
    """The new results folder; None: the guest did not bring a run.json out.

    A copy under a temporary name, then a rename: nobody sees half of one.
    """
    if not (out / "run.json").is_file():
        return None
    release = re.sub(r"[^A-Za-z0-9._-]", "_", kernel.release or outcome.release(boot.console))
    with writing(results, RESULTS):
        results.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=".guest-", dir=results))
        fresh.chmod(0o755)
        try:
            for file in KEPT:
                if (out / file).is_file() and (out / file).stat().st_size:
                    shutil.copyfile(out / file, fresh / file)
            for file in ("run.json", "conformance.json"):
                if (fresh / file).is_file():
                    _put_right(fresh / file, boot)
            (fresh / "console.log").write_text(boot.console, encoding="utf-8")
            (fresh / "boot.json").write_text(
                json.dumps(about(kernel, boot, cmdline, version), indent=1) + "\n", encoding="utf-8")
            give_back(fresh)
            return _place(fresh, results / f"{name}-{release}")
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


def _place(fresh: Path, wanted: Path) -> Path:
    """Under a stamp that is free: boots of one kernel can end in the same second."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    for n in range(100):
        folder = wanted.with_name(f"{wanted.name}-{stamp}{f'-{n + 1}' if n else ''}")
        try:
            folder.mkdir()  # whoever makes it has it
        except FileExistsError:
            continue
        os.replace(fresh, folder)
        return folder
    raise KernelsError(f"{wanted}-{stamp}: a hundred of them are there")
