/* SPDX-License-Identifier: MIT */
/*
 * atfork.c - sees every registration of fork handlers, see atfork.h: in sm-atfork.so with
 * preload.c, in a static program with linked.c.
 *
 * Handlers go on to libc as well, so that a fork(3) of the server runs them as ever. Those of an
 * object that is unloaded are forgotten as libc forgets them: when its destructors run.
 */
#include "atfork.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef sm_atfork_handler handler;

/* libc's, in no header. */
int __cxa_atexit(void (*fn)(void *arg), void *arg, void *dso);
/* What pthread_atfork(3) of every object calls; ours comes before libc's. */
__attribute__((visibility("default"))) sm_atfork_register __register_atfork;

struct entry {
	handler *prepare, *parent, *child; /* all NULL: none, or forgotten */
	void *dso;                         /* whose it is; NULL: the program's */
};

/*
 * Global because libraries register without a handle. Entries keep the order of registration.
 * Who runs them takes no lock, which would write to memory that the other side of a clone has too,
 * and with none of them reads this alone: so places are never moved or freed while in use.
 */
static struct {
	pthread_mutex_t lock; /* who adds or forgets */
	struct entry *at;
	size_t n, room;
} all = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void forget(void *dso)
{
	pthread_mutex_lock(&all.lock);
	for (size_t i = 0; i < all.n; i++) {
		if (all.at[i].dso == dso)
			all.at[i] = (struct entry){ 0 }; /* another may be loaded to this address */
	}
	pthread_mutex_unlock(&all.lock);
}

/* The old place is left: somebody may be reading it. -ENOMEM. */
static int make_room(void)
{
	size_t room = all.room ? 2 * all.room : 32;
	struct entry *at;

	if (all.n < all.room)
		return 0;
	at = calloc(room, sizeof(*at));
	if (!at)
		return -ENOMEM;
	if (all.n)
		memcpy(at, all.at, all.n * sizeof(*at));
	__atomic_store_n(&all.at, at, __ATOMIC_RELEASE);
	all.room = room;
	return 0;
}

/* 1: the first of its object. -ENOMEM. */
static int keep(const struct entry *e)
{
	int first = 1, err;

	pthread_mutex_lock(&all.lock);
	err = make_room();
	for (size_t i = 0; i < all.n; i++)
		first &= all.at[i].dso != e->dso;
	if (!err) {
		all.at[all.n] = *e;
		__atomic_store_n(&all.n, all.n + 1, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&all.lock);
	return err ? err : first;
}

int __register_atfork(handler *prepare, handler *parent, handler *child, void *dso)
{
	const struct entry e = { prepare, parent, child, dso };
	sm_atfork_register *next = sm_atfork_next();
	int err = next ? next(prepare, parent, child, dso) : ENOSYS;
	if (err)
		return err;
	err = keep(&e);
	if (err > 0 && dso && __cxa_atexit(forget, dso, dso))
		err = -ENOMEM;
	return err < 0 ? -err : 0;
}

static size_t count(void)
{
	return __atomic_load_n(&all.n, __ATOMIC_ACQUIRE);
}

static const struct entry *entry_at(size_t i)
{
	return __atomic_load_n(&all.at, __ATOMIC_ACQUIRE) + i;
}

static void run_prepare(void)
{
	for (size_t i = count(); i-- > 0;) {
		if (entry_at(i)->prepare)
			entry_at(i)->prepare();
	}
}

static void run_parent(void)
{
	for (size_t i = 0; i < count(); i++) {
		if (entry_at(i)->parent)
			entry_at(i)->parent();
	}
}

static void run_child(void)
{
	for (size_t i = 0; i < count(); i++) {
		if (entry_at(i)->child)
			entry_at(i)->child();
	}
}

__attribute__((visibility("default"))) const struct sm_atfork sm_atfork_calls = {
	.size = sizeof(sm_atfork_calls),
	.count = &all.n,
	.prepare = run_prepare,
	.parent = run_parent,
	.child = run_child,
};
