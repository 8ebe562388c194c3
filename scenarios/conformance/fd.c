/* SPDX-License-Identifier: MIT */
/*
 * fd.c - descriptors and stdio.
 */
#include "group.h"

static const struct sm_check checks[] = {};

SM_GROUP(fd, "Descriptors and stdio", checks);
