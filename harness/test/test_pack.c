/* SPDX-License-Identifier: MIT */
/*
 * test_pack.c - string vectors there and back, and from buffers that mean harm.
 */
#include "wire/pack.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const argv[] = { "prog", "", "--name", "a b\tc\n\xff", NULL };
static const char *const envp[] = { "A=1", NULL };
static const char *const empty[] = { NULL };

static size_t pack_all(char *buf, size_t size, int *err)
{
	struct sm_pack p = { .at = buf, .left = size };
	const uint32_t number = 0xdeadbeef;

	sm_pack_bytes(&p, &number, sizeof(number));
	sm_pack_vec(&p, argv);
	sm_pack_vec(&p, envp);
	sm_pack_vec(&p, empty);
	sm_pack_vec(&p, NULL);
	*err = p.err;
	return size - p.left;
}

static void expect_vec(const char **got, const char *const *want)
{
	int i = 0;

	for (; want[i]; i++) {
		assert_non_null(got[i]);
		assert_string_equal(got[i], want[i]);
	}
	assert_null(got[i]);
}

static int unpack_all(char *buf, size_t size, const char **a, const char **e, const char **none,
		      size_t max, size_t *left)
{
	struct sm_pack p = { .at = buf, .left = size };
	uint32_t number = 0;

	sm_unpack_bytes(&p, &number, sizeof(number));
	sm_unpack_vec(&p, a, max);
	sm_unpack_vec(&p, e, max);
	sm_unpack_vec(&p, none, max);
	sm_unpack_vec(&p, none, max);
	if (!p.err)
		assert_int_equal(number, 0xdeadbeef);
	*left = p.left;
	return p.err;
}

static void test_round_trip(void **state)
{
	char buf[256];
	const char *a[8], *e[8], *none[8];
	size_t n, left;
	int err;

	(void)state;
	n = pack_all(buf, sizeof(buf), &err);
	assert_int_equal(err, 0);
	assert_int_equal(unpack_all(buf, n, a, e, none, 8, &left), 0);
	assert_int_equal(left, 0);
	expect_vec(a, argv);
	expect_vec(e, envp);
	expect_vec(none, empty);
}

/* Every buffer that is too small says so and is not overrun. */
static void test_full(void **state)
{
	char buf[256];
	int err;
	size_t n = pack_all(buf, sizeof(buf), &err);

	(void)state;
	for (size_t size = 0; size < n; size++) {
		char *exact = malloc(size + 1);

		assert_non_null(exact);
		exact[size] = 0x55;
		pack_all(exact, size, &err);
		assert_int_equal(err, -EMSGSIZE);
		assert_int_equal(exact[size], 0x55);
		free(exact);
	}
}

/* Every vector array that is too small says so; 5 is just enough for argv. */
static void test_few_entries(void **state)
{
	char buf[256];
	const char *a[8], *e[8], *none[8];
	size_t left;
	int err;
	size_t n = pack_all(buf, sizeof(buf), &err);

	(void)state;
	for (size_t max = 0; max < 5; max++) {
		a[max] = argv[0];
		assert_int_equal(unpack_all(buf, n, a, e, none, max, &left), -EMSGSIZE);
		assert_ptr_equal(a[max], argv[0]);
	}
	assert_int_equal(unpack_all(buf, n, a, e, none, 5, &left), 0);
}

/* Exact allocations, so that a sanitizer sees a byte too far. */
static void test_every_truncation(void **state)
{
	char buf[256];
	const char *a[8], *e[8], *none[8];
	size_t left;
	int err;
	size_t n = pack_all(buf, sizeof(buf), &err);

	(void)state;
	for (size_t size = 0; size < n; size++) {
		char *exact = malloc(size ? size : 1);

		assert_non_null(exact);
		memcpy(exact, buf, size);
		assert_int_equal(unpack_all(exact, size, a, e, none, 8, &left), -EPROTO);
		free(exact);
	}
}

/* A last string without its NUL, however short, is none. */
static void test_unended(void **state)
{
	static const char *const one[] = { "abc", NULL };
	char buf[8];
	struct sm_pack p = { .at = buf, .left = sizeof(buf) };

	(void)state;
	sm_pack_vec(&p, one);
	assert_int_equal(p.left, 0);
	for (size_t size = 0; size < sizeof(buf); size++) {
		const char *vec[4];

		p = (struct sm_pack){ .at = buf, .left = size };
		sm_unpack_vec(&p, vec, 4);
		assert_int_equal(p.err, -EPROTO);
		assert_null(vec[0]);
	}
}

/* Whatever the bytes are: the vector ends, within its array, and its strings within the buffer. */
static void test_random(void **state)
{
	unsigned int seed = 7;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		size_t size = (size_t)rand_r(&seed) % 64, count = 0;
		char *exact = malloc(size ? size : 1);
		const char *vec[9] = { 0 };
		struct sm_pack p = { .at = exact, .left = size };

		assert_non_null(exact);
		for (size_t k = 0; k < size; k++) /* many NULs and small counts among them */
			exact[k] = (char)(rand_r(&seed) % 3 ? 0 : rand_r(&seed));
		if (size >= 4 && i % 2) {
			exact[0] = (char)(rand_r(&seed) % 10);
			exact[1] = exact[2] = exact[3] = 0;
		}
		vec[8] = argv[0];
		sm_unpack_vec(&p, vec, 8);
		assert_ptr_equal(vec[8], argv[0]);
		assert_true(p.err == 0 || p.err == -EPROTO || p.err == -EMSGSIZE);
		assert_true(p.at >= exact && p.at + p.left == exact + size);
		for (; count < 8 && vec[count]; count++)
			assert_true(vec[count] + strlen(vec[count]) < exact + size);
		assert_true(count < 8);
		assert_true(p.err == 0 || count == 0);
		free(exact);
	}
}

/* A count near 2^32 must not wrap anything. */
static void test_huge_count(void **state)
{
	const uint32_t counts[] = { 0xffffffff, 0xfffffffe, 0x80000000, 0x7fffffff, 9 };
	const char *vec[8];

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		char buf[8] = { 0 };
		struct sm_pack p = { .at = buf, .left = sizeof(buf) };

		memcpy(buf, &counts[i], 4);
		sm_unpack_vec(&p, vec, 8);
		assert_int_equal(p.err, -EPROTO);
		assert_null(vec[0]);
	}
}

static void test_error_sticks(void **state)
{
	char buf[4] = { 0 };
	struct sm_pack p = { .at = buf, .left = 2 };

	(void)state;
	sm_pack_bytes(&p, "abc", 3);
	assert_int_equal(p.err, -EMSGSIZE);
	sm_pack_bytes(&p, "a", 1); /* would fit */
	assert_int_equal(buf[0], 0);
	assert_int_equal(p.err, -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),  cmocka_unit_test(test_full),
		cmocka_unit_test(test_few_entries), cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_unended),     cmocka_unit_test(test_random),
		cmocka_unit_test(test_huge_count),  cmocka_unit_test(test_error_sticks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
