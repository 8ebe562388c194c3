/* SPDX-License-Identifier: MIT */
/*
 * memory.c - memory isolation and secrets.
 */
#include "group.h"

static const struct sm_check checks[] = {};

SM_GROUP(memory, "Memory isolation and secrets", checks);
