/* SPDX-License-Identifier: MIT */
/*
 * atfork.c - sm-atfork.so: sees every registration of fork handlers, see atfork.h.
 *
 * Handlers go on to libc as well, so that a fork(3) of the server runs them as ever. Those of an
 * object that is unloaded are forgotten as libc forgets them: when its destructors run.
 */
#include "atfork.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef void handler(void);
typedef int register_fn(handler *prepare, handler *parent, handler *child, void *dso);

/* libc's, in no header. */
int __cxa_atexit(void (*fn)(void *arg), void *arg, void *dso);
/* What pthread_atfork(3) of every object calls; ours comes before libc's. */
__attribute__((visibility("default"))) register_fn __register_atfork;

struct entry {
	handler *prepare, *parent, *child;
	void *dso; /* whose it is; NULL: the program's */
};

/* Global because libraries register without a handle. Entries keep the order of registration. */
static struct {
	pthread_mutex_t lock;
	struct entry *at;
	size_t n, room;
} all = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void forget(void *dso)
{
	size_t kept = 0;

	pthread_mutex_lock(&all.lock);
	for (size_t i = 0; i < all.n; i++) {
		if (all.at[i].dso != dso)
			all.at[kept++] = all.at[i];
	}
	all.n = kept;
	pthread_mutex_unlock(&all.lock);
}

/* 1: the first of its object. -ENOMEM. */
static int keep(const struct entry *e)
{
	int first = 1, err = 0;

	pthread_mutex_lock(&all.lock);
	if (all.n == all.room) {
		size_t room = all.room ? 2 * all.room : 32;
		struct entry *at = reallocarray(all.at, room, sizeof(*at));

		if (at) {
			all.at = at;
			all.room = room;
		} else {
			err = -ENOMEM;
		}
	}
	for (size_t i = 0; i < all.n; i++)
		first &= all.at[i].dso != e->dso;
	if (!err)
		all.at[all.n++] = *e;
	pthread_mutex_unlock(&all.lock);
	return err ? err : first;
}

int __register_atfork(handler *prepare, handler *parent, handler *child, void *dso)
{
	const struct entry e = { prepare, parent, child, dso };
	register_fn *next;
	int err;

	*(void **)&next = dlsym(RTLD_NEXT, "__register_atfork");
	err = next ? next(prepare, parent, child, dso) : ENOSYS;
	if (err)
		return err;
	err = keep(&e);
	if (err > 0 && dso && __cxa_atexit(forget, dso, dso))
		err = -ENOMEM;
	return err < 0 ? -err : 0;
}

/* One entry; 0: there is none of that number. The lock is not held while a handler runs. */
static int entry_at(size_t i, struct entry *e)
{
	int there;

	pthread_mutex_lock(&all.lock);
	there = i < all.n;
	if (there)
		*e = all.at[i];
	pthread_mutex_unlock(&all.lock);
	return there;
}

static void run_prepare(void)
{
	struct entry e;

	for (size_t i = all.n; i-- > 0;) {
		if (entry_at(i, &e) && e.prepare)
			e.prepare();
	}
}

static void run_parent(void)
{
	struct entry e;

	for (size_t i = 0; entry_at(i, &e); i++) {
		if (e.parent)
			e.parent();
	}
}

static void run_child(void)
{
	struct entry e;

	for (size_t i = 0; entry_at(i, &e); i++) {
		if (e.child)
			e.child();
	}
}

extern const struct sm_atfork sm_atfork_calls;
__attribute__((visibility("default"))) const struct sm_atfork sm_atfork_calls = {
	.size = sizeof(sm_atfork_calls),
	.prepare = run_prepare,
	.parent = run_parent,
	.child = run_child,
};

/*
 * What the server starts, and what its children start, is none of our business: takes this object,
 * the first one there, out of $LD_PRELOAD. A constructor, because a payload may start others and
 * copy its environment before anything else of ours runs.
 */
__attribute__((constructor)) static void leave_environment(void)
{
	char *list = getenv("LD_PRELOAD");
	char *rest = list ? strchr(list, ':') : NULL;

	if (rest)
		memmove(list, rest + 1, strlen(rest));
	else
		unsetenv("LD_PRELOAD");
}
