/* SPDX-License-Identifier: MIT */
/*
 * plugin.h - inside of the plugin: what is between plugin.c, which talks to QEMU, and
 * plugin_flow.c, which follows calls. Neither knows a register; all is told by blocks that begin
 * and end.
 */
#ifndef SM_PLUGIN_H
#define SM_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a block ends. */
enum last { OTHER, CALL, RET, JUMP, IRET, STRING };

/* What begins at an address; the words of the control file in this order. */
enum what {
	PLAIN,
	FUNCTION,
	EXCEPTION,
	SYSCALL,
	FORKED,
	DEAD,
	SWITCH,
	ARM,
	BEGIN,
	END,
	DONE,
	WHATS
};

/* Whose instructions. Roots of the tree of calls; stacks.py knows their order. */
enum role { PARENT, CHILD, SERVER, KERNEL, ROLES };

#define DEPTH_MAX   128
#define KERNEL_HALF (1ULL << 63)

struct block {
	uint64_t at, end; /* end: what a call returns to */
	size_t n;
	enum last last;
	enum what what;
};

struct frame {
	uint32_t node;
	uint64_t back; /* where it returns to; 0: an exception or a root */
	bool exception;
	const struct block *before; /* of an exception: the block that it came behind, if whole */
};

struct task {
	uint64_t key; /* 0: not known yet */
	enum role role;
	bool dead;
	unsigned int depth;
	struct frame frames[DEPTH_MAX];
};

/* Two numbers to one, open addressing. */
struct table {
	struct slot {
		uint64_t a, b, value; /* b is never 0 in use */
	} * slots;
	size_t size, used;
};

/* The place of its value, 0 at first. Valid until the next call. */
uint64_t *table_at(struct table *t, uint64_t a, uint64_t b);
uint64_t table_get(const struct table *t, uint64_t a, uint64_t b);

/* memory, or the end of QEMU: a guest cannot go on uncounted. */
void *need(void *memory);

/* Everything that was ever called, by whom. */
struct tree {
	struct table known; /* (parent, address) -> node */
	struct node {
		uint32_t parent;
		uint64_t at;
	} * nodes;
	uint32_t n;
	unsigned int lost; /* calls deeper than DEPTH_MAX */
};

/* The roots, one for each role: nodes 0 to ROLES - 1. */
void tree_plant(struct tree *tree);
/* The node of the innermost call. */
uint32_t task_node(const struct task *t);
/*
 * The task goes on at b. before: the block whose last instruction led there; NULL: it did not come
 * to its last. counting: a task that begins now is a child.
 */
void task_enter(struct tree *tree, struct task *t, const struct block *before,
		const struct block *b, bool counting);

/* Of an x86-64 instruction of n bytes. */
enum last classify(const uint8_t *op, size_t n);

#endif
