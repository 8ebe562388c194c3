/* SPDX-License-Identifier: MIT */
/*
 * host_util.c - see host_util.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host_util.h"
#include "../sys/sys.h"
#include "../wire/frame.h"
#include "../wire/pack.h"

const char *built(const char *name)
{
	static char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) / 2);

	assert_true(n > 0);
	path[n] = '\0';
	*strrchr(path, '/') = '\0';
	n = strrchr(path, '/') - path;
	snprintf(path + n, sizeof(path) - (size_t)n, "/%s", name);
	return path;
}

void host_start(struct host *h, const char *strategy)
{
	host_start_env(h, strategy, NULL);
}

void host_start_env(struct host *h, const char *strategy, const char *env)
{
	const struct sm_ops *ops = sm_strategy(strategy);
	const char *path = built(ops->traits & SM_PARENT_LOADS ? "payloads/none" : "sm-host");
	char job[64];
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	memset(h, 0, sizeof(*h));
	snprintf(job, sizeof(job), "SM_JOB=host/%s/%d", strategy, pair[1]);
	h->pid = fork();
	assert_true(h->pid >= 0);
	if (h->pid == 0) {
		char *argv[] = { (char *)path, NULL };
		char *envp[] = { job, (char *)env, NULL };

		fcntl(pair[1], F_SETFD, 0);
		execve(path, argv, envp);
		_exit(127);
	}
	close(pair[1]);
	h->sock = pair[0];
}

void host_say(struct host *h, uint16_t cmd, const void *data, uint32_t bytes)
{
	memset(&h->a, 0, sizeof(h->a));
	assert_int_equal(sm_frame_send(h->sock, cmd, data, bytes, NULL, 0), 0);
}

static void gather(void *to, uint32_t *n, uint32_t max, const void *from, uint32_t bytes,
		   uint32_t each)
{
	assert_int_equal(bytes % each, 0);
	assert_true(*n + bytes / each <= max);
	memcpy((char *)to + (size_t)*n * each, from, bytes);
	*n += bytes / each;
}

int host_read(struct host *h)
{
	static char buf[1 << 17];
	struct answer *a = &h->a;
	struct sm_frame f;
	int err = sm_frame_recv(h->sock, &f, buf, sizeof(buf), ANSWER_MS);

	if (err == -EPIPE || err == -ECONNRESET)
		return 0;
	assert_int_equal(err, 0);
	if (f.type == SM_MSG_SAMPLES)
		gather(a->samples, &a->nsamples, sizeof(a->samples) / sizeof(a->samples[0]), buf,
		       f.bytes, sizeof(a->samples[0]));
	else if (f.type == SM_MSG_NOTE)
		gather(a->notes, &a->nnotes, 16, buf, f.bytes, sizeof(a->notes[0]));
	else if (f.type == SM_MSG_PIDS)
		gather(a->pids, &a->npids, SM_IN_FLIGHT_MAX, buf, f.bytes, sizeof(a->pids[0]));
	else if (f.type == SM_MSG_VALUE)
		gather(a->values, &a->nvalues, 16, buf, f.bytes, sizeof(a->values[0]));
	else if (f.type == SM_MSG_VERDICT && f.bytes == sizeof(a->verdict))
		memcpy(&a->verdict, buf, sizeof(a->verdict));
	else if (f.type == SM_MSG_TRAITS && f.bytes == sizeof(a->traits))
		memcpy(&a->traits, buf, sizeof(a->traits));
	else if (f.type == SM_MSG_DONE && f.bytes == sizeof(a->done))
		memcpy(&a->done, buf, sizeof(a->done));
	else if (f.type == SM_MSG_FAULT && f.bytes == sizeof(a->fault))
		memcpy(&a->fault, buf, sizeof(a->fault));
	else
		fail_msg("frame of type %d with %u bytes", f.type, f.bytes);
	return f.type;
}

int host_finish(struct host *h)
{
	int type;

	do {
		type = host_read(h);
	} while (type && type != SM_MSG_DONE && type != SM_MSG_FAULT);
	h->a.end = (uint16_t)type;
	return type;
}

int host_do(struct host *h, uint16_t cmd, const void *data, uint32_t bytes)
{
	host_say(h, cmd, data, bytes);
	return host_finish(h);
}

int host_open(struct host *h, const char *const *argv, const struct sm_cmd_open *cmd)
{
	const char *none[] = { built("payloads/none"), NULL };
	const char *envp[] = { "PATH=/usr/bin:/bin", "LANG=C.UTF-8", "SM_JOB=wrong", NULL };
	struct sm_cmd_open plain = { .start_timeout_ms = 10000 };
	char buf[16384];
	struct sm_pack p = { .at = buf, .left = sizeof(buf) };

	sm_pack_bytes(&p, cmd ? cmd : &plain, sizeof(plain));
	sm_pack_vec(&p, argv ? argv : none);
	sm_pack_vec(&p, envp);
	sm_pack_vec(&p, NULL);
	assert_int_equal(p.err, 0);
	return host_do(h, SM_CMD_OPEN, buf, (uint32_t)(p.at - buf));
}

int host_join(struct host *h)
{
	struct sm_exit end = { .size = sizeof(end) };

	if (h->sock >= 0)
		close(h->sock);
	h->sock = -1;
	assert_int_equal(sm_wait_child(h->pid, ANSWER_MS, &end), 0);
	h->pid = 0;
	return end.status;
}

void host_close(struct host *h)
{
	assert_int_equal(host_do(h, SM_CMD_CLOSE, NULL, 0), SM_MSG_DONE);
	assert_int_equal(host_join(h), 0);
}

int count_fds(pid_t pid)
{
	char path[64];
	DIR *dir;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Not by pidfd alone: a child of a process that is no more is reaped by another. */
int gone_within(pid_t pid, int ms)
{
	int64_t end_ns = sm_now_ns() + (int64_t)ms * 1000000;

	while (kill(pid, 0) == 0) {
		if (sm_now_ns() > end_ns)
			return 0;
		waitpid(pid, NULL, WNOHANG); /* ours, when the test is the reaper */
		poll(NULL, 0, 1);
	}
	return errno == ESRCH;
}
