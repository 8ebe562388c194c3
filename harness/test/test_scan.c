/* SPDX-License-Identifier: MIT */
/*
 * test_scan.c - the controls of the isolation suite: the scanner finds what is there, in every
 * kind of place, and nothing else. Without them "absent" would say nothing.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "isolation_util.h"
#include "../isolation/canary.h"
#include "../isolation/scan.h"

struct tools {
	struct sm_scan *scan;
	struct sm_sought sought[SM_SECRETS];
};

static void scan_self(struct tools *t, const struct sm_secrets *s)
{
	t->scan = mmap(NULL, sizeof(*t->scan), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	assert_ptr_not_equal(t->scan, MAP_FAILED);
	for (int i = 0; i < SM_SECRETS; i++)
		t->sought[i].masked = s->row[i].masked;
	sm_scan_init(t->scan, &s->mask, t->sought, SM_SECRETS, WAIT_MS);
	sm_scan_memory(t->scan);
	assert_int_equal(t->scan->err, 0);
	sm_scan_descriptors(t->scan);
	assert_int_equal(t->scan->fd_err, 0);
	assert_false(t->scan->cut_short);
}

/* Canaries that were never planted are found nowhere, though their masked list is in memory. */
static void test_scanner_finds_nothing(void **state)
{
	struct sm_secrets *s;
	struct tools t;
	unsigned char clear[SM_CANARY_BYTES];

	(void)state;
	assert_int_equal(sm_secrets_new(&s, NULL), 0);
	for (int i = 0; i < SM_SECRETS; i++) {
		assert_int_equal(sm_canary_make(clear), 0);
		sm_canary_mask(s->row[i].masked.b, clear, &s->mask);
		explicit_bzero(clear, sizeof(clear));
	}
	scan_self(&t, s);
	for (int i = 0; i < SM_SECRETS; i++)
		assert_int_equal(t.scan->hit[i].times, 0);
	assert_true(t.scan->bytes > 1000000);
	munmap(t.scan, sizeof(*t.scan));
	sm_secrets_free(s);
}

/* Planted in this process itself, each is found, once, and where it was put: every kind of place. */
static void test_scanner_finds_everything(void **state)
{
	struct sm_secrets_room room;
	struct sm_secrets *s;
	struct tools t;

	(void)state;
	assert_int_equal(sm_secrets_new(&s, &room), 0);
	assert_int_equal(sm_secrets_plant(s, SM_BEFORE), 0);
	assert_int_equal(sm_secrets_plant(s, SM_AFTER), 0);
	assert_int_equal(sm_secrets_plant(s, SM_AFTER), -EALREADY);
	scan_self(&t, s);
	for (int i = 0; i < SM_SECRETS; i++) {
		const struct sm_hit *h = &t.scan->hit[i];

		if (!s->row[i].planted)
			fail_msg("%s: %s", s->row[i].name, s->row[i].reason);
		if (h->times != 1)
			fail_msg("%s: found %u times, %s", s->row[i].name, h->times, h->where);
		if (s->row[i].in_descriptor)
			assert_int_equal(h->fd, s->row[i].fd);
		else
			assert_true(h->addr == s->row[i].addr);
	}
	/* A second look finds the same: nothing was consumed. */
	munmap(t.scan, sizeof(*t.scan));
	scan_self(&t, s);
	for (int i = 0; i < SM_SECRETS; i++)
		assert_int_equal(t.scan->hit[i].times, 1);
	munmap(t.scan, sizeof(*t.scan));
	sm_secrets_free(s);
}

static void find_one_at(unsigned char *at)
{
	struct sm_secrets *s;
	struct tools t;

	assert_int_equal(sm_secrets_new(&s, NULL), 0);
	assert_int_equal(sm_canary_make(at), 0);
	sm_canary_mask(s->row[0].masked.b, at, &s->mask);
	scan_self(&t, s);
	assert_true(t.scan->hit[0].times >= 1);
	assert_true(t.scan->hit[0].addr == (uint64_t)(uintptr_t)at);
	munmap(t.scan, sizeof(*t.scan));
	explicit_bzero(at, SM_CANARY_BYTES);
	sm_secrets_free(s);
}

/* At every offset against the edges of mappings and of the scanner's chunks and steps. */
static void test_scanner_edges(void **state)
{
	const size_t bytes = 3 * SM_SCAN_CHUNK;
	const size_t at[] = { 0,
			      1,
			      SM_SCAN_CHUNK - 15,
			      SM_SCAN_CHUNK - 8,
			      SM_SCAN_CHUNK - 1,
			      SM_SCAN_CHUNK,
			      2 * SM_SCAN_CHUNK - 23,
			      bytes - 17,
			      bytes - 16 };
	unsigned char *area =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(area, MAP_FAILED);
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		find_one_at(area + at[i]);
	for (size_t i = 2; i < 2 + SM_CANARY_BYTES; i++)
		find_one_at(area + i);
	munmap(area, bytes);
}

/* The control inside of a run finds what is planted, and tells what it does not find. */
static void test_control(void **state)
{
	static struct sm_attack a = { .timeout_ms = STEP_MS };
	char why[SM_SOUGHT_MAX][SM_CONTROL_WHY];
	struct sm_secrets_room room;
	struct sm_secrets *s;

	(void)state;
	assert_int_equal(sm_secrets_new(&s, &room), 0);
	assert_int_equal(sm_secrets_plant(s, SM_BEFORE), 0);
	a.mask = s->mask;
	for (int i = 0; i < SM_SECRETS; i++) {
		a.sought[i].masked = s->row[i].masked;
		a.sought[i].in_descriptor = (uint32_t)s->row[i].in_descriptor;
		if (!s->row[i].planted) /* of the second moment: made up, and nowhere */
			assert_int_equal(sm_random_bytes(&a.sought[i].masked, SM_CANARY_BYTES), 0);
	}
	a.nsought = SM_SECRETS;
	assert_int_equal(sm_control(&a, why), 0);
	for (int i = 0; i < SM_SECRETS; i++) {
		if (s->row[i].planted)
			assert_string_equal(why[i], "");
		else
			assert_non_null(strstr(why[i], "did not find it at home"));
	}
	sm_secrets_free(s);
}

/* A scan that saw nothing, or too little, may not say "absent". */
static void test_blind_scan(void **state)
{
	static const struct {
		uint64_t bytes, unread;
		uint32_t left_out, fd_unread;
		int cut_short, err, fd_err;
		int memory, descriptor; /* whether it is blind there */
	} rows[] = {
		{ .bytes = 0, .memory = 1 },
		{ .bytes = 6400 },
		{ .bytes = 6400, .unread = 101 },
		{ .bytes = 6400, .unread = 200, .memory = 1 },
		{ .bytes = 6400, .cut_short = 1, .memory = 1 },
		{ .bytes = 6400, .left_out = 1, .memory = 1 },
		{ .bytes = 6400, .err = -EACCES, .memory = 1 },
		{ .bytes = 6400, .fd_err = -EACCES, .descriptor = 1 },
		{ .bytes = 6400, .fd_unread = 1, .descriptor = 1 },
	};
	static struct sm_scan scan;
	char why[160];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		scan.bytes = rows[i].bytes;
		scan.unread = rows[i].unread;
		scan.left_out = rows[i].left_out;
		scan.fd_unread = rows[i].fd_unread;
		scan.cut_short = rows[i].cut_short;
		scan.err = rows[i].err;
		scan.fd_err = rows[i].fd_err;
		assert_int_equal(sm_scan_blind(&scan, 0, why, sizeof(why)), rows[i].memory);
		assert_int_equal(sm_scan_blind(&scan, 1, why, sizeof(why)), rows[i].descriptor);
	}
}

/* Pages that are said to be readable and are not: a file's mapping beyond its end. */
static void test_unread_is_counted(void **state)
{
	const size_t bytes = 8u << 20;
	int fd = memfd_create("spawnmark-short", MFD_CLOEXEC);
	void *area = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	struct sm_secrets *s;
	struct tools t;
	char why[160];

	(void)state;
	assert_ptr_not_equal(area, MAP_FAILED);
	assert_int_equal(sm_secrets_new(&s, NULL), 0);
	scan_self(&t, s);
	assert_true(t.scan->unread >= bytes);
	assert_true(sm_scan_blind(t.scan, 0, why, sizeof(why)));
	munmap(t.scan, sizeof(*t.scan));
	munmap(area, bytes);
	close(fd);
	sm_secrets_free(s);
}

static void test_taint(void **state)
{
	struct sm_masked mask, mark, another;

	(void)state;
	assert_int_equal(sm_random_bytes(&mask, sizeof(mask)), 0);
	assert_int_equal(sm_random_bytes(&mark, sizeof(mark)), 0);
	assert_int_equal(sm_random_bytes(&another, sizeof(another)), 0);
	assert_false(sm_taint_seen(&mark, &mask));
	sm_taint_leave(&mark, &mask);
	assert_true(sm_taint_seen(&mark, &mask)); /* one image reused: what a worker would leave */
	assert_false(sm_taint_seen(&another, &mask));
}

/* A permitted read at an address that nobody knew says nothing of the victim. */
static void test_unknown_address(void **state)
{
	static const char *const by_address[] = { "proc-mem", "process-vm-readv", "ptrace" };
	static struct sm_attack a = { .timeout_ms = WAIT_MS };
	static struct sm_findings f;
	struct sm_victim_plan *v = &a.victim[SM_VICTIM_SIBLING];
	int seen = 0;

	(void)state;
	assert_int_equal(sm_random_bytes(&v->memory, sizeof(v->memory)), 0);
	v->fd = -1;
	v->pid = fork();
	assert_true(v->pid >= 0);
	if (v->pid == 0) {
		for (;;)
			pause();
	}
	sm_reach_all(&a, &f);
	kill(v->pid, SIGKILL);
	assert_int_equal(waitpid(v->pid, NULL, 0), v->pid);
	for (uint32_t i = 0; i < f.n; i++) {
		for (size_t k = 0; k < sizeof(by_address) / sizeof(by_address[0]); k++) {
			if (strcmp(f.row[i].target, "sibling") ||
			    strcmp(f.row[i].attack, by_address[k]))
				continue;
			seen++;
			if (f.row[i].outcome != SM_BLOCKED) /* this machine may forbid it */
				iso_expect(&f.row[i], SM_NOT_APPLICABLE);
		}
	}
	assert_int_equal(seen, 3);
}

/* Shared with the attacker in its namespaces. */
struct unseen {
	struct sm_attack a;
	struct sm_findings f[2]; /* the host vouches for the victim, or does not */
};

/* First in a pid namespace of its own, with its own /proc: the victim has no number there. */
static int attack_unseen(struct unseen *u)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("proc", "/proc", "proc", 0, NULL))
		return 2;
	for (int vouched = 0; vouched < 2; vouched++) {
		u->a.victim[SM_VICTIM_SIBLING].alive = (uint32_t)vouched;
		sm_reach_all(&u->a, &u->f[vouched]);
	}
	return 0;
}

static void in_pid_namespace(struct unseen *u)
{
	pid_t outer = fork(), inner;
	int status;

	assert_true(outer >= 0);
	if (outer == 0) {
		if (unshare(CLONE_NEWPID))
			_exit(3);
		inner = fork();
		if (inner == 0)
			_exit(attack_unseen(u));
		_exit(waitpid(inner, &status, 0) == inner ? WEXITSTATUS(status) : 4);
	}
	assert_int_equal(waitpid(outer, &status, 0), outer);
	assert_int_equal(status, 0);
}

/* Not to be seen is a protection, but only of somebody who is there. */
static void test_unseen_victim(void **state)
{
	struct unseen *u =
		mmap(NULL, sizeof(*u), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct sm_victim_plan *v;
	int seen = 0;

	(void)state;
	iso_need_root();
	assert_ptr_not_equal(u, MAP_FAILED);
	v = &u->a.victim[SM_VICTIM_SIBLING];
	u->a.timeout_ms = WAIT_MS;
	v->pid = getpid();
	v->addr = (uint64_t)(uintptr_t)u;
	v->fd = -1;
	in_pid_namespace(u);
	for (uint32_t i = 0; i < u->f[0].n; i++) {
		if (strcmp(u->f[0].row[i].target, "sibling"))
			continue;
		seen++;
		iso_expect(&u->f[0].row[i], SM_NOT_APPLICABLE);
		iso_expect(&u->f[1].row[i], SM_BLOCKED);
		assert_true(u->f[1].row[i].err == ESRCH || u->f[1].row[i].err == ENOENT);
	}
	assert_int_equal(seen, 7);
	munmap(u, sizeof(*u));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scanner_finds_nothing),
		cmocka_unit_test(test_scanner_finds_everything),
		cmocka_unit_test(test_scanner_edges),
		cmocka_unit_test(test_control),
		cmocka_unit_test(test_blind_scan),
		cmocka_unit_test(test_unread_is_counted),
		cmocka_unit_test(test_taint),
		cmocka_unit_test(test_unknown_address),
		cmocka_unit_test(test_unseen_victim),
	};
	char *padded[] = { argv[0], (char *)PAD PAD, NULL };

	if (argc < 2) { /* this process plants secrets in its own argv and environ */
		setenv("SM_PAD", PAD PAD, 1);
		execv("/proc/self/exe", padded);
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
