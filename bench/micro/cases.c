/* SPDX-License-Identifier: MIT */
/*
 * cases.c - the table of micro-benchmarks.
 *
 * meter/raw/gbench and meter/raw/host run the same C body (raw clone, exit, wait): once timed by
 * google-benchmark, once through the loop that times every sample of the suite. They must agree.
 * Many short repetitions, so that the two alternate closely: what drifts falls on both alike.
 */
#include "micro.h"

#include <stddef.h>

#define PARENT bench_parent_setup
#define GONE   bench_parent_teardown

/* clang-format off */
const struct bench_case bench_cases[] = {
	/* name, arg, own_clock, iterations, repetitions, available, setup, once, teardown */
	{ "meter/raw/gbench", -1, 1, 20, 100, NULL, bench_raw_setup, bench_strategy_body, bench_strategy_teardown },
	{ "meter/raw/host", -1, 0, 20, 100, NULL, bench_raw_setup, bench_strategy_sample, bench_strategy_teardown },
	{ "meter/noop/sample", -1, 1, 0, 0, NULL, bench_noop_setup, bench_strategy_sample, bench_strategy_teardown },
	{ "meter/instant", -1, 1, 0, 0, NULL, NULL, bench_instant, NULL },
	{ "machine/syscall", -1, 1, 0, 0, NULL, NULL, bench_syscall, NULL },
	{ "machine/page_fault", -1, 0, 200, 0, NULL, bench_fault_setup, bench_fault, bench_fault_teardown },
	{ "machine/cpuid", -1, 0, 200, 0, bench_cpuid_available, NULL, bench_cpuid, NULL },
	{ "socket/round_trip/fds", 0, 0, 0, 0, NULL, bench_message_setup, bench_message, bench_message_teardown },
	{ "socket/round_trip/fds", 3, 0, 0, 0, NULL, bench_message_setup, bench_message, bench_message_teardown },
	{ "process/clone/mib", 0, 0, 0, 0, NULL, PARENT, bench_clone, GONE },
	{ "process/clone/mib", 64, 0, 0, 0, NULL, PARENT, bench_clone, GONE },
	{ "process/clone3/mib", 0, 0, 0, 0, bench_clone3_available, PARENT, bench_clone3, GONE },
	{ "process/fork/mib", 0, 0, 0, 0, NULL, PARENT, bench_fork, GONE },
	{ "process/fork/mib", 64, 0, 0, 0, NULL, PARENT, bench_fork, GONE },
	{ "process/vfork/mib", 0, 0, 0, 0, NULL, PARENT, bench_vfork, GONE },
	{ "process/vfork/mib", 64, 0, 0, 0, NULL, PARENT, bench_vfork, GONE },
	{ "process/vfork_exec/mib", 0, 0, 0, 0, NULL, PARENT, bench_vfork_exec, GONE },
	{ "process/posix_spawn/mib", 0, 0, 0, 0, NULL, PARENT, bench_posix_spawn, GONE },
};
/* clang-format on */
const unsigned int bench_case_count = sizeof(bench_cases) / sizeof(bench_cases[0]);
