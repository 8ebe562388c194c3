# SPDX-License-Identifier: MIT
"""spawnmark.h for Python: what a host or a payload in Python needs of libspawnmark.

A host subclasses Strategy and calls main(); see cpython.py. The library is found beside this file's
build tree or installation, or where $SPAWNMARK_LIB says.
"""

from __future__ import annotations

import ctypes as c
import errno
import os
from pathlib import Path

CHILD_OF_PARENT, FRESH_IMAGE, RUNS_ATFORK, OWN_SERVER = 1, 2, 4, 8
SETSID, PGID, UMASK, SIGMASK, LIMITS, CGROUP, GROUPS, GID, UID, FDS = (1 << i for i in range(10))
STAGE_PIPE, STAGE_CLONE, STAGE_CHDIR, STAGE_EXEC, STAGE_PRELOAD = 2, 4, 7, 8, 9
STAGE_WAIT, STAGE_ATTR = 18, 20
TEXTS = c.POINTER(c.c_char_p)


class Fault(c.Structure):
    _fields_ = [("size", c.c_uint32), ("stage", c.c_int32), ("err", c.c_int32),
                ("detail", c.c_int32), ("text", c.c_char * 240)]


class Setup(c.Structure):
    _fields_ = [("size", c.c_uint32), ("timeout_ms", c.c_uint32), ("argv", TEXTS), ("envp", TEXTS),
                ("payload", c.c_void_p)]


class Fd(c.Structure):
    _fields_ = [("src", c.c_int32), ("dst", c.c_int32)]


class Request(c.Structure):
    _fields_ = [("size", c.c_uint32), ("timeout_ms", c.c_uint32), ("args", TEXTS), ("envp", TEXTS),
                ("cwd", c.c_char_p), ("fields", c.c_uint32), ("umask", c.c_uint32),
                ("sigmask", c.c_uint64), ("pgid", c.c_int32), ("cgroup_fd", c.c_int32),
                ("uid", c.c_uint32), ("gid", c.c_uint32), ("groups", c.POINTER(c.c_uint32)),
                ("limits", c.c_void_p), ("fds", c.POINTER(Fd)), ("ngroups", c.c_uint32),
                ("nlimits", c.c_uint32), ("nfds", c.c_uint32)]


class Child(c.Structure):
    _fields_ = [("size", c.c_uint32), ("pid", c.c_int), ("stdin", c.c_int), ("stdout", c.c_int),
                ("stderr", c.c_int), ("priv", c.c_int64)]


class Exit(c.Structure):
    _fields_ = [("size", c.c_uint32), ("status", c.c_int32),
                *((n, c.c_int64) for n in "utime stime minflt majflt nvcsw nivcsw".split())]


START = c.PYFUNCTYPE(c.c_int, c.POINTER(c.c_void_p), c.POINTER(Setup), c.POINTER(Fault))
SPAWN = c.PYFUNCTYPE(c.c_int, c.c_void_p, c.POINTER(Request), c.POINTER(Child), c.POINTER(Fault))
WAIT = c.PYFUNCTYPE(c.c_int, c.c_void_p, c.POINTER(Child), c.c_int, c.POINTER(Exit))
STOP = c.PYFUNCTYPE(None, c.c_void_p)
SERVER = c.PYFUNCTYPE(c.c_int, c.c_void_p)
WORK = c.PYFUNCTYPE(c.c_int, c.c_void_p)


class Ops(c.Structure):
    _fields_ = [("size", c.c_uint32), ("name", c.c_char_p), ("summary", c.c_char_p),
                ("traits", c.c_uint64), ("start", START), ("spawn", SPAWN), ("wait", WAIT),
                ("stop", STOP), ("server", SERVER), ("record", c.c_void_p), ("serve", c.c_void_p),
                ("idle", c.c_void_p)]


class Payload(c.Structure):
    _fields_ = [("size", c.c_uint32), ("work", WORK), ("check", c.c_void_p),
                ("before_fork", c.c_void_p), ("after_fork_parent", c.c_void_p),
                ("after_fork_child", c.c_void_p), ("arg", c.c_void_p)]


class Refused(Exception):
    """Raised by a strategy: {stage, errno}, as its caller gets it."""

    def __init__(self, stage: int, err: int, text: str = "") -> None:
        super().__init__(text)
        self.stage, self.err, self.text = stage, err, text


def texts(vector) -> list[bytes]:
    """A NULL-terminated vector of C."""
    found: list[bytes] = []
    while vector and vector[len(found)] is not None:
        found.append(vector[len(found)])
    return found


def environment(vector) -> dict[bytes, bytes]:
    return dict(entry.split(b"=", 1) for entry in texts(vector))


def library() -> c.PyDLL:
    """PyDLL keeps the GIL: the library calls back into Python."""
    here = Path(__file__).resolve().parents
    places = [os.environ.get("SPAWNMARK_LIB", ""), here[2] / "build" / "libspawnmark.so",
              here[2] / "lib" / "libspawnmark.so", "libspawnmark.so"]
    checks = os.environ.get("SM_CHECKS")  # beside it: the build that this run uses
    if checks:
        places[1:1] = [Path(checks).parent / "libspawnmark.so",
                       Path(checks).parent.parent / "libspawnmark.so"]
    for place in places[:-1]:
        if place and os.path.exists(place):
            return c.PyDLL(str(place))
    return c.PyDLL(places[-1])


class Strategy:
    """One way to get a child. Override start, spawn, wait, stop; server where there is one."""

    name = summary = ""
    traits = 0

    def start(self, setup: Setup) -> None: ...
    def spawn(self, request: Request, child: Child) -> None: ...
    def wait(self, child: Child, timeout_s: float | None) -> int: ...  # a wait status
    def stop(self) -> None: ...
    def server(self) -> int: return 0


def _refuse(fault, error: BaseException, stage: int) -> int:
    if isinstance(error, Refused):
        stage, err, text = error.stage, error.err, error.text
    else:
        err = (error.errno if isinstance(error, OSError) else 0) or errno.EPROTO
        text = f"{type(error).__name__}: {error}"
    fault.contents.stage, fault.contents.err = stage, err
    fault.contents.text = text.encode(errors="replace")[:239]
    return -err


def main(strategy: Strategy) -> int:
    """A host's whole life: obeys the driver whose socket $SM_JOB names. Returns the exit status."""

    def start(_out, setup, fault):
        try:
            strategy.start(setup.contents)
        except Exception as error:
            return _refuse(fault, error, STAGE_PRELOAD)
        return 0

    def spawn(_self, request, child, fault):
        child.contents.stdin = child.contents.stdout = child.contents.stderr = -1
        try:
            strategy.spawn(request.contents, child.contents)
        except Exception as error:
            return _refuse(fault, error, STAGE_CLONE)
        return 0

    def wait(_self, child, timeout_ms, end):
        try:
            status = strategy.wait(child.contents, None if timeout_ms < 0 else timeout_ms / 1000)
        except TimeoutError:
            return -errno.ETIMEDOUT
        except OSError as error:
            return -(error.errno or errno.EPROTO)
        if end:
            end.contents.status = status
            for name in "utime stime minflt majflt nvcsw nivcsw".split():
                setattr(end.contents, name, -1)
        return 0

    ops = Ops(size=c.sizeof(Ops), name=strategy.name.encode(), summary=strategy.summary.encode(),
              traits=strategy.traits, start=START(start), spawn=SPAWN(spawn), wait=WAIT(wait),
              stop=STOP(lambda _self: strategy.stop()),
              server=SERVER(lambda _self: strategy.server()))
    return library().sm_host_main(c.byref(ops), None)


def role(work=lambda: None) -> int:
    """A child's (or a payload's) whole life: does what $SM_JOB says. Returns the exit status."""

    def safe(_arg):
        work()
        return 0

    payload = Payload(size=c.sizeof(Payload), work=WORK(safe))
    return library().sm_role(None, c.byref(payload))
