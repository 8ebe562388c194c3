/* SPDX-License-Identifier: MIT */
/*
 * canary.c - making canaries and recognising them without ever holding a copy.
 */
#include "canary.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static const char letters[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._";

int sm_random_bytes(void *data, size_t n)
{
	unsigned char *at = data;

	while (n) {
		ssize_t got = getrandom(at, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		at += got;
		n -= (size_t)got;
	}
	return 0;
}

int sm_canary_make(void *at)
{
	unsigned char *p = at;
	int err = sm_random_bytes(p, SM_CANARY_BYTES);

	for (int i = 0; !err && i < SM_CANARY_BYTES; i++)
		p[i] = (unsigned char)letters[p[i] & 63];
	return err;
}

void sm_canary_mask(void *out, const void *from, const struct sm_masked *mask)
{
	const unsigned char *a = from;
	unsigned char *b = out;

	for (int i = 0; i < SM_CANARY_BYTES; i++)
		b[i] = a[i] ^ mask->b[i];
}

int sm_canary_new(struct sm_masked *masked, const struct sm_masked *mask)
{
	unsigned char clear[SM_CANARY_BYTES];
	int err = sm_canary_make(clear);

	sm_canary_mask(masked->b, clear, mask);
	explicit_bzero(clear, sizeof(clear));
	return err;
}

int sm_canary_is(const void *data, const struct sm_masked *masked, const struct sm_masked *mask)
{
	const unsigned char *p = data;

	for (int i = 0; i < SM_CANARY_BYTES; i++) {
		if ((p[i] ^ mask->b[i]) != masked->b[i])
			return 0;
	}
	return 1;
}

ssize_t sm_canary_find(const void *data, size_t n, const struct sm_masked *masked,
		       const struct sm_masked *mask)
{
	const unsigned char *p = data;

	for (size_t i = 0; i + SM_CANARY_BYTES <= n; i++) {
		if (sm_canary_is(p + i, masked, mask))
			return (ssize_t)i;
	}
	return -1;
}
