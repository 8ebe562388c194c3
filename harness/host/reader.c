/* SPDX-License-Identifier: MIT */
/*
 * reader.c - records out of a child's stdout, the last words out of its stderr.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "reader.h"
#include "../sys/sys.h"

/* How long a wait goes on before it looks whether the driver is still there. */
#define SLICE_MS 1000

/* What one drain reads at most, so that a child that floods its stderr cannot hold us. */
#define DRAIN_READS_MAX 64

static void drop(struct sm_reader *r, size_t n)
{
	r->have -= (uint32_t)n;
	memmove(r->buf, r->buf + n, r->have);
}

/* Takes one whole record out of the buffer. 1, 0 or -EPROTO. */
static int next(struct sm_reader *r, struct sm_record *rec)
{
	static const uint64_t magic = SM_RECORD_MAGIC;
	const char *at = memmem(r->buf, r->have, &magic, sizeof(magic));
	uint32_t size;

	if (!at) { /* the magic itself may be cut in two */
		if (r->have >= sizeof(magic))
			drop(r, r->have - (sizeof(magic) - 1));
		return 0;
	}
	if (at != r->buf)
		drop(r, (size_t)(at - r->buf));
	if (r->have < sizeof(magic) + sizeof(size))
		return 0;
	memcpy(&size, r->buf + sizeof(magic), sizeof(size));
	if (size < sizeof(*rec) || size > sizeof(r->buf))
		return -EPROTO;
	if (r->have < size)
		return 0;
	memcpy(rec, r->buf, sizeof(*rec));
	drop(r, size);
	return 1;
}

int sm_reader_feed(struct sm_reader *r, int fd, struct sm_record *rec)
{
	int got = next(r, rec);
	ssize_t n;

	if (got)
		return got;
	do {
		n = read(fd, r->buf + r->have, sizeof(r->buf) - r->have);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0)
		return -EPIPE;
	r->have += (uint32_t)n;
	return next(r, rec);
}

int sm_hung_up(int sock)
{
	struct pollfd pfd = { .fd = sock };

	return sock >= 0 && poll(&pfd, 1, 0) > 0 && pfd.revents;
}

/* Waits until fd can be read. 0, -ETIMEDOUT, -ECANCELED or -errno. */
static int readable(int fd, int64_t deadline_ns, int watch)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int64_t left_ms;
	int n;

	for (;;) {
		left_ms = (deadline_ns - sm_now_ns() + 999999) / 1000000;
		if (left_ms < 0)
			left_ms = 0;
		n = poll(&pfd, 1, left_ms < SLICE_MS ? (int)left_ms : SLICE_MS);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0 && left_ms == 0)
			return -ETIMEDOUT;
		if (sm_hung_up(watch))
			return -ECANCELED;
	}
}

int sm_reader_wait(struct sm_reader *r, int fd, struct sm_record *rec, uint32_t timeout_ms,
		   int watch)
{
	int64_t deadline_ns = sm_now_ns() + (int64_t)timeout_ms * 1000000;
	int got = next(r, rec);

	while (got == 0) {
		got = readable(fd, deadline_ns, watch);
		if (got == 0)
			got = sm_reader_feed(r, fd, rec);
		/* A child that floods its stdout is always readable: that is no answer either. */
		if (got == 0 && sm_now_ns() > deadline_ns)
			got = -ETIMEDOUT;
	}
	return got > 0 ? 0 : got;
}

int sm_tail_drain(struct sm_tail *tail, int fd)
{
	char chunk[4096];
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t keep, old;
	ssize_t n;

	for (int i = 0; i < DRAIN_READS_MAX && poll(&pfd, 1, 0) > 0; i++) {
		n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		keep = (size_t)n < sizeof(tail->buf) ? (size_t)n : sizeof(tail->buf);
		old = sizeof(tail->buf) - keep;
		if (old > tail->have)
			old = tail->have;
		tail->lost += (uint32_t)(tail->have + (size_t)n - old - keep);
		memmove(tail->buf, tail->buf + tail->have - old, old);
		memcpy(tail->buf + old, chunk + n - keep, keep);
		tail->have = (uint32_t)(old + keep);
	}
	return 1;
}

/* The tail as printable ASCII on one line: lines are joined by " | ". Returns its length. */
static size_t one_line(const struct sm_tail *tail, char *line)
{
	size_t n = 0;
	int gap = 0;

	for (uint32_t i = 0; i < tail->have; i++) {
		unsigned char c = (unsigned char)tail->buf[i];

		if (c == '\n' || c == '\r') {
			gap = n > 0;
			continue;
		}
		if (gap) {
			memcpy(line + n, " | ", 3);
			n += 3;
			gap = 0;
		}
		line[n++] = (char)(c < 32 || c > 126 ? '?' : c);
	}
	return n;
}

void sm_tail_text(const struct sm_tail *tail, char *text, size_t size)
{
	char line[2 * SM_TAIL_BYTES]; /* at worst every other byte ends a line: 4 for 2 */
	size_t n = one_line(tail, line);
	size_t used = strlen(text);
	size_t room = size - used - 1;

	if (room > n)
		room = n;
	memcpy(text + used, line + n - room, room); /* what was said last tells most */
	text[used + room] = '\0';
}
