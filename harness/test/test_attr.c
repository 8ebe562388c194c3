/* SPDX-License-Identifier: MIT */
/*
 * test_attr.c - the optional fields of a request, with every strategy that makes children. Those
 * for descriptors are in test_attr_fds.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "spawn_util.h"
#include "sys/attr.h"
#include "sys/sys.h"

#define NOBODY 65534u

static int is_posix_spawn(const char *strategy)
{
	return strcmp(strategy, "posix_spawn") == 0;
}

static struct sm_req fields(uint32_t which)
{
	return (struct sm_req){ .timeout_ms = SU_WAIT_MS, .fields = which, .cgroup_fd = -1 };
}

/* A child with these fields, and what it says of itself. */
static void good(struct su *s, struct su_run *run, const struct sm_req *req, const char *key)
{
	const char *env[] = { key, NULL };
	int err = su_spawn_req(s, run, req, env);

	if (err)
		print_message("%s: %s (stage %d, detail %#x, %s)\n", s->ops->name, strerror(-err),
			      s->fault.stage, (unsigned int)s->fault.detail, s->fault.text);
	assert_int_equal(err, 0);
	su_finish(s, run);
	if (run->rec.kind != SM_RECORD_DONE)
		print_message("%s: kind %u stage %d errno %d detail %#x\n", s->ops->name,
			      run->rec.kind, run->rec.stage, run->rec.err,
			      (unsigned int)run->rec.detail);
	assert_int_equal(run->rec.kind, SM_RECORD_DONE);
	assert_int_equal(run->exit.status, 0);
}

/* Told before there is any child. */
static void refused(struct su *s, const struct sm_req *req, int err, int field)
{
	struct su_run run;

	assert_int_equal(su_spawn_req(s, &run, req, NULL), -err);
	assert_int_equal(s->fault.stage, SM_STAGE_ATTR);
	assert_int_equal(s->fault.err, err);
	assert_int_equal(s->fault.detail, field);
	assert_int_equal(run.child.out, -1);
	su_good(s, &run, NULL);
}

/* A step that fails in the child. */
static void fails(struct su *s, const struct sm_req *req, int err, int field)
{
	const char *env[] = { "SU_FIELDS=1", NULL };
	struct su_run run;
	int rc = su_spawn_req(s, &run, req, env);

	if (is_posix_spawn(s->ops->name)) { /* which step it was, it does not tell */
		assert_int_equal(rc, -err);
		assert_int_equal(s->fault.stage, SM_STAGE_EXEC);
		assert_int_equal(s->fault.err, err);
	} else if (s->ops->traits & SM_FRESH_IMAGE) {
		assert_int_equal(rc, -err);
		assert_int_equal(s->fault.stage, SM_STAGE_ATTR);
		assert_int_equal(s->fault.err, err);
		assert_int_equal(s->fault.detail, field);
		assert_non_null(strstr(s->fault.text, sm_attr_name(field)));
	} else {
		assert_int_equal(rc, 0);
		su_finish(s, &run);
		assert_int_equal(run.rec.kind, SM_RECORD_FAULT);
		assert_int_equal(run.rec.stage, SM_STAGE_ATTR);
		assert_int_equal(run.rec.err, err);
		assert_int_equal(run.rec.detail, field);
		assert_int_equal(run.rec.pid, run.child.pid);
		assert_int_not_equal(run.exit.status, 0);
		assert_int_equal(run.out_bytes, 0); /* the payload did not run */
	}
	su_good(s, &run, NULL);
}

static void contains(const struct su_run *run, const char *want)
{
	if (!strstr(run->out, want))
		fail_msg("no \"%s\" in:\n%s", want, run->out);
}

static void session_and_group_are_its_own(void **state)
{
	struct sm_req plain = fields(0), sid = fields(SM_REQ_SETSID), pg = fields(SM_REQ_PGID);
	struct sm_req both = fields(SM_REQ_SETSID | SM_REQ_PGID | SM_REQ_UMASK);
	struct su s;
	struct su_run run;

	assert_int_equal(su_start(&s, *state, NULL), 0);
	good(&s, &run, &plain, "SU_FIELDS=1");
	contains(&run, "leader=00 ");
	good(&s, &run, &sid, "SU_FIELDS=1");
	contains(&run, "leader=11 ");
	good(&s, &run, &pg, "SU_FIELDS=1");
	contains(&run, "leader=01 ");
	if (is_posix_spawn(*state))
		both.fields &= ~(uint32_t)SM_REQ_UMASK;
	fails(&s, &both, EPERM,
	      SM_REQ_PGID); /* a session's leader stays; what follows could be done */
	pg.pgid = -1;
	fails(&s, &pg, EINVAL, SM_REQ_PGID);
	su_stop(&s);
}

static void two_children_share_a_group(void **state)
{
	const char *env[] = { "SM_JOB=child/hold", NULL };
	struct sm_req pg = fields(SM_REQ_PGID);
	struct su s;
	struct su_run first, run;
	char want[32];

	assert_int_equal(su_start(&s, *state, NULL), 0);
	assert_int_equal(su_spawn_req(&s, &first, &pg, env), 0);
	su_read_record(&first);
	pg.pgid = first.child.pid;
	snprintf(want, sizeof(want), "pgid=%d ", pg.pgid);
	good(&s, &run, &pg, "SU_FIELDS=1");
	contains(&run, want);
	su_finish(&s, &first);
	su_stop(&s);
}

static void umask_is_as_asked(void **state)
{
	struct sm_req req = fields(SM_REQ_UMASK);
	struct su s;
	struct su_run run;
	mode_t old = umask(027);

	umask(old);
	req.umask = 0137;
	assert_int_equal(su_start(&s, *state, NULL), 0);
	good(&s, &run, &req, "SU_FIELDS=1");
	contains(&run, "umask=137 ");
	req.umask = 0;
	good(&s, &run, &req, "SU_FIELDS=1");
	contains(&run, "umask=0 ");
	assert_int_equal(umask(old), old); /* ours is untouched */
	su_stop(&s);
}

static void signal_mask_is_as_asked(void **state)
{
	const uint64_t masks[] = { 0, 1u << (SIGUSR1 - 1),
				   UINT64_C(1) << 63 | 1u << (SIGTERM - 1) };
	const char *env[] = { "SM_JOB=child/hold", NULL };
	struct sm_req req = fields(SM_REQ_SIGMASK);
	struct su s;
	struct su_run run;
	sigset_t ours, old;

	sigemptyset(&ours);
	sigaddset(&ours, SIGWINCH);
	assert_int_equal(sigprocmask(SIG_BLOCK, &ours, &old), 0);
	assert_int_equal(su_start(&s, *state, NULL), 0);
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		req.sigmask = masks[i];
		assert_int_equal(su_spawn_req(&s, &run, &req, env), 0);
		su_read_record(&run);
		assert_int_equal(su_status(run.child.pid, "SigBlk", 16), masks[i]);
		su_finish(&s, &run);
	}
	su_stop(&s);
	assert_int_equal(sigprocmask(SIG_SETMASK, &old, NULL), 0);
}

static void limits_are_as_asked(void **state)
{
	struct sm_req_limit limits[] = { { RLIMIT_NOFILE, 0, 77, 88 },
					 { RLIMIT_CORE, 0, 0, 4096 },
					 { RLIMIT_CORE, 0, 0, 0 } };
	struct sm_req req = fields(SM_REQ_LIMITS);
	struct su s;
	struct su_run run;
	struct rlimit ours;

	req.limits = limits;
	req.nlimits = 3;
	assert_int_equal(su_start(&s, *state, NULL), 0);
	good(&s, &run, &req, "SU_FIELDS=1");
	contains(&run, "files=77,88 core=0 ");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &ours), 0);
	assert_true(ours.rlim_max > 88);
	limits[1] = (struct sm_req_limit){ 99, 0, 1, 1 };
	fails(&s, &req, EINVAL, SM_REQ_LIMITS);
	limits[1] = (struct sm_req_limit){ RLIMIT_NOFILE, 0, 90, 80 }; /* soft above hard */
	fails(&s, &req, EINVAL, SM_REQ_LIMITS);
	limits[1] = (struct sm_req_limit){ RLIMIT_CORE, 1, 0, 0 };
	refused(&s, &req, EINVAL, SM_REQ_LIMITS);
	req.limits = NULL;
	refused(&s, &req, EINVAL, SM_REQ_LIMITS);
	su_stop(&s);
}

/* A limit that leaves room for nothing but stdio does not stand in the way of what follows. */
static void an_infinite_and_a_tight_limit_work(void **state)
{
	struct sm_req_limit limits[] = { { RLIMIT_CPU, 0, UINT64_MAX, UINT64_MAX },
					 { RLIMIT_NOFILE, 0, 3, 3 } };
	struct sm_req req = fields(SM_REQ_LIMITS);
	struct su s;
	struct su_run run;

	req.limits = limits;
	req.nlimits = 2;
	assert_int_equal(su_start(&s, *state, NULL), 0);
	if (s.ops->traits & SM_FRESH_IMAGE)
		req.nlimits = 1; /* the dynamic linker opens libraries */
	good(&s, &run, &req, "SU_FIELDS=1");
	if (req.nlimits == 2)
		contains(&run, "files=3,3 ");
	su_stop(&s);
}

/* A control group of our own, of whatever version may be had. */
static int make_group(char *path, size_t size)
{
	static const char *const roots[] = { "/sys/fs/cgroup/pids", "/sys/fs/cgroup/unified",
					     "/sys/fs/cgroup" };
	struct stat st;
	char procs[PATH_MAX + 16];

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		snprintf(path, size, "%s/sm-test-attr-%d", roots[i], getpid());
		if (mkdir(path, 0755) < 0)
			continue;
		snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
		if (stat(procs, &st) == 0)
			return open(path, O_RDONLY | O_DIRECTORY); /* exec leaves it open */
		rmdir(path);
	}
	return -1;
}

static int count(const char *text, char what)
{
	int n = 0;

	for (; *text; text++)
		n += *text == what;
	return n;
}

static void cgroup_is_entered(void **state)
{
	struct sm_req_limit tight = { RLIMIT_NOFILE, 0, 3, 3 };
	struct sm_req req = fields(SM_REQ_CGROUP);
	struct su s;
	struct su_run run;
	char path[PATH_MAX], number[16];
	int dir = make_group(path, sizeof(path));

	if (dir < 0)
		skip();
	assert_int_equal(su_start(&s, *state, NULL), 0);
	req.cgroup_fd = dir;
	good(&s, &run, &req, "SU_CGROUP=1");
	contains(&run, strrchr(path, '/'));
	good(&s, &run, &req, "SU_FDS=1");
	snprintf(number, sizeof(number), " %d:", dir);
	if (s.ops->traits & SM_NEGATIVE_CONTROL) /* it was the host's, like all that stays */
		contains(&run, number);
	else /* the directory is not the child's */
		assert_int_equal(count(run.out, ':'), 3);
	if (!(s.ops->traits & SM_FRESH_IMAGE)) { /* opened before the limit counts */
		req.fields |= SM_REQ_LIMITS;
		req.limits = &tight;
		req.nlimits = 1;
		fails(&s,
		      &(struct sm_req){ .timeout_ms = SU_WAIT_MS,
					.fields = SM_REQ_LIMITS | SM_REQ_CGROUP,
					.limits = &tight,
					.nlimits = 1,
					.cgroup_fd = 0 },
		      ENOTDIR, SM_REQ_CGROUP);
		good(&s, &run, &req, "SU_FIELDS=1");
	}
	su_stop(&s);
	close(dir);
	assert_int_equal(rmdir(path), 0); /* nobody is left in it */
}

static void a_cgroup_that_is_none_is_told(void **state)
{
	struct sm_req req = fields(SM_REQ_CGROUP);
	struct su s;
	int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(su_start(&s, *state, NULL), 0);
	refused(&s, &req, EBADF, SM_REQ_CGROUP);
	req.cgroup_fd = root;
	fails(&s, &req, ENOENT, SM_REQ_CGROUP);
	su_stop(&s);
	close(root);
}

/* Where the path to this program is closed to others, nobody can exec it. */
static int may_exec(const struct su *s)
{
	struct stat st;
	char path[PATH_MAX];

	if (!(s->ops->traits & SM_FRESH_IMAGE))
		return 1;
	snprintf(path, sizeof(path), "%s", su_argv()[0]);
	for (char *end = path + strlen(path); end > path; end = strrchr(path, '/')) {
		*end = '\0';
		if (*path && (stat(path, &st) < 0 || !(st.st_mode & S_IXOTH)))
			return 0;
	}
	return 1;
}

static void another_user_with_groups(void **state)
{
	const uint32_t groups[] = { 1234, 5678 };
	struct sm_req req = fields(SM_REQ_GROUPS | SM_REQ_GID | SM_REQ_UID);
	struct su s;
	struct su_run run;

	if (geteuid())
		skip();
	assert_int_equal(su_start(&s, *state, NULL), 0);
	req.uid = NOBODY;
	req.gid = 4321;
	req.groups = groups;
	req.ngroups = 2;
	if (may_exec(&s)) {
		good(&s, &run, &req, "SU_FIELDS=1");
		contains(&run, "uid=65534,65534,65534 gid=4321,4321,4321\n");
		contains(&run, "ngroups=2 group=1234 group=5678\n");
		req.ngroups = 0;
		req.groups = NULL;
		good(&s, &run, &req, "SU_FIELDS=1");
		contains(&run, "ngroups=0\n");
	}
	assert_int_equal(geteuid(), 0);
	su_stop(&s);
}

static void an_id_that_means_none_is_refused(void **state)
{
	struct sm_req uid = fields(SM_REQ_UID), gid = fields(SM_REQ_GID);
	struct sm_req groups = fields(SM_REQ_GROUPS);
	struct su s;

	uid.uid = gid.gid = UINT32_MAX; /* for the kernel: leave it as it is */
	groups.ngroups = 1;
	assert_int_equal(su_start(&s, *state, NULL), 0);
	refused(&s, &uid, EINVAL, SM_REQ_UID);
	refused(&s, &gid, EINVAL, SM_REQ_GID);
	refused(&s, &groups, EINVAL, SM_REQ_GROUPS);
	su_stop(&s);
}

/* 0, or where it went wrong: no assertions, this is a process of its own. */
static int ask_as_nobody(void *arg)
{
	const uint32_t group = 0;
	struct sm_req req = fields(0);
	struct su s;

	unsetenv("TMPDIR"); /* which may be closed to the user that this becomes */
	if (!geteuid() && (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
			   setresuid(NOBODY, NOBODY, NOBODY)))
		return 1;
	if (su_start(&s, arg, NULL))
		return 2;
	req.groups = &group;
	req.ngroups = 1;
	for (uint32_t field = SM_REQ_GROUPS; field <= SM_REQ_UID; field <<= 1) {
		struct su_run run;
		int err, detail;

		req.fields = field;
		err = su_spawn_req(&s, &run, &req, NULL);
		detail = s.fault.detail;
		if (!err) {
			su_finish(&s, &run);
			err = run.rec.kind == SM_RECORD_FAULT ? -run.rec.err : 0;
			detail = run.rec.detail;
		}
		if (err != -EPERM || detail != (int)field)
			return 10 + (int)(field >> 6);
	}
	s.ops->stop(s.self);
	return 0;
}

static void what_a_user_may_not_is_told(void **state)
{
	struct su s = { .ops = sm_strategy("popen") };

	if (!may_exec(&s))
		skip();
	su_in_fork(ask_as_nobody, *state);
}

static void unknown_fields_are_refused(void **state)
{
	struct su s;

	assert_int_equal(su_start(&s, *state, NULL), 0);
	for (int bit = 10; bit < 32; bit++) {
		struct sm_req req = fields(1u << bit | SM_REQ_SETSID);

		refused(&s, &req, EINVAL, (int)(1u << bit));
	}
	su_stop(&s);
}

/* What a caller built before there were fields hands over; behind it anything may lie. */
static void an_older_request_is_served(void **state)
{
	const char *envp[] = { "SM_JOB=child", "SU_FIELDS=1", "ASAN_OPTIONS=detect_leaks=0", NULL };
	const size_t old_size = offsetof(struct sm_req, fields);
	struct sm_req *req = malloc(old_size); /* exact, so that a sanitizer sees a byte too far */
	struct su s;
	struct su_run run = { .child = { .size = sizeof(run.child) },
			      .exit = { .size = sizeof(run.exit) } };

	assert_non_null(req);
	memset(req, 0, old_size);
	memcpy(req, &(uint32_t[]){ (uint32_t)old_size, SU_WAIT_MS }, 8);
	memcpy((char *)req + offsetof(struct sm_req, envp), &(const char *const *){ envp },
	       sizeof(req->envp));
	assert_int_equal(su_start(&s, *state, NULL), 0);
	assert_int_equal(s.ops->spawn(s.self, req, &run.child, &s.fault), 0);
	su_finish(&s, &run);
	assert_int_equal(run.rec.kind, SM_RECORD_DONE);
	contains(&run, "leader=00 ");
	memcpy(req, &(uint32_t){ (uint32_t)old_size - 1 }, 4);
	assert_int_equal(s.ops->spawn(s.self, req, &run.child, &s.fault), -EINVAL);
	assert_int_equal(s.fault.stage, SM_STAGE_ARGUMENT);
	free(req);
	su_stop(&s);
}

/* What posix_spawn(3) has no attribute for, each by itself and beside what it has. */
static void posix_spawn_refuses_the_rest(void **state)
{
	const uint32_t offered = SM_REQ_SETSID | SM_REQ_PGID | SM_REQ_SIGMASK | SM_REQ_FDS;
	const uint32_t group = 0;
	struct su s;

	(void)state;
	assert_int_equal(su_start(&s, "posix_spawn", NULL), 0);
	for (uint32_t bit = 1; bit <= SM_REQ_FDS; bit <<= 1) {
		struct sm_req req = fields(bit);
		struct su_run run;

		req.cgroup_fd = STDIN_FILENO;
		req.groups = &group;
		if (bit & offered) {
			good(&s, &run, &req, "SU_FIELDS=1");
			continue;
		}
		refused(&s, &req, EOPNOTSUPP, (int)bit);
		req.fields |= SM_REQ_SETSID;
		refused(&s, &req, EOPNOTSUPP, (int)bit);
	}
	su_stop(&s);
}

static void meters_refuse(void **state)
{
	static const char *const meters[] = { "noop", "raw" };
	struct sm_req req = fields(SM_REQ_SETSID);

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct su s;
		struct su_run run;

		assert_int_equal(su_start(&s, meters[i], NULL), 0);
		assert_int_equal(su_spawn_req(&s, &run, &req, NULL), -EOPNOTSUPP);
		assert_int_equal(s.fault.stage, SM_STAGE_ATTR);
		assert_int_equal(s.fault.detail, SM_REQ_SETSID);
		su_stop(&s);
	}
}

/* One test: a property and a strategy. */
static struct CMUnitTest tests[20 * SU_REAL_MAX + 2];
static char names[20 * SU_REAL_MAX][96];
static size_t ntests;

static void add(const char *property, CMUnitTestFunction fn, const char *without)
{
	const char *real;

	for (unsigned int i = 0; i < SU_REAL_MAX && (real = su_real(i)); i++) {
		if (without && strcmp(real, without) == 0)
			continue;
		snprintf(names[ntests], sizeof(names[0]), "%s: %s", real, property);
		tests[ntests] = (struct CMUnitTest){ names[ntests], fn, NULL, NULL,
						     (void *)(uintptr_t)real };
		ntests++;
	}
}

#define ADD(fn)                   add(#fn, fn, NULL)
#define ADD_WITHOUT(strategy, fn) add(#fn, fn, #strategy)

int main(int argc, char **argv)
{
	if (getenv("SM_JOB"))
		return su_payload(argc, argv);
	sm_close_from(3, -1); /* what the caller leaked is no part of the counts */
	ADD_WITHOUT(shell, session_and_group_are_its_own); /* but the shell's */
	ADD(two_children_share_a_group);
	ADD_WITHOUT(posix_spawn, umask_is_as_asked);
	ADD_WITHOUT(shell, signal_mask_is_as_asked); /* the shell may clear it */
	ADD_WITHOUT(posix_spawn, limits_are_as_asked);
	ADD_WITHOUT(posix_spawn, an_infinite_and_a_tight_limit_work);
	ADD_WITHOUT(posix_spawn, cgroup_is_entered);
	ADD_WITHOUT(posix_spawn, a_cgroup_that_is_none_is_told);
	ADD_WITHOUT(posix_spawn, another_user_with_groups);
	ADD(an_id_that_means_none_is_refused);
	ADD_WITHOUT(posix_spawn, what_a_user_may_not_is_told);
	ADD(unknown_fields_are_refused);
	ADD(an_older_request_is_served);
	tests[ntests++] = (struct CMUnitTest)cmocka_unit_test(posix_spawn_refuses_the_rest);
	tests[ntests++] = (struct CMUnitTest)cmocka_unit_test(meters_refuse);
	return _cmocka_run_group_tests("attr", tests, ntests, NULL, NULL);
}
