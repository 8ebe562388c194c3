/* SPDX-License-Identifier: MIT */
/* run_util.c - see run_util.h. */
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host_util.h"
#include "run_util.h"

void tiny_make(struct tiny *t, const char *const *strategies, int blocks)
{
	int n = 0, v = 0;

	memset(t, 0, sizeof(*t));
	snprintf(t->dir, sizeof(t->dir), "/tmp/sm-run-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	snprintf(t->payload, sizeof(t->payload), "%s", built("payloads/none"));
	t->argv[0] = t->payload;
	for (; strategies[n]; n++) {
		struct sm_case *c = &t->cases[n];

		c->ops = sm_strategy(strategies[n]);
		assert_non_null(c->ops);
		snprintf(t->names[n], sizeof(t->names[n]), "tiny/%s/none", strategies[n]);
		snprintf(t->host[n], sizeof(t->host[n]), "%s",
			 built(c->ops->traits & SM_PARENT_LOADS ? "payloads/none" : "sm-host"));
		t->host_argv[n][0] = t->host[n];
		c->name = t->names[n];
		c->scenario = "tiny";
		c->section = "none";
		c->label = "none";
		c->payload = "none";
		c->sandbox = "none";
		c->argv = t->argv;
		c->host_argv = t->host_argv[n];
		c->blocks = blocks;
		c->samples = 3;
		c->warmup = 1;
		c->timeout_ms = c->start_timeout_ms = 5000;
		c->duration_ms = 100;
		c->floor = -1;
	}
	for (int b = 0; b < blocks; b++)
		for (int i = 0; i < n; i++)
			t->visits[v++] = (struct sm_visit){ .block = b, .icase = i };
	t->scenario = (struct sm_scenario){ .name = (char *)"tiny", .text = (char *)"[none]\n" };
	t->plan = (struct sm_plan){ .scenarios = &t->scenario,
				    .nscenarios = 1,
				    .cases = t->cases,
				    .ncases = n,
				    .visits = t->visits,
				    .nvisits = v,
				    .seed = 7 };
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st;
	(void)flag;
	(void)at;
	return remove(path);
}

void remove_tree(const char *dir)
{
	assert_int_equal(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

void tiny_free(struct tiny *t)
{
	remove_tree(t->dir);
}

int tiny_run(struct tiny *t, struct sm_error *error)
{
	char *argv[] = { (char *)"test", NULL };
	struct sm_run_options opt = { .root = "/nonexistent", .out_dir = t->dir, .argv = argv };

	return sm_run_all(&t->plan, &opt, error);
}

json_t *tiny_results(const struct tiny *t)
{
	char path[128];
	json_error_t why;
	json_t *top;

	snprintf(path, sizeof(path), "%s/run.json", t->dir);
	top = json_load_file(path, 0, &why); /* jansson refuses NaN */
	if (!top)
		fail_msg("%s:%d: %s", path, why.line, why.text);
	return top;
}

json_t *tiny_case(json_t *results, int i)
{
	json_t *c = json_array_get(json_object_get(results, "cases"), (size_t)i);

	assert_non_null(c);
	return c;
}

void assert_no_child(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

void assert_valid_as(const char *path, const char *schema_path)
{
	char python[] = ".venv/bin/python", option[] = "-c";
	char program[] = "import json, jsonschema, sys; "
			 "jsonschema.Draft202012Validator(json.load(open(sys.argv[2])))"
			 ".validate(json.load(open(sys.argv[1])))";
	char *argv[] = { python, option, program, (char *)path, (char *)schema_path, NULL };
	int status = -1;
	pid_t pid;

	if (access(python, X_OK) || access(schema_path, R_OK)) {
		print_message("no .venv here: a file is not held to its schema\n");
		return;
	}
	assert_int_equal(posix_spawn(&pid, python, NULL, NULL, argv, environ), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

void assert_valid(const char *dir)
{
	char file[128];

	snprintf(file, sizeof(file), "%s/run.json", dir);
	assert_valid_as(file, "harness/driver/run.schema.json");
}
