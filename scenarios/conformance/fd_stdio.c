/* SPDX-License-Identifier: MIT */
/*
 * fd_stdio.c - descriptors: the three pipes at work, and what the kernel says of locks and ranges.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/sys.h"

/* ---- D18: what stands in a buffer of the creator's ---- */

static int creator_prints(struct sm_cell *c)
{
	setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
	fputs("not flushed", stdout);
	return sm_holds(c, "%zu bytes wait", __fpending(stdout));
}

static int buffer_is_not_repeated(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;
	struct sm_kid kid;
	ssize_t extra = 0, n;
	char rest[256];
	int err = sm_kid_spawn(c, &kid, &req);

	if (!err)
		err = sm_kid_answer(c, &kid, &a);
	while (!err && (n = read(kid.child.out, rest, sizeof(rest))) > 0)
		extra += n;
	extra += kid.have;
	if (!err)
		err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	if (c->board && c->board->creator_pid == getpid())
		__fpurge(stdout);
	if (err)
		return sm_trouble(c, err, "a child");
	return sm_judge(
		c, extra == 0,
		"11 bytes wait in the creator's stdout; the child wrote %zd beside its answer",
		extra);
}

/* ---- D19: more than the pipes hold ---- */

#define BULK (1 << 20)

static uint8_t pattern(uint32_t at)
{
	return (uint8_t)(at * 2654435761u >> 24);
}

/* Stdin to stdout until BULK bytes have passed; the answer then goes the same way. */
static int child_echoes(struct sm_cell *c)
{
	static char buf[65536];
	uint32_t left = BULK;

	while (left) {
		ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));

		if (n <= 0)
			return sm_fails(c, "stdin: %s, %u bytes to go",
					n ? strerror(errno) : "end of file", left);
		if (sm_write_all(STDOUT_FILENO, buf, (size_t)n))
			return sm_fails(c, "stdout: %s", strerror(errno));
		left -= (uint32_t)n;
	}
	return sm_holds(c, "echoed %u bytes", BULK);
}

static int put_some(int fd, uint32_t *sent)
{
	char buf[16384];
	uint32_t n = BULK - *sent < sizeof(buf) ? BULK - *sent : (uint32_t)sizeof(buf);
	ssize_t put;

	for (uint32_t i = 0; i < n; i++)
		buf[i] = (char)pattern(*sent + i);
	put = write(fd, buf, n);
	if (put < 0 && errno != EAGAIN)
		return -errno;
	*sent += put > 0 ? (uint32_t)put : 0;
	return 0;
}

static int get_some(int fd, uint32_t *got)
{
	char buf[16384];
	uint32_t n = BULK - *got < sizeof(buf) ? BULK - *got : (uint32_t)sizeof(buf);
	ssize_t have = read(fd, buf, n);

	if (have <= 0)
		return have ? -errno : -EPIPE;
	for (ssize_t i = 0; i < have; i++) {
		if ((uint8_t)buf[i] != pattern(*got + (uint32_t)i))
			return -EBADMSG;
	}
	*got += (uint32_t)have;
	return 0;
}

static int exchange(struct sm_kid *kid, uint32_t *sent, uint32_t *got)
{
	int err = fcntl(kid->child.in, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;

	while (!err && *got < BULK) {
		struct pollfd p[2] = {
			{ .fd = kid->child.out, .events = POLLIN },
			{ .fd = *sent < BULK ? kid->child.in : -1, .events = POLLOUT },
		};

		if (poll(p, 2, SM_STEP_MS) <= 0)
			return -ETIMEDOUT;
		if (p[1].revents)
			err = put_some(kid->child.in, sent);
		if (!err && p[0].revents)
			err = get_some(kid->child.out, got);
	}
	return err;
}

static int bulk_passes(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a = { .observed = 0 };
	uint32_t sent = 0, got = 0;
	struct sm_kid kid;
	int err = sm_kid_spawn(c, &kid, &req);

	if (!err)
		err = exchange(&kid, &sent, &got);
	if (!err)
		err = sm_kid_answer(c, &kid, &a);
	if (!err)
		err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	if (err)
		return sm_fails(c, "%u of %u bytes sent, %u came back: %s", sent, BULK, got,
				strerror(-err));
	return sm_judge(c, a.observed == SM_HOLDS, "%u bytes went in and came back the same", got);
}

/* ---- D20, D24: what the child does to its ends ---- */

static int child_closes_in(struct sm_cell *c)
{
	struct pollfd reader_gone = { .fd = STDERR_FILENO };

	close(STDIN_FILENO);
	sm_child_tell(c, "closed");
	poll(&reader_gone, 1, SM_STEP_MS);
	return sm_holds(c, "closed");
}

static int epipe_is_survived(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;
	struct sm_kid kid;
	int said = 0;
	int err = sm_kid_spawn(c, &kid, &req);

	if (!err)
		err = sm_kid_answer(c, &kid, &a);
	if (!err) {
		struct pollfd nobody_reads = { .fd = kid.child.in };

		poll(&nobody_reads, 1, SM_STEP_MS); /* a server closes its copy in its own time */
		said = sm_kid_say(&kid, 'x');
		close(kid.child.err);
		kid.child.err = -1;
		err = sm_kid_wait(c, &kid);
	}
	sm_kid_kill(c, &kid);
	if (err)
		return sm_trouble(c, err, "a child that closes its stdin");
	return sm_judge(c, said == -EPIPE && kid.exit.status == 0,
			"the child closed its stdin; a write to it says %s",
			said ? strerror(-said) : "nothing");
}

static int child_unblocks(struct sm_cell *c)
{
	for (int i = 0; i < 3; i++) {
		if (fcntl(i, F_SETFL, fcntl(i, F_GETFL) | O_NONBLOCK) < 0)
			return sm_broken(c, "fcntl: %s", strerror(errno));
	}
	return sm_holds(c, "set O_NONBLOCK on 0, 1, 2");
}

static int flags_are_private(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;
	struct sm_kid kid;
	int set = 0;
	int err = sm_kid_spawn(c, &kid, &req);

	if (!err)
		err = sm_kid_answer(c, &kid, &a);
	if (!err) {
		set += !!(fcntl(kid.child.in, F_GETFL) & O_NONBLOCK);
		set += !!(fcntl(kid.child.out, F_GETFL) & O_NONBLOCK);
		set += !!(fcntl(kid.child.err, F_GETFL) & O_NONBLOCK);
		err = sm_kid_wait(c, &kid);
	}
	sm_kid_kill(c, &kid);
	if (err)
		return sm_trouble(c, err, "a child");
	return sm_judge(c, set == 0,
			"the child set O_NONBLOCK on 0, 1, 2; %d of the parent's ends "
			"have it",
			set);
}

/* E04: what comes in is close-on-exec in the same step, in the parent and in the server. */
static int inheritable_of(pid_t pid)
{
	int n = 0;

	for (int fd = 3; fd < 256; fd++) {
		char path[64], text[512] = "", *flags;
		ssize_t have = 0;
		int info;

		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
		info = open(path, O_RDONLY | O_CLOEXEC);
		if (info < 0)
			continue;
		have = read(info, text, sizeof(text) - 1);
		close(info);
		flags = have > 0 ? strstr(text, "flags:") : NULL;
		n += flags && !(strtoul(flags + 6, NULL, 8) & O_CLOEXEC);
	}
	return n;
}

static int child_awaits(struct sm_cell *c)
{
	sm_child_tell(c, "waits");
	sm_child_await();
	return sm_holds(c, "waited");
}

static int ends_are_cloexec(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	int was = inheritable_of(getpid()), now = 0, server = 0;
	struct sm_answer a;
	struct sm_kid kid;
	int err = sm_kid_spawn(c, &kid, &req);

	if (!err)
		err = sm_kid_answer(c, &kid, &a);
	if (!err) {
		now = inheritable_of(getpid());
		server = c->server > 0 ? inheritable_of(c->server) : 0;
		err = sm_kid_wait(c, &kid);
	}
	sm_kid_kill(c, &kid);
	if (err)
		return sm_trouble(c, err, "a child");
	return sm_judge(c, now == was && server == 0,
			"with a child in hand the parent has %d more descriptors without "
			"close-on-exec, the server %d",
			now - was, server);
}

static const struct sm_check checks[] = {
	{
		.id = "fd.stdio.buffered",
		.row = "D18",
		.claim = "what stands in the creator's stdio buffers is not written by a child",
		.source = "fork(2) and exit(3): every copy of a buffer is flushed; gh-135335",
		.level = SM_MUST,
		.in_parent = buffer_is_not_repeated,
		.in_creator = creator_prints,
	},
	{
		.id = "fd.stdio.bulk",
		.row = "D19",
		.claim =
			"1 MiB goes through stdin and stdout at once, unchanged, and nothing blocks",
		.source = "CPython test_subprocess test_communicate_pipe_buf",
		.level = SM_MUST,
		.in_parent = bulk_passes,
		.in_child = child_echoes,
	},
	{
		.id = "fd.stdio.epipe",
		.row = "D20",
		.claim = "a write to a child that has closed its stdin is EPIPE",
		.source = "pipe(7); CPython test_subprocess test_communicate_epipe",
		.level = SM_MUST,
		.in_parent = epipe_is_survived,
		.in_child = child_closes_in,
	},
	{
		.id = "fd.stdio.nonblock",
		.row = "D24",
		.claim =
			"O_NONBLOCK that a child sets on its stdio does not reach the parent's ends",
		.source = "open(2): status flags belong to the open file description",
		.level = SM_SHOULD,
		.in_parent = flags_are_private,
		.in_child = child_unblocks,
	},
	{
		.id = "fd.cloexec.ends",
		.row = "E04",
		.claim = "a spawn leaves no descriptor without close-on-exec in parent or server",
		.source = "recvmsg(2) MSG_CMSG_CLOEXEC; pipe2(2) O_CLOEXEC",
		.level = SM_MUST,
		.in_parent = ends_are_cloexec,
		.in_child = child_awaits,
	},
};

SM_GROUP_AS(fd_stdio, "fd", "Descriptors and stdio", checks);
