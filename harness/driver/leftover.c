/* SPDX-License-Identifier: MIT */
/* leftover.c - see leftover.h. */
#include "leftover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../sys/proc.h"
#include "../sys/sys.h"
#include "meter.h"
#include "rundir.h"

/*
 * On a busy machine it takes time to be gone. Who is dying gets a bound that is never reached; who
 * lives may be about to see that it should end.
 */
#define DYING_MS  10000
#define LIVING_MS 1000
#define FOLDER    "spawnmark-run-"
#define YOUNG_S   60

__attribute__((format(printf, 2, 3))) static void add(struct sm_leftover *l, const char *format,
						      ...)
{
	size_t used = strlen(l->text);
	va_list args;

	if (l->found++ && used + 3 < sizeof(l->text))
		used += (size_t)snprintf(l->text + used, sizeof(l->text) - used, ", ");
	va_start(args, format);
	vsnprintf(l->text + used, sizeof(l->text) - used, format, args);
	va_end(args);
}

/* Where checks make groups, as scenarios/conformance/cgroup_util.c does; "": version 2. */
static const char *const controllers[SM_LEFTOVER_HOMES] = { "pids", "memory", "" };

/* What is mounted below may be anybody's: nothing is removed through it. */
static void remove_tree(const char *dir)
{
	if (sm_unmount_below(dir) == 0)
		sm_rundir_remove(dir);
}

static void tidy(const char *tmp)
{
	DIR *d = opendir(tmp);
	struct dirent *e;
	struct stat st;
	char path[400];

	while (d && (e = readdir(d))) {
		int fd;

		if (strncmp(e->d_name, FOLDER, strlen(FOLDER)) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", tmp, e->d_name);
		fd = sm_rundir_lock(path);
		if (fd < 0)
			continue;
		/* A young one may be between its making and its lock. */
		if (fstat(fd, &st) == 0 && time(NULL) - st.st_mtime > YOUNG_S)
			remove_tree(path);
		close(fd);
	}
	if (d)
		closedir(d);
}

static int make_in(struct sm_leftover *l, const char *tmp)
{
	int err = 0;

	tidy(tmp);
	snprintf(l->dir, sizeof(l->dir), "%s/" FOLDER "XXXXXX", tmp);
	if (!mkdtemp(l->dir)) {
		err = -errno;
		l->dir[0] = 0;
	}
	return err;
}

int sm_leftover_open(struct sm_leftover *l)
{
	static const char *const places[] = { "/tmp", "/dev/shm", "/var/tmp", "/run" };
	const char *tmp = getenv("TMPDIR");
	int err = -ENOENT;

	memset(l, 0, sizeof(*l));
	l->lock = l->mounts.watch = -1;
	/* Short: sockets are made below it, and sun_path has 108 bytes. */
	if (tmp && tmp[0] == '/' && strlen(tmp) <= 40)
		err = make_in(l, tmp);
	for (size_t i = 0; err && i < sizeof(places) / sizeof(*places); i++)
		err = make_in(l, places[i]);
	if (err)
		return err;
	l->lock = sm_rundir_lock(l->dir);
	/* Children of other users have to get through. */
	if (chmod(l->dir, 0711) < 0)
		return -errno;
	if (sm_mounts_open(&l->mounts))
		return -ENOMEM;
	for (int i = 0; i < SM_LEFTOVER_HOMES; i++)
		if (sm_cgroup_own(controllers[i], l->homes[i], sizeof(l->homes[i])))
			l->homes[i][0] = 0;
	return 0;
}

void sm_leftover_close(struct sm_leftover *l)
{
	if (l->dir[0])
		remove_tree(l->dir);
	if (l->lock >= 0)
		close(l->lock);
	sm_mounts_close(&l->mounts);
	l->dir[0] = 0;
}

int sm_leftover_next(struct sm_leftover *l, struct sm_rig *rig)
{
	l->found = 0;
	l->mounted = false;
	l->text[0] = 0;
	memset(l->seen, 0, sizeof(l->seen));
	snprintf(l->tmp, sizeof(l->tmp), "%s/%d", l->dir, l->next++);
	if (mkdir(l->tmp, 0700) < 0 || chmod(l->tmp, 01777) < 0)
		return -errno;
	return sm_rig_setenv(rig, "TMPDIR", l->tmp);
}

static void comm_of(pid_t pid, char comm[32])
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	if (sm_slurp(path, comm, 32) < 0)
		snprintf(comm, 32, "?");
	comm[strcspn(comm, "\n")] = 0;
}

static void add_process(struct sm_leftover *l, pid_t pid, const char *whose)
{
	const char *kind = sm_proc_state(pid) == 'Z' ? "zombie" : "process";
	char comm[32];
	int i = 0;

	while (i < SM_LEFTOVER_SEEN && l->seen[i] && l->seen[i] != pid)
		i++;
	if (i == SM_LEFTOVER_SEEN || l->seen[i] == pid)
		return;
	l->seen[i] = pid;
	comm_of(pid, comm);
	add(l, "%s %d (%s)%s", kind, (int)pid, comm, whose);
}

/* As many children of a process as have room. */
static int children_of(pid_t parent, const struct sm_rig *rig, pid_t *list, int room)
{
	pid_t *all;
	int found = sm_children(parent, &all), n = 0;

	for (int i = 0; i < found && n < room; i++)
		if (all[i] > 1 && !(rig && sm_rig_stranger(rig, all[i])))
			list[n++] = all[i];
	if (found >= 0)
		free(all);
	return n;
}

void sm_leftover_children(struct sm_leftover *l, const struct sm_hostproc *host)
{
	pid_t pids[SM_LEFTOVER_SEEN];
	int n = host->pid ? children_of(host->pid, NULL, pids, SM_LEFTOVER_SEEN) : 0;

	for (int i = 0; i < n; i++)
		add_process(l, pids[i], " of the parent");
}

/* Nobody at all, by one system call: what is usual. */
static bool no_child(const struct sm_rig *rig)
{
	siginfo_t info;

	return !rig->nstrangers && waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 &&
	       errno == ECHILD;
}

/* Is there one for which it is worth to wait, so long after the host's end? */
static bool may_end(const pid_t *pids, int n, int64_t since_ns)
{
	int64_t waited_ms = (sm_now_ns() - since_ns) / 1000000;

	for (int i = 0; i < n; i++)
		if (waited_ms < (sm_proc_dying(pids[i]) ? DYING_MS : LIVING_MS))
			return true;
	return false;
}

/*
 * Orphans came to us. Those that are dead are nobody's fault: init would have reaped them; one that
 * the host itself had not reaped has been seen by sm_leftover_children().
 */
static void look_at_orphans(struct sm_leftover *l, const struct sm_rig *rig)
{
	int64_t since_ns = sm_now_ns();
	pid_t pids[SM_LEFTOVER_SEEN];
	int n = 0;

	while (!no_child(rig)) {
		int live = 0;

		n = children_of(getpid(), rig, pids, SM_LEFTOVER_SEEN);
		for (int i = 0; i < n; i++)
			if (waitpid(pids[i], NULL, WNOHANG) == 0)
				pids[live++] = pids[i];
		if (n == 0 || (live && !may_end(pids, live, since_ns))) {
			n = live;
			break;
		}
		n = 0;
		if (live)
			usleep(1000);
	}
	for (int i = 0; i < n; i++)
		add_process(l, pids[i], "");
}

static void look_below(struct sm_leftover *l, const char *dir, const char *kind, bool all)
{
	DIR *d = *dir ? opendir(dir) : NULL;
	struct dirent *e;

	while (d && (e = readdir(d))) {
		bool dots = !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..");

		if (!dots && (all || e->d_type == DT_DIR))
			add(l, "%s %s", kind, e->d_name);
	}
	if (d)
		closedir(d);
}

/* The group that a check of this host may have made there. */
static const char *group_of(const struct sm_leftover *l, int home, char path[600])
{
	snprintf(path, 600, "%s/spawnmark-%d", l->homes[home], (int)l->host);
	return path;
}

static void look_at_groups(struct sm_leftover *l)
{
	char path[600];

	for (int i = 0; i < SM_LEFTOVER_HOMES; i++)
		if (l->homes[i][0] && access(group_of(l, i, path), F_OK) == 0)
			add(l, "control group %s", path);
}

static void remove_groups(const struct sm_leftover *l)
{
	char path[600];

	for (int i = 0; i < SM_LEFTOVER_HOMES; i++)
		if (l->homes[i][0])
			rmdir(group_of(l, i, path)); /* usually there is none */
}

/*
 * What others mount while we run: media, containers, sessions, homes, other runs of ours, and what the
 * kernel or a tracer mounts for whoever looks (tracefs, debugfs, binfmt_misc).
 */
static bool of_others(const struct sm_leftover *l, const char *point)
{
	static const char *const places[] = {
		"/run/",  "/var/", "/media/",      "/snap/",
		"/home/", "/mnt/", "/sys/kernel/", "/proc/sys/fs/binfmt_misc",
	};

	if (strstr(point, "/spawnmark-") && !strstr(point, l->dir))
		return true;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (!strncmp(point, places[i], strlen(places[i])))
			return true;
	return false;
}

static void look_at_mounts(struct sm_leftover *l)
{
	char *was, *copy, *line, *save = NULL;

	if (!sm_mounts_changed(&l->mounts))
		return;
	l->mounted = true;
	was = sm_mounts_read(&l->mounts);
	copy = was ? strdup(l->mounts.text) : NULL;
	for (line = copy ? strtok_r(copy, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save)) {
		char point[256];

		if (strstr(was, line) || sscanf(line, "%*s %*s %*s %*s %255s", point) != 1)
			continue;
		if (!strncmp(point, l->dir, strlen(l->dir)) || !of_others(l, point))
			add(l, "mount on %s", point);
	}
	free(copy);
	free(was);
}

void sm_leftover_look(struct sm_leftover *l, struct sm_rig *rig, const struct sm_hostproc *host)
{
	look_at_orphans(l, rig);
	look_below(l, host->cg.dir, "control group", false);
	look_at_groups(l);
	look_below(l, l->tmp, "file", true);
	look_at_mounts(l);
}

void sm_leftover_remove(struct sm_leftover *l)
{
	remove_groups(l);
	if (sm_mounts_changed(&l->mounts))
		l->mounted = true;
	if (!l->mounted) {
		sm_rundir_remove(l->tmp);
		return;
	}
	remove_tree(l->tmp);
	free(sm_mounts_read(&l->mounts));
}
