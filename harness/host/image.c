/* SPDX-License-Identifier: MIT */
/*
 * image.c - makes the parent's image as big as the case wants it: memory, mappings, descriptors,
 * threads. All four are what fork(2) has to copy, so they are a parameter and never an accident.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "host.h"
#include "../sys/sys.h"

/* What a host needs beside its ballast: its own descriptors and a server's. */
#define DESCRIPTORS_SPARE 64

int sm_descriptors_reserve(uint32_t n)
{
	struct rlimit lim;
	rlim_t want = (rlim_t)n + DESCRIPTORS_SPARE;

	if (getrlimit(RLIMIT_NOFILE, &lim))
		return -errno;
	if (lim.rlim_cur == RLIM_INFINITY || lim.rlim_cur >= want)
		return 0;
	if (lim.rlim_max != RLIM_INFINITY && lim.rlim_max < want)
		return -EMFILE;
	lim.rlim_cur = want;
	return setrlimit(RLIMIT_NOFILE, &lim) ? -errno : 0;
}

static void *map(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

/* 4 KiB pages, every one touched, whatever the machine's huge-page policy is. */
static int build_heap(struct sm_ballast *b, size_t mib)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	b->heap_bytes = mib << 20;
	b->heap = map(b->heap_bytes);
	if (!b->heap)
		return -errno;
	/* EINVAL: a kernel without huge pages has nothing to switch off (madvise(2)). */
	if (madvise(b->heap, b->heap_bytes, MADV_NOHUGEPAGE) && errno != EINVAL)
		return -errno;
	/* One call instead of a fault per page; a kernel before 5.14 leaves it to the loop. */
	madvise(b->heap, b->heap_bytes, MADV_POPULATE_WRITE);
	for (size_t i = 0; i < b->heap_bytes; i += page)
		((volatile char *)b->heap)[i] = 1;
	return 0;
}

/*
 * One page each; neighbours differ in their protection, so the kernel cannot merge them
 * (mm/vma.c: can_vma_merge_before). Untouched: this is the cost of mappings, not of pages.
 */
static int build_maps(struct sm_ballast *b, size_t n)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	b->maps_bytes = n * page;
	b->maps = map(b->maps_bytes);
	if (!b->maps)
		return -errno;
	for (size_t i = 1; i < n; i += 2)
		if (mprotect((char *)b->maps + i * page, page, PROT_READ))
			return -errno;
	return 0;
}

static int build_fds(struct sm_ballast *b, uint32_t n)
{
	int err = sm_descriptors_reserve(n);

	if (err)
		return err;
	b->fds = malloc(n * sizeof(*b->fds));
	if (!b->fds)
		return -ENOMEM;
	for (; b->nfds < n; b->nfds++) {
		b->fds[b->nfds] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (b->fds[b->nfds] < 0)
			return -errno;
	}
	return 0;
}

static void *sleeper(void *stop)
{
	while (sem_wait(stop) && errno == EINTR)
		;
	return NULL;
}

/* They take no signal: whoever waits for one is the main thread. */
static int build_threads(struct sm_ballast *b, uint32_t n)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int err;

	b->threads = malloc(n * sizeof(*b->threads));
	if (!b->threads || sem_init(&b->stop, 0, 0))
		return -ENOMEM;
	err = pthread_attr_init(&attr);
	if (err)
		return -err;
	pthread_attr_setstacksize(&attr, (size_t)PTHREAD_STACK_MIN);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (b->nthreads < n && !err) {
		err = pthread_create(&b->threads[b->nthreads], &attr, sleeper, &b->stop);
		b->nthreads += !err;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return -err;
}

static int refuse(struct sm_fault *fault, int err, const char *key, uint32_t value,
		  const char *remedy)
{
	char text[200];

	snprintf(text, sizeof(text), "%s = %u: %s", key, value, remedy);
	return sm_fail(fault, SM_STAGE_IMAGE, -err, text);
}

int sm_ballast_build(struct sm_ballast *b, const struct sm_cmd_open *cmd, struct sm_fault *fault)
{
	int err = 0;

	if (cmd->ballast_mib && (err = build_heap(b, cmd->ballast_mib)))
		return refuse(fault, err, "ballast_mb", cmd->ballast_mib,
			      "this machine has less memory to give");
	if (cmd->ballast_vmas && (err = build_maps(b, cmd->ballast_vmas)))
		return refuse(fault, err, "ballast_vmas", cmd->ballast_vmas,
			      "see /proc/sys/vm/max_map_count");
	if (cmd->ballast_fds && (err = build_fds(b, cmd->ballast_fds)))
		return refuse(fault, err, "ballast_fds", cmd->ballast_fds, "see ulimit -Hn");
	if (cmd->ballast_threads && (err = build_threads(b, cmd->ballast_threads)))
		return refuse(fault, err, "ballast_threads", cmd->ballast_threads,
			      "see ulimit -u and the pids control group");
	return 0;
}

void sm_ballast_free(struct sm_ballast *b)
{
	for (uint32_t i = 0; i < b->nthreads; i++)
		sem_post(&b->stop);
	while (b->nthreads)
		pthread_join(b->threads[--b->nthreads], NULL);
	free(b->threads);
	while (b->nfds)
		close(b->fds[--b->nfds]);
	free(b->fds);
	if (b->maps)
		munmap(b->maps, b->maps_bytes);
	if (b->heap)
		munmap(b->heap, b->heap_bytes);
	*b = (struct sm_ballast){ 0 };
}
