/* SPDX-License-Identifier: MIT */
/*
 * orders.h - what a child can be told to do: the ORDER of the job "child/ORDER".
 *
 * A new order is one function and one row of the table in orders.c.
 *
 *   attack   isolation: reads its orders from stdin (isolation/isolation.h)
 *   delay=NS run, but NS nanoseconds later: a slow-down whose size is known, for tests of the
 *            statistics (the key `delay`)
 *   hold     a READY record at ready, waits for a byte on stdin, works, a DONE record, waits for
 *            end of file on stdin, exits: so that a meter can look at it
 *   layout   isolation: tells where its memory lies (isolation/layout.h)
 *   probe=ID conformance: the child's half of a check (check/call.h)
 *   run      ready, work, check, one record; "child" alone means this one
 *   spin=N   run, but N instructions later: for tests of what counts instructions (the key `spin`)
 */
#ifndef SM_ORDERS_H
#define SM_ORDERS_H

#include <stddef.h>

#include "../spawnmark.h"

struct sm_counters;

/* What an order works with: rec already holds `entered` and the server's instants. */
struct sm_order_ctx {
	const char *detail; /* what stands behind the order's "=", or NULL */
	const struct sm_payload *payload;
	struct sm_record *rec;
	const struct sm_counters *since; /* what the record's counts leave out; NULL: nothing */
};

struct sm_order {
	const char *name;
	int (*run)(struct sm_order_ctx *ctx); /* returns the child's exit status */
};

/* Work, `worked`, counters, check: what every order does once. 0, or the stage that failed. */
int sm_order_work(struct sm_order_ctx *ctx);

/* The rows "attack" and "layout": isolation/attack.c, isolation/layout.c. */
int sm_order_attack(struct sm_order_ctx *ctx);
int sm_order_layout(struct sm_order_ctx *ctx);
/* "probe": child/probe.c. */
int sm_order_probe(struct sm_order_ctx *ctx);

/*
 * Runs the order of a job "child[/ORDER]" to its end. Returns the child's exit status, or -EINVAL
 * for another job (then nothing ran and nothing was written).
 */
int sm_order_run(const char *job, const struct sm_payload *payload, struct sm_record *rec,
		 const struct sm_counters *since);

/* The orders, sorted by name, and a row without a name behind. */
extern const struct sm_order sm_orders[];
/*
 * The order that a word like "run" or "probe=ID" begins with; *detail: what stands behind its "=", or
 * NULL. NULL: no such order, and *detail is as it was.
 */
const struct sm_order *sm_order(const char *word, const char **detail);

/*
 * What follows word at the beginning of text, NULL where text does not begin with it. A clone calls no
 * str*(3) for that: each is on a page of libc that nothing else has touched in it, and its first touch
 * is a page fault.
 */
static inline const char *sm_after(const char *text, const char *word)
{
	while (*word && *text == *word) {
		text++;
		word++;
	}
	return *word ? NULL : text;
}

/* Fills what every record has (magic, size, pids). */
void sm_record_stamp(struct sm_record *rec);
/* Stamps rec and writes it to stdout in one write. Returns 0 or -errno. */
int sm_record_write(struct sm_record *rec);
/*
 * Turns rec, but for its detail, into an SM_RECORD_FAULT and writes it to fd, the child's stdout to
 * be. err >= 0.
 */
int sm_record_fault(struct sm_record *rec, int fd, enum sm_stage stage, int err);

#endif
