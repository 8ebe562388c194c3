/* SPDX-License-Identifier: MIT */
/*
 * test_frame_foe.c - frames from a peer that means harm, and into a full descriptor table.
 */
#include "frame_util.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

/* The receiver has room for fewer descriptors than come: none is kept, the stream goes on. */
static void test_full_table(void **state)
{
	struct fu_pair p = fu_pair();
	int fds[SM_FRAME_FDS_MAX], before;
	struct rlimit old, limit;

	(void)state;
	fu_files(fds, SM_FRAME_FDS_MAX);
	before = fu_count_fds();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	for (int room = 0; room < SM_FRAME_FDS_MAX; room++) {
		int next = dup(p.b); /* the lowest free number */
		struct sm_frame f;
		char buf[8];

		close(next);
		assert_int_equal(sm_frame_send(p.a, 1, "x", 1, fds, SM_FRAME_FDS_MAX), 0);
		assert_int_equal(sm_frame_send(p.a, 2, "y", 1, NULL, 0), 0);
		limit = old;
		limit.rlim_cur = (rlim_t)next + (rlim_t)room;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		assert_int_equal(sm_frame_recv(p.b, &f, buf, sizeof(buf), FU_WAIT_MS), -EMFILE);
		assert_int_equal(f.nfds, 0);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
		assert_int_equal(fu_count_fds(), before);
		fu_expect(p.b, 2, "y", NULL, 0);
	}
	fu_close(fds, SM_FRAME_FDS_MAX);
	fu_drop(&p);
}

/* The header's count and what came must agree; data carries no descriptors. */
static void test_wrong_descriptors(void **state)
{
	char bytes[64], buf[64];
	int fds[20], before;

	(void)state;
	fu_files(fds, 20);
	before = fu_count_fds();
	for (int said = 0; said <= 3; said++) {
		size_t total = fu_wire_bytes(bytes, sizeof(bytes), 4, "count", said);

		for (int sent = 0; sent <= 20; sent++) {
			struct fu_pair p = fu_pair();
			struct sm_frame f;
			int rc;

			fu_send_raw(p.a, bytes, total, fds, sent);
			rc = sm_frame_recv(p.b, &f, buf, sizeof(buf), FU_WAIT_MS);
			assert_int_equal(rc, said == sent ? 0 : -EPROTO);
			fu_close(f.fds, f.nfds);
			fu_drop(&p);
		}
	}
	for (int said = 0; said <= 1; said++) {
		size_t total = fu_wire_bytes(bytes, sizeof(bytes), 4, "count", said);
		struct fu_pair p = fu_pair();
		struct sm_frame f;

		fu_send_raw(p.a, bytes, FU_HEADER, NULL, 0);
		fu_send_raw(p.a, bytes + FU_HEADER, total - FU_HEADER, fds, 1);
		assert_int_equal(sm_frame_recv(p.b, &f, buf, sizeof(buf), FU_WAIT_MS), -EPROTO);
		fu_drop(&p);
	}
	assert_int_equal(fu_count_fds(), before);
	fu_close(fds, 20);
}

static void test_garbage(void **state)
{
	char bytes[64], buf[64];
	size_t total = fu_wire_bytes(bytes, sizeof(bytes), 4, "junk", 0);
	unsigned int seed = 42;
	int before = fu_count_fds(), fd;

	(void)state;
	fu_files(&fd, 1);
	before++;
	for (int i = 0; i < 4; i++) { /* every byte of the magic */
		struct fu_pair p = fu_pair();
		struct sm_frame f;

		bytes[i] ^= 1;
		fu_send_raw(p.a, bytes, total, NULL, 0); /* nothing else is wrong */
		assert_int_equal(sm_frame_recv(p.b, &f, buf, sizeof(buf), FU_WAIT_MS), -EPROTO);
		bytes[i] ^= 1;
		fu_drop(&p);
	}
	for (int i = 0; i < 10000; i++) {
		struct fu_pair p = fu_pair();
		size_t n = 1 + (size_t)rand_r(&seed) % sizeof(buf), at = 0;
		struct sm_frame f;

		if (i % 2 && n > 8) { /* half of them past the magic */
			memcpy(buf, bytes, 4);
			at = 4;
		}
		for (; at < n; at++)
			buf[at] = (char)rand_r(&seed);
		fu_send_raw(p.a, buf, n, &fd, i % 3 == 0);
		close(p.a);
		p.a = -1;
		assert_int_equal(sm_frame_recv(p.b, &f, buf, sizeof(buf), FU_WAIT_MS), -EPROTO);
		fu_drop(&p);
	}
	assert_int_equal(fu_count_fds(), before);
	close(fd);
}

static void test_oversize(void **state)
{
	struct fu_pair p = fu_pair();
	uint32_t huge = SM_FRAME_BYTES_MAX + 1;
	char bytes[64], *buf = calloc(1, huge), small[8];
	int fds[SM_FRAME_FDS_MAX + 1] = { 0 };
	struct sm_frame f;
	size_t total;

	(void)state;
	assert_non_null(buf);
	assert_int_equal(sm_frame_send(p.a, 1, buf, huge, NULL, 0), -EMSGSIZE);
	assert_int_equal(sm_frame_send(p.a, 1, buf, 1, fds, SM_FRAME_FDS_MAX + 1), -EMSGSIZE);

	/* Larger than the buffer: refused, its descriptor closed, the next one is whole. */
	fu_files(fds, 1);
	assert_int_equal(sm_frame_send(p.a, 1, buf, 9000, fds, 1), 0);
	assert_int_equal(sm_frame_send(p.a, 2, "next", 4, NULL, 0), 0);
	assert_int_equal(sm_frame_recv(p.b, &f, small, sizeof(small), FU_WAIT_MS), -EMSGSIZE);
	assert_int_equal(f.nfds, 0);
	fu_expect(p.b, 2, "next", NULL, 0);

	/* A header that claims more than any frame may have. */
	total = fu_wire_bytes(bytes, sizeof(bytes), 4, "big", 0);
	memcpy(bytes + 8, &huge, sizeof(huge));
	fu_send_raw(p.a, bytes, total, NULL, 0);
	assert_int_equal(sm_frame_recv(p.b, &f, buf, huge, FU_WAIT_MS), -EPROTO);
	close(fds[0]);
	free(buf);
	fu_drop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_table),
		cmocka_unit_test(test_wrong_descriptors),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_oversize),
	};

	alarm(120); /* a hang is a failure */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
