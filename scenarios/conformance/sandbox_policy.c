/* SPDX-License-Identifier: MIT */
/*
 * sandbox_policy.c - what a child takes from itself: system calls and rights.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox_util.h"
#include "sys/sys.h"

/* ---- J09, J16: one child confines itself, the next is free ---- */

static int inner_filtered(void *arg)
{
	(void)arg;
	return -sm_box_filtered() & 127;
}

static int child_filters(struct sm_cell *c)
{
	int was = sm_box_filtered(), err, now, inner, next = 0, parents = 0;
	int64_t mode = sm_status_of(getpid(), "Seccomp", 10);

	if (sscanf(c->arg, "%d %d", &next, &parents) != 2)
		return sm_broken(c, "no argument");
	if (next)
		return sm_judge(c, was == 0 && mode == parents, "the next: %s, mode %lld",
				strerror(-was), (long long)mode);
	err = sm_box_filter();
	now = sm_box_filtered();
	inner = sm_in_fork(inner_filtered, NULL, SM_STEP_MS);
	return sm_judge(
		c,
		was == 0 && mode == parents && !err && now == -SM_BOX_ERR && inner == SM_BOX_ERR &&
			sm_status_of(getpid(), "Threads", 10) == 1,
		"a filter (%s) on the only thread: the call was %s (mode %lld), is %s, and %s "
		"in its child",
		strerror(-err), strerror(-was), (long long)mode, strerror(-now),
		strerror(inner < 0 ? -inner : inner));
}

static int inner_linked(void *arg)
{
	(void)arg;
	return -sm_box_symlink() & 127;
}

static int child_locks(struct sm_cell *c)
{
	int was = sm_box_symlink(), err, now, inner;

	if (atoi(c->arg))
		return sm_judge(c, was == 0, "the next: %s", strerror(-was));
	err = sm_box_landlock();
	now = sm_box_symlink();
	inner = sm_in_fork(inner_linked, NULL, SM_STEP_MS);
	return sm_judge(c, was == 0 && !err && now == -EACCES && inner == EACCES,
			"a domain without links (%s): symlink() was %s, is %s, and %s in its child",
			strerror(-err), strerror(-was), strerror(-now),
			strerror(inner < 0 ? -inner : inner));
}

/* Two children, which are told the parent's own mode (a container's may be filtered); the verdict of the first, unless the second is not free. */
static int next_is_free(struct sm_cell *c)
{
	struct sm_req req, next;
	char first[512], arg[32];
	int mode = (int)sm_status_of(getpid(), "Seccomp", 10);

	snprintf(arg, sizeof(arg), "0 %d", mode);
	req = sm_cell_req(c, arg);
	snprintf(arg, sizeof(arg), "1 %d", mode);
	next = sm_cell_req(c, arg);

	if (sm_kid_verdict(c, &req) != SM_HOLDS)
		return c->observed;
	snprintf(first, sizeof(first), "%.500s", c->text);
	if (sm_kid_verdict(c, &next) != SM_HOLDS)
		return c->observed;
	return sm_holds(c, "%s; the next child is free", first);
}

/* ---- J11 ---- */

static int inner_nnp(void *arg)
{
	(void)arg;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
}

static int child_gives_up_privileges(struct sm_cell *c)
{
	int was = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), back, inner;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return sm_fails(c, "PR_SET_NO_NEW_PRIVS: %s", strerror(errno));
	back = prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) < 0 ? errno : 0;
	inner = sm_in_fork(inner_nnp, NULL, SM_STEP_MS);
	return sm_judge(c,
			was == atoi(c->arg) && back == EINVAL && inner == 1 &&
				prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1,
			"at birth %d (of the parent %s), set; taken back: %s; in its child %d", was,
			c->arg, strerror(back), inner);
}

static int as_parent_then_set(struct sm_cell *c)
{
	const char *arg = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) ? "1" : "0";
	struct sm_req req = sm_cell_req(c, arg);

	return sm_kid_verdict(c, &req);
}

/* ---- J12: a copy of cat(1) with the set-user-ID bit says what it has become ---- */

#define CAT "/usr/bin/cat"

static int copy_into(int to)
{
	int from = open(CAT, O_RDONLY | O_CLOEXEC), err = 0;
	char buf[16384];
	ssize_t n;

	if (from < 0)
		return -errno;
	while (!err && (n = read(from, buf, sizeof(buf))) > 0)
		err = sm_write_all(to, buf, (size_t)n);
	close(from);
	return err;
}

/* Without a name: no other user can run it. A descriptor or -errno. */
static int make_suid(void)
{
	char path[256];
	int fd, run = -1, err;

	snprintf(path, sizeof(path), "%s/sandbox-XXXXXX", sm_box_tmp());
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = copy_into(fd);
	run = open(path, O_RDONLY | O_CLOEXEC);
	unlink(path);
	if (!err && fchmod(fd, 04755) < 0)
		err = -errno;
	close(fd); /* nobody executes what is open for writing */
	if (!err)
		return run;
	close(run);
	return err;
}

struct suid {
	int program, out[2];
	bool bare; /* without bounding set */
	bool nnp;
};

static int drop_bounds(void)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return -errno;
	}
	return 0;
}

static int run_suid(void *arg)
{
	static char *const argv[] = { (char *)"cat", (char *)"/proc/self/status", NULL };
	static char *const envp[] = { NULL };
	const struct suid *s = arg;
	int err = s->bare ? drop_bounds() : 0;

	if (!err)
		err = sm_box_become();
	if (!err && s->nnp && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		err = -errno;
	if (!err && dup2(s->out[1], STDOUT_FILENO) < 0)
		err = -errno;
	if (!err)
		syscall(SYS_execveat, s->program, "", argv, envp, AT_EMPTY_PATH);
	return 100;
}

/* Effective user and capabilities of the program. 0 or -errno. */
static int try_suid(struct suid *s, int *uid, unsigned long long *caps)
{
	char text[8192] = "";
	const char *at;
	size_t have = 0;
	ssize_t n;
	int rc;

	if (pipe2(s->out, O_CLOEXEC) < 0)
		return -errno;
	rc = sm_in_fork(run_suid, s, SM_STEP_MS); /* a page and a half fits in the pipe */
	close(s->out[1]);
	while (have < sizeof(text) - 1 &&
	       (n = read(s->out[0], text + have, sizeof(text) - 1 - have)) > 0)
		have += (size_t)n;
	close(s->out[0]);
	at = strstr(text, "\nUid:");
	if (rc || !at || sscanf(at, "\nUid: %*d %d", uid) != 1)
		return rc < 0 ? rc : -ENOEXEC;
	at = strstr(text, "\nCapEff:");
	return at && sscanf(at, "\nCapEff: %llx", caps) == 1 ? 0 : -EPROTO;
}

static bool ignores_suid(const char *path)
{
	struct statvfs fs;

	return statvfs(path, &fs) == 0 && (fs.f_flag & ST_NOSUID);
}

/* Busybox is many programs in one, most of which give up root before all else: Alpine's cat(1). */
static bool gives_up_root(void)
{
	char path[PATH_MAX];
	const char *name = realpath(CAT, path) ? strrchr(path, '/') : NULL;

	return name && !strncmp(name + 1, "busybox", 7);
}

static int child_runs_suid(struct sm_cell *c)
{
	struct suid plain = { .program = make_suid() }, bare = plain, nnp = plain;
	unsigned long long caps[3] = { 0, 0, 0 };
	int uid[3] = { -1, -1, -1 }, err;

	bare.bare = nnp.nnp = true;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) {
		if (plain.program >= 0)
			close(plain.program);
		return sm_skips(c, SM_F_NONE, "has no_new_privs from whoever started it");
	}
	if (plain.program < 0)
		return sm_broken(c, "a program with the set-user-ID bit: %s",
				 strerror(-plain.program));
	err = try_suid(&plain, &uid[0], &caps[0]);
	if (!err)
		err = try_suid(&bare, &uid[1], &caps[1]);
	if (!err)
		err = try_suid(&nnp, &uid[2], &caps[2]);
	close(plain.program);
	if (err)
		return sm_fails(c, "cat(1): %s", strerror(-err));
	if (uid[0] != 0 && ignores_suid(sm_box_tmp()))
		return sm_skips(c, SM_F_ROOT, "%s is mounted nosuid", sm_box_tmp());
	if (uid[0] != 0 && gives_up_root())
		return sm_skips(c, SM_F_NONE, "busybox, which is " CAT ", gives up root itself");
	return sm_judge(c,
			uid[0] == 0 && caps[0] && !caps[1] && uid[2] == (int)SM_BOX_ID && !caps[2],
			"a set-user-ID program of root: user %d with capabilities %llx; without "
			"bounding set %d, %llx; with no_new_privs %d, %llx",
			uid[0], caps[0], uid[1], caps[1], uid[2], caps[2]);
}

static const struct sm_check checks[] = {
	{
		.id = "sandbox.seccomp.child",
		.row = "J09",
		.claim =
			"a child's filter binds it and its children at once, and not the next child",
		.source = "seccomp(2); LTP seccomp01; linux:kernel/fork.c:copy_seccomp",
		.level = SM_SHOULD,
		.needs = SM_NEED(SM_F_SECCOMP_FILTER),
		.in_parent = next_is_free,
		.in_child = child_filters,
	},
	{
		.id = "sandbox.no-new-privs.child",
		.row = "J11",
		.claim = "no_new_privs is at birth as the parent's; set, it stays and is inherited",
		.source = "prctl(2) PR_SET_NO_NEW_PRIVS; LTP prctl06",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_NO_NEW_PRIVS),
		.in_parent = as_parent_then_set,
		.in_child = child_gives_up_privileges,
	},
	{
		.id = "sandbox.caps.setuid",
		.row = "J12",
		.claim = "a set-user-ID program serves a child's child, and gives nothing to one "
			 "without bounding set or with no_new_privs",
		.source = "capabilities(7); execve(2); runtime-tools process_capabilities",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_ROOT) | SM_NEED(SM_F_NO_NEW_PRIVS),
		.in_child = child_runs_suid,
	},
	{
		.id = "sandbox.landlock.child",
		.row = "J16",
		.claim =
			"a child's Landlock domain binds it and its children, and not the next child",
		.source = "landlock(7)",
		.level = SM_SHOULD,
		.needs = SM_NEED(SM_F_LANDLOCK),
		.in_parent = next_is_free,
		.in_child = child_locks,
	},
};

SM_GROUP_AS(sandbox_policy, "sandbox", "Namespaces and sandbox", checks);
