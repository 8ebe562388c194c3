# SPDX-License-Identifier: MIT
"""What of cpython.py runs in the fork server, which preloads this module, and in its children."""
import contextlib
import json
import os
import runpy
import time
from fcntl import F_DUPFD_CLOEXEC, fcntl

import spawnmark as sm

ENTERED = 0
LOADED = {}  # by command: library and payload for sm_role()


@contextlib.contextmanager
def inherited(env, command):
    """What a server that is started meanwhile has for its environment."""
    own, here = dict(os.environb), os.path.dirname(os.path.abspath(__file__)).encode()
    own.pop(b"SM_JOB", None)  # which the library has taken away by now
    os.environb.clear()
    os.environb.update(env)
    os.environb[b"PYTHONPATH"] = here + b":" + env.get(b"PYTHONPATH", b"")
    os.environb[b"SM_PAYLOAD"] = command.encode()
    try:
        yield
    finally:
        os.environb.clear()
        os.environb.update(own)


def note_entered():
    global ENTERED
    ENTERED = time.monotonic_ns()


def load(command):
    """In the server; in a child only where its server was replaced and has not loaded it."""
    if command not in LOADED:
        argv = json.loads(command)  # of payloads/python.py; empty: nothing to load
        LOADED[command] = (runpy.run_path(argv[0], run_name="payload")["load"](argv[1:]) if argv
                           else (sm.library(), sm.nothing()))
    return LOADED[command]


if "SM_PAYLOAD" in os.environ:
    load(os.environ.pop("SM_PAYLOAD"))
os.register_at_fork(after_in_child=note_entered)


def be_child(conns, env, command):
    """Stdio as the parent wants it, then what every child does; no end that flushes buffers."""
    high = [fcntl(conn.fileno(), F_DUPFD_CLOEXEC, 3) for conn in conns]
    for conn in conns:
        conn.close()
    for number, fd in enumerate(high):
        os.dup2(fd, number)
        os.close(fd)
    os.environb.clear()
    os.environb.update(env)
    library, payload = load(command)
    library.sm_entered_at(sm.c.c_int64(ENTERED))
    os._exit(library.sm_role(None, sm.c.byref(payload)))
