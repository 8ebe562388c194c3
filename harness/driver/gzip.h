/* SPDX-License-Identifier: MIT */
/*
 * gzip.h - writes a gzip file (RFC 1952): by zlib, or in a build without it by stored blocks, which
 * every reader of gzip takes alike (without/gzip.c).
 */
#ifndef SM_GZIP_H
#define SM_GZIP_H

#include <stddef.h>

struct sm_gzip;

/* fd stays the caller's. 0 or -errno. */
int sm_gzip_open(struct sm_gzip **gz, int fd);
int sm_gzip_write(struct sm_gzip *gz, const void *data, size_t bytes);
/* Writes what is left. Frees gz, also after an error. */
int sm_gzip_close(struct sm_gzip *gz);

#endif
