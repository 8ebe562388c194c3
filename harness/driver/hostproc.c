/* SPDX-License-Identifier: MIT */
/* hostproc.c - the birth and the end of hosts; hosttalk.c has the words between. */
#include "hostproc.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../sys/proc.h"
#include "../sys/sys.h"
#include "meter.h"
#include "openpath.h"

#define EXEC_WAIT_MS  10000
#define CLOSE_WAIT_MS 5000
#define SWEEP_WAIT_MS 5000

/* What the child tells through the error pipe when it cannot become the host. */
struct birth_error {
	int stage, err;
	int barred; /* by what the user, or we, may not do */
};

/* Paths that the host's user must reach. */
#define REACH_MAX 64

struct birth {
	const struct sm_hostspec *spec;
	const struct sm_hostproc *host;
	char **env;
	int null, sock, report; /* sock -1: none */
	pid_t driver;
};

static _Noreturn void give_up_as(const struct birth *b, int stage, int err, int barred)
{
	struct birth_error e = { .stage = stage, .err = err, .barred = barred };

	/* Nobody is left to be told when this fails. */
	_exit(write(b->report, &e, sizeof(e)) == sizeof(e) ? 127 : 126);
}

static _Noreturn void give_up(const struct birth *b, int stage, int err)
{
	give_up_as(b, stage, err, false);
}

static const char *program(const struct sm_hostspec *spec)
{
	return spec->path ? spec->path : spec->argv[0];
}

static int open_way(const struct sm_hostspec *spec)
{
	const char *paths[REACH_MAX];
	int n = 0, got;

	paths[n++] = program(spec);
	for (char *const *word = spec->reach; word && *word && n < REACH_MAX; word++)
		if (**word == '/')
			paths[n++] = *word;
	got = sm_open_paths(paths, n, spec->uid);
	return got < 0 ? -got : 0;
}

static int become_user(uid_t uid)
{
	if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
		return errno;
	return 0;
}

/* Its own session: the terminal's Ctrl-C is the driver's alone. */
static _Noreturn void child(const struct birth *b)
{
	const int std[3] = { b->null, b->null, b->host->err };
	sigset_t none, all;
	int err;

	setsid();
	err = sm_cgroup_enter(&b->host->cg);
	if (err)
		give_up(b, SM_STAGE_ARGUMENT, -err);
	if (b->spec->cpus &&
	    sched_setaffinity(0, sizeof(b->spec->cpus->bits), &b->spec->cpus->bits) < 0)
		give_up(b, SM_STAGE_ARGUMENT, errno);
	err = sm_stdio_install(std);
	if (err)
		give_up(b, SM_STAGE_STDIO, -err);
	if (b->sock >= 0 && fcntl(b->sock, F_SETFD, 0) < 0)
		give_up(b, SM_STAGE_STDIO, errno);
	if (b->spec->uid != SM_UID_STAY) {
		err = open_way(b->spec);
		if (err)
			give_up_as(b, SM_STAGE_CHDIR, err, true);
		err = become_user(b->spec->uid);
		if (err)
			give_up_as(b, SM_STAGE_ARGUMENT, err, true);
	}
	/* After the uid: a change of credentials clears it (prctl(2)). */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != b->driver)
		_exit(126);
	/* Ignored ones as well: nohup, or a Python that started us, must not show in a host. */
	sigemptyset(&none);
	sigfillset(&all);
	sm_signals_restore(&none, &all);
	execve(program(b->spec), b->spec->argv, b->env);
	err = errno;
	give_up_as(b, SM_STAGE_EXEC, err, err == EACCES && b->spec->uid != SM_UID_STAY);
}

/* The rig's environment, spec's and SM_JOB. The caller frees the array and its last string. */
static char **env_with_job(const struct sm_rig *rig, const struct sm_hostspec *spec, int fd)
{
	char **env = sm_rig_env(rig, spec->env, 2);
	size_t n = 0;

	if (!env)
		return NULL;
	while (env[n])
		n++;
	if (spec->more_env)
		env[n++] = (char *)spec->more_env;
	if (spec->job && asprintf(&env[n], "SM_JOB=%s/%d", spec->job, fd) < 0)
		env[n] = NULL;
	return env;
}

static void explain_birth(const struct sm_hostspec *spec, const struct birth_error *e, char *text,
			  size_t size)
{
	const char *why = strerror(e->err);

	if (e->stage == SM_STAGE_CHDIR)
		snprintf(text, size,
			 "%.90s is below a directory closed to uid %u, and opening it in a mount "
			 "namespace failed: %s; give CAP_SYS_ADMIN, or chmod o+x above it",
			 program(spec), (unsigned int)spec->uid, why);
	else if (e->stage == SM_STAGE_EXEC && e->barred)
		snprintf(text, size, "%.90s cannot be executed by uid %u: %s; chmod -R o+rX it",
			 program(spec), (unsigned int)spec->uid, why);
	else if (e->stage == SM_STAGE_EXEC)
		snprintf(text, size, "the host %.120s cannot be executed: %s", spec->argv[0], why);
	else if (e->barred)
		snprintf(text, size, "the host cannot become uid %u: %s; run as the machine's root",
			 (unsigned int)spec->uid, why);
	else
		snprintf(text, size, "the host's group, CPU or stdio: %s", why);
}

static int hear_birth(struct sm_hostproc *host, const struct sm_hostspec *spec, int report,
		      struct sm_fault *fault)
{
	struct birth_error e;
	int err = sm_read_all(report, &e, sizeof(e), EXEC_WAIT_MS);
	char text[240];

	if (err == -EPIPE) /* closed by the exec */
		return 0;
	if (err == -ETIMEDOUT)
		return sm_fail(fault, SM_STAGE_TIMEOUT, ETIMEDOUT, "the host does not exec");
	if (err)
		return sm_fail(fault, SM_STAGE_PIPE, -err, "the host's error pipe");
	waitpid(host->pid, NULL, 0);
	host->pid = 0;
	host->barred = e.barred;
	explain_birth(spec, &e, text, sizeof(text));
	return sm_fail(fault, (enum sm_stage)e.stage, e.err, text);
}

static int start_with(struct sm_hostproc *host, const struct sm_hostspec *spec, struct birth *b,
		      struct sm_fault *fault)
{
	int report[2], err;
	sigset_t old;

	if (pipe2(report, O_CLOEXEC) < 0)
		return sm_fail(fault, SM_STAGE_PIPE, errno, "pipe of a host");
	b->report = report[1];
	sm_signals_block(&old);
	host->pid = fork();
	err = errno;
	if (host->pid == 0)
		child(b);
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(report[1]);
	if (host->pid < 0) {
		host->pid = 0;
		err = sm_fail(fault, SM_STAGE_CLONE, err, "fork of a host");
	} else {
		err = hear_birth(host, spec, report[0], fault);
	}
	close(report[0]);
	/* This one alone: hosts that are already there must live to see the end of the visit. */
	if (err && host->pid) {
		sm_cgroup_kill(&host->cg);
		kill(host->pid, SIGKILL);
		sm_hostproc_join(NULL, host, SWEEP_WAIT_MS);
		host->pid = 0;
	}
	return err;
}

int sm_hostproc_start(struct sm_rig *rig, struct sm_hostproc *host, const struct sm_hostspec *spec,
		      struct sm_fault *fault)
{
	struct birth b = { .spec = spec, .host = host, .sock = -1, .driver = getpid() };
	int sock[2] = { -1, -1 }, err;
	char **e;

	memset(host, 0, sizeof(*host));
	host->sock = -1;
	host->err = memfd_create("stderr", MFD_CLOEXEC);
	b.null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (host->err < 0 || b.null < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock) < 0) {
		err = sm_fail(fault, SM_STAGE_PIPE, errno, "descriptors of a host");
		goto out;
	}
	host->sock = sock[0];
	b.sock = spec->job ? sock[1] : -1;
	b.env = env_with_job(rig, spec, sock[1]);
	err = sm_cgroup_make(&rig->base, &host->cg);
	if (!b.env || err)
		err = sm_fail(fault, SM_STAGE_ARGUMENT, err ? -err : ENOMEM, "group of a host");
	else
		err = start_with(host, spec, &b, fault);
	for (e = b.env; e && *e; e++)
		if (!strncmp(*e, "SM_JOB=", 7))
			free(*e);
	free(b.env);
	close(sock[1]);
	if (err)
		sm_cgroup_remove(&host->cg);
out:
	if (b.null >= 0)
		close(b.null);
	if (err && host->err >= 0) {
		close(host->err);
		host->err = -1;
	}
	if (err && host->sock >= 0) {
		close(host->sock);
		host->sock = -1;
	}
	return err;
}

int sm_hostproc_join(struct sm_rig *rig, struct sm_hostproc *host, int64_t timeout_ms)
{
	int64_t until = sm_now_ns() + timeout_ms * 1000000;
	int status = -1;
	pid_t got;

	do {
		got = waitpid(host->pid, &status, WNOHANG);
		if (got == 0)
			usleep(1000);
	} while (got == 0 && sm_now_ns() < until && !(rig && sm_rig_interrupted(rig)));
	if (got != host->pid)
		return -1;
	host->pid = 0;
	return status;
}

/*
 * SIGKILL to every child of this process but strangers, and reaps what has ended of them. Returns
 * how many there were.
 */
static int kill_children(const struct sm_rig *rig)
{
	pid_t *pids;
	int found = sm_children(getpid(), &pids), n = 0;

	for (int i = 0; i < found; i++) {
		if (pids[i] < 2 || sm_rig_stranger(rig, pids[i]))
			continue;
		n++;
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, WNOHANG);
	}
	if (found >= 0)
		free(pids);
	return n;
}

/* Kills and reaps until there is no child at all; orphans of the killed arrive meanwhile. */
static void sweep(const struct sm_rig *rig)
{
	int64_t until = sm_now_ns() + SWEEP_WAIT_MS * (int64_t)1000000;

	if (!rig->nstrangers && waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
		return;
	while (kill_children(rig) && sm_now_ns() < until)
		usleep(500);
}

int sm_hostproc_close(struct sm_rig *rig, struct sm_hostproc *host)
{
	struct sm_msg_done done;
	struct sm_fault fault = { .size = sizeof(fault) };

	if (!host->pid || rig->interrupted)
		return -1;
	if (sm_hostproc_do(rig, host, SM_CMD_CLOSE, NULL, 0, CLOSE_WAIT_MS, &done, &fault) == 0)
		return sm_hostproc_join(rig, host, CLOSE_WAIT_MS);
	/* It may have died of the question: then that has been seen already. */
	return host->pid ? -1 : fault.detail;
}

void sm_hostproc_end(struct sm_rig *rig, struct sm_hostproc *hosts, int n, bool polite)
{
	for (int i = 0; i < n; i++) {
		if (polite)
			sm_hostproc_close(rig, &hosts[i]);
		sm_cgroup_kill(&hosts[i].cg);
		if (hosts[i].pid)
			kill(hosts[i].pid, SIGKILL);
	}
	sweep(rig);
	for (int i = 0; i < n; i++) {
		if (hosts[i].sock >= 0)
			close(hosts[i].sock);
		if (hosts[i].err >= 0)
			close(hosts[i].err);
		sm_cgroup_remove(&hosts[i].cg);
		hosts[i].pid = 0;
		hosts[i].sock = hosts[i].err = -1;
	}
}
