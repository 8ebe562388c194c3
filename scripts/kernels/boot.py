# SPDX-License-Identifier: MIT
"""Boots a kernel under QEMU, bounded; logs its console, brings its files out.

Seconds are those that QEMU had a CPU for, and a quarter of those that passed if that is more: a
busy machine makes a guest slow and not hung, and one that waits for ever is found as well.
"""

from __future__ import annotations

import os
import selectors
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from kernels import outcome as outcomes
from kernels import qemu as machines
from kernels.errors import CUT, TEMPORARY, KernelsError, writing
from kernels.frames import DAMAGES, Frames
from kernels.image import inspect

BOOT_SECONDS = 90.0  # without a word on the console, before init
GRACE_SECONDS = 30.0  # from "your time is up" to the end
PANIC_SECONDS = 5.0  # without a word after a panic, of a kernel that was told not to reboot
POLL_SECONDS = 0.2
PATIENCE = 4.0
TICKS = os.sysconf("SC_CLK_TCK")
Told = Callable[[str], None]


@dataclass
class Boot:
    """What became of it."""

    outcome: str
    console: str
    seconds: float
    cpu_s: float = 0.0
    detail: str = ""
    accel: str = machines.ICOUNT
    frames: list[str] = field(default_factory=list)
    began: float = 0.0  # of the calendar, in seconds
    command: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.outcome == outcomes.OK

    @property
    def last_lines(self) -> list[str]:
        return outcomes.last_lines(self.console)


class Interrupted(KernelsError):
    """Somebody wants an end of all boots."""

    def __init__(self) -> None:
        super().__init__("interrupted", CUT)


class _Clock:
    """See above."""

    def __init__(self, pid: int) -> None:
        self.began, self.stat = time.monotonic(), Path(f"/proc/{pid}/stat")
        self.cpu = 0.0

    def now(self) -> float:
        try:
            fields = self.stat.read_text().rpartition(")")[2].split()
            self.cpu = (int(fields[11]) + int(fields[12])) / TICKS
        except OSError:
            pass  # it has ended: what it had last
        return max(self.cpu, (time.monotonic() - self.began) / PATIENCE)


class _Guest:
    """One QEMU, its three streams, and its bounds."""

    def __init__(self, process: subprocess.Popen[bytes], result: int, timeout_s: float,
                 boot_s: float, log: BinaryIO | None) -> None:
        assert process.stdin and process.stdout and process.stderr
        self.process, self.log = process, log
        self.clock, self.timeout_s, self.boot_s = _Clock(process.pid), timeout_s, boot_s
        self.console, self.said, self.frames = bytearray(), bytearray(), Frames()
        self.heard, self.up, self.asked = 0.0, False, None
        self.limit: str | None = None
        self.streams = selectors.DefaultSelector()
        for fd, take in ((process.stdout.fileno(), self._take_console),
                         (process.stderr.fileno(), self.said.extend), (result, self.frames.feed)):
            os.set_blocking(fd, False)
            self.streams.register(fd, selectors.EVENT_READ, take)

    @property
    def text(self) -> str:
        return outcomes.clean(self.console.decode("utf-8", "replace"))

    def _take_console(self, data: bytes) -> None:
        self.console += data
        self.heard = self.clock.now()
        if self.log:
            self.log.write(data)
            self.log.flush()

    def read(self, seconds: float) -> bool:
        """Whatever has come. False: all streams have ended."""
        for key, _ in self.streams.select(seconds):
            data = os.read(key.fd, 1 << 16)
            if data:
                key.data(data)
            else:
                self.streams.unregister(key.fd)
        return bool(self.streams.get_map())

    def over(self) -> bool:
        """Is a bound met? Before the last one, the guest is asked to send what it has."""
        now = self.clock.now()
        self.up = self.up or outcomes.is_up(self.text)
        silent = now - self.heard
        if silent > PANIC_SECONDS and outcomes.is_panic(self.text):
            self.limit = outcomes.PANIC
        elif not self.up and silent > self.boot_s:
            self.limit = outcomes.HANG
        elif self.asked is None and now > self.timeout_s:
            self.asked, self.limit = now, outcomes.TIMEOUT
            if not self.up or not self._ask():
                return True
        return self.limit in (outcomes.HANG, outcomes.PANIC) or (
            self.asked is not None and now - self.asked > GRACE_SECONDS)

    def _ask(self) -> bool:
        assert self.process.stdin
        try:
            self.process.stdin.write(b"end\n")
            self.process.stdin.flush()
        except OSError:
            return False
        return True


def _serve(guest: _Guest, stop: threading.Event | None, tell: Told | None) -> None:
    """Until the guest has ended, or must."""
    step = None
    while guest.read(POLL_SECONDS):
        if stop and stop.is_set():
            raise Interrupted
        now = outcomes.whereabouts(guest.text)
        if tell and now and now != step:
            step = now
            tell(now)
        if guest.over():
            return


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            try:
                stream.close()
            except OSError:
                pass  # what was not written yet


def _start(argv: list[str], result: int) -> subprocess.Popen[bytes]:
    """Its own session: ^C is ours to handle. It does not outlive us, whatever ends us."""
    guard = shutil.which("setpriv")
    before = [guard, "--pdeathsig", "KILL"] if guard else []
    return subprocess.Popen([*before, *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, pass_fds=(result,), start_new_session=True)


def boot(image: Path, *, arch: str | None = None, initramfs: Path, cmdline: str = "",
         memory_mb: int = 1024, qemu: str | None = None, icount: bool = True,
         accel: str | None = None, timeout_s: float = 300, boot_s: float = BOOT_SECONDS,
         extra: Sequence[str] = (), out: Path | None = None, log: Path | None = None,
         host: str = "guest", stop: threading.Event | None = None,
         tell: Told | None = None) -> Boot:
    """One boot. Its files go to out, its console to log, as it comes. tell: which step begins,
    and how far a long one is.

    KernelsError: it cannot even be started. Interrupted: stop was set, and nothing is left.
    """
    found, _ = inspect(image)
    if arch and arch != found:
        raise KernelsError(f"{image} is a kernel for {found}, not for {arch}", 2)
    program = machines.find(found, qemu)
    accel = accel or (machines.ICOUNT if icount else machines.TCG)
    read_end, write_end = os.pipe()
    argv = machines.command(program, found, kernel=image, initramfs=initramfs, cmdline=cmdline,
                            memory_mb=memory_mb, accel=accel, result=f"/dev/fd/{write_end}",
                            host=host, extra=extra)
    process: subprocess.Popen[bytes] | None = None
    began, today = time.monotonic(), time.time()
    try:
        with writing(out or Path.cwd(), TEMPORARY), open(log or os.devnull, "wb") as file:
            process = _start(argv, write_end)
            os.close(write_end)
            write_end = -1
            guest = _Guest(process, read_end, timeout_s, boot_s, file)
            _serve(guest, stop, tell)
            ended = guest.limit is None or outcomes.is_done(guest.text)
            status = process.wait(timeout=GRACE_SECONDS) if ended else None
            ended_as = _judge(guest, status, accel, time.monotonic() - began, argv, out)
            ended_as.began = today
            return ended_as
    except subprocess.TimeoutExpired as err:
        raise KernelsError(f"{program} closed its streams and did not end") from err
    finally:
        if process:
            _end(process)
        os.close(read_end)
        if write_end >= 0:
            os.close(write_end)


def _judge(guest: _Guest, status: int | None, accel: str, seconds: float, argv: list[str],
           out: Path | None) -> Boot:
    limit = guest.limit
    name, detail = outcomes.judge(guest.text, ended=status is not None, status=status,
                                  said=guest.said.decode("utf-8", "replace"), limit=limit)
    if name == outcomes.OK and limit == outcomes.TIMEOUT:
        at = outcomes.step(guest.text)
        name, detail = limit, (f"time is up{f' in step {at}' if at else ''}; what was measured "
                               "until then has come out")
    if guest.frames.damaged or (name == outcomes.OK and guest.frames.partial):
        name = outcomes.DAMAGED
        detail = f"the guest's files did not come out whole: {guest.frames.damaged or 'cut'}"
    try:
        if out:
            guest.frames.unpack(out)
    except DAMAGES as err:
        name, detail = outcomes.DAMAGED, f"the guest's files cannot be unpacked: {err}"
    return Boot(name, guest.text, seconds, guest.clock.cpu, detail, accel, guest.frames.names,
                command=argv)
