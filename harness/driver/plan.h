/* SPDX-License-Identifier: MIT */
/*
 * plan.h - what a run will do: scenarios, their cases, the order of visits.
 *
 * scenario.c fills it from INI files, plan.c completes it (floors, names, order); from then on it
 * is constant. What was measured lives elsewhere (run.h), one struct sm_result per case.
 */
#ifndef SM_PLAN_H
#define SM_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../host/proto.h"

enum sm_kind {
	SM_KIND_LATENCY,
	SM_KIND_THROUGHPUT,
	SM_KIND_MEMORY,
	SM_KIND_ISOLATION,
	SM_KIND_OPEN,     /* arrivals at one rate, whatever becomes of the children */
	SM_KIND_CAPACITY, /* the highest such rate at which `ready` p99 keeps under a bound */
};
enum sm_pin { SM_PIN_SAME, SM_PIN_SIBLING, SM_PIN_FREE };
enum sm_attacker {
	SM_ATTACKER_ROOT,       /* parent and child are root */
	SM_ATTACKER_SAME,       /* one unprivileged uid, dumpable */
	SM_ATTACKER_UNDUMPABLE, /* one unprivileged uid, PR_SET_DUMPABLE 0 */
	SM_ATTACKER_OTHER,      /* the child has an unprivileged uid of its own */
};

enum sm_heap_pages { SM_PAGES_4K, SM_PAGES_THP };

/* Of a run with --baseline: every case is measured on both sides, by turns. */
enum sm_side { SM_SIDE_NONE, SM_SIDE_BASE, SM_SIDE_NEW };

#define SM_LIST_MAX   24 /* values of one swept key */
#define SM_PARAMS_MAX 8

/* `budget` never cuts a run below this many blocks while time is left. */
#define SM_BUDGET_BLOCKS 6

struct sm_list {
	int n;
	int64_t v[SM_LIST_MAX];
};

/*
 * What this machine's clock counts. Under QEMU's -icount one nanosecond is one instruction of the
 * guest, which nothing but the user knows: no probe can tell it from a slow machine.
 */
enum sm_clock { SM_CLOCK_TIME, SM_CLOCK_ICOUNT };

/* A swept key's value in this case, for its name and for plots. */
struct sm_param {
	const char *key;
	char value[128];
};

/* One point of a scenario. Strings belong to the plan. */
struct sm_case {
	char *name;           /* scenario/strategy/payload[/key=value…] */
	const char *scenario; /* "startup" */
	const char *section;  /* "python" */
	const char *label;
	enum sm_kind kind;
	const struct sm_ops *ops;
	const char *payload; /* "none", "heap", "python", or a path */
	const char *target;  /* "dynamic", …; NULL where there is no choice */
	const char *sandbox; /* "none", "full", "pid+net": the one name of its layers */
	uint32_t layers;     /* bits 1 << enum sm_layer */
	enum sm_pin pin;
	struct sm_param params[SM_PARAMS_MAX];
	int nparams;

	char **argv;      /* the payload's command, NULL-terminated */
	char **host_argv; /* the host's: sm-host, or the payload itself (SM_PARENT_LOADS) */

	int blocks, samples, warmup;
	int exec_samples, exec_warmup; /* as written; samples and warmup already heed them */
	int64_t timeout_ms, start_timeout_ms, duration_ms;
	int64_t delay_ns; /* planted in every measured child, between entered and ready */
	int64_t spin;     /* likewise, instructions; one of the two is 0 */
	int64_t ballast_mb, ballast_vmas, ballast_fds, ballast_threads;
	struct sm_list cpus, in_flight; /* throughput: every pair is a point of this case */
	struct sm_list alive;           /* memory */
	enum sm_arrivals arrivals;      /* open, capacity: this and the next four */
	int burst;                      /* children at once */
	int limit;                      /* in flight; whoever comes then waits in the parent */
	int64_t patience_ms;            /* for so long, else the point is overloaded and ends */
	uint64_t seed;                  /* of schedules: the plan's */
	int64_t rate;                   /* open: children per second */
	struct sm_list rates;           /* capacity: the first points of the search */
	int64_t bound_ms, longest_ms;   /* capacity: of ready p99; of a point with few arrivals */
	int points;                     /* capacity: most of a block */
	enum sm_attacker attacker;      /* isolation */
	int siblings;
	const char *options; /* "name=value …", of the strategy; NULL: its defaults */
	char **env; /* "NAME=VALUE" of host, server and children beside the run's, or NULL */
	/* Bounds of a block's noise in percent, 0: none; how often a case, what part of a run may
	 * be visited again because of it. */
	int noise_steal, noise_others, noise_psi, noise_clock, reruns, rerun_share;
	int audit; /* latency: samples between two audits of parent and server; 0: none */
	int floor; /* index of its floor case, -1: none */

	const char *lacks; /* why this build cannot have it: then it is not measured; or NULL */

	/* What argv was made from, as the scenario gives it. */
	const char *imports, *preamble, *work, *check, *interpreter, *payload_args;
	int64_t heap_mb, heap_vmas, heap_maps, heap_tables, heap_fds, heap_write_percent;
	enum sm_heap_pages heap_pages;

	enum sm_side side;
	int partner; /* index of the same case on the other side */

	/* For the planner alone. */
	int ordinal; /* its place before --only chose */
	bool want_floor, is_floor;
	int64_t budget_ms, own_seed;
	int iscenario;
};

/* A scenario file as read: its text is kept in the results. */
struct sm_scenario {
	char *name, *file, *text;
};

/*
 * One visit: block `block` of case `icase`. Blocks are the scenario's and count from 0: a case with
 * fewer blocks than its neighbours skips some of the numbers.
 */
struct sm_visit {
	int block, icase;
};

/* What the base side is, for the record. */
struct sm_baseline {
	const char *command, *version;
	const char *const *set, *const *env; /* what the base side alone has; NULL-terminated */
	const char *const *hosts;            /* likewise */
};

struct sm_plan {
	struct sm_scenario *scenarios;
	int nscenarios;
	struct sm_case *cases;
	int ncases;
	int nall;                /* how many there were before --only chose */
	struct sm_visit *visits; /* every block visits every case in seeded random order */
	int nvisits;
	int64_t budget_ms; /* 0: none; see sm_plan_enough() */
	uint64_t seed;
	bool quick;
	enum sm_clock clock;
	struct sm_arena *arena;             /* owns every string and array above */
	const struct sm_baseline *baseline; /* NULL: an ordinary run */
	struct sm_plan *base;               /* owns what the cases of the base side are made of */
};

/* A message for the user: "scenarios/x.ini:12: unknown key 'bloks'; did you mean 'blocks'?" */
struct sm_error {
	char text[512];
};

struct sm_foreign;

struct sm_plan_options {
	const char *const *names; /* scenario names or files, NULL-terminated */
	const char *const *set;   /* "key=value", each overrides every section; or NULL */
	const char *only;         /* extended regex on case names, or NULL */
	const char *root;         /* directory that holds scenarios/, harness/, .venv/ */
	const char *payloads;     /* directory that holds harness/payloads/; NULL: root */
	const char *build;        /* directory that holds sm-host and payloads/; NULL: root/build */
	uint64_t seed;            /* 0: the scenario's, else a fresh one */
	bool quick;
	enum sm_clock clock; /* not of time: no block is noisy, and none is measured again */
	int ncpus;           /* what `cpus = all` means */
	const struct sm_foreign *foreign; /* of --host; must outlive the plan */
	int nforeign;
	char **env; /* of hosts, servers and children, beside the run's; NULL: none; outlives it */
};

/*
 * Reads, checks and expands the scenarios. 0 or -EINVAL (bad input; error tells file, line and
 * what would be right), -ENOENT, -ENOMEM. On error *out is NULL. Free with sm_plan_free().
 */
int sm_plan_make(struct sm_plan **out, const struct sm_plan_options *opt, struct sm_error *error);
void sm_plan_free(struct sm_plan *plan);

/* Does another block begin with it? Every scenario numbers its own from 0. */
bool sm_plan_begins_block(const struct sm_plan *plan, int visit);

/*
 * The same with a base side: base has its options (names, only, seed and quick are those of opt)
 * and baseline, which must outlive the plan. Every case has a partner whose name ends in "@base";
 * they are visited one after the other in every block, in the order ABBA. -EINVAL as well where the
 * two sides have not the same cases.
 */
int sm_plan_make_pair(struct sm_plan **out, const struct sm_plan_options *opt,
		      const struct sm_plan_options *base, const struct sm_baseline *baseline,
		      struct sm_error *error);

/*
 * Asked before visits[visit]: has the budget been used up? Always whole blocks, at least
 * SM_BUDGET_BLOCKS of them while time is left, and at least one. False without a budget.
 * elapsed_ns: since the first visit began. A run that ends so is complete, not cut short.
 */
bool sm_plan_enough(const struct sm_plan *plan, int visit, int64_t elapsed_ns);

#endif
