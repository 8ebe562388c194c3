/* SPDX-License-Identifier: MIT */
/*
 * memory.c - probes: kinds of mappings, and advice about them.
 */
#include "probe.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "uapi.h"

/* One page of private memory, which holds 'x'. NULL: r has the answer. */
static char *page(struct sm_probe_result *r)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED) {
		sm_probe_dunno(r, errno, "mmap");
		return NULL;
	}
	at[0] = 'x';
	return at;
}

static int advise(void *at, int advice)
{
	return madvise(at, (size_t)sysconf(_SC_PAGESIZE), advice);
}

void sm_probe_f_memfd_secret(struct sm_probe_result *r)
{
	long size = sysconf(_SC_PAGESIZE);
	int fd = (int)syscall(SYS_memfd_secret, 0);
	char *at;

	if (fd < 0) {
		sm_probe_no(r, errno, "memfd_secret");
		return;
	}
	if (ftruncate(fd, size) < 0) {
		sm_probe_no(r, errno, "ftruncate");
		return;
	}
	at = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED) {
		sm_probe_no(r, errno, "mmap of a memfd_secret");
		return;
	}
	at[0] = 'x';
	sm_probe_yes(r, "a page, mapped and written");
}

static int is_unmapped(void *at)
{
	unsigned char in_core;

	return mincore(at, (size_t)sysconf(_SC_PAGESIZE), &in_core) == 0 || errno != ENOMEM;
}

static int is_wiped(void *at)
{
	return *(volatile char *)at != 0;
}

static void inherited(struct sm_probe_result *r, int advice, int (*as_told)(void *at),
		      const char *name, const char *seen)
{
	char *at = page(r);

	if (!at)
		return;
	if (advise(at, advice) < 0)
		sm_probe_no(r, errno, "madvise(%s)", name);
	else if (sm_probe_try(as_told, at))
		sm_probe_no(r, 0, "madvise(%s) did not change what a child gets", name);
	else
		sm_probe_yes(r, "the page is %s in a child", seen);
}

void sm_probe_f_dontfork(struct sm_probe_result *r)
{
	inherited(r, MADV_DONTFORK, is_unmapped, "MADV_DONTFORK", "not there");
}

void sm_probe_f_wipeonfork(struct sm_probe_result *r)
{
	inherited(r, MADV_WIPEONFORK, is_wiped, "MADV_WIPEONFORK", "empty");
}

/* The flags of the mapping at `at`, as smaps spells them. False: cannot be told. */
static bool vm_flags(const void *at, char *flags, size_t size)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	char line[600];
	bool here = false, found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		unsigned long from, to;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = (uintptr_t)at >= from && (uintptr_t)at < to;
		else if (here && !strncmp(line, "VmFlags:", 8))
			found = snprintf(flags, size, "%s", line + 8) > 0;
	}
	if (f)
		fclose(f);
	return found;
}

void sm_probe_f_dontdump(struct sm_probe_result *r)
{
	char flags[200] = "";
	char *at = page(r);

	if (!at)
		return;
	if (advise(at, MADV_DONTDUMP) < 0)
		sm_probe_no(r, errno, "madvise(MADV_DONTDUMP)");
	else if (!vm_flags(at, flags, sizeof(flags)))
		sm_probe_yes(r, "taken; no smaps to see it in");
	else if (!strstr(flags, " dd"))
		sm_probe_no(r, 0, "taken, but not among VmFlags");
	else
		sm_probe_yes(r, "the mapping is marked dd in smaps");
}

void sm_probe_f_pageout(struct sm_probe_result *r)
{
	char *at = page(r);

	if (!at)
		return;
	if (advise(at, MADV_COLD) < 0)
		sm_probe_no(r, errno, "madvise(MADV_COLD)");
	else if (advise(at, MADV_PAGEOUT) < 0)
		sm_probe_no(r, errno, "madvise(MADV_PAGEOUT)");
	else if (at[0] != 'x')
		sm_probe_no(r, 0, "the page lost what it held");
	else
		sm_probe_yes(r, "MADV_COLD and MADV_PAGEOUT taken");
}

void sm_probe_f_process_madvise(struct sm_probe_result *r)
{
	struct iovec part = { .iov_len = (size_t)sysconf(_SC_PAGESIZE) };
	int fd;
	long n;

	part.iov_base = page(r);
	if (!part.iov_base)
		return;
	if (sm_probe_idle(&fd) < 0 || fd < 0) {
		sm_probe_no(r, errno, "there is no pidfd to ask with");
		return;
	}
	n = syscall(SYS_process_madvise, fd, &part, 1, MADV_COLD, 0);
	if (n < 0)
		sm_probe_no(r, errno, "process_madvise of a child");
	else if ((size_t)n != part.iov_len)
		sm_probe_no(r, 0, "process_madvise advised %ld bytes of %zu", n, part.iov_len);
	else
		sm_probe_yes(r, "advised on a child's page");
}

void sm_probe_f_droppable(struct sm_probe_result *r)
{
	char *at = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
			SM_MAP_DROPPABLE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED) {
		sm_probe_no(r, errno, "mmap(MAP_DROPPABLE)");
		return;
	}
	at[0] = 'x';
	sm_probe_yes(r, "a page, mapped and written");
}

void sm_probe_f_mseal(struct sm_probe_result *r)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	char *at = page(r);

	if (!at)
		return;
	if (syscall(SM_SYS_mseal, at, size, 0) < 0)
		sm_probe_no(r, errno, "mseal");
	else if (munmap(at, size) == 0)
		sm_probe_no(r, 0, "a sealed page could be unmapped");
	else
		sm_probe_yes(r, "munmap of a sealed page says %s", sm_probe_errno(errno));
}
