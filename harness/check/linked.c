/* SPDX-License-Identifier: MIT */
/*
 * linked.c - the checks of a static program: linked in where its build has them, else none. Takes
 * the place of loader.c, whose dlopen a static libc does not carry.
 */
#include "call.h"

#include <errno.h>
#include <stddef.h>

#pragma weak sm_check_main

sm_check_main_fn *sm_check_load(int *err)
{
	*err = sm_check_main ? 0 : -ENOENT;
	return sm_check_main;
}
