/* SPDX-License-Identifier: MIT */
/*
 * handlers.c - handlers.so: a library with fork handlers, to be loaded and unloaded by test_hatch.
 */
#include <pthread.h>

/* Where the handlers are counted: prepare, parent, child. NULL: nowhere. */
void handlers_count(int *into);

static int *count;

static void prepare(void)
{
	count[0]++;
}

static void parent(void)
{
	count[1]++;
}

static void child(void)
{
	count[2]++;
}

void handlers_count(int *into)
{
	count = into;
	pthread_atfork(prepare, parent, child);
}
