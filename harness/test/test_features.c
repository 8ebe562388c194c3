/* SPDX-License-Identifier: MIT */
/*
 * test_features.c - the feature probes: a whole table, answers that are the same twice and right
 * under filters, probes that misbehave, nothing left behind, and the command that tells them.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <jansson.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <cmocka.h>

#include "../features/feature.h"
#include "../features/probe.h"
#include "../sys/sys.h"
#include "forked.h"

#define NOBODY 65534

/* ---- the table ---- */

static void test_table(void **state)
{
	(void)state;
	assert_string_equal(sm_features[SM_F_NONE].name, "");
	for (int f = SM_F_NONE + 1; f < SM_F_COUNT; f++) {
		const struct sm_feature_row *row = &sm_features[f];

		assert_int_equal(row->feature, f);
		assert_non_null(row->name);
		assert_true(row->name[0] >= 'a' && row->name[0] <= 'z');
		assert_int_equal(strspn(row->name, "abcdefghijklmnopqrstuvwxyz0123456789-"),
				 strlen(row->name));
		assert_true(row->row && row->since && row->source && row->what && *row->what);
		assert_ptr_equal(sm_feature_name(f), row->name);
		for (int other = SM_F_NONE + 1; other < f; other++)
			assert_string_not_equal(row->name, sm_features[other].name);
	}
	assert_string_equal(sm_feature_name(-1), "unknown");
	assert_string_equal(sm_feature_name(SM_F_COUNT), "unknown");
}

/* Every row of the catalogue's probes has at least one feature. */
static void test_catalogue(void **state)
{
	(void)state;
	for (int m = 1; m <= 30; m++) {
		char row[8];
		int found = 0;

		snprintf(row, sizeof(row), "M%02d", m);
		for (int f = 0; f < SM_F_COUNT; f++)
			found += !strcmp(sm_features[f].row, row) && sm_features[f].probe;
		if (!found)
			fail_msg("no probe for %s", row);
	}
}

static void test_missing_set(void **state)
{
	struct sm_probe_result results[SM_F_COUNT] = { { .presence = SM_PRESENT } };

	(void)state;
	results[SM_F_NUMPY].presence = SM_UNKNOWN; /* has no probe */
	assert_int_equal(sm_features_missing(results), 0);
	results[SM_F_NUMPY].presence = SM_MISSING;
	results[SM_F_CLONE3].presence = SM_MISSING;
	results[SM_F_TTY].presence = SM_UNKNOWN;
	assert_int_equal(sm_features_missing(results),
			 SM_NEED(SM_F_NUMPY) | SM_NEED(SM_F_CLONE3) | SM_NEED(SM_F_TTY));
}

/* ---- probes of this machine ---- */

static int count_glob(const char *pattern)
{
	glob_t found;
	int n = glob(pattern, 0, NULL, &found) ? 0 : (int)found.gl_pathc;

	globfree(&found);
	return n;
}

/* Those of a pattern whose process has gone: other runs beside this one have theirs. */
static int count_stale(const char *pattern)
{
	glob_t found;
	int n = 0;

	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++) {
			int pid = atoi(strrchr(found.gl_pathv[i], '-') + 1);

			n += pid > 1 && kill(pid, 0) < 0 && errno == ESRCH;
		}
	}
	globfree(&found);
	return n;
}

/* Groups and directories that probes may make; as deep as a caller's own group is, here. */
static int left_behind(void)
{
	return count_stale("/sys/fs/cgroup/spawnmark-*") +
	       count_stale("/sys/fs/cgroup/*/spawnmark-*") +
	       count_stale("/sys/fs/cgroup/*/*/spawnmark-*") +
	       count_stale("/sys/fs/cgroup/*/*/*/spawnmark-*") + count_stale("/tmp/spawnmark-*");
}

/* What somebody else's guard is about to remove is gone soon; what a run of old left stays. */
static void assert_nothing_left(const int *before)
{
	const struct timespec nap = { .tv_nsec = 10000000 };

	for (int i = 0; i < 300 && left_behind() > *before; i++)
		nanosleep(&nap, NULL);
	assert_true(left_behind() <= *before);
}

static int look_before(void **state)
{
	static int before;

	before = left_behind();
	*state = &before;
	return 0;
}

static bool has_group(pid_t pid)
{
	static const char *const below[] = { "", "*/", "*/*/", "*/*/*/" };
	char pattern[100];

	for (size_t i = 0; i < sizeof(below) / sizeof(*below); i++) {
		snprintf(pattern, sizeof(pattern), "/sys/fs/cgroup/%sspawnmark-%d", below[i],
			 (int)pid);
		if (count_glob(pattern))
			return true;
	}
	return false;
}

/* Everybody that is orphaned comes to this process. */
static void be_reaper(void)
{
	FK_NEED(!prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
}

static void need_no_child(void)
{
	FK_NEED(waitpid(-1, NULL, WNOHANG | __WALL) == -1 && errno == ECHILD);
}

/* What is asked twice is answered twice the same, soon, and leaves nothing. */
static void ask_twice(const void *arg)
{
	struct sm_probe_result one[SM_F_COUNT], two[SM_F_COUNT];
	int fds = fk_count_fds();
	int64_t began = sm_now_ns();

	(void)arg;
	be_reaper();
	for (int f = 0; f < SM_F_COUNT; f++) {
		memset(&one[f], 0xa5, sizeof(one[f]));
		sm_feature_probe((enum sm_feature)f, &one[f]);
	}
	FK_NEED(sm_now_ns() - began < INT64_C(5000000000));
	sm_features_probe_all(two);
	for (int f = 0; f < SM_F_COUNT; f++) {
		if (memcmp(&one[f], &two[f], sizeof(one[f])))
			dprintf(2, "%s: %s, then %s\n", sm_feature_name(f), one[f].text,
				two[f].text);
		FK_NEED(one[f].presence == two[f].presence && one[f].err == two[f].err);
		FK_NEED(!strcmp(one[f].text, two[f].text) && one[f].text[0]);
		if (sm_features[f].probe && one[f].presence == SM_UNKNOWN)
			FK_NEED(f == SM_F_CORE_DUMP); /* where core_pattern is a program */
	}
	FK_NEED(!sm_features[SM_F_NUMPY].probe && one[SM_F_NUMPY].presence == SM_UNKNOWN);
	need_no_child();
	FK_NEED(fk_count_fds() == fds);
}

static void test_twice(void **state)
{
	fk_in_child(ask_twice, NULL);
	assert_nothing_left(*state);
}

static void become_nobody(void)
{
	if (geteuid() == 0)
		FK_NEED(!setgroups(0, NULL) && !setresgid(NOBODY, NOBODY, NOBODY) &&
			!setresuid(NOBODY, NOBODY, NOBODY));
}

static void ask_as_nobody(const void *arg)
{
	static const enum sm_feature roots[] = { SM_F_ROOT, SM_F_PID_NS, SM_F_MOUNT_NS, SM_F_NET_NS,
						 SM_F_CLONE_SET_TID };
	struct sm_probe_result r;

	become_nobody();
	ask_twice(arg);
	for (size_t i = 0; i < sizeof(roots) / sizeof(*roots); i++) {
		sm_feature_probe(roots[i], &r);
		FK_NEED(r.presence == SM_MISSING && r.err == EPERM);
	}
	sm_feature_probe(SM_F_GETRANDOM, &r);
	FK_NEED(r.presence == SM_PRESENT);
}

static void test_as_nobody(void **state)
{
	fk_in_child(ask_as_nobody, NULL);
	assert_nothing_left(*state);
}

/* Dispositions, masks and limits of the caller are not the probe's. */
static void ask_in_odd_process(const void *arg)
{
	struct rlimit core = { 0, 0 };
	struct sm_probe_result r;
	sigset_t all;

	(void)arg;
	sigfillset(&all);
	FK_NEED(!sigprocmask(SIG_BLOCK, &all, NULL));
	FK_NEED(signal(SIGCHLD, SIG_IGN) != SIG_ERR && signal(SIGTERM, SIG_IGN) != SIG_ERR);
	close(0);
	sm_feature_probe(SM_F_PIDFD_SEND_SIGNAL, &r);
	FK_NEED(r.presence == SM_PRESENT);
	sm_feature_probe(SM_F_CLOSE_RANGE, &r);
	FK_NEED(r.presence == SM_PRESENT);
	FK_NEED(fcntl(0, F_GETFD) < 0);
	FK_NEED(!setrlimit(RLIMIT_CORE, &core));
	become_nobody(); /* root may raise the limit again */
	sm_feature_probe(SM_F_CORE_DUMP, &r);
	FK_NEED(r.presence != SM_PRESENT);
}

static void test_odd_process(void **state)
{
	(void)state;
	fk_in_child(ask_in_odd_process, NULL);
}

/* ---- under filters ---- */

#ifdef SYS_mkdir
#define MAKE_DIR SYS_mkdir
#else
#define MAKE_DIR SYS_mkdirat
#endif

struct denial {
	enum sm_feature feature;
	unsigned int call;
	int err;
};

static const struct denial denials[] = {
	{ SM_F_CLONE3, SYS_clone3, 0 },
	{ SM_F_CLONE_SET_TID, SYS_clone3, 0 },
	{ SM_F_CLEAR_SIGHAND, SYS_clone3, 0 },
	{ SM_F_INTO_CGROUP, SYS_clone3, 0 },
	{ SM_F_AUTOREAP, SYS_clone3, 0 },
	{ SM_F_PIDFD_OPEN, SYS_pidfd_open, 0 },
	{ SM_F_PIDFD_NONBLOCK, SYS_pidfd_open, 0 },
	{ SM_F_PIDFD_THREAD, SYS_pidfd_open, 0 },
	{ SM_F_PIDFD_SEND_SIGNAL, SYS_pidfd_send_signal, 0 },
	{ SM_F_PIDFD_GETFD, SYS_pidfd_getfd, 0 },
	{ SM_F_PIDFD_INFO, SYS_ioctl, 0 },
	{ SM_F_CLOSE_RANGE, SYS_close_range, 0 },
	{ SM_F_CLOSE_RANGE_CLOEXEC, SYS_close_range, 0 },
	{ SM_F_EXECVEAT, SYS_execveat, 0 },
	{ SM_F_MEMFD_SECRET, SYS_memfd_secret, 0 },
	{ SM_F_MADV_DONTFORK, SYS_madvise, 0 },
	{ SM_F_MADV_WIPEONFORK, SYS_madvise, 0 },
	{ SM_F_MADV_DONTDUMP, SYS_madvise, 0 },
	{ SM_F_MADV_PAGEOUT, SYS_madvise, 0 },
	{ SM_F_PROCESS_MADVISE, SYS_process_madvise, 0 },
	{ SM_F_MSEAL, 462, 0 },
	{ SM_F_KCMP, SYS_kcmp, 0 },
	{ SM_F_PROCESS_MRELEASE, SYS_process_mrelease, 0 },
	{ SM_F_SECCOMP_FILTER, SYS_seccomp, 0 },
	{ SM_F_SECCOMP_NOTIF, SYS_seccomp, 0 },
	{ SM_F_LANDLOCK, SYS_landlock_create_ruleset, 0 },
	{ SM_F_PTRACE, SYS_ptrace, 0 },
	{ SM_F_GETRANDOM, SYS_getrandom, 0 },
	{ SM_F_USER_NS, SYS_unshare, 0 },
	{ SM_F_CGROUP, MAKE_DIR, 0 },
	{ SM_F_CGROUP2, MAKE_DIR, 0 },
	{ SM_F_CGROUP_PIDS, MAKE_DIR, 0 },
	{ SM_F_CGROUP_MEMORY, MAKE_DIR, 0 },
	{ SM_F_CGROUP_KILL, MAKE_DIR, 0 },
};

static void ask_denied(const void *arg)
{
	const struct denial *d = arg;
	struct sm_probe_result r;

	be_reaper();
	fk_refuse_calls(d->err, d->call, d->call);
	sm_feature_probe(d->feature, &r);
	if (r.presence != SM_MISSING || r.err != d->err)
		dprintf(2, "%s: %s\n", sm_feature_name(d->feature), r.text);
	FK_NEED(r.presence == SM_MISSING && r.err == d->err);
	FK_NEED(strstr(r.text, d->err == EPERM ? "EPERM" : "ENOSYS"));
	need_no_child();
}

static void deny_all(int err)
{
	for (size_t i = 0; i < sizeof(denials) / sizeof(*denials); i++) {
		struct denial d = denials[i];
		bool group = d.feature >= SM_F_CGROUP && d.feature <= SM_F_CGROUP_KILL;

		d.err = err;

		/* Where no group can be made at all, another errno tells that. */
		if (!group || geteuid() == 0)
			fk_in_child(ask_denied, &d);
	}
}

static void test_unknown_calls(void **state)
{
	deny_all(ENOSYS);
	assert_nothing_left(*state);
}

static void test_denied_calls(void **state)
{
	deny_all(EPERM);
	assert_nothing_left(*state);
}

/* The guard itself needs no pidfd: without the calls, everything else is there as before. */
static void ask_beside_denied(const void *arg)
{
	struct sm_probe_result r;

	(void)arg;
	be_reaper();
	fk_refuse_calls(EPERM, SYS_pidfd_open, SYS_clone3);
	sm_feature_probe(SM_F_CLONE_PIDFD, &r);
	FK_NEED(r.presence == SM_PRESENT);
	sm_feature_probe(SM_F_WAITID_PIDFD, &r);
	FK_NEED(r.presence == SM_PRESENT);
	sm_feature_probe(SM_F_SUBREAPER, &r);
	FK_NEED(r.presence == SM_PRESENT);
	need_no_child();
}

static void test_beside_denied(void **state)
{
	(void)state;
	fk_in_child(ask_beside_denied, NULL);
}

/* ---- probes that misbehave ---- */

#define SHORT_MS 200

static void crash(struct sm_probe_result *r)
{
	r->presence = SM_PRESENT;
	raise(SIGSEGV);
}

static void leave(struct sm_probe_result *r)
{
	r->presence = SM_PRESENT;
	_exit(3);
}

static void leave_well(struct sm_probe_result *r)
{
	r->presence = SM_PRESENT;
	_exit(0);
}

/* Hangs, with children that do, in groups; and has made a directory. */
static void hang(struct sm_probe_result *r)
{
	char dir[512];

	r->presence = SM_PRESENT;
	sm_probe_dir(dir, sizeof(dir));
	if (sm_probe_group("", dir, sizeof(dir)) == 0)
		sm_probe_enter(dir);
	signal(SIGTERM, SIG_IGN);
	sm_probe_group("pids", dir, sizeof(dir));
	if (fork() == 0) {
		fork();
		sm_probe_enter(dir);
	}
	for (;;)
		pause();
}

/* Answers, and leaves children, groups and files. */
static void litter(struct sm_probe_result *r)
{
	char path[600];
	int fd;

	if (sm_probe_group("", path, sizeof(path)) == 0)
		sm_probe_enter(path);
	sm_probe_dir(path, sizeof(path));
	strcat(path, "/file");
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	sm_probe_idle(&fd);
	sm_probe_yes(r, "%d", (int)getpid());
}

static const struct {
	sm_probe *probe;
	const char *text;
} bad_ones[] = {
	{ crash, "killed by SIGSEGV" },
	{ leave, "ended with status 3" },
	{ leave_well, "without an answer" },
	{ hang, "no answer within 200 ms" },
};

static void ask_bad_ones(const void *arg)
{
	int fds = fk_count_fds();
	struct sm_probe_result r;

	(void)arg;
	be_reaper();
	for (size_t i = 0; i < sizeof(bad_ones) / sizeof(*bad_ones); i++) {
		int64_t began = sm_now_ns();

		memset(&r, 0, sizeof(r));
		sm_probe_run(bad_ones[i].probe, SHORT_MS, &r);
		if (!strstr(r.text, bad_ones[i].text))
			dprintf(2, "%s, not %s\n", r.text, bad_ones[i].text);
		FK_NEED(r.presence == SM_UNKNOWN && strstr(r.text, bad_ones[i].text));
		FK_NEED(sm_now_ns() - began < INT64_C(3000000000));
		need_no_child();
	}
	sm_probe_run(litter, 5000, &r);
	FK_NEED(r.presence == SM_PRESENT && atoi(r.text) > 0);
	FK_NEED(!has_group(atoi(r.text)));
	need_no_child();
	FK_NEED(fk_count_fds() == fds);
}

static void test_bad_probes(void **state)
{
	fk_in_child(ask_bad_ones, NULL);
	assert_nothing_left(*state);
}

#define SLOW_FD 150

/* A caller that is killed takes guard and probe with it. */
static void slow(struct sm_probe_result *r)
{
	(void)r;
	if (write(SLOW_FD, "x", 1) == 1)
		pause();
}

static void test_killed_caller(void **state)
{
	struct sm_probe_result r;
	int ends[2];
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ends), 0); /* which all of them hold */
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(ends[0]);
		FK_NEED(dup2(ends[1], SLOW_FD) == SLOW_FD);
		sm_probe_run(slow, 60000, &r);
		_exit(1);
	}
	close(ends[1]);
	assert_int_equal(sm_read_all(ends[0], &byte, 1, 5000), 0);
	sm_kill_child(pid);
	assert_int_equal(sm_read_all(ends[0], &byte, 1, 5000), -EPIPE);
	close(ends[0]);
}

/* ---- the command ---- */

/* Runs build/spawnmark with these arguments; its stdout or, the other way, stderr. */
static FILE *start(pid_t *pid, const char *const *args, int from)
{
	char path[500] = "";
	int ends[2];
	char *slash;

	assert_true(readlink("/proc/self/exe", path, sizeof(path) - 20) > 0);
	slash = strrchr(path, '/');
	strcpy(slash, "/../spawnmark");
	assert_int_equal(pipe(ends), 0);
	*pid = fork();
	assert_true(*pid >= 0);
	if (!*pid) {
		dup2(ends[1], from);
		close(ends[0]);
		close(ends[1]);
		execv(path, (char *const *)args);
		_exit(127);
	}
	close(ends[1]);
	return fdopen(ends[0], "r");
}

static json_t *told(const char *const *args)
{
	json_error_t error;
	pid_t pid;
	FILE *f = start(&pid, args, STDOUT_FILENO);
	json_t *o;

	assert_non_null(f);
	o = json_loadf(f, JSON_REJECT_DUPLICATES, &error);
	fclose(f);
	if (!o)
		fail_msg("%s: %s", args[1], error.text);
	assert_int_equal(sm_probe_wait(pid), 0);
	return o;
}

static void need_text(const json_t *o, const char *key, const char *text)
{
	const char *seen = json_string_value(json_object_get(o, key));

	assert_non_null(seen);
	if (text)
		assert_string_equal(seen, text);
}

static void test_command(void **state)
{
	static const char *const facts[] = { "kernel",       "libc",         "cpus",     "yama",
					     "core_pattern", "overcommit",   "thp",      "aslr",
					     "mitigations",  "cgroup",       "dumpable", "seccomp",
					     "no_new_privs", "capabilities", "container" };
	json_t *o, *list;

	(void)state;
	o = told((const char *const[]){ "spawnmark", "probe", "--json", NULL });
	list = json_object_get(o, "features");
	assert_int_equal(json_array_size(list), SM_F_COUNT - 1);
	for (int f = SM_F_NONE + 1; f < SM_F_COUNT; f++) {
		const json_t *one = json_array_get(list, (size_t)f - 1);
		const char *presence = json_string_value(json_object_get(one, "presence"));
		const json_t *err = json_object_get(one, "errno");

		need_text(one, "name", sm_features[f].name);
		need_text(one, "row", sm_features[f].row);
		need_text(one, "since", sm_features[f].since);
		need_text(one, "source", sm_features[f].source);
		need_text(one, "what", sm_features[f].what);
		need_text(one, "text", NULL);
		assert_true(presence &&
			    (!strcmp(presence, "present") || !strcmp(presence, "missing") ||
			     !strcmp(presence, "unknown")));
		assert_true(json_is_null(err) || json_string_value(err)[0] == 'E');
		if (!strcmp(sm_features[f].name, "numpy"))
			assert_string_not_equal(presence, "unknown");
	}
	for (size_t i = 0; i < sizeof(facts) / sizeof(*facts); i++)
		assert_non_null(json_object_get(json_object_get(o, "environment"), facts[i]));
	json_decref(o);
	o = told((const char *const[]){ "spawnmark", "list", "features", "--json", NULL });
	assert_int_equal(json_array_size(o), SM_F_COUNT - 1);
	json_decref(o);
}

static void test_usage(void **state)
{
	static const char *const wrong[] = { "x", "--jason", "--quick" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		const char *const args[] = { "spawnmark", "probe", wrong[i], NULL };
		char line[300] = "";
		pid_t pid;
		FILE *f = start(&pid, args, STDERR_FILENO);

		assert_non_null(f);
		assert_non_null(fgets(line, sizeof(line), f));
		fclose(f);
		assert_non_null(strstr(line, "--json"));
		assert_int_equal(sm_probe_wait(pid), 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_catalogue),
		cmocka_unit_test(test_missing_set),
		cmocka_unit_test_setup(test_twice, look_before),
		cmocka_unit_test_setup(test_as_nobody, look_before),
		cmocka_unit_test(test_odd_process),
		cmocka_unit_test_setup(test_unknown_calls, look_before),
		cmocka_unit_test_setup(test_denied_calls, look_before),
		cmocka_unit_test(test_beside_denied),
		cmocka_unit_test_setup(test_bad_probes, look_before),
		cmocka_unit_test(test_killed_caller),
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
