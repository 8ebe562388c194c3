/* SPDX-License-Identifier: MIT */
/*
 * test_child.c - exec'd children: the payload programs that were built beside this test, by what
 * they tell. To be run from the root of the tree, as `make test` does.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include "child_util.h"

/* The directory of the build, from this test's own place build/test/test_child. */
static const char *built(const char *name)
{
	static char path[PATH_MAX + 64];
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(n > 0);
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	snprintf(path, sizeof(path), "%s/../%s", self, name);
	if (access(path, R_OK))
		fail_msg("%s is missing: run `make all`", path);
	return path;
}

static struct cu_child exec_child(const char *job, const char *const *argv)
{
	struct cu_child c = { .born_ns = sm_now_ns() };
	char env[64];

	snprintf(env, sizeof(env), "SM_JOB=%s", job ? job : "");
	assert_int_equal(sm_stdio_open(&c.io), 0);
	c.pid = fork();
	assert_true(c.pid >= 0);
	if (!c.pid) {
		const char *const envp[] = { job ? env : NULL, NULL };

		alarm(CU_WAIT_MS / 1000);
		if (!sm_stdio_install(c.io.child))
			execve(argv[0], (char **)argv, (char **)envp);
		_exit(126);
	}
	sm_stdio_close_child(&c.io);
	return c;
}

static void drain_text(int fd, char *text, size_t size)
{
	size_t n = 0;

	while (n < size - 1 && !sm_read_all(fd, text + n, 1, CU_WAIT_MS))
		n++;
	text[n] = '\0';
}

static void expect_program(const char *const *argv, const char *job, int status, const char *says)
{
	struct cu_child c = exec_child(job, argv);
	struct sm_record rec;
	char text[4096];

	assert_int_equal(cu_record(&c, &rec), -EPIPE);
	drain_text(c.io.parent[2], text, sizeof(text));
	if (says ? !strstr(text, says) : *text)
		fail_msg("stderr is `%s', expected `%s'", text, says ? says : "");
	assert_int_equal(cu_finish(&c), status << 8);
}

static void expect_payload(const char *const *argv)
{
	struct cu_child c = exec_child("child", argv);
	struct sm_record rec;

	assert_int_equal(cu_record(&c, &rec), 0);
	cu_expect_done(&c, &rec);
	assert_int_equal(rec.flags, 0);
	assert_int_equal(rec.received_ns, 0);
	assert_int_equal(cu_finish(&c), 0);

	c = exec_child("child/hold", argv);
	cu_expect_hold(&c);

	c = exec_child("child/nothing", argv);
	assert_int_equal(cu_record(&c, &rec), 0);
	cu_expect_fault(&c, &rec, SM_STAGE_ARGUMENT, EINVAL);
	assert_int_equal(cu_finish(&c), 2 << 8);

	expect_program(argv, NULL, 0, NULL); /* a plain program as well */
	expect_program(argv, "serve/no-such-strategy/3", 2, "SM_JOB");
	expect_program(argv, "host/popen/x", 2, "SM_JOB");
	expect_program(argv, "host/popen", 2, "SM_JOB");
	expect_program(argv, "nonsense", 2, "SM_JOB");
}

static void test_none(void **state)
{
	(void)state;
	expect_payload((const char *[]){ built("payloads/none"), NULL });
}

static void test_static(void **state)
{
#ifdef __SANITIZE_ADDRESS__
	(void)state;
	skip(); /* a sanitizer cannot be linked statically */
#else
	(void)state;
	expect_payload((const char *[]){ built("payloads/none-static"), NULL });
#endif
}

static void test_nolibc(void **state)
{
	const char *const argv[] = { built("payloads/none-nolibc"), NULL };
	const char *const jobs[] = { "child", "child/run" };
	struct cu_child c;
	struct sm_record rec;

	(void)state;
	for (int i = 0; i < 2; i++) {
		c = exec_child(jobs[i], argv);
		assert_int_equal(cu_record(&c, &rec), 0);
		cu_expect_done(&c, &rec);
		assert_int_equal(rec.flags, SM_RECORD_RAW_CLOCK);
		assert_int_equal(rec.ready_ns, rec.entered_ns);
		assert_int_equal(rec.worked_ns, rec.entered_ns);
		assert_int_equal(cu_finish(&c), 0);
	}
	c = exec_child("child/hold", argv);
	assert_int_equal(cu_record(&c, &rec), 0);
	cu_expect_fault(&c, &rec, SM_STAGE_ARGUMENT, EINVAL);
	assert_int_equal(cu_finish(&c), 1 << 8);
	expect_program(argv, NULL, 0, NULL);
}

/* Lines of /proc/PID/maps, entries of /proc/PID/fd, AnonHugePages in KiB. */
struct image {
	long vmas, fds, huge_kb, rss_kb;
};

static struct image image_of(pid_t pid)
{
	struct image im = { 0 };
	char path[64], line[512];
	long kb;
	FILE *f;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		im.vmas++;
	fclose(f);
	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "AnonHugePages: %ld", &kb) == 1)
			im.huge_kb = kb;
		if (sscanf(line, "Rss: %ld", &kb) == 1)
			im.rss_kb = kb;
	}
	fclose(f);
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		im.fds++;
	closedir(dir);
	return im;
}

static struct image heap_image(const char *const *argv)
{
	struct cu_child c = exec_child("child/hold", argv);
	struct sm_record rec;
	struct image im;

	assert_int_equal(cu_record(&c, &rec), 0);
	assert_int_equal(rec.kind, SM_RECORD_READY);
	im = image_of(c.pid);
	assert_int_equal(write(c.io.parent[0], "w", 1), 1);
	assert_int_equal(cu_record(&c, &rec), 0);
	cu_expect_done(&c, &rec);
	assert_int_equal(cu_finish(&c), 0);
	return im;
}

static void test_heap(void **state)
{
	const char *heap = built("payloads/heap");
	const char *const bare[] = { heap, NULL };
	const char *const some[] = {
		heap,       "--mb", "16",    "--vmas", "333",     "--maps", "222",
		"--tables", "9",    "--fds", "77",     "--pages", "4k",     "--write-percent",
		"30",       "--",   "--any", NULL
	};
	struct image before, after;

	(void)state;
	expect_payload(bare);
	expect_payload(some);
	before = heap_image(bare);
	after = heap_image(some);
	assert_in_range(after.vmas - before.vmas, 555, 558); /* the heap itself, too */
	assert_int_equal(after.fds - before.fds, 77);
	assert_int_equal(after.huge_kb, 0);
	assert_true(after.rss_kb - before.rss_kb >= 16 * 1024);
}

/* 16 MiB, or one huge page where that is more: of base pages of 16 KiB it has 32 MiB. */
static unsigned long huge_mb(void)
{
	FILE *f = fopen("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "re");
	unsigned long bytes = 0;

	if (f) {
		if (fscanf(f, "%lu", &bytes) != 1)
			bytes = 0;
		fclose(f);
	}
	return bytes >> 20 > 16 ? bytes >> 20 : 16;
}

static void test_heap_huge(void **state)
{
	const unsigned long size_mb = huge_mb();
	char mb[24], mode[64] = "";
	const char *const argv[] = { built("payloads/heap"), "--mb", mb,  "--pages", "thp",
				     "--write-percent",      "50",   NULL };
	FILE *f = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");

	(void)state;
	snprintf(mb, sizeof(mb), "%lu", size_mb);
	if (f) {
		if (!fgets(mode, sizeof(mode), f))
			mode[0] = '\0';
		fclose(f);
	}
	if (!f || strstr(mode, "[never]")) { /* told, not done otherwise */
		expect_program(argv, NULL, f ? 3 : EX_UNAVAILABLE, "--pages thp");
		skip();
	}
	expect_payload(argv);
	assert_int_equal(heap_image(argv).huge_kb, size_mb * 1024);
}

static void test_heap_usage(void **state)
{
	const char *heap = built("payloads/heap");

	(void)state;
	expect_program((const char *[]){ heap, "--mb", "x", NULL }, NULL, 2, "--mb");
	expect_program((const char *[]){ heap, "--mb", NULL }, NULL, 2, "--mb");
	expect_program((const char *[]){ heap, "--mb", "-1", NULL }, NULL, 2, "--mb");
	expect_program((const char *[]){ heap, "--write-percent", "101", NULL }, NULL, 2,
		       "--write-percent");
	expect_program((const char *[]){ heap, "--pages", "2m", NULL }, NULL, 2, "4k|thp");
	expect_program((const char *[]){ heap, "--what", "1", NULL }, NULL, 2, "--what");
#ifndef __SANITIZE_ADDRESS__ /* which itself needs mappings and descriptors */
	expect_program((const char *[]){ heap, "--vmas", "1000000", NULL }, NULL, 3,
		       "vm.max_map_count");
	expect_program((const char *[]){ heap, "--fds", "16777216", NULL }, NULL, 3, "ulimit");
#endif
}

#define PYTHON ".venv/bin/python"
#define SCRIPT "harness/payloads/python.py"

static void expect_python_fault(const char *const *argv, int stage, const char *says)
{
	struct cu_child c = exec_child("child", argv);
	struct sm_record rec;
	char text[4096];

	assert_int_equal(cu_record(&c, &rec), 0);
	cu_expect_fault(&c, &rec, stage, 0);
	drain_text(c.io.parent[2], text, sizeof(text));
	if (!strstr(text, says))
		fail_msg("stderr is `%s', expected `%s'", text, says);
	assert_int_equal(cu_finish(&c), 1 << 8);
}

static int need_python(void **state)
{
	(void)state;
#ifdef __SANITIZE_ADDRESS__
	return 1; /* the sanitizer would have to be preloaded into Python */
#else
	if (!access(PYTHON, X_OK) && !access(SCRIPT, R_OK))
		return 0;
	print_message("%s or %s is missing: run `make setup`, and this from the root\n", PYTHON,
		      SCRIPT);
	return 1;
#endif
}

static void test_python(void **state)
{
	const char *lib = built("libspawnmark.so");
	const char *const sum[] = { PYTHON,      SCRIPT,         "--lib",  lib,
				    "--imports", "math os.path", "--work", "math.sqrt(1764)",
				    "--check",   "_ == 42",      NULL };
	const char *const args[] = { PYTHON,       SCRIPT,     "--lib",
				     lib,          "--work",   "print(request_args(), mine)",
				     "--preamble", "mine = 7", "--",
				     "a",          "--lib",    NULL };
	struct sm_record rec;
	struct cu_child c;

	if (need_python(state))
		skip();
	expect_payload(sum);
	c = exec_child("child", args);
	assert_int_equal(cu_record(&c, &rec), 0);
	cu_expect_done(&c, &rec);
	assert_string_equal(c.text, "['a', '--lib'] 7\n");
	assert_int_equal(cu_finish(&c), 0);
}

static void test_python_faults(void **state)
{
	const char *lib = built("libspawnmark.so");
#define PY(...) ((const char *[]){ PYTHON, SCRIPT, "--lib", lib, __VA_ARGS__, NULL })

	if (need_python(state))
		skip();
	expect_python_fault(PY("--work", "1/0"), SM_STAGE_WORK, "ZeroDivisionError");
	expect_python_fault(PY("--work", "exit(0)"), SM_STAGE_WORK, "SystemExit");
	expect_python_fault(PY("--work", "6*7", "--check", "_ == 41"), SM_STAGE_CHECK,
			    "the result is 42");
	expect_python_fault(PY("--work", "1", "--check", "_.no"), SM_STAGE_CHECK, "AttributeError");
	expect_program(PY("--work", "1/0"), NULL, 1, "ZeroDivisionError");
	expect_program(PY("--imports", "no_such_module"), "child", 1,
		       "ModuleNotFoundError: No module named 'no_such_module'");
	expect_program(PY("--preamble", "raise ValueError"), "child", 1, "ValueError");
	expect_program(PY("--work", "a b"), "child", 1, "SyntaxError");
	expect_program(PY("--what", "1"), "child", 2, "unknown option '--what'");
	expect_program(PY("--work"), "child", 2, "--work needs a value");
	lib = "/nowhere.so";
	expect_program(PY("--work", "1"), "child", 2, "cannot load the library");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),      cmocka_unit_test(test_static),
		cmocka_unit_test(test_nolibc),    cmocka_unit_test(test_heap),
		cmocka_unit_test(test_heap_huge), cmocka_unit_test(test_heap_usage),
		cmocka_unit_test(test_python),    cmocka_unit_test(test_python_faults),
	};

	alarm(180); /* a hang is a failure */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
