/* SPDX-License-Identifier: MIT */
/*
 * spawn_util.c - see spawn_util.h.
 */
#include "spawn_util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "child/child.h"
#include "sys/sys.h"

static struct {
	int argc;
	char **argv;
	int before, parent, child; /* calls of the fork hooks */
} own;

static void before_fork(void)
{
	own.before++;
}

static void after_parent(void)
{
	own.parent++;
}

static void after_child(void)
{
	own.child++;
}

static void say_args(void)
{
	const char *const *args = sm_child_args();
	int i = 1;

	if (!args[0] && own.argv) { /* exec'd: behind a lone -- */
		while (i < own.argc && strcmp(own.argv[i], "--") != 0)
			i++;
		args = (const char *const *)own.argv + (i < own.argc ? i + 1 : own.argc);
	}
	for (; *args; args++)
		dprintf(1, "arg=%zu:%.60s\n", strlen(*args), *args);
}

/* What the optional fields of a request have made of this process. */
static void say_fields(void)
{
	struct rlimit files, core;
	uid_t uid[3];
	gid_t gid[3], groups[8];
	int n = getgroups(8, groups);
	mode_t mask = umask(0);

	umask(mask);
	getresuid(&uid[0], &uid[1], &uid[2]);
	getresgid(&gid[0], &gid[1], &gid[2]);
	getrlimit(RLIMIT_NOFILE, &files);
	getrlimit(RLIMIT_CORE, &core);
	dprintf(1, "leader=%d%d umask=%o uid=%u,%u,%u gid=%u,%u,%u\n", getsid(0) == getpid(),
		getpgid(0) == getpid(), mask, uid[0], uid[1], uid[2], gid[0], gid[1], gid[2]);
	dprintf(1, "pgid=%d files=%llu,%llu core=%llu ngroups=%d", getpgid(0),
		(unsigned long long)files.rlim_cur, (unsigned long long)files.rlim_max,
		(unsigned long long)core.rlim_max, n);
	for (int i = 0; i < n; i++)
		dprintf(1, " group=%u", groups[i]);
	dprintf(1, "\n");
}

static void copy_to_stdout(const char *path)
{
	char buf[1024];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0)
		dprintf(1, "%.*s", (int)n, buf);
	if (fd >= 0)
		close(fd);
}

/* "fd:inode" of every open one, close-on-exec ones with a "!". */
static void say_fds(void)
{
	for (int fd = 0; fd < 4096; fd++) {
		struct stat st;

		if (fstat(fd, &st) == 0)
			dprintf(1, " %d:%lu%s", fd, (unsigned long)st.st_ino,
				fcntl(fd, F_GETFD) & FD_CLOEXEC ? "!" : "");
	}
	dprintf(1, " \n");
}

static int work(void *arg)
{
	const char *v;
	char line[512];
	ssize_t n;

	(void)arg;
	v = getenv("SU_EXIT");
	if (v)
		_exit(atoi(v));
	v = getenv("SU_KILL");
	if (v)
		raise(atoi(v));
	if (getenv("SU_ECHO")) {
		n = read(0, line, sizeof(line));
		if (n < 0)
			return 1;
		dprintf(1, "out:%.*s", (int)n, line);
		dprintf(2, "err:%.*s", (int)n, line);
	}
	if (getenv("SU_FIELDS"))
		say_fields();
	if (getenv("SU_CGROUP"))
		copy_to_stdout("/proc/self/cgroup");
	if (getenv("SU_FDS"))
		say_fds();
	if (getenv("SU_TELL")) {
		size_t env = 0;

		while (environ[env])
			env++;
		dprintf(1, "env=%zu\ncwd=%s\nhooks=%d\n", env, getcwd(line, sizeof(line)),
			own.before * 100 + own.parent * 10 + own.child);
		say_args();
	}
	return 0;
}

const struct sm_payload su_own_payload = {
	.size = sizeof(su_own_payload),
	.work = work,
	.before_fork = before_fork,
	.after_fork_parent = after_parent,
	.after_fork_child = after_child,
};

int su_payload(int argc, char **argv)
{
	const char *die = getenv("SU_DIE");
	int rc;

	sm_entered();
	own.argc = argc;
	own.argv = argv;
	if (die)
		return atoi(die);
	while (getenv("SU_HANG"))
		pause();
	rc = sm_role(NULL, &su_own_payload);
	return rc < 0 ? 99 : rc;
}

int64_t su_now_ms(void)
{
	return sm_now_ns() / 1000000;
}

/* Calls fn for each numeric name in dir; returns how many, or -1. */
static int each_number(const char *dir, void (*fn)(int n, void *arg), void *arg)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int count = 0;

	if (!d)
		return -1;
	while ((e = readdir(d))) {
		int n = atoi(e->d_name);

		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		if (fn)
			fn(n, arg);
		count++;
	}
	closedir(d);
	return count;
}

int su_count_fds(pid_t pid)
{
	char dir[64];
	int n;

	snprintf(dir, sizeof(dir), "/proc/%d/fd", pid);
	n = each_number(dir, NULL, NULL);
	return n > 0 && pid == getpid() ? n - 1 : n; /* less the one that reads the list */
}

int su_lowest_free_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	close(fd);
	return fd;
}

int su_resting_fds(const char *strategy)
{
	if (strcmp(strategy, "zygote") == 0 || strcmp(strategy, "subreaper") == 0)
		return 4; /* stdio and its socket */
	/* and the folder of its threads */
	if (strcmp(strategy, "zygote3") == 0 || strcmp(strategy, "pool") == 0)
		return 5;
	return 8; /* stdio, listener, alive pipe, both ends of a pipe, reserve */
}

void su_await_fds(pid_t pid, int n)
{
	const struct timespec nap = { .tv_nsec = 1000000 };
	int64_t end = su_now_ms() + SU_WAIT_MS;

	while (su_count_fds(pid) != n && su_now_ms() < end)
		nanosleep(&nap, NULL);
	assert_int_equal(su_count_fds(pid), n);
}

unsigned long long su_status(pid_t pid, const char *key, int base)
{
	char path[64], line[256];
	unsigned long long value = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':')
			value = strtoull(line + strlen(key) + 1, NULL, base);
	}
	fclose(f);
	return value;
}

struct count {
	pid_t parent;
	int n;
};

static void count_if_child(int pid, void *arg)
{
	struct count *c = arg;

	if (su_status(pid, "PPid", 10) == (unsigned long long)c->parent)
		c->n++;
}

int su_count_children(pid_t pid)
{
	struct count c = { pid, 0 };

	each_number("/proc", count_if_child, &c);
	return c.n;
}

int su_await_end(pid_t pid)
{
	struct pollfd p = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	int n;

	if (p.fd < 0)
		return errno == ESRCH ? 0 : -errno;
	n = poll(&p, 1, SU_WAIT_MS);
	close(p.fd);
	return n > 0 ? 0 : -ETIMEDOUT;
}

static void prepare(struct su *s, const char *name, struct sm_setup *setup, const char *extra)
{
	memset(s, 0, sizeof(*s));
	s->plan = setup->plan_fd;
	setup->envp = s->envp;
	s->envp[0] = "PATH=/usr/bin:/bin";
	s->envp[1] = "SU_SERVER=1";
	s->envp[2] = "ASAN_OPTIONS=detect_leaks=0";
	s->envp[3] = extra;
	s->ops = sm_strategy(name);
	assert_non_null(s->ops);
	s->fault.size = sizeof(s->fault);
	s->fds = su_count_fds(getpid());
	s->children = su_count_children(getpid());
	if (s->ops->traits & SM_PARENT_LOADS)
		setup->payload = &su_own_payload;
}

int su_start_setup(struct su *s, const char *name, struct sm_setup setup, const char *extra)
{
	prepare(s, name, &setup, extra);
	return s->ops->start(&s->self, &setup, &s->fault);
}

/* Not a byte more than it says: a sanitizer sees who reads on. */
int su_start_old(struct su *s, const char *name)
{
	const size_t size = offsetof(struct sm_setup, options);
	struct sm_setup setup = { .size = (uint32_t)size, .timeout_ms = SU_WAIT_MS };
	struct sm_setup *old = malloc(size);
	int err;

	assert_non_null(old);
	setup.argv = su_argv();
	prepare(s, name, &setup, NULL);
	memcpy(old, &setup, size);
	err = s->ops->start(&s->self, old, &s->fault);
	free(old);
	return err;
}

int su_start_argv(struct su *s, const char *name, const char *const *argv, const char *extra,
		  unsigned int timeout_ms)
{
	const struct sm_setup setup = { .size = sizeof(setup),
					.timeout_ms = timeout_ms,
					.argv = argv };

	return su_start_setup(s, name, setup, extra);
}

int su_start_plan(struct su *s, const char *name, int plan_fd)
{
	const struct sm_setup setup = { .size = sizeof(setup),
					.timeout_ms = SU_WAIT_MS,
					.argv = su_argv(),
					.plan_fd = plan_fd };

	return su_start_setup(s, name, setup, NULL);
}

const char *su_real(unsigned int i)
{
	for (unsigned int at = 0; at < sm_strategy_count; at++) {
		if (!(sm_strategies[at]->traits & (SM_METER | SM_REUSES_PROCESS)) && !i--)
			return sm_strategies[at]->name;
	}
	return NULL;
}

const char *const *su_argv(void)
{
	/* Outlives start(): setup's pointers have to be valid until stop(). */
	static char path[512];
	static const char *const argv[] = { path, NULL };

	/* By its name: under valgrind, an exec of the link itself would run valgrind's tool. */
	if (!path[0] && readlink("/proc/self/exe", path, sizeof(path) - 1) < 0)
		path[0] = '\0';
	return argv;
}

int su_start_options(struct su *s, const char *name, const char *options)
{
	const struct sm_setup setup = { .size = sizeof(setup),
					.timeout_ms = SU_WAIT_MS,
					.argv = su_argv(),
					.options = options };

	return su_start_setup(s, name, setup, NULL);
}

int su_start(struct su *s, const char *name, const char *extra)
{
	int err = su_start_argv(s, name, su_argv(), extra, SU_WAIT_MS);

	if (err)
		print_message("%s: start: %s (stage %d, %s)\n", name, strerror(-err),
			      s->fault.stage, s->fault.text);
	return err;
}

void su_rest(const struct su *s)
{
	if (s->ops->idle)
		s->ops->idle(s->self);
}

int su_spares(const struct su *s)
{
	pid_t pids[256];

	return s->ops->spares ? s->ops->spares(s->self, pids, 256) : 0;
}

void su_nothing_left(const struct su *s)
{
	assert_int_equal(su_count_fds(getpid()), s->fds);
	assert_int_equal(su_count_children(getpid()), s->children);
}

void su_stop(struct su *s)
{
	s->ops->stop(s->self);
	su_nothing_left(s);
}

int su_spawn_req(struct su *s, struct su_run *run, const struct sm_req *like,
		 const char *const *env)
{
	const char *envp[16] = { "SM_JOB=child", "ASAN_OPTIONS=detect_leaks=0" };
	struct sm_req req = *like;

	req.size = sizeof(req);
	req.envp = envp;
	for (size_t i = 0, at = 2; env && env[i]; i++) {
		assert_true(at < 15);
		envp[strncmp(env[i], "SM_JOB=", 7) == 0 ? 0 : at++] = env[i];
	}
	memset(run, 0, sizeof(*run));
	run->child = (struct sm_child){
		.size = sizeof(run->child), .in = -1, .out = -1, .err = -1, .pidfd = -1
	};
	run->exit.size = sizeof(run->exit);
	memset(&s->fault, 0, sizeof(s->fault));
	s->fault.size = sizeof(s->fault);
	run->request_ns = sm_now_ns();
	return s->ops->spawn(s->self, &req, &run->child, &s->fault);
}

int su_spawn(struct su *s, struct su_run *run, const char *const *args, const char *const *env,
	     const char *cwd, unsigned int timeout_ms)
{
	const struct sm_req req = { .timeout_ms = timeout_ms, .args = args, .cwd = cwd };

	return su_spawn_req(s, run, &req, env);
}

/* One read into buf, bounded. Returns 0 at the end of file. */
static ssize_t read_some(int fd, char *buf, size_t *have, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	assert_true(*have < size);
	assert_int_equal(poll(&p, 1, SU_WAIT_MS), 1);
	n = read(fd, buf + *have, size - *have);
	assert_true(n >= 0);
	*have += (size_t)n;
	return n;
}

static int find_record(struct su_run *run)
{
	const uint64_t magic = SM_RECORD_MAGIC;
	char *at = memmem(run->out, run->out_bytes, &magic, sizeof(magic));

	if (!at || run->out_bytes - (size_t)(at - run->out) < sizeof(run->rec))
		return 0;
	memcpy(&run->rec, at, sizeof(run->rec));
	memset(at, 0, run->out_bytes - (size_t)(at - run->out));
	run->out_bytes = (size_t)(at - run->out);
	return 1;
}

void su_read_record(struct su_run *run)
{
	while (run->child.out >= 0 && !find_record(run)) {
		if (!read_some(run->child.out, run->out, &run->out_bytes, sizeof(run->out)))
			break;
	}
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

void su_finish(struct su *s, struct su_run *run)
{
	struct sm_child *c = &run->child;

	close_if_open(c->in);
	su_read_record(run);
	while (c->out >= 0 && read_some(c->out, run->out, &run->out_bytes, sizeof(run->out)))
		;
	while (c->err >= 0 && read_some(c->err, run->err, &run->err_bytes, sizeof(run->err) - 1))
		;
	assert_int_equal(s->ops->wait(s->self, c, SU_WAIT_MS, &run->exit), 0);
	close_if_open(c->out);
	close_if_open(c->err);
	close_if_open(c->pidfd);
}

void su_good(struct su *s, struct su_run *run, const char *one)
{
	const char *env[] = { one, NULL };
	int err = su_spawn(s, run, NULL, one ? env : NULL, NULL, SU_WAIT_MS);

	if (err)
		print_message("%s: %s (stage %d, %s)\n", s->ops->name, strerror(-err),
			      s->fault.stage, s->fault.text);
	assert_int_equal(err, 0);
	su_finish(s, run);
	if (run->exit.status || run->rec.kind != SM_RECORD_DONE)
		print_message("%s: status %#x kind %u: %s\n", s->ops->name,
			      (unsigned int)run->exit.status, run->rec.kind, run->err);
	assert_int_equal(run->exit.status, 0);
	assert_int_equal(run->rec.kind, SM_RECORD_DONE);
}

void su_in_fork(int (*fn)(void *arg), void *arg)
{
	struct sm_exit exit = { .size = sizeof(exit) };
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn(arg));
	assert_int_equal(sm_wait_child(pid, SU_WAIT_MS, &exit), 0);
	assert_int_equal(exit.status, 0);
}
