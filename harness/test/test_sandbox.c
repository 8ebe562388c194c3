/* SPDX-License-Identifier: MIT */
/*
 * test_sandbox.c - every layer, alone and together, as it is seen from outside: the child waits
 * while its parent looks at it in /proc. Each layer must show, and nothing else may.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "driver/plan.h"
#include "driver/sandbox.h"
#include "spawn_util.h"
#include "sys/sys.h"

#define BIT(layer) (1u << SM_LAYER_##layer)

static int compile(uint32_t layers)
{
	struct sm_arena *arena = sm_arena_new();
	const char *const *needs = sm_sandbox_needs(arena, su_argv(), NULL);
	struct sm_error error = { .text = "" };
	int fd;

	if (geteuid())
		skip();
	assert_non_null(needs);
	fd = sm_sandbox_compile(layers, needs, &error);
	if (fd < 0)
		print_message("%s\n", error.text);
	assert_true(fd > 2);
	sm_arena_free(arena);
	return fd;
}

static uint32_t parse(const char *text)
{
	uint32_t layers = 0;

	assert_int_equal(sm_sandbox_parse(text, &layers), 0);
	return layers;
}

/* ---- a child that waits ---- */

static void begin(struct su *s, struct su_run *run, const char *strategy, uint32_t layers)
{
	const char *const hold[] = { "SM_JOB=child/hold", NULL };
	int plan = compile(layers), err;

	assert_int_equal(su_start_plan(s, strategy, plan), 0);
	err = su_spawn(s, run, NULL, hold, NULL, SU_WAIT_MS);
	if (err)
		print_message("%s: %s (stage %d, %s)\n", strategy, strerror(-err), s->fault.stage,
			      s->fault.text);
	assert_int_equal(err, 0);
	su_read_record(run);
	if (run->rec.kind != SM_RECORD_READY)
		print_message("%s: stage %d detail %d: %s\n", strategy, run->rec.stage,
			      run->rec.detail, strerror(run->rec.err));
	assert_int_equal(run->rec.kind, SM_RECORD_READY);
}

static void end(struct su *s, struct su_run *run)
{
	int plan = s->plan;

	assert_int_equal(write(run->child.in, "", 1), 1);
	run->rec.magic = 0;
	su_read_record(run);
	assert_int_equal(run->rec.kind, SM_RECORD_DONE);
	su_finish(s, run);
	assert_int_equal(run->exit.status, 0);
	su_stop(s);
	close(plan);
}

/* ---- what is seen of it ---- */

static void read_proc(pid_t pid, const char *name, char *text, size_t size)
{
	char path[128];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	n = read(fd, text, size - 1);
	assert_true(n >= 0);
	text[n] = '\0';
	close(fd);
}

static bool other_namespace(pid_t pid, const char *name)
{
	char path[64], own[64];
	struct stat a, b;

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, name);
	snprintf(own, sizeof(own), "/proc/self/ns/%s", name);
	assert_int_equal(stat(path, &a), 0);
	assert_int_equal(stat(own, &b), 0);
	return a.st_ino != b.st_ino;
}

static bool other_text(pid_t pid, const char *name)
{
	char a[4096], b[4096];

	read_proc(pid, name, a, sizeof(a));
	read_proc(getpid(), name, b, sizeof(b));
	return strcmp(a, b) != 0;
}

static bool other_root(pid_t pid)
{
	char path[64];
	struct statvfs fs;

	snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	assert_int_equal(statvfs(path, &fs), 0);
	snprintf(path, sizeof(path), "/proc/%d/root/etc/passwd", (int)pid);
	return fs.f_flag & ST_RDONLY && access(path, F_OK) < 0;
}

static bool has_line(pid_t pid, const char *name, const char *line)
{
	char text[8192];

	read_proc(pid, name, text, sizeof(text));
	return strstr(text, line) != NULL;
}

static bool limited(pid_t pid)
{
	/* Not by prlimit(2): that may need a capability, of which there may be fewer here. */
	return has_line(pid, "limits", "Max open files            256                  256 ") &&
	       has_line(pid, "limits", "Max core file size        0                    0 ");
}

static bool without_caps(pid_t pid)
{
	return has_line(pid, "status",
			"CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
			"CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n"
			"CapAmb:\t0000000000000000\n");
}

/* The layers that show. */
static uint32_t seen(pid_t pid)
{
	uint32_t layers = 0;

	layers |= other_text(pid, "cgroup") ? BIT(CGROUP) : 0;
	layers |= other_namespace(pid, "pid") ? BIT(PID) : 0;
	layers |= other_namespace(pid, "ipc") ? BIT(IPC) : 0;
	layers |= other_namespace(pid, "uts") ? BIT(UTS) : 0;
	layers |= other_namespace(pid, "net") ? BIT(NET) : 0;
	layers |= other_namespace(pid, "cgroup") ? BIT(CGROUPNS) : 0;
	layers |= other_namespace(pid, "mnt") ? BIT(MOUNT) : 0;
	layers |= other_root(pid) ? BIT(ROOT) : 0;
	layers |= limited(pid) ? BIT(LIMITS) : 0;
	layers |= other_namespace(pid, "user") ? BIT(USER) : 0;
	layers |= has_line(pid, "status", "\nUid:\t1001000\t1001000\t1001000\t1001000\n") &&
				  has_line(pid, "status",
					   "\nGid:\t1001000\t1001000\t1001000\t1001000\n") &&
				  has_line(pid, "status", "\nGroups:\t \n")
			  ? BIT(IDS)
			  : 0;
	layers |= without_caps(pid) ? BIT(CAPS) : 0;
	layers |= has_line(pid, "status", "\nNoNewPrivs:\t1\n") ? BIT(NNP) : 0;
	layers |= has_line(pid, "status", "\nSeccomp:\t2\n") ? BIT(SECCOMP) : 0;
	return layers;
}

static void names(uint32_t layers, char *text, size_t size)
{
	size_t n = 0;

	text[0] = '\0';
	for (int i = 0; i < SM_LAYER_COUNT; i++)
		if (layers >> i & 1)
			n += (size_t)snprintf(text + n, size - n, " %s", sm_layer_name(i));
}

static void shows(const char *strategy, const char *layers)
{
	char have[200], want[200];
	struct su_run run;
	struct su s;
	uint32_t bits = parse(layers), got;

	begin(&s, &run, strategy, bits);
	got = seen(run.child.pid);
	names(got, have, sizeof(have));
	names(bits, want, sizeof(want));
	if (got != bits)
		print_message("%s %s: wanted%s; seen%s\n", strategy, layers, want, have);
	assert_int_equal(got, bits);
	end(&s, &run);
}

static void each_layer_shows_and_no_other(void **state)
{
	shows(*state, "none");
	for (int i = 0; i < SM_LAYER_COUNT; i++)
		shows(*state, sm_layer_name(i));
}

static void the_presets_show(void **state)
{
	shows(*state, "ns");
	shows(*state, "full");
	shows(*state, "pid+mount");
	shows(*state, "ids+caps+nnp+seccomp");
	shows(*state, "user+ids");
}

/* ---- what each holds ---- */

static int count_numbers(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int n = 0;

	assert_non_null(d);
	while ((e = readdir(d)))
		n += e->d_name[0] >= '0' && e->d_name[0] <= '9';
	closedir(d);
	return n;
}

static void a_pid_namespace_has_its_own_proc(void **state)
{
	char path[64];
	struct su_run run;
	struct su s;

	begin(&s, &run, *state, parse("pid+mount"));
	assert_int_equal(run.rec.pid, 1);
	snprintf(path, sizeof(path), "/proc/%d/root/proc", (int)run.child.pid);
	assert_int_equal(count_numbers(path), 1);
	end(&s, &run);
}

static void a_user_namespace_is_of_unprivileged_ids(void **state)
{
	struct su_run run;
	struct su s;

	begin(&s, &run, *state, parse("user"));
	assert_true(has_line(run.child.pid, "uid_map", "         0    1000000      65536\n"));
	assert_true(has_line(run.child.pid, "gid_map", "         0    1000000      65536\n"));
	assert_true(has_line(run.child.pid, "setgroups", "deny"));
	assert_true(has_line(run.child.pid, "status", "\nUid:\t1000000\t1000000\t"));
	assert_true(has_line(run.child.pid, "status", "\nGroups:\t \n"));
	end(&s, &run);
}

static int read_host_name(void *arg)
{
	char name[64] = "";
	int fd = open(arg, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWUTS) < 0 || gethostname(name, sizeof(name) - 1) < 0)
		return 1;
	close(fd);
	return strcmp(name, "sandbox") ? 2 : 0;
}

static void the_host_has_another_name_inside(void **state)
{
	char before[64] = "", after[64] = "", path[64];
	struct su_run run;
	struct su s;

	assert_int_equal(gethostname(before, sizeof(before) - 1), 0);
	begin(&s, &run, *state, parse("uts"));
	snprintf(path, sizeof(path), "/proc/%d/ns/uts", (int)run.child.pid);
	su_in_fork(read_host_name, path);
	assert_int_equal(gethostname(after, sizeof(after) - 1), 0);
	assert_string_equal(before, after);
	end(&s, &run);
}

/* As most hosts have it: what is mounted here is mounted there too, unless somebody sees to it. */
static int among_shared_mounts(void *arg)
{
	static const char *const layers[] = { "mount", "root", "pid+mount" };
	struct su_run run;
	struct su s;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) < 0)
		return 1;
	assert_true(has_line(getpid(), "mountinfo", " shared:"));
	for (size_t i = 0; i < sizeof(layers) / sizeof(*layers); i++) {
		begin(&s, &run, arg, parse(layers[i]));
		assert_false(has_line(run.child.pid, "mountinfo", " shared:"));
		assert_false(has_line(run.child.pid, "mountinfo", " master:"));
		end(&s, &run);
	}
	return 0;
}

static void nothing_propagates(void **state)
{
	su_in_fork(among_shared_mounts, *state);
}

static void the_root_holds_what_is_said_and_no_more(void **state)
{
	static const char *const there[] = { "usr/bin", "lib", "dev/null", "tmp", "proc/1" };
	static const char *const absent[] = { "root", "etc/shadow", "sys", "home", "dev/kmsg" };
	char path[96];
	struct statvfs fs;
	struct su_run run;
	struct su s;

	begin(&s, &run, *state, parse("root+pid"));
	for (size_t i = 0; i < sizeof(there) / sizeof(*there); i++) {
		snprintf(path, sizeof(path), "/proc/%d/root/%s", (int)run.child.pid, there[i]);
		assert_int_equal(access(path, F_OK), 0);
	}
	for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++) {
		snprintf(path, sizeof(path), "/proc/%d/root/%s", (int)run.child.pid, absent[i]);
		assert_int_equal(access(path, F_OK), -1);
	}
	snprintf(path, sizeof(path), "/proc/%d/root/usr", (int)run.child.pid);
	assert_int_equal(statvfs(path, &fs), 0);
	assert_true(fs.f_flag & ST_RDONLY && fs.f_flag & ST_NOSUID);
	snprintf(path, sizeof(path), "/proc/%d/root/tmp", (int)run.child.pid);
	assert_int_equal(statvfs(path, &fs), 0);
	assert_false(fs.f_flag & ST_RDONLY);
	assert_int_equal(fs.f_blocks * fs.f_frsize, SM_SANDBOX_TMP_BYTES);
	/* Nothing of the host's own tree: each mount lies on what the plan named. */
	assert_false(has_line(run.child.pid, "mountinfo", " /sys "));
	end(&s, &run);
}

/* DIR of the group that holds those of the creator's children, in whatever hierarchy. */
static void groups_of(pid_t pid, char *dir, size_t size)
{
	char text[4096], own[400];
	const char *at;
	size_t n;

	if (sm_cgroup_own("", own, sizeof(own)))
		assert_int_equal(sm_cgroup_own("cpuacct", own, sizeof(own)), 0);
	read_proc(pid, "cgroup", text, sizeof(text));
	at = strstr(text, "/sandbox-");
	assert_non_null(at);
	n = strcspn(at + 1, "/\n") + 1;
	assert_true(at[n] == '/');
	snprintf(dir, size, "%s%.*s", own, (int)n, at);
}

static void each_child_has_a_group_of_its_own(void **state)
{
	const char *const hold[] = { "SM_JOB=child/hold", NULL };
	char a[4096], b[4096], dir[512];
	struct su_run run, second;
	struct su s;

	begin(&s, &run, *state, parse("cgroup"));
	read_proc(run.child.pid, "cgroup", a, sizeof(a));
	groups_of(run.child.pid, dir, sizeof(dir));
	assert_int_equal(su_spawn(&s, &second, NULL, hold, NULL, SU_WAIT_MS), 0);
	su_read_record(&second);
	read_proc(second.child.pid, "cgroup", b, sizeof(b));
	assert_string_not_equal(a, b);
	su_finish(&s, &second); /* at the end of its stdin it ends */
	for (int i = 0; i < 100; i++)
		su_good(&s, &second, NULL);
	assert_in_range(count_numbers(dir), 1, 6); /* of this one, and of some just dead */
	assert_int_equal(access(dir, F_OK), 0);
	end(&s, &run);
	assert_int_equal(access(dir, F_OK), -1);
}

static void a_request_can_ask_for_less_than_the_limits(void **state)
{
	const struct sm_req_limit less = { RLIMIT_NOFILE, 0, 100, 120 };
	const struct sm_req req = {
		.timeout_ms = SU_WAIT_MS, .fields = SM_REQ_LIMITS, .limits = &less, .nlimits = 1
	};
	const char *const env[] = { "SU_FIELDS=1", NULL };
	struct su_run run;
	struct su s;
	int plan = compile(parse("limits"));

	assert_int_equal(su_start_plan(&s, *state, plan), 0);
	assert_int_equal(su_spawn_req(&s, &run, &req, env), 0);
	su_finish(&s, &run);
	assert_non_null(strstr(run.out, "files=100,120 core=0"));
	su_stop(&s);
	close(plan);
}

static void a_directory_is_looked_up_in_the_new_root(void **state)
{
	const char *const env[] = { "SU_TELL=1", NULL };
	struct su_run run;
	struct su s;
	int plan = compile(parse("full"));

	assert_int_equal(su_start_plan(&s, *state, plan), 0);
	assert_int_equal(su_spawn(&s, &run, NULL, env, "/tmp", SU_WAIT_MS), 0);
	su_finish(&s, &run);
	assert_non_null(strstr(run.out, "cwd=/tmp\n"));
	su_stop(&s);
	close(plan);
}

/* ---- failures ---- */

/* In this process and all that it will exec. */
static void give_up_sys_admin(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];

	assert_int_equal(prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0), 0);
	assert_int_equal(syscall(SYS_capget, &head, caps), 0);
	caps[0].effective &= ~(1u << CAP_SYS_ADMIN);
	caps[0].permitted &= ~(1u << CAP_SYS_ADMIN);
	assert_int_equal(syscall(SYS_capset, &head, caps), 0);
}

/* Whoever tells it, the layer and the errno are told. */
static void refused(const char *strategy, uint32_t layers, int layer)
{
	struct su_run run;
	struct su s;
	int plan = compile(layers), err;

	assert_int_equal(su_start_plan(&s, strategy, plan), 0);
	err = su_spawn(&s, &run, NULL, NULL, NULL, SU_WAIT_MS);
	if (!err) {
		su_finish(&s, &run);
		assert_int_equal(run.rec.kind, SM_RECORD_FAULT);
		assert_int_not_equal(run.exit.status, 0);
		s.fault.stage = run.rec.stage;
		s.fault.err = run.rec.err;
		s.fault.detail = run.rec.detail;
	} else {
		assert_int_equal(err, -EPERM);
		assert_non_null(strstr(s.fault.text, sm_layer_name(layer)));
	}
	assert_int_equal(s.fault.stage, SM_STAGE_SANDBOX);
	assert_int_equal(s.fault.err, EPERM);
	assert_int_equal(s.fault.detail, layer);
	su_stop(&s);
	close(plan);
}

static int without_sys_admin(void *arg)
{
	const int all[] = { SM_LAYER_PID, SM_LAYER_IPC,      SM_LAYER_UTS,
			    SM_LAYER_NET, SM_LAYER_CGROUPNS, SM_LAYER_MOUNT };

	give_up_sys_admin();
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		refused(arg, 1u << all[i], all[i]);
	refused(arg, BIT(ROOT) | BIT(MOUNT), SM_LAYER_ROOT);
	refused(arg, BIT(NNP) | BIT(UTS) | BIT(LIMITS), SM_LAYER_UTS);
	return 0;
}

static void a_layer_that_fails_is_told(void **state)
{
	su_in_fork(without_sys_admin, *state);
}

static int bad_memfd(const char *bytes, size_t n, int seals)
{
	int fd = memfd_create("bad", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(write(fd, bytes, n), n);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void refuses_plan(const char *strategy, int fd)
{
	struct su s;

	assert_true(fd > 0);
	assert_int_equal(su_start_plan(&s, strategy, fd), -EINVAL);
	assert_int_equal(s.fault.stage, SM_STAGE_SANDBOX);
	assert_int_equal(s.fault.detail, -1);
	su_nothing_left(&s);
	close(fd);
}

static void a_plan_that_is_none_is_refused(void **state)
{
	const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	int good = compile(parse("full"));
	static char bytes[64 << 10];
	ssize_t n = pread(good, bytes, sizeof(bytes), 0);

	assert_true(n > 0);
	close(good);
	refuses_plan(*state, open("/dev/null", O_RDONLY | O_CLOEXEC));
	refuses_plan(*state, bad_memfd("", 0, seals));
	refuses_plan(*state, bad_memfd(bytes, (size_t)n, seals & ~F_SEAL_WRITE));
	refuses_plan(*state, bad_memfd(bytes, (size_t)n - 8, seals));
	for (size_t at = 0; at < 24; at += 4) { /* magic, size, unknown layers … */
		char old = bytes[at + 3];

		bytes[at + 3] = (char)(old ^ 0x40);
		if (at != 16 && at != 20) /* where maps go may be anything */
			refuses_plan(*state, bad_memfd(bytes, (size_t)n, seals));
		bytes[at + 3] = old;
	}
}

static void others_refuse_a_plan(void **state)
{
	static const char *const without[] = { "fork", "noop",  "posix_spawn",
					       "raw",  "shell", "vfork" };
	int plan = compile(parse("nnp"));
	struct su s;

	(void)state;
	for (size_t i = 0; i < sizeof(without) / sizeof(*without); i++) {
		assert_false(sm_strategy(without[i])->traits & SM_SANDBOXES);
		assert_int_equal(su_start_plan(&s, without[i], plan), -EOPNOTSUPP);
		assert_int_equal(s.fault.stage, SM_STAGE_SANDBOX);
		su_nothing_left(&s);
	}
	close(plan);
}

/* ---- what this machine can ---- */

static int trials_without_sys_admin(void *arg)
{
	struct sm_sandbox_trial t[SM_LAYER_COUNT];

	(void)arg;
	give_up_sys_admin();
	sm_sandbox_try_all(t);
	for (int i = 0; i < SM_LAYER_COUNT; i++) {
		uint32_t needs = (BIT(PID) | BIT(IPC) | BIT(UTS) | BIT(NET) | BIT(CGROUPNS) |
				  BIT(MOUNT) | BIT(ROOT)) >>
					 i &
				 1;

		if (i == SM_LAYER_USER || i == SM_LAYER_SECCOMP) /* the host's own policy */
			continue;
		if (t[i].err != (needs ? EPERM : 0))
			print_message("%s: %s\n", sm_layer_name(i), strerror(t[i].err));
		assert_int_equal(t[i].err, needs ? EPERM : 0);
		assert_int_equal(t[i].layer, needs ? i : -1);
	}
	return 0;
}

static void a_trial_says_which_layers_there_are(void **state)
{
	struct sm_sandbox_trial t[SM_LAYER_COUNT];
	int fds = su_count_fds(getpid()), children = su_count_children(getpid());

	(void)state;
	sm_sandbox_try_all(t);
	for (int i = 0; i < SM_LAYER_COUNT; i++) {
		if (t[i].err)
			print_message("%s: %s\n", sm_layer_name(i), strerror(t[i].err));
		assert_int_equal(t[i].err, 0);
		assert_int_equal(t[i].layer, -1);
	}
	assert_int_equal(su_count_fds(getpid()), fds);
	assert_int_equal(su_count_children(getpid()), children);
	su_in_fork(trials_without_sys_admin, NULL);
}

/* clang-format off */
#define EACH(test) \
	{ #test " (popen)", test, NULL, NULL, (void *)"popen" }, \
	{ #test " (zygote)", test, NULL, NULL, (void *)"zygote" }, \
	{ #test " (forkserver)", test, NULL, NULL, (void *)"forkserver" }, \
	{ #test " (zygote3)", test, NULL, NULL, (void *)"zygote3" }, \
	{ #test " (subreaper)", test, NULL, NULL, (void *)"subreaper" }
/* clang-format on */

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		EACH(each_layer_shows_and_no_other),
		EACH(the_presets_show),
		EACH(a_pid_namespace_has_its_own_proc),
		EACH(a_user_namespace_is_of_unprivileged_ids),
		EACH(the_host_has_another_name_inside),
		EACH(nothing_propagates),
		EACH(the_root_holds_what_is_said_and_no_more),
		EACH(each_child_has_a_group_of_its_own),
		EACH(a_request_can_ask_for_less_than_the_limits),
		EACH(a_directory_is_looked_up_in_the_new_root),
		EACH(a_layer_that_fails_is_told),
		EACH(a_plan_that_is_none_is_refused),
		cmocka_unit_test(others_refuse_a_plan),
		cmocka_unit_test(a_trial_says_which_layers_there_are),
	};
	const gid_t groups[] = { 4, 20 };

	if (getenv("SM_JOB"))
		return su_payload(argc, argv);
	if (!geteuid() && setgroups(2, groups) < 0) /* so that there are some to lose */
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
