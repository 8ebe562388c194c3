# SPDX-License-Identifier: MIT
"""cpython.py popen|forkserver: the interpreter's own spawners on spawnmark's meter.

    spawnmark conform --host cpython-popen='python3 harness/hosts/cpython.py popen'
    spawnmark run startup --host cpython-forkserver='python3 harness/hosts/cpython.py forkserver'

Nothing is rebuilt here: popen is subprocess.Popen, forkserver is multiprocessing's.
"""
import time; ENTERED = time.monotonic_ns()  # noqa: E702 - in the server: replaced in each child

import errno
import multiprocessing
import multiprocessing.forkserver
import multiprocessing.reduction
import multiprocessing.resource_tracker
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import spawnmark as sm  # noqa: E402


class Popen(sm.Strategy):
    """What a service written in Python does today."""

    name = "cpython-popen"
    summary = f"subprocess.Popen of CPython {sys.version.split()[0]}"
    traits = sm.CHILD_OF_PARENT | sm.FRESH_IMAGE
    offers = sm.SETSID | sm.PGID | sm.UMASK | sm.GROUPS | sm.GID | sm.UID

    def start(self, setup):
        self.argv = sm.texts(setup.argv)
        self.running = {}

    def spawn(self, request, child):
        has, args = request.fields, sm.texts(request.args)
        if has & ~self.offers:
            raise sm.Refused(sm.STAGE_ATTR, errno.EOPNOTSUPP, "subprocess does not offer this")
        try:
            made = subprocess.Popen(
                [*self.argv, *([b"--", *args] if args else [])], bufsize=0,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env=sm.environment(request.envp), cwd=request.cwd,
                start_new_session=bool(has & sm.SETSID),
                process_group=request.pgid if has & sm.PGID else None,
                umask=request.umask if has & sm.UMASK else -1,
                extra_groups=request.groups[:request.ngroups] if has & sm.GROUPS else None,
                group=request.gid if has & sm.GID else None,
                user=request.uid if has & sm.UID else None)
        except OSError as error:
            at_cwd = request.cwd and error.filename == request.cwd
            raise sm.Refused(sm.STAGE_CHDIR if at_cwd else sm.STAGE_EXEC, error.errno) from None
        child.pid = made.pid
        child.stdin, child.stdout, child.stderr = (
            os.dup(f.fileno()) for f in (made.stdin, made.stdout, made.stderr))
        for file in (made.stdin, made.stdout, made.stderr):
            file.close()
        self.running[made.pid] = made

    def wait(self, child, timeout_s):
        try:
            code = self.running[child.pid].wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        del self.running[child.pid]
        return -code if code < 0 else code << 8


def be_child(fds, env, cwd):
    """In a child of the fork server: stdio as the parent wants it, then as every child."""
    entered = time.monotonic_ns()
    for number, fd in enumerate(fds):
        os.dup2(fd.detach(), number)
    os.closerange(3, 256)
    os.environb.clear()
    os.environb.update(env)
    if cwd:
        os.chdir(cwd)
    sm.library().sm_entered_at(entered)
    os._exit(sm.role())


class ForkServer(sm.Strategy):
    """multiprocessing.forkserver; its children are the server's, their status is relayed."""

    name = "cpython-forkserver"
    summary = f"multiprocessing.forkserver of CPython {sys.version.split()[0]}"
    traits = sm.OWN_SERVER | sm.RUNS_ATFORK

    def start(self, setup):
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["__main__"])  # this file, and what it imports
        first = self.context.Process(target=int, daemon=True)
        first.start()  # the server has loaded when it has answered
        first.join()
        self.running = {}

    def spawn(self, request, child):
        if request.fields:
            raise sm.Refused(sm.STAGE_ATTR, errno.EOPNOTSUPP, "multiprocessing does not offer this")
        if request.args and request.args[0] is not None:
            raise sm.Refused(sm.STAGE_ATTR, errno.EOPNOTSUPP, "a function has no command line")
        pipes = [os.pipe() for _ in range(3)]
        theirs = [pipe[i != 0] for i, pipe in enumerate(pipes)]
        ours = [pipe[i == 0] for i, pipe in enumerate(pipes)]
        process = self.context.Process(
            target=be_child, daemon=True,
            args=([Passed(fd) for fd in theirs], sm.environment(request.envp), request.cwd))
        try:
            process.start()
        except BaseException:
            for fd in ours:
                os.close(fd)
            raise
        finally:
            for fd in theirs:
                os.close(fd)
        child.pid, (child.stdin, child.stdout, child.stderr) = process.pid, ours
        self.running[process.pid] = process

    def wait(self, child, timeout_s):
        process = self.running[child.pid]
        process.join(timeout_s)
        if process.exitcode is None:
            raise TimeoutError
        code = process.exitcode
        del self.running[child.pid]
        process.close()
        return -code if code < 0 else code << 8

    def stop(self):
        multiprocessing.forkserver._forkserver._stop()
        multiprocessing.resource_tracker._resource_tracker._stop()  # which start() had started

    def server(self):
        return multiprocessing.forkserver._forkserver._forkserver_pid or 0


class Passed:
    """A descriptor that travels with the request, by SCM_RIGHTS."""

    def __init__(self, fd):
        self.fd = fd

    def __reduce__(self):
        return Passed._rebuild, (multiprocessing.reduction.DupFd(self.fd),)

    @staticmethod
    def _rebuild(duplicate):
        return duplicate


if __name__ == "__main__":
    strategies = {"popen": Popen, "forkserver": ForkServer}
    if len(sys.argv) != 2 or sys.argv[1] not in strategies:
        sys.exit(f"usage: cpython.py {'|'.join(strategies)}")
    sys.exit(sm.main(strategies[sys.argv[1]]()))
