/* SPDX-License-Identifier: MIT */
/*
 * layout.h - what siblings may share: where their memory lies and the random values in it. The
 * order `layout` answers with a DATA record and these rows.
 */
#ifndef SM_ISOLATION_LAYOUT_H
#define SM_ISOLATION_LAYOUT_H

#include "isolation.h"

#define SM_LAYOUT_ROWS 10

/*
 * Seeds libc's generator from getrandom(2), as a runtime seeds its own while it loads: called in
 * parent and server, so that children who share its state are seen to.
 */
void sm_layout_seed(void);

/* Fills every row, `sibling` as 0. */
void sm_layout_take(struct sm_msg_layout rows[SM_LAYOUT_ROWS]);

#endif
