/* SPDX-License-Identifier: MIT */
/* python.c - payloads may be Python's; see without.h. */
#include <stddef.h>

#include "without.h"

const char *sm_without_python(void)
{
	return NULL;
}
