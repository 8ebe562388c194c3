/* SPDX-License-Identifier: MIT */
/*
 * proto.h - what driver and host say to each other, in frames (wire/frame.h) over a socket pair.
 *
 * The driver asks, the host answers: each command ends with exactly one SM_MSG_DONE or
 * SM_MSG_FAULT; other messages may come before it. Both ends are on the same machine and have the
 * same SM_PROTOCOL, so structs travel as they are. Strings travel as sm_pack'd vectors
 * (wire/pack.h).
 */
#ifndef SM_HOST_PROTO_H
#define SM_HOST_PROTO_H

#include <stdint.h>

#include "../spawnmark.h"

/*
 * What both ends must agree on: raised by every change of what is below. A host that tells none
 * (SM_MSG_TRAITS without the field) is older than the number.
 */
#define SM_PROTOCOL 1

/* The most samples one SM_MSG_SAMPLES carries, and the most children in flight or on hold. */
#define SM_SAMPLES_MAX   256
#define SM_IN_FLIGHT_MAX 256

enum sm_msg {
	/* driver -> host. With OPEN and CHECK may come a descriptor: a sandbox's plan */
	SM_CMD_OPEN = 1,  /* struct sm_cmd_open, then packed argv, envp, request args, {options} */
	SM_CMD_LATENCY,   /* struct sm_cmd_latency -> SAMPLES*, DONE */
	SM_CMD_LOAD,      /* struct sm_cmd_load -> SAMPLES*, DONE */
	SM_CMD_HOLD,      /* struct sm_cmd_hold: n more children, up to ready -> PIDS, DONE */
	SM_CMD_WORK,      /* all held children do their work -> DONE */
	SM_CMD_RELEASE,   /* all held children end and are reaped -> DONE */
	SM_CMD_ISOLATE,   /* struct sm_cmd_isolate -> FINDING*, LAYOUT*, DONE */
	SM_CMD_CALIBRATE, /* -> VALUE*, DONE */
	SM_CMD_CLOSE,     /* stops the strategy -> DONE, then the host exits 0 */
	SM_CMD_CHECK,     /* struct sm_cmd_check, then argv, envp, {id} (packed) -> VERDICT, DONE */
	SM_CMD_HELLO,     /* -> TRAITS, DONE: for hosts that the driver does not know */
	SM_CMD_ARRIVE,    /* struct sm_cmd_arrive -> SAMPLES*, DONE */
	SM_CMD_SPARES,    /* the children that wait, when all are there -> PIDS, DONE */

	/* host -> driver */
	SM_MSG_DONE = 100, /* struct sm_msg_done */
	SM_MSG_FAULT,   /* struct sm_fault; the strategy stays usable unless the command was OPEN */
	SM_MSG_SAMPLES, /* struct sm_sample[] */
	SM_MSG_PIDS,    /* int32_t[] */
	SM_MSG_FINDING, /* struct sm_msg_finding */
	SM_MSG_LAYOUT,  /* struct sm_msg_layout */
	SM_MSG_VALUE,   /* struct sm_msg_value */
	SM_MSG_NOTE,    /* struct sm_msg_note: a failure inside a command that goes on */
	SM_MSG_VERDICT, /* struct sm_msg_verdict (check/call.h) */
	SM_MSG_TRAITS,  /* struct sm_msg_traits */
};

/* The parent's image is a variable: what the host builds before the strategy starts. */
struct sm_cmd_open {
	uint32_t start_timeout_ms;
	uint32_t ballast_mib;     /* touched, 4 KiB pages */
	uint32_t ballast_vmas;    /* extra mappings of the parent */
	uint32_t ballast_fds;     /* extra open descriptors of the parent */
	uint32_t ballast_threads; /* extra threads of the parent; they sleep */
	uint32_t
		plant_secrets; /* plant the secrets of design section 7 before the strategy starts */
	uint32_t undumpable;   /* PR_SET_DUMPABLE 0 in parent and server */
};

struct sm_cmd_latency {
	uint32_t n;          /* recorded spawns, one at a time */
	uint32_t warmup;     /* spawns before them: reported too, flagged SM_SAMPLE_WARMUP */
	uint32_t timeout_ms; /* per spawn: a child that never answers costs one sample */
};

struct sm_cmd_load {
	int64_t start_at_ns; /* CLOCK_MONOTONIC: so that k hosts begin together */
	uint32_t duration_ms;
	uint32_t in_flight; /* children kept in flight, 1..SM_IN_FLIGHT_MAX */
	uint32_t timeout_ms;
};

enum sm_arrivals {
	SM_ARRIVALS_POISSON, /* independent of one another, as from many users */
	SM_ARRIVALS_STEADY,  /* evenly spaced */
	SM_ARRIVALS_BURST,   /* `burst` at once, evenly spaced; the same mean rate */
};

/*
 * Open loop: children are asked for when a schedule says so, whether or not earlier ones have
 * ended. Where `limit` children are in flight, or the parent is busy, an arrival waits: its
 * latency counts from its place in the schedule. One that has waited for give_up_ms ends the
 * schedule: it and all after it are counted as missed, not tried.
 */
struct sm_cmd_arrive {
	int64_t start_at_ns; /* CLOCK_MONOTONIC */
	uint64_t seed;       /* of SM_ARRIVALS_POISSON */
	double rate;         /* children per second, > 0 */
	uint32_t arrivals;   /* enum sm_arrivals */
	uint32_t burst;      /* >= 1 */
	uint32_t duration_ms;
	uint32_t limit; /* 1..SM_IN_FLIGHT_MAX */
	uint32_t give_up_ms;
	uint32_t timeout_ms; /* per child, from its request */
};

struct sm_cmd_hold {
	uint32_t n;
	uint32_t timeout_ms;
};

struct sm_cmd_isolate {
	uint32_t attacker_uid; /* the child turns into it before it attacks; 0xffffffff: stays */
	uint32_t undumpable;   /* sibling: PR_SET_DUMPABLE 0 before it is attacked */
	uint32_t timeout_ms;
	uint32_t siblings; /* children whose layout is compared */
};

/* One check, in a host that was started for it alone; no OPEN comes before it. */
struct sm_cmd_check {
	uint64_t seed;
	uint32_t flags; /* enum sm_check_call_flag */
	uint32_t zero;
};

/* What a host says of its strategy. */
struct sm_msg_traits {
	char name[32], summary[160];
	char options[128]; /* their names with blanks between them */
	uint64_t traits;   /* enum sm_trait */
	uint32_t protocol; /* SM_PROTOCOL */
	uint32_t zero;
};

enum sm_sample_flag {
	SM_SAMPLE_WARMUP = 1 << 0,
	SM_SAMPLE_FAILED = 1 << 1,    /* stage and err say why; later instants are 0 */
	SM_SAMPLE_RAW_CLOCK = 1 << 2, /* the child's instants were taken by the raw system call */
	/* Set in samples.bin.gz alone: of a noisy block that was measured again; in no figure. */
	SM_SAMPLE_SUPERSEDED = 1 << 3,
};

/* One spawn. Instants in CLOCK_MONOTONIC ns, 0 = not taken; counts -1 = not known. */
struct sm_sample {
	int64_t intended_ns; /* its place in the schedule of SM_CMD_ARRIVE; elsewhere 0 */
	int64_t request_ns;
	int64_t created_ns;
	int64_t received_ns; /* server */
	int64_t cloning_ns;  /* server */
	int64_t entered_ns;
	int64_t ready_ns;
	int64_t worked_ns;
	int64_t recorded_ns; /* parent: the whole record has been read */
	int64_t reaped_ns;
	int64_t utime_ns; /* of the child, from wait4 */
	int64_t stime_ns;
	int32_t minflt; /* of the child, from its record */
	int32_t majflt;
	int32_t nvcsw;
	int32_t nivcsw;
	int32_t pid;
	int32_t status; /* wait status */
	uint32_t flags; /* enum sm_sample_flag */
	int16_t stage;  /* enum sm_stage */
	int16_t err;
};

/* The end of a command; what it does not concern is 0. */
struct sm_msg_done {
	int64_t began_ns, ended_ns;
	int64_t parent_utime_ns, parent_stime_ns; /* the host itself, over the command */
	int64_t parent_nivcsw, parent_majflt;
	int32_t server_pid; /* 0: none */
	uint32_t children;  /* completed: record read, reaped, status 0 */
	uint32_t failed;
	uint32_t offered; /* SM_CMD_ARRIVE: arrivals of the whole schedule */
	uint32_t missed;  /* SM_CMD_ARRIVE: those among them that were not tried */
};

/* Samples of one command that failed alike; sent before its DONE. The samples are sent as well. */
struct sm_msg_note {
	struct sm_fault fault; /* of the first one */
	uint32_t count;
};

/* One cell of the isolation matrix. */
struct sm_msg_finding {
	char secret[32];   /* "heap/before", "request", "-" */
	char attack[32];   /* "self-scan", "proc-mem", … */
	char target[16];   /* "self", "parent", "server", "sibling" */
	int32_t inherited; /* 1: kind inherited, 0: kind reachable */
	int32_t outcome;   /* enum sm_outcome */
	int32_t err;       /* SM_BLOCKED: the errno */
	char evidence[160];
};

enum sm_outcome { SM_LEAKED, SM_BLOCKED, SM_ABSENT, SM_NOT_APPLICABLE };

/* What one sibling saw; the driver counts the bits that siblings share. */
struct sm_msg_layout {
	char what[24];       /* "stack", "heap", "mmap", "text", "canary", "at_random", "random" */
	uint32_t sibling;    /* 0.. */
	uint32_t width_bits; /* valid bits in value, low bits first; 0: cannot be seen here */
	uint64_t value[2];
};

/* One number of the calibration. */
struct sm_msg_value {
	char name[32];      /* with its unit: "syscall_ns" */
	double p50, lo, hi; /* median of n and its 95 % order-statistic interval */
	uint32_t n;
};

#ifndef __cplusplus
_Static_assert(sizeof(struct sm_cmd_open) == 28 && sizeof(struct sm_cmd_latency) == 12 &&
		       sizeof(struct sm_cmd_load) == 24 && sizeof(struct sm_cmd_arrive) == 48 &&
		       sizeof(struct sm_cmd_hold) == 8 && sizeof(struct sm_cmd_isolate) == 16 &&
		       sizeof(struct sm_sample) == 128 && sizeof(struct sm_msg_done) == 72 &&
		       sizeof(struct sm_msg_finding) == 252 && sizeof(struct sm_msg_value) == 64 &&
		       sizeof(struct sm_msg_note) == 260 && sizeof(struct sm_msg_layout) == 48,
	       "the protocol has changed: raise SM_PROTOCOL, then put the new sizes here");
#endif

#endif
