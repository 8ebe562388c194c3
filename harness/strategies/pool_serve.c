/* SPDX-License-Identifier: MIT */
/*
 * pool_serve.c - the server of pool: makes idle children, one at a time, and forgets them; see
 * pool.h. Whatever it has of a child goes to the parent and is closed, so that the next child does
 * not inherit it.
 */
#include "pool.h"

#include <errno.h>
#include <link.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../wire/frame.h"
#include "common.h"
#include "hatch.h"
#include "option.h"

/* Paced: so long nobody has asked before one is made; and the longest that one which is due waits. */
#define QUIET_MS 2
#define DUE_MS   20

struct nursery {
	struct sm_hatchery hatchery;
	struct sm_pool_options options;
	int sock;
	uint32_t due;     /* children that were asked for */
	int hurry;        /* somebody waits for them */
	int64_t since_ns; /* since when some are due */
	struct sm_pool_cradle *cradle;
};

/* The pipes and the control socket of one child. */
struct ends {
	struct sm_stdio io;
	int control[2]; /* parent's, child's */
};

static int ends_open(struct ends *e)
{
	int err;

	e->control[0] = e->control[1] = -1;
	err = sm_stdio_open(&e->io);
	if (!err && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, e->control) < 0)
		err = -errno;
	return err;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void ends_close(struct ends *e)
{
	sm_stdio_close_child(&e->io);
	sm_stdio_close_parent(&e->io);
	close_one(&e->control[0]);
	close_one(&e->control[1]);
}

static pid_t hatch(struct nursery *n, struct ends *e, int *pidfd, struct sm_fault *fault)
{
	struct sm_pool_cradle *cradle = n->cradle;

	cradle->birth = (struct sm_birth){
		.in = e->io.child[0],
		.out = e->io.child[1],
		.err = e->io.child[2],
	};
	cradle->control = e->control[1];
	return sm_hatch(&n->hatchery, &cradle->birth, -1, sm_pool_idle, cradle, pidfd, fault);
}

/* Makes one and sends it off. 0, or -errno when there is nobody to send it to. */
static int make_one(struct nursery *n)
{
	struct sm_pool_made made = { .fault = { .size = sizeof(made.fault) } };
	struct ends e;
	int pidfd = -1, count;
	int err = ends_open(&e);

	if (err)
		sm_fail(&made.fault, SM_STAGE_PIPE, -err, "for an idle child");
	else
		made.pid = hatch(n, &e, &pidfd, &made.fault);
	n->due--;
	if (made.pid <= 0) { /* the others would come to nothing as well */
		made.off = n->due + 1;
		made.pid = 0;
		n->due = 0;
	}
	count = !made.pid ? 0 : pidfd >= 0 ? SM_POOL_FDS : SM_POOL_FDS - 1;
	sm_stdio_close_child(&e.io);
	const int fds[SM_POOL_FDS] = { e.control[0],   e.control[1],   e.io.parent[0],
				       e.io.parent[1], e.io.parent[2], pidfd };

	err = sm_frame_send(n->sock, SM_POOL_SPARE, &made, sizeof(made), fds, (unsigned int)count);
	if (err == -ETOOMANYREFS && made.pid) { /* too many on their way: unix(7) */
		kill(made.pid, SIGKILL);
		sm_fail(&made.fault, SM_STAGE_SEND, ETOOMANYREFS, "an idle child's pipes");
		made.off = 1;
		err = sm_frame_send(n->sock, SM_POOL_SPARE, &made, sizeof(made), NULL, 0);
	}
	close_one(&pidfd);
	ends_close(&e);
	return err;
}

/* How long to listen before the next one is made; -1: none is due. */
static int patience_ms(const struct nursery *n)
{
	int64_t left;

	if (!n->due)
		return -1;
	if (n->options.refill != SM_POOL_PACED || n->hurry)
		return 0;
	left = DUE_MS - (sm_now_ns() - n->since_ns) / 1000000;
	return left < 0 ? 0 : left < QUIET_MS ? (int)left : QUIET_MS;
}

static int call_off(struct nursery *n)
{
	const struct sm_pool_made made = { .off = n->due };

	n->due = 0;
	return made.off ? sm_frame_send(n->sock, SM_POOL_SPARE, &made, sizeof(made), NULL, 0) : 0;
}

static int take_order(struct nursery *n, const struct sm_frame *frame,
		      const struct sm_pool_make *make)
{
	for (unsigned int i = 0; i < frame->nfds; i++)
		close(frame->fds[i]);
	if (frame->type != SM_POOL_MAKE || frame->bytes != sizeof(*make) || frame->nfds)
		return -EPROTO;
	if (make->pace == SM_POOL_NO_MORE)
		return call_off(n);
	if (!n->due)
		n->since_ns = sm_now_ns();
	n->due += make->n;
	n->hurry = n->hurry || make->pace == SM_POOL_HURRY;
	return n->due > SM_POOL_SIZE_MAX ? -EPROTO : 0;
}

static int work(struct nursery *n)
{
	struct sm_pool_make make;
	struct sm_frame frame;
	int err = 0;

	while (!err) {
		err = sm_frame_recv(n->sock, &frame, &make, sizeof(make), patience_ms(n));
		if (err == -ETIMEDOUT) {
			sched_yield(); /* who was handed out comes first */
			err = make_one(n);
			n->since_ns = sm_now_ns();
			n->hurry = n->hurry && n->due;
		} else if (!err) {
			err = take_order(n, &frame, &make);
		}
	}
	return err == -EPIPE ? 0 : err;
}

/* Has the object this address? */
static int has(const struct dl_phdr_info *info, uintptr_t at)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_LOAD && at >= info->dlpi_addr + p->p_vaddr &&
		    at < info->dlpi_addr + p->p_vaddr + p->p_memsz)
			return 1;
	}
	return 0;
}

/* What is not written to of this library and of libc. */
static int note_code(struct dl_phdr_info *info, size_t size, void *arg)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	struct sm_pool_cradle *c = arg;

	(void)size;
	if (!has(info, (uintptr_t)sm_pool_idle) && !has(info, (uintptr_t)getpid))
		return 0;
	for (int i = 0; i < info->dlpi_phnum && c->ncode < SM_POOL_CODES; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t from = (info->dlpi_addr + p->p_vaddr) & ~(page - 1);
		uintptr_t to = info->dlpi_addr + p->p_vaddr + p->p_memsz;

		if (p->p_type != PT_LOAD || p->p_flags & PF_W)
			continue;
		c->code[c->ncode++] = (struct sm_pool_code){
			.at = (void *)from,
			.bytes = (to - from + page - 1) & ~(page - 1),
		};
	}
	return 0;
}

/* The options, and what is made once. */
static int begin(struct nursery *n, const char *where, const struct sm_payload *payload)
{
	char buf[SM_OPTIONS_BYTES];
	const char *options = sm_options_take(buf);
	int err = sm_pool_options(&n->options, options, NULL);

	if (!err)
		err = sm_hatchery_open(&n->hatchery, payload, options, where, &n->sock);
	if (err)
		return err;
	dl_iterate_phdr(note_code, n->cradle);
	n->cradle->payload = payload;
	n->cradle->warm = n->options.warm;
	/* ^C is for those that work for somebody: not for a server, nor for who waits. */
	n->cradle->interruptible = signal(SIGINT, SIG_IGN) != SIG_IGN;
	sigdelset(&n->hatchery.handled, SIGINT);
	return 0;
}

int sm_pool_serve(const char *where, const struct sm_payload *payload)
{
	struct nursery *n = calloc(1, sizeof(*n));
	int err;

	if (!n)
		return -ENOMEM;
	n->cradle = calloc(1, sizeof(*n->cradle));
	err = n->cradle ? begin(n, where, payload) : -ENOMEM;
	if (err)
		goto out;
	err = sm_frame_send(n->sock, SM_POOL_READY, NULL, 0, NULL, 0);
	if (!err)
		err = work(n);
	sm_hatchery_close(&n->hatchery);
out:
	free(n->cradle);
	free(n);
	return err;
}
