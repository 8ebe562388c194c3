/* SPDX-License-Identifier: MIT */
/*
 * env_place.c - where a child runs and what it runs: directory, mask of modes, the program.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "env_util.h"

#define TITLE "Arguments, environment, limits, credentials"

/* Says where it is; told to, it first goes elsewhere: for whoever comes after it. */
static int place_child(struct sm_cell *c)
{
	char cwd[512] = "";

	if (!strcmp(c->arg, "move") && (chdir("/proc") < 0 || umask(0771) == 0771))
		return sm_broken(c, "the child cannot move: %s", strerror(errno));
	if (!getcwd(cwd, sizeof(cwd)))
		return sm_broken(c, "getcwd: %s", strerror(errno));
	c->answer.n[0] = (int64_t)sm_umask();
	return sm_holds(c, "%s", cwd);
}

/* F06 */
static int cwd_request(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	char here[512], after[512];
	struct sm_answer a;
	int err;

	if (!getcwd(here, sizeof(here)))
		return sm_broken(c, "getcwd: %s", strerror(errno));
	req.cwd = "/proc/sys";
	err = sm_ask_one(c, &req, &a);
	if (err)
		return sm_trouble(c, err, "a child in /proc/sys");
	if (!getcwd(after, sizeof(after)) || strcmp(here, after))
		return sm_fails(c, "the parent went from %s to %s", here, after);
	return sm_judge(c, !strcmp(a.text, "/proc/sys"), "asked for /proc/sys, is in %s", a.text);
}

static int cwd_bad(struct sm_cell *c, const char *cwd, int expected)
{
	struct sm_req req = sm_cell_req(c, NULL), good = sm_cell_req(c, NULL);
	struct sm_fault fault;
	struct sm_answer a;
	int err;

	req.cwd = cwd;
	err = sm_ask_refused(c, &req, &fault);
	if (err)
		return sm_trouble(c, err, "a request for a directory that cannot be entered");
	if (fault.stage != SM_STAGE_CHDIR || fault.err != expected)
		return sm_fails(c, "%s: told were stage %d and %s", cwd, fault.stage,
				strerror(fault.err));
	err = sm_ask_one(c, &good, &a);
	if (err)
		return sm_trouble(c, err, "the request after it");
	return sm_holds(c, "%s: stage chdir, %s; the next request is served", cwd,
			strerror(fault.err));
}

static int cwd_missing(struct sm_cell *c)
{
	return cwd_bad(c, "/proc/self/there-is-no-such-directory", ENOENT);
}

static int cwd_no_directory(struct sm_cell *c)
{
	return cwd_bad(c, "/proc/version", ENOTDIR);
}

static int place_creator(struct sm_cell *c)
{
	if (chdir("/proc/sys") < 0)
		return sm_broken(c, "chdir: %s", strerror(errno));
	umask(0137);
	return sm_holds(c, "the creator is in /proc/sys, umask 0137");
}

static int place_inherited(struct sm_cell *c)
{
	struct sm_answer a;
	int err = sm_kid_ask(c, NULL, &a, NULL);

	if (err)
		return sm_trouble(c, err, "a child");
	return sm_judge(c, !strcmp(a.text, "/proc/sys") && a.n[0] == 0137,
			"creator: /proc/sys, umask 137; child: %s, umask %03llo", a.text,
			(unsigned long long)a.n[0]);
}

/* F06, F07: fs_struct is not shared */
static int place_sibling(struct sm_cell *c)
{
	struct sm_req move = sm_cell_req(c, "move");
	struct sm_answer a[2];
	int err = sm_ask_two(c, &move, a);

	if (err)
		return sm_trouble(c, err, "two children");
	if (strcmp(a[0].text, "/proc") || a[0].n[0] != 0771)
		return sm_broken(c, "the first child did not move: %s", a[0].text);
	return sm_judge(c, !strcmp(a[1].text, "/proc/sys") && a[1].n[0] == 0137,
			"a child moved to /proc, umask 771; the next one: %s, umask %03llo",
			a[1].text, (unsigned long long)a[1].n[0]);
}

/* F23 */
struct bad_program {
	const char *arg;
	int err;
	mode_t mode;
	const char *text;
};

/* Start, and where there is no server spawn: which of them runs the program depends. */
static int try_program(struct sm_cell *c, const char *path)
{
	const char *argv[] = { path, NULL };
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_kid kid;
	int err;

	c->argv = argv;
	err = sm_kid_spawn(c, &kid, &req);
	sm_kid_kill(c, &kid);
	return err;
}

static int judge_program(struct sm_cell *c, const char *what, int err, int expected)
{
	if (!err)
		return sm_fails(c, "%s: the strategy says that it runs", what);
	if (err == -EOPNOTSUPP) /* no program at all is its payload */
		return sm_trouble(c, err, what);
	return sm_judge(c, c->fault.stage == SM_STAGE_EXEC && err == -expected,
			"%s: stage %d, %s (%s)", what, c->fault.stage, strerror(-err),
			c->fault.text);
}

static int bad_program(struct sm_cell *c, const struct bad_program *bad)
{
	char path[128];
	int fd = sm_temp_path(path), err;

	if (fd < 0)
		return sm_broken(c, "no file in $TMPDIR: %s", strerror(-fd));
	if (dprintf(fd, "%s", bad->text) < 0 || fchmod(fd, bad->mode) < 0) {
		close(fd);
		unlink(path);
		return sm_broken(c, "a file in $TMPDIR: %s", strerror(errno));
	}
	if (bad->err != ETXTBSY) /* which is for a program that is open for writing */
		close(fd);
	err = try_program(c, path);
	if (bad->err == ETXTBSY)
		close(fd);
	unlink(path);
	return judge_program(c, bad->arg, err, bad->err);
}

static int exec_missing(struct sm_cell *c)
{
	int err = try_program(c, "/proc/self/no-such-program");

	return judge_program(c, "no such file", err, ENOENT);
}

static int exec_mode(struct sm_cell *c)
{
	return bad_program(c, &(struct bad_program){ "mode 0600", EACCES, 0600, "#!/bin/sh\n" });
}

static int exec_format(struct sm_cell *c)
{
	return bad_program(c,
			   &(struct bad_program){ "text without #!", ENOEXEC, 0700, "exit 0\n" });
}

static int exec_interpreter(struct sm_cell *c)
{
	return bad_program(c, &(struct bad_program){ "a script whose interpreter is missing",
						     ENOENT, 0700, "#!/proc/self/none\n" });
}

static int exec_busy(struct sm_cell *c)
{
	return bad_program(c, &(struct bad_program){ "open for writing", ETXTBSY, 0700,
						     "#!/bin/sh\n" });
}

#define EXEC_ROW(detail, claim_, half)                                                          \
	{                                                                                       \
		.id = "env.exec." detail, .row = "F23", .claim = (claim_),                      \
		.source = "execve(2); CPython test_exception_bad_executable; glibc tst-spawn2", \
		.level = SM_MUST, .without = SM_PARENT_LOADS, .in_parent = (half),              \
	}

static const struct sm_check checks[] = {
	{
		.id = "env.cwd.request",
		.row = "F06",
		.claim = "the child runs in the directory of its request, and the parent stays",
		.source = "CPython test_cwd; glibc tst-spawn-chdir",
		.level = SM_MUST,
		.in_parent = cwd_request,
		.in_child = place_child,
	},
	{
		.id = "env.cwd.missing",
		.row = "F06",
		.claim = "a directory that is not there: stage chdir and ENOENT are told",
		.source = "CPython test_exception_cwd; libuv spawn_fails",
		.level = SM_MUST,
		.in_parent = cwd_missing,
		.in_child = place_child,
	},
	{
		.id = "env.cwd.no-directory",
		.row = "F06",
		.claim = "a file in place of a directory: stage chdir and ENOTDIR are told",
		.source = "chdir(2); glibc tst-spawn-chdir",
		.level = SM_MUST,
		.in_parent = cwd_no_directory,
		.in_child = place_child,
	},
	{
		.id = "env.place.inherited",
		.row = "F07",
		.claim = "without a word, the child has its creator's directory and umask",
		.source = "umask(2), chdir(2): inherited by fork and kept by execve; LTP vfork01",
		.level = SM_MUST,
		.in_parent = place_inherited,
		.in_creator = place_creator,
		.in_child = place_child,
	},
	{
		.id = "env.place.sibling",
		.row = "F07",
		.claim = "a child that changes its directory and umask changes no sibling's",
		.source = "clone(2) CLONE_FS; linux:kernel/fork.c:copy_fs",
		.level = SM_MUST,
		.in_parent = place_sibling,
		.in_creator = place_creator,
		.in_child = place_child,
	},
	EXEC_ROW("missing", "a program that is not there: stage exec and ENOENT are told",
		 exec_missing),
	EXEC_ROW("mode", "a program without the right to execute: stage exec and EACCES are told",
		 exec_mode),
	EXEC_ROW("format", "a file that is no program: stage exec and ENOEXEC are told, no shell",
		 exec_format),
	EXEC_ROW("interpreter", "a script without its interpreter: stage exec and ENOENT are told",
		 exec_interpreter),
	EXEC_ROW("busy", "a program open for writing: stage exec and ETXTBSY are told", exec_busy),
};

SM_GROUP_AS(env_place, "env", TITLE, checks);
