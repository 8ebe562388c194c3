/* SPDX-License-Identifier: MIT */
/*
 * run.c - runs one probe where it can do no harm.
 *
 *   caller ── guard ── probe ── whatever it starts
 *
 * The guard adopts and reaps what the probe leaves: with the caller as its parent, a caller that is
 * a subreaper would get zombies. It needs no pidfd, which a filter may deny.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../sys/sys.h"

#define BOUND_MS 5000
#define GRACE_MS 3000 /* for the guard to kill, reap and remove */

/* Until fork(2)'s caller is gone; it may be gone already. */
static void die_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(1);
}

/* Standard streams, dispositions and the core limit of the caller are not the probe's. */
static void detach(const sigset_t *mask)
{
	const struct sigaction standard = { .sa_handler = SIG_DFL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct rlimit core;

	for (int fd = 0; null >= 0 && fd < 3; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &standard, NULL); /* not SIGKILL, SIGSTOP and libc's own */
	sigprocmask(SIG_SETMASK, mask, NULL);
	/* One byte is too little for a file, and the value at which a pipe is not asked. */
	if (getrlimit(RLIMIT_CORE, &core) == 0) {
		core.rlim_cur = core.rlim_max > 1 ? 1 : core.rlim_max;
		setrlimit(RLIMIT_CORE, &core);
	}
}

static void tell(int out, const struct sm_probe_result *result)
{
	sm_write_all(out, result, sizeof(*result)); /* nobody is left to hear of a failure */
}

/* Waits for SIGCHLD, which is blocked, until pid is a zombie. */
static bool await_end(pid_t pid, int bound_ms, const sigset_t *chld)
{
	int64_t end = sm_now_ns() + (int64_t)bound_ms * 1000000;

	for (;;) {
		int64_t left = end - sm_now_ns();
		struct timespec ts = { .tv_nsec = 0 };
		siginfo_t info = { .si_pid = 0 };

		if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid)
			return true;
		if (left <= 0)
			return false;
		ts.tv_sec = left / 1000000000;
		ts.tv_nsec = left % 1000000000;
		sigtimedwait(chld, NULL, &ts);
	}
}

/* Kills and reaps the probe's group. The zombie leader keeps the group's number from reuse. */
static int sweep(pid_t pid)
{
	int status = 0, one;
	pid_t got;

	kill(pid, SIGKILL); /* before setpgid(2) was done, there is no group */
	kill(-pid, SIGKILL);
	while ((got = waitpid(-1, &one, __WALL)) > 0 || (got < 0 && errno == EINTR)) {
		if (got == pid)
			status = one;
	}
	return status;
}

static void guard(sm_probe *probe, int bound_ms, int out)
{
	struct sm_probe_result result = { .presence = SM_UNKNOWN };
	pid_t self = getpid(), pid;
	sigset_t chld, none;
	bool ended;
	int status;

	sigemptyset(&none);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	detach(&chld);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	pid = fork();
	if (pid < 0) {
		sm_probe_dunno(&result, errno, "fork");
		tell(out, &result);
		_exit(1);
	}
	if (!pid) {
		die_with(self);
		setpgid(0, 0);
		sigprocmask(SIG_SETMASK, &none, NULL);
		probe(&result);
		tell(out, &result);
		_exit(0);
	}
	setpgid(pid, pid); /* both do it: neither knows who is first */
	ended = await_end(pid, bound_ms, &chld);
	status = sweep(pid);
	sm_probe_tidy(pid);
	if (!ended)
		sm_probe_dunno(&result, 0, "no answer within %d ms", bound_ms);
	else if (WIFSIGNALED(status))
		sm_probe_dunno(&result, 0, "the probe was killed by SIG%s",
			       sigabbrev_np(WTERMSIG(status)));
	else if (status)
		sm_probe_dunno(&result, 0, "the probe ended with status %d", WEXITSTATUS(status));
	if (!ended || status)
		tell(out, &result);
	_exit(0);
}

/* The guard's word comes after the probe's, and is the last. */
static void hear(int in, struct sm_probe_result *result)
{
	struct sm_probe_result one;

	while (read(in, &one, sizeof(one)) == (ssize_t)sizeof(one)) {
		*result = one;
		result->text[sizeof(result->text) - 1] = '\0';
	}
}

void sm_probe_run(sm_probe *probe, int bound_ms, struct sm_probe_result *result)
{
	pid_t caller = getpid(), pid;
	int ends[2];

	memset(result, 0, sizeof(*result));
	sm_probe_dunno(result, 0, "the probe ended without an answer");
	/* Not blocking: what is to be read was written before the guard ended. */
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
		sm_probe_dunno(result, errno, "pipe");
		return;
	}
	pid = fork();
	if (!pid) {
		die_with(caller);
		close(ends[0]);
		guard(probe, bound_ms, ends[1]);
	}
	if (pid < 0) {
		sm_probe_dunno(result, errno, "fork");
	} else if (sm_wait_child(pid, bound_ms + GRACE_MS, NULL) == -ETIMEDOUT) {
		sm_kill_child(pid);
		sm_probe_dunno(result, 0, "cannot be killed after %d ms", bound_ms);
	} else { /* -ECHILD: a caller that ignores SIGCHLD */
		hear(ends[0], result);
	}
	close(ends[0]);
	close(ends[1]);
}

void sm_feature_probe(enum sm_feature feature, struct sm_probe_result *result)
{
	if (feature < SM_F_COUNT && sm_features[feature].probe) {
		sm_probe_run(sm_features[feature].probe, BOUND_MS, result);
		return;
	}
	memset(result, 0, sizeof(*result));
	sm_probe_dunno(result, 0, "not probed");
}

void sm_features_probe_all(struct sm_probe_result results[SM_F_COUNT])
{
	for (int f = 0; f < SM_F_COUNT; f++)
		sm_feature_probe((enum sm_feature)f, &results[f]);
}

uint64_t sm_features_missing(const struct sm_probe_result results[SM_F_COUNT])
{
	uint64_t set = 0;

	for (int f = 0; f < SM_F_COUNT; f++) {
		if (results[f].presence == SM_MISSING ||
		    (sm_features[f].probe && results[f].presence != SM_PRESENT))
			set |= SM_NEED(f);
	}
	return set;
}
