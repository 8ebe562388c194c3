/* SPDX-License-Identifier: MIT */
/* preload.c - what makes atfork.c an object to preload: sm-atfork.so. */
#include "atfork.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

sm_atfork_register *sm_atfork_next(void)
{
	sm_atfork_register *next;

	*(void **)&next = dlsym(RTLD_NEXT, "__register_atfork");
	return next;
}

/*
 * What the server starts, and what its children start, is none of our business: takes this object,
 * the last one there, out of $LD_PRELOAD. A constructor, because a payload may start others and
 * copy its environment before anything else of ours runs. The other variable is for this process
 * as well (strategies/hatch.h), and has done its work.
 */
__attribute__((constructor)) static void leave_environment(void)
{
	char *list = getenv("LD_PRELOAD");
	char *last = list ? strrchr(list, ':') : NULL;

	if (last)
		*last = '\0';
	else
		unsetenv("LD_PRELOAD");
	unsetenv("LD_BIND_NOW");
}
