/* SPDX-License-Identifier: MIT */
/*
 * test_boxed.c - runs whose children are in a sandbox: the plan arrives, what this machine refuses
 * is told, and the attacks that a sandbox stops went through without it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>
#include <cmocka.h>

#include "../sandbox/sandbox.h"
#include "../sys/sys.h"
#include "isolation_util.h"
#include "run_util.h"

static const char *const able[] = { "popen", "zygote", NULL };

static void need_root(void)
{
	if (geteuid() == 0)
		return;
	print_message("needs root: run it with sudo\n");
	skip();
}

static void into(struct tiny *t, const char *sandbox)
{
	for (int i = 0; i < t->plan.ncases; i++) {
		t->cases[i].sandbox = sandbox;
		assert_int_equal(sm_sandbox_parse(sandbox, &t->cases[i].layers), 0);
	}
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	assert_non_null(text);
	return text;
}

static const json_t *error_of(const json_t *c)
{
	const json_t *e = json_array_get(json_object_get(c, "errors"), 0);

	assert_non_null(e);
	return e;
}

static void test_full_runs(void **state)
{
	struct sm_error error;
	struct tiny t;
	json_t *top;

	(void)state;
	need_root();
	tiny_make(&t, able, 2);
	into(&t, "full");
	assert_int_equal(tiny_run(&t, &error), SM_EXIT_GOOD);
	assert_valid(t.dir);
	top = tiny_results(&t);
	for (int i = 0; i < t.plan.ncases; i++) {
		assert_string_equal(text_of(tiny_case(top, i), "status"), "ok");
		assert_string_equal(text_of(tiny_case(top, i), "sandbox"), "full");
	}
	json_decref(top);
	assert_no_child();
	tiny_free(&t);
}

/* The host hands the plan on, or this strategy would have nothing to refuse. */
static void test_unable_strategy_refuses(void **state)
{
	static const char *const fork_only[] = { "fork", NULL };
	struct sm_error error;
	struct tiny t;
	json_t *top;

	(void)state;
	need_root();
	tiny_make(&t, fork_only, 1);
	into(&t, "net");
	assert_int_equal(tiny_run(&t, &error), SM_EXIT_FAILED);
	top = tiny_results(&t);
	assert_string_equal(text_of(tiny_case(top, 0), "status"), "failed");
	assert_int_equal(json_integer_value(json_object_get(error_of(tiny_case(top, 0)), "errno")),
			 EOPNOTSUPP);
	json_decref(top);
	tiny_free(&t);
}

static int run_as_nobody(struct tiny *t)
{
	struct sm_exit end = { .size = sizeof(end) };
	pid_t pid;

	assert_int_equal(chown(t->dir, 65534, 65534), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct sm_error error;

		if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
			_exit(99);
		_exit(tiny_run(t, &error));
	}
	assert_int_equal(sm_wait_child(pid, 60000, &end), 0);
	assert_true(WIFEXITED(end.status));
	return WEXITSTATUS(end.status);
}

/* No block goes without its layers, and none is a failure of the strategy. */
static void test_refused_layer_is_unavailable(void **state)
{
	struct tiny t;
	json_t *top;

	(void)state;
	need_root();
	tiny_make(&t, able, 3);
	into(&t, "net");
	assert_int_equal(run_as_nobody(&t), SM_EXIT_GOOD);
	assert_valid(t.dir);
	top = tiny_results(&t);
	for (int i = 0; i < t.plan.ncases; i++) {
		const json_t *c = tiny_case(top, i), *e = error_of(c);

		assert_string_equal(text_of(c, "status"), "unavailable");
		assert_string_equal(text_of(e, "stage"), "sandbox");
		assert_int_equal(json_integer_value(json_object_get(e, "errno")), EPERM);
		assert_int_equal(json_integer_value(json_object_get(e, "count")), 3);
		assert_string_equal(text_of(e, "text"),
				    "layer net is refused here: Operation not permitted");
		assert_true(json_is_null(json_object_get(json_object_get(c, "metrics"), "ready")));
	}
	json_decref(top);
	tiny_free(&t);
}

static void write_script(const char *path, int status)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fprintf(f, "#!/bin/sh\necho 'heap: no such pages' >&2\nexit %d\n", status);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0755), 0);
}

/*
 * A payload says with its exit status that this kernel lacks something, in the parent and in a
 * server: told, and no failure. Any other status is one, which the last line names.
 */
static void test_payload_that_this_kernel_cannot_have(void **state)
{
	static const char *const loads[] = { "fork", "zygote", NULL };

	(void)state;
	for (int status = EX_UNAVAILABLE; status <= EX_UNAVAILABLE + 1; status++) {
		bool lacks = status == EX_UNAVAILABLE;
		struct sm_error error = { .text = "" };
		struct tiny t;
		json_t *top;

		tiny_make(&t, loads, 2);
		snprintf(t.payload, sizeof(t.payload), "%s/payload.sh", t.dir);
		memcpy(t.host[0], t.payload, sizeof(t.payload)); /* fork's parent loads it */
		write_script(t.payload, status);
		assert_int_equal(tiny_run(&t, &error), lacks ? SM_EXIT_GOOD : SM_EXIT_FAILED);
		assert_valid(t.dir);
		if (!lacks) {
			assert_non_null(
				strstr(error.text, "2 of 2 cases failed, the first is tiny/"));
			assert_non_null(strstr(error.text, "status 70: heap: no such pages"));
		}
		top = tiny_results(&t);
		for (int i = 0; i < t.plan.ncases; i++) {
			const json_t *c = tiny_case(top, i);

			assert_string_equal(text_of(c, "status"), lacks ? "unavailable" : "failed");
			assert_non_null(strstr(text_of(error_of(c), "text"), "no such pages"));
		}
		json_decref(top);
		tiny_free(&t);
	}
}

/* ---- isolation ---- */

static json_t *attack(struct tiny *t)
{
	struct sm_error error;
	json_t *top;

	assert_int_equal(tiny_run(t, &error), SM_EXIT_GOOD);
	assert_valid(t->dir);
	top = tiny_results(t);
	return top;
}

/* The finding of the same question in the other sandbox. */
static const json_t *other(const json_t *list, const json_t *row, const char *sandbox)
{
	static const char *const same[] = { "strategy", "secret", "attack", "target" };

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		size_t k = 0;

		while (k < 4 && !strcmp(text_of(o, same[k]), text_of(row, same[k])))
			k++;
		if (k == 4 && !strcmp(text_of(o, "sandbox"), sandbox))
			return o;
	}
	return NULL;
}

/* What full stops is possible without it: a blocked attack has its positive control. */
static void blocked_has_its_control(const json_t *list, const json_t *row, int *stopped)
{
	const json_t *control = other(list, row, "none");

	assert_non_null(control);
	if (strcmp(text_of(row, "kind"), "reachable") || !strcmp(text_of(row, "attack"), "taint"))
		return;
	if (!strcmp(text_of(control, "outcome"), "n/a"))
		return; /* no server, or nothing that could be read there */
	if (strcmp(text_of(control, "outcome"), "leaked"))
		fail_msg("%s %s %s: not even without a sandbox: %s", text_of(row, "strategy"),
			 text_of(row, "attack"), text_of(row, "target"),
			 text_of(control, "evidence"));
	if (strcmp(text_of(row, "outcome"), "blocked"))
		fail_msg("%s %s %s in full: %s, %s", text_of(row, "strategy"),
			 text_of(row, "attack"), text_of(row, "target"), text_of(row, "outcome"),
			 text_of(row, "evidence"));
	*stopped += 1;
}

static void test_full_stops_what_none_allows(void **state)
{
	static const char *const twice[] = { "popen", "popen", "zygote", "zygote", NULL };
	int stopped = 0, inherited = 0;
	json_t *top, *list;
	struct tiny t;

	(void)state;
	need_root();
	tiny_make(&t, twice, 1);
	for (int i = 0; i < t.plan.ncases; i++) {
		t.cases[i].kind = SM_KIND_ISOLATION;
		t.cases[i].attacker = SM_ATTACKER_ROOT;
		t.cases[i].siblings = 2;
		t.cases[i].sandbox = i % 2 ? "full" : "none";
		sm_sandbox_parse(t.cases[i].sandbox, &t.cases[i].layers);
	}
	top = attack(&t);
	list = json_object_get(top, "isolation");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *row = json_array_get(list, i);

		if (strcmp(text_of(row, "sandbox"), "full"))
			continue;
		blocked_has_its_control(list, row, &stopped);
		inherited += !strcmp(text_of(row, "outcome"), "absent") &&
			     !strcmp(text_of(row, "attack"), "self-scan");
	}
	/* Seven attacks on parent and sibling, zygote's server too, but for its sockets. */
	assert_in_range(stopped, 2 * 14, 2 * 14 + 7);
	/* The scan sees enough to say so, in either: 18 kinds of the parent's, and other children's. */
	if (!SANITIZED)
		assert_in_range(inherited, 2 * 18, 2 * 24);
	json_decref(top);
	tiny_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_runs),
		cmocka_unit_test(test_unable_strategy_refuses),
		cmocka_unit_test(test_refused_layer_is_unavailable),
		cmocka_unit_test(test_payload_that_this_kernel_cannot_have),
		cmocka_unit_test(test_full_stops_what_none_allows),
	};

	/* Hosts and children look for no leaks: in a sandbox nobody may trace for it. */
	if (getenv("ASAN_OPTIONS"))
		setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
