/* SPDX-License-Identifier: MIT */
/*
 * pool_child.c - an idle child of pool; see pool.h.
 *
 * All that can be done before the request is known is done before it waits: its sandbox, descriptors,
 * signals, the warm-up, and the page faults of the code and of the memory that stand between the request and
 * the payload. Of the rest nothing is done: it is as unused as a child just cloned.
 */
#include "pool.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../child/orders.h"
#include "../sandbox/sandbox.h"
#include "../sys/sys.h"
#include "../wire/frame.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14; include/uapi/asm-generic/mman-common.h */
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define PAGE 4096

/* So often at most does a warm-up work, and so often without a fault. */
#define WARM_ROUNDS 32
#define WARM_CLEAN  4

/* What an ordinary request needs of the buffer, and the way to the payload of the stack. */
#define TOUCH_REQUEST 16384
#define TOUCH_STACK   16384

/* So far down at most is a stack looked for that the work has used. */
#define STACK_BYTES (1u << 20)

/* Keeps stdin, stdout, stderr as the server has them, the child's own ends, its control socket. */
static int close_strangers(const struct sm_pool_cradle *c)
{
	struct sm_req_fd own[4] = {
		{ 0, c->birth.in }, { 0, c->birth.out }, { 0, c->birth.err }, { 0, c->control }
	};
	const struct sm_fd_keep keep = { own, 4, { -1, -1 } };

	for (int i = 1; i < 4; i++) {
		for (int k = i; k > 0 && own[k - 1].dst > own[k].dst; k--) {
			const struct sm_req_fd swap = own[k];

			own[k] = own[k - 1];
			own[k - 1] = swap;
		}
	}
	return sm_close_but(STDERR_FILENO + 1, &keep);
}

static int work_once(const struct sm_payload *payload)
{
	if (payload->work(payload->arg))
		return SM_STAGE_WORK;
	if (payload->check && payload->check(payload->arg))
		return SM_STAGE_CHECK;
	return SM_STAGE_NONE;
}

/*
 * The payload's work, until it has found all pages that it writes to: its first time copies most of
 * them, but an allocator and an interpreter change their ways a few times more. Whatever it prints
 * goes where the server's output goes, never into the request's pipes.
 */
static int warm_up(const struct sm_payload *payload)
{
	struct sm_counters was, now;
	int clean = 0, stage;

	sm_counters_take(&now);
	for (int i = 0; i < WARM_ROUNDS && clean < WARM_CLEAN; i++) {
		was = now;
		stage = work_once(payload);
		sm_counters_take(&now);
		if (stage != SM_STAGE_NONE)
			return stage;
		clean = now.minflt == was.minflt ? clean + 1 : 0;
	}
	fflush(NULL);
	return SM_STAGE_NONE;
}

/*
 * All of the stack below here. A request calls the work from another depth: what the warm-up has not
 * written of a page's neighbours would be a fault, in all children of a server or in none, as its
 * stack happens to begin. Below the mapping the kernel says so, and an older one at once.
 */
static void own_stack(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char here;
	uintptr_t at = (uintptr_t)&here & ~(page - 1);
	const uintptr_t end = at - STACK_BYTES;

	do {
		at -= page;
	} while (at > end && madvise((void *)at, page, MADV_POPULATE_WRITE) == 0);
}

static int take_stdio(struct sm_birth *birth)
{
	const int fds[3] = { birth->in, birth->out, birth->err };
	int err = sm_stdio_install(fds);

	for (int i = 0; i < 3 && !err; i++) {
		if (fds[i] > STDERR_FILENO)
			close(fds[i]);
	}
	birth->in = STDIN_FILENO;
	birth->out = STDOUT_FILENO;
	birth->err = STDERR_FILENO;
	return err;
}

static void touch(volatile char *at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += PAGE)
		at[i] = at[i];         /* cppcheck-suppress selfAssignment ; the page is copied */
	at[bytes - 1] = at[bytes - 1]; /* cppcheck-suppress selfAssignment ; and the last */
}

static __attribute__((noinline)) void touch_stack(void)
{
	volatile char deep[TOUCH_STACK];

	for (size_t i = 0; i < sizeof(deep); i += PAGE)
		deep[i] = 0;
}

/*
 * A request would be the first to write here, and would pay for the copies; and the first to run
 * this code, which a clone has not in its page tables. A kernel before 5.14 leaves it at that.
 */
static void touch_all(struct sm_pool_cradle *c)
{
	for (int i = 0; i < c->ncode; i++)
		madvise(c->code[i].at, c->code[i].bytes, MADV_POPULATE_READ);
	sm_now_ns();
	touch((volatile char *)&c->request, sizeof(c->request));
	touch((volatile char *)c->buf, TOUCH_REQUEST);
	sm_child_touch();
	touch_stack();
}

static void tell(const struct sm_pool_cradle *c, const struct sm_pool_hello *hello)
{
	send(c->control, hello, sizeof(*hello), MSG_NOSIGNAL);
}

/*
 * A parent in a hurry may have sent its request already: then it finds the reason where every
 * child's is found. One that has not closes the pipe with the reason in it.
 */
static _Noreturn void give_up(const struct sm_pool_cradle *c, const struct sm_pool_hello *hello)
{
	struct sm_record rec = { .entered_ns = c->birth.entered_ns, .detail = hello->detail };

	tell(c, hello);
	sm_record_fault(&rec, c->birth.out, (enum sm_stage)hello->stage, hello->err);
	_exit(1);
}

/* Ahead of the request, and so ahead of its fields; while the berth's own descriptors are there. */
static int enter_sandbox(struct sm_birth *birth, int *layer)
{
	int err = sm_berth_stand_aside(birth->berth, NULL);

	if (!err)
		err = sm_berth_enter(birth->berth, layer);
	birth->berth = NULL;
	return err;
}

/* 0, or the stage that failed; *err is negative where there is an errno to tell. */
static int get_ready(struct sm_pool_cradle *c, int *err, int *layer)
{
	int stage = SM_STAGE_NONE;

	*err = enter_sandbox(&c->birth, layer);
	if (*err)
		return SM_STAGE_SANDBOX;
	*err = close_strangers(c);
	if (*err)
		return SM_STAGE_CLOSE;
	sm_signals_restore(c->birth.sigmask, c->birth.handled);
	if (c->warm) {
		stage = warm_up(c->payload);
		own_stack();
	}
	if (stage != SM_STAGE_NONE)
		return stage;
	*err = take_stdio(&c->birth);
	return *err ? SM_STAGE_STDIO : SM_STAGE_NONE;
}

static void report_for_duty(struct sm_pool_cradle *c)
{
	int err = 0, layer = -1;
	int stage = get_ready(c, &err, &layer);
	const struct sm_pool_hello hello = { .stage = stage, .err = -err, .detail = layer };

	if (stage != SM_STAGE_NONE)
		give_up(c, &hello);
	touch_all(c);
	tell(c, &hello);
}

/* Waits for the one request. Its bytes; 0: none will come; -EMFILE. fds: as many as n says. */
static ssize_t receive(struct sm_pool_cradle *c, int *fds, unsigned int *n)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * SM_FRAME_FDS_MAX)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { .iov_base = c->buf, .iov_len = sizeof(c->buf) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	const struct cmsghdr *cmsg;
	ssize_t got;

	*n = 0;
	do { /* a parent that has closed without having read the hello is told as a reset */
		got = recvmsg(c->control, &msg, MSG_CMSG_CLOEXEC);
	} while (got < 0 && (errno == EINTR || errno == ECONNRESET));
	if (got <= 0)
		return 0;
	if (msg.msg_flags & MSG_CTRUNC)
		return -EMFILE;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg) {
		*n = (unsigned int)((cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(cmsg), *n * sizeof(int));
	}
	return got;
}

/* Fields come with descriptors: those of 0, 1 and 2 that none of them replaces are in place. */
static int take_fields(struct sm_pool_cradle *c, const int *fds, unsigned int n)
{
	const struct sm_req *attr = &c->request.attr;
	int err = sm_request_adopt(&c->request, fds, n, &c->places);

	if (err)
		return err;
	for (int i = 0; i < 3 && attr->fields & SM_REQ_FDS; i++) {
		if (c->places.at[i].src < 0)
			c->places.at[i].src = i;
	}
	sm_birth_fields(&c->birth, attr, &c->places, &c->mask);
	return 0;
}

void sm_pool_idle(void *arg)
{
	struct sm_pool_cradle *c = arg;
	struct sm_request *request = &c->request;
	struct sm_birth *birth = &c->birth;
	struct sm_counters since;
	int fds[SM_FRAME_FDS_MAX];
	unsigned int n;
	ssize_t got;
	int err;

	report_for_duty(c);
	sm_counters_take(&since);
	got = receive(c, fds, &n);
	birth->entered_ns = sm_now_ns();
	if (!got)
		_exit(0);
	if (c->interruptible)
		signal(SIGINT, SIG_DFL);
	err = got < 0 ? (int)got : sm_request_unpack(request, c->buf, (size_t)got);
	birth->args = request->args;
	birth->envp = request->envp;
	birth->cwd = request->cwd[0];
	birth->control = c->control;
	birth->since = &since;
	if (!err && (request->attr.fields || n))
		err = take_fields(c, fds, n);
	sm_child_given(c->payload, birth, got < 0 ? SM_STAGE_RECEIVE : SM_STAGE_ARGUMENT, err);
}
