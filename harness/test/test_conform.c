/* SPDX-License-Identifier: MIT */
/*
 * test_conform.c - conformance runs: verdicts, what they tell, hosts of every bad kind, and ends
 * before the end.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../driver/rundir.h"
#include "../sys/sys.h"
#include "conform_util.h"
#include "fake_host.h"
#include "run_util.h"

#define PATIENCE_MS 60000

/* ---- judgement ---- */

static void test_verdicts(void **state)
{
	static const enum sm_verdict table[][3] = {
		/* expected: holds, fails, record */
		[SM_OBSERVED_NONE] = { SM_VERDICT_BROKEN, SM_VERDICT_BROKEN, SM_VERDICT_BROKEN },
		[SM_HOLDS] = { SM_VERDICT_PASS, SM_VERDICT_XPASS, SM_VERDICT_PASS },
		[SM_FAILS] = { SM_VERDICT_FAIL, SM_VERDICT_XFAIL, SM_VERDICT_PASS },
		[SM_SKIPS] = { SM_VERDICT_SKIP, SM_VERDICT_SKIP, SM_VERDICT_SKIP },
		[SM_BROKEN] = { SM_VERDICT_BROKEN, SM_VERDICT_BROKEN, SM_VERDICT_BROKEN },
		[SM_TIMED_OUT] = { SM_VERDICT_TIMEOUT, SM_VERDICT_XFAIL, SM_VERDICT_TIMEOUT },
	};
	const enum sm_verdict bad[] = { SM_VERDICT_FAIL, SM_VERDICT_XPASS, SM_VERDICT_BROKEN,
					SM_VERDICT_TIMEOUT };
	int nbad = 0;

	(void)state;
	for (int o = 0; o <= SM_TIMED_OUT; o++)
		for (int e = 0; e < 3; e++) {
			const struct sm_expectation x = { .expected = (enum sm_expected)e };

			assert_int_equal(sm_conform_judge(&x, o), table[o][e]);
		}
	for (int v = 0; v < SM_VERDICT_COUNT; v++)
		nbad += sm_verdict_bad((enum sm_verdict)v);
	assert_int_equal(nbad, 4);
	for (int i = 0; i < 4; i++)
		assert_true(sm_verdict_bad(bad[i]));
}

static void test_expectations(void **state)
{
	static const struct {
		const char *name;
		uint64_t traits;
		enum sm_expected expected;
		const char *why;
	} table[] = {
		{ "a", SM_CHILD_OF_PARENT, SM_EXPECT_HOLDS, NULL },
		{ "b", SM_CHILD_OF_PARENT | SM_OWN_SERVER, SM_EXPECT_FAILS, "a server does not" },
		{ "c", 0, SM_EXPECT_FAILS, "a server does not" },
		{ "except", SM_CHILD_OF_PARENT, SM_EXPECT_FAILS, "an exception" },
		{ "holds", 0, SM_EXPECT_HOLDS, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		const struct sm_target t = { .name = table[i].name, .traits = table[i].traits };
		struct sm_expectation e =
			sm_conform_expect(&suite, &suite.groups[0]->checks[0], &t);

		assert_int_equal(e.expected, table[i].expected);
		if (table[i].why)
			assert_string_equal(e.why, table[i].why);
		else
			assert_null(e.why);
		e = sm_conform_expect(&suite, &suite.groups[1]->checks[0], &t);
		assert_int_equal(e.expected, SM_EXPECT_RECORD);
	}
}

/* A spawner of somebody's own may do better than what its traits excuse. */
static void test_better(void **state)
{
	const struct sm_target t = { .name = "c", .command = "./c" };
	struct sm_expectation e;

	(void)state;
	e = sm_conform_expect(&suite, &suite.groups[0]->checks[0], &t);
	assert_int_equal(sm_conform_judge(&e, SM_HOLDS), SM_VERDICT_PASS);
	assert_int_equal(sm_conform_judge(&e, SM_FAILS), SM_VERDICT_XFAIL);
}

/* What the machine decides is no error either way. */
static void test_may_fail(void **state)
{
	static const struct sm_expect rows[] = { { "t.one", "a", SM_MAY_FAIL, "the machine" } };
	const struct sm_check check = { .id = "t.one", .level = SM_MUST };
	const struct sm_target t = { .name = "a" };
	const struct sm_suite own = { .expects = rows, .nexpects = 1 };
	struct sm_expectation e = sm_conform_expect(&own, &check, &t);

	(void)state;
	assert_int_equal(sm_conform_judge(&e, SM_HOLDS), SM_VERDICT_PASS);
	assert_int_equal(sm_conform_judge(&e, SM_FAILS), SM_VERDICT_XFAIL);
	assert_int_equal(sm_conform_judge(&e, SM_BROKEN), SM_VERDICT_BROKEN);
	assert_string_equal(e.why, "the machine");
	assert_false(e.leaves);
}

/* ---- what is told ---- */

static void test_told(void **state)
{
	struct trial t;
	char *rest;

	(void)state;
	trial_make(&t);
	trial_host(&t, "one", "good", SM_CHILD_OF_PARENT);
	trial_host(&t, "two", "fails", SM_OWN_SERVER);
	t.opt.argv[0] = (char *)"a b";
	assert_int_equal(trial_run(&t), SM_EXIT_FAILED);
	rest = strstr(t.told, "# one:");
	assert_non_null(rest);
	has(rest, "# one: 4 PASS 1 SKIP 1 NA\n# two: 1 PASS 2 FAIL 1 XFAIL 1 SKIP 1 NA\n"
		  "# 12 cells in ");
	*rest = 0;
	rest = strstr(t.told, "  # repeat: ");
	assert_non_null(rest);
	has(rest, "'a b' conform --host 'two='\\''/");
	has(rest, " host fails 8' --strategy two --only '^u\\.only$'\n");
	*rest = 0;
	assert_string_equal(
		t.told,
		"KTAP version 1\n1..2\n"
		"  KTAP version 1\n  1..6\n"
		"  ok 1 t.must\n  ok 2 t.alone\n"
		"  ok 3 u.record\n  # holds: it does [31m\n"
		"  ok 4 u.needs # SKIP mseal: ENOSYS\n"
		"  ok 5 u.only # SKIP n/a: only for OWN_SERVER\n"
		"  ok 6 u.untidy\nok 1 one\n"
		"  KTAP version 1\n  1..6\n"
		"  ok 1 t.must # XFAIL differs by design: a server does not\n"
		"  ok 2 t.alone # SKIP n/a: not for OWN_SERVER\n"
		"  ok 3 u.record\n  # fails: it does not\n"
		"  ok 4 u.needs # SKIP mseal: ENOSYS\n  not ok 5 u.only\n  # claim:  (U03, MUST)\n"
		"  # seen: it does not\n  # source: \n");
	assert_string_equal(text_of(cell_of(&t, "one", "t.must"), "evidence"), "it does [31m");
	assert_string_equal(text_of(cell_of(&t, "two", "u.record"), "observed"), "fails");
	assert_string_equal(text_of(cell_of(&t, "one", "u.needs"), "feature"), "mseal");
	assert_true(json_is_null(json_object_get(t.top, "incomplete")));
	trial_free(&t);
}

/* What the kernel answers alike is asked by the first who may. */
static void test_asked_once(void **state)
{
	struct trial t;

	(void)state;
	trial_make(&t);
	trial_host(&t, "zero", "fails", SM_OWN_SERVER);
	trial_host(&t, "one", "good", SM_CHILD_OF_PARENT);
	trial_host(&t, "two", "fails", SM_CHILD_OF_PARENT);
	t.opt.only = "T02";
	assert_int_equal(trial_run(&t), SM_EXIT_GOOD);
	has(t.told, "  ok 1 t.alone # SKIP n/a: not for OWN_SERVER\nok 1 zero # SKIP no check");
	has(t.told, "  ok 1 t.alone\nok 2 one\n");
	has(t.told, "  ok 1 t.alone # SKIP n/a: asks the kernel: see one\nok 3 two # SKIP");
	assert_string_equal(text_of(cell_of(&t, "two", "t.alone"), "verdict"), "NA");
	trial_free(&t);
}

/* TAP readers take the strategies' lines for the tests. */
static void test_prove(void **state)
{
	char file[128], command[400];
	struct trial t;
	FILE *f;

	(void)state;
	if (system("prove --version >/dev/null 2>&1")) { /* NOLINT(cert-env33-c) */
		print_message("no prove(1) here: it is in Debian's perl\n");
		skip();
	}
	for (int bad = 0; bad < 2; bad++) {
		trial_make(&t);
		trial_host(&t, "one", "good", SM_CHILD_OF_PARENT);
		trial_host(&t, "two", bad ? "fails" : "good", SM_CHILD_OF_PARENT);
		assert_int_equal(trial_run(&t), bad ? SM_EXIT_FAILED : SM_EXIT_GOOD);
		snprintf(file, sizeof(file), "%s.tap", t.dir);
		f = fopen(file, "we");
		assert_non_null(f);
		fputs(t.told, f);
		fclose(f);
		snprintf(command, sizeof(command), "prove -e cat %s 2>&1 | grep -q '%s'", file,
			 bad ? "Failed 1/2 subtests" : "Tests=2,");
		assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
		unlink(file);
		trial_free(&t);
	}
}

/* ---- bad hosts ---- */

/*
 * Where version 1 counts pids, host and driver are in the same group: the whole path is told. On
 * version 2 the host has a group of its own, and what is inside of that is told by name.
 */
static void check_group_of_check(const char *evidence)
{
	char path[500], told[600];
	const char *name;
	int pid = 0;

	if (sm_cgroup_own("pids", path, sizeof(path) - 60))
		path[0] = 0;
	else
		strcat(path, "/");
	name = strstr(evidence, path);
	assert_non_null(name);
	name = strstr(name + strlen(path), "spawnmark-");
	assert_non_null(name);
	assert_int_equal(sscanf(name, "spawnmark-%d", &pid), 1);
	sprintf(path + strlen(path), "spawnmark-%d", pid);
	snprintf(told, sizeof(told), "left behind: control group %s; else it does [31m", path);
	assert_string_equal(evidence, told);
	if (path[0] == '/')
		assert_int_equal(access(path, F_OK), -1); /* told and removed */
}

static void test_bad_hosts(void **state)
{
	static const struct {
		const char *mode, *verdict, *observed, *evidence;
	} table[] = {
		{ "good", "PASS", "holds", "it does" },
		{ "hang", "TIMEOUT", "timeout", "no answer within 2.2 s" },
		{ "die", "BROKEN", "broken",
		  "the host died of signal 15 (Terminated): last words" },
		{ "exit", "BROKEN", "broken", "exited with status 3" },
		{ "short", "BROKEN", "broken", "0 verdicts and 1 other" },
		{ "mute", "BROKEN", "broken", "0 verdicts" },
		{ "twice", "BROKEN", "broken", "2 verdicts" },
		{ "chatty", "BROKEN", "broken", "1 verdicts and 1 other" },
		{ "flood", "BROKEN", "broken", "does not stop talking" },
		{ "lie", "BROKEN", "broken", "observed 99" },
		{ "feature", "BROKEN", "broken", "feature 1000" },
		{ "fault", "BROKEN", "broken", "no such program" },
		{ "broken", "BROKEN", "broken", "no pipe" },
		{ "skip", "SKIP", "skip", "no umask" },
		{ "close", "BROKEN", "broken", "wait status 0x700" },
		{ "process", "FAIL", "holds", "(test_conform) of the parent; else it does" },
		{ "daemon", "FAIL", "holds", "(test_conform) of the parent; else it does" },
		{ "orphan", "FAIL", "holds", "(test_conform); else it does" },
		{ "zombie", "FAIL", "holds", "left behind: zombie " },
		{ "file", "FAIL", "holds", "left behind: file left; else it does" },
		{ "group", "FAIL", "holds", "left behind: control group inner" },
		{ "group-of-check", "FAIL", "holds", "left behind: control group " },
		{ "mount", "FAIL", "holds", "mount on " },
	};
	struct trial t;

	(void)state;
	trial_make(&t);
	t.opt.only = "T01";
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (geteuid() == 0 || strncmp(table[i].mode, "group", 5))
			trial_host(&t, table[i].mode, table[i].mode, SM_CHILD_OF_PARENT);
	assert_int_equal(trial_run(&t), SM_EXIT_FAILED);
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		json_t *cell;

		if (geteuid() != 0 &&
		    (!strncmp(table[i].mode, "group", 5) || table[i].mode[0] == 'm'))
			continue;
		cell = cell_of(&t, table[i].mode, "t.must");
		assert_string_equal(text_of(cell, "verdict"), table[i].verdict);
		assert_string_equal(text_of(cell, "observed"), table[i].observed);
		has(text_of(cell, "evidence"), table[i].evidence);
		assert_null(strstr(text_of(cell, "evidence"), ", process"));
		if (!strcmp(table[i].mode, "group-of-check"))
			check_group_of_check(text_of(cell, "evidence"));
	}
	trial_free(&t);
}

/* What a host has mounted and left is told and unmounted; what it shows is somebody else's. */
static void test_foreign_mount(void **state)
{
	char kept[160];
	struct trial t;
	int fd;

	(void)state;
	if (geteuid() != 0)
		skip();
	trial_make(&t);
	snprintf(kept, sizeof(kept), "%s/kept", t.dir);
	fd = open(kept, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	t.opt.only = "T01";
	trial_host(&t, "bind", "bindmount", SM_CHILD_OF_PARENT);
	assert_int_equal(trial_run(&t), SM_EXIT_FAILED);
	has(text_of(cell_of(&t, "bind", "t.must"), "evidence"), "mount on ");
	assert_int_equal(unlink(kept), 0);
	trial_free(&t);
}

/* A hang can be the documented difference, and some checks leave something on purpose. */
static void test_forgiven(void **state)
{
	struct trial t;

	(void)state;
	trial_make(&t);
	t.opt.only = "^(T01|u\\.untidy)$";
	trial_host(&t, "except", "hang", SM_CHILD_OF_PARENT);
	trial_host(&t, "file", "file", SM_CHILD_OF_PARENT);
	t.opt.strategies = "file,except";
	t.opt.only = "T01";
	assert_int_equal(trial_run(&t), SM_EXIT_FAILED);
	assert_string_equal(text_of(cell_of(&t, "except", "t.must"), "verdict"), "XFAIL");
	assert_string_equal(text_of(cell_of(&t, "except", "t.must"), "reason"), "an exception");
	trial_free(&t);

	trial_make(&t);
	trial_host(&t, "file", "file", SM_CHILD_OF_PARENT);
	t.opt.only = "u\\.untidy";
	assert_int_equal(trial_run(&t), SM_EXIT_GOOD);
	trial_free(&t);
}

/* A difference that has vanished, and rounds that do not agree. */
static void test_exit_status(void **state)
{
	struct trial t;

	(void)state;
	trial_make(&t);
	trial_host(&t, "except", "good", SM_CHILD_OF_PARENT);
	t.opt.only = "T01";
	assert_int_equal(trial_run(&t), SM_EXIT_FAILED);
	has(t.told, "not ok 1 t.must\n  # XPASS: a documented difference has vanished: an exc");
	trial_free(&t);

	trial_make(&t);
	trial_host(&t, "one", "good", SM_CHILD_OF_PARENT);
	t.opt.only = "U03";
	assert_int_equal(trial_run(&t), SM_EXIT_UNABLE);
	has(t.error.text, "applies");
	has(t.told, "ok 1 one # SKIP");
	trial_free(&t);
}

static void test_rounds(void **state)
{
	char flag[80];
	struct trial t;

	(void)state;
	trial_make(&t);
	trial_host(&t, "one", "good", SM_CHILD_OF_PARENT);
	t.opt.only = "T01";
	t.opt.repeat = 3;
	assert_int_equal(trial_run(&t), SM_EXIT_GOOD);
	has(t.told, "ok 3 one, round 3\n");
	has(t.told, "# all 3 rounds agree\n");
	assert_int_equal(json_array_size(json_object_get(t.top, "conformance")), 3);
	trial_free(&t);

	/* A record, so that no cell alone is an error: it fails when it is asked again. */
	trial_make(&t);
	trial_host(&t, "one", "once", SM_CHILD_OF_PARENT);
	snprintf(flag, sizeof(flag), "%s.asked", t.dir);
	strcat(strcat(t.text[0], " "), flag);
	t.opt.only = "U01";
	t.opt.repeat = 3;
	assert_int_equal(trial_run(&t), SM_EXIT_FAILED);
	has(t.told, "# differs: one u.record: PASS (holds) in round 1, PASS (fails) in 2\n");
	has(t.told, "# 1 cells differ between rounds\n");
	unlink(flag);
	trial_free(&t);
}

/* ---- ends before the end ---- */

/* Runs one good and one hanging host in a child; returns when the first has been told. */
static pid_t start_hanging(struct trial *t)
{
	char line[400];
	int told[2];
	pid_t pid;
	FILE *f;

	trial_make(t);
	trial_host(t, "one", "good", SM_CHILD_OF_PARENT);
	trial_host(t, "two", "hang", SM_CHILD_OF_PARENT);
	t->opt.only = "U01"; /* ten seconds */
	assert_int_equal(pipe(told), 0);
	pid = fork();
	if (pid == 0) {
		close(told[0]);
		t->opt.out = fdopen(told[1], "w");
		_exit(t->opt.out ? sm_conform(&suite, &t->opt, &t->error) : 99);
	}
	close(told[1]);
	f = fdopen(told[0], "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) && strcmp(line, "ok 1 one\n") != 0)
		;
	assert_string_equal(line, "ok 1 one\n");
	/* The rest is read by nobody, and fits the pipe. */
	t->opt.out = f;
	return pid;
}

static void check_incomplete(struct trial *t, const char *why, size_t cells)
{
	json_error_t error;

	assert_valid_as(t->json, "harness/driver/conformance.schema.json");
	t->top = json_load_file(t->json, 0, &error);
	assert_non_null(t->top);
	has(text_of(t->top, "incomplete"), why);
	assert_int_equal(json_array_size(json_object_get(t->top, "conformance")), cells);
	json_decref(t->top);
	remove_tree(t->dir);
	fclose(t->opt.out);
}

static void test_interrupted(void **state)
{
	struct sm_exit end = { .size = sizeof(end) };
	int64_t began = sm_now_ns();
	struct trial t;
	pid_t pid;

	(void)state;
	pid = start_hanging(&t);
	assert_int_equal(kill(pid, SIGINT), 0);
	assert_int_equal(sm_wait_child(pid, PATIENCE_MS, &end), 0);
	assert_true(WIFEXITED(end.status));
	assert_int_equal(WEXITSTATUS(end.status), SM_EXIT_INCONCLUSIVE);
	assert_true(sm_now_ns() - began < INT64_C(10000000000));
	assert_int_equal(entries(t.dir), 1);
	check_incomplete(&t, "interrupted", 1);
	assert_no_child();
}

/* A host that was being started when its driver was killed has the lock until it is exec'd. */
static void await_unlocked(const char *dir)
{
	int64_t end = sm_now_ns() + (int64_t)PATIENCE_MS * 1000000;
	int fd;

	while ((fd = sm_rundir_lock(dir)) == -EAGAIN && sm_now_ns() < end)
		poll(NULL, 0, 1);
	assert_true(fd >= 0);
	close(fd);
}

/* The folder of a killed run, once it is a minute old; never one that somebody holds. */
static void the_next_run_tidies(struct trial *killed)
{
	const struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	char path[400], held[128];
	struct dirent *e;
	struct trial t;
	int fd, left = 0;
	DIR *d;

	snprintf(held, sizeof(held), "%s/spawnmark-run-held", killed->dir);
	assert_int_equal(mkdir(held, 0700), 0);
	for (int round = 0; round < 2; round++) {
		d = opendir(killed->dir);
		assert_non_null(d);
		for (left = 0; (e = readdir(d));) {
			if (strncmp(e->d_name, "spawnmark-run-", 14) != 0)
				continue;
			left++;
			snprintf(path, sizeof(path), "%s/%s", killed->dir, e->d_name);
			await_unlocked(path);
			assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
		}
		closedir(d);
		if (round)
			break;
		assert_int_equal(left, 2);
		fd = open(held, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_int_equal(flock(fd, LOCK_SH | LOCK_NB), 0);
		trial_make(&t);
		setenv("TMPDIR", killed->dir, 1);
		trial_host(&t, "one", "good", SM_CHILD_OF_PARENT);
		t.opt.only = "T01";
		assert_int_equal(trial_run(&t), SM_EXIT_GOOD);
		trial_free(&t);
		close(fd);
	}
	assert_int_equal(left, 1);
	assert_int_equal(access(held, F_OK), 0);
}

static void test_killed(void **state)
{
	struct sm_exit end = { .size = sizeof(end) };
	struct trial t;
	pid_t pid;

	(void)state;
	pid = start_hanging(&t);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(sm_wait_child(pid, PATIENCE_MS, &end), 0);
	the_next_run_tidies(&t);
	check_incomplete(&t, "killed", 0);
}

/* Nobody reads the results any more: everything is put away, then the signal comes. */
static void test_reader_gone(void **state)
{
	struct sm_exit end = { .size = sizeof(end) };
	struct trial t;
	int told[2];
	pid_t pid;

	(void)state;
	trial_make(&t);
	trial_host(&t, "one", "good", SM_CHILD_OF_PARENT);
	assert_int_equal(pipe(told), 0);
	pid = fork();
	if (pid == 0) {
		signal(SIGPIPE, SIG_DFL);
		close(told[0]);
		t.opt.out = fdopen(told[1], "w");
		_exit(t.opt.out ? sm_conform(&suite, &t.opt, &t.error) : 99);
	}
	close(told[0]);
	close(told[1]);
	assert_int_equal(sm_wait_child(pid, PATIENCE_MS, &end), 0);
	assert_true(WIFSIGNALED(end.status));
	assert_int_equal(WTERMSIG(end.status), SIGPIPE);
	t.top = json_load_file(t.json, 0, NULL);
	assert_non_null(t.top);
	has(text_of(t.top, "incomplete"), "Broken pipe");
	trial_free(&t);
}

/* In a child: where it is, or what it may open, is no place for checks. What sm_conform() says. */
static int refused(struct trial *t, bool gone, const char *why)
{
	const struct rlimit few = { 100, 100 };
	struct sm_exit end = { .size = sizeof(end) };
	char dir[128];
	pid_t pid = fork();

	if (pid == 0) {
		snprintf(dir, sizeof(dir), "%s/gone", t->dir);
		if (gone ? mkdir(dir, 0700) || chdir(dir) || rmdir(dir)
			 : setrlimit(RLIMIT_NOFILE, &few))
			_exit(99);
		t->opt.out = fopen("/dev/null", "we");
		_exit(sm_conform(&suite, &t->opt, &t->error) == SM_EXIT_UNABLE &&
				      strstr(t->error.text, why)
			      ? 0
			      : 98);
	}
	assert_int_equal(sm_wait_child(pid, PATIENCE_MS, &end), 0);
	return end.status;
}

static void test_no_place(void **state)
{
	struct trial t;

	(void)state;
	trial_make(&t);
	trial_host(&t, "one", "good", SM_CHILD_OF_PARENT);
	t.opt.only = "T01";
	assert_int_equal(refused(&t, true, "directory has been removed"), 0);
	assert_int_equal(refused(&t, false, "RLIMIT_NOFILE is 100"), 0);
	assert_int_equal(trial_run(&t), SM_EXIT_GOOD);
	trial_free(&t);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),      cmocka_unit_test(test_better),
		cmocka_unit_test(test_may_fail),      cmocka_unit_test(test_expectations),
		cmocka_unit_test(test_told),          cmocka_unit_test(test_asked_once),
		cmocka_unit_test(test_prove),         cmocka_unit_test(test_bad_hosts),
		cmocka_unit_test(test_foreign_mount), cmocka_unit_test(test_forgiven),
		cmocka_unit_test(test_exit_status),   cmocka_unit_test(test_rounds),
		cmocka_unit_test(test_interrupted),   cmocka_unit_test(test_killed),
		cmocka_unit_test(test_reader_gone),   cmocka_unit_test(test_no_place),
	};

	fake_host_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
