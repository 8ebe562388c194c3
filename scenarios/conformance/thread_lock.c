/* SPDX-License-Identifier: MIT */
/*
 * thread_lock.c - locks of libc that a thread of the creator holds at the moment of the clone. The
 * child has no such thread: only libc's fork(3), which knows these locks, can make them usable.
 */
#include "group.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/symbol.h"
#include "thread_util.h"

#define RAW_CLONE "a raw clone skips what fork(3) does for locks that another thread holds"

/* ---- malloc ---- */

/*
 * More than a page: the headers of two neighbours lie in two pages. No size of a per-thread cache,
 * below the mmap threshold of 128 KiB whatever the page.
 */
#define BEYOND_PAGE 8192u
#define TRIES       64

/* libc's own, past whatever a sanitizer puts before it. */
struct heap {
	void *(*alloc)(size_t bytes);
	void (*release)(void *at);
};

/*
 * Where the thread is stopped. Global because signal and fork handlers have no argument; written
 * in the creator before either can run.
 */
static struct {
	struct heap heap;
	struct sm_board *board;
	char *chunk; /* whose free(3) reads the next chunk's header, under the arena's lock */
	char *page;  /* where that header is */
	size_t page_bytes;
	struct sigaction old;
} trap;

static bool find_heap(struct heap *heap)
{
	*heap = (struct heap){ NULL, NULL };
	*(void **)&heap->alloc = sm_symbol(NULL, "__libc_malloc");
	*(void **)&heap->release = sm_symbol(NULL, "__libc_free");
	return heap->alloc && heap->release;
}

/* In the middle of free(3): the arena is locked, its lists are not yet touched. */
static void on_segv(int sig, siginfo_t *info, void *context)
{
	char *at = info->si_addr;

	(void)context;
	if (at < trap.page || at >= trap.page + trap.page_bytes) {
		signal(sig, SIG_DFL); /* another fault: again, and for good */
		return;
	}
	sm_holder_hold(trap.board);
	mprotect(trap.page, trap.page_bytes, PROT_READ | PROT_WRITE);
}

static void *hold_arena(void *board)
{
	if (sm_holder_await(board))
		return NULL;
	mprotect(trap.page, trap.page_bytes, PROT_NONE);
	trap.heap.release(trap.chunk);
	return NULL;
}

/* fork(3) calls it, then waits for the arena; a raw clone does neither. */
static void let_go(void)
{
	sm_holder_let_go(trap.board);
}

/* Two chunks of the main arena, one behind the other. */
static bool find_neighbours(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = page + BEYOND_PAGE;
	char *last = NULL;

	trap.page_bytes = page;
	for (int i = 0; i < TRIES; i++) {
		char *next = trap.heap.alloc(bytes - sizeof(size_t));

		if (last && next == last + bytes) {
			trap.chunk = last;
			trap.page = (char *)((uintptr_t)(next - 1) & ~(uintptr_t)(page - 1));
			return true;
		}
		last = next;
	}
	return false;
}

static int stop_in_malloc(struct sm_cell *c)
{
	struct sigaction sa = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO };
	int err;

	if (!find_heap(&trap.heap))
		return sm_skips(c, SM_F_NONE, "this libc has no __libc_malloc");
	trap.board = c->board;
	if (!find_neighbours())
		return sm_skips(c, SM_F_NONE, "this libc's malloc puts no two chunks side by side");
	if (sigaction(SIGSEGV, &sa, &trap.old) < 0 || pthread_atfork(let_go, NULL, NULL))
		return sm_broken(c, "no handlers: %s", strerror(errno));
	err = sm_holder_start(c, hold_arena);
	return err ? sm_broken(c, "no thread: %s", strerror(-err)) : sm_holds(c, "ready");
}

static int use_malloc(struct sm_cell *c)
{
	struct heap heap;
	void *at;

	if (!find_heap(&heap))
		return sm_skips(c, SM_F_NONE, "this libc has no __libc_malloc");
	at = heap.alloc(100000);
	if (!at)
		return sm_fails(c, "malloc: no memory");
	memset(at, 1, 100000);
	heap.release(at);
	return sm_holds(c, "the child has allocated and freed 100000 bytes");
}

static int malloc_while_held(struct sm_cell *c)
{
	return sm_while_held(c, "while a thread of the creator is inside free(3)");
}

/* ---- stdio ---- */

static void *hold_stderr(void *board)
{
	if (sm_holder_await(board))
		return NULL;
	flockfile(stderr);
	sm_holder_hold(board);
	funlockfile(stderr);
	return NULL;
}

static int lock_stderr(struct sm_cell *c)
{
	int err = sm_holder_start(c, hold_stderr);

	return err ? sm_broken(c, "no thread: %s", strerror(-err)) : sm_holds(c, "ready");
}

static int use_stderr(struct sm_cell *c)
{
	if (fputs("a line\n", stderr) < 0)
		return sm_fails(c, "fputs: %s", strerror(errno));
	return sm_holds(c, "the child has written a line to stderr");
}

static int stdio_while_held(struct sm_cell *c)
{
	return sm_while_held(c, "while a thread of the creator has locked stderr");
}

/* ---- the loader ---- */

/* Opens a FIFO that nobody writes to as if it were a library: sleeps, and has locked the loader. */
static void *hold_loader(void *arg)
{
	struct sm_board *board = arg;
	void *so;

	if (sm_holder_await(board))
		return NULL;
	board->n[1] = (int64_t)syscall(SYS_gettid);
	sm_board_post(&board->word[3]);
	so = sm_object_open(board->bytes, RTLD_NOW);
	if (so)
		sm_object_close(so);
	return NULL;
}

static int lock_loader(struct sm_cell *c)
{
	void *libc = sm_object_open("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
	int err;

	if (!libc)
		return sm_skips(c, SM_F_NONE, "a static program has no loader");
	sm_object_close(libc);
	snprintf(c->board->bytes, sizeof(c->board->bytes), "%s/loader-%d", sm_temp_dir(), getpid());
	if (mkfifo(c->board->bytes, 0600) < 0)
		return sm_broken(c, "mkfifo %s: %s", c->board->bytes, strerror(errno));
	err = sm_holder_start(c, hold_loader);
	return err ? sm_broken(c, "no thread: %s", strerror(-err)) : sm_holds(c, "ready");
}

static int use_loader(struct sm_cell *c)
{
	void *so = sm_object_open("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);

	if (so)
		sm_object_close(so);
	return sm_judge(c, so, "the child has called dlopen, which %s",
			so ? "succeeded" : "failed");
}

/* An open for writing ends the thread's: it reads an empty library and gives up. */
static void release_loader(struct sm_board *board)
{
	int fd = open(board->bytes, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	unlink(board->bytes);
}

static int loader_while_held(struct sm_cell *c)
{
	struct sm_answer first;
	struct sm_req req;
	int err = sm_kid_ask(c, NULL, &first, NULL);
	struct sm_board *board = c->board;

	req = sm_cell_req(c, NULL);
	if (err) {
		sm_trouble(c, err, "a child before the thread holds anything");
		goto out;
	}
	sm_board_post(&board->word[0]);
	if (sm_board_wait(&board->word[3], 0, SM_STEP_MS) ||
	    sm_await_state((pid_t)board->n[1], 'S', SM_STEP_MS))
		sm_broken(c, "the creator's thread does not get to where it should hold");
	else
		sm_verdict_or_stuck(c, &req, "while a thread of the creator is inside dlopen(3)");
out:
	if (board && board->bytes[0])
		release_loader(board);
	if (board && board->creator_pid)
		sm_holder_end(c);
	return c->observed;
}

/* ---- a program's own ---- */

static void *hold_own(void *arg)
{
	struct sm_board *board = arg;
	pthread_mutex_t *own = (pthread_mutex_t *)(uintptr_t)board->n[1];

	if (sm_holder_await(board))
		return NULL;
	pthread_mutex_lock(own);
	sm_holder_hold(board);
	pthread_mutex_unlock(own);
	return NULL;
}

static int lock_own(struct sm_cell *c)
{
	static pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER; /* in the image that is cloned */
	int err;

	c->board->n[1] = (int64_t)(uintptr_t)&own;
	err = sm_holder_start(c, hold_own);
	return err ? sm_broken(c, "no thread: %s", strerror(-err)) : sm_holds(c, "ready");
}

static int try_own(struct sm_cell *c)
{
	pthread_mutex_t *own = (pthread_mutex_t *)(uintptr_t)sm_board(c)->n[1];
	int err = pthread_mutex_trylock(own);

	c->answer.n[0] = err;
	if (!err)
		pthread_mutex_unlock(own);
	return sm_holds(c, "trylock says %s", err ? strerrorname_np(err) : "0");
}

static int own_stays_locked(struct sm_cell *c)
{
	struct sm_answer before, while_;
	int err = sm_kid_ask(c, NULL, &before, NULL);

	if (!err && sm_holder_go(c))
		err = -ETIMEDOUT;
	if (!err)
		err = sm_kid_ask(c, NULL, &while_, NULL);
	if (err)
		sm_trouble(c, err, "a child");
	else
		sm_judge(c, !before.n[0] && while_.n[0] == EBUSY,
			 "trylock in the child: %lld before, %lld while a thread of the creator "
			 "has the mutex (EBUSY is %d)",
			 (long long)before.n[0], (long long)while_.n[0], EBUSY);
	if (c->board && c->board->creator_pid)
		sm_holder_end(c);
	return c->observed;
}

static const struct sm_check checks[] = {
	{
		.id = "thread.lock.malloc",
		.row = "H02",
		.claim = "malloc works in a child although a thread of the creator was inside it",
		.source = "glibc:posix/fork.c __malloc_fork_lock_parent; glibc tst-mallocfork2",
		.level = SM_MUST,
		.in_parent = malloc_while_held,
		.in_creator = stop_in_malloc,
		.in_child = use_malloc,
	},
	{
		.id = "thread.lock.stdio",
		.row = "H03",
		.claim = "a stream works in a child although a thread of the creator had locked it",
		.source = "glibc:posix/fork.c fresetlockfiles; glibc tst-malloc-fork-deadlock",
		.level = SM_MUST,
		.in_parent = stdio_while_held,
		.in_creator = lock_stderr,
		.in_child = use_stderr,
	},
	{
		.id = "thread.lock.loader",
		.row = "H14",
		.claim = "dlopen works in a child although a thread of the creator was inside it",
		.source = "glibc:posix/fork.c fork_system_setup_after_fork: dl_load_lock",
		.level = SM_MUST,
		.in_parent = loader_while_held,
		.in_creator = lock_loader,
		.in_child = use_loader,
	},
	{
		.id = "thread.lock.own",
		.row = "H11",
		.claim = "a program's own mutex that a thread of the creator holds stays locked",
		.source = "POSIX fork(), rationale; pthread_atfork(3)",
		.level = SM_RECORD,
		.without = SM_FRESH_IMAGE,
		.in_parent = own_stays_locked,
		.in_creator = lock_own,
		.in_child = try_own,
	},
};

SM_GROUP_AS(thread_lock, "thread", "Threads and fork handlers", checks);
