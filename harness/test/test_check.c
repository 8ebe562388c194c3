/* SPDX-License-Identifier: MIT */
/*
 * test_check.c - SM_CMD_CHECK on real hosts: what checks say comes through, what they or a strategy
 * leave behind is found, and whatever they do a verdict comes. The checks are checks/bad.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host_util.h"
#include "../check/check.h"
#include "../sys/sys.h"
#include "../wire/pack.h"

static struct host host;

static int clean_up(void **state)
{
	(void)state;
	if (host.pid) {
		sm_kill_child(host.pid);
		close(host.sock);
	}
	host.pid = 0;
	return 0;
}

static int ask_with(const char *id, const char *env)
{
	struct sm_cmd_check cmd = { .seed = 1 };
	const char *argv[] = { built("payloads/none"), NULL };
	const char *envp[] = { env, NULL };
	const char *ids[] = { id, NULL };
	char buf[8192];
	struct sm_pack p = { .at = buf, .left = sizeof(buf) };

	sm_pack_bytes(&p, &cmd, sizeof(cmd));
	sm_pack_vec(&p, argv);
	sm_pack_vec(&p, envp);
	sm_pack_vec(&p, ids);
	assert_int_equal(p.err, 0);
	return host_do(&host, SM_CMD_CHECK, buf, (uint32_t)(p.at - buf));
}

/* One check in a host of its own, which must end well. */
static void expect(const char *strategy, const char *id, int observed, const char *text)
{
	/* Closing is a command of its own and clears the answer: so the verdict is kept. */
	struct sm_msg_verdict v;
	char env[4200];

	snprintf(env, sizeof(env), "SM_CHECKS=%s", built("test/bad-checks.so"));
	host_start_env(&host, strategy, env);
	assert_int_equal(ask_with(id, env), SM_MSG_DONE);
	v = host.a.verdict;
	host_close(&host);
	host.pid = 0;
	if (v.observed != observed || !strstr(v.text, text))
		fail_msg("%s of %s: observed %d, expected %d: %s", id, strategy, v.observed,
			 observed, v.text);
	assert_true(v.took_ns > 0);
}

static const char *const all[] = { "popen", "vfork", "fork", "forkserver", "zygote" };
#define NALL (sizeof(all) / sizeof(all[0]))

static void verdicts_come_through(void **state)
{
	(void)state;
	for (size_t i = 0; i < NALL; i++) {
		expect(all[i], "good", SM_HOLDS, "arg is '' and this is one line??");
		expect(all[i], "no-child-verdict", SM_BROKEN, "no verdict");
		expect(all[i], "twice", SM_HOLDS, "1 2");
		expect(all[i], "crash.child", SM_FAILS, "the child's answer");
	}
	expect("zygote", "no-verdict", SM_BROKEN, "no verdict");
	expect("zygote", "forks", SM_HOLDS, "7 -");
	expect("zygote", "requests", SM_HOLDS, "one environment");
	expect("popen", "no-program", SM_FAILS, "stage exec: No such file");
	expect("zygote", "no-program", SM_FAILS, "stage exec: No such file");
}

static void creators_are_reached(void **state)
{
	(void)state;
	for (size_t i = 0; i < NALL; i++) {
		expect(all[i], "board", SM_HOLDS, "creator ");
		expect(all[i], "board.child", SM_HOLDS, "creator ");
		expect(all[i], "creator.skips", SM_SKIPS, "not here");
	}
}

static void what_is_left_behind_is_found(void **state)
{
	(void)state;
	expect("zygote", "leaves.fd", SM_FAILS, "left behind: the parent has ");
	expect("zygote", "allowed.fd", SM_HOLDS, "a descriptor stays");
	expect("popen", "leaves.child", SM_FAILS, "1 children (0 zombies), and had 0");
	expect("popen", "leaves.zombie", SM_FAILS, "1 children (1 zombies), and had 0");
	expect("popen", "leaves.thread", SM_FAILS, "2 threads, and had 1");
	for (size_t i = 0; i < NALL; i++)
		expect(all[i], "leaves.kid", SM_FAILS, "left behind");
}

static void wrong_questions_are_refused(void **state)
{
	char env[4200];

	(void)state;
	host_start(&host, "zygote");
	assert_int_equal(ask_with("good", "A=b"), SM_MSG_FAULT);
	assert_non_null(strstr(host.a.fault.text, "$SM_CHECKS does not name"));
	assert_int_equal(host_do(&host, SM_CMD_CHECK, "x", 1), SM_MSG_FAULT);
	host_close(&host);
	host_start_env(&host, "zygote", "SM_CHECKS=/no/such/file");
	assert_int_equal(ask_with("good", "A=b"), SM_MSG_FAULT);
	assert_non_null(strstr(host.a.fault.text, "cannot be loaded"));
	host_close(&host);
	snprintf(env, sizeof(env), "SM_CHECKS=%s", built("test/bad-checks.so"));
	host_start_env(&host, "zygote", env);
	assert_int_equal(ask_with("no.such.check", env), SM_MSG_FAULT);
	assert_int_equal(host.a.fault.err, ENOENT);
	host_close(&host);
	host.pid = 0;
}

static void a_host_says_who_it_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < NALL; i++) {
		host_start(&host, all[i]);
		assert_int_equal(host_do(&host, SM_CMD_HELLO, NULL, 0), SM_MSG_DONE);
		assert_string_equal(host.a.traits.name, all[i]);
		assert_string_equal(host.a.traits.summary, sm_strategy(all[i])->summary);
		assert_int_equal(host.a.traits.traits, sm_strategy(all[i])->traits);
		host_close(&host);
	}
	host.pid = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(verdicts_come_through, clean_up),
		cmocka_unit_test_teardown(creators_are_reached, clean_up),
		cmocka_unit_test_teardown(what_is_left_behind_is_found, clean_up),
		cmocka_unit_test_teardown(wrong_questions_are_refused, clean_up),
		cmocka_unit_test_teardown(a_host_says_who_it_is, clean_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
