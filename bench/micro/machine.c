/* SPDX-License-Identifier: MIT */
/*
 * machine.c - what one elementary step of this machine costs.
 */
#include "micro.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/host.h"
#include "sys/sys.h"

#define PAGES 64

int bench_cpuid_available(void)
{
	return sm_cpuid_ns() >= 0;
}

int64_t bench_cpuid(void *state)
{
	(void)state;
	return (int64_t)sm_cpuid_ns();
}

int64_t bench_instant(void *state)
{
	(void)state;
	return sm_now_ns();
}

int64_t bench_syscall(void *state)
{
	(void)state;
	return syscall(SYS_getppid);
}

struct fault {
	char *pages;
	size_t page;
};

int bench_fault_setup(void **state, int64_t arg)
{
	struct fault *f = malloc(sizeof(*f));

	(void)arg;
	if (!f)
		return -ENOMEM;
	f->page = (size_t)sysconf(_SC_PAGESIZE);
	f->pages = mmap(NULL, PAGES * f->page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	if (f->pages == MAP_FAILED) {
		int err = -errno;

		free(f);
		return err;
	}
	*state = f;
	return 0;
}

int64_t bench_fault(void *state)
{
	struct fault *f = state;
	int64_t t;

	if (madvise(f->pages, PAGES * f->page, MADV_DONTNEED))
		return -errno;
	t = sm_now_ns();
	for (size_t i = 0; i < PAGES; i++)
		*(volatile char *)(f->pages + i * f->page) = 1;
	return (sm_now_ns() - t) / PAGES;
}

void bench_fault_teardown(void *state)
{
	struct fault *f = state;

	munmap(f->pages, PAGES * f->page);
	free(f);
}
