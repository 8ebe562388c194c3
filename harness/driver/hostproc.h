/* SPDX-License-Identifier: MIT */
/*
 * hostproc.h - host processes as the driver sees them: started, spoken to, ended.
 *
 * The driver owns every deadline. A host that hangs or dies costs the visit it was started for;
 * after each visit nothing of it is left, neither process nor zombie nor control group.
 */
#ifndef SM_HOSTPROC_H
#define SM_HOSTPROC_H

#include <signal.h>

#include "../wire/frame.h"
#include "cgroup.h"
#include "cpu.h"
#include "run.h"

#define SM_UID_STAY ((uid_t)-1)

/* What all hosts of a run share. */
struct sm_rig {
	int signal_fd;     /* readable when the user wants to stop; -1: none */
	sigset_t old_mask; /* while signals are taken */
	bool interrupted;  /* sticky */
	struct sm_cgroup_base base;
	struct sm_cpus cpus;
	char **env; /* of hosts, servers and children: a fixed list of names, no more */
	void *buf;  /* SM_FRAME_BYTES_MAX, for one frame */
	int old_subreaper;
	pid_t *strangers; /* children from before the rig, as of a shell that exec'ed us */
	int nstrangers;
	void (*meter)(int order, struct sm_noise *n); /* NULL, or what is to be taken for noise */
};

struct sm_hostproc {
	pid_t pid;     /* 0: none */
	int sock, err; /* err: what it and its server write to stderr, in memory */
	struct sm_cgroup cg;
	pid_t server; /* after OPEN; 0: none */
	bool barred;  /* it did not start because of what spec->uid or this machine may not do */
};

struct sm_hostspec {
	const char *path; /* NULL: argv[0] */
	char *const *argv;
	const char *more_env; /* one more "NAME=VALUE" for the host alone, or NULL */
	char *const *env;     /* the case's, or NULL: they win over the rig's */
	const char *job; /* "host/STRATEGY": the socket's number is added; NULL: no job at all */
	const struct sm_cpuset *cpus; /* NULL: as the driver */
	uid_t uid;                    /* and gid; SM_UID_STAY: as the driver */
	char *const *reach; /* words that may be paths which uid must reach as well, or NULL */
};

/* Opens what the rig holds; the caller becomes a subreaper and leaves the measured CPU. */
int sm_rig_open(struct sm_rig *rig); /* 0 or -errno */
void sm_rig_close(struct sm_rig *rig);
/* From now on SIGINT and SIGTERM are words of the user, not ends. 0 or -errno. */
int sm_rig_take_signals(struct sm_rig *rig);
/* And the way back: a second one ends the program. Idempotent. */
void sm_rig_leave_signals(struct sm_rig *rig);
/* Sets a variable in the environment of all hosts to come. 0 or -ENOMEM. */
int sm_rig_setenv(struct sm_rig *rig, const char *name, const char *value);
/*
 * The rig's environment, with those of more (NULL: none) in place of its own, and room for `spare`
 * entries behind. The strings stay theirs, the array is the caller's to free. NULL: no memory.
 */
char **sm_rig_env(const struct sm_rig *rig, char *const *more, size_t spare);
/* Is it a child from before the rig? */
bool sm_rig_stranger(const struct sm_rig *rig, pid_t pid);
/* True once the user wants to stop; looks at signal_fd. */
bool sm_rig_interrupted(struct sm_rig *rig);

/* Returns 0, or -errno with *fault filled and nothing left behind. */
int sm_hostproc_start(struct sm_rig *rig, struct sm_hostproc *host, const struct sm_hostspec *spec,
		      struct sm_fault *fault);

int sm_hostproc_send(struct sm_hostproc *host, uint16_t command, const void *data, uint32_t bytes,
		     struct sm_fault *fault);
/*
 * The same with a sandbox of these layers, for OPEN and CHECK, compiled for that command and
 * environment. No layers: none.
 */
int sm_hostproc_send_boxed(struct sm_hostproc *host, uint16_t command, const void *data,
			   uint32_t bytes, uint32_t layers, char *const *argv, char *const *env,
			   struct sm_fault *fault);

/* What to do with a message before DONE of host `from`; data is valid during the call alone. */
typedef void sm_message_fn(void *arg, int from, uint16_t type, const void *data, uint32_t bytes);

/*
 * Waits for the end of a command of n hosts, all of which are listened to: none may be kept from
 * its work by a full socket. silence_ms bounds the time without any message. Returns 0 and
 * done[n]; 1 when a host told a fault (it is usable, unless the command was OPEN); -EINTR when
 * the user wants to stop; -ETIMEDOUT, -EPIPE (one died) or -errno. Everything but 0 fills *fault
 * and comes from the first host that went wrong: the others may not have ended.
 */
int sm_hostproc_await(struct sm_rig *rig, struct sm_hostproc *hosts, int n, int64_t silence_ms,
		      sm_message_fn *on_message, void *arg, struct sm_msg_done *done,
		      struct sm_fault *fault);

/* sm_hostproc_send() and sm_hostproc_await() of a command whose only answer is DONE. */
int sm_hostproc_do(struct sm_rig *rig, struct sm_hostproc *host, uint16_t command, const void *data,
		   uint32_t bytes, int64_t silence_ms, struct sm_msg_done *done,
		   struct sm_fault *fault);

/* Sends SM_CMD_OPEN for the case; fills host->server. As sm_hostproc_await(). */
int sm_hostproc_open(struct sm_rig *rig, struct sm_hostproc *host, const struct sm_case *c,
		     bool plant_secrets, struct sm_fault *fault);

/*
 * Asks it to end (SM_CMD_CLOSE) and waits until it has. Returns its wait status; -1: not in time,
 * or interrupted.
 */
int sm_hostproc_close(struct sm_rig *rig, struct sm_hostproc *host);

/* Waits until the host has ended. Returns its wait status; -1: not in time, or interrupted. */
int sm_hostproc_join(struct sm_rig *rig, struct sm_hostproc *host, int64_t timeout_ms);

/* Appends the last line of the host's stderr to the fault's text, when there is one. */
void sm_hostproc_explain(const struct sm_hostproc *host, struct sm_fault *fault);

/*
 * Ends n hosts: asks politely (SM_CMD_CLOSE) when told so, then kills whatever is left: every
 * member of their groups and every other child of this process, adopted ones included, but those
 * from before the rig.
 */
void sm_hostproc_end(struct sm_rig *rig, struct sm_hostproc *hosts, int n, bool polite);

#endif
