/* SPDX-License-Identifier: MIT */
/*
 * help.c - what the probes share; see probe.h.
 */
#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../sys/sys.h"

const char *sm_probe_errno(int err)
{
	const char *name = strerrorname_np(err);

	return name ? name : "an unknown errno";
}

__attribute__((format(printf, 4, 0))) static void say(struct sm_probe_result *result,
						      enum sm_presence presence, int err,
						      const char *format, va_list args)
{
	size_t n;

	result->presence = presence;
	result->err = err;
	vsnprintf(result->text, sizeof(result->text), format, args);
	n = strlen(result->text);
	if (err)
		snprintf(result->text + n, sizeof(result->text) - n, ": %s", sm_probe_errno(err));
}

void sm_probe_yes(struct sm_probe_result *result, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(result, SM_PRESENT, 0, format, args);
	va_end(args);
}

void sm_probe_no(struct sm_probe_result *result, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(result, SM_MISSING, err, format, args);
	va_end(args);
}

void sm_probe_dunno(struct sm_probe_result *result, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(result, SM_UNKNOWN, err, format, args);
	va_end(args);
}

pid_t sm_probe_clone3(struct clone_args *args, size_t size)
{
	long pid = syscall(SYS_clone3, args, size);

	return pid < 0 ? -errno : (pid_t)pid;
}

int sm_probe_wait(pid_t pid)
{
	int status;
	pid_t got;

	do {
		got = waitpid(pid, &status, __WALL);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int sm_probe_try(int (*fn)(void *arg), void *arg)
{
	pid_t pid = fork();

	if (!pid)
		_exit(fn(arg));
	return pid < 0 ? -errno : sm_probe_wait(pid);
}

static void idle_for_ever(void)
{
	for (;;)
		pause();
}

pid_t sm_probe_idle(int *pidfd)
{
	int fd = -1;
	/* The kernel wrote no descriptor before Linux 5.2: the flag meant nothing. */
	long pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &fd, 0, 0);

	if (pid < 0) { /* a filter may know the flag */
		pid = fork();
		if (pid > 0)
			fd = (int)syscall(SYS_pidfd_open, pid, 0);
	}
	if (pid == 0)
		idle_for_ever();
	*pidfd = fd;
	return pid < 0 ? -errno : (pid_t)pid;
}

/* ---- what can be left behind ---- */

/* Every hierarchy in which a probe makes groups. */
static const char *const hierarchies[] = { "", "pids", "memory", "freezer", "cpuacct" };

static int group_path(const char *controller, pid_t pid, char *dir, size_t size)
{
	char own[400];
	int err = sm_cgroup_own(controller, own, sizeof(own));

	if (!err && snprintf(dir, size, "%s/spawnmark-%d", own, (int)pid) >= (int)size)
		err = -ENAMETOOLONG;
	return err;
}

int sm_probe_group(const char *controller, char *dir, size_t size)
{
	int err = group_path(controller, getpid(), dir, size);

	if (!err && mkdir(dir, 0755) < 0)
		err = -errno;
	return err;
}

int sm_probe_put(const char *dir, const char *file, const char *text)
{
	char path[600];
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		err = -errno;
	close(fd);
	return err;
}

int sm_probe_get(const char *dir, const char *file, char *text, size_t size)
{
	char path[600];
	ssize_t n;
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	if (n < 0)
		err = -errno;
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	close(fd);
	return err;
}

int sm_probe_enter(const char *group)
{
	return sm_probe_put(group, "cgroup.procs", "0");
}

static void dir_path(pid_t pid, char *dir, size_t size)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, size, "%s/spawnmark-%d", tmp && *tmp ? tmp : "/tmp", (int)pid);
}

int sm_probe_dir(char *dir, size_t size)
{
	dir_path(getpid(), dir, size);
	return mkdir(dir, 0700) < 0 ? -errno : 0;
}

static void remove_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct stat st;
	struct dirent *e;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return;
	}
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid()) {
		while ((e = readdir(d)))
			unlinkat(fd, e->d_name, 0); /* not "." and "..": EISDIR */
		rmdir(dir);
	}
	closedir(d);
}

void sm_probe_tidy(pid_t pid)
{
	const struct timespec nap = { .tv_nsec = 1000000 };
	char path[600];

	for (size_t i = 0; i < sizeof(hierarchies) / sizeof(*hierarchies); i++) {
		if (group_path(hierarchies[i], pid, path, sizeof(path)))
			continue;
		/* EBUSY: the last member is reaped, but the group has not heard of it. */
		for (int n = 0; n < 500 && rmdir(path) < 0 && errno == EBUSY; n++)
			nanosleep(&nap, NULL);
	}
	dir_path(pid, path, sizeof(path));
	remove_dir(path);
}
