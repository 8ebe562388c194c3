/* SPDX-License-Identifier: MIT */
/*
 * keys.c - the table of scenario keys; see keys.h.
 */
#include <string.h>

#include "keys.h"

static const char *const kinds[] = { "latency", "throughput", "memory", "isolation",
				     "open",    "capacity",   NULL };
static const char *const targets[] = { "dynamic", "static", "nolibc", NULL };
static const char *const pins[] = { "same", "sibling", "free", NULL };
static const char *const pages[] = { "4k", "thp", NULL };
static const char *const switches[] = { "default", "no", "yes", NULL };
static const char *const refills[] = { "default", "eager", "lazy", "paced", NULL };
static const char *const arrivals[] = { "poisson", "steady", "burst", NULL };
static const char *const attackers[] = { "root", "same", "undumpable", "other", NULL };

#define LATENCY    (1u << SM_KIND_LATENCY)
#define THROUGHPUT (1u << SM_KIND_THROUGHPUT)
#define MEMORY     (1u << SM_KIND_MEMORY)
#define ISOLATION  (1u << SM_KIND_ISOLATION)
#define OPEN       (1u << SM_KIND_OPEN)
#define CAPACITY   (1u << SM_KIND_CAPACITY)
#define ALL        SM_ALL_KINDS
#define SCHEDULED  (OPEN | CAPACITY)
/* Throughput gives each of its hosts a CPU of its own; a capacity is one CPU's. */
#define PINNED (ALL & ~(THROUGHPUT | CAPACITY))
#define SWEEP  SM_KEY_SWEEP
#define LIST   SM_KEY_LIST
#define PLANT  (SM_KEY_SWEEP | SM_KEY_PLANT)

#define FIELD(f) offsetof(struct sm_case, f), sizeof(__typeof__(((struct sm_case *)0)->f)), NULL
/* No field: all of them together are sm_case.options. */
#define OPTION(name) 0, 0, name
#define MIB_MAX      65536
#define COUNT_MAX    1000000

/* clang-format off */
const struct sm_key sm_keys[] = {
	{ "strategy", SM_KEY_STRATEGY, SWEEP, ALL, NULL, "popen, vfork, fork, forkserver, zygote",
	  0, 0, NULL, FIELD(ops), "ways to get a child; see `spawnmark list strategies`" },
	{ "kind", SM_KEY_CHOICE, 0, ALL, NULL, "latency",
	  0, 0, kinds, FIELD(kind), "what is measured" },
	{ "payload", SM_KEY_PAYLOAD, 0, ALL, NULL, "none",
	  0, 0, NULL, FIELD(payload), "what a child loads: none, heap, python, or ./a/program" },
	{ "target", SM_KEY_NAME, SWEEP, ALL, "none", "dynamic",
	  0, 0, targets, FIELD(target), "how the payload is linked (popen and vfork only)" },
	{ "sandbox", SM_KEY_SANDBOX, SWEEP, ALL, NULL, "none",
	  0, 0, NULL, FIELD(layers), "what each child enters: a preset, or layers joined by '+'; see "
	  "`spawnmark list sandboxes`" },
	{ "label", SM_KEY_TEXT, 0, ALL, NULL, NULL,
	  0, 0, NULL, FIELD(label), "what reports call it; made from the payload when empty" },

	{ "imports", SM_KEY_WORDS, 0, ALL, "python", NULL,
	  0, 0, NULL, FIELD(imports), "modules that a child needs, with spaces between them" },
	{ "preamble", SM_KEY_TEXT, 0, ALL, "python", NULL,
	  0, 0, NULL, FIELD(preamble), "Python statements run before the imports" },
	{ "work", SM_KEY_TEXT, 0, ALL, "python", "None",
	  0, 0, NULL, FIELD(work), "Python expression: the first unit of real work" },
	{ "check", SM_KEY_TEXT, 0, ALL, "python", NULL,
	  0, 0, NULL, FIELD(check), "Python expression, true when the result _ is right" },
	{ "interpreter", SM_KEY_TEXT, 0, ALL, "python", NULL,
	  0, 0, NULL, FIELD(interpreter), "path, or a name on PATH; empty: .venv/bin/python" },
	{ "payload_args", SM_KEY_WORDS, 0, ALL, "path", NULL,
	  0, 0, NULL, FIELD(payload_args), "arguments of a payload given by path" },

	{ "warm", SM_KEY_OPTION, SWEEP, ALL, NULL, "default",
	  0, 0, switches, OPTION("warm"), "an idle child has done the payload's work once" },
	{ "pool_size", SM_KEY_OPTION, SWEEP, ALL, NULL, "default",
	  1, 256, NULL, OPTION("size"), "children that wait to be asked for" },
	{ "refill", SM_KEY_OPTION, SWEEP, ALL, NULL, "default",
	  0, 0, refills, OPTION("refill"), "when a child that was handed out is replaced" },
	{ "collapse", SM_KEY_OPTION, SWEEP, ALL, NULL, "default",
	  0, 0, switches, OPTION("collapse"), "the server's heap goes into huge pages" },
	{ "trim", SM_KEY_OPTION, SWEEP, ALL, NULL, "default",
	  0, 0, switches, OPTION("trim"), "the server gives unused heap back (malloc_trim)" },
	{ "freeze", SM_KEY_OPTION, SWEEP, ALL, NULL, "default",
	  0, 0, switches, OPTION("freeze"),
	  "the server's runtime does what keeps its memory shared (Python: gc.freeze)" },
	{ "prefault", SM_KEY_OPTION, SWEEP, ALL, NULL, "default",
	  0, 0, switches, OPTION("prefault"), "a child takes its page faults before its work" },

	{ "heap_mb", SM_KEY_INT, SWEEP, ALL, "heap", "0",
	  0, MIB_MAX, NULL, FIELD(heap_mb), "MiB that the payload touches" },
	{ "heap_vmas", SM_KEY_INT, SWEEP, ALL, "heap", "0",
	  0, 60000, NULL, FIELD(heap_vmas), "mappings that the payload adds, each of one touched page" },
	{ "heap_maps", SM_KEY_INT, SWEEP, ALL, "heap", "0",
	  0, 60000, NULL, FIELD(heap_maps), "untouched mappings of a file that the payload adds" },
	{ "heap_tables", SM_KEY_INT, SWEEP, ALL, "heap", "0",
	  0, 60000, NULL, FIELD(heap_tables),
	  "pages that the payload touches so far apart that each has a page table of its own" },
	{ "heap_fds", SM_KEY_INT, SWEEP, ALL, "heap", "0",
	  0, 60000, NULL, FIELD(heap_fds), "descriptors that the payload opens" },
	{ "heap_pages", SM_KEY_CHOICE, SWEEP, ALL, "heap", "4k",
	  0, 0, pages, FIELD(heap_pages), "page size of the payload's heap" },
	{ "heap_write_percent", SM_KEY_INT, SWEEP, ALL, "heap", "0",
	  0, 100, NULL, FIELD(heap_write_percent), "share of its pages that a child's work writes" },

	{ "blocks", SM_KEY_INT, 0, ALL, NULL, "12",
	  1, 1000, NULL, FIELD(blocks), "visits to each case, each with fresh processes" },
	{ "samples", SM_KEY_INT, 0, LATENCY, NULL, "10",
	  1, COUNT_MAX, NULL, FIELD(samples), "spawns in a block" },
	{ "warmup", SM_KEY_INT, 0, LATENCY | SCHEDULED, NULL, "0",
	  0, 1000, NULL, FIELD(warmup),
	  "spawns before them, one at a time; not counted (kept only for kind = latency)" },
	{ "exec_samples", SM_KEY_INT, 0, LATENCY, NULL, "0",
	  0, COUNT_MAX, NULL, FIELD(exec_samples),
	  "`samples` of strategies that exec every child, where that is dear; 0: the same" },
	{ "exec_warmup", SM_KEY_INT, 0, LATENCY, NULL, "-1",
	  -1, 1000, NULL, FIELD(exec_warmup),
	  "`warmup` of the same: a fresh image has nothing to warm; -1: the same" },
	{ "duration", SM_KEY_TIME, 0, THROUGHPUT | SCHEDULED, NULL, "500ms",
	  1, 3600000, NULL, FIELD(duration_ms), "time under load at each point" },
	{ "timeout", SM_KEY_TIME, 0, ALL, NULL, "10s",
	  1, 3600000, NULL, FIELD(timeout_ms), "longest life of one child" },
	{ "start_timeout", SM_KEY_TIME, 0, ALL, NULL, "60s",
	  1, 3600000, NULL, FIELD(start_timeout_ms), "longest start of a host and its server" },
	{ "budget", SM_KEY_TIME, 0, ALL, NULL, "0ms",
	  0, 86400000, NULL, FIELD(budget_ms), "begin no block beyond this time; 0ms: no limit" },
	{ "seed", SM_KEY_INT, 0, ALL, NULL, "0",
	  0, INT64_MAX, NULL, FIELD(own_seed), "of the order of visits; 0: a fresh one" },
	{ "noise_steal", SM_KEY_PERCENT, 0, ALL, NULL, "10%",
	  1, 100, NULL, FIELD(noise_steal),
	  "a block with more CPU time than this taken by the hypervisor is noisy; off: no bound" },
	{ "noise_others", SM_KEY_PERCENT, 0, ALL, NULL, "25%",
	  1, 100, NULL, FIELD(noise_others), "the same of other processes on the block's CPUs" },
	{ "noise_psi", SM_KEY_PERCENT, 0, ALL, NULL, "off",
	  1, 100, NULL, FIELD(noise_psi),
	  "the same of time in which something waited for a CPU: parents and children count too" },
	{ "noise_clock", SM_KEY_PERCENT, 0, ALL, NULL, "off",
	  1, 100, NULL, FIELD(noise_clock), "the same of a CPU frequency so far below its highest" },
	{ "reruns", SM_KEY_INT, 0, ALL, NULL, "2",
	  0, 100, NULL, FIELD(reruns),
	  "so many noisy blocks of a case are measured again (latency, throughput, open); 0: none" },
	{ "rerun_share", SM_KEY_PERCENT, 0, ALL, NULL, "10%",
	  1, 100, NULL, FIELD(rerun_share), "and so many of all blocks of the run, in number and time" },
	{ "floor", SM_KEY_BOOL, 0, LATENCY, NULL, "no",
	  0, 0, NULL, FIELD(want_floor), "measure a raw clone of the same image beside each case" },
	{ "delay", SM_KEY_NS, PLANT, LATENCY | THROUGHPUT | SCHEDULED, NULL, "0",
	  0, 1000000000, NULL, FIELD(delay_ns),
	  "a child spins so long before it is ready: a slow-down of known size, for tests of the "
	  "statistics (5us; 0: none)" },
	{ "spin", SM_KEY_INT, PLANT, LATENCY | THROUGHPUT | SCHEDULED, NULL, "0",
	  0, 1000000000, NULL, FIELD(spin),
	  "a child runs so many instructions more before it is ready, exactly: for tests of clocks that "
	  "count them" },
	{ "audit", SM_KEY_INT, 0, LATENCY, NULL, "0",
	  0, COUNT_MAX, NULL, FIELD(audit),
	  "samples between two looks at descriptors, zombies and RSS; 0: none" },

	{ "pin", SM_KEY_CHOICE, SWEEP, PINNED, NULL, "same",
	  0, 0, pins, FIELD(pin),
	  "CPUs of parent, server and child: same: one, shared by all; sibling: that one and its "
	  "core's other thread, or else its neighbour; free: every CPU of the run" },
	{ "ballast_mb", SM_KEY_INT, SWEEP, ALL, NULL, "0",
	  0, MIB_MAX, NULL, FIELD(ballast_mb), "MiB that the parent touches" },
	{ "ballast_vmas", SM_KEY_INT, SWEEP, ALL, NULL, "0",
	  0, 60000, NULL, FIELD(ballast_vmas), "mappings that the parent adds" },
	{ "ballast_fds", SM_KEY_INT, SWEEP, ALL, NULL, "0",
	  0, 60000, NULL, FIELD(ballast_fds), "descriptors that the parent opens" },
	{ "ballast_threads", SM_KEY_INT, SWEEP, ALL, NULL, "0",
	  0, 4096, NULL, FIELD(ballast_threads), "sleeping threads that the parent starts" },
	{ "cpus", SM_KEY_CPUS, LIST, THROUGHPUT, NULL, "1, all",
	  1, 4096, NULL, FIELD(cpus), "pinned hosts at a time; more than there are is left out" },
	{ "in_flight", SM_KEY_INT, LIST, THROUGHPUT, NULL, "1",
	  1, 256, NULL, FIELD(in_flight), "children that each host keeps in flight" },
	{ "arrivals", SM_KEY_CHOICE, SWEEP, SCHEDULED, NULL, "poisson",
	  0, 0, arrivals, FIELD(arrivals),
	  "when children are asked for: at random, evenly, or `burst` of them at once" },
	{ "burst", SM_KEY_INT, 0, SCHEDULED, NULL, "8",
	  1, 256, NULL, FIELD(burst), "children at once with arrivals = burst; the rate stays" },
	{ "rate", SM_KEY_INT, SWEEP, OPEN, NULL, "100",
	  1, COUNT_MAX, NULL, FIELD(rate), "children asked for per second" },
	{ "limit", SM_KEY_INT, 0, SCHEDULED, NULL, "64",
	  1, SM_IN_FLIGHT_MAX, NULL, FIELD(limit),
	  "children in flight; one that comes then waits in the parent, and its latency counts" },
	{ "patience", SM_KEY_TIME, 0, SCHEDULED, NULL, "1s",
	  1, 60000, NULL, FIELD(patience_ms),
	  "one that has waited so long in the parent ends the point: overloaded" },
	{ "rates", SM_KEY_INT, LIST, CAPACITY, NULL, "25, 50, 100, 200, 400, 800, 1600, 3200, 6400",
	  1, COUNT_MAX, NULL, FIELD(rates),
	  "children per second: tried from the lowest on until one is too much" },
	{ "bound", SM_KEY_TIME, 0, CAPACITY, NULL, "10ms",
	  1, 3600000, NULL, FIELD(bound_ms), "what the p99 of `ready` must keep under" },
	{ "longest", SM_KEY_TIME, 0, CAPACITY, NULL, "3s",
	  1, 3600000, NULL, FIELD(longest_ms),
	  "a low rate is kept up beyond `duration`, until n carries a p99, but no longer than this" },
	{ "points", SM_KEY_INT, 0, CAPACITY, NULL, "20",
	  1, 64, NULL, FIELD(points), "most points that a block's search may try" },
	{ "alive", SM_KEY_INT, LIST, MEMORY, NULL, "1, 16, 64",
	  1, 256, NULL, FIELD(alive), "children alive when memory is read" },
	{ "attacker", SM_KEY_CHOICE, SWEEP, ISOLATION, NULL, "root, same, undumpable, other",
	  0, 0, attackers, FIELD(attacker), "who the attacking child is" },
	{ "siblings", SM_KEY_INT, 0, ISOLATION, NULL, "8",
	  0, 64, NULL, FIELD(siblings), "children whose layout is compared" },
};
/* clang-format on */

const int sm_key_count = sizeof(sm_keys) / sizeof(*sm_keys);

_Static_assert(sizeof(sm_keys) / sizeof(*sm_keys) <= SM_KEYS_MAX, "raise SM_KEYS_MAX");

int sm_key_find(const char *name)
{
	for (int i = 0; i < sm_key_count; i++) {
		if (strcmp(sm_keys[i].name, name) == 0)
			return i;
	}
	return -1;
}

bool sm_strategy_has(const struct sm_ops *ops, const char *option)
{
	for (int i = 0; ops->options && ops->options[i]; i++)
		if (strcmp(ops->options[i], option) == 0)
			return true;
	return false;
}

const char *sm_key_words(const void *set, int i)
{
	(void)set;
	return i < sm_key_count ? sm_keys[i].name : NULL;
}

const char *sm_strategy_words(const void *set, int i)
{
	const struct sm_known *known = set;
	int more = i - (int)sm_strategy_count;

	if (more < 0)
		return sm_strategies[i]->name;
	return more < known->nforeign ? known->foreign[more].ops.name : NULL;
}
