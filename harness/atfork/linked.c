/* SPDX-License-Identifier: MIT */
/*
 * linked.c - atfork.c in a static program, in place of find.c. Its linker sends calls of
 * __register_atfork to atfork.c's, and those of __real___register_atfork to libc's (ld --wrap).
 */
#include "atfork.h"

#include <stddef.h>

extern sm_atfork_register __real___register_atfork;

sm_atfork_register *sm_atfork_next(void)
{
	return __real___register_atfork;
}

const struct sm_atfork *sm_atfork_find(void)
{
	return &sm_atfork_calls;
}
