/* SPDX-License-Identifier: MIT */
/* plan_util.c - see plan_util.h. */
#include "plan_util.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char root[] = "/tmp/sm-test-plan-XXXXXX";
static const char *const dirs[] = { "build", "build/payloads", "scenarios" };
static const char *const files[] = { "build/sm-host", "build/payloads/none", "scenarios/x.ini" };

const char *pu_root(void)
{
	return root;
}

static const char *at(const char *name)
{
	static char path[300];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(at(name), "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(at(name), 0755), 0);
}

int pu_set_up(void **state)
{
	(void)state;
	if (!mkdtemp(root))
		return -1;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++)
		if (mkdir(at(dirs[i]), 0755))
			return -1;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		write_file(files[i], "");
	return 0;
}

int pu_tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		unlink(at(files[i]));
	for (size_t i = sizeof(dirs) / sizeof(*dirs); i > 0; i--)
		rmdir(at(dirs[i - 1]));
	return rmdir(root);
}

struct sm_plan *pu_make(const char *text, const char *const *set, const struct sm_foreign *hosts,
			int n, struct sm_error *error)
{
	static const char *const x_only[] = { "x", NULL };
	struct sm_plan_options opt = { .names = x_only,
				       .set = set,
				       .root = root,
				       .ncpus = 2,
				       .seed = 1,
				       .foreign = hosts,
				       .nforeign = n };
	struct sm_plan *plan;

	write_file("scenarios/x.ini", text);
	sm_plan_make(&plan, &opt, error);
	return plan;
}

struct sm_plan *pu_make_pair(const char *text, const char *only, const char *const *set,
			     const char *const *base_set, struct sm_error *error)
{
	static const char *const x_only[] = { "x", NULL };
	static const struct sm_baseline record = { .command = "/base", .version = "0" };
	struct sm_plan_options opt = {
		.names = x_only, .set = set, .only = only, .root = root, .ncpus = 2, .seed = 1
	};
	struct sm_plan_options base = opt;
	struct sm_plan *plan;

	base.set = base_set;
	write_file("scenarios/x.ini", text);
	sm_plan_make_pair(&plan, &opt, &base, &record, error);
	return plan;
}
