/* SPDX-License-Identifier: MIT */
/*
 * warm.c - see warm.h.
 */
#include "warm.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "option.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1 */
#endif

/* Where the architecture has another size, the kernel refuses and all stays as it is. */
#define HUGE_BYTES (UINT64_C(2) << 20)

int sm_warm_read(struct sm_warm *warm, const char *options, struct sm_fault *fault)
{
	warm->freeze = sm_option_flag(options, "freeze", 1);
	if (warm->freeze < 0)
		return sm_option_bad(options, "freeze", fault);
	warm->trim = sm_option_flag(options, "trim", 1);
	if (warm->trim < 0)
		return sm_option_bad(options, "trim", fault);
	warm->collapse = sm_option_flag(options, "collapse", 1);
	if (warm->collapse < 0)
		return sm_option_bad(options, "collapse", fault);
	return 0;
}

/* How many of the pages are there. mincore(2) of private memory: those that were touched. */
static size_t count_resident(uint64_t at)
{
	unsigned char seen[HUGE_BYTES / 4096];
	size_t pages = HUGE_BYTES / (size_t)sysconf(_SC_PAGESIZE), n = 0;

	if (pages > sizeof(seen) || mincore((void *)(uintptr_t)at, HUGE_BYTES, seen) < 0)
		return 0;
	for (size_t i = 0; i < pages; i++)
		n += seen[i] & 1;
	return n * HUGE_BYTES / pages;
}

/* All that is mostly there already: holes would be filled, and cost memory for nothing. */
static void collapse_range(uint64_t from, uint64_t to)
{
	from = (from + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
	for (; from + HUGE_BYTES <= to; from += HUGE_BYTES) {
		if (count_resident(from) >= HUGE_BYTES / 2)
			madvise((void *)(uintptr_t)from, HUGE_BYTES, MADV_COLLAPSE);
	}
}

/* Private, writable, of no file. The stack is left alone: it is what changes. */
static int is_heap(const char *line)
{
	char mode[8], path[16] = "";
	unsigned long inode;

	if (sscanf(line, "%*x-%*x %7s %*x %*x:%*x %lu %15s", mode, &inode, path) < 2)
		return 0;
	return strcmp(mode, "rw-p") == 0 && !inode && strcmp(path, "[stack]") != 0;
}

static void collapse(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char *line = NULL;
	size_t room = 0;

	while (maps && getline(&line, &room, maps) > 0) {
		unsigned long from, to;

		if (is_heap(line) && sscanf(line, "%lx-%lx", &from, &to) == 2)
			collapse_range(from, to);
	}
	free(line);
	if (maps)
		fclose(maps);
}

void sm_warm_server(const struct sm_warm *warm, const struct sm_payload *payload)
{
	if (warm->freeze && payload->before_serve)
		payload->before_serve();
	if (warm->trim)
		malloc_trim(0);
	if (warm->collapse)
		collapse();
}
