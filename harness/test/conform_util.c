/* SPDX-License-Identifier: MIT */
/* conform_util.c - see conform_util.h. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
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

#include "conform_util.h"
#include "host_util.h"
#include "run_util.h"

/* ---- a suite of our own ---- */

static const struct sm_check first[] = {
	{ .id = "t.must",
	  .row = "T01",
	  .claim = "it does",
	  .source = "a(2)",
	  .level = SM_MUST,
	  .timeout_ms = 200,
	  .fails_with = SM_OWN_SERVER,
	  .fails_lacking = SM_CHILD_OF_PARENT,
	  .why = "a server does not" },
	{ .id = "t.alone",
	  .row = "T02",
	  .claim = "the kernel does",
	  .source = "b(2)",
	  .level = SM_SHOULD,
	  .flags = SM_CHECK_ALONE,
	  .without = SM_OWN_SERVER },
};

static const struct sm_check second[] = {
	{ .id = "u.record", .row = "U01", .claim = "who knows", .source = "", .level = SM_RECORD },
	{ .id = "u.needs",
	  .row = "U02",
	  .claim = "new things work",
	  .source = "",
	  .needs = SM_NEED(SM_F_CLONE3) | SM_NEED(SM_F_MSEAL) | SM_NEED(SM_F_CHILD_ROLE) },
	{ .id = "u.only", .row = "U03", .claim = "", .source = "", .only = SM_OWN_SERVER },
	{ .id = "u.untidy", .row = "U04", .claim = "", .source = "", .flags = SM_CHECK_NO_AUDIT },
};

static const struct sm_check_group groups[] = {
	{ "t", "The first", first, 2 },
	{ "u", "The second", second, 4 },
};
static const struct sm_check_group *const all_groups[] = { &groups[0], &groups[1] };

static const struct sm_expect expects[] = {
	{ "t.must", "except", false, "an exception" },
	{ "t.must", "holds", true, NULL },
};

static void is_there(struct sm_probe_result *r)
{
	r->presence = SM_PRESENT;
}

static void is_missing(struct sm_probe_result *r)
{
	r->presence = SM_MISSING;
	r->err = ENOSYS;
	snprintf(r->text, sizeof(r->text), "ENOSYS");
}

static const struct sm_feature_row features[SM_F_COUNT] = {
	[SM_F_CLONE3] = { SM_F_CLONE3, "clone3", "M01", "", "", "", is_there },
	[SM_F_MSEAL] = { SM_F_MSEAL, "mseal", "M02", "", "", "", is_missing },
	[SM_F_REQUEST_FIELD] = { SM_F_REQUEST_FIELD, "request-field", "", "", "", "", NULL },
	[SM_F_CHILD_ROLE] = { SM_F_CHILD_ROLE, "child-role", "", "", "", "", NULL },
};

static void run_probe(enum sm_feature f, struct sm_probe_result *r)
{
	memset(r, 0, sizeof(*r));
	features[f].probe(r);
}

const struct sm_suite suite = {
	.groups = all_groups,
	.ngroups = 2,
	.expects = expects,
	.nexpects = 2,
	.strategies = sm_strategies,
	.nstrategies = 0, /* set aside: only hosts of ours */
	.features = features,
	.probe = run_probe,
};

/* ---- a run of it ---- */

void trial_make(struct trial *t)
{
	memset(t, 0, sizeof(*t));
	snprintf(t->dir, sizeof(t->dir), "/tmp/sm-conform-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	assert_int_equal(setenv("TMPDIR", t->dir, 1), 0);
	snprintf(t->json, sizeof(t->json), "%s/out.json", t->dir);
	snprintf(t->build, sizeof(t->build), "%s", built(""));
	t->build[strlen(t->build) - 1] = 0;
	t->argv[0] = (char *)"build/spawnmark";
	t->opt = (struct sm_conform_options){
		.root = ".", .build = t->build, .argv = t->argv, .hosts = t->hosts, .json = t->json
	};
}

void trial_host(struct trial *t, const char *name, const char *mode, uint64_t traits)
{
	char self[512];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int i = 0;

	assert_true(n > 0);
	self[n] = 0;
	while (t->hosts[i])
		i++;
	assert_true(i < HOSTS_MAX);
	snprintf(t->text[i], sizeof(t->text[i]), "%s='%s' host %s %llu", name, self, mode,
		 (unsigned long long)traits);
	t->hosts[i] = t->text[i];
}

int trial_run(struct trial *t)
{
	json_error_t why;
	int code;

	t->opt.out = open_memstream(&t->told, &t->ntold);
	assert_non_null(t->opt.out);
	code = sm_conform(&suite, &t->opt, &t->error);
	fclose(t->opt.out);
	assert_no_child();
	if (access(t->json, F_OK) == 0) {
		assert_valid_as(t->json, "harness/driver/conformance.schema.json");
		t->top = json_load_file(t->json, 0, &why);
		assert_non_null(t->top);
	}
	return code;
}

int entries(const char *dir)
{
	DIR *d = opendir(dir);
	int n = -2; /* the dots */

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

void trial_free(struct trial *t)
{
	char command[200], word[40];

	assert_int_equal(entries(t->dir), access(t->json, F_OK) == 0);
	snprintf(command, sizeof(command), "! grep -q %s /proc/self/mountinfo", t->dir);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
	snprintf(word, sizeof(word), "spawnmark-%d", (int)getpid());
	snprintf(command, sizeof(command), "! find /sys/fs/cgroup -name %s | grep -q .", word);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
	json_decref(t->top);
	free(t->told);
	remove_tree(t->dir);
}

const char *text_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "";
}

json_t *cell_of(const struct trial *t, const char *strategy, const char *check)
{
	json_t *list = json_object_get(t->top, "conformance");

	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *cell = json_array_get(list, i);

		if (!strcmp(text_of(cell, "strategy"), strategy) &&
		    !strcmp(text_of(cell, "check"), check))
			return cell;
	}
	fail_msg("no cell %s %s", strategy, check);
	return NULL;
}

void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' is not in '%s'", part, text);
}
