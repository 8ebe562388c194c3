/* SPDX-License-Identifier: MIT */
/*
 * test_berth.c - the parts of a sandbox: its gate when one side fails, what its filter refuses, what
 * its root is made of.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "driver/plan.h"
#include "driver/sandbox.h"
#include "sandbox/plan.h"
#include "spawn_util.h"
#include "sys/sys.h"

/* ---- the gate ---- */

static const struct sm_sandbox *load(const char *layers)
{
	const struct sm_sandbox *sandbox = NULL;
	uint32_t bits = 0;
	int plan;

	if (geteuid())
		skip();
	assert_int_equal(sm_sandbox_parse(layers, &bits), 0);
	plan = sm_sandbox_compile(bits, NULL, NULL);
	assert_true(plan > 2);
	assert_int_equal(sm_sandbox_load(&sandbox, plan), 0);
	close(plan);
	return sandbox;
}

/* Its exit status is the errno of the layer that fails, plus 100 if it is another than user. */
static _Noreturn void enter(struct sm_berth *berth)
{
	int layer = 0, err = sm_berth_stand_aside(berth, NULL);

	if (!err)
		err = sm_berth_enter(berth, &layer);
	_exit(!err ? 0 : layer == SM_LAYER_USER ? -err : 100 - err);
}

static pid_t enter_child(struct sm_berth *berth)
{
	pid_t pid = sm_berth_clone(berth, SIGCHLD);

	assert_true(pid >= 0);
	if (pid == 0)
		enter(berth);
	return pid;
}

static void expect_status(pid_t pid, int status)
{
	struct sm_exit exit = { .size = sizeof(exit) };

	assert_int_equal(sm_wait_child(pid, SU_WAIT_MS, &exit), 0);
	assert_int_equal(exit.status, status);
}

static void a_child_is_let_through(void **state)
{
	const struct sm_sandbox *sandbox = load("user");
	int fds = su_count_fds(getpid()), layer;
	struct sm_berth berth;
	pid_t pid;

	(void)state;
	assert_int_equal(sm_berth_open(&berth, sandbox, &layer), 0);
	pid = enter_child(&berth);
	assert_int_equal(sm_berth_admit(&berth, pid, SU_WAIT_MS), 0);
	sm_berth_close(&berth);
	sm_berth_close(&berth);
	expect_status(pid, 0);
	assert_int_equal(su_count_fds(getpid()), fds);
	sm_sandbox_unload(sandbox);
}

/* Not by a timeout: that would be thirty times as long. */
static void a_child_notices_that_its_creator_has_gone(void **state)
{
	const struct sm_sandbox *sandbox = load("user");
	int64_t began = su_now_ms();
	struct sm_berth berth;
	int layer;
	pid_t pid;

	(void)state;
	assert_int_equal(sm_berth_open(&berth, sandbox, &layer), 0);
	pid = enter_child(&berth);
	sm_berth_close(&berth);
	expect_status(pid, EPIPE << 8);
	assert_true(su_now_ms() - began < 3000);
	sm_sandbox_unload(sandbox);
}

static void a_creator_notices_that_its_child_has_died(void **state)
{
	const struct sm_sandbox *sandbox = load("user");
	int64_t began = su_now_ms();
	struct sm_berth berth;
	int layer;
	pid_t pid;

	(void)state;
	assert_int_equal(sm_berth_open(&berth, sandbox, &layer), 0);
	pid = sm_berth_clone(&berth, SIGCHLD);
	if (pid == 0)
		_exit(3);
	assert_int_equal(sm_berth_admit(&berth, pid, SU_WAIT_MS), -EPIPE);
	sm_berth_close(&berth);
	expect_status(pid, 3 << 8);
	assert_true(su_now_ms() - began < SU_WAIT_MS / 2);
	sm_sandbox_unload(sandbox);
}

static void a_creator_waits_no_longer_than_it_should(void **state)
{
	const struct sm_sandbox *sandbox = load("user");
	struct sm_berth berth;
	int layer;
	pid_t pid;

	(void)state;
	assert_int_equal(sm_berth_open(&berth, sandbox, &layer), 0);
	pid = sm_berth_clone(&berth, SIGCHLD);
	if (pid == 0) {
		raise(SIGSTOP);
		enter(&berth);
	}
	assert_int_equal(sm_berth_admit(&berth, pid, 50), -ETIMEDOUT);
	sm_berth_close(&berth);
	kill(pid, SIGCONT);
	expect_status(pid, EPIPE << 8); /* too late: there is no half of a sandbox */
	sm_sandbox_unload(sandbox);
}

/* What the creator may not do is told by the child. */
static int admit_without_rights(void *arg)
{
	const struct sm_sandbox *sandbox = load("user");
	struct sm_berth berth;
	int layer, err, status;
	pid_t pid;

	(void)arg;
	err = sm_berth_open(&berth, sandbox, &layer);
	pid = err ? -1 : sm_berth_clone(&berth, SIGCHLD);
	if (pid == 0)
		enter(&berth);
	if (pid < 0 || syscall(SYS_setresuid, 12345, 12345, 12345) < 0)
		return 1;
	err = sm_berth_admit(&berth, pid, SU_WAIT_MS);
	if (err != -EPERM && err != -EACCES)
		return 2;
	if (waitpid(pid, &status, 0) != pid || status != -err << 8)
		return 3;
	return 0;
}

static void what_the_creator_may_not_do_is_told_by_the_child(void **state)
{
	(void)state;
	su_in_fork(admit_without_rights, NULL);
}

static void a_child_that_was_not_cloned_as_it_should_is_stopped(void **state)
{
	const struct sm_sandbox *sandbox = load("pid");
	struct sm_berth berth;
	int layer;
	pid_t pid;

	(void)state;
	assert_int_equal(sm_berth_open(&berth, sandbox, &layer), 0);
	pid = fork();
	if (pid == 0)
		enter(&berth);
	expect_status(pid, (100 + ESRCH) << 8);
	sm_sandbox_unload(sandbox);
}

static void without_a_sandbox_there_is_nothing_to_do(void **state)
{
	const struct sm_sandbox *sandbox = (void *)1;
	struct sm_berth berth;
	int layer;

	(void)state;
	assert_int_equal(sm_sandbox_load(&sandbox, 0), 0);
	assert_null(sandbox);
	assert_int_equal(sm_sandbox_layers(NULL), 0);
	assert_int_equal(sm_berth_open(&berth, NULL, &layer), 0);
	assert_int_equal(sm_berth_before_fork(&berth, &layer), 0);
	assert_int_equal(sm_berth_after_fork(&berth), 0);
	assert_int_equal(sm_berth_birthplace(&berth), -1);
	assert_int_equal(sm_berth_admit(&berth, 1, 0), 0);
	assert_int_equal(sm_berth_stand_aside(&berth, NULL), 0);
	assert_int_equal(sm_berth_enter(&berth, &layer), 0);
	assert_int_equal(sm_berth_enter(NULL, &layer), 0);
	sm_berth_close(&berth);
	sm_sandbox_unload(NULL);
}

/* ---- the filter ---- */

#define ALLOWED 0

/* Arguments are such that an allowed call does no harm. */
static const struct {
	const char *name;
	long nr, a, b;
	int err;
} calls[] = {
	{ "ptrace", SYS_ptrace, 0, 0, EPERM },
	{ "process_vm_readv", SYS_process_vm_readv, 0, 0, EPERM },
	{ "process_vm_writev", SYS_process_vm_writev, 0, 0, EPERM },
	{ "pidfd_getfd", SYS_pidfd_getfd, -1, -1, EPERM },
	{ "unshare", SYS_unshare, 0, 0, EPERM },
	{ "setns", SYS_setns, -1, 0, EPERM },
	{ "mount", SYS_mount, 0, 0, EPERM },
	{ "umount2", SYS_umount2, 0, 0, EPERM },
	{ "pivot_root", SYS_pivot_root, 0, 0, EPERM },
	{ "chroot", SYS_chroot, 0, 0, EPERM },
	{ "open_tree", SYS_open_tree, -1, 0, EPERM },
	{ "bpf", SYS_bpf, -1, 0, EPERM },
	{ "perf_event_open", SYS_perf_event_open, 0, 0, EPERM },
	{ "userfaultfd", SYS_userfaultfd, -1, 0, EPERM },
	{ "io_uring_setup", SYS_io_uring_setup, 0, 0, EPERM },
	{ "keyctl", SYS_keyctl, -1, 0, EPERM },
	{ "kexec_load", SYS_kexec_load, 0, 0, EPERM },
	{ "init_module", SYS_init_module, 0, 0, EPERM },
	{ "clone(NEWUSER)", SYS_clone, CLONE_NEWUSER | CLONE_SIGHAND, 0, EPERM },
	{ "clone(NEWNET)", SYS_clone, CLONE_NEWNET | CLONE_SIGHAND, 0, EPERM },
	{ "socket(PACKET)", SYS_socket, AF_PACKET, -1, EPERM },
	{ "clone3", SYS_clone3, 0, 0, ENOSYS },
	/* refused by the kernel itself, which says something else */
	{ "clone(SIGHAND)", SYS_clone, CLONE_SIGHAND, 0, EINVAL },
	{ "socket(UNIX)", SYS_socket, AF_UNIX, -1, EINVAL },
	{ "close_range", SYS_close_range, 2, 1, EINVAL },
	{ "execve", SYS_execve, 0, 0, EFAULT },
	{ "getpid", SYS_getpid, 0, 0, ALLOWED },
};

static int under_the_filter(void *arg)
{
	struct sock_filter *code;
	struct sock_fprog program = { .filter = NULL };
	int n = sm_sandbox_filter(&code), bad = 0;

	(void)arg;
	if (n <= 0)
		return 1;
	program.len = (unsigned short)n;
	program.filter = code;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))
		return 2;
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		int err = syscall(calls[i].nr, calls[i].a, calls[i].b, 0, 0, 0) < 0 ? errno : 0;

		if (err == calls[i].err)
			continue;
		print_message("%s: %s\n", calls[i].name, strerror(err));
		bad = 3;
	}
	free(code);
	return bad;
}

static void the_filter_refuses_what_it_should_and_no_more(void **state)
{
	(void)state;
	su_in_fork(under_the_filter, NULL);
}

/* ---- the root ---- */

static const struct sm_box_entry *entry(const struct sm_root_plan *p, const char *path)
{
	for (uint32_t i = 0; i < p->n; i++)
		if (!strcmp(p->strings + p->entries[i].path_at, path))
			return &p->entries[i];
	return NULL;
}

static void is_kind(const struct sm_root_plan *p, const char *path, int kind)
{
	const struct sm_box_entry *e = entry(p, path);

	if (!e)
		print_message("%s is not there\n", path);
	assert_true(e && (int)e->kind == kind);
}

/* DIR/real/file, DIR/link -> real, and one that leads out of its own directory. */
static void make_tree(char *dir)
{
	char path[128], target[128];
	int fd;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/real", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/real/file", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	snprintf(path, sizeof(path), "%s/link", dir);
	snprintf(target, sizeof(target), "../%s/./real", strrchr(dir, '/') + 1);
	assert_int_equal(symlink(target, path), 0);
	snprintf(path, sizeof(path), "%s/loop", dir);
	assert_int_equal(symlink("loop", path), 0);
}

static void remove_tree(const char *dir)
{
	static const char *const names[] = { "real/file", "link", "loop", "real" };
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		remove(path);
	}
	assert_int_equal(rmdir(dir), 0);
}

static void the_root_has_links_and_what_they_lead_to(void **state)
{
	char dir[] = "/tmp/test-berth-XXXXXX", link[64], real[64], file[64], absent[64];
	const char *const needs[] = { file, link, absent, "/usr/bin", NULL };
	struct sm_root_plan p = { .n = 0 };

	(void)state;
	make_tree(dir);
	snprintf(link, sizeof(link), "%s/link", dir);
	snprintf(real, sizeof(real), "%s/real", dir);
	snprintf(file, sizeof(file), "%s/real/file", dir);
	snprintf(absent, sizeof(absent), "%s/absent", dir);
	assert_int_equal(sm_root_plan(&p, needs), 0);
	is_kind(&p, "/usr", SM_BOX_BIND_DIR);
	is_kind(&p, "/tmp", SM_BOX_DIR);
	is_kind(&p, "/dev", SM_BOX_DIR);
	is_kind(&p, "/dev/null", SM_BOX_BIND_DEV);
	is_kind(&p, dir, SM_BOX_DIR);
	is_kind(&p, link, SM_BOX_LINK);
	is_kind(&p, real, SM_BOX_BIND_DIR);
	assert_null(entry(&p, file));       /* below what is bound */
	assert_null(entry(&p, "/usr/bin")); /* likewise */
	assert_null(entry(&p, absent));
	assert_null(entry(&p, "/etc/passwd"));
	assert_int_equal(p.ntmp, 3);
	assert_ptr_equal(entry(&p, dir), &p.entries[p.n - 3]);
	free(p.entries);
	free(p.strings);
	remove_tree(dir);
}

static void a_loop_of_links_is_an_error(void **state)
{
	char dir[] = "/tmp/test-berth-XXXXXX", loop[64];
	const char *const needs[] = { loop, NULL };
	struct sm_error error = { .text = "" };

	(void)state;
	make_tree(dir);
	snprintf(loop, sizeof(loop), "%s/loop", dir);
	assert_int_equal(sm_sandbox_compile(1u << SM_LAYER_ROOT, needs, &error), -ELOOP);
	assert_non_null(strstr(error.text, "links"));
	remove_tree(dir);
}

static int has(const char *const *list, const char *word)
{
	while (*list && strcmp(*list, word) != 0)
		list++;
	return *list != NULL;
}

static void a_payload_needs_its_prefix_and_the_files_that_it_names(void **state)
{
	static const char *const argv[] = {
		"/usr/bin/env", "--lib",           "/etc/passwd", "/dev",
		"plain",        "/does/not/exist", "/",           NULL
	};
	static const char *const env[] = { "SM_CHECKS=/bin/sh", "PATH=/root",
					   "PYTHONPATH=/proc:/also/not", "HOME=/home", NULL };
	struct sm_arena *arena = sm_arena_new();
	const char *const *needs = sm_sandbox_needs(arena, argv, env);

	(void)state;
	assert_non_null(needs);
	assert_true(has(needs, "/usr"));
	assert_true(has(needs, "/etc"));
	assert_true(has(needs, "/dev"));
	assert_true(has(needs, "/bin"));
	assert_true(has(needs, "/proc"));
	assert_false(has(needs, "/"));
	assert_false(has(needs, "/root") || has(needs, "/home") || has(needs, "/does/not"));
	sm_arena_free(arena);
}

static void names_of_layers_are_understood(void **state)
{
	uint32_t bits = 0, all = 0;

	(void)state;
	assert_int_equal(sm_sandbox_parse("pid+net", &bits), 0);
	assert_int_equal(bits, 1u << SM_LAYER_PID | 1u << SM_LAYER_NET);
	assert_int_equal(sm_sandbox_parse("root", &bits), 0);
	assert_true(bits & 1u << SM_LAYER_MOUNT);
	assert_int_equal(sm_sandbox_parse("caps+seccomp", &bits), 0);
	assert_true(bits & 1u << SM_LAYER_NNP); /* seccomp(2) asks for it */
	assert_int_equal(sm_sandbox_parse("seccomp", &bits), 0);
	assert_false(bits & 1u << SM_LAYER_NNP);
	assert_int_equal(sm_sandbox_parse("full", &all), 0);
	assert_int_equal(all, (1u << SM_LAYER_COUNT) - 1);
	assert_int_equal(sm_sandbox_parse("pid+", &bits), -EINVAL);
	assert_int_equal(sm_sandbox_parse("pi", &bits), -EINVAL);
	assert_int_equal(sm_sandbox_compile(1u << SM_LAYER_COUNT, NULL, NULL), -EINVAL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_is_let_through),
		cmocka_unit_test(a_child_notices_that_its_creator_has_gone),
		cmocka_unit_test(a_creator_notices_that_its_child_has_died),
		cmocka_unit_test(a_creator_waits_no_longer_than_it_should),
		cmocka_unit_test(what_the_creator_may_not_do_is_told_by_the_child),
		cmocka_unit_test(a_child_that_was_not_cloned_as_it_should_is_stopped),
		cmocka_unit_test(without_a_sandbox_there_is_nothing_to_do),
		cmocka_unit_test(the_filter_refuses_what_it_should_and_no_more),
		cmocka_unit_test(the_root_has_links_and_what_they_lead_to),
		cmocka_unit_test(a_loop_of_links_is_an_error),
		cmocka_unit_test(a_payload_needs_its_prefix_and_the_files_that_it_names),
		cmocka_unit_test(names_of_layers_are_understood),
	};

	if (getenv("SM_JOB"))
		return su_payload(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
