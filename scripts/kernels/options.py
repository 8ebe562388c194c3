# SPDX-License-Identifier: MIT
"""What a kernel must have been built with to be a guest here; asked of its config if there is one.

Without a config, the console tells: see outcome.py.
"""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from kernels.errors import KernelsError
from kernels.image import Kernel

#: Built in, because a guest loads no modules: option, what is lost without it.
NEEDED = (
    ("BLK_DEV_INITRD", "the guest's files"),
    ("BINFMT_ELF", "programs"),
    ("BINFMT_SCRIPT", "its init"),
    ("PRINTK", "messages"),
    ("TTY", "consoles"),
    ("DEVTMPFS", "device files"),
    ("PROC_FS", "/proc"),
    ("SYSFS", "/sys"),
    ("TMPFS", "/tmp"),
    ("UNIX", "sockets between processes"),
    ("CGROUPS", "CPU time per case"),
    ("SERIAL_8250", "the way out for results"),
)
BY_ARCH = {
    "amd64": (("64BIT", "64-bit programs"), ("SERIAL_8250_CONSOLE", "the console")),
    "arm64": (("SERIAL_AMBA_PL011_CONSOLE", "the console"),
              ("PCI_HOST_GENERIC", "the way out for results"),
              ("SERIAL_8250_PCI", "the way out for results")),
}


def read(path: Path) -> dict[str, str]:
    """Option without CONFIG_ → its value; what is not set is not in it."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8", "replace")
    return dict(re.findall(r"^CONFIG_(\w+)=(.*)$", text, re.M))


def lacking(config: dict[str, str], arch: str) -> list[tuple[str, str]]:
    return [(name, what) for name, what in (*NEEDED, *BY_ARCH[arch]) if config.get(name) != "y"]


def check(kernel: Kernel) -> None:
    """KernelsError naming all that is lacking. A kernel without a config is given the chance."""
    if not kernel.config:
        return
    lacks = lacking(read(kernel.config), kernel.arch)
    if lacks:
        names = ", ".join(f"CONFIG_{name}=y ({what})" for name, what in lacks)
        commands = " ".join(f"-e {name}" for name, _ in lacks)
        raise KernelsError(f"{kernel.label} cannot be a guest: {kernel.config} lacks {names}; build "
                           f"it with scripts/config {commands}")
