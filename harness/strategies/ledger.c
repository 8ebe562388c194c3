/* SPDX-License-Identifier: MIT */
/*
 * ledger.c - see ledger.h.
 */
#include "ledger.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int sm_ledger_open(struct sm_ledger *l, int *fd)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *at;
	int err;

	l->newest = NULL;
	l->told = 0;
	*fd = memfd_create("spawnmark-ledger", MFD_CLOEXEC);
	if (*fd < 0)
		return -errno;
	if (ftruncate(*fd, (off_t)page) < 0)
		goto fail;
	at = mmap(NULL, page, PROT_READ, MAP_SHARED, *fd, 0);
	if (at == MAP_FAILED)
		goto fail;
	l->newest = at;
	return 0;
fail:
	err = -errno;
	close(*fd);
	*fd = -1;
	return err;
}

void sm_ledger_close(struct sm_ledger *l)
{
	if (l->newest)
		munmap((void *)(uintptr_t)l->newest, (size_t)sysconf(_SC_PAGESIZE));
	l->newest = NULL;
	l->told = 0;
}

pid_t sm_ledger_orphan(const struct sm_ledger *l)
{
	pid_t pid = l->newest ? *l->newest : 0;
	siginfo_t info;

	if (pid <= 0 || pid == l->told)
		return 0;
	/* Ours, dead or alive? Whoever wrote there may be no friend. */
	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) ? 0 : pid;
}

pid_t *sm_ledger_take(int fd)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *at = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	close(fd);
	if (at == MAP_FAILED)
		return NULL;
	if (madvise(at, page, MADV_DONTFORK) < 0) {
		munmap(at, page);
		return NULL;
	}
	/* In place: who is being killed does not wait for a page, and the kernel would write nowhere. */
	*(volatile pid_t *)at = 0;
	return at;
}
