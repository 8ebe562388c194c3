/* SPDX-License-Identifier: MIT */
/*
 * limit.c - limits and failure injection.
 */
#include "group.h"

static const struct sm_check checks[] = {};

SM_GROUP(limit, "Limits and failure injection", checks);
