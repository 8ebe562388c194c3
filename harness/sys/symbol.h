/* SPDX-License-Identifier: MIT */
/*
 * symbol.h - dlopen(3), dlsym(3) and dlclose(3), which a static program should not carry: it brings
 * linked/symbol.c instead, which knows the vDSO, and of libc what is asked for here.
 */
#ifndef SM_SYMBOL_H
#define SM_SYMBOL_H

/* NULL: it cannot be loaded, or nothing can. */
void *sm_object_open(const char *file, int flags);
void sm_object_close(void *object);
/* object NULL: of this program and its libc. */
void *sm_symbol(void *object, const char *name);

#endif
