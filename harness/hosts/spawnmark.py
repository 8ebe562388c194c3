# SPDX-License-Identifier: MIT
"""spawnmark.h for Python. A host subclasses Strategy and calls main(); see cpython.py."""

from __future__ import annotations

import ctypes as c
import errno
import os

CHILD_OF_PARENT, FRESH_IMAGE, RUNS_ATFORK, OWN_SERVER = 1, 2, 4, 8
SETSID, PGID, UMASK, SIGMASK, LIMITS, CGROUP, GROUPS, GID, UID, FDS = (1 << i for i in range(10))
STAGE_PIPE, STAGE_CLONE, STAGE_CHDIR, STAGE_EXEC, STAGE_PRELOAD = 2, 4, 7, 8, 9
STAGE_ARGUMENT, STAGE_RECEIVE, STAGE_ATTR = 1, 12, 20
TEXTS = c.POINTER(c.c_char_p)

class Fault(c.Structure):
    _fields_ = [("size", c.c_uint32), ("stage", c.c_int32), ("err", c.c_int32),
                ("detail", c.c_int32), ("text", c.c_char * 240)]


class Setup(c.Structure):
    _fields_ = [("size", c.c_uint32), ("timeout_ms", c.c_uint32), ("argv", TEXTS), ("envp", TEXTS),
                ("payload", c.c_void_p), ("options", c.c_char_p), ("plan_fd", c.c_int)]


class Request(c.Structure):
    _fields_ = [("size", c.c_uint32), ("timeout_ms", c.c_uint32), ("args", TEXTS), ("envp", TEXTS),
                ("cwd", c.c_char_p), ("fields", c.c_uint32), ("umask", c.c_uint32),
                ("sigmask", c.c_uint64), ("pgid", c.c_int32), ("cgroup_fd", c.c_int32),
                ("uid", c.c_uint32), ("gid", c.c_uint32), ("groups", c.POINTER(c.c_uint32)),
                ("limits", c.c_void_p), ("fds", c.c_void_p), ("ngroups", c.c_uint32),
                ("nlimits", c.c_uint32), ("nfds", c.c_uint32)]


class Child(c.Structure):
    _fields_ = [("size", c.c_uint32), ("pid", c.c_int), ("stdin", c.c_int), ("stdout", c.c_int),
                ("stderr", c.c_int), ("priv", c.c_int64), ("pidfd", c.c_int)]


class Exit(c.Structure):
    _fields_ = [("size", c.c_uint32), ("status", c.c_int32),
                *((n, c.c_int64) for n in "utime stime minflt majflt nvcsw nivcsw".split())]


# Each takes the GIL, on whichever thread of the library it is called.
START = c.CFUNCTYPE(c.c_int, c.POINTER(c.c_void_p), c.POINTER(Setup), c.POINTER(Fault))
SPAWN = c.CFUNCTYPE(c.c_int, c.c_void_p, c.POINTER(Request), c.POINTER(Child), c.POINTER(Fault))
WAIT = c.CFUNCTYPE(c.c_int, c.c_void_p, c.POINTER(Child), c.c_int, c.POINTER(Exit))
STOP = c.CFUNCTYPE(None, c.c_void_p)
SERVER = c.CFUNCTYPE(c.c_int, c.c_void_p)
WORK = c.CFUNCTYPE(c.c_int, c.c_void_p)


class Ops(c.Structure):
    _fields_ = [("size", c.c_uint32), ("name", c.c_char_p), ("summary", c.c_char_p),
                ("traits", c.c_uint64), ("start", START), ("spawn", SPAWN), ("wait", WAIT),
                ("stop", STOP), ("server", SERVER), ("record", c.c_void_p), ("serve", c.c_void_p),
                ("idle", c.c_void_p), ("spares", c.c_void_p), ("options", c.c_void_p)]


class Payload(c.Structure):
    _fields_ = [("size", c.c_uint32), ("work", WORK), ("check", c.c_void_p),
                ("before_fork", c.c_void_p), ("after_fork_parent", c.c_void_p),
                ("after_fork_child", c.c_void_p), ("arg", c.c_void_p),
                ("before_serve", c.c_void_p)]


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
    return dict(entry.split(b"=", 1) for entry in texts(vector) if b"=" in entry)


def library() -> c.CDLL:
    """libspawnmark.so of this run, of this file's build tree or installation, or of the system."""
    here = os.path.dirname(os.path.abspath(__file__))
    checks = os.path.dirname(os.environ.get("SM_CHECKS", "/-/-"))
    for folder in (checks, f"{here}/../../build", f"{here}/../../../../lib/spawnmark"):
        if os.path.exists(f"{folder}/libspawnmark.so"):
            return c.CDLL(f"{folder}/libspawnmark.so")
    return c.CDLL("libspawnmark.so")


def close_all(fds) -> None:
    for fd in fds:
        os.close(fd)


def duplicates(files) -> list[int]:
    """The caller's own descriptors of files that close theirs. All, or none and OSError."""
    ends: list[int] = []
    try:
        for file in files:
            ends.append(os.dup(file.fileno()))
    except OSError:
        close_all(ends)
        raise
    return ends


class Strategy:
    """One way to get a child. Override start, spawn, wait, stop; server where there is one."""

    name, summary, traits = "", "", 0
    options: tuple[str, ...] = ()  # names that setup.options ("name=value ...") may set

    def start(self, setup: Setup) -> None: ...
    def spawn(self, request: Request, child: Child): ...  # fills child, returns what wait() needs
    def wait(self, made, timeout_s: float | None) -> int: ...  # 0.. or -signal
    def stop(self) -> None: ...
    def server(self) -> int: return 0  # with OWN_SERVER: its pid


def _refuse(fault, error: BaseException, stage: int) -> int:
    if isinstance(error, Refused):
        stage, err, text = error.stage, error.err, error.text
    else:
        err, text = getattr(error, "errno", 0), f"{type(error).__name__}: {error}"
        if isinstance(error, EOFError):  # from a server that has died
            stage, err = STAGE_RECEIVE, errno.EPIPE
    err = err or errno.EPROTO
    fault.contents.stage, fault.contents.err = stage, err
    fault.contents.text = text.encode(errors="replace")[:239]
    return -err


def main(strategy: type[Strategy]) -> int:
    """A host's whole life: obeys the driver whose socket $SM_JOB names. Returns the exit status."""
    # No callback raises: ctypes would make success of it.
    started = {}  # by the number that the library gets for it
    running = {}  # by pid: what spawn() returned

    def start(me, setup, fault):
        try:
            one = strategy()
            one.start(setup.contents)
            me[0] = id(one)
            started[id(one)] = one
        except BaseException as error:
            return _refuse(fault, error, STAGE_PRELOAD)
        return 0

    def spawn(me, request, child, fault):
        child.contents.stdin = child.contents.stdout = child.contents.stderr = -1
        try:
            made = started[me].spawn(request.contents, child.contents)
            running[child.contents.pid] = made
        except BaseException as error:
            return _refuse(fault, error, STAGE_CLONE)
        return 0

    def wait(me, child, timeout_ms, end):
        try:
            made = running[child.contents.pid]
            code = started[me].wait(made, None if timeout_ms < 0 else timeout_ms / 1000)
            del running[child.contents.pid]
        except KeyError:  # none of ours, or waited for already
            return -errno.ECHILD
        except BaseException as error:
            if isinstance(error, TimeoutError):
                return -errno.ETIMEDOUT
            return -((error.errno if isinstance(error, OSError) else 0) or errno.EPROTO)
        if end:
            end.contents.status = -code if code < 0 else code << 8  # as wait(2)
            for name in "utime stime minflt majflt nvcsw nivcsw".split():
                setattr(end.contents, name, -1)
        return 0

    names = (c.c_char_p * (len(strategy.options) + 1))(*(o.encode() for o in strategy.options))
    ops = Ops(size=c.sizeof(Ops), name=strategy.name.encode(), summary=strategy.summary.encode(),
              traits=strategy.traits, start=START(start), spawn=SPAWN(spawn), wait=WAIT(wait),
              stop=STOP(lambda me: started.pop(me).stop()),
              server=SERVER(lambda me: started[me].server()), options=c.addressof(names))
    return library().sm_host_main(c.byref(ops), None)


def nothing() -> Payload:
    """For sm_role() of a child that has nothing to load."""
    return Payload(size=c.sizeof(Payload), work=WORK(lambda _arg: 0))
