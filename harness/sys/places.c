/* SPDX-License-Identifier: MIT */
/*
 * places.c - giving a child exactly the descriptors that its request names.
 */
#include "attr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "sys.h"

static int by_dst(const void *a, const void *b)
{
	const struct sm_req_fd *x = a, *y = b;

	return x->dst < y->dst ? -1 : x->dst > y->dst;
}

int sm_places_build(struct sm_places *places, const struct sm_req *req)
{
	struct sm_req_fd *at = places->at;

	if (req->nfds && !req->fds)
		return -EINVAL;
	places->n = 3;
	for (int i = 0; i < 3; i++)
		at[i] = (struct sm_req_fd){ .src = -1, .dst = i };
	for (uint32_t i = 0; i < req->nfds; i++) {
		const struct sm_req_fd *fd = &req->fds[i];

		if (fd->dst < 0 || (fd->dst < 3 && at[fd->dst].src >= 0))
			return -EINVAL;
		if (fcntl(fd->src, F_GETFD) < 0)
			return -errno;
		if (fd->dst < 3)
			at[fd->dst] = *fd;
		else if (places->n == 3 + SM_PLACES_MAX)
			return -EMSGSIZE;
		else
			at[places->n++] = *fd;
	}
	qsort(at, places->n, sizeof(at[0]), by_dst);
	for (unsigned int i = 1; i < places->n; i++) {
		if (at[i].dst == at[i - 1].dst)
			return -EINVAL;
	}
	return 0;
}

/* The place whose dst is fd, or NULL. */
static const struct sm_req_fd *find(const struct sm_places *places, int fd)
{
	const struct sm_req_fd *at = places->at;
	unsigned int i = sm_fd_lower_bound(at, places->n, fd);

	return i < places->n && at[i].dst == fd ? &at[i] : NULL;
}

int sm_places_has(const struct sm_places *places, int fd)
{
	return find(places, fd) != NULL;
}

/* A close-on-exec duplicate of fd where no place is. */
static int lift(const struct sm_places *places, int fd)
{
	int to = 2;

	do {
		int above = to + 1;

		if (above > 3)
			close(to);
		to = fcntl(fd, F_DUPFD_CLOEXEC, above);
	} while (to >= 0 && find(places, to));
	return to < 0 ? -errno : to;
}

int sm_places_avoid(const struct sm_places *places, int fd)
{
	return find(places, fd) ? lift(places, fd) : fd;
}

int sm_places_lift(struct sm_places *places)
{
	struct sm_req_fd *at = places->at;

	for (unsigned int i = 0; i < places->n; i++) {
		int src = at[i].src, to;
		const struct sm_req_fd *there = src < 0 ? NULL : find(places, src);

		if (!there || there->src == src)
			continue;
		to = lift(places, src);
		if (to < 0)
			return to;
		for (unsigned int k = i; k < places->n; k++) {
			if (at[k].src == src)
				at[k].src = ~to;
		}
	}
	return 0;
}

int sm_places_install(struct sm_places *places)
{
	struct sm_req_fd *at = places->at;
	int err = sm_places_lift(places);

	for (unsigned int i = 0; i < places->n && !err; i++)
		err = sm_fd_place(at[i].src < 0 ? ~at[i].src : at[i].src, at[i].dst);
	for (unsigned int i = 0; i < places->n; i++) {
		if (at[i].src < 0) /* once more for each that shares it: nobody opens any here */
			close(~at[i].src);
	}
	return err;
}

int sm_places_close_others(const struct sm_places *places, int keep, int keep_too)
{
	const struct sm_fd_keep all = { places->at, places->n, { keep, keep_too } };

	return sm_close_but(3, &all);
}
