/* SPDX-License-Identifier: MIT */
/* gzip.c - see gzip.h: by zlib. */
#include "gzip.h"

#include <errno.h>
#include <unistd.h>
#include <zlib.h>

int sm_gzip_open(struct sm_gzip **gz, int fd)
{
	int own = dup(fd); /* gzclose(3) closes it */
	gzFile file = own < 0 ? NULL : gzdopen(own, "wb3");

	*gz = (struct sm_gzip *)file;
	if (file)
		return 0;
	if (own < 0)
		return -errno;
	close(own);
	return -ENOMEM;
}

int sm_gzip_write(struct sm_gzip *gz, const void *data, size_t bytes)
{
	return gzwrite((gzFile)gz, data, (unsigned int)bytes) == (int)bytes ? 0 : -EIO;
}

int sm_gzip_close(struct sm_gzip *gz)
{
	return gzclose((gzFile)gz) == Z_OK ? 0 : -EIO;
}
