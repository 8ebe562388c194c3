/* SPDX-License-Identifier: MIT */
/*
 * sandbox.c - namespaces and sandbox.
 */
#include "group.h"

static const struct sm_check checks[] = {};

SM_GROUP(sandbox, "Namespaces and sandbox", checks);
