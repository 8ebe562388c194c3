/* SPDX-License-Identifier: MIT */
/* report.c - see report.h. */
#include "report.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int run_script(char *python, char *script, char *folder, const char *const *more)
{
	pid_t pid;
	size_t n = 3, extra = 0;
	char **argv;
	int status = -1, err;

	while (more && more[extra])
		extra++;
	argv = calloc(n + extra + 1, sizeof(*argv));
	if (!argv)
		return -ENOMEM;
	argv[0] = python;
	argv[1] = script;
	argv[2] = folder;
	for (size_t i = 0; i < extra; i++)
		argv[n + i] = (char *)more[i];
	err = posix_spawn(&pid, python, NULL, NULL, argv, environ);
	free(argv);
	if (err)
		return -err;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status == 0 ? 0 : -EIO;
}

void sm_report(const struct sm_folder *folder, const struct sm_run_options *opt)
{
	char python[600], script[600];

	snprintf(python, sizeof(python), "%.500s/.venv/bin/python", opt->root);
	snprintf(script, sizeof(script), "%.500s/scripts/report.py", opt->root);
	fflush(NULL);
	if (opt->report && access(python, X_OK) == 0 && access(script, R_OK) == 0 &&
	    run_script(python, script, (char *)folder->path, opt->report_args) == 0)
		return;
	if (access(script, R_OK)) {
		printf("results: %s\nreport:  scripts/report.py of a checkout draws it\n",
		       folder->path);
		fflush(stdout);
		return;
	}
	printf("results: %s\nreport:  %s %s %s\n", folder->path,
	       access(python, X_OK) ? "python3" : python, script, folder->path);
	if (access(python, X_OK))
		printf("         (a python3 with what %.500s/scripts/requirements.txt names)\n",
		       opt->root);
	fflush(stdout);
}
