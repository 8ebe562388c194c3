/* SPDX-License-Identifier: MIT */
/*
 * absent.c - in a static program nothing can be preloaded. Takes the place of find.c, whose dlsym
 * a static libc should not carry.
 */
#include "atfork.h"

#include <stddef.h>

const struct sm_atfork *sm_atfork_find(void)
{
	return NULL;
}
