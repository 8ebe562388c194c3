/* SPDX-License-Identifier: MIT */
/*
 * memory_layout.c - what siblings share of the random layout and values of their image.
 */
#include "group.h"

#include <fcntl.h>
#include <string.h>
#include <sys/personality.h>
#include <unistd.h>

#include "isolation/layout.h"

#define WIDTH(row) (2 * SM_LAYOUT_ROWS + (row))

static int take_layout(struct sm_cell *c)
{
	struct sm_msg_layout rows[SM_LAYOUT_ROWS];

	sm_layout_take(rows);
	for (int i = 0; i < SM_LAYOUT_ROWS; i++) {
		c->answer.n[2 * i] = (int64_t)rows[i].value[0];
		c->answer.n[2 * i + 1] = (int64_t)rows[i].value[1];
		c->answer.n[WIDTH(i)] = rows[i].width_bits;
	}
	return sm_holds(c, "taken");
}

static bool named(const char *const *names, const char *name)
{
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names;
}

/* Two siblings' values of the rows named; what they have alike goes into text. */
static int compare(struct sm_cell *c, const char *const *names)
{
	struct sm_msg_layout rows[SM_LAYOUT_ROWS];
	char alike[SM_LAYOUT_ROWS * (sizeof(rows[0].what) + 1) + 1] = "";
	struct sm_answer a, b;
	int compared = 0, same = 0, err = sm_kid_ask(c, NULL, &a, NULL);

	if (!err)
		err = sm_kid_ask(c, NULL, &b, NULL);
	if (err)
		return sm_trouble(c, err, "two siblings");
	sm_layout_take(rows); /* for the names */
	for (int i = 0; i < SM_LAYOUT_ROWS; i++) {
		if (!named(names, rows[i].what) || !a.n[WIDTH(i)])
			continue;
		compared++;
		if (a.n[2 * i] != b.n[2 * i] || a.n[2 * i + 1] != b.n[2 * i + 1])
			continue;
		same++;
		strcat(strcat(alike, " "), rows[i].what);
	}
	if (!compared)
		return sm_skips(c, SM_F_NONE, "nothing of this can be seen here");
	return sm_judge(c, !same, "of %d values two siblings have %d alike%s%s", compared, same,
			same ? ":" : "", alike);
}

static bool randomised(void)
{
	char byte = '2';
	int fd = open("/proc/sys/kernel/randomize_va_space", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (read(fd, &byte, 1) != 1)
			byte = '2';
		close(fd);
	}
	return byte == '2' && !(personality(0xffffffff) & ADDR_NO_RANDOMIZE);
}

static int addresses_differ(struct sm_cell *c)
{
	static const char *const names[] = { "stack", "heap", "mmap", "text", "libc", NULL };

	if (!randomised())
		return sm_skips(c, SM_F_NONE, "addresses are not randomised here");
	return compare(c, names);
}

static int canary_differs(struct sm_cell *c)
{
	static const char *const names[] = { "canary", NULL };

	return compare(c, names);
}

static int at_random_differs(struct sm_cell *c)
{
	static const char *const names[] = { "at_random", NULL };

	return compare(c, names);
}

static const struct sm_check checks[] = {
	{
		.id = "memory.layout.addresses",
		.row = "G16",
		.claim = "siblings have stack, heap, mappings and code at different addresses",
		.source = "proc(5) randomize_va_space; linux:fs/binfmt_elf.c:load_elf_binary",
		.level = SM_MUST,
		.flags = SM_CHECK_ANYWHERE,
		.fails_lacking = SM_FRESH_IMAGE,
		.why = "the kernel lays out an image when it is exec'd, and clones are not",
		.in_parent = addresses_differ,
		.in_child = take_layout,
	},
	{
		.id = "memory.layout.canary",
		.row = "G17",
		.claim = "siblings have different stack protector values",
		.source = "glibc:sysdeps/generic/dl-osinfo.h:_dl_setup_stack_chk_guard",
		.level = SM_SHOULD,
		.fails_lacking = SM_FRESH_IMAGE,
		.why = "libc draws it when an image is loaded, and clones load none",
		.in_parent = canary_differs,
		.in_child = take_layout,
	},
	{
		.id = "memory.layout.at-random",
		.row = "G08",
		.claim = "siblings have different AT_RANDOM bytes in their auxiliary vectors",
		.source = "getauxval(3) AT_RANDOM",
		.level = SM_SHOULD,
		.fails_lacking = SM_FRESH_IMAGE,
		.why = "the kernel draws them when an image is exec'd, and clones are not",
		.in_parent = at_random_differs,
		.in_child = take_layout,
	},
};

SM_GROUP_AS(memory_layout, "memory", "Memory isolation and secrets", checks);
