/* SPDX-License-Identifier: MIT */
/*
 * posix_spawn.c - a fresh image by posix_spawn(3), which libc makes of clone(CLONE_VM | CLONE_VFORK)
 * and exec.
 *
 * All that the child does before exec is a list that libc works off. So a request can ask for what
 * that list knows and no more: a session, a group, the signal mask, descriptors. And what fails
 * comes back as one errno, without the step that it belongs to: its stage is EXEC whatever it was.
 * spawn() returns when exec has succeeded; nothing bounds it. A number that is not below
 * RLIMIT_NOFILE cannot be named in the list, so that a request with one is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common.h"
#include "exec.h"

/* What posix_spawn(3) can express. */
#define OFFERED ((uint32_t)(SM_REQ_SETSID | SM_REQ_PGID | SM_REQ_SIGMASK | SM_REQ_FDS))

static const struct sm_req pipes_alone = { .nfds = 0 };

struct spawner {
	struct sm_exec *exec; /* its places: of the request in hand, or the three pipes */
	sigset_t defaults;    /* what the child shall not ignore */
	int lifted[3 + SM_PLACES_MAX];
	unsigned int nlifted;
};

/*
 * glibc sets its own two signals to "ignored" in the child, unless told to set them to the default
 * (sysdeps/unix/sysv/linux/spawni.c). No function of its adds them to a set. They are as in
 * the host, like all others.
 */
static void add_internal(sigset_t *set)
{
	unsigned long action[8];
	uint64_t bits;

	memcpy(&bits, set, sizeof(bits));
	for (int sig = 32; sig <= 33; sig++) {
		/* The handler is the first word of the kernel's struct. */
		if (!syscall(SYS_rt_sigaction, sig, NULL, action, sizeof(bits)) &&
		    action[0] != (unsigned long)(uintptr_t)SIG_IGN)
			bits |= UINT64_C(1) << (sig - 1);
	}
	memcpy(set, &bits, sizeof(bits));
}

static int spawner_start(void **self, const struct sm_setup *setup, struct sm_fault *fault)
{
	struct spawner *s;
	void *exec;
	int err = sm_exec_start(&exec, setup, fault);

	if (err)
		return err;
	s = malloc(sizeof(*s));
	if (!s) {
		free(exec);
		return sm_fail(fault, SM_STAGE_ARGUMENT, ENOMEM, NULL);
	}
	s->exec = exec;
	s->defaults = s->exec->handled;
	add_internal(&s->defaults);
	s->nlifted = 0;
	*self = s;
	return 0;
}

static void spawner_stop(void *self)
{
	struct spawner *s = self;

	free(s->exec);
	free(s);
}

static void drop_lifted(struct spawner *s)
{
	while (s->nlifted)
		close(s->lifted[--s->nlifted]);
}

/*
 * The list is worked off in its order, so a source that is a place as well, and not its own, has to
 * be elsewhere before. 0 or -errno.
 */
static int lift_sources(struct spawner *s)
{
	struct sm_places *places = &s->exec->places;
	int err = sm_places_lift(places);

	for (unsigned int i = 0; i < places->n; i++) {
		unsigned int k = 0;
		int fd = ~places->at[i].src;

		if (fd < 0)
			continue;
		places->at[i].src = fd;
		while (k < s->nlifted && s->lifted[k] != fd)
			k++;
		s->lifted[k] = fd;
		s->nlifted += k == s->nlifted;
	}
	return err;
}

/*
 * All to their places, everything else closed, then the directory. 0 or a positive errno; EBADF: a
 * number that is not below RLIMIT_NOFILE, which posix_spawn refuses to hear of.
 */
static int fill_actions(const struct spawner *s, const char *cwd, posix_spawn_file_actions_t *list)
{
	const struct sm_places *p = &s->exec->places;
	int next = 0, err = 0;

	for (unsigned int i = 0; i < p->n && !err; i++) /* of a place on itself: it stays open */
		err = posix_spawn_file_actions_adddup2(list, p->at[i].src, p->at[i].dst);
	for (unsigned int i = 0; i < p->n && !err; i++) {
		for (; next < p->at[i].dst && !err; next++)
			err = posix_spawn_file_actions_addclose(list, next);
		next = p->at[i].dst + 1;
	}
	if (!err)
		err = posix_spawn_file_actions_addclosefrom_np(list, next);
	if (!err && cwd)
		err = posix_spawn_file_actions_addchdir_np(list, cwd);
	return err;
}

static int fill_attr(const struct spawner *s, const struct sm_req *req, posix_spawnattr_t *attr)
{
	short flags = POSIX_SPAWN_SETSIGDEF;
	sigset_t mask;
	int err = posix_spawnattr_setsigdefault(attr, &s->defaults);

	if (req->fields & SM_REQ_SETSID)
		flags |= POSIX_SPAWN_SETSID;
	if (req->fields & SM_REQ_PGID) {
		flags |= POSIX_SPAWN_SETPGROUP;
		err = err ? err : posix_spawnattr_setpgroup(attr, req->pgid);
	}
	if (req->fields & SM_REQ_SIGMASK) {
		flags |= POSIX_SPAWN_SETSIGMASK;
		sm_attr_mask(req, &mask);
		err = err ? err : posix_spawnattr_setsigmask(attr, &mask);
	}
	return err ? err : posix_spawnattr_setflags(attr, flags);
}

static int refuse_descriptors(const struct sm_req *req, int err, struct sm_fault *fault)
{
	const char *text = err == EBADF
				   ? "posix_spawn takes no number that is not below RLIMIT_NOFILE"
				   : "no room to put descriptors in order";

	return req->fields & SM_REQ_FDS ? sm_fail_field(fault, SM_REQ_FDS, err, text)
					: sm_fail(fault, SM_STAGE_STDIO, err, text);
}

/* The pid or -errno, with the fault filled. */
static pid_t call(struct spawner *s, const struct sm_req *req, struct sm_fault *fault)
{
	posix_spawn_file_actions_t list;
	posix_spawnattr_t attr;
	pid_t pid = 0;
	int err = posix_spawn_file_actions_init(&list);

	if (err)
		return sm_fail(fault, SM_STAGE_ARGUMENT, err, NULL);
	err = posix_spawnattr_init(&attr);
	if (err)
		goto out_list;
	err = fill_actions(s, req->cwd, &list);
	if (err) {
		refuse_descriptors(req, err, fault);
		goto out;
	}
	err = fill_attr(s, req, &attr);
	if (err) {
		sm_fail(fault, SM_STAGE_ARGUMENT, err, NULL);
		goto out;
	}
	err = posix_spawn(&pid, s->exec->argv[0], &list, &attr, (char *const *)s->exec->argv,
			  (char *const *)req->envp);
	if (err)
		sm_fail(fault, SM_STAGE_EXEC, err,
			"posix_spawn: one errno for clone, descriptors, directory and exec");
out:
	posix_spawnattr_destroy(&attr);
out_list:
	posix_spawn_file_actions_destroy(&list);
	return err ? -err : pid;
}

static int launch(struct spawner *s, const struct sm_req *req, struct sm_child *child,
		  struct sm_fault *fault)
{
	struct sm_stdio io;
	pid_t pid;
	int err = sm_stdio_open_for(&io, &s->exec->places);

	if (err)
		return sm_fail(fault, SM_STAGE_PIPE, -err, "no pipes for the child's stdio");
	err = lift_sources(s);
	pid = err ? refuse_descriptors(req, -err, fault) : call(s, req, fault);
	drop_lifted(s);
	sm_stdio_close_child(&io);
	if (pid > 0)
		sm_give_stdio(child, pid, &io);
	else
		sm_stdio_close_parent(&io);
	return pid < 0 ? pid : 0;
}

static int spawner_spawn(void *self, const struct sm_req *req, struct sm_child *child,
			 struct sm_fault *fault)
{
	struct spawner *s = self;
	struct sm_req own;
	int err = sm_exec_check(s->exec, &req, &own, child, fault);

	if (err)
		return err;
	if (req->fields & ~OFFERED)
		return sm_fail_field(fault, (int)(req->fields & ~OFFERED), EOPNOTSUPP,
				     "posix_spawn has no attribute for it");
	if (!(req->fields & SM_REQ_FDS))
		sm_places_build(&s->exec->places, &pipes_alone);
	return launch(s, req, child, fault);
}

const struct sm_ops sm_posix_spawn_ops = {
	.size = sizeof(sm_posix_spawn_ops),
	.name = "posix_spawn",
	.summary = "posix_spawn(3) for every child, with three pipes: libc's clone and exec",
	.traits = SM_CHILD_OF_PARENT | SM_FRESH_IMAGE,
	.start = spawner_start,
	.spawn = spawner_spawn,
	.wait = sm_wait_direct,
	.stop = spawner_stop,
};
