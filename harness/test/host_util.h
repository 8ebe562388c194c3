/* SPDX-License-Identifier: MIT */
/*
 * host_util.h - a real host under test: started, spoken to, its answers gathered. Every wait is
 * bounded; what goes wrong fails the test that called.
 */
#ifndef SM_TEST_HOST_UTIL_H
#define SM_TEST_HOST_UTIL_H

#include "../check/call.h"
#include "../host/proto.h"

#define ANSWER_MS 60000

/* The answer to one command. */
struct answer {
	uint16_t end; /* SM_MSG_DONE or SM_MSG_FAULT; 0: the host hung up */
	struct sm_msg_done done;
	struct sm_fault fault;
	struct sm_sample samples[32768]; /* recycle makes that many in a second */
	uint32_t nsamples;
	struct sm_msg_note notes[16];
	uint32_t nnotes;
	int32_t pids[SM_IN_FLIGHT_MAX];
	uint32_t npids;
	struct sm_msg_value values[16];
	uint32_t nvalues;
	struct sm_msg_verdict verdict;
	struct sm_msg_traits traits;
};

struct host {
	pid_t pid;
	int sock;
	struct answer a; /* of the last command */
};

/* A file that was built beside the tests: "payloads/none". Static storage, one call at a time. */
const char *built(const char *name);

/* Starts the host that this strategy needs; env: one more entry for it, or NULL. */
void host_start(struct host *h, const char *strategy);
void host_start_env(struct host *h, const char *strategy, const char *env);

/* OPEN; argv NULL: the payload none. Returns a.end. */
int host_open(struct host *h, const char *const *argv, const struct sm_cmd_open *cmd);

/* Any command; one frame of it sent, or one read. */
int host_do(struct host *h, uint16_t cmd, const void *data, uint32_t bytes);
void host_say(struct host *h, uint16_t cmd, const void *data, uint32_t bytes);
int host_read(struct host *h);   /* the type of the frame; 0: hung up */
int host_finish(struct host *h); /* reads on to the end of the answer */

/* Waits for the host's own exit and returns its wait status. */
int host_join(struct host *h);
/* CLOSE, expects DONE and exit 0. */
void host_close(struct host *h);

/* Open descriptors of a process; whether a process has gone within ms. */
int count_fds(pid_t pid);
int gone_within(pid_t pid, int ms);

#endif
