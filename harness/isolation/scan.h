/* SPDX-License-Identifier: MIT */
/*
 * scan.h - looking for many canaries at once: in all readable memory of this process, and behind
 * every descriptor that it holds. No malloc: it runs in children of raw clones.
 */
#ifndef SM_ISOLATION_SCAN_H
#define SM_ISOLATION_SCAN_H

#include "attack.h"

/* Where a canary was first found, and how often. */
struct sm_hit {
	uint32_t times;
	uint64_t addr;  /* in memory */
	int32_t fd;     /* behind this descriptor; -1: in memory */
	char where[64]; /* the mapping's or the descriptor's name */
};

#define SM_SCAN_CHUNK (128u * 1024)

struct sm_scan {
	const struct sm_masked *mask;
	const struct sm_sought *sought;
	uint32_t n;
	int64_t deadline_ns;
	uint64_t own_start, own_end; /* memory of the scanner itself: not looked at */

	uint64_t bytes;    /* of memory that were compared */
	uint64_t unread;   /* in mappings said to be readable, which are not */
	uint32_t mappings; /* that were looked at */
	uint32_t left_out; /* mappings too big to be memory (a sanitizer's shadow) */
	uint32_t descriptors;
	uint32_t fd_unread; /* of these: had something to read, but gave an error */
	int cut_short;      /* the deadline passed */
	int err;            /* the list of mappings could not be read: -errno */
	int fd_err;         /* the list of descriptors */

	struct sm_hit hit[SM_SOUGHT_MAX];
	/* Bitmaps, no patterns themselves: the canaries' first two bytes, and any two of them. */
	unsigned char first[1 << 13], any[1 << 13];
	uint64_t page;
	unsigned char buf[SM_SCAN_CHUNK];
	uint64_t pages[SM_SCAN_CHUNK / 4096 + 1];
};

/* s must be zeroed, and be memory of its own (mmap): it is left out of the scan. */
void sm_scan_init(struct sm_scan *s, const struct sm_masked *mask, const struct sm_sought *sought,
		  uint32_t n, uint32_t timeout_ms);
/* Looks through the first n bytes of s->buf, which came from addr or from fd. */
void sm_scan_buffer(struct sm_scan *s, size_t n, uint64_t addr, int fd, const char *where);
void sm_scan_memory(struct sm_scan *s);
/*
 * Why what was not found in memory, or behind a descriptor, may be there all the same: a scan that
 * failed, saw nothing or left out too much. Writes the reason and returns 1; 0: it saw enough.
 */
int sm_scan_blind(const struct sm_scan *s, int in_descriptor, char *why, size_t size);
/*
 * Every descriptor beyond 2; those are pipes to the host, whose orders and records must not be
 * touched. Nothing is consumed: files by pread, pipes by tee, sockets by peek. */
void sm_scan_descriptors(struct sm_scan *s);

/* Calls each(fd) for every entry beyond 2 of /proc/PID/fd (pid 0: self). 0 or -errno. */
int sm_each_descriptor(int pid, int (*each)(int fd, void *arg), void *arg);

#endif
