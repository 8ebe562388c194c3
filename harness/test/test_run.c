/* SPDX-License-Identifier: MIT */
/*
 * test_run.c - whole runs on real hosts: a good one, and every way in which one goes wrong. What
 * counts each time: the file is valid, the others ran on, nothing is left, and it does not last.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../driver/cgroup.h"
#include "../driver/meter.h"
#include "../sys/sys.h"
#include "run_util.h"

#define PATIENCE_MS 60000

static const char *const both[] = { "popen", "zygote", NULL };
static const char *const zygote[] = { "zygote", NULL };

static const char *text_of(json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "";
}

static int64_t cpu_of_this_process(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* 300 ms of CPU, as the process itself counts them, are 300 ms of its group. */
static void test_group_counts_cpu(void **state)
{
	const int64_t burn = 300000000;
	struct sm_cgroup_base base;
	struct sm_cgroup cg;
	struct sm_cpu cpu;
	pid_t pid;

	(void)state;
	sm_cgroup_base_open(&base);
	if (base.accounting == SM_ACCT_RUSAGE) {
		print_message("no control group here\n");
		skip();
	}
	assert_int_equal(sm_cgroup_make(&base, &cg), 0);
	pid = fork();
	if (pid == 0) {
		int64_t from;

		if (sm_cgroup_enter(&cg))
			_exit(1);
		from = cpu_of_this_process();
		while (cpu_of_this_process() - from < burn)
			;
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(sm_cgroup_cpu(&cg, &cpu), 0);
	assert_in_range(cpu.total_ns, burn * 9 / 10, burn * 11 / 10);
	assert_int_equal(sm_cgroup_remove(&cg), 0);
	sm_cgroup_base_close(&base);
	assert_int_equal(access(base.dir[0] ? base.dir : "/nonexistent", F_OK), -1);
}

static void test_group_kills_its_members(void **state)
{
	struct sm_cgroup_base base;
	struct sm_cgroup cg;
	int status, ready[2];
	pid_t pid;
	char c;

	(void)state;
	sm_cgroup_base_open(&base);
	if (base.accounting == SM_ACCT_RUSAGE)
		skip();
	assert_int_equal(sm_cgroup_make(&base, &cg), 0);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		if (sm_cgroup_enter(&cg) || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_false(sm_cgroup_empty(&cg));
	sm_cgroup_kill(&cg);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(sm_cgroup_remove(&cg), 0);
	sm_cgroup_base_close(&base);
	close(ready[0]);
	close(ready[1]);
}

/* Opens another base and closes it. As a run would in a container that shares the control groups. */
static int opens_another(const char *not_this)
{
	struct sm_cgroup_base other;
	int same;

	sm_cgroup_base_open(&other);
	same = strcmp(other.dir, not_this) == 0;
	sm_cgroup_base_close(&other);
	return same || other.accounting == SM_ACCT_RUSAGE;
}

/* In another pid namespace the number of this run is nobody's, and its own may be this run's. */
static void test_group_outlives_runs_elsewhere(void **state)
{
	struct sm_cgroup_base base;
	struct sm_cgroup cg;
	int status;
	pid_t pid;

	(void)state;
	sm_cgroup_base_open(&base);
	if (base.accounting == SM_ACCT_RUSAGE || geteuid() != 0) {
		sm_cgroup_base_close(&base);
		skip();
	}
	pid = fork();
	if (pid == 0) {
		pid_t inside = unshare(CLONE_NEWPID) ? -1 : fork();

		if (inside == 0)
			_exit(opens_another(base.dir));
		_exit(inside < 0 || waitpid(inside, &status, 0) != inside || status != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(sm_cgroup_make(&base, &cg), 0);
	assert_int_equal(sm_cgroup_remove(&cg), 0);
	assert_int_equal(opens_another(base.dir), 0); /* of the same number, as there */
	assert_int_equal(access(base.dir, F_OK), 0);
	sm_cgroup_base_close(&base);
}

/* What a killed run has left goes with the next. */
static void test_group_of_the_dead_is_removed(void **state)
{
	struct sm_cgroup_base base;
	char dead[600], inner[640];
	pid_t pid;

	(void)state;
	sm_cgroup_base_open(&base);
	if (base.accounting == SM_ACCT_RUSAGE)
		skip();
	pid = fork();
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	snprintf(dead, sizeof(dead), "%.*s/spawnmark-%d", (int)(strrchr(base.dir, '/') - base.dir),
		 base.dir, (int)pid);
	snprintf(inner, sizeof(inner), "%s/0", dead);
	sm_cgroup_base_close(&base);
	assert_int_equal(mkdir(dead, 0755), 0);
	assert_int_equal(mkdir(inner, 0755), 0);
	sm_cgroup_base_open(&base);
	assert_int_equal(access(dead, F_OK), -1);
	sm_cgroup_base_close(&base);
}

/* The sum's line comes first and counts nothing: its numbers are those of the CPUs below. */
static void test_machine_time(void **state)
{
	static const char stat[] = "cpu  30 3 60 9000 5 2 4 6 0 0\n"
				   "cpu0 10 1 20 3000 2 1 1 2 0 0\n"
				   "cpu1 20 2 40 6000 3 1 3 4 0 0\n"
				   "intr 12345 9 9 9\nctxt 77\n";
	const int64_t tick = 1000000000 / sysconf(_SC_CLK_TCK);
	struct sm_cpuset one = { 0 };
	struct sm_machine_time t;
	char text[sizeof(stat)];

	(void)state;
	memcpy(text, stat, sizeof(stat));
	sm_machine_time_parse(text, NULL, &t);
	assert_int_equal(t.busy_ns, (30 + 3 + 60 + 2 + 4) * tick);
	assert_int_equal(t.steal_ns, 6 * tick);
	CPU_SET(1, &one.bits);
	memcpy(text, stat, sizeof(stat));
	sm_machine_time_parse(text, &one, &t);
	assert_int_equal(t.busy_ns, (20 + 2 + 40 + 1 + 3) * tick);
	assert_int_equal(t.steal_ns, 4 * tick);
}

/* Over any while, n CPUs are busy for at most n times as long. */
static void test_machine_is_not_busier_than_its_cpus(void **state)
{
	struct sm_machine_time a, b;
	int64_t from = sm_now_ns(), wall;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	(void)state;
	sm_machine_time(NULL, &a);
	poll(NULL, 0, 300);
	sm_machine_time(NULL, &b);
	wall = sm_now_ns() - from;
	assert_true(a.busy_ns > 0 && b.busy_ns >= a.busy_ns);
	/* Four ticks of 10 ms each way for every CPU. */
	assert_true(b.busy_ns - a.busy_ns <= cpus * (wall + 40000000));
}

static void test_good_run(void **state)
{
	struct sm_error error;
	struct tiny t;
	json_t *top;

	(void)state;
	tiny_make(&t, both, 6);
	assert_int_equal(tiny_run(&t, &error), SM_EXIT_GOOD);
	assert_no_child();
	assert_valid(t.dir);
	top = tiny_results(&t);
	assert_true(json_is_null(json_object_get(top, "incomplete")));
	for (int i = 0; i < 2; i++) {
		json_t *c = tiny_case(top, i), *m = json_object_get(c, "metrics");
		json_t *ready = json_object_get(m, "ready");
		double cpu = json_number_value(
			json_object_get(json_object_get(c, "cpu"), "per_child_ns"));

		assert_string_equal(text_of(c, "status"), "ok");
		assert_int_equal(json_integer_value(json_object_get(ready, "n")), 18);
		assert_true(json_number_value(json_object_get(ready, "p50")) > 1000);
		assert_true(json_is_array(json_object_get(ready, "p50_ci")));
		assert_in_range((int64_t)cpu, 1000, 1000000000);
		assert_string_equal(text_of(json_object_get(c, "image"), "who"),
				    i ? "server" : "parent");
	}
	json_decref(top);
	tiny_free(&t);
}

/*
 * Makes the second case's host a shell script that does so once, then becomes the host. (The first
 * case's host is also asked for the calibration.)
 */
static void script(struct tiny *t, char *buf, size_t size, const char *once)
{
	snprintf(buf, size, "if [ -e %s/seen ]; then exec %s; else : >%s/seen; %s; fi", t->dir,
		 t->host[1], t->dir, once);
	t->host_argv[1][0] = (char *)"/bin/sh";
	t->host_argv[1][1] = (char *)"-c";
	t->host_argv[1][2] = buf;
}

/* The first visit goes wrong with this text; the other case and the later visits are fine. */
static void goes_wrong_once(const char *once, const char *text)
{
	struct sm_error error;
	char buf[2048];
	struct tiny t;
	json_t *top, *c, *e;
	int64_t began = sm_now_ns();

	tiny_make(&t, both, 3);
	t.cases[1].start_timeout_ms = 1000;
	script(&t, buf, sizeof(buf), once);
	assert_int_equal(tiny_run(&t, &error), SM_EXIT_GOOD);
	assert_true(sm_now_ns() - began < (int64_t)PATIENCE_MS * 1000000);
	assert_no_child();
	assert_valid(t.dir);
	top = tiny_results(&t);
	c = tiny_case(top, 1);
	assert_string_equal(text_of(c, "status"), "partial");
	e = json_array_get(json_object_get(c, "errors"), 0);
	if (!strstr(text_of(e, "text"), text))
		fail_msg("'%s' is not in '%s'", text, text_of(e, "text"));
	e = json_object_get(json_object_get(json_object_get(c, "metrics"), "ready"), "blocks");
	assert_int_equal(json_array_size(e), 3);
	assert_true(json_is_null(json_array_get(e, 0)));
	assert_true(json_is_number(json_array_get(e, 1)));
	assert_string_equal(text_of(tiny_case(top, 0), "status"), "ok");
	json_decref(top);
	tiny_free(&t);
}

static void test_host_that_dies(void **state)
{
	(void)state;
	goes_wrong_once("kill -9 $$", "died of signal 9");
}

static void test_host_that_complains(void **state)
{
	(void)state;
	goes_wrong_once("echo 'Traceback:' >&2; echo \"ModuleNotFoundError: No module named 'x'\" "
			">&2; exit 1",
			"ModuleNotFoundError: No module named 'x'");
}

/* Under nohup, say. */
static void test_host_ignores_no_signal(void **state)
{
	(void)state;
	signal(SIGHUP, SIG_IGN);
	goes_wrong_once("grep -o 'SigIgn:.*' /proc/self/status >&2; exit 1",
			"SigIgn:\t0000000000000000");
	signal(SIGHUP, SIG_DFL);
}

/* It has children of its own, one of them in another session: they must go too. */
static void test_host_that_hangs(void **state)
{
	(void)state;
	goes_wrong_once("sleep 1000 & setsid sleep 1000 & exec sleep 1000", "silent for");
}

static void test_host_that_is_no_program(void **state)
{
	struct sm_error error;
	struct tiny t;
	json_t *top, *e;

	(void)state;
	tiny_make(&t, both, 2);
	snprintf(t.host[0], sizeof(t.host[0]), "/nonexistent/host");
	assert_int_equal(tiny_run(&t, &error), SM_EXIT_FAILED);
	assert_non_null(strstr(error.text, "1 of 2"));
	top = tiny_results(&t);
	assert_string_equal(text_of(tiny_case(top, 0), "status"), "failed");
	assert_string_equal(text_of(tiny_case(top, 1), "status"), "ok");
	e = json_array_get(json_object_get(tiny_case(top, 0), "errors"), 0);
	assert_string_equal(text_of(e, "stage"), "exec");
	assert_non_null(strstr(text_of(e, "text"), "/nonexistent/host cannot be executed"));
	assert_int_equal(json_integer_value(json_object_get(e, "count")), 2);
	json_decref(top);
	tiny_free(&t);
}

/* `server & exec spawnmark run`: the server is a child of ours and none of our business. */
static void test_children_from_before_live_on(void **state)
{
	struct sm_error error;
	struct tiny t;
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		for (;;)
			pause();
	}
	tiny_make(&t, both, 1);
	assert_int_equal(tiny_run(&t, &error), SM_EXIT_GOOD);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_no_child();
	tiny_free(&t);
}

static uid_t owner(const char *dir, const char *name)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(lstat(path, &st), 0);
	return st.st_uid;
}

/* Under sudo the results are the caller's, but not what was in the folder before. */
static void test_sudo_gives_its_own_files_alone(void **state)
{
	struct sm_error error;
	char path[128];
	struct tiny t;
	int fd;

	(void)state;
	if (geteuid() != 0)
		skip();
	tiny_make(&t, zygote, 1);
	snprintf(path, sizeof(path), "%s/other", t.dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	setenv("SUDO_UID", "65534", 1);
	setenv("SUDO_GID", "65534", 1);
	assert_int_equal(tiny_run(&t, &error), SM_EXIT_GOOD);
	assert_int_equal(owner(t.dir, "run.json"), 65534);
	assert_int_equal(owner(t.dir, "samples.bin.gz"), 65534);
	assert_int_equal(owner(t.dir, "other"), 0);
	assert_int_equal(owner(t.dir, "."), 0);
	remove_tree(t.dir); /* one that the run makes itself is the caller's */
	assert_int_equal(tiny_run(&t, &error), SM_EXIT_GOOD);
	assert_int_equal(owner(t.dir, "."), 65534);
	unsetenv("SUDO_UID");
	unsetenv("SUDO_GID");
	tiny_free(&t);
}

static void test_folder_that_cannot_be_written(void **state)
{
	char *argv[] = { (char *)"test", NULL };
	struct sm_run_options opt = { .root = "/", .out_dir = "/proc/nowhere", .argv = argv };
	struct sm_error error;
	struct tiny t;

	(void)state;
	tiny_make(&t, zygote, 1);
	assert_int_equal(sm_run_all(&t.plan, &opt, &error), SM_EXIT_USAGE);
	assert_non_null(strstr(error.text, "/proc/nowhere"));
	assert_non_null(strstr(error.text, "-o DIR"));
	assert_null(strchr(error.text, '\n'));
	tiny_free(&t);
}

static int code_of(pid_t driver)
{
	struct sm_exit end = { .size = sizeof(end) };

	assert_int_equal(sm_wait_child(driver, PATIENCE_MS, &end), 0);
	assert_true(WIFEXITED(end.status));
	return WEXITSTATUS(end.status);
}

/* A case whose host is executed through a directory that is closed to others. */
static void attack_from(struct tiny *t, enum sm_attacker attacker, char *dir, size_t size)
{
	tiny_make(t, zygote, 1);
	t->cases[0].kind = SM_KIND_ISOLATION;
	t->cases[0].attacker = attacker;
	t->cases[0].siblings = 2;
	snprintf(dir, size, "%s/shut", t->dir);
	assert_int_equal(mkdir(dir, 0700), 0);
}

/* Homes are 0700: as another user the host is reached all the same, and nobody else is let in. */
static void test_host_below_a_closed_directory(void **state)
{
	char dir[80], link[100], into[128];
	struct sm_error error;
	struct stat st;
	struct tiny t;
	json_t *top;

	(void)state;
	if (geteuid() != 0)
		skip();
	attack_from(&t, SM_ATTACKER_SAME, dir, sizeof(dir));
	snprintf(link, sizeof(link), "%s/open", dir);
	assert_int_equal(mkdir(link, 0755), 0);
	snprintf(into, sizeof(into), "%s/host", link);
	assert_int_equal(symlink(t.host[0], into), 0);
	snprintf(t.host[0], sizeof(t.host[0]), "%s", into);
	assert_int_equal(tiny_run(&t, &error), SM_EXIT_GOOD);
	assert_valid(t.dir);
	top = tiny_results(&t);
	if (!strcmp(text_of(tiny_case(top, 0), "status"), "unavailable"))
		print_message("no mount namespace can be made here\n");
	else
		assert_true(json_array_size(json_object_get(top, "isolation")) > 0);
	json_decref(top);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	tiny_free(&t);
}

/* What an ordinary user cannot do is told, and is no failure. */
static void test_attackers_that_need_root(void **state)
{
	static const enum sm_attacker who[] = { SM_ATTACKER_ROOT, SM_ATTACKER_OTHER };
	struct tiny t;
	json_t *top, *c;
	char dir[80];
	pid_t pid;

	(void)state;
	for (size_t i = 0; i < sizeof(who) / sizeof(*who); i++) {
		attack_from(&t, who[i], dir, sizeof(dir));
		if (geteuid() == 0)
			assert_int_equal(chown(t.dir, 65534, 65534), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			struct sm_error error;

			if (geteuid() == 0 &&
			    (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534)))
				_exit(99);
			_exit(tiny_run(&t, &error));
		}
		assert_int_equal(code_of(pid), SM_EXIT_GOOD);
		assert_valid(t.dir);
		top = tiny_results(&t);
		c = tiny_case(top, 0);
		assert_string_equal(text_of(c, "status"), "unavailable");
		c = json_array_get(json_object_get(c, "errors"), 0);
		assert_non_null(strstr(text_of(c, "text"), "needs root"));
		json_decref(top);
		tiny_free(&t);
	}
}

/* Runs the plan in a process of its own, so that this one can interfere. */
static pid_t run_apart(struct tiny *t)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct sm_error error;

		_exit(tiny_run(t, &error));
	}
	return pid;
}

static pid_t host_of(pid_t driver)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	pid_t found = 0;

	assert_non_null(proc);
	while (!found && (e = readdir(proc))) {
		pid_t pid = (pid_t)atoi(e->d_name);
		char path[64], name[64];

		if (pid < 2 || sm_proc_ppid(pid) != driver || sm_proc_state(pid) == 'Z')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
		if (sm_slurp(path, name, sizeof(name)) > 0 && !strcmp(name, "sm-host\n"))
			found = pid;
	}
	closedir(proc);
	return found;
}

/* Waits until so many different hosts have been seen, one after the other; returns the last. */
static pid_t nth_host(pid_t driver, int n)
{
	int64_t until = sm_now_ns() + (int64_t)PATIENCE_MS * 1000000;
	pid_t last = 0;

	while (n > 0 && sm_now_ns() < until) {
		pid_t now = host_of(driver);

		if (now && now != last) {
			last = now;
			n--;
		}
		poll(NULL, 0, 1);
	}
	assert_int_equal(n, 0);
	return last;
}

/* Blocks that last long enough to be hit in the middle. */
static void long_blocks(struct tiny *t, int blocks)
{
	tiny_make(t, zygote, blocks);
	t->cases[0].samples = 500;
}

static void test_host_killed_in_mid_run(void **state)
{
	struct tiny t;
	json_t *top, *c;
	pid_t driver;

	(void)state;
	long_blocks(&t, 8);
	driver = run_apart(&t);
	kill(nth_host(driver, 4), SIGKILL);
	assert_int_equal(code_of(driver), SM_EXIT_GOOD);
	assert_no_child(); /* this process is a subreaper: strays would have come here */
	top = tiny_results(&t);
	c = tiny_case(top, 0);
	assert_string_equal(text_of(c, "status"), "partial");
	assert_true(json_is_null(json_object_get(top, "incomplete")));
	assert_non_null(strstr(text_of(json_array_get(json_object_get(c, "errors"), 0), "text"),
			       "signal 9"));
	json_decref(top);
	tiny_free(&t);
}

static void interrupted(int sig)
{
	struct tiny t;
	json_t *top, *o;
	pid_t driver;

	long_blocks(&t, 60);
	driver = run_apart(&t);
	nth_host(driver, 5); /* the calibration's, then at least three finished blocks */
	kill(driver, sig);
	assert_int_equal(code_of(driver), SM_EXIT_INCONCLUSIVE);
	assert_no_child();
	assert_valid(t.dir);
	top = tiny_results(&t);
	o = json_object_get(top, "incomplete");
	assert_string_equal(text_of(o, "reason"), "interrupted");
	assert_in_range(json_integer_value(json_object_get(o, "blocks_done")), 2, 59);
	assert_int_equal(json_array_size(json_object_get(tiny_case(top, 0), "blocks")),
			 json_integer_value(json_object_get(o, "blocks_done")));
	json_decref(top);
	tiny_free(&t);
}

static void test_interrupted(void **state)
{
	(void)state;
	interrupted(SIGINT);
	interrupted(SIGTERM);
}

static int be_subreaper(void **state)
{
	(void)state;
	return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_group_counts_cpu),
		cmocka_unit_test(test_group_kills_its_members),
		cmocka_unit_test(test_group_outlives_runs_elsewhere),
		cmocka_unit_test(test_group_of_the_dead_is_removed),
		cmocka_unit_test(test_machine_time),
		cmocka_unit_test(test_machine_is_not_busier_than_its_cpus),
		cmocka_unit_test(test_good_run),
		cmocka_unit_test(test_host_that_dies),
		cmocka_unit_test(test_host_that_complains),
		cmocka_unit_test(test_host_ignores_no_signal),
		cmocka_unit_test(test_host_that_hangs),
		cmocka_unit_test(test_host_that_is_no_program),
		cmocka_unit_test(test_children_from_before_live_on),
		cmocka_unit_test(test_sudo_gives_its_own_files_alone),
		cmocka_unit_test(test_folder_that_cannot_be_written),
		cmocka_unit_test(test_host_below_a_closed_directory),
		cmocka_unit_test(test_attackers_that_need_root),
		cmocka_unit_test(test_host_killed_in_mid_run),
		cmocka_unit_test(test_interrupted),
	};

	return cmocka_run_group_tests(tests, be_subreaper, NULL);
}
