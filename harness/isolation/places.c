/* SPDX-License-Identifier: MIT */
/*
 * places.c - the kinds of place where a parent keeps a secret: one function and one row each.
 *
 * Every canary is made where it will stay. A copy that lingered elsewhere would be found there and
 * would be told as a leak of the wrong place.
 */
#include "places.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "maps.h"

#define PAGE         4096u
#define HEAP_BYTES   256u
#define THREAD_STACK (128u * 1024)
/* So far below the thread's first frame lies its secret: libc's exit path does not reach it. */
#define THREAD_DEPTH (32u * 1024)

/*
 * The secrets that have to be in .bss and in thread-local storage. Globals because that is the
 * kind of place under test; written by sm_place_plant() alone.
 */
static unsigned char in_bss[2][SM_CANARY_BYTES];
static _Thread_local unsigned char in_tls[2][SM_CANARY_BYTES];

static int place(struct sm_place *p, void *at)
{
	p->at = at;
	return sm_canary_make(at);
}

static int plant_heap(struct sm_places *all, struct sm_place *p, enum sm_when when)
{
	(void)when;
	all->heap[when] = malloc(HEAP_BYTES);
	if (!all->heap[when])
		return -ENOMEM;
	/* Behind the words that free(3) would write its links into. */
	return place(p, all->heap[when] + HEAP_BYTES / 2);
}

static int plant_stack(struct sm_places *all, struct sm_place *p, enum sm_when when)
{
	if (!all->room) {
		snprintf(p->reason, sizeof(p->reason), "the host gave no room on its stack");
		return 0;
	}
	return place(p, all->room->bytes[when]);
}

static int plant_bss(struct sm_places *all, struct sm_place *p, enum sm_when when)
{
	(void)all;
	return place(p, in_bss[when]);
}

static int plant_tls(struct sm_places *all, struct sm_place *p, enum sm_when when)
{
	(void)all;
	return place(p, in_tls[when]);
}

struct thread_plan {
	struct sm_place *place;
	int err;
};

/* Not instrumented: AddressSanitizer may move deep to a stack of its own, gone with the thread. */
__attribute__((no_sanitize_address)) static void *thread_main(void *arg)
{
	struct thread_plan *plan = arg;
	unsigned char deep[THREAD_DEPTH];

	plan->err = place(plan->place, deep); /* the lowest bytes of the frame */
	return NULL;
}

/* A thread that has ended; its stack is ours and stays as it was left. */
static int plant_thread(struct sm_places *all, struct sm_place *p, enum sm_when when)
{
	struct thread_plan plan = { .place = p };
	pthread_attr_t attr;
	pthread_t thread;
	void *stack = mmap(NULL, THREAD_STACK, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	int err;

	if (stack == MAP_FAILED)
		return -errno;
	all->thread[when] = stack;
	err = -pthread_attr_init(&attr);
	if (err)
		return err;
	err = -pthread_attr_setstack(&attr, stack, THREAD_STACK);
	if (!err)
		err = -pthread_create(&thread, &attr, thread_main, &plan);
	if (!err)
		err = -pthread_join(thread, NULL);
	pthread_attr_destroy(&attr);
	return err ? err : plan.err;
}

/* A page of its own with the advice given; 0: none. */
static int plant_page(struct sm_places *all, struct sm_place *p, void **page, int advice)
{
	(void)all;
	*page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (*page == MAP_FAILED) {
		*page = NULL;
		return -errno;
	}
	if (advice && madvise(*page, PAGE, advice)) {
		snprintf(p->reason, sizeof(p->reason), "madvise: %s", strerrorname_np(errno));
		return 0;
	}
	return place(p, (unsigned char *)*page + PAGE / 2);
}

static int plant_anon(struct sm_places *all, struct sm_place *p, enum sm_when when)
{
	return plant_page(all, p, &all->anon[when], 0);
}

static int plant_wipe(struct sm_places *all, struct sm_place *p, enum sm_when when)
{
	return plant_page(all, p, &all->wipe[when], MADV_WIPEONFORK);
}

static int plant_dont(struct sm_places *all, struct sm_place *p, enum sm_when when)
{
	return plant_page(all, p, &all->dont[when], MADV_DONTFORK);
}

/* The padding in an area: the first run of SM_PAD_RUN times 'x'. */
static unsigned char *find_pad(uint64_t start, uint64_t end)
{
	unsigned char *at = (unsigned char *)(uintptr_t)start;
	size_t run = 0;

	for (size_t i = 0; i < end - start; i++) {
		run = at[i] == 'x' ? run + 1 : 0;
		if (run == SM_PAD_RUN)
			return at + i + 1 - SM_PAD_RUN;
	}
	return NULL;
}

/* The second canary goes behind the first; x's remain around and between them. */
static int plant_pad(struct sm_place *p, unsigned char **pad, enum sm_when when, uint64_t start,
		     uint64_t end, const char *reason)
{
	if (!*pad)
		*pad = find_pad(start, end);
	if (!*pad) {
		snprintf(p->reason, sizeof(p->reason), "%s", reason);
		return 0;
	}
	return place(p, *pad + (when == SM_BEFORE ? 4 : SM_PAD_RUN / 2));
}

static int plant_environ(struct sm_places *all, struct sm_place *p, enum sm_when when)
{
	struct sm_areas a;
	int err = sm_areas_read(0, &a);

	return err ? err
		   : plant_pad(p, &all->env_pad, when, a.env_start, a.env_end,
			       "no padding: start the host with SM_PAD=xxx… (64)");
}

static int plant_argv(struct sm_places *all, struct sm_place *p, enum sm_when when)
{
	struct sm_areas a;
	int err = sm_areas_read(0, &a);

	return err ? err
		   : plant_pad(p, &all->arg_pad, when, a.arg_start, a.arg_end,
			       "no padding: start the host with 64 x's among its arguments");
}

/* Writes a fresh canary into fd and keeps only its masked form. */
static int plant_fd(struct sm_places *all, struct sm_place *p, int fd)
{
	unsigned char clear[SM_CANARY_BYTES];
	int err = sm_canary_make(clear);

	if (!err && write(fd, clear, sizeof(clear)) != (ssize_t)sizeof(clear))
		err = errno ? -errno : -EIO;
	sm_canary_mask(p->masked.b, clear, all->mask);
	explicit_bzero(clear, sizeof(clear));
	p->is_masked = 1;
	return err;
}

static int plant_memfd(struct sm_places *all, struct sm_place *p, enum sm_when when)
{
	all->memfd[when] = memfd_create("spawnmark-secret", MFD_CLOEXEC);
	if (all->memfd[when] < 0)
		return -errno;
	p->fd = all->memfd[when];
	return plant_fd(all, p, p->fd);
}

static int plant_pipe(struct sm_places *all, struct sm_place *p, enum sm_when when)
{
	if (pipe2(all->pipe[when], O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	p->fd = all->pipe[when][0];
	return plant_fd(all, p, all->pipe[when][1]);
}

const struct sm_place_kind sm_place_kinds[SM_PLACE_KINDS] = {
	{ "heap", 0, plant_heap },
	{ "stack", 0, plant_stack },
	{ "bss", 0, plant_bss },
	{ "tls", 0, plant_tls },
	{ "thread-stack", 0, plant_thread },
	{ "anon", 0, plant_anon },
	{ "environ", 0, plant_environ },
	{ "argv", 0, plant_argv },
	{ "memfd", 1, plant_memfd },
	{ "pipe", 1, plant_pipe },
	{ "wipeonfork", 0, plant_wipe },
	{ "dontfork", 0, plant_dont },
};

static void unmap(void *page, size_t bytes)
{
	if (page)
		munmap(page, bytes);
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void sm_places_init(struct sm_places *all, const struct sm_masked *mask,
		    struct sm_secrets_room *room)
{
	memset(all, 0, sizeof(*all));
	all->mask = mask;
	all->room = room;
	for (int w = 0; w < 2; w++)
		all->memfd[w] = all->pipe[w][0] = all->pipe[w][1] = -1;
}

/* Overwrites what outlives the secrets, so that a later planting starts clean. */
static void wipe_kept(struct sm_places *all, int w)
{
	explicit_bzero(in_bss[w], sizeof(in_bss[w]));
	explicit_bzero(in_tls[w], sizeof(in_tls[w]));
	if (all->room)
		explicit_bzero(all->room->bytes[w], sizeof(all->room->bytes[w]));
	if (all->heap[w])
		explicit_bzero(all->heap[w], HEAP_BYTES);
}

void sm_places_free(struct sm_places *all)
{
	for (int w = 0; w < 2; w++) {
		wipe_kept(all, w);
		close_fd(all->pipe[w][1]);
		close_fd(all->pipe[w][0]);
		close_fd(all->memfd[w]);
		unmap(all->dont[w], PAGE);
		unmap(all->wipe[w], PAGE);
		unmap(all->anon[w], PAGE);
		unmap(all->thread[w], THREAD_STACK);
		free(all->heap[w]);
	}
	if (all->env_pad)
		memset(all->env_pad, 'x', SM_PAD_RUN);
	if (all->arg_pad)
		memset(all->arg_pad, 'x', SM_PAD_RUN);
}
