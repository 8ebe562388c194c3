/* SPDX-License-Identifier: MIT */
/*
 * layout.h - what siblings may share: where their memory lies and the random values in it. The
 * order `layout` answers with a DATA record and these rows.
 */
#ifndef SM_ISOLATION_LAYOUT_H
#define SM_ISOLATION_LAYOUT_H

#include "isolation.h"

#define SM_LAYOUT_ROWS 10

/* Fills every row, `sibling` as 0. */
void sm_layout_take(struct sm_msg_layout rows[SM_LAYOUT_ROWS]);

#endif
