/* SPDX-License-Identifier: MIT */
/*
 * find.c - the preloaded object, if this process has it. A static program brings absent.c instead.
 */
#include "atfork.h"

#include <dlfcn.h>
#include <stddef.h>

const struct sm_atfork *sm_atfork_find(void)
{
	const struct sm_atfork *found = dlsym(RTLD_DEFAULT, SM_ATFORK_SYMBOL);

	return found && found->size >= sizeof(*found) ? found : NULL;
}
