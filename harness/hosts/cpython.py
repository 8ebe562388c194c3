# SPDX-License-Identifier: MIT
"""The interpreter's own spawners on the meter: subprocess.Popen and multiprocessing.forkserver.

    spawnmark conform --host cpython-popen='python3 harness/hosts/cpython.py popen'
    spawnmark run startup --host cpython-forkserver='python3 harness/hosts/cpython.py forkserver'
"""
import contextlib
import errno
import json
import multiprocessing
import multiprocessing.connection
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import os
import signal
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cpython_child  # noqa: E402
import spawnmark as sm  # noqa: E402


CONTEXT = multiprocessing.get_context("forkserver")


class Popen(sm.Strategy):
    name = "cpython-popen"
    summary = f"subprocess.Popen of CPython {sys.version.split()[0]}"
    traits = sm.CHILD_OF_PARENT | sm.FRESH_IMAGE
    offers = sm.SETSID | sm.UMASK | sm.GROUPS | sm.GID | sm.UID
    offers |= sm.PGID if sys.version_info >= (3, 11) else 0

    def start(self, setup):
        self.argv = sm.texts(setup.argv)

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
                umask=request.umask if has & sm.UMASK else -1,
                extra_groups=request.groups[:request.ngroups] if has & sm.GROUPS else None,
                group=request.gid if has & sm.GID else None,
                user=request.uid if has & sm.UID else None,
                **({"process_group": request.pgid} if has & sm.PGID else {}))
        except OSError as error:
            raise sm.Refused(self.stage(error, request), error.errno) from None
        child.pid, files = made.pid, (made.stdin, made.stdout, made.stderr)
        try:
            child.stdin, child.stdout, child.stderr = sm.duplicates(files)
        except OSError:
            made.kill(), made.wait()
            raise
        finally:
            for file in files:
                file.close()
        return made

    def stage(self, error, request):  # subprocess tells an errno and a file alone
        if request.cwd and error.filename == request.cwd:
            return sm.STAGE_CHDIR
        if request.fields and error.errno == errno.EPERM:
            return sm.STAGE_ATTR
        return sm.STAGE_EXEC if error.filename else sm.STAGE_CLONE

    def wait(self, made, timeout_s):
        try:
            return made.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError from None


class ForkServer(sm.Strategy):
    name = "cpython-forkserver"
    summary = f"multiprocessing.forkserver of CPython {sys.version.split()[0]}"
    traits = sm.OWN_SERVER | sm.RUNS_ATFORK
    # One server for all; start() polls every process: two threads at one would lose its status.
    lock, users = threading.RLock(), 0

    def start(self, setup):
        with ForkServer.lock:
            if not ForkServer.users:
                self.launch(setup)
            ForkServer.users += 1

    def launch(self, setup):
        argv = [os.fsdecode(word) for word in sm.texts(setup.argv)]
        python = os.path.basename(argv[1]) == "python.py" if argv[1:] else False
        if not python and os.path.basename(argv[0]) != "none":
            raise sm.Refused(sm.STAGE_ARGUMENT, errno.EOPNOTSUPP, "only payloads none and python")
        ForkServer.command = json.dumps(argv[1:] if python else [])
        if python:
            CONTEXT.set_executable(argv[0])
        CONTEXT.set_forkserver_preload(["cpython", "cpython_child"])
        first = CONTEXT.Process(target=int, daemon=True)
        try:
            with cpython_child.inherited(sm.environment(setup.envp), self.command):
                first.start()
            first.join()  # the server has loaded
            os.read(first.sentinel, 1)  # and has closed its end behind the exit status
            if first.exitcode:
                raise sm.Refused(sm.STAGE_PRELOAD, errno.EPROTO, "the server could not load")
        except BaseException:
            self.end()
            raise

    def spawn(self, request, child):
        if request.fields or request.cwd or sm.texts(request.args):
            raise sm.Refused(sm.STAGE_ATTR, errno.EOPNOTSUPP, "multiprocessing does not offer this")
        pipes = [CONTEXT.Pipe(duplex=False) for _ in range(3)]  # what is left closes itself
        theirs = [pipe[i != 0] for i, pipe in enumerate(pipes)]
        ends = sm.duplicates(pipe[i == 0] for i, pipe in enumerate(pipes))
        made = CONTEXT.Process(target=cpython_child.be_child, daemon=True,
                                    args=(theirs, sm.environment(request.envp), self.command))
        try:
            with ForkServer.lock:
                made.start()
        except BaseException:
            sm.close_all(ends)
            raise
        child.pid, (child.stdin, child.stdout, child.stderr) = made.pid, ends
        return made

    def wait(self, made, timeout_s):
        if not multiprocessing.connection.wait([made.sentinel], timeout_s):
            raise TimeoutError
        with ForkServer.lock:
            made.join()
            return made.exitcode

    def stop(self):
        with ForkServer.lock:
            ForkServer.users -= 1
            if not ForkServer.users:
                self.end()

    def end(self):
        """Both helpers would go on as long as there are children, who hold the pipes to them."""
        tracker = multiprocessing.resource_tracker._resource_tracker
        for pid, stop in ((self.server(), multiprocessing.forkserver._forkserver._stop),
                          (tracker._pid, tracker._stop)):
            with contextlib.suppress(ChildProcessError):  # reaped by somebody: the pid is nobody's
                if pid and not os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                stop()

    def server(self):
        return multiprocessing.forkserver._forkserver._forkserver_pid or 0


if __name__ == "__main__":
    strategies = {"popen": Popen, "forkserver": ForkServer}
    if len(sys.argv) != 2 or sys.argv[1] not in strategies:
        sys.exit(f"usage: cpython.py {'|'.join(strategies)}")
    sys.exit(sm.main(strategies[sys.argv[1]]))
