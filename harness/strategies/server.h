/* SPDX-License-Identifier: MIT */
/*
 * server.h - a helper process that makes the children: exec'd once, so that it never holds the
 * parent's memory, environment or descriptors, and ended with the strategy.
 */
#ifndef SM_STRATEGIES_SERVER_H
#define SM_STRATEGIES_SERVER_H

#include "../spawnmark.h"

#define SM_SERVER_ENV 4

struct sm_server_spec {
	const char *strategy;           /* the job is serve/STRATEGY/WHERE */
	const char *where;              /* a plan's number is added, behind a comma */
	const char *env[SM_SERVER_ENV]; /* more "NAME=value" for its environment; then NULL */
	const int *pass;                /* become its descriptors 3, 4, …; nothing else does */
	int npass;
};

struct sm_server {
	pid_t pid;   /* 0: none */
	int64_t end; /* CLOCK_MONOTONIC ns until when it has to be ready */
};

/*
 * Execs the payload as a server: environment setup->envp and the job, stdin and stdout /dev/null,
 * stderr the caller's. 0, or -errno with the fault filled and nothing left behind.
 */
int sm_server_start(struct sm_server *server, const struct sm_setup *setup,
		    const struct sm_server_spec *spec, struct sm_fault *fault);

/* What is left of setup->timeout_ms for the server to say that it is ready. */
int sm_server_patience_ms(const struct sm_server *server);

/*
 * The server did not say that it is ready; err says how. It is killed if it still runs and
 * reaped. Fills the fault with stage PRELOAD and its wait status as detail. Returns -err, or
 * -EPIPE when it had died.
 */
int sm_server_failed(struct sm_server *server, int err, struct sm_fault *fault);

/* Reaps a server that has been told to end, by force if it does not within two seconds. */
void sm_server_stop(struct sm_server *server);
/* SIGKILL and reap. */
void sm_server_kill(struct sm_server *server);

/*
 * Reads n numbers of descriptors, separated by commas, and makes them close-on-exec. What the setup's
 * plan has become stands behind them, and is left alone. 0 or -errno.
 */
int sm_server_take_fds(const char *where, int *fds, int n);
/*
 * The server's half of setup->plan_fd, for strategies with SM_SANDBOXES: loads what sm_server_start()
 * has passed behind n others. NULL without a plan. 0 or -errno.
 */
struct sm_sandbox;
int sm_server_take_sandbox(const struct sm_sandbox **sandbox, const char *where, int n);

#endif
