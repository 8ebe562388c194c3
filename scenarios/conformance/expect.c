/* SPDX-License-Identifier: MIT */
/*
 * expect.c - what is expected where a strategy's traits do not tell. Every row says why.
 */
#include <stddef.h>

#include "check/check.h"

const struct sm_expect sm_expects[] = {
	{ NULL, NULL, false, NULL },
};
const unsigned int sm_expect_count = sizeof(sm_expects) / sizeof(sm_expects[0]) - 1;
