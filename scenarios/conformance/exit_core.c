/* SPDX-License-Identifier: MIT */
/*
 * exit_core.c - the core bit of a wait status, with and without a core.
 */
#include "group.h"
#include "exit_util.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* B03: where a core is to be had, in a directory that goes with it. */
static int child_dumps_core(struct sm_cell *c)
{
	struct rlimit core = { 0, 0 };

	if (strcmp(c->arg, "core") == 0) {
		getrlimit(RLIMIT_CORE, &core);
		core.rlim_cur = core.rlim_max;
	}
	setrlimit(RLIMIT_CORE, &core);
	prctl(PR_SET_DUMPABLE, core.rlim_cur > 0);
	signal(SIGABRT, SIG_DFL);
	kill(getpid(), SIGABRT);
	return sm_broken(c, "SIGABRT does not kill");
}

static int core_status(struct sm_cell *c, const char *arg, const char *cwd, int *status)
{
	struct sm_req req = sm_cell_req(c, arg);
	struct sm_kid kid;
	int err;

	req.cwd = cwd;
	err = sm_kid_spawn(c, &kid, &req);
	if (!err)
		err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	*status = kid.exit.status;
	return err;
}

static int no_core_no_bit(struct sm_cell *c)
{
	int status = 0, err = core_status(c, "none", NULL, &status);
	char buf[48];

	if (err)
		return sm_trouble(c, err, "a child that aborts");
	return sm_judge(c, status == SIGABRT, "abort without core: %s",
			sm_exit_text(status, buf, sizeof(buf)));
}

/* Removes what is in a directory of ours, and itself. Returns how many files were there. */
static int remove_folder(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0;

	if (dir) {
		for (const struct dirent *e; (e = readdir(dir));)
			n += unlinkat(dirfd(dir), e->d_name, 0) == 0;
		closedir(dir);
	}
	rmdir(path);
	return n;
}

static int core_sets_bit(struct sm_cell *c)
{
	struct rlimit limit;
	char path[256], buf[48];
	int status = 0, files, err;

	getrlimit(RLIMIT_CORE, &limit);
	if (!limit.rlim_max)
		return sm_skips(c, SM_F_CORE_DUMP, "the hard limit on cores is 0");
	snprintf(path, sizeof(path), "%s/core-XXXXXX", sm_temp_dir());
	if (!mkdtemp(path))
		return sm_broken(c, "%s: %s", path, strerror(errno));
	err = core_status(c, "core", path, &status);
	files = remove_folder(path);
	if (err)
		return sm_trouble(c, err, "a child that dumps core");
	return sm_judge(c, WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && WCOREDUMP(status),
			"abort with a core allowed: %s; files left where it was: %d",
			sm_exit_text(status, buf, sizeof(buf)), files);
}

static const struct sm_check checks[] = {
	{
		.id = "exit.core.none",
		.row = "B03",
		.claim = "a child that aborts and may not dump core does not bear the core bit",
		.source = "wait(2) WCOREDUMP; core(5); LTP waitpid01",
		.level = SM_MUST,
		.in_parent = no_core_no_bit,
		.in_child = child_dumps_core,
	},
	{
		.id = "exit.core.dumped",
		.row = "B03",
		.claim = "a child that dumps core bears the core bit",
		.source = "wait(2) WCOREDUMP; core(5); LTP waitpid01",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_CORE_DUMP),
		.in_parent = core_sets_bit,
		.in_child = child_dumps_core,
	},
};

SM_GROUP_AS(exit_core, "exit", "Exit status and waiting", checks);
