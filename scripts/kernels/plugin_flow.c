/* SPDX-License-Identifier: MIT */
/*
 * plugin_flow.c - follows the calls of every task. A call pushes the address behind it, a return
 * pops to it, a jump to the first byte of a function replaces the top (a tail call, or a retpoline's
 * return to where nobody called from), an exception pushes and its iret pops.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

void *need(void *memory)
{
	if (!memory) {
		fprintf(stderr, "spawnmark plugin: no memory\n");
		abort(); /* inside of QEMU, whose guest cannot go on uncounted */
	}
	return memory;
}

static struct slot *table_find(const struct table *t, uint64_t a, uint64_t b)
{
	uint64_t h = (a * 0x9e3779b97f4a7c15 ^ b) * 0xff51afd7ed558ccd;

	for (size_t i = h >> 32;; i++) {
		struct slot *s = &t->slots[i & (t->size - 1)];

		if (s->b == 0 || (s->a == a && s->b == b))
			return s;
	}
}

static void table_grow(struct table *t)
{
	struct table old = *t;

	t->size = old.size ? 2 * old.size : 1 << 12;
	t->slots = need(calloc(t->size, sizeof(*t->slots)));
	for (size_t i = 0; i < old.size; i++)
		if (old.slots[i].b)
			*table_find(t, old.slots[i].a, old.slots[i].b) = old.slots[i];
	free(old.slots);
}

uint64_t *table_at(struct table *t, uint64_t a, uint64_t b)
{
	struct slot *s;

	if (2 * t->used >= t->size)
		table_grow(t);
	s = table_find(t, a, b);
	if (!s->b) {
		s->a = a;
		s->b = b;
		t->used++;
	}
	return &s->value;
}

uint64_t table_get(const struct table *t, uint64_t a, uint64_t b)
{
	return t->size ? table_find(t, a, b)->value : 0;
}

static uint32_t node_of(struct tree *tree, uint32_t parent, uint64_t at)
{
	uint64_t *id = table_at(&tree->known, parent, at);

	if (!*id) {
		if (tree->n % 4096 == 0)
			tree->nodes =
				need(realloc(tree->nodes, (tree->n + 4096) * sizeof(*tree->nodes)));
		tree->nodes[tree->n] = (struct node){ parent, at };
		*id = tree->n++;
	}
	return (uint32_t)*id;
}

void tree_plant(struct tree *tree)
{
	for (uint32_t role = 0; role < ROLES; role++)
		node_of(tree, UINT32_MAX, role + 1);
}

uint32_t task_node(const struct task *t)
{
	return t->depth ? t->frames[t->depth - 1].node : (uint32_t)t->role;
}

static struct frame *push(struct tree *tree, struct task *t, uint64_t at, uint64_t back)
{
	if (t->depth == DEPTH_MAX) {
		tree->lost++;
		t->depth--;
	}
	t->frames[t->depth] =
		(struct frame){ .node = node_of(tree, task_node(t), at), .back = back };
	return &t->frames[t->depth++];
}

/* A return to here: of whom? False: of none that is known. */
static bool pop_to(struct task *t, uint64_t at)
{
	for (unsigned int i = t->depth; i-- > 0 && !t->frames[i].exception;)
		if (t->frames[i].back == at) {
			t->depth = i;
			return true;
		}
	return false;
}

/* The end of the innermost exception: what had run before it. */
static const struct block *pop_exception(struct task *t)
{
	for (unsigned int i = t->depth; i-- > 0;)
		if (t->frames[i].exception) {
			t->depth = i;
			return t->frames[i].before;
		}
	return NULL;
}

static void jump(struct tree *tree, struct task *t, const struct block *b)
{
	struct frame *f;

	if (b->what != FUNCTION || !t->depth)
		return;
	f = &t->frames[t->depth - 1];
	f->node = node_of(tree, tree->nodes[f->node].parent, b->at);
}

static void flow(struct tree *tree, struct task *t, const struct block *before,
		 const struct block *b)
{
	if (before && before->last == IRET)
		before = pop_exception(t);
	if (!before)
		return;
	if (before->last == CALL)
		push(tree, t, b->at, before->end);
	else if (before->last == JUMP || (before->last == RET && !pop_to(t, b->at)))
		jump(tree, t, b);
}

void task_enter(struct tree *tree, struct task *t, const struct block *before,
		const struct block *b, bool counting)
{
	struct frame *f;

	if (!(b->at & KERNEL_HALF)) {
		t->depth = 0;
		return;
	}
	switch (b->what) {
	case EXCEPTION:
		f = push(tree, t, b->at, 0);
		f->exception = true;
		f->before = before && before->at & KERNEL_HALF ? before : NULL;
		return;
	case FORKED:
		t->dead = false;
		t->role = counting ? CHILD : KERNEL;
		t->depth = 0;
		push(tree, t, b->at, 0);
		return;
	case SYSCALL:
		t->depth = 0;
		push(tree, t, b->at, 0);
		return;
	case DEAD:
		t->dead = true;
		break;
	default:
		break;
	}
	flow(tree, t, before, b);
}

static bool is_prefix(uint8_t byte)
{
	return (byte & 0xf0) == 0x40 || memchr("\x26\x2e\x36\x3e\x64\x65\x66\xf2\xf3", byte, 9);
}

/* Intel SDM volume 2, appendix A: opcode maps. */
enum last classify(const uint8_t *op, size_t n)
{
	bool repeated = false;

	while (n > 1 && is_prefix(*op)) {
		repeated = repeated || (*op & 0xfe) == 0xf2;
		op++;
		n--;
	}
	switch (*op) {
	case 0xe8:
		return CALL;
	case 0xc2:
	case 0xc3:
		return RET;
	case 0xcf:
		return IRET;
	case 0xe9:
	case 0xeb:
	case 0xe0 ... 0xe3:
	case 0x70 ... 0x7f:
		return JUMP;
	case 0x0f:
		return n > 1 && (op[1] & 0xf0) == 0x80 ? JUMP : OTHER;
	case 0xff: /* group 5: 2 and 3 call, 4 and 5 jump */
		if (n > 1 && (op[1] >> 4 & 3) == 1)
			return CALL;
		return n > 1 && (op[1] >> 4 & 3) == 2 ? JUMP : OTHER;
	case 0xa4 ... 0xa7: /* MOVS, CMPS */
	case 0xaa ... 0xaf: /* STOS, LODS, SCAS */
		return repeated ? STRING : OTHER;
	default:
		return OTHER;
	}
}
