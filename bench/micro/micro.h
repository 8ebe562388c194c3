/* SPDX-License-Identifier: MIT */
/*
 * micro.h - a micro-benchmark case in C, as the C++ shim gives it to google-benchmark.
 */
#ifndef SM_MICRO_H
#define SM_MICRO_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bench_case {
	const char *name;
	int64_t arg;     /* appended to the name as /ARG where it is not negative */
	int own_clock;   /* 1: google-benchmark times once() by itself; 0: once() says how long */
	int iterations;  /* per repetition; 0: as many as fill the time. For those that batch */
	int repetitions; /* 0: as many as the flags say */
	int (*available)(void);                  /* NULL: everywhere; 0: left out */
	int (*setup)(void **state, int64_t arg); /* 0 or -errno; NULL: none */
	int64_t (*once)(void *state);            /* ns of one operation, or -errno */
	void (*teardown)(void *state);           /* NULL: none */
};

/* Every case, in the order of the report. A new one is one function and one row. */
extern const struct bench_case bench_cases[];
extern const unsigned int bench_case_count;

/* machine.c */
int bench_cpuid_available(void);
int64_t bench_cpuid(void *state);
int64_t bench_instant(void *state);
int64_t bench_syscall(void *state);
int bench_fault_setup(void **state, int64_t arg);
int64_t bench_fault(void *state);
void bench_fault_teardown(void *state);

/* process.c: to the collected exit; arg is MiB of touched memory in the parent */
int bench_parent_setup(void **state, int64_t arg);
void bench_parent_teardown(void *state);
int64_t bench_fork(void *state);
int64_t bench_vfork(void *state);
int64_t bench_vfork_exec(void *state);
int64_t bench_posix_spawn(void *state);
int64_t bench_clone(void *state);
int64_t bench_clone3(void *state);
int bench_clone3_available(void);

/* message.c: arg descriptors there and back over a socket pair */
int bench_message_setup(void **state, int64_t arg);
int64_t bench_message(void *state);
void bench_message_teardown(void *state);

/* meter.c: the meter measures itself */
int bench_raw_setup(void **state, int64_t arg);
int bench_noop_setup(void **state, int64_t arg);
int64_t bench_strategy_body(void *state);
int64_t bench_strategy_sample(void *state);
void bench_strategy_teardown(void *state);

#ifdef __cplusplus
}
#endif
#endif
