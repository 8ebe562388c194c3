/* SPDX-License-Identifier: MIT */
/*
 * host.h - inside of the host: its state, its commands, and the steps that they share.
 *
 * The host's image is a variable of the measurement: what only the meter needs (struct
 * sm_scratch) lies in one mapping that no clone of the parent copies.
 */
#ifndef SM_HOST_H
#define SM_HOST_H

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

#include "../spawnmark.h"
#include "proto.h"
#include "reader.h"
#include "../isolation/isolation.h"
#include "../wire/frame.h"

#define SM_NOTES_MAX 16

/* How long a killed child may take to be reaped, and a strategy to be told so. */
#define SM_REAP_MS 5000

/* stdin, stdout, stderr of a child, and what a server-based strategy keeps for it. */
#define SM_FDS_PER_CHILD 4

/* One child that is under way under load. */
struct sm_flight {
	struct sm_child child; /* pid 0: a free place */
	struct sm_sample sample;
	struct sm_reader out;
	struct sm_tail err;
	struct sm_record rec;
	int64_t deadline_ns;
	bool err_open, reported; /* reported: rec is whole, the exit is still to come */
};

/* One child that holds still. */
struct sm_held {
	struct sm_child child;
	pid_t program; /* whose memory it is: sm_host_program() */
	struct sm_reader out;
};

/* The meter's own memory: one anonymous mapping with MADV_DONTFORK. */
struct sm_scratch {
	struct sm_sample samples[SM_SAMPLES_MAX];
	struct sm_msg_note notes[SM_NOTES_MAX];
	uint32_t nsamples, nnotes;
	struct sm_flight flights[SM_IN_FLIGHT_MAX];
	struct pollfd polls[2 * SM_IN_FLIGHT_MAX + 1];
	struct sm_held held[SM_IN_FLIGHT_MAX];
	uint32_t nheld;
	uint32_t held_timeout_ms;                    /* bound on each step of a held child */
	_Alignas(16) char frame[SM_FRAME_BYTES_MAX]; /* commands are read where they lie */
};

/* What makes the parent's image bigger. */
struct sm_ballast {
	void *heap, *maps;
	size_t heap_bytes, maps_bytes;
	int *fds;
	pthread_t *threads;
	sem_t stop; /* once a thread */
	uint32_t nfds, nthreads;
};

struct sm_host_state {
	struct sm_ops ops; /* a copy, the tail that an old caller does not know zeroed */
	const struct sm_payload *payload;
	int sock;
	bool driver_gone, closing;

	int plan_fd; /* of the sandbox that came with OPEN or CHECK; 0: none */

	void *self; /* the strategy, when started */
	bool started;
	struct sm_ballast ballast;
	struct sm_secrets *secrets;   /* NULL: none planted */
	struct sm_secrets_room *room; /* on the stack of sm_host() */

	/* Of SM_CMD_OPEN. The vectors point into strings, which a cloned child can read too. */
	char *strings;
	const char **argv, **args;
	const char **server_envp; /* of the server */
	const char **child_envp;  /* of an ordinary child: SM_JOB=child */
	const char **hold_envp;   /* SM_JOB=child/hold */
	const char **base_envp;   /* without a job, to build others from */
	const char **options;     /* at most one string; NULL: none came */

	struct sm_scratch *scratch;
	struct sm_fault fault;   /* why the command failed */
	struct sm_msg_done done; /* of the command being obeyed */
};

/* A command: 0, or -errno with st->fault filled. Its answer is sent by the caller. */
typedef int sm_command(struct sm_host_state *st, const void *data, uint32_t bytes);

sm_command sm_host_open, sm_host_latency, sm_host_load, sm_host_hold, sm_host_work, sm_host_release;
sm_command sm_host_spares;
sm_command sm_host_isolate, sm_host_calibrate, sm_host_check, sm_host_hello, sm_host_arrive;

/*
 * argv, envp, args and options (which may lack) from packed vectors. Copies the strings out of the scratch memory, which
 * no cloned child can read. 0 or -errno; sm_host_shut() frees them, whole or half.
 */
int sm_host_unpack(struct sm_host_state *st, const char *data, uint32_t bytes);

/* Undoes OPEN, whole or half: held children, strategy, secrets, ballast, strings. Idempotent. */
void sm_host_shut(struct sm_host_state *st);

/* Kills and reaps every held child. */
void sm_held_kill(struct sm_host_state *st);

/* Sends a message to the driver; notes when it has gone. 0 or -errno. */
int sm_host_send(struct sm_host_state *st, uint16_t type, const void *data, size_t bytes);

/* A request like SM_CMD_OPEN's with the environment given. */
struct sm_req sm_host_req(const struct sm_host_state *st, const char *const *envp,
			  uint32_t timeout_ms);

/*
 * base without any job, plus "NAME=VALUE" extra (NULL: nothing): a malloc'd vector that owns no
 * string, to be built once and not per spawn. NULL: no memory.
 */
const char **sm_host_env(const char *const *base, const char *extra);

/*
 * The process that the payload runs in: the child, but where a shell stands between, whose pid spawn()
 * gives, the one that the record names. (In a pid namespace it would name itself 1.)
 */
pid_t sm_host_program(const struct sm_host_state *st, const struct sm_child *child,
		      const struct sm_record *rec);

/* The buffer of samples and notes. */
struct sm_sample *sm_outbox_sample(struct sm_host_state *st); /* room for one: sends when full */
void sm_outbox_note(struct sm_host_state *st, const struct sm_fault *fault);
int sm_outbox_flush(struct sm_host_state *st);

/* Everything that one spawn needs. */
struct sm_span {
	const struct sm_ops *ops;
	void *self;
	const struct sm_req *req;
	int watch; /* the driver's socket, or -1 */
};

/*
 * The steps of a span. Each returns 0, or -errno with the sample flagged SM_SAMPLE_FAILED and the
 * fault filled; then the child, if there was one, is dead and reaped as far as can be.
 *
 *   start    request .. created
 *   end      after the record: collects the exit, judges both
 *   give_up  no record: why is -ETIMEDOUT, -EPIPE (the child ended) or another -errno
 */
int sm_span_start(const struct sm_span *span, struct sm_sample *s, struct sm_child *child,
		  struct sm_fault *fault);
int sm_span_end(const struct sm_span *span, struct sm_sample *s, struct sm_child *child,
		const struct sm_record *rec, struct sm_tail *tail, struct sm_fault *fault);
int sm_span_give_up(const struct sm_span *span, struct sm_sample *s, struct sm_child *child,
		    int why, struct sm_tail *tail, struct sm_fault *fault);
/* Strategies whose children have no stdout: exit first, then what ops->record knows. */
int sm_span_silent(const struct sm_span *span, struct sm_sample *s, struct sm_child *child,
		   struct sm_fault *fault);
void sm_child_close(struct sm_child *child);
void sm_child_kill(const struct sm_child *child);

/*
 * One whole spawn as the latency command measures it; *out is always filled. Returns 0, or -errno
 * with out flagged SM_SAMPLE_FAILED and *fault filled.
 */
int sm_latency_one(const struct sm_ops *ops, void *self, const struct sm_req *req,
		   struct sm_sample *out, struct sm_fault *fault);

/* The parent's image; fault says SM_STAGE_IMAGE. A half-built one is freed by the second. */
int sm_ballast_build(struct sm_ballast *b, const struct sm_cmd_open *cmd, struct sm_fault *fault);
void sm_ballast_free(struct sm_ballast *b);
/* Raises the soft limit on descriptors so that n more fit. 0, -EMFILE or -errno. */
int sm_descriptors_reserve(uint32_t n);

/* x86: cost of one CPUID instruction in ns, a mean over a few; -1 elsewhere. */
double sm_cpuid_ns(void);

/* Sorts v and gives its median with the 95 % order-statistic interval. */
void sm_value_fill(struct sm_msg_value *value, const char *name, double *v, uint32_t n);

#endif
