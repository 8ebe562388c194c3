/* SPDX-License-Identifier: MIT */
/*
 * recycle_serve.c - the worker of recycle: one request after the other, all in this process.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../child/child.h"
#include "../wire/frame.h"
#include "common.h"
#include "recycle.h"
#include "request.h"
#include "server.h"

/* What is given back after each request, besides the worker's own things. */
struct worker {
	const struct sm_payload *payload;
	int sock, home, null; /* home: the directory */
	bool lost;            /* and not come back to it */
	char where[PATH_MAX]; /* that is, as far as a name tells; "" */
	char **environment;
	struct sm_request request;
	sigset_t mask;
	char buf[SM_REQUEST_BYTES_MAX] SM_REQUEST_ALIGNED;
};

static int64_t ns_between(const struct timeval *from, const struct timeval *to)
{
	return ((int64_t)to->tv_sec - from->tv_sec) * 1000000000 +
	       ((int64_t)to->tv_usec - from->tv_usec) * 1000;
}

static void count(struct sm_recycle_end *end, const struct rusage *from)
{
	struct rusage to;

	getrusage(RUSAGE_SELF, &to);
	end->utime_ns = ns_between(&from->ru_utime, &to.ru_utime);
	end->stime_ns = ns_between(&from->ru_stime, &to.ru_stime);
	end->minflt = to.ru_minflt - from->ru_minflt;
	end->majflt = to.ru_majflt - from->ru_majflt;
	end->nvcsw = to.ru_nvcsw - from->ru_nvcsw;
	end->nivcsw = to.ru_nivcsw - from->ru_nivcsw;
}

/* A user who may not be where he is can be told where that is. */
static bool has_moved(const struct worker *w)
{
	char now[PATH_MAX];

	return !getcwd(now, sizeof(now)) || strcmp(now, w->where) != 0;
}

/* Only 0, 1 and 2: whatever else a request has opened stays open. */
static void give_back(struct worker *w, mode_t umask_then, const sigset_t *mask_then)
{
	const int nulls[3] = { w->null, w->null, w->null };

	sm_stdio_install(nulls);
	environ = w->environment;
	w->lost = fchdir(w->home) < 0 && has_moved(w);
	umask(umask_then);
	sigprocmask(SIG_SETMASK, mask_then, NULL);
}

/* What a child would have exited with. */
static int serve_one(struct worker *w, const struct sm_frame *frame, int err, int64_t received_ns)
{
	struct sm_birth birth = { .received_ns = received_ns, .cloning_ns = sm_now_ns() };
	sigset_t mask_then;
	mode_t umask_then = umask(0);
	int status;

	umask(umask_then);
	sigprocmask(SIG_BLOCK, NULL, &mask_then);
	birth.in = frame->fds[0];
	birth.out = frame->fds[1];
	birth.err = frame->fds[2];
	birth.sigmask = &mask_then;
	if (!err) {
		birth.args = w->request.args;
		birth.envp = w->request.envp;
		birth.cwd = w->request.cwd[0];
		if (w->request.attr.fields)
			sm_birth_fields(&birth, &w->request.attr, NULL, &w->mask);
	}
	status = sm_child_reused(w->payload, &birth, err);
	give_back(w, umask_then, &mask_then);
	return status;
}

/* 0, or -errno when there is nobody to answer. */
static int answer(struct worker *w, const struct sm_frame *frame, int err)
{
	int64_t received_ns = sm_now_ns();
	struct sm_recycle_end end = { .zero = 0 };
	struct rusage from;

	getrusage(RUSAGE_SELF, &from);
	if (frame->nfds != 3)
		return -EPROTO;
	if (!err)
		err = sm_request_unpack(&w->request, w->buf, frame->bytes);
	if (!err && (w->request.attr.fields & ~(uint32_t)(SM_REQ_UMASK | SM_REQ_SIGMASK)))
		err = -EOPNOTSUPP;
	end.status = serve_one(w, frame, err, received_ns);
	count(&end, &from);
	err = sm_frame_send(w->sock, SM_RECYCLE_END, &end, sizeof(end), NULL, 0);
	/* The next request would be in a place that it did not ask for. */
	return !err && w->lost ? -EACCES : err;
}

static int serve(struct worker *w)
{
	const struct sm_recycle_end lost = { .status = 127 };
	struct sm_frame frame;
	int err = sm_frame_send(w->sock, SM_RECYCLE_READY, NULL, 0, NULL, 0);

	while (!err) {
		err = sm_frame_recv(w->sock, &frame, w->buf, sizeof(w->buf), -1);
		if (err == -EMFILE || err == -EMSGSIZE) { /* no pipes to say it on */
			err = sm_frame_send(w->sock, SM_RECYCLE_END, &lost, sizeof(lost), NULL, 0);
			continue;
		}
		if (!err && frame.type != SM_RECYCLE_SPAWN)
			err = -EPROTO;
		if (!err)
			err = answer(w, &frame, 0);
	}
	return err == -EPIPE ? 0 : err;
}

int sm_recycle_serve(const char *where, const struct sm_payload *payload)
{
	struct worker *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	w->payload = payload;
	w->environment = environ;
	/* -1: this user may not be where it is, as who has become it in root's directory. */
	if (!getcwd(w->where, sizeof(w->where)))
		w->where[0] = 0;
	w->home = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	w->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	err = w->null < 0 ? -errno : sm_server_take_fds(where, &w->sock, 1);
	if (!err)
		err = serve(w);
	if (w->null >= 0)
		close(w->null);
	if (w->home >= 0)
		close(w->home);
	free(w);
	return err;
}
