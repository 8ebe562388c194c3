/* SPDX-License-Identifier: MIT */
/*
 * orders.h - what a child can be told to do: the ORDER of the job "child/ORDER".
 *
 * A new order is one function and one row of the table in orders.c.
 *
 *   (none)   ready, work, check, one record
 *   hold     a READY record at ready, waits for a byte on stdin, works, a DONE record, waits for
 *            end of file on stdin, exits: so that a meter can look at it
 *   attack   isolation: reads its orders from stdin (isolation/isolation.h)
 */
#ifndef SM_ORDERS_H
#define SM_ORDERS_H

#include "../spawnmark.h"

/* What an order works with: rec already holds `entered` and the server's instants. */
struct sm_order_ctx {
	const struct sm_payload *payload;
	struct sm_record *rec;
};

struct sm_order {
	const char *name;
	int (*run)(struct sm_order_ctx *ctx); /* returns the child's exit status */
};

extern const struct sm_order sm_orders[];
const struct sm_order *sm_order(const char *name); /* NULL: no such order */

/* Writes rec to stdout in one write. Returns 0 or -errno. */
int sm_record_write(struct sm_record *rec);

#endif
