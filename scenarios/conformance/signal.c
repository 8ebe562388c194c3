/* SPDX-License-Identifier: MIT */
/*
 * signal.c - signals.
 */
#include "group.h"

static const struct sm_check checks[] = {};

SM_GROUP(signal, "Signals", checks);
