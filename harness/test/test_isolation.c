/* SPDX-License-Identifier: MIT */
/*
 * test_isolation.c - what each strategy's children inherit, reach and share, seen on real
 * processes; and the positive control of every "blocked": the same attack goes through where rights
 * allow it.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "isolation_util.h"
#include "../isolation/attack.h"

static const char *const victims[] = { "parent", "server", "sibling" };
static const char *const reaches[] = { "proc-mem", "proc-environ", "proc-fd", "process-vm-readv",
				       "ptrace",   "pidfd-getfd",  "kill" };

/* Every control passed. The parent's 24, the earlier child's and the sibling's; and every attack on every victim once. */
static void expect_shape(const struct run *r)
{
	int inherited = 0;

	for (int i = 0; i < r->rows; i++) {
		inherited += r->row[i].inherited;
		if (strstr(r->row[i].evidence, "at home"))
			fail_msg("%s: %s", r->row[i].secret, r->row[i].evidence);
	}
	assert_int_equal(inherited, SM_SECRETS + 4);
	assert_int_equal(r->rows - inherited, 7 * 3 + 1);
	assert_int_equal(r->done.children, 3 + SIBLINGS);
	assert_int_equal(r->layouts, SIBLINGS * SM_LAYOUT_ROWS);
}

/* ---- inherited ---- */

static void test_fork_leaks(void **state)
{
	const struct run *r = iso_run("fork", &iso_root);
	int leaked = 0;

	(void)state;
	expect_shape(r);
	for (int i = 0; i < r->rows; i++) {
		const struct sm_msg_finding *f = &r->row[i];

		if (strchr(f->secret, '/'))
			leaked += f->outcome == SM_LEAKED;
	}
	assert_int_equal(leaked, 20);
	for (int w = 0; w < 2 && !SANITIZED; w++) {
		iso_expect(iso_find(r, w ? "wipeonfork/after" : "wipeonfork/before", "self-scan",
				    "self"),
			   SM_ABSENT);
		iso_expect(iso_find(r, w ? "dontfork/after" : "dontfork/before", "self-scan",
				    "self"),
			   SM_ABSENT);
	}
	iso_expect(iso_find(r, "request", "self-scan", "self"), SM_LEAKED);
	iso_expect(iso_find(r, "pipe/after", "descriptor-read", "self"), SM_LEAKED);
	iso_expect(iso_find(r, "-", "taint", "next"), SM_ABSENT);
}

/* The other negative control: nothing of the parent, all of the request before. */
static void test_recycle_leaks_the_request_before(void **state)
{
	const struct run *r = iso_run("recycle", &iso_root);

	(void)state;
	iso_expect(iso_find(r, "request", "self-scan", "self"), SM_LEAKED);
	iso_expect(iso_find(r, "payload", "self-scan", "self"), SM_LEAKED);
	iso_expect(iso_find(r, "-", "taint", "next"), SM_LEAKED);
	iso_expect(iso_find(r, "sibling-request", "self-scan", "self"), SM_NOT_APPLICABLE);
	iso_expect(iso_find(r, "sibling-payload", "self-scan", "self"), SM_NOT_APPLICABLE);
	iso_expect(iso_find(r, "heap/before", "self-scan", "self"),
		   SANITIZED ? SM_NOT_APPLICABLE : SM_ABSENT);
}

static void test_others_inherit_nothing(void **state)
{
	static const char *const safe[] = { "popen",      "vfork",  "posix_spawn", "shell",
					    "forkserver", "zygote", "zygote3" };

	(void)state;
	for (size_t k = 0; k < sizeof(safe) / sizeof(safe[0]); k++) {
		const struct run *r = iso_run(safe[k], &iso_root);

		expect_shape(r);
		for (int i = 0; i < r->rows; i++) {
			const struct sm_msg_finding *f = &r->row[i];

			if (strchr(f->secret, '/'))
				iso_expect(f, SANITIZED && !strcmp(f->attack, "self-scan")
						      ? SM_NOT_APPLICABLE
						      : SM_ABSENT);
		}
	}
}

/* ---- reachable ---- */

/* A socket has no name that opens: nothing protects a server that holds nothing else. */
static int special(const struct sm_msg_finding *f)
{
	if (!strcmp(f->attack, "proc-fd") && !strcmp(f->target, "server") &&
	    strstr(f->evidence, "ENXIO"))
		return SM_NOT_APPLICABLE;
	return SM_LEAKED;
}

/* What a cloned sibling's /proc/PID/environ shows is its origin's: there the canary must be. */
static void expect_environ(const struct run *r, const struct sm_ops *ops)
{
	const char *whose = ops->traits & SM_FRESH_IMAGE ? "its own"
			    : ops->server                ? "the server's"
							 : "the parent's";
	const struct sm_msg_finding *f = iso_find(r, "-", "proc-environ", "sibling");

	iso_expect(f, SM_LEAKED);
	assert_non_null(strstr(f->evidence, whose));
}

static int yama_forbids(const char *attack)
{
	int fd = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);
	char scope = '0';

	if (fd >= 0 && read(fd, &scope, 1) == 1)
		close(fd);
	return scope != '0' && strcmp(attack, "kill") && strcmp(attack, "proc-environ") &&
	       strcmp(attack, "proc-fd");
}

/* The positive control of every "blocked": the same attack goes through where rights allow it. */
static void expect_reach(const char *strategy, const struct attacker *who)
{
	const struct sm_ops *ops = sm_strategy(strategy);
	const struct run *r = iso_run(strategy, who);

	for (size_t a = 0; a < sizeof(reaches) / sizeof(reaches[0]); a++) {
		for (int v = 0; v < 3; v++) {
			const struct sm_msg_finding *f = iso_find(r, "-", reaches[a], victims[v]);

			assert_int_equal(f->inherited, 0);
			if (!ops->server && !strcmp(victims[v], "server"))
				iso_expect(f, SM_NOT_APPLICABLE);
			else if (who == &iso_root || !yama_forbids(reaches[a]))
				iso_expect(f, special(f));
		}
	}
	expect_environ(r, ops);
}

static void test_root_reaches(void **state)
{
	const struct run *r;

	(void)state;
	iso_need_root();
	expect_reach("popen", &iso_root);
	expect_reach("shell", &iso_root); /* the program, not the shell that runs it */
	expect_reach("fork", &iso_root);
	expect_reach("forkserver", &iso_root);
	expect_reach("zygote", &iso_root);
	r = iso_run("zygote", &iso_root);
	for (int i = 0; i < r->rows; i++) /* what stops root is no protection */
		assert_int_not_equal(r->row[i].outcome, SM_BLOCKED);
	iso_expect(iso_find(r, "-", "proc-fd", "server"), SM_NOT_APPLICABLE);
}

static void test_same_uid_reaches(void **state)
{
	(void)state;
	iso_need_root();
	expect_reach("vfork", &iso_same);
	expect_reach("forkserver", &iso_same);
	expect_reach("zygote", &iso_same);
}

/* Everything refused by permission; `kill` only where the uid differs. */
static void expect_blocked(const char *strategy, const struct attacker *who)
{
	const struct sm_ops *ops = sm_strategy(strategy);
	const struct run *r = iso_run(strategy, who);

	for (size_t a = 0; a < sizeof(reaches) / sizeof(reaches[0]); a++) {
		for (int v = 0; v < 3; v++) {
			const struct sm_msg_finding *f = iso_find(r, "-", reaches[a], victims[v]);

			if (!ops->server && !strcmp(victims[v], "server"))
				iso_expect(f, SM_NOT_APPLICABLE);
			else if (who == &iso_undumpable && !strcmp(reaches[a], "kill"))
				iso_expect(f, SM_LEAKED);
			else
				iso_expect(f, SM_BLOCKED);
			if (f->outcome == SM_BLOCKED)
				assert_true(f->err == EPERM || f->err == EACCES);
		}
	}
}

static void test_undumpable_blocks(void **state)
{
	(void)state;
	iso_need_root();
	expect_blocked("popen", &iso_undumpable);
	expect_blocked("shell", &iso_undumpable);
	expect_blocked("forkserver", &iso_undumpable);
	expect_blocked("zygote", &iso_undumpable);
}

static void test_other_uid_is_blocked(void **state)
{
	(void)state;
	iso_need_root();
	expect_blocked("popen", &iso_other);
	expect_blocked("fork", &iso_other);
	expect_blocked("forkserver", &iso_other);
	expect_blocked("zygote", &iso_other);
}

/* ---- shared ---- */

/* Bits that all siblings have alike; -1 when it cannot be seen here. */
static int shared(const struct run *r, const char *what)
{
	uint64_t differ[2] = { 0, 0 }, first[2] = { 0, 0 };
	int seen = 0, bits = 0;
	uint32_t width = 0;

	for (int i = 0; i < r->layouts; i++) {
		const struct sm_msg_layout *l = &r->layout[i];

		if (strcmp(l->what, what))
			continue;
		assert_int_equal(l->sibling, seen);
		if (!seen++)
			memcpy(first, l->value, sizeof(first));
		width = l->width_bits;
		for (int k = 0; k < 2; k++)
			differ[k] |= l->value[k] ^ first[k];
	}
	assert_int_equal(seen, SIBLINGS);
	for (uint32_t b = 0; b < width; b++)
		bits += !(differ[b / 64] >> b % 64 & 1);
	return width ? bits : -1;
}

/* What the first sibling has there. */
static uint64_t value(const struct run *r, const char *what)
{
	for (int i = 0; i < r->layouts; i++) {
		if (!strcmp(r->layout[i].what, what))
			return r->layout[i].value[0];
	}
	fail_msg("no row %s", what);
	return 0;
}

static void test_shared_bits(void **state)
{
	const struct run *r = iso_run("zygote", &iso_root);
	/* As many bits fewer as a page has more than 4 KiB's (STACK_RND_MASK). */
	const int stack = 18 - __builtin_ctzl((unsigned long)sysconf(_SC_PAGESIZE) / 4096);
	uint64_t number;

	(void)state;
	assert_int_equal(shared(r, "at_random"), 128);
	assert_true(shared(r, "canary") == 56 || shared(r, "canary") == -1);
	assert_true(shared(r, "stack") >= stack);
	assert_int_equal(shared(r, "random"), 62);
	assert_true(shared(r, "getrandom") < 64);

	r = iso_run("popen", &iso_root);
	assert_true(shared(r, "at_random") < 64);
	assert_true(shared(r, "canary") < 32);
	assert_true(shared(r, "libc") < 18);
	assert_in_range(shared(r, "heap"), 0, 17);
	assert_int_equal(shared(r, "random"), -1); /* fresh, and nobody has seeded it */
	r = iso_run("vfork", &iso_root);
	assert_int_equal(shared(r, "random"), -1);

	/* Who made them has seeded it, each run anew, and they go on from there alike. */
	r = iso_run("forkserver", &iso_root);
	assert_int_equal(shared(r, "random"), 62);
	r = iso_run("fork", &iso_root);
	assert_int_equal(shared(r, "random"), 62);
	number = value(r, "random");
	r = iso_run("fork", &iso_root);
	assert_int_equal(shared(r, "random"), 62);
	assert_true(value(r, "random") != number);
}

/* ---- what goes wrong ---- */

static void test_no_padding(void **state)
{
	static struct run r;

	(void)state;
	iso_need_root();
	iso_start(&r, "popen", 0, BARE);
	iso_open(&r, NULL, &iso_root);
	iso_command(&r, &iso_root, STEP_MS);
	assert_int_equal(r.end, SM_MSG_DONE);
	iso_expect(iso_find(&r, "environ/before", "self-scan", "self"), SM_NOT_APPLICABLE);
	iso_expect(iso_find(&r, "argv/after", "self-scan", "self"), SM_NOT_APPLICABLE);
	iso_expect(iso_find(&r, "-", "proc-environ", "parent"), SM_NOT_APPLICABLE);
	iso_expect(iso_find(&r, "-", "proc-mem", "parent"), SM_LEAKED);
	iso_close(&r);
}

static void test_bad_command(void **state)
{
	struct sm_cmd_isolate many = { .attacker_uid = SM_STAY_UID,
				       .timeout_ms = 1000,
				       .siblings = 65 };
	static struct run r;

	(void)state;
	iso_start(&r, "popen", 0, PADDED);
	iso_open(&r, NULL, &iso_root);
	iso_say(&r, SM_CMD_ISOLATE, &many, sizeof(many));
	assert_int_equal(r.end, SM_MSG_FAULT);
	iso_say(&r, SM_CMD_ISOLATE, &many, 3);
	assert_int_equal(r.end, SM_MSG_FAULT);
	assert_int_equal(r.fault.err, EINVAL);
	iso_command(&r, &iso_root, STEP_MS); /* and it is as good as before */
	assert_int_equal(r.end, SM_MSG_DONE);
	iso_close(&r);
}

/* Programs that are no payload: one that ends at once, one that never answers. */
static void test_foreign_child(void **state)
{
	static const struct {
		const char *argv[4];
		int stage;
		uint32_t timeout_ms; /* of the second the whole is waited for */
	} rows[] = {
		{ { "/bin/true" }, SM_STAGE_RECORD, STEP_MS },
		{ { "/bin/sh", "-c", "exec cat 3>&1 >/dev/null" }, SM_STAGE_TIMEOUT, 1500 },
	};
	static struct run r;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		iso_start(&r, "vfork", 0, PADDED);
		iso_open(&r, rows[i].argv, &iso_root);
		iso_command(&r, &iso_root, rows[i].timeout_ms);
		assert_int_equal(r.end, SM_MSG_FAULT);
		if (r.fault.stage != rows[i].stage)
			print_message("%s: stage %d: %s\n", rows[i].argv[0], r.fault.stage,
				      r.fault.text);
		/* A quick end can be seen before the orders are written. */
		assert_true(r.fault.stage == rows[i].stage ||
			    (!i && r.fault.stage == SM_STAGE_SEND));
		assert_non_null(strstr(r.fault.text, "earlier child"));
		iso_close(&r);
	}
}

/* A good answer and then another status than 0 is a failure. */
static void test_bad_end(void **state)
{
	char script[4200];
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	static struct run r;

	(void)state;
	snprintf(script, sizeof(script), "'%s'; exit 3", iso_built("payloads/none"));
	iso_start(&r, "popen", 0, PADDED);
	iso_open(&r, argv, &iso_root);
	iso_command(&r, &iso_root, STEP_MS);
	assert_int_equal(r.end, SM_MSG_FAULT);
	assert_int_equal(r.fault.stage, SM_STAGE_WAIT);
	assert_int_equal(WEXITSTATUS(r.fault.detail), 3);
	iso_close(&r);
}

/* Children whose parent left them would come here: there are none. */
static int nothing_left(void **state)
{
	pid_t got = waitpid(-1, NULL, WNOHANG);

	(void)state;
	return got == -1 && errno == ECHILD ? 0 : -1;
}

#define TEST(f) cmocka_unit_test_teardown(f, nothing_left)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fork_leaks),
		TEST(test_recycle_leaks_the_request_before),
		TEST(test_others_inherit_nothing),
		TEST(test_root_reaches),
		TEST(test_same_uid_reaches),
		TEST(test_undumpable_blocks),
		TEST(test_other_uid_is_blocked),
		TEST(test_shared_bits),
		TEST(test_no_padding),
		TEST(test_bad_command),
		TEST(test_foreign_child),
		TEST(test_bad_end),
	};

	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); /* what a host left behind comes to us */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
