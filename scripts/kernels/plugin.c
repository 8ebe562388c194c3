/* SPDX-License-Identifier: MIT */
/*
 * plugin.c - a QEMU plugin: which kernel function, called by whom, executed how many instructions
 * between two markers of a guest program. For x86-64, one CPU, under -icount. See profile.py.
 *
 * What is exact: each instruction adds one to a counter, in line; whenever a translated block
 * begins, what has been added belongs to the block before. A block that is left in its middle by a
 * page fault or an interrupt is thereby counted as far as it came.
 *
 * Who called: a plugin cannot read registers, but it sees blocks begin and end, and plugin_flow.c
 * makes stacks of calls of it, one for each task: __switch_to_asm stores the old task's stack pointer
 * and then loads the new one's, and the address of either access tells who it is.
 *
 * Arguments: control=FILE (see read_control), out=FILE.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

/*
 * The part of QEMU's plugin interface, version 1, that is used here; as documented in "QEMU TCG
 * Plugins". Distributions ship an emulator that exports it, and no header.
 */
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;
enum { NO_REGISTERS = 0, ADD_U64 = 0, READS_AND_WRITES = 3 };

extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
						  void (*cb)(qemu_plugin_id_t id,
							     struct qemu_plugin_tb *tb));
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
						 void (*cb)(unsigned int cpu, void *data),
						 int flags, void *data);
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op,
						       void *counter, uint64_t operand);
extern void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
					     void (*cb)(unsigned int cpu, uint32_t info,
							uint64_t at, void *data),
					     int flags, int which, void *data);
extern bool qemu_plugin_mem_is_store(uint32_t info);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
extern void qemu_plugin_reset(qemu_plugin_id_t id, void (*cb)(qemu_plugin_id_t id));

__attribute__((visibility("default"))) int qemu_plugin_version = 1;
__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id,
							       const struct qemu_info *info,
							       int argc, char **argv);

static const char *const words[WHATS] = { "plain",  "function", "exception", "syscall",
					  "forked", "dead",     "switch",    "arm",
					  "begin",  "end",      "done" };

enum { SPANS_MAX = 64 };

struct state {
	FILE *out;
	struct table places; /* (0, address) -> what */
	struct table counts; /* (node, address) -> instructions */
	struct table tasks;  /* (0, key) -> struct task * */
	struct tree tree;
	uint64_t switch_at, switch_end, program_at, program_end;

	uint64_t insns; /* the counter in line */
	uint64_t seen;  /* up to the block that runs */
	const struct block *running;
	uint32_t node; /* of the block that runs */
	struct task *task;
	bool counting;

	bool switching;
	uint64_t stored; /* newest address that __switch_to_asm wrote to */

	uint64_t spans[SPANS_MAX];
	unsigned int nspans;
	uint64_t repeats; /* of string instructions: their second time and later */
};

/* Callbacks of an instruction in line carry no pointer. */
static struct state state;

/* What ran since the last block began is that block's. */
static const struct block *settle(const struct block *next)
{
	uint64_t ran = state.insns - state.seen;
	const struct block *b = state.running;

	state.seen = state.insns;
	if (!b)
		return NULL;
	if (state.counting) {
		*table_at(&state.counts, state.node, b->at) += ran;
		state.spans[state.nspans] += ran;
		if (b == next && b->n == 1 && b->last == STRING)
			state.repeats += ran;
	}
	return ran >= b->n ? b : NULL;
}

/* Children of this span are nobody's in the next. */
static void forget_children(void)
{
	for (size_t i = 0; i < state.tasks.size; i++) {
		struct task *t = (struct task *)(uintptr_t)state.tasks.slots[i].value;

		if (t && t->role == CHILD)
			t->role = KERNEL;
	}
}

static void report(void)
{
	fprintf(state.out, "segment %u\n", state.nspans);
	for (unsigned int i = 0; i < state.nspans; i++)
		fprintf(state.out, "span %" PRIu64 "\n", state.spans[i]);
	for (uint32_t i = ROLES; i < state.tree.n; i++)
		fprintf(state.out, "node %u %u %" PRIx64 "\n", i, state.tree.nodes[i].parent,
			state.tree.nodes[i].at);
	for (size_t i = 0; i < state.counts.size; i++) {
		struct slot *s = &state.counts.slots[i];

		if (s->value)
			fprintf(state.out, "count %" PRIu64 " %" PRIx64 " %" PRIu64 "\n", s->a,
				s->b, s->value);
		s->value = 0;
	}
	fprintf(state.out, "repeats %" PRIu64 "\nend %u\n", state.repeats, state.tree.lost);
	fflush(state.out);
	memset(state.spans, 0, sizeof(state.spans));
	state.nspans = state.tree.lost = 0;
	state.repeats = 0;
}

static void mark(enum what what)
{
	switch (what) {
	case ARM:
		state.task->role = PARENT;
		break;
	case BEGIN:
		state.task->role = PARENT;
		state.counting = state.nspans < SPANS_MAX;
		break;
	case END:
		state.nspans += state.counting;
		state.counting = false;
		forget_children();
		break;
	case DONE:
		state.task->role = KERNEL;
		report();
		break;
	default:
		break;
	}
}

static void on_block(unsigned int cpu, void *data)
{
	const struct block *b = data, *before = settle(b);

	(void)cpu;
	task_enter(&state.tree, state.task, before, b, state.counting);
	if (state.task->role == KERNEL && b->at >= state.program_at && b->at < state.program_end)
		state.task->role = SERVER;
	state.switching = b->what == SWITCH;
	if (b->what >= ARM)
		mark(b->what);
	state.node = task_node(state.task);
	state.running = b;
}

static struct task *task_of(uint64_t key)
{
	uint64_t *known = table_at(&state.tasks, 0, key);

	if (!*known) {
		struct task *t = need(calloc(1, sizeof(*t)));

		t->key = key;
		t->role = KERNEL;
		*known = (uintptr_t)t;
	}
	return (struct task *)(uintptr_t)*known;
}

/* Of __switch_to_asm: its first load is of the next task, its last store before of this one. */
static void on_access(unsigned int cpu, uint32_t info, uint64_t at, void *data)
{
	(void)cpu;
	(void)data;
	if (!state.switching)
		return;
	if (qemu_plugin_mem_is_store(info)) {
		state.stored = at;
		return;
	}
	state.switching = false;
	if (!state.task->key) {
		state.task->key = state.stored;
		*table_at(&state.tasks, 0, state.stored) = (uintptr_t)state.task;
	}
	if (state.task->dead) { /* whoever gets its memory is somebody else */
		state.task->depth = 0;
		state.task->role = KERNEL;
	}
	state.task = task_of(at);
}

static struct block *new_block(const struct qemu_plugin_tb *tb)
{
	struct block *b = need(calloc(1, sizeof(*b)));
	const struct qemu_plugin_insn *insn;

	b->at = qemu_plugin_tb_vaddr(tb);
	b->n = qemu_plugin_tb_n_insns(tb);
	insn = qemu_plugin_tb_get_insn(tb, b->n - 1);
	b->end = qemu_plugin_insn_vaddr(insn) + qemu_plugin_insn_size(insn);
	b->last = classify(qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn));
	b->what = (enum what)table_get(&state.places, 0, b->at);
	return b;
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	struct block *b = new_block(tb); /* never freed: QEMU does not say when a block is gone */

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, NO_REGISTERS, b);
	for (size_t i = 0; i < b->n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		qemu_plugin_register_vcpu_insn_exec_inline(insn, ADD_U64, &state.insns, 1);
		if (b->at >= state.switch_at && b->at < state.switch_end)
			qemu_plugin_register_vcpu_mem_cb(insn, on_access, NO_REGISTERS,
							 READS_AND_WRITES, NULL);
	}
}

static void on_reset(qemu_plugin_id_t id)
{
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
}

static void on_arming(unsigned int cpu, void *data)
{
	(void)cpu;
	qemu_plugin_reset((qemu_plugin_id_t)(uintptr_t)data, on_reset);
}

/* Until the program has started, nothing is counted: the kernel boots at full speed. */
static void on_early_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	if (table_get(&state.places, 0, qemu_plugin_tb_vaddr(tb)) == ARM)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_arming, NO_REGISTERS,
						     (void *)(uintptr_t)id);
}

static int place(const char *word, uint64_t at, uint64_t end)
{
	if (!strcmp(word, "program")) {
		state.program_at = at;
		state.program_end = end;
		return 0;
	}
	for (unsigned int i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(word, words[i])) {
			*table_at(&state.places, 0, at) = i;
			if (i == SWITCH) {
				state.switch_at = at;
				state.switch_end = end;
			}
			return 0;
		}
	return -EINVAL;
}

/* Lines "WORD FROM TO" in hexadecimal: what is at that address. Later ones win. */
static int read_control(const char *path)
{
	FILE *f = fopen(path, "re");
	uint64_t at, end;
	char word[16];
	int err = f ? 0 : -errno, got = 0;

	while (!err && (got = fscanf(f, "%15s %" SCNx64 " %" SCNx64, word, &at, &end)) == 3)
		err = at ? place(word, at, end) : -EINVAL;
	if (!err && (got != EOF || !state.switch_at))
		err = -EINVAL;
	if (f)
		fclose(f);
	return err;
}

static const char *argument(int argc, char **argv, const char *name)
{
	size_t n = strlen(name);

	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], name, n) && argv[i][n] == '=')
			return argv[i] + n + 1;
	return NULL;
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
	const char *control = argument(argc, argv, "control"), *out = argument(argc, argv, "out");
	int err = control && out ? read_control(control) : -EINVAL;

	(void)info;
	if (!err) {
		state.out = fopen(out, "we");
		err = state.out ? 0 : -errno;
	}
	if (err) {
		fprintf(stderr, "spawnmark plugin: control=%s out=%s: %s\n", control ? control : "",
			out ? out : "", strerror(-err));
		return err;
	}
	tree_plant(&state.tree);
	state.task = need(calloc(1, sizeof(*state.task)));
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_early_translation);
	return 0;
}
