/* SPDX-License-Identifier: MIT */
/*
 * protocol.c - requests and SCM_RIGHTS.
 */
#include "group.h"

static const struct sm_check checks[] = {};

SM_GROUP(protocol, "Requests and SCM_RIGHTS", checks);
