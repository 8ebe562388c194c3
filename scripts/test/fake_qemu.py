#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A QEMU that is none: says what FAKE_CONSOLE has, sends FAKE_FRAMES, and ends as FAKE_END says.

FAKE_END: a status; "hang": never; "asked": when a word comes in, after which FAKE_LATE is sent.
"""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path


def send(argv: str, name: str) -> None:
    path = re.search(r"file,id=result,path=(\S+)", argv)
    if path and os.environ.get(name):
        with open(path[1], "wb") as out:
            out.write(Path(os.environ[name]).read_bytes())


def main() -> int:
    argv = " ".join(sys.argv)
    if "--version" in sys.argv:
        print("QEMU emulator version 0.0 (fake)")
        return 0
    if os.environ.get("FAKE_PID"):
        Path(os.environ["FAKE_PID"]).write_text(str(os.getpid()))
    if os.environ.get("FAKE_SAYS"):
        print(os.environ["FAKE_SAYS"], file=sys.stderr)
    print(os.environ.get("FAKE_CONSOLE", ""), end="", flush=True)
    send(argv, "FAKE_FRAMES")
    end = os.environ.get("FAKE_END", "0")
    if end == "hang":
        time.sleep(1000)
    if end == "asked":
        sys.stdin.readline()
        send(argv, "FAKE_LATE")
        print("@spawnmark done 9.0", flush=True)
        return 0
    return int(end)


if __name__ == "__main__":
    sys.exit(main())
