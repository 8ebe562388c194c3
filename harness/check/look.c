/* SPDX-License-Identifier: MIT */
/*
 * look.c - looking at processes through /proc, and asking the kernel in a fork of one's own.
 */
#include "inside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../sys/proc.h"
#include "../sys/sys.h"

/* Between two looks at something that tells nobody when it changes. */
#define LOOK_AGAIN_NS 500000

static void pause_shortly(void)
{
	const struct timespec ts = { 0, LOOK_AGAIN_NS };

	nanosleep(&ts, NULL);
}

int sm_count_fds(pid_t pid)
{
	char path[64];
	DIR *dir;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	for (const struct dirent *e; (e = readdir(dir));)
		n += e->d_name[0] != '.';
	closedir(dir);
	return pid == getpid() ? n - 1 : n; /* the directory's own */
}

static ssize_t read_proc(pid_t pid, const char *name, char *buf, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	buf[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n;
}

int64_t sm_status_of(pid_t pid, const char *key, int base)
{
	char buf[8192];
	size_t n = strlen(key);

	if (read_proc(pid, "status", buf, sizeof(buf)) <= 0)
		return -1;
	for (const char *at = buf; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (!strncmp(at, key, n) && at[n] == ':')
			return (int64_t)strtoull(at + n + 1, NULL, base);
	}
	return -1;
}

int64_t sm_stat_of(pid_t pid, int n)
{
	return sm_proc_stat(pid, n);
}

int sm_count_children(pid_t pid, int *zombies)
{
	pid_t *pids;
	int n = sm_children(pid, &pids);

	if (n < 0)
		return n;
	if (zombies)
		*zombies = 0;
	for (int i = 0; zombies && i < n; i++)
		*zombies += sm_proc_stat(pids[i], 3) == 'Z';
	free(pids);
	return n;
}

int sm_await_state(pid_t pid, char state, int timeout_ms)
{
	int64_t end = sm_now_ns() + (int64_t)timeout_ms * 1000000;

	while (sm_stat_of(pid, 3) != state) {
		if (sm_now_ns() > end)
			return -ETIMEDOUT;
		pause_shortly();
	}
	return 0;
}

int sm_await_end(pid_t pid, int timeout_ms)
{
	int64_t end = sm_now_ns() + (int64_t)timeout_ms * 1000000;

	for (;;) {
		int64_t state = sm_stat_of(pid, 3);

		if (state < 0 || state == 'Z' || state == 'X')
			return 0;
		if (sm_now_ns() > end)
			return -ETIMEDOUT;
		pause_shortly();
	}
}

int sm_in_fork(int (*fn)(void *arg), void *arg, int timeout_ms)
{
	struct sm_exit end = { .size = sizeof(end) };
	pid_t pid = fork();
	int err;

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		setpgid(0, 0);
		_exit(fn(arg));
	}
	setpgid(pid, pid); /* whoever comes first */
	err = sm_wait_child(pid, timeout_ms, &end);
	kill(-pid, SIGKILL);
	if (err) {
		sm_kill_child(pid);
		return err;
	}
	return WIFEXITED(end.status) ? WEXITSTATUS(end.status) : -ECHILD;
}

int sm_temp_fd(void)
{
	int fd = memfd_create("check", MFD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

const char *sm_temp_dir(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && *dir ? dir : "/tmp";
}

int sm_child_await(void)
{
	unsigned char byte;
	int err = sm_read_all(STDIN_FILENO, &byte, 1, SM_STEP_MS);

	return err ? err : byte;
}

/* An exec'd child has its request's arguments in its command line, behind a lone "--". */
static const char *const *from_cmdline(struct sm_cell *c)
{
	const size_t room = 4u << 20;
	char *text = sm_cell_keep(c, room);
	const char **args = sm_cell_keep(c, 4096 * sizeof(*args));
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	size_t have = 0, n = 0;
	bool behind = false;
	ssize_t got;

	while (text && fd >= 0 && (got = read(fd, text + have, room - 1 - have)) > 0)
		have += (size_t)got;
	if (fd >= 0)
		close(fd);
	for (size_t at = 0; args && at < have && n < 4095; at += strlen(text + at) + 1) {
		if (behind)
			args[n++] = text + at;
		behind = behind || !strcmp(text + at, "--");
	}
	return args;
}

const char *const *sm_child_arguments(struct sm_cell *c)
{
	const char *const *args = c->inside->call->args;

	return args && args[0] ? args : from_cmdline(c);
}
