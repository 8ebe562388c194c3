/* SPDX-License-Identifier: MIT */
/* symbol.c - see symbol.h. */
#include "symbol.h"

#include <dlfcn.h>

void *sm_object_open(const char *file, int flags)
{
	return dlopen(file, flags);
}

void sm_object_close(void *object)
{
	dlclose(object);
}

void *sm_symbol(void *object, const char *name)
{
	return dlsym(object ? object : RTLD_DEFAULT, name);
}
