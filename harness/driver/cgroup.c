/* SPDX-License-Identifier: MIT */
/*
 * cgroup.c - see cgroup.h. A mkdir can succeed where no cgroup file system is mounted, so that
 * nothing here is believed before statfs(2) and /proc/PID/cgroup have confirmed it.
 */
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../sys/sys.h"
#include "meter.h"
#include "rundir.h"

#define KILL_ROUNDS 50
/* Runs of one number, each in a pid namespace of its own. */
#define CLAIM_ROUNDS 64

const char *sm_accounting_name(enum sm_accounting accounting)
{
	switch (accounting) {
	case SM_ACCT_CGROUP2:
		return "cgroup-v2";
	case SM_ACCT_CGROUP1:
		return "cgroup-v1";
	case SM_ACCT_RUSAGE:
		return "rusage";
	case SM_ACCT_NONE:
		break;
	}
	return NULL;
}

int sm_cgroup_enter(const struct sm_cgroup *cg)
{
	char path[600];
	int fd, err = 0;
	size_t n = strlen(cg->dir);

	if (!n)
		return 0;
	memcpy(path, cg->dir, n);
	memcpy(path + n, "/cgroup.procs", sizeof("/cgroup.procs"));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, "0", 1) != 1)
		err = -errno;
	close(fd);
	return err;
}

/* A short-lived member must see itself in the group, and the group must have CPU time to tell. */
static bool counts(const struct sm_cgroup *cg, const char *controller)
{
	struct sm_cpu cpu;
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		return false;
	if (pid == 0) {
		char seen[PATH_MAX];

		_exit(sm_cgroup_enter(cg) || sm_cgroup_own(controller, seen, sizeof(seen)) ||
		      strcmp(seen, cg->dir) != 0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status == 0 && sm_cgroup_cpu(cg, &cpu) == 0;
}

/* The group of a run that was killed. */
static void remove_group(const char *path)
{
	int lock = sm_rundir_lock(path);
	struct dirent *e;
	DIR *d;

	if (lock < 0)
		return;
	d = opendir(path);
	while (d && (e = readdir(d)))
		if (e->d_type == DT_DIR && e->d_name[0] != '.')
			unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
	if (d)
		closedir(d);
	rmdir(path);
	close(lock);
}

/* Groups of runs that were killed: empty, unlocked, and their numbers no process any more. */
static void tidy(const char *base)
{
	char dir[512], path[1200];
	const char *leaf = strrchr(base, '/');
	struct dirent *e;
	DIR *d;

	snprintf(dir, sizeof(dir), "%.*s", (int)(leaf - base), base);
	d = opendir(dir);
	while (d && (e = readdir(d))) {
		int pid = 0, end = 0;

		if (sscanf(e->d_name, "spawnmark-%d%n", &pid, &end) != 1 ||
		    (e->d_name[end] && e->d_name[end] != '.') || pid < 2 || kill(pid, 0) == 0 ||
		    errno != ESRCH)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		remove_group(path);
	}
	if (d)
		closedir(d);
}

/* Makes and locks a group below own. Another run of the same number has another pid namespace. */
static bool claim(struct sm_cgroup_base *base, const char *own)
{
	for (int i = 0; i < CLAIM_ROUNDS; i++) {
		int n = snprintf(base->dir, sizeof(base->dir), "%s/spawnmark-%d", own,
				 (int)getpid());

		if (i)
			snprintf(base->dir + n, sizeof(base->dir) - (size_t)n, ".%d", i);
		if (mkdir(base->dir, 0755) < 0 && errno != EEXIST)
			return false;
		base->lock = sm_rundir_lock(base->dir);
		if (base->lock >= 0)
			return true;
	}
	return false;
}

static void unclaim(struct sm_cgroup_base *base)
{
	if (base->lock < 0)
		return;
	rmdir(base->dir);
	close(base->lock);
	base->lock = -1;
}

static bool try_base(struct sm_cgroup_base *base, enum sm_accounting accounting,
		     const char *controller)
{
	char own[400];
	struct sm_cgroup cg;
	bool good;

	if (sm_cgroup_own(controller, own, sizeof(own)) || !claim(base, own))
		return false;
	base->accounting = accounting;
	if (sm_cgroup_make(base, &cg)) {
		unclaim(base);
		return false;
	}
	tidy(base->dir);
	good = counts(&cg, controller);
	sm_cgroup_remove(&cg);
	if (!good)
		unclaim(base);
	return good;
}

void sm_cgroup_base_open(struct sm_cgroup_base *base)
{
	memset(base, 0, sizeof(*base));
	base->lock = -1;
	if (try_base(base, SM_ACCT_CGROUP2, "") || try_base(base, SM_ACCT_CGROUP1, "cpuacct"))
		return;
	base->accounting = SM_ACCT_RUSAGE;
	base->dir[0] = 0;
}

void sm_cgroup_base_close(struct sm_cgroup_base *base)
{
	unclaim(base);
	base->dir[0] = 0;
}

int sm_cgroup_make(struct sm_cgroup_base *base, struct sm_cgroup *cg)
{
	cg->accounting = base->accounting;
	cg->dir[0] = 0;
	if (!base->dir[0])
		return 0;
	snprintf(cg->dir, sizeof(cg->dir), "%s/%d", base->dir, base->next++);
	if (mkdir(cg->dir, 0755) < 0) {
		cg->dir[0] = 0;
		return -errno;
	}
	return 0;
}

static int read_v2(const struct sm_cgroup *cg, struct sm_cpu *cpu)
{
	char path[600], text[1024];

	snprintf(path, sizeof(path), "%s/cpu.stat", cg->dir);
	if (sm_slurp(path, text, sizeof(text)) < 0)
		return -EIO;
	cpu->total_ns = sm_field(text, "usage_usec ") * 1000;
	cpu->user_ns = sm_field(text, "user_usec ") * 1000;
	cpu->system_ns = sm_field(text, "system_usec ") * 1000;
	return cpu->total_ns < 0 ? -EIO : 0;
}

static int read_v1(const struct sm_cgroup *cg, struct sm_cpu *cpu)
{
	const char *const names[] = { "usage", "usage_user", "usage_sys" };
	int64_t *const to[] = { &cpu->total_ns, &cpu->user_ns, &cpu->system_ns };

	for (int i = 0; i < 3; i++) {
		char path[600], text[64];

		snprintf(path, sizeof(path), "%s/cpuacct.%s", cg->dir, names[i]);
		*to[i] = sm_slurp(path, text, sizeof(text)) < 0 ? -1 : atoll(text);
	}
	return cpu->total_ns < 0 ? -EIO : 0;
}

int sm_cgroup_cpu(const struct sm_cgroup *cg, struct sm_cpu *cpu)
{
	cpu->user_ns = cpu->system_ns = cpu->total_ns = -1;
	if (!cg->dir[0])
		return 0;
	return cg->accounting == SM_ACCT_CGROUP2 ? read_v2(cg, cpu) : read_v1(cg, cpu);
}

/* Calls SIGKILL on each pid of cgroup.procs; returns how many live members there were. */
static int kill_members(const struct sm_cgroup *cg, int sig)
{
	char path[600], text[16384], *line, *save = NULL;
	int n = 0;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cg->dir);
	if (sm_slurp(path, text, sizeof(text)) < 0)
		return 0;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		pid_t pid = (pid_t)atoi(line);

		if (pid <= 1 || sm_proc_state(pid) == 'Z')
			continue;
		n++;
		if (sig)
			kill(pid, sig);
	}
	return n;
}

void sm_cgroup_kill(const struct sm_cgroup *cg)
{
	char path[600];

	if (!cg->dir[0])
		return;
	snprintf(path, sizeof(path), "%s/cgroup.kill", cg->dir); /* Linux 5.14, version 2 */
	if (sm_spit(path, "1") == 0)
		return;
	for (int i = 0; i < KILL_ROUNDS && kill_members(cg, SIGKILL); i++)
		usleep(1000);
}

bool sm_cgroup_empty(const struct sm_cgroup *cg)
{
	return !cg->dir[0] || kill_members(cg, 0) == 0;
}

/* Groups that members made inside; they are files' directories, so that only rmdir(2) is right. */
static int remove_inner(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st;
	if (flag == FTW_DP && at->level > 0)
		rmdir(path);
	return 0;
}

int sm_cgroup_remove(struct sm_cgroup *cg)
{
	struct stat st;

	if (cg->dir[0] && stat(cg->dir, &st) == 0 && st.st_nlink > 2)
		nftw(cg->dir, remove_inner, 8, FTW_DEPTH | FTW_PHYS);
	/* EBUSY: a member has been reaped but its exit has not reached cgroup_exit yet. */
	for (int i = 0; cg->dir[0] && rmdir(cg->dir) < 0; i++) {
		if (errno == ENOENT)
			break;
		if (errno != EBUSY || i == KILL_ROUNDS)
			return -errno;
		usleep(1000);
	}
	cg->dir[0] = 0;
	return 0;
}
