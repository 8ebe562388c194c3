/* SPDX-License-Identifier: MIT */
/* rig.c - what all hosts of a run share; see hostproc.h. */
#include "hostproc.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "../sys/proc.h"

/*
 * A measured program sees these and nothing else of the caller's environment: what finds
 * interpreters, modules and libraries, what sets the language, and the sanitizers' switches.
 */
static const char *const passed_on[] = {
	"ASAN_OPTIONS", "HOME",       "LANG",   "LC_ALL", "LD_LIBRARY_PATH", "LSAN_OPTIONS", "PATH",
	"PYTHONHOME",   "PYTHONPATH", "TMPDIR", "TZ",     "UBSAN_OPTIONS",   "VIRTUAL_ENV",
};

#define PASSED_ON (sizeof(passed_on) / sizeof(*passed_on))

/* Variables beyond those: see sm_rig_setenv(). */
#define MORE_ENV 8

static char **make_env(void)
{
	char **env = calloc(PASSED_ON + MORE_ENV + 1, sizeof(*env));
	size_t n = 0;

	for (size_t i = 0; env && i < PASSED_ON; i++) {
		const char *value = getenv(passed_on[i]);

		if (value && asprintf(&env[n], "%s=%s", passed_on[i], value) < 0)
			env[n] = NULL;
		if (value && env[n])
			n++;
	}
	return env;
}

/* Those that cannot be noted for want of memory are taken for ours. */
static void note_strangers(struct sm_rig *rig)
{
	int n = sm_children(getpid(), &rig->strangers);

	rig->nstrangers = n < 0 ? 0 : n;
}

bool sm_rig_stranger(const struct sm_rig *rig, pid_t pid)
{
	for (int i = 0; i < rig->nstrangers; i++)
		if (rig->strangers[i] == pid)
			return true;
	return false;
}

int sm_rig_open(struct sm_rig *rig)
{
	int err;

	memset(rig, 0, sizeof(*rig));
	rig->signal_fd = -1;
	err = sm_cpus_open(&rig->cpus);
	if (err)
		return err;
	rig->env = make_env();
	rig->buf = malloc(SM_FRAME_BYTES_MAX);
	if (!rig->env || !rig->buf) {
		free(rig->env);
		free(rig->buf);
		return -ENOMEM;
	}
	note_strangers(rig);
	sm_cpus_stand_aside(&rig->cpus);
	prctl(PR_GET_CHILD_SUBREAPER, &rig->old_subreaper);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	sm_cgroup_base_open(&rig->base);
	return 0;
}

void sm_rig_close(struct sm_rig *rig)
{
	sm_cgroup_base_close(&rig->base);
	prctl(PR_SET_CHILD_SUBREAPER, rig->old_subreaper);
	sm_cpus_restore(&rig->cpus);
	for (char **e = rig->env; *e; e++)
		free(*e);
	free(rig->env);
	free(rig->buf);
	free(rig->strangers);
}

int sm_rig_setenv(struct sm_rig *rig, const char *name, const char *value)
{
	size_t len = strlen(name), i = 0;
	char *entry;

	while (rig->env[i] && (strncmp(rig->env[i], name, len) || rig->env[i][len] != '='))
		i++;
	if (i == PASSED_ON + MORE_ENV || asprintf(&entry, "%s=%s", name, value) < 0)
		return -ENOMEM;
	free(rig->env[i]);
	rig->env[i] = entry;
	return 0;
}

static bool is_among(const char *entry, char *const *list)
{
	size_t n = strcspn(entry, "=");

	for (; list && *list; list++)
		if (strncmp(entry, *list, n) == 0 && (*list)[n] == '=')
			return true;
	return false;
}

char **sm_rig_env(const struct sm_rig *rig, char *const *more, size_t spare)
{
	size_t n = 0, kept = 0;
	char **env;

	while (rig->env[n])
		n++;
	for (size_t i = 0; more && more[i]; i++)
		spare++;
	env = calloc(n + spare + 1, sizeof(*env));
	for (size_t i = 0; env && i < n; i++)
		if (!is_among(rig->env[i], more))
			env[kept++] = rig->env[i];
	for (; env && more && *more; more++)
		env[kept++] = *more;
	return env;
}

int sm_rig_take_signals(struct sm_rig *rig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, &rig->old_mask) < 0)
		return -errno;
	rig->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (rig->signal_fd >= 0)
		return 0;
	sigprocmask(SIG_SETMASK, &rig->old_mask, NULL);
	return -errno;
}

void sm_rig_leave_signals(struct sm_rig *rig)
{
	if (rig->signal_fd < 0)
		return;
	close(rig->signal_fd);
	rig->signal_fd = -1;
	sigprocmask(SIG_SETMASK, &rig->old_mask, NULL);
}

bool sm_rig_interrupted(struct sm_rig *rig)
{
	struct pollfd p = { .fd = rig->signal_fd, .events = POLLIN };
	struct signalfd_siginfo info;

	if (rig->signal_fd >= 0 && poll(&p, 1, 0) == 1 &&
	    read(rig->signal_fd, &info, sizeof(info)) == sizeof(info))
		rig->interrupted = true;
	return rig->interrupted;
}
