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

#define HUGE_FILE "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

#define HUGE_PAGES_MAX 8192 /* of 64 KiB, in one of 512 MiB */

/* More pieces than this are not looked after. */
#define PIECES_MAX 4096

int sm_warm_read(struct sm_warm *warm, const char *options, struct sm_fault *fault)
{
	const struct {
		const char *name;
		int *value, fallback;
	} all[] = {
		{ "collapse", &warm->collapse, 1 },
		{ "freeze", &warm->freeze, 1 },
		{ "prefault", &warm->prefault, 0 },
		{ "trim", &warm->trim, 1 },
	};

	memset(warm, 0, sizeof(*warm));
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		*all[i].value = sm_option_flag(options, all[i].name, all[i].fallback);
		if (*all[i].value < 0)
			return sm_option_bad(options, all[i].name, fault);
	}
	return 0;
}

/* What is done with each piece of the heap. */
typedef void each_fn(struct sm_warm *warm, uint64_t from, uint64_t to);

/* 2 MiB, but where small pages have 16 or 64 KiB: what a whole page table maps. 0: there is none. */
static size_t huge_bytes(void)
{
	FILE *f = fopen(HUGE_FILE, "re");
	size_t bytes = 0;

	if (f) {
		if (fscanf(f, "%zu", &bytes) != 1 || bytes & (bytes - 1))
			bytes = 0;
		fclose(f);
	}
	return bytes;
}

/* Is half of it there? mincore(2) of private memory: those pages that were touched. */
static int is_half_resident(uint64_t at, size_t huge)
{
	unsigned char seen[HUGE_PAGES_MAX];
	size_t pages = huge / (size_t)sysconf(_SC_PAGESIZE), n = 0;

	if (pages > sizeof(seen) || mincore((void *)(uintptr_t)at, huge, seen) < 0)
		return 0;
	for (size_t i = 0; i < pages; i++)
		n += seen[i] & 1;
	return n >= pages / 2;
}

/* All that is mostly there already: holes would be filled, and cost memory for nothing. */
static void collapse(struct sm_warm *warm, uint64_t from, uint64_t to)
{
	const size_t huge = warm->huge_bytes;

	if (!huge)
		return;
	from = (from + huge - 1) & ~((uint64_t)huge - 1);
	for (; from + huge <= to; from += huge) {
		if (is_half_resident(from, huge))
			madvise((void *)(uintptr_t)from, huge, MADV_COLLAPSE);
	}
}

static void add_page(struct sm_warm *warm, uint64_t at, size_t bytes)
{
	struct iovec *last = warm->nheap ? &warm->heap[warm->nheap - 1] : NULL;

	if (last && (uintptr_t)last->iov_base + last->iov_len == at)
		last->iov_len += bytes;
	else if (warm->nheap < PIECES_MAX)
		warm->heap[warm->nheap++] =
			(struct iovec){ .iov_base = (void *)(uintptr_t)at, .iov_len = bytes };
}

/* What is there, without the holes. */
static void note(struct sm_warm *warm, uint64_t from, uint64_t to)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char seen[512];

	while (from < to) {
		size_t n = (size_t)(to - from) / page;

		n = n < sizeof(seen) ? n : sizeof(seen);
		if (!n || mincore((void *)(uintptr_t)from, n * page, seen) < 0)
			return;
		for (size_t i = 0; i < n; i++) {
			if (seen[i] & 1)
				add_page(warm, from + i * page, page);
		}
		from += n * page;
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

/* But for what is larger than the machine's memory: a reservation (AddressSanitizer has some). */
static void for_heap(struct sm_warm *warm, each_fn *each)
{
	uint64_t most = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	FILE *maps = fopen("/proc/self/maps", "re");
	char *line = NULL;
	size_t room = 0;

	while (maps && getline(&line, &room, maps) > 0) {
		unsigned long from, to;

		if (is_heap(line) && sscanf(line, "%lx-%lx", &from, &to) == 2 && to - from <= most)
			each(warm, from, to);
	}
	free(line);
	if (maps)
		fclose(maps);
}

void sm_warm_server(struct sm_warm *warm, const struct sm_payload *payload)
{
	if (warm->freeze && payload->before_serve)
		payload->before_serve();
	if (warm->trim)
		malloc_trim(0);
	if (warm->collapse) {
		warm->huge_bytes = huge_bytes();
		for_heap(warm, collapse);
	}
	if (!warm->prefault)
		return;
	warm->heap = calloc(PIECES_MAX, sizeof(*warm->heap));
	if (warm->heap)
		for_heap(warm, note);
}

void sm_warm_end(struct sm_warm *warm)
{
	free(warm->heap);
	warm->heap = NULL;
	warm->nheap = 0;
}

void sm_warm_child(const struct sm_warm *warm)
{
	for (size_t i = 0; i < warm->nheap; i++)
		madvise(warm->heap[i].iov_base, warm->heap[i].iov_len, MADV_POPULATE_WRITE);
}
