/* SPDX-License-Identifier: MIT */
/*
 * life.c - lifecycle and robustness.
 */
#include "group.h"

static const struct sm_check checks[] = {};

SM_GROUP(life, "Lifecycle and robustness", checks);
