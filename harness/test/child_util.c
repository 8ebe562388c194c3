/* SPDX-License-Identifier: MIT */
/*
 * child_util.c - see child_util.h.
 */
#include "child_util.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

int cu_finish(struct cu_child *c)
{
	struct sm_exit ex = { .size = sizeof(ex) };

	if (c->io.parent[0] >= 0)
		close(c->io.parent[0]);
	c->io.parent[0] = -1;
	if (sm_wait_child(c->pid, CU_WAIT_MS, &ex)) {
		sm_kill_child(c->pid);
		fail_msg("the child does not end");
	}
	sm_stdio_close_parent(&c->io); /* not before: its last words would be a SIGPIPE */
	return ex.status;
}

int cu_record(struct cu_child *c, struct sm_record *rec)
{
	const uint64_t magic = SM_RECORD_MAGIC;

	for (;;) {
		char byte;
		int err = sm_read_all(c->io.parent[1], &byte, 1, CU_WAIT_MS);

		if (err)
			return err;
		assert_true(c->ntext < sizeof(c->text) - 1);
		c->text[c->ntext++] = byte;
		c->text[c->ntext] = '\0';
		if (c->ntext < sizeof(magic) ||
		    memcmp(c->text + c->ntext - sizeof(magic), &magic, sizeof(magic)))
			continue;
		c->ntext -= sizeof(magic);
		c->text[c->ntext] = '\0';
		rec->magic = magic;
		return sm_read_all(c->io.parent[1], (char *)rec + sizeof(magic),
				   sizeof(*rec) - sizeof(magic), CU_WAIT_MS);
	}
}

static void expect_born(const struct cu_child *c, const struct sm_record *rec, uint32_t kind)
{
	assert_int_equal(rec->size, sizeof(*rec));
	assert_int_equal(rec->kind, kind);
	assert_int_equal(rec->pid, c->pid);
	assert_int_equal(rec->ppid, getpid());
	assert_true(rec->entered_ns >= c->born_ns);
}

void cu_expect_done(const struct cu_child *c, const struct sm_record *rec)
{
	expect_born(c, rec, SM_RECORD_DONE);
	assert_true(rec->ready_ns >= rec->entered_ns);
	assert_true(rec->worked_ns >= rec->ready_ns);
	assert_true(rec->worked_ns <= sm_now_ns());
	assert_true(rec->minflt > 0);
}

void cu_expect_fault(const struct cu_child *c, const struct sm_record *rec, int stage, int err)
{
	expect_born(c, rec, SM_RECORD_FAULT);
	assert_int_equal(rec->stage, stage);
	assert_int_equal(rec->err, err);
	assert_int_equal(rec->worked_ns == 0, stage != SM_STAGE_CHECK);
}

void cu_expect_hold(struct cu_child *c)
{
	struct sm_record ready = { 0 }, done = { 0 };

	assert_int_equal(cu_record(c, &ready), 0);
	expect_born(c, &ready, SM_RECORD_READY);
	assert_true(ready.ready_ns >= ready.entered_ns);
	assert_int_equal(ready.worked_ns, 0);
	assert_int_equal(write(c->io.parent[0], "w", 1), 1);
	assert_int_equal(cu_record(c, &done), 0);
	cu_expect_done(c, &done);
	assert_int_equal(done.ready_ns, ready.ready_ns);
	/* It waits to be looked at. */
	assert_int_equal(sm_wait_child(c->pid, 20, NULL), -ETIMEDOUT);
	assert_int_equal(cu_finish(c), 0);
}
