/* SPDX-License-Identifier: MIT */
/*
 * threads.c - see threads.h.
 */
#include "threads.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../sys/sys.h"

/* A thread that was joined is counted until the kernel has let go of it: a moment. */
#define LEAVE_WAIT_NS INT64_C(50000000)
#define LEAVE_STEP_NS 20000

/* Threads that run on across a fork, whose library's child handler starts anew without them. */
static const char *const harmless[] = {
	"jemalloc_bg_thd", /* background_thread.c: its locks are taken and remade by the handlers */
};

/* What the kernel fills (getdents64(2)). */
struct entry {
	uint64_t ino;
	int64_t off;
	uint16_t bytes;
	uint8_t type;
	char name[];
};

/* Entries of one read: more threads than this need not be named. */
struct listing {
	char buf[2048] __attribute__((aligned(8)));
	long bytes;
};

int sm_threads_open(struct sm_threads *t)
{
	memset(t, 0, sizeof(*t));
	t->own = gettid();
	t->dir = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return t->dir < 0 && errno != ENOENT ? -errno : 0;
}

void sm_threads_close(struct sm_threads *t)
{
	if (t->dir >= 0)
		close(t->dir);
	t->dir = -1;
}

/* A directory has two links, and one more for each below it. */
static int count(const struct sm_threads *t)
{
	struct stat st;

	return t->dir < 0 || fstat(t->dir, &st) < 0 ? 1 : (int)st.st_nlink - 2;
}

static void list(const struct sm_threads *t, struct listing *l)
{
	lseek(t->dir, 0, SEEK_SET);
	l->bytes = syscall(SYS_getdents64, t->dir, l->buf, sizeof(l->buf));
}

/* The next thread's number as text from *at on; NULL: no more. */
static const char *next(const struct listing *l, long *at)
{
	while (*at < l->bytes) {
		const struct entry *e = (const struct entry *)(l->buf + *at);

		*at += e->bytes;
		if (e->name[0] != '.')
			return e->name;
	}
	return NULL;
}

static void read_name(const char *tid, char *name, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%.16s/comm", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, name, size - 1);
	if (fd >= 0)
		close(fd);
	if (n > 0)
		name[n - 1] = '\0'; /* in place of the newline */
	else
		snprintf(name, size, "?");
}

static int is_known(struct sm_threads *t, const char *tid)
{
	pid_t number = (pid_t)strtol(tid, NULL, 10);
	char name[32];

	if (number == t->own)
		return 1;
	for (int i = 0; i < t->nknown; i++) {
		if (t->known[i] == number)
			return 1;
	}
	read_name(tid, name, sizeof(name));
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
		if (strcmp(name, harmless[i]) == 0) {
			if (t->nknown == SM_THREADS_KNOWN)
				t->nknown = 0;
			t->known[t->nknown++] = number;
			return 1;
		}
	}
	return 0;
}

static int all_known(struct sm_threads *t)
{
	struct listing l;
	const char *tid;
	long at = 0;

	list(t, &l);
	while ((tid = next(&l, &at))) {
		if (!is_known(t, tid))
			return 0;
	}
	return l.bytes > 0;
}

/* "python3 (812), python3 (813)", as far as there is room. */
static void name_all(const struct sm_threads *t, char *text, size_t size)
{
	size_t used = 0;
	struct listing l;
	const char *tid;
	long at = 0;

	*text = '\0';
	list(t, &l);
	while (used < size && (tid = next(&l, &at))) {
		char name[32];

		read_name(tid, name, sizeof(name));
		used += (size_t)snprintf(text + used, size - used, "%s%s (%.16s)", used ? ", " : "",
					 name, tid);
	}
}

int sm_threads_missed(struct sm_threads *t, int handlers, char *text, size_t size)
{
	const struct timespec step = { .tv_nsec = LEAVE_STEP_NS };
	int64_t end = 0;
	int n;

	while ((n = count(t)) > 1 && !(handlers && all_known(t))) {
		int64_t now = sm_now_ns();

		if (!end)
			end = now + LEAVE_WAIT_NS;
		if (now > end) {
			name_all(t, text, size);
			return n;
		}
		nanosleep(&step, NULL);
	}
	return 0;
}
