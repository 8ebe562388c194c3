/* SPDX-License-Identifier: MIT */
/*
 * env.c - arguments, environment, limits, credentials.
 */
#include "group.h"

static const struct sm_check checks[] = {};

SM_GROUP(env, "Arguments, environment, limits, credentials", checks);
