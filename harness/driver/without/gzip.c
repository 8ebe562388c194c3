/* SPDX-License-Identifier: MIT */
/* gzip.c - see gzip.h: without zlib, so without compression: stored blocks (RFC 1951, 3.2.4). */
#include "../gzip.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../sys/sys.h"

#define STORED_MAX 65535

struct sm_gzip {
	int fd;
	uint32_t crc, total; /* of what was written; RFC 1952 wants it modulo 2^32 */
	size_t n;
	unsigned char block[5 + STORED_MAX]; /* a header, and as much as a block may hold */
};

/* CRC-32 as RFC 1952, section 8, defines it; bit by bit, for it is no part of what is measured. */
static uint32_t crc32(uint32_t crc, const unsigned char *data, size_t bytes)
{
	crc = ~crc;
	for (size_t i = 0; i < bytes; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void put(unsigned char *to, uint32_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		to[i] = (unsigned char)(value >> 8 * i);
}

static int flush(struct sm_gzip *gz, int last)
{
	size_t n = gz->n;

	gz->block[0] =
		(unsigned char)last; /* type 0: stored; the header's other bits are padding */
	put(gz->block + 1, (uint32_t)n, 2);
	put(gz->block + 3, ~(uint32_t)n, 2);
	gz->n = 0;
	return sm_write_all(gz->fd, gz->block, 5 + n);
}

int sm_gzip_open(struct sm_gzip **gz, int fd)
{
	/* deflate, no flags, no time, of Unix */
	static const unsigned char header[10] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3 };
	int err;

	*gz = calloc(1, sizeof(**gz));
	if (!*gz)
		return -ENOMEM;
	(*gz)->fd = fd;
	err = sm_write_all(fd, header, sizeof(header));
	if (err) {
		free(*gz);
		*gz = NULL;
	}
	return err;
}

int sm_gzip_write(struct sm_gzip *gz, const void *data, size_t bytes)
{
	const unsigned char *at = data;
	int err = 0;

	gz->crc = crc32(gz->crc, at, bytes);
	gz->total += (uint32_t)bytes;
	while (bytes && !err) {
		size_t n = bytes < STORED_MAX - gz->n ? bytes : STORED_MAX - gz->n;

		memcpy(gz->block + 5 + gz->n, at, n);
		gz->n += n;
		at += n;
		bytes -= n;
		if (gz->n == STORED_MAX)
			err = flush(gz, 0);
	}
	return err;
}

int sm_gzip_close(struct sm_gzip *gz)
{
	unsigned char trailer[8];
	int err = flush(gz, 1);

	put(trailer, gz->crc, 4);
	put(trailer + 4, gz->total, 4);
	if (!err)
		err = sm_write_all(gz->fd, trailer, sizeof(trailer));
	free(gz);
	return err;
}
