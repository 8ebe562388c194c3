/* SPDX-License-Identifier: MIT */
/*
 * exit.c - exit status and waiting.
 */
#include "group.h"

static const struct sm_check checks[] = {};

SM_GROUP(exit, "Exit status and waiting", checks);
