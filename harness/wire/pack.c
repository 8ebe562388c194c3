/* SPDX-License-Identifier: MIT */
/*
 * pack.c - see pack.h. Counts are 32 bits wide in the machine's own order: both ends are the same
 * build on the same machine.
 */
#include "pack.h"

#include <errno.h>
#include <string.h>

void sm_pack_bytes(struct sm_pack *p, const void *data, size_t bytes)
{
	if (p->err)
		return;
	if (bytes > p->left) {
		p->err = -EMSGSIZE;
		return;
	}
	if (bytes)
		memcpy(p->at, data, bytes);
	p->at += bytes;
	p->left -= bytes;
}

void sm_pack_vec(struct sm_pack *p, const char *const *vec)
{
	uint32_t count = 0;

	while (vec && vec[count])
		count++;
	sm_pack_bytes(p, &count, sizeof(count));
	for (uint32_t i = 0; i < count; i++)
		sm_pack_bytes(p, vec[i], strlen(vec[i]) + 1);
}

void sm_unpack_bytes(struct sm_pack *p, void *data, size_t bytes)
{
	if (p->err)
		return;
	if (bytes > p->left) {
		p->err = -EPROTO;
		return;
	}
	if (bytes)
		memcpy(data, p->at, bytes);
	p->at += bytes;
	p->left -= bytes;
}

void *sm_unpack_place(struct sm_pack *p, size_t bytes)
{
	char *at = p->at;

	if (p->err)
		return NULL;
	if (bytes > p->left) {
		p->err = -EPROTO;
		return NULL;
	}
	p->at += bytes;
	p->left -= bytes;
	return at;
}

void sm_unpack_vec(struct sm_pack *p, const char **vec, size_t max)
{
	uint32_t count = 0, i;

	if (max)
		vec[0] = NULL;
	sm_unpack_bytes(p, &count, sizeof(count));
	if (p->err)
		return;
	if (count > p->left) { /* each string has at least its NUL */
		p->err = -EPROTO;
		return;
	}
	if (count >= max) {
		p->err = -EMSGSIZE;
		return;
	}
	for (i = 0; i < count; i++) {
		const char *end = memchr(p->at, '\0', p->left);

		if (!end) {
			p->err = -EPROTO;
			i = 0;
			break;
		}
		vec[i] = p->at;
		p->left -= (size_t)(end + 1 - p->at);
		p->at += end + 1 - p->at;
	}
	vec[i] = NULL;
}
