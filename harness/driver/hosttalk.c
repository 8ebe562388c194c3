/* SPDX-License-Identifier: MIT */
/* hosttalk.c - commands to a host and its answers; see hostproc.h. */
#include "hostproc.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../sys/sys.h"
#include "../wire/pack.h"
#include "sandbox.h"

/* A frame that has begun arrives whole within this, or the host is broken. */
#define FRAME_WAIT_MS 5000
#define OPEN_BYTES    (128 * 1024)

/* The start's own bound, and time to build the ballast before it on a slow machine. */
static int64_t open_silence_ms(const struct sm_case *c)
{
	return c->start_timeout_ms + 2000 + 20 * c->ballast_mb +
	       (c->ballast_vmas + c->ballast_fds + c->ballast_threads) / 10;
}

static void last_line(int fd, char *line, size_t size)
{
	char text[1024], *at, *save = NULL;
	off_t end = lseek(fd, 0, SEEK_END);
	off_t from = end > (off_t)sizeof(text) - 1 ? end - ((off_t)sizeof(text) - 1) : 0;
	ssize_t n = end <= 0 ? 0 : pread(fd, text, sizeof(text) - 1, from);

	line[0] = 0;
	if (n <= 0)
		return;
	text[n] = 0;
	for (at = strtok_r(text, "\r\n", &save); at; at = strtok_r(NULL, "\r\n", &save))
		if (strspn(at, " \t") < strlen(at))
			snprintf(line, size, "%s", at);
}

void sm_hostproc_explain(const struct sm_hostproc *host, struct sm_fault *fault)
{
	char line[200];
	size_t n = strnlen(fault->text, sizeof(fault->text) - 1);

	if (host->err < 0)
		return;
	last_line(host->err, line, sizeof(line));
	if (!line[0] || strstr(fault->text, line))
		return;
	/* The program's own words matter more than ours: they get the room. */
	if (n + strlen(line) + 3 >= sizeof(fault->text))
		n = sizeof(fault->text) - strlen(line) - 4;
	snprintf(fault->text + n, sizeof(fault->text) - n, "%s%s", n ? ": " : "", line);
}

static int died(struct sm_rig *rig, struct sm_hostproc *host, struct sm_fault *fault)
{
	int status = sm_hostproc_join(rig, host, 1000);
	char text[80];

	if (status == -1)
		snprintf(text, sizeof(text), "the host hung up");
	else if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "the host died of signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(text, sizeof(text), "the host exited with status %d", WEXITSTATUS(status));
	sm_fail(fault, SM_STAGE_RECEIVE, EPIPE, text);
	fault->detail = status;
	sm_hostproc_explain(host, fault);
	return -EPIPE;
}

static int send_frame(struct sm_hostproc *host, uint16_t command, const void *data, uint32_t bytes,
		      int plan, struct sm_fault *fault)
{
	int err = sm_frame_send(host->sock, command, data, bytes, &plan, plan > 0);

	if (err == -EPIPE)
		return died(NULL, host, fault);
	if (err) {
		sm_fail(fault, SM_STAGE_SEND, -err, "the host does not listen");
		sm_hostproc_explain(host, fault);
	}
	return err;
}

int sm_hostproc_send(struct sm_hostproc *host, uint16_t command, const void *data, uint32_t bytes,
		     struct sm_fault *fault)
{
	return send_frame(host, command, data, bytes, 0, fault);
}

/* A plan of the layers; 0: there are none. Or -errno. */
static int compile(uint32_t layers, char *const *argv, char *const *env, struct sm_fault *fault)
{
	struct sm_arena *arena = layers ? sm_arena_new() : NULL;
	struct sm_error error = { "the sandbox cannot be compiled: no memory" };
	const char *const *needs;
	int plan = -ENOMEM;

	if (!layers)
		return 0;
	needs = arena ? sm_sandbox_needs(arena, (const char *const *)argv, (const char *const *)env)
		      : NULL;
	if (needs)
		plan = sm_sandbox_compile(layers, needs, &error);
	sm_arena_free(arena);
	return plan < 0 ? sm_fail(fault, SM_STAGE_SANDBOX, -plan, error.text) : plan;
}

int sm_hostproc_send_boxed(struct sm_hostproc *host, uint16_t command, const void *data,
			   uint32_t bytes, uint32_t layers, char *const *argv, char *const *env,
			   struct sm_fault *fault)
{
	int plan = compile(layers, argv, env, fault);
	int err = plan < 0 ? plan : send_frame(host, command, data, bytes, plan, fault);

	if (plan > 0)
		close(plan);
	return err;
}

/* Waits for a socket or the user. Returns the index of a readable host, or -errno. */
static int await_any(struct sm_rig *rig, struct sm_hostproc *hosts, struct pollfd *p, int n,
		     int64_t silence_ms, struct sm_fault *fault)
{
	int64_t until = sm_now_ns() + silence_ms * 1000000;
	char text[80];

	for (;;) {
		int64_t left = (until - sm_now_ns() + 999999) / 1000000;
		int got = poll(p, (nfds_t)n + 1, left < 0 ? 0 : (int)left);

		if (got < 0 && errno != EINTR)
			return sm_fail(fault, SM_STAGE_RECEIVE, errno, "poll");
		if (sm_rig_interrupted(rig))
			return sm_fail(fault, SM_STAGE_RECEIVE, EINTR, "interrupted");
		for (int i = 0; got > 0 && i < n; i++)
			if (p[i].revents)
				return i;
		if (got <= 0 && sm_now_ns() >= until)
			break;
	}
	snprintf(text, sizeof(text), "the host was silent for %.1f s", (double)silence_ms / 1000);
	sm_fail(fault, SM_STAGE_TIMEOUT, ETIMEDOUT, text);
	for (int i = 0; i < n; i++)
		if (p[i].fd >= 0)
			sm_hostproc_explain(&hosts[i], fault);
	return -ETIMEDOUT;
}

/* The end of a command: 0, 1 (a fault was told), or -EPROTO. */
static int ended(struct sm_rig *rig, struct sm_hostproc *host, const struct sm_frame *frame,
		 struct sm_msg_done *done, struct sm_fault *fault)
{
	if (frame->type == SM_MSG_DONE && frame->bytes == sizeof(*done)) {
		memcpy(done, rig->buf, sizeof(*done));
		return 0;
	}
	if (frame->type == SM_MSG_FAULT && frame->bytes == sizeof(*fault)) {
		memcpy(fault, rig->buf, sizeof(*fault));
		fault->text[sizeof(fault->text) - 1] = 0;
		sm_hostproc_explain(host, fault);
		return 1;
	}
	return sm_fail(fault, SM_STAGE_REPLY, EPROTO, "the host's answer has the wrong size");
}

/* One frame of one host. 0: its command has ended; -EAGAIN: not yet; else as await. */
static int one_frame(struct sm_rig *rig, struct sm_hostproc *hosts, int i,
		     sm_message_fn *on_message, void *arg, struct sm_msg_done *done,
		     struct sm_fault *fault)
{
	struct sm_frame frame;
	int err = sm_frame_recv(hosts[i].sock, &frame, rig->buf, SM_FRAME_BYTES_MAX, FRAME_WAIT_MS);

	if (err == -EPIPE)
		return died(rig, &hosts[i], fault);
	if (err)
		return sm_fail(fault, SM_STAGE_RECEIVE, -err, "a frame of the host");
	for (int k = 0; k < frame.nfds; k++) /* hosts send none */
		close(frame.fds[k]);
	if (frame.type == SM_MSG_DONE || frame.type == SM_MSG_FAULT)
		return ended(rig, &hosts[i], &frame, &done[i], fault);
	if (on_message)
		on_message(arg, i, frame.type, rig->buf, frame.bytes);
	return -EAGAIN;
}

int sm_hostproc_await(struct sm_rig *rig, struct sm_hostproc *hosts, int n, int64_t silence_ms,
		      sm_message_fn *on_message, void *arg, struct sm_msg_done *done,
		      struct sm_fault *fault)
{
	struct pollfd *p = calloc((size_t)n + 1, sizeof(*p));
	int left = n, err = 0;

	memset(fault, 0, sizeof(*fault));
	fault->size = sizeof(*fault);
	if (!p)
		return sm_fail(fault, SM_STAGE_RECEIVE, ENOMEM, "poll");
	for (int i = 0; i < n; i++)
		p[i] = (struct pollfd){ .fd = hosts[i].sock, .events = POLLIN };
	p[n] = (struct pollfd){ .fd = rig->signal_fd, .events = POLLIN };
	while (left) {
		int i = await_any(rig, hosts, p, n, silence_ms, fault);

		err = i < 0 ? i : one_frame(rig, hosts, i, on_message, arg, done, fault);
		if (err && err != -EAGAIN)
			break;
		if (!err) {
			p[i].fd = -1;
			left--;
		}
	}
	free(p);
	return left ? err : 0;
}

int sm_hostproc_do(struct sm_rig *rig, struct sm_hostproc *host, uint16_t command, const void *data,
		   uint32_t bytes, int64_t silence_ms, struct sm_msg_done *done,
		   struct sm_fault *fault)
{
	int err = sm_hostproc_send(host, command, data, bytes, fault);

	return err ? err : sm_hostproc_await(rig, host, 1, silence_ms, NULL, NULL, done, fault);
}

/* The order of the measured children, where it is not the plain one. */
static void add_job(char **env, const struct sm_case *c, char *job, size_t size)
{
	while (*env)
		env++;
	if (c->spin)
		snprintf(job, size, "SM_JOB=child/spin=%lld", (long long)c->spin);
	else
		snprintf(job, size, "SM_JOB=child/delay=%lld", (long long)c->delay_ns);
	*env = job;
}

int sm_hostproc_open(struct sm_rig *rig, struct sm_hostproc *host, const struct sm_case *c,
		     bool plant_secrets, struct sm_fault *fault)
{
	struct sm_cmd_open cmd = {
		.start_timeout_ms = (uint32_t)c->start_timeout_ms,
		.ballast_mib = (uint32_t)c->ballast_mb,
		.ballast_vmas = (uint32_t)c->ballast_vmas,
		.ballast_fds = (uint32_t)c->ballast_fds,
		.ballast_threads = (uint32_t)c->ballast_threads,
		.plant_secrets = plant_secrets,
		.undumpable = plant_secrets && c->attacker == SM_ATTACKER_UNDUMPABLE,
	};
	const char *const options[] = { c->options, NULL };
	char *buf = malloc(OPEN_BYTES), **env = sm_rig_env(rig, c->env, 1);
	struct sm_pack p = { .at = buf, .left = OPEN_BYTES };
	struct sm_msg_done done = { 0 };
	char job[64];
	int err;

	if (!buf || !env) {
		free(buf);
		free(env);
		return sm_fail(fault, SM_STAGE_ARGUMENT, ENOMEM, "OPEN");
	}
	if (c->delay_ns || c->spin)
		add_job(env, c, job, sizeof(job));
	sm_pack_bytes(&p, &cmd, sizeof(cmd));
	sm_pack_vec(&p, (const char *const *)c->argv);
	sm_pack_vec(&p, (const char *const *)env);
	sm_pack_vec(&p, NULL);
	sm_pack_vec(&p, options);
	if (p.err)
		err = sm_fail(fault, SM_STAGE_ARGUMENT, -p.err,
			      "the payload's command and environment are longer than 128 KiB");
	else
		err = sm_hostproc_send_boxed(host, SM_CMD_OPEN, buf, (uint32_t)(p.at - buf),
					     c->layers, c->argv, env, fault);
	if (!err)
		err = sm_hostproc_await(rig, host, 1, open_silence_ms(c), NULL, NULL, &done, fault);
	if (!err)
		host->server = done.server_pid;
	free(env);
	free(buf);
	return err;
}
