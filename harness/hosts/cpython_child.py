# SPDX-License-Identifier: MIT
"""What of cpython.py runs in the fork server, which preloads this module, and in its children."""
import json
import os
import runpy
import time
from fcntl import F_DUPFD_CLOEXEC, fcntl

import spawnmark as sm

ENTERED = 0
LOADED = None  # library and payload of payloads/python.py; None: nothing to load


def note_entered():
    global ENTERED
    ENTERED = time.monotonic_ns()


if "SM_PAYLOAD" in os.environ:  # in the server
    ARGV = json.loads(os.environ.pop("SM_PAYLOAD"))
    if ARGV:
        LOADED = runpy.run_path(ARGV[0], run_name="payload")["load"](ARGV[1:])
    os.register_at_fork(after_in_child=note_entered)


def be_child(conns, env):
    """Stdio as the parent wants it, then what every child does; no end that flushes buffers."""
    high = [fcntl(conn.fileno(), F_DUPFD_CLOEXEC, 3) for conn in conns]
    for conn in conns:
        conn.close()
    for number, fd in enumerate(high):
        os.dup2(fd, number)
        os.close(fd)
    os.environb.clear()
    os.environb.update(env)
    library, payload = LOADED or (sm.library(), sm.nothing())
    library.sm_entered_at(sm.c.c_int64(ENTERED))
    os._exit(library.sm_role(None, sm.c.byref(payload)))
