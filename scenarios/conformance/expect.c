/* SPDX-License-Identifier: MIT */
/*
 * expect.c - what is expected where a strategy's traits do not tell. Every row says why.
 */
#include <stddef.h>

#include "check/check.h"

/* What libc's fork(3) does for a child of a threaded creator, and a raw clone does not. */
#define NO_REPAIR "a raw clone: fork(3) would make the lock anew, whose holder the child has not"
#define NO_TID    "a raw clone: libc goes on with the thread id of the server in its cache"

#define NO_COMEBACK \
	"as the model's: a server that is gone, or was given up, is the caller's to start anew"
/* What zygote3 does not undertake. */
#define REFUSES "it refuses to clone while the server has a thread that no fork handler has stopped"

/* The real CPython (harness/hosts/cpython.py), 3.11; what it does is in the files named. */
#define POPEN  "cpython-popen"
#define SERVER "cpython-forkserver"
#define NO_CORE \
	"Lib/subprocess.py: returncode is minus the signal, without the core bit of the status"
#define PYMP                                                                                    \
	"Lib/multiprocessing/util.py:get_temp_dir: the socket's directory is removed when the " \
	"parent's interpreter ends, which a signal does not let it"
#define ALIVE                                                                                   \
	"Lib/multiprocessing/forkserver.py:_serve_one: children keep the pipe that tells the "  \
	"server of living clients, the resource tracker's and a sentinel: the server lives as " \
	"long as they do"
#define DIES                                                                                       \
	"Lib/multiprocessing/forkserver.py:main: whatever its fork or a request that comes short " \
	"raises ends the server; no errno goes back, its client reads end of file"
#define EOF_IS_255 \
	"Lib/multiprocessing/popen_forkserver.py:poll takes end of file for exit status 255"
#define PATIENT \
	"Lib/multiprocessing/popen_forkserver.py: no read of the server's answer has a bound"

#define ONE_ERRNO                                                                                \
	"posix_spawn(3) returns one errno, without the step that failed: what clone, chdir and " \
	"exec say is told as exec's"

/* What /bin/sh decides: dash stays between parent and child, bash becomes the child. */
#define BETWEEN "the shell stays between: who is told of, waited for and killed is the shell"
#define AS_EXIT                                                                               \
	"the shell stays between, and makes a death by signal N an exit with status 128 + N " \
	"(POSIX, 2.8.2)"
#define ITS_ENV  "the shell exports variables of its own (PWD), and all in its own order"
#define ITS_MASK "the shell clears the signal mask for its child"
#define IS_127                                                                               \
	"the shell is there, so the child is: it ends with status 126 or 127 and a line on " \
	"stderr (POSIX, 2.8.2)"
#define WAITED "the shell is the parent's own child, and is waited for as any"

/* What comes of being adopted. */
#define TWICE \
	"libc's fork runs them at both forks: for the one between server and child, and for the child"
#define ADOPTED                                                                                  \
	"an orphan goes to the process that is a subreaper, hence to its first thread, whoever " \
	"started the server (linux:kernel/exit.c:find_alive_thread)"
#define ADOPTS \
	"the parent is a subreaper: whoever loses its own parent below it becomes its child as well"

/* Children that were made before they are asked for: pool. */
#define AHEAD                                                                                    \
	"a request takes an idle child, made before: what befalls the creator is met when more " \
	"are made"
#define AHEAD_START "start makes idle children: whoever may not have as many cannot start"

/* One process for all requests: recycle. */
#define ALONE    "one process serves all requests: there is one at a time"
#define REMAINS  "one process serves all requests: what one does to it, the next one finds"
#define ITSELF   "one process serves all requests: the creator's own state is the child's"
#define NO_CLONE "one process serves all requests: nothing is cloned, so that no clone can fail"
#define ITS_END \
	"one process serves all requests: the child's end is the server's, and the other way"

const struct sm_expect sm_expects[] = {
	{ "signal.tty.interrupt", "zygote", false,
	  "its model's server leaves SIGINT at the default, so ^C ends it" },
	{ "thread.lock.malloc", "zygote", false, NO_REPAIR },
	{ "thread.lock.stdio", "zygote", false, NO_REPAIR },
	{ "thread.lock.loader", "zygote", false, NO_REPAIR },
	{ "thread.openblas.two", "zygote", false,
	  "a raw clone: OpenBLAS gives work to threads that the child has not; its fork handler, "
	  "which would stop them first, does not run" },
	{ "thread.tid.lock", "zygote", false, NO_TID },
	{ "thread.tid.unlock", "zygote", false, NO_TID },
	{ "thread.self.affinity", "zygote", false, NO_TID },
	{ "thread.self.policy", "zygote", false, NO_TID },
	{ "thread.mutex.robust", "zygote", false,
	  "a raw clone: the kernel is not told of the child's list of robust mutexes" },
	{ "thread.timer.again", "zygote", false,
	  "a raw clone: libc believes in its timer thread, which the child has not" },
	{ "random.python.module", "zygote", false,
	  "a raw clone runs no fork handlers: the module's state is the server's" },
	{ "life.server-killed.next", "zygote", false, NO_COMEBACK },
	{ "life.server-stopped.next", "zygote", false, NO_COMEBACK },
	{ "thread.lock.malloc", "zygote3", false, REFUSES },
	{ "thread.lock.stdio", "zygote3", false, REFUSES },
	{ "thread.lock.loader", "zygote3", false, REFUSES },
	{ "thread.timer.again", "zygote3", false, REFUSES },
	{ "memory.secret.freed", "zygote3", true,
	  "free memory goes back to the kernel before the first child (option trim)" },
	{ "thread.openmp", "zygote3", false, REFUSES ": libgomp has no fork handlers" },
	{ "thread.lock.malloc", "pool", false, REFUSES },
	{ "thread.lock.stdio", "pool", false, REFUSES },
	{ "thread.lock.loader", "pool", false, REFUSES },
	{ "thread.timer.again", "pool", false, REFUSES },
	{ "fd.eof.server", "pool", false, AHEAD },
	{ "limit.nproc", "pool", false, AHEAD_START },
	{ "limit.pids-max", "pool", false, AHEAD },
	{ "limit.memory-max", "pool", false, AHEAD },
	{ "limit.fds.parent", "pool", false, AHEAD },
	{ "limit.fds.server", "pool", false, AHEAD },
	{ "limit.fds.start", "pool", false, AHEAD_START },
	{ "limit.deadline", "pool", false, AHEAD },
	{ "life.server-killed.request", "pool", false, AHEAD },
	{ "life.server-stopped.timeout", "pool", false, AHEAD },
	{ "life.server-stopped.next", "pool", false, AHEAD },
	{ "memory.secret.freed", "pool", true,
	  "free memory goes back to the kernel before the first child (option trim)" },
	{ "protocol.slow.blocks-nobody", "forkserver", false,
	  "the accept loop receives, as CPython's does: here for half a second at most" },
	{ "memory.cost.parent", "popen", false,
	  "it forks before it execs, and fork copies the parent's page tables" },
	{ "identity.pidns.dead", "posix_spawn", false, ONE_ERRNO },
	{ "env.cwd.missing", "posix_spawn", false, ONE_ERRNO },
	{ "env.cwd.no-directory", "posix_spawn", false, ONE_ERRNO },
	{ "limit.nproc", "posix_spawn", false, ONE_ERRNO },
	{ "limit.pids-max", "posix_spawn", false, ONE_ERRNO },
	{ "limit.deadline", "posix_spawn", false, ONE_ERRNO },
	{ "identity.ppid.throughout", "shell", true, WAITED },
	{ "exit.wait.parent", "shell", true, WAITED },
	{ "exit.wait.nowait", "shell", true, WAITED },
	{ "exit.wait.stopped", "shell", true, WAITED },
	{ "exit.usage.accrues", "shell", true, WAITED },
	{ "exit.usage.own", "shell", true, WAITED },
	{ "exit.ignored.status", "shell", true, WAITED },
	{ "exit.pidfd.parent", "shell", true, WAITED },
	{ "exit.pidfd.nonblock", "shell", true, WAITED },
	{ "exit.pid.kept", "shell", true, WAITED },
	{ "signal.sigchld.sender", "shell", true, WAITED },
	{ "identity.ppid.parent", "shell", SM_MAY_FAIL, BETWEEN },
	{ "identity.pid.told", "shell", SM_MAY_FAIL, BETWEEN },
	{ "identity.image.payload", "shell", SM_MAY_FAIL, BETWEEN },
	{ "identity.session.requested", "shell", SM_MAY_FAIL, BETWEEN },
	{ "identity.group.requested", "shell", SM_MAY_FAIL, BETWEEN },
	{ "identity.pidns.outer-pid", "shell", SM_MAY_FAIL, BETWEEN },
	{ "identity.pidns.shared", "shell", SM_MAY_FAIL, BETWEEN },
	{ "exit.last-thread", "shell", SM_MAY_FAIL, BETWEEN },
	{ "signal.pdeathsig.parent", "shell", SM_MAY_FAIL, BETWEEN },
	{ "signal.pdeathsig.race", "shell", SM_MAY_FAIL, BETWEEN },
	{ "signal.pdeathsig.thread", "shell", SM_MAY_FAIL, BETWEEN },
	{ "fd.eof.exit", "shell", SM_MAY_FAIL, BETWEEN },
	{ "fd.stdio.epipe", "shell", SM_MAY_FAIL, BETWEEN },
	{ "sandbox.mount-ns.private", "shell", SM_MAY_FAIL, BETWEEN },
	{ "sandbox.uts-ns.private", "shell", SM_MAY_FAIL, BETWEEN },
	{ "sandbox.setns.pidfd", "shell", SM_MAY_FAIL, BETWEEN },
	{ "life.parent-killed.pdeathsig", "shell", SM_MAY_FAIL, BETWEEN },
	{ "life.fork-bomb", "shell", SM_MAY_FAIL, BETWEEN },
	{ "life.random-kills", "shell", SM_MAY_FAIL, BETWEEN },
	{ "life.kill-by-pidfd", "shell", SM_MAY_FAIL, BETWEEN },
	{ "exit.signal", "shell", SM_MAY_FAIL, AS_EXIT },
	{ "exit.core.none", "shell", SM_MAY_FAIL, AS_EXIT },
	{ "exit.core.dumped", "shell", SM_MAY_FAIL, AS_EXIT },
	{ "exit.wait.siginfo", "shell", SM_MAY_FAIL, AS_EXIT },
	{ "memory.oom", "shell", SM_MAY_FAIL, AS_EXIT },
	{ "limit.child.time", "shell", SM_MAY_FAIL, AS_EXIT },
	{ "env.exact", "shell", SM_MAY_FAIL, ITS_ENV },
	{ "env.empty", "shell", SM_MAY_FAIL, ITS_ENV },
	{ "env.private", "shell", SM_MAY_FAIL, ITS_ENV },
	{ "env.proc-environ", "shell", SM_MAY_FAIL, ITS_ENV },
	{ "signal.mask.parent", "shell", SM_MAY_FAIL, ITS_MASK },
	{ "signal.mask.requested", "shell", SM_MAY_FAIL, ITS_MASK },
	{ "env.exec.missing", "shell", false, IS_127 },
	{ "env.exec.mode", "shell", false, IS_127 },
	{ "env.exec.format", "shell", false, IS_127 },
	{ "env.exec.interpreter", "shell", false, IS_127 },
	{ "env.exec.busy", "shell", false, IS_127 },
	{ "limit.exec", "shell", false, IS_127 },

	{ "identity.thread.waits", "subreaper", false, ADOPTED },
	{ "signal.pdeathsig.thread", "subreaper", false, ADOPTED },
	{ "thread.atfork.child", "subreaper", false, TWICE },
	{ "thread.atfork.creator", "subreaper", false, TWICE },
	{ "thread.atfork.order", "subreaper", false, TWICE },
	{ "limit.nproc", "subreaper", false,
	  "there are two of them for a moment, and room for one is not enough" },
	{ "life.pid-reused", "subreaper", false, ADOPTS ", here who got the pids" },
	{ "life.daemon", "subreaper", SM_FAILS_LEAVING, ADOPTS ", and nobody waits for a daemon" },

	{ "life.parent-killed.all", "recycle", false, ALONE },
	{ "life.parent-killed.pdeathsig", "recycle", false, ALONE },
	{ "life.parent-killed.request", "recycle", false, ALONE },
	{ "life.server-killed.status", "recycle", false, ALONE },
	{ "life.server-killed.wait", "recycle", false, ALONE },
	{ "fd.close.private", "recycle", false, REMAINS },
	{ "memory.map.private", "recycle", false, REMAINS },
	{ "memory.secret.request", "recycle", false, REMAINS },
	{ "memory.secret.beside", "recycle", false, REMAINS },
	{ "sandbox.mount-ns.private", "recycle", false, REMAINS },
	{ "sandbox.seccomp.child", "recycle", false, REMAINS },
	{ "sandbox.landlock.child", "recycle", false, REMAINS },
	{ "memory.write.above", "recycle", false, REMAINS },
	{ "thread.mutex.robust", "recycle", false, REMAINS },
	{ "env.semadj.own", "recycle", false, REMAINS },
	{ "identity.pidns.outer-pid", "recycle", false, ITSELF },
	{ "identity.orphan.not-servers", "recycle", false, ITSELF },
	{ "identity.orphan.parents", "recycle", false, ITSELF },
	{ "exit.usage.accrues", "recycle", false, ITSELF },
	{ "exit.usage.own", "recycle", false, ITSELF },
	{ "signal.handler.reset", "recycle", false, ITSELF },
	{ "signal.handler.reset.realtime", "recycle", false, ITSELF },
	{ "signal.pending.none", "recycle", false, ITSELF },
	{ "signal.timer.interval", "recycle", false, ITSELF },
	{ "signal.timer.posix", "recycle", false, ITSELF },
	{ "signal.pdeathsig.inherited", "recycle", false, ITSELF },
	{ "fd.lock.record", "recycle", false, ITSELF },
	{ "env.policy.reset-on-fork", "recycle", false, ITSELF },
	{ "env.cpu-clock.zero", "recycle", false, ITSELF },
	{ "memory.advice.wipe", "recycle", false, ITSELF },
	{ "memory.advice.withhold", "recycle", false, ITSELF },
	{ "memory.locked", "recycle", false, ITSELF },
	{ "memory.cost.faults", "recycle", false, ITSELF },
	{ "thread.tid.lock", "recycle", false, ITSELF },
	{ "thread.tid.unlock", "recycle", false, ITSELF },
	{ "thread.self.affinity", "recycle", false, ITSELF },
	{ "thread.self.policy", "recycle", false, ITSELF },
	{ "thread.lock.malloc", "recycle", false, ITSELF },
	{ "thread.lock.stdio", "recycle", false, ITSELF },
	{ "thread.lock.loader", "recycle", false, ITSELF },
	{ "random.detector", "recycle", false, ITSELF },
	{ "sandbox.control.descriptors", "recycle", false, ITSELF },
	{ "identity.pidns.dead", "recycle", false, NO_CLONE },
	{ "limit.nproc", "recycle", false, NO_CLONE },
	{ "limit.pids-max", "recycle", false, NO_CLONE },
	{ "limit.fds.server", "recycle", false, NO_CLONE },
	{ "limit.dead-pidns", "recycle", false, NO_CLONE },
	{ "limit.deadline", "recycle", false, NO_CLONE },
	{ "life.server-stopped.timeout", "recycle", false, NO_CLONE },
	{ "life.server-stopped.next", "recycle", false, NO_CLONE },
	{ "exit.server-death", "recycle", false, ITS_END },
	{ "limit.fds.parent", "recycle", SM_MAY_FAIL, ITS_END },
	{ "life.server-killed.next", "recycle", false, ITS_END },
	{ "life.server-killed.restart", "recycle", false, ITS_END },
	{ "life.server-killed.told", "recycle", false, ITS_END },
	{ "life.server-killed.request", "recycle", false, ITS_END },
	{ "life.child-crash", "recycle", false, ITS_END },
	{ "life.random-kills", "recycle", false, ITS_END },
	{ "life.pid-reused", "recycle", false, ITS_END },
	{ "signal.pdeathsig.server", "recycle", true, ITS_END },
	{ "thread.openmp", "recycle", true, ITSELF },
	{ "random.libc", "recycle", true, ITSELF },
	{ "random.python.numpy", "recycle", true, ITSELF },

	{ "exit.core.dumped", POPEN, false, NO_CORE },
	{ "exit.usage.own", POPEN, false, "Lib/subprocess.py: os.waitpid(), which tells no usage" },
	{ "exit.ignored.status", POPEN, false,
	  "Lib/subprocess.py:_try_wait takes ECHILD for exit status 0 (bpo-15756)" },

	{ "identity.image.payload", SERVER, false,
	  "a child is the interpreter, whatever its function loads" },
	{ "exit.core.dumped", SERVER, false, NO_CORE },
	{ "signal.mask.server", SERVER, false,
	  "Lib/multiprocessing/util.py:spawnv_passfds: the server is exec'd with the parent's mask, "
	  "and nothing clears it" },
	{ "fd.open.entry", SERVER, false, ALIVE },
	{ "fd.open.siblings", SERVER, false, ALIVE },
	{ "fd.stdio.closed-at-start", SERVER, false,
	  "Lib/multiprocessing/util.py:spawnv_passfds keeps the numbers of what it passes: without a "
	  "stdin of the parent the listener is the server's 0" },
	{ "fd.cloexec.ends", SERVER, false,
	  "Lib/multiprocessing/reduction.py:recvfds: socket.recvmsg() without MSG_CMSG_CLOEXEC" },
	{ "limit.pids-max", SERVER, false, DIES },
	{ "limit.deadline", SERVER, false, DIES },
	{ "limit.fds.server", SERVER, false, DIES },
	{ "limit.fds.parent", SERVER, false, DIES },
	{ "limit.fds.start", SERVER, false,
	  "Lib/multiprocessing/popen_forkserver.py:_launch: when its os.dup() fails, the two ends "
	  "that it has stay open" },
	{ "life.server-killed.wait", SERVER, false, EOF_IS_255 },
	{ "life.random-kills", SERVER, false, EOF_IS_255 },
	{ "life.two-clients", SERVER, false,
	  "Lib/multiprocessing/forkserver.py:ensure_running waits for the server, which is no child "
	  "of the parent's fork" },
	{ "life.server-stopped.timeout", SERVER, false, PATIENT },
	{ "life.server-stopped.next", SERVER, false, PATIENT },
	{ "signal.pdeathsig.parent", SERVER, SM_FAILS_LEAVING, ALIVE "; and " PYMP },
	{ "signal.pdeathsig.race", SERVER, SM_FAILS_LEAVING, ALIVE "; and " PYMP },
	{ "life.parent-killed.pdeathsig", SERVER, SM_FAILS_LEAVING, ALIVE "; and " PYMP },
	{ "identity.reaper.server-ends", SERVER, SM_FAILS_LEAVING, PYMP },
	{ "signal.tty.interrupt", SERVER, SM_FAILS_LEAVING, PYMP },
	{ "signal.group.during", SERVER, SM_FAILS_LEAVING, PYMP },
	{ "protocol.gone.parent", SERVER, SM_FAILS_LEAVING, PYMP },
	{ "protocol.rights.in-flight", SERVER, SM_FAILS_LEAVING, DIES "; and " PYMP },
	{ "env.terminal.inherited", SERVER, SM_FAILS_LEAVING, PYMP },
	{ "life.parent-killed.all", SERVER, SM_FAILS_LEAVING, PYMP },
	{ "life.parent-killed.deaf", SERVER, SM_FAILS_LEAVING, PYMP },
	{ "life.parent-killed.request", SERVER, SM_FAILS_LEAVING, PYMP },
	{ "life.parent-killed.names", SERVER, SM_FAILS_LEAVING, PYMP },
	{ "life.hangup.ignored", SERVER, SM_FAILS_LEAVING, PYMP },
	{ "life.hangup.handled", SERVER, SM_FAILS_LEAVING, PYMP },
	{ NULL, NULL, false, NULL },
};
const unsigned int sm_expect_count = sizeof(sm_expects) / sizeof(sm_expects[0]) - 1;
