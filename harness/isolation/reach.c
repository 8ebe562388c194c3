/* SPDX-License-Identifier: MIT */
/*
 * reach.c - attacks on other processes: one function and one row each.
 *
 * An attack counts as gone through when the victim's own canary was read, not when a call
 * returned 0. What is read is wiped again.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../sys/sys.h"
#include "canary.h"
#include "scan.h"

static const char *const victims[SM_VICTIMS] = { "parent", "server", "sibling" };

struct assault {
	const struct sm_attack *a;
	const struct sm_victim_plan *v;
	enum sm_victim who;
	struct sm_msg_finding *out;
};

static void tell(struct assault *x, enum sm_outcome outcome, int err, const char *what)
{
	x->out->outcome = (int32_t)outcome;
	x->out->err = outcome == SM_BLOCKED ? err : 0;
	snprintf(x->out->evidence, sizeof(x->out->evidence), "%s", what);
}

/*
 * A victim that is alive, but not in this pid namespace, or not in this /proc: then its absence is
 * what keeps the attacker out.
 */
static int hidden(const struct assault *x, int err)
{
	char path[24];
	int gone;

	snprintf(path, sizeof(path), "/proc/%d", x->v->pid);
	gone = err == ESRCH ? kill(x->v->pid, 0) : err == ENOENT ? access(path, F_OK) : 0;
	return x->v->alive && gone < 0 && errno == err;
}

/* A call that failed. What failed for another reason than permission is no verdict. */
static void refused(struct assault *x, int err, const char *call)
{
	char name[24], text[96];
	int blind = !x->v->addr && (err == EIO || err == EFAULT || err == EINVAL);
	int unseen = hidden(x, err);
	int other = blind || err == ENOSYS || err == ESRCH || err == EBADF || err == ENOENT ||
		    err == EMFILE;

	snprintf(text, sizeof(text), "%s: %s%s%s", call, sm_errno_name(err, name),
		 blind ? " (the address was not known)" : "",
		 unseen ? " (it is alive, but cannot be seen from here)" : "");
	tell(x, other && !unseen ? SM_NOT_APPLICABLE : SM_BLOCKED, err, text);
}

/*
 * n bytes came from the victim: are they its canary? Wipes them. Only a read that could have held
 * the canary may say that it is not there.
 */
static void judge(struct assault *x, void *data, ssize_t n, const struct sm_masked *masked,
		  const char *call)
{
	ssize_t at = sm_canary_find(data, n > 0 ? (size_t)n : 0, masked, &x->a->mask);
	char text[128];

	if (n > 0)
		explicit_bzero(data, (size_t)n);
	if (n < SM_CANARY_BYTES) {
		snprintf(text, sizeof(text), "%s: permitted, but %zd bytes came: no canary fits",
			 call, n);
		tell(x, SM_NOT_APPLICABLE, 0, text);
		return;
	}
	if (at >= 0)
		snprintf(text, sizeof(text), "%s: %zd bytes read, the canary at +%zd", call, n, at);
	else
		snprintf(text, sizeof(text), "%s: %zd bytes read, not the canary", call, n);
	tell(x, at >= 0 ? SM_LEAKED : SM_ABSENT, 0, text);
}

/* The bytes at address(x): no verdict when that was made up. */
static void judge_memory(struct assault *x, void *data, ssize_t n, const char *call)
{
	char text[128];

	if (x->v->addr) {
		judge(x, data, n, &x->v->memory, call);
		return;
	}
	if (n > 0)
		explicit_bzero(data, (size_t)n);
	snprintf(text, sizeof(text), "%s: permitted, but where its canary is was not known", call);
	tell(x, SM_NOT_APPLICABLE, 0, text);
}

/* Where to read when nobody could tell: any address will do to be refused. */
static uint64_t address(const struct assault *x)
{
	return x->v->addr ? x->v->addr : (uint64_t)(uintptr_t)x & ~(uint64_t)15;
}

static int open_proc(const struct assault *x, const char *file)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/%s", x->v->pid, file);
	return open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

static void proc_mem(struct assault *x)
{
	unsigned char buf[SM_CANARY_BYTES];
	int fd = open_proc(x, "mem");
	ssize_t n;

	if (fd < 0) {
		refused(x, errno, "open /proc/PID/mem");
		return;
	}
	n = pread(fd, buf, sizeof(buf), (off_t)address(x));
	if (n < 0)
		refused(x, errno, "pread /proc/PID/mem");
	else
		judge_memory(x, buf, n, "/proc/PID/mem");
	close(fd);
}

static void proc_environ(struct assault *x)
{
	char buf[16384]; /* the whole of it, or as much as holds every canary of the suite */
	char call[48];
	int fd = open_proc(x, "environ"), err;
	size_t have = 0;
	ssize_t n;

	if (fd < 0) {
		refused(x, errno, "open /proc/PID/environ");
		return;
	}
	while ((n = read(fd, buf + have, sizeof(buf) - have)) > 0) /* by pages: proc_pid_environ */
		have += (size_t)n;
	err = errno;
	close(fd);
	snprintf(call, sizeof(call), "/proc/PID/environ (%s)", x->v->env_of);
	if (n < 0)
		refused(x, err, "read /proc/PID/environ");
	else if (have == sizeof(buf) && sm_canary_find(buf, have, &x->v->env, &x->a->mask) < 0)
		tell(x, SM_NOT_APPLICABLE, 0,
		     "readable, but longer than what is looked at: 16 KiB");
	else if (!x->v->has_env)
		tell(x, SM_NOT_APPLICABLE, 0,
		     "readable, but no canary was planted in what it shows");
	else
		judge(x, buf, (ssize_t)have, &x->v->env, call);
}

static void vm_readv(struct assault *x)
{
	unsigned char buf[SM_CANARY_BYTES];
	struct iovec local = { buf, sizeof(buf) };
	struct iovec remote = { (void *)(uintptr_t)address(x), sizeof(buf) };
	ssize_t n = (ssize_t)syscall(SYS_process_vm_readv, x->v->pid, &local, 1, &remote, 1, 0);

	if (n < 0)
		refused(x, errno, "process_vm_readv");
	else
		judge_memory(x, buf, n, "process_vm_readv");
}

/* The file behind a descriptor that was the victim's. Closes it. */
static void judge_file(struct assault *x, int fd, const char *call)
{
	unsigned char buf[SM_CANARY_BYTES];
	ssize_t n = pread(fd, buf, sizeof(buf), 0);
	int err = errno;

	close(fd);
	if (n < 0)
		refused(x, err, call);
	else
		judge(x, buf, n, &x->v->file, call);
}

/* Any descriptor of the victim will do: used where no file with a canary is known. */
struct take_any {
	struct assault *x;
	int pidfd; /* -1: by /proc/PID/fd */
	int err;   /* of the last attempt that was refused; ENXIO only where nothing was */
	int taken; /* the victim's number of it; 0: none */
	char what[40];
};

static int take_one(int number, void *arg)
{
	struct take_any *t = arg;
	char path[40];
	int fd;

	snprintf(path, sizeof(path), "fd/%d", number);
	fd = t->pidfd < 0 ? open_proc(t->x, path)
			  : (int)syscall(SYS_pidfd_getfd, t->pidfd, number, 0);
	if (fd < 0) {
		if (errno != EBADF && (errno != ENXIO || !t->err))
			t->err = errno;
		return 0;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	memset(t->what, 0, sizeof(t->what));
	if (readlink(path, t->what, sizeof(t->what) - 1) < 0)
		t->what[0] = '?';
	close(fd);
	t->taken = number;
	return 1; /* enough */
}

static void told_any(struct assault *x, const struct take_any *t, const char *call)
{
	char text[128];

	if (t->taken) {
		snprintf(text, sizeof(text), "%s: got its descriptor %d, %s", call, t->taken,
			 t->what);
		tell(x, SM_LEAKED, 0, text);
	} else if (t->err == ENXIO) {
		tell(x, SM_NOT_APPLICABLE, 0,
		     "it holds sockets alone, which have no name to open (ENXIO, even for root)");
	} else if (t->err) {
		refused(x, t->err, call);
	} else {
		tell(x, SM_ABSENT, 0, "it holds no descriptor beyond 2");
	}
}

static void proc_fd(struct assault *x)
{
	struct take_any t = { .x = x, .pidfd = -1 };
	char path[24];
	int fd;

	if (x->v->fd < 0) {
		int err = sm_each_descriptor(x->v->pid, take_one, &t);

		t.err = err < 0 ? -err : t.err;
		told_any(x, &t, "/proc/PID/fd");
		return;
	}
	snprintf(path, sizeof(path), "fd/%d", x->v->fd);
	fd = open_proc(x, path);
	if (fd < 0)
		refused(x, errno, "open /proc/PID/fd/N");
	else
		judge_file(x, fd, "/proc/PID/fd/N");
}

static void pidfd_getfd_any(struct assault *x, int pidfd)
{
	struct take_any t = { .x = x, .pidfd = pidfd };

	for (int number = 3; number < 64 && !take_one(number, &t); number++)
		;
	told_any(x, &t, "pidfd_getfd");
}

static void take_by_pidfd(struct assault *x)
{
	int pidfd = (int)syscall(SYS_pidfd_open, x->v->pid, 0), fd;

	if (pidfd < 0) {
		refused(x, errno, "pidfd_open");
		return;
	}
	if (x->v->fd < 0) {
		pidfd_getfd_any(x, pidfd);
	} else {
		fd = (int)syscall(SYS_pidfd_getfd, pidfd, x->v->fd, 0);
		if (fd < 0)
			refused(x, errno, "pidfd_getfd");
		else
			judge_file(x, fd, "pidfd_getfd");
	}
	close(pidfd);
}

/* Until the seized victim has stopped. 0 or -errno. */
static int await_stop(pid_t pid, uint32_t timeout_ms)
{
	const struct timespec nap = { 0, 200000 };
	int64_t end = sm_now_ns() + (int64_t)timeout_ms * 1000000;
	int status;

	for (;;) {
		pid_t got = waitpid(pid, &status, __WALL | WNOHANG);

		if (got == pid)
			return WIFSTOPPED(status) ? 0 : -ESRCH;
		if (got < 0 && errno != EINTR)
			return -errno;
		if (sm_now_ns() > end)
			return -ETIMEDOUT;
		nanosleep(&nap, NULL);
	}
}

static void peek_words(struct assault *x)
{
	unsigned char buf[SM_CANARY_BYTES];

	for (size_t i = 0; i < sizeof(buf); i += sizeof(long)) {
		long word;

		errno = 0;
		word = ptrace(PTRACE_PEEKDATA, x->v->pid, (void *)(uintptr_t)(address(x) + i),
			      NULL);
		if (errno) {
			refused(x, errno, "PTRACE_PEEKDATA");
			return;
		}
		memcpy(buf + i, &word, sizeof(word));
	}
	judge_memory(x, buf, sizeof(buf), "PTRACE_SEIZE, PTRACE_PEEKDATA");
}

/* Seize, stop, read, let go. Should we die in between, the kernel lets go (ptrace(2)). */
static void trace(struct assault *x)
{
	int err;

	if (ptrace(PTRACE_SEIZE, x->v->pid, NULL, NULL) < 0) {
		refused(x, errno, "PTRACE_SEIZE");
		return;
	}
	if (ptrace(PTRACE_INTERRUPT, x->v->pid, NULL, NULL) < 0) {
		refused(x, errno, "PTRACE_INTERRUPT");
		return;
	}
	err = await_stop(x->v->pid, x->a->timeout_ms);
	if (err) {
		tell(x, SM_NOT_APPLICABLE, -err, "seized, but it did not stop in time");
		return;
	}
	peek_words(x);
	ptrace(PTRACE_DETACH, x->v->pid, NULL, NULL);
}

/*
 * Signal 0 asks for permission alone (kill(2)); the sibling, which is there to be attacked, gets a
 * real one that is ignored by default. Not SIGCONT: that may be sent across uids in one session.
 */
static void send_signal(struct assault *x)
{
	int sig = x->who == SM_VICTIM_SIBLING ? SIGURG : 0;

	if (kill(x->v->pid, sig) < 0)
		refused(x, errno, sig ? "kill SIGURG" : "kill 0");
	else
		tell(x, SM_LEAKED, 0, sig ? "kill: SIGURG was sent" : "kill: signal 0 may be sent");
}

static const struct {
	const char *name;
	void (*run)(struct assault *x);
} attacks[] = {
	{ "proc-mem", proc_mem }, { "proc-environ", proc_environ },
	{ "proc-fd", proc_fd },   { "process-vm-readv", vm_readv },
	{ "ptrace", trace },      { "pidfd-getfd", take_by_pidfd },
	{ "kill", send_signal },
};

void sm_reach_all(const struct sm_attack *a, struct sm_findings *f)
{
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		for (int who = 0; who < SM_VICTIMS; who++) {
			struct assault x = { .a = a, .v = &a->victim[who], .who = who };

			x.out = sm_findings_add(f, "-", attacks[i].name, victims[who]);
			if (!x.out)
				return;
			if (x.v->pid > 0)
				attacks[i].run(&x);
			else
				tell(&x, SM_NOT_APPLICABLE, 0, "this strategy has none");
		}
	}
}
