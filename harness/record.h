/* SPDX-License-Identifier: MIT */
/*
 * record.h - what a child tells its parent, in one write to its stdout.
 *
 * Freestanding: the libc-free target includes it too. Stdout carries it because stdout is the
 * one descriptor that every spawner can pass. A payload may print before it: a reader looks for
 * the magic.
 */
#ifndef SM_RECORD_H
#define SM_RECORD_H

#include <stdint.h>

/* Starts with a newline and is no UTF-8, so that printed text cannot contain it. */
#define SM_RECORD_MAGIC 0xfe64726f6365720aULL

enum sm_record_kind {
	SM_RECORD_DONE = 1,  /* work done: the only record of an ordinary child */
	SM_RECORD_READY = 2, /* a child that was told to hold is ready and waits on its stdin */
	SM_RECORD_FAULT = 3, /* setup or work failed: stage and err say how; no work was done */
	SM_RECORD_DATA = 4,  /* data_bytes bytes of an order's own answer follow */
};

enum sm_record_flag {
	SM_RECORD_RAW_CLOCK = 1 << 0, /* instants taken by the raw system call, not the vDSO */
};

/*
 * All instants are CLOCK_MONOTONIC in nanoseconds; 0 = not taken. The record is written with one
 * write(2) of at most PIPE_BUF bytes, hence whole or not at all (pipe(7)).
 */
struct sm_record {
	uint64_t magic; /* SM_RECORD_MAGIC */
	uint32_t size;  /* sizeof(struct sm_record) as the writer knows it */
	uint32_t kind;  /* enum sm_record_kind */
	uint32_t flags; /* enum sm_record_flag */
	int32_t pid;    /* getpid() in the child */
	int32_t ppid;   /* getppid() in the child */
	int32_t stage;  /* SM_RECORD_FAULT: enum sm_stage */
	int32_t err;    /* SM_RECORD_FAULT: a positive errno, or 0 */
	union {
		uint32_t data_bytes; /* SM_RECORD_DATA */
		int32_t detail;      /* SM_RECORD_FAULT: what the stage says, as in sm_fault */
	};
	int64_t received_ns; /* server: the request was read (inherited by the child) */
	int64_t cloning_ns;  /* server: immediately before the clone (inherited by the child) */
	int64_t entered_ns;
	int64_t ready_ns;
	int64_t worked_ns;
	/*
	 * Page faults and context switches since birth, taken after worked. Of a child made ahead:
	 * since it began to wait for its request.
	 */
	int64_t minflt;
	int64_t majflt;
	int64_t nvcsw;
	int64_t nivcsw;
};

#ifndef __cplusplus /* which spells it otherwise; C compiles the library anyway */
_Static_assert(sizeof(struct sm_record) == 112, "the record is a wire format");
#endif

#endif
