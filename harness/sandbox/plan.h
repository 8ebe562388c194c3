/* SPDX-License-Identifier: MIT */
/*
 * plan.h - a plan as it lies in its memfd: what the compiler writes and the runtime reads.
 *
 * One struct, then entries, filter and strings, all addressed from the beginning of the file. The
 * file is sealed, so that what has been checked stays true.
 */
#ifndef SM_SANDBOX_PLAN_H
#define SM_SANDBOX_PLAN_H

#include <fcntl.h>
#include <linux/filter.h>
#include <stdint.h>

#include "../spawnmark.h"

#define SM_BOX_MAGIC       UINT64_C(0x316e616c70786273) /* "sbxplan1" */
#define SM_BOX_SEALS       (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define SM_BOX_LIMITS_MAX  8
#define SM_BOX_ENTRIES_MAX 128
#define SM_BOX_TMP_MAX     16
#define SM_BOX_BYTES_MAX   (256u << 10)

/* One thing in the minimal root. */
enum sm_box_kind {
	SM_BOX_DIR,       /* an empty directory */
	SM_BOX_LINK,      /* a symbolic link to other_at */
	SM_BOX_BIND_DIR,  /* the host's directory of the same path, read-only, without devices */
	SM_BOX_BIND_FILE, /* the same of a file */
	SM_BOX_BIND_DEV,  /* a device, which works */
	SM_BOX_KINDS,
};

struct sm_box_entry {
	uint32_t kind, path_at, other_at, zero;
};

struct sm_box {
	uint64_t magic;
	uint32_t bytes;  /* of the file */
	uint32_t layers; /* bit 1 << enum sm_layer */

	/* user: ids 0 .. map_count - 1 inside are map_host and on outside. */
	uint32_t map_host, map_count;
	uint32_t uid, gid;    /* ids: as the child's user namespace numbers them */
	char tmp_options[32]; /* root: how its /tmp is mounted; NUL-terminated, as the next */
	char host_name[16];   /* uts */

	uint32_t ntmp; /* of the entries, the last: those below /tmp */
	uint32_t nlimits, nentries, nfilter;
	uint32_t entries_at, filter_at; /* struct sm_box_entry[], struct sock_filter[] */
	uint32_t strings_at;            /* up to the end of the file, whose last byte is NUL */
	struct sm_req_limit limits[SM_BOX_LIMITS_MAX];
};

static inline const struct sm_box_entry *sm_box_entries(const struct sm_box *plan)
{
	return (const void *)((const char *)plan + plan->entries_at);
}

static inline const char *sm_box_string(const struct sm_box *plan, uint32_t at)
{
	return (const char *)plan + at;
}

#endif
