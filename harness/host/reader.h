/* SPDX-License-Identifier: MIT */
/*
 * reader.h - finds the records in what a child writes to its stdout, and keeps the end of what it
 * writes to its stderr. No allocation: a reader lives inside its user's own struct.
 */
#ifndef SM_HOST_READER_H
#define SM_HOST_READER_H

#include "../spawnmark.h"

#define SM_READER_BYTES 512
#define SM_TAIL_BYTES   224

/* Bytes of one child's stdout that are not yet a whole record. Start with have = 0. */
struct sm_reader {
	uint32_t have;
	char buf[SM_READER_BYTES];
};

/*
 * Takes what fd holds with one read(2), skipping whatever was printed before the record. Blocks
 * when there is nothing to read. Returns 1: *rec is filled; 0: not whole yet; -EPIPE: end of file;
 * -EPROTO: a record of impossible size; or -errno.
 */
int sm_reader_feed(struct sm_reader *r, int fd, struct sm_record *rec);

/*
 * Waits for the next record, in all at most timeout_ms. watch is a socket whose hang-up ends the
 * wait within a second (-1: none). Returns 0, -ETIMEDOUT, -ECANCELED (hang-up), or as above.
 */
int sm_reader_wait(struct sm_reader *r, int fd, struct sm_record *rec, uint32_t timeout_ms,
		   int watch);

/* Whether the other end of a socket has gone; never blocks. */
int sm_hung_up(int sock);

/* The last bytes of a child's stderr. Start with have = 0. */
struct sm_tail {
	uint32_t have;
	uint32_t lost; /* bytes that were read and dropped */
	char buf[SM_TAIL_BYTES];
};

/* Takes what fd holds now; never blocks. Returns 1 when more may come, 0 at end of file. */
int sm_tail_drain(struct sm_tail *tail, int fd);

/*
 * Appends the tail to text as one printable ASCII line: lines are joined by " | ". Where it does
 * not fit, its end is kept.
 */
void sm_tail_text(const struct sm_tail *tail, char *text, size_t size);

#endif
