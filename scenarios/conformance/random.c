/* SPDX-License-Identifier: MIT */
/*
 * random.c - randomness and uniqueness.
 */
#include "group.h"

static const struct sm_check checks[] = {};

SM_GROUP(random, "Randomness and uniqueness", checks);
