/* SPDX-License-Identifier: MIT */
/*
 * test_shell.c - the line that the strategy shell writes: every word comes back as it was, whatever
 * is in it, from every shell that this machine has.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "spawn_util.h"
#include "strategies/shell.h"
#include "sys/sys.h"

/* Each would do or say something else if a shell were to read it. */
static const char *const hostile[] = {
	"",
	"'",
	"''",
	"'\\''",
	"\"",
	"$(kill -9 $$)",
	"`kill -9 $$`",
	"${PATH}",
	"$0",
	"$'a'",
	"; exit 3",
	"'; exit 3; '",
	"&& exit 3",
	"| cat",
	"& exit 3",
	"> /dev/full",
	"< /nowhere",
	"#",
	"~",
	"*",
	"/*",
	"[a-z]*",
	"{a,b}",
	"!!",
	"a=b",
	"\\",
	"\\\\n",
	"a\\",
	"\n",
	"\nexit 3\n",
	"\r\t\v\f",
	"  two  blanks  ",
	"-n",
	"--",
	"-c",
	"\x80\xff\xfe",
	"\x01\x7f",
	"%s%n",
	"it's 'all' \"quoted\"",
};
#define NHOSTILE (sizeof(hostile) / sizeof(hostile[0]))

static const char *const shells[][2] = {
	{ "/bin/sh", NULL },
	{ "/bin/dash", NULL },
	{ "/bin/bash", NULL },
	{ "/bin/busybox", "sh" },
};

/* What `SHELL -c LINE` says, bytes of it; it must end with status 0. */
static size_t ask(const char *const shell[2], const char *line, char *said, size_t size)
{
	size_t have = 0;
	int ends[2], status;
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], 1);
		if (shell[1])
			execl(shell[0], shell[1], "-c", line, (char *)NULL);
		execl(shell[0], shell[0], "-c", line, (char *)NULL);
		_exit(126);
	}
	close(ends[1]);
	while ((got = read(ends[0], said + have, size - have)) > 0)
		have += (size_t)got;
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	return have;
}

/* `printf '%s\0' WORD…` says every word as it got it. argv has two places before the words. */
static void come_back(const char **argv)
{
	static char said[1 << 16];
	char *line;

	argv[0] = "/usr/bin/printf";
	argv[1] = "%s\\0";
	line = sm_shell_line(argv);
	assert_non_null(line);
	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		size_t at = 0, have;

		if (access(shells[i][0], X_OK))
			continue;
		have = ask(shells[i], line, said, sizeof(said));
		for (size_t k = 2; argv[k]; k++) {
			assert_true(at + strlen(argv[k]) < have);
			assert_string_equal(said + at, argv[k]);
			at += strlen(argv[k]) + 1;
		}
		assert_int_equal(at, have);
	}
	free(line);
}

static void hostile_words_come_back(void **state)
{
	const char *argv[2 + NHOSTILE + 1] = { NULL };

	(void)state;
	memcpy(argv + 2, hostile, sizeof(hostile));
	come_back(argv);
}

static void every_byte_comes_back(void **state)
{
	static char one[255][2], all[256];
	const char *argv[2 + 255 + 2] = { NULL };

	(void)state;
	for (int byte = 1; byte < 256; byte++) {
		one[byte - 1][0] = all[byte - 1] = (char)byte;
		argv[1 + byte] = one[byte - 1];
	}
	argv[2 + 255] = all;
	come_back(argv);
}

/* Of the bytes that mean something to a shell, in any order. */
static void random_words_come_back(void **state)
{
	static const char alphabet[] = "'\"\\$`(){}[]<>|&;#*?~!=%^ \t\nabn0-/\x80";
	static char word[200][16];
	const char *argv[2 + 200 + 1] = { NULL };
	uint32_t x = 1;

	(void)state;
	for (int i = 0; i < 200; i++) {
		int n = i % 15;

		for (int k = 0; k < n; k++) {
			x = x * 1664525u + 1013904223u;
			word[i][k] = alphabet[(x >> 8) % (sizeof(alphabet) - 1)];
		}
		argv[2 + i] = word[i];
	}
	come_back(argv);
}

static void the_line_is_as_it_should_be(void **state)
{
	const char *argv[] = { "a", "", "it's", NULL }, *none[] = { NULL };
	char *line = sm_shell_line(argv);

	(void)state;
	assert_string_equal(line, "'a' '' 'it'\\''s'");
	free(line);
	line = sm_shell_line(none);
	assert_string_equal(line, "");
	free(line);
}

/* Through the strategy itself: nothing but the words, and no word does anything. */
static void a_child_gets_hostile_arguments(void **state)
{
	const char *args[NHOSTILE + 1] = { NULL }, *env[] = { "SU_TELL=1", NULL };
	struct su s;
	struct su_run run;
	const char *at;

	(void)state;
	memcpy(args, hostile, sizeof(hostile));
	assert_int_equal(su_start(&s, "shell", NULL), 0);
	assert_int_equal(su_spawn(&s, &run, args, env, NULL, SU_WAIT_MS), 0);
	su_finish(&s, &run);
	assert_int_equal(run.exit.status, 0);
	at = run.out;
	for (size_t i = 0; i < NHOSTILE; i++) {
		char want[64];

		snprintf(want, sizeof(want), "arg=%zu:%s\n", strlen(args[i]), args[i]);
		at = strstr(at, want);
		assert_non_null(at);
		at += strlen(want);
	}
	assert_null(strstr(at, "arg="));
	su_stop(&s);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_line_is_as_it_should_be),
		cmocka_unit_test(hostile_words_come_back),
		cmocka_unit_test(every_byte_comes_back),
		cmocka_unit_test(random_words_come_back),
		cmocka_unit_test(a_child_gets_hostile_arguments),
	};

	if (getenv("SM_JOB"))
		return su_payload(argc, argv);
	sm_close_from(3, -1);
	return cmocka_run_group_tests_name("shell", tests, NULL, NULL);
}
