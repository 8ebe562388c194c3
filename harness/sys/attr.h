/* SPDX-License-Identifier: MIT */
/*
 * attr.h - the optional fields of a request, as the child takes them.
 *
 * The parent (or the server) checks and prepares; the child does the rest with async-signal-safe
 * calls alone, so that it can be one of vfork or of a clone without libc.
 */
#ifndef SM_ATTR_H
#define SM_ATTR_H

#include <signal.h>

#include "../spawnmark.h"

#define SM_REQ_ALL ((uint32_t)(SM_REQ_FDS << 1) - 1) /* every field that this library knows */

/* Beyond 0, 1, 2. A message takes less: SM_FRAME_FDS_MAX. */
#define SM_PLACES_MAX 1024

/*
 * Where every descriptor of a child goes, sorted by dst. The first three are 0, 1 and 2: src -1
 * where the request gives none and a pipe is due.
 */
struct sm_places {
	unsigned int n;
	struct sm_req_fd at[3 + SM_PLACES_MAX];
};

/* "umask"; what several bits or none stand for is "fields". */
const char *sm_attr_name(int field);

/*
 * Checks the fields and, with SM_REQ_FDS, fills places. 0; -EINVAL, -EBADF or -EMSGSIZE, and
 * *field is the one at fault: all that can be told before there is a child.
 */
int sm_attr_check(const struct sm_req *req, struct sm_places *places, int *field);

/* In a child, after its descriptors have come: SETSID to UID. cgroup is where cgroup_fd is now. */
int sm_attr_apply(const struct sm_req *req, int cgroup, int *field);
/* For sm_signals_restore(): the mask that the request asks for. */
void sm_attr_mask(const struct sm_req *req, sigset_t *mask);

/* places from req->fds. 0, -EINVAL (twice the same dst), -EBADF or -EMSGSIZE. */
int sm_places_build(struct sm_places *places, const struct sm_req *req);
/* Is fd one of the places? Then what is there now will be replaced. */
int sm_places_has(const struct sm_places *places, int fd);
/* fd, or a close-on-exec duplicate of it that no place replaces. Or -errno. */
int sm_places_avoid(const struct sm_places *places, int fd);
/*
 * Lifts every source that another descriptor will replace, and marks it: ~fd, which is negative.
 * Places that share a source share what was lifted. 0 or -errno; then some may be lifted.
 */
int sm_places_lift(struct sm_places *places);
/* Puts all in place, whatever the order, swaps and shared sources. Spends places. 0 or -errno. */
int sm_places_install(struct sm_places *places);
/* Closes all that is no place, but for two descriptors (-1: none). 0 or -errno. */
int sm_places_close_others(const struct sm_places *places, int keep, int keep_too);

#endif
