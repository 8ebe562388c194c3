/* SPDX-License-Identifier: MIT */
/*
 * pack.h - string vectors (argv, envp) in one buffer: a count, then NUL-terminated strings.
 */
#ifndef SM_WIRE_PACK_H
#define SM_WIRE_PACK_H

#include <stddef.h>
#include <stdint.h>

/* A buffer being filled or read. A failure sticks: check err once, at the end. */
struct sm_pack {
	char *at;
	size_t left;
	int err; /* 0, -EMSGSIZE (full) or -EPROTO (what is read is not a vector) */
};

/* Appends bytes, or a NULL-terminated vector (NULL counts as empty). */
void sm_pack_bytes(struct sm_pack *p, const void *data, size_t bytes);
void sm_pack_vec(struct sm_pack *p, const char *const *vec);

/*
 * Reads them back. The strings stay in the buffer; vec gets pointers to them and a NULL behind,
 * at most max entries with it. Every length is checked: the buffer may come from anybody.
 */
void sm_unpack_bytes(struct sm_pack *p, void *data, size_t bytes);
/* Where they lie in the buffer, without a copy; NULL on failure. */
void *sm_unpack_place(struct sm_pack *p, size_t bytes);
void sm_unpack_vec(struct sm_pack *p, const char **vec, size_t max);

#endif
