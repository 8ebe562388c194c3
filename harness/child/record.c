/* SPDX-License-Identifier: MIT */
/*
 * record.c - writing the record. It goes out by a bare write(2): a stdio buffer would come along
 * through every clone and would be written once by each child.
 */
#include "orders.h"

#include <unistd.h>

#include "../sys/sys.h"

void sm_record_stamp(struct sm_record *rec)
{
	rec->magic = SM_RECORD_MAGIC;
	rec->size = sizeof(*rec);
	rec->pid = getpid();
	rec->ppid = getppid();
}

int sm_record_write(struct sm_record *rec)
{
	sm_record_stamp(rec);
	return sm_write_all(STDOUT_FILENO, rec, sizeof(*rec));
}

int sm_record_fault(struct sm_record *rec, int fd, enum sm_stage stage, int err)
{
	sm_record_stamp(rec);
	rec->kind = SM_RECORD_FAULT;
	rec->stage = (int32_t)stage;
	rec->err = err;
	return sm_write_all(fd, rec, sizeof(*rec));
}
