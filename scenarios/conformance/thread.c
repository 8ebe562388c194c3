/* SPDX-License-Identifier: MIT */
/*
 * thread.c - threads and fork handlers.
 */
#include "group.h"

static const struct sm_check checks[] = {};

SM_GROUP(thread, "Threads and fork handlers", checks);
