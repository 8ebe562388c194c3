/* SPDX-License-Identifier: MIT */
/*
 * layout.c - the order `layout`: what this child would have to be guessed by an attacker who knows
 * a sibling.
 *
 * Addresses are given in units of pages and only in the bits that the kernel draws at random, so
 * that "shared bits" of fresh images are chance and not the common top of every address. A value
 * that does not exist here has width 0.
 */
#include "layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../child/orders.h"
#include "../sys/sys.h"
#include "canary.h"
#include "maps.h"

/*
 * Random bits of the kernel's defaults, in pages: ARCH_MMAP_RND_BITS_DEFAULT in arch/ARCH/Kconfig
 * and STACK_RND_MASK in arch/ARCH/include/asm/elf.h. On arm64 both are 18 with pages of 4 KiB, 16
 * of 16, 14 of 64; the sum of page and randomness is the same.
 */
#if defined(__x86_64__)
#define MMAP_BITS  28
#define STACK_BITS 22
#else
#define MMAP_BITS  (30 - page_shift())
#define STACK_BITS (30 - page_shift())

static uint32_t page_shift(void)
{
	return (uint32_t)__builtin_ctzl((unsigned long)sysconf(_SC_PAGESIZE));
}
#endif

static void address(struct sm_msg_layout *row, uint64_t addr, uint32_t bits)
{
	long page = sysconf(_SC_PAGESIZE);

	row->width_bits = addr ? bits : 0;
	row->value[0] = addr / (uint64_t)page & (((uint64_t)1 << bits) - 1);
}

static void take_stack(struct sm_msg_layout *row)
{
	struct sm_map map;

	address(row, sm_maps_named("[stack]", &map) ? 0 : map.end, STACK_BITS);
}

static void take_heap(struct sm_msg_layout *row)
{
	struct sm_areas areas;

	address(row, sm_areas_read(0, &areas) ? 0 : areas.start_brk, MMAP_BITS);
}

/* Where the kernel puts the next mapping. */
static void take_mmap(struct sm_msg_layout *row)
{
	size_t bytes = 1 << 20;
	void *at = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	address(row, at == MAP_FAILED ? 0 : (uint64_t)(uintptr_t)at, MMAP_BITS);
	if (at != MAP_FAILED)
		munmap(at, bytes);
}

static void take_text(struct sm_msg_layout *row)
{
	struct sm_map map;
	int err = sm_maps_find(getauxval(AT_PHDR), &map);

	address(row, err ? 0 : map.start, MMAP_BITS);
}

/* The code that libc's read(2) lies in; of a static program that is its own text. */
static void take_libc(struct sm_msg_layout *row)
{
	struct sm_map map;
	int err = sm_maps_find((uint64_t)(uintptr_t)&read, &map);

	address(row, err ? 0 : map.start, MMAP_BITS);
}

static void take_vdso(struct sm_msg_layout *row)
{
	address(row, getauxval(AT_SYSINFO_EHDR), MMAP_BITS);
}

/*
 * glibc keeps the stack protector's value in the thread block on x86-64, elsewhere in a variable of
 * the dynamic linker, which compilers name; its low byte is 0.
 */
#if !defined(__x86_64__)
extern const uintptr_t __stack_chk_guard __attribute__((weak));
#endif

static void take_canary(struct sm_msg_layout *row)
{
	uint64_t v;

#if defined(__x86_64__)
	__asm__("mov %%fs:0x28, %0" : "=r"(v));
#else
	if (!&__stack_chk_guard)
		return;
	v = __stack_chk_guard;
#endif
	row->width_bits = 56;
	row->value[0] = v >> 8;
}

static void take_at_random(struct sm_msg_layout *row)
{
	const void *at = (const void *)(uintptr_t)getauxval(AT_RANDOM);

	if (!at)
		return;
	row->width_bits = 128;
	memcpy(row->value, at, 16);
}

void sm_layout_seed(void)
{
	unsigned int seed;

	if (!sm_random_bytes(&seed, sizeof(seed)))
		srandom(seed);
}

/*
 * The next two numbers of libc's generator, which whoever the child was cloned from has seeded.
 * Never seeded, it gives every process the numbers of seed 1 (random(3)): alike by construction
 * and nobody's secret, so nothing that siblings could be said to share.
 */
static void take_random(struct sm_msg_layout *row)
{
	uint64_t own = (uint64_t)random() | (uint64_t)random() << 31, unseeded;
	int32_t state[32]; /* the size of libc's own: another would be another generator */
	char *old = initstate(1, (char *)state, sizeof(state));

	unseeded = (uint64_t)random() | (uint64_t)random() << 31;
	if (old)
		setstate(old);
	row->width_bits = own == unseeded ? 0 : 62;
	row->value[0] = own;
}

/* The same from the kernel, which nobody can share: what 0 shared bits look like. */
static void take_getrandom(struct sm_msg_layout *row)
{
	row->width_bits = sm_random_bytes(row->value, sizeof(row->value)) ? 0 : 128;
}

static const struct {
	const char *what;
	void (*take)(struct sm_msg_layout *row);
} table[SM_LAYOUT_ROWS] = {
	{ "stack", take_stack },         { "heap", take_heap },           { "mmap", take_mmap },
	{ "text", take_text },           { "libc", take_libc },           { "vdso", take_vdso },
	{ "canary", take_canary },       { "at_random", take_at_random }, { "random", take_random },
	{ "getrandom", take_getrandom },
};

void sm_layout_take(struct sm_msg_layout rows[SM_LAYOUT_ROWS])
{
	memset(rows, 0, SM_LAYOUT_ROWS * sizeof(rows[0]));
	for (int i = 0; i < SM_LAYOUT_ROWS; i++) {
		snprintf(rows[i].what, sizeof(rows[i].what), "%s", table[i].what);
		table[i].take(&rows[i]);
	}
}

int sm_order_layout(struct sm_order_ctx *ctx)
{
	struct sm_msg_layout rows[SM_LAYOUT_ROWS];

	ctx->rec->ready_ns = sm_now_ns();
	sm_layout_take(rows);
	ctx->rec->kind = SM_RECORD_DATA;
	ctx->rec->data_bytes = sizeof(rows);
	if (sm_record_write(ctx->rec))
		return 1;
	return sm_write_all(STDOUT_FILENO, rows, sizeof(rows)) ? 1 : 0;
}
