/* SPDX-License-Identifier: MIT */
/*
 * main.c - the one symbol of checks.so: runs a half of a check where it was called.
 */
#include "inside.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../child/orders.h"
#include "../sys/sys.h"

/* The simple case: what the child says is what there is to say. */
static int parent_default(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);

	return sm_kid_verdict(c, &req);
}

static int run_parent(struct sm_cell *c, struct sm_check_call *call)
{
	sm_half *half = c->check->in_parent ? c->check->in_parent : parent_default;

	int err = c->check->in_creator ? sm_board_make(c) : 0; /* its name is in every request */

	sm_audit_before(c);
	if (err)
		sm_broken(c, "the board cannot be made: %s", strerror(-err));
	else if (half(c) == SM_OBSERVED_NONE)
		sm_broken(c, "the check came to no verdict");
	if (c->observed != SM_HOLDS)
		sm_kill_children(c);
	sm_audit_server(c);
	sm_cell_stop(c);
	sm_board_drop(c);
	sm_audit_after(c);
	if (c->observed != SM_HOLDS) /* told; now it goes */
		sm_kill_children(c);
	call->verdict.observed = c->observed;
	call->verdict.feature = c->feature;
	memcpy(call->verdict.text, c->text, sizeof(call->verdict.text));
	return 0;
}

static int run_creator(struct sm_cell *c)
{
	c->board = sm_board(c);
	if (c->board)
		sm_board_creator(c);
	unsetenv("SM_PROBE");
	return 0;
}

/* What stdout gets, in one write of less than PIPE_BUF: whole or not at all. */
static int tell(struct sm_cell *c)
{
	struct {
		struct sm_record rec;
		struct sm_answer answer;
	} message = { .rec = *c->inside->call->rec, .answer = c->answer };

	message.rec.kind = SM_RECORD_DATA;
	message.rec.data_bytes = sizeof(message.answer);
	sm_record_stamp(&message.rec);
	return sm_write_all(STDOUT_FILENO, &message, sizeof(message));
}

int sm_child_tell(struct sm_cell *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	sm_verdict_set(c, SM_HOLDS, SM_F_NONE, format, args);
	va_end(args);
	c->answer.observed = SM_HOLDS;
	memcpy(c->answer.text, c->text, sizeof(c->answer.text));
	return tell(c);
}

static int run_child(struct sm_cell *c)
{
	const char *arg = getenv("SM_ARG");

	c->arg = arg ? arg : "";
	if (c->check->in_child)
		c->check->in_child(c);
	else
		sm_holds(c, "the child ran");
	c->answer.observed = c->observed;
	c->answer.feature = c->feature;
	memcpy(c->answer.text, c->text, sizeof(c->answer.text));
	return tell(c) ? 1 : 0;
}

__attribute__((visibility("default"))) int sm_check_main(struct sm_check_call *call)
{
	struct sm_cell_inside inside;
	struct sm_cell c;
	const struct sm_check *check;
	int rc;

	if (call->size < sizeof(*call))
		return -EINVAL;
	check = sm_check_find(call->id);
	if (!check)
		return -ENOENT;
	sm_cell_init(&c, &inside, check, call);
	rc = call->half == SM_HALF_PARENT    ? run_parent(&c, call)
	     : call->half == SM_HALF_CREATOR ? run_creator(&c)
					     : run_child(&c);
	sm_cell_fini(&c);
	return rc;
}
