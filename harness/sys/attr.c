/* SPDX-License-Identifier: MIT */
/*
 * attr.c - the optional fields of a request, but for its descriptors (places.c).
 *
 * glibc's setgroups, setresgid and setresuid make every thread follow by a signal (nptl(7)). A
 * child of vfork shares its parent's memory and so finds the parent's threads there: hence the
 * bare system calls.
 */
#include "attr.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys.h"

/* In the order of enum sm_req_field. */
static const char *const names[] = { "setsid", "pgid",   "umask", "sigmask", "limits",
				     "cgroup", "groups", "gid",   "uid",     "fds" };
_Static_assert(1u << sizeof(names) / sizeof(names[0]) == SM_REQ_ALL + 1, "every field has a name");

const char *sm_attr_name(int field)
{
	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (field == 1 << i)
			return names[i];
	}
	return "fields";
}

/* setresuid(2): "leave it", which here would be a child with more rights than it should have. */
#define NO_ID UINT32_MAX

static int check_limits(const struct sm_req *req)
{
	if (req->nlimits && !req->limits)
		return -EINVAL;
	for (uint32_t i = 0; i < req->nlimits; i++) {
		if (req->limits[i].zero)
			return -EINVAL;
	}
	return 0;
}

static int check_one(const struct sm_req *req, uint32_t field, struct sm_places *places)
{
	switch (field) {
	case SM_REQ_LIMITS:
		return check_limits(req);
	case SM_REQ_CGROUP:
		return fcntl(req->cgroup_fd, F_GETFD) < 0 ? -errno : 0;
	case SM_REQ_GROUPS:
		return req->ngroups && !req->groups ? -EINVAL : 0;
	case SM_REQ_GID:
		return req->gid == NO_ID ? -EINVAL : 0;
	case SM_REQ_UID:
		return req->uid == NO_ID ? -EINVAL : 0;
	case SM_REQ_FDS:
		return sm_places_build(places, req);
	default:
		return 0;
	}
}

int sm_attr_check(const struct sm_req *req, struct sm_places *places, int *field)
{
	int err = 0;

	*field = (int)(req->fields & ~SM_REQ_ALL);
	if (*field)
		return -EINVAL;
	for (uint32_t bit = 1; bit <= SM_REQ_FDS && !err; bit <<= 1) {
		if (!(req->fields & bit))
			continue;
		*field = (int)bit;
		err = check_one(req, bit, places);
	}
	return err;
}

static int failed(long rc)
{
	return rc < 0 ? -errno : 0;
}

static int apply_limits(const struct sm_req *req)
{
	for (uint32_t i = 0; i < req->nlimits; i++) {
		const struct sm_req_limit *l = &req->limits[i];
		/* The kernel's own struct rlimit64, in which infinity is all ones. */
		const uint64_t pair[2] = { l->soft, l->hard };

		if (syscall(SYS_prlimit64, 0, l->resource, pair, NULL) < 0)
			return -errno;
	}
	return 0;
}

/* "0" is the writer, whatever its namespace (kernel/cgroup/cgroup.c:cgroup_procs_write_start). */
static int enter_cgroup(int procs)
{
	ssize_t put;

	if (procs < 0)
		return procs;
	put = write(procs, "0", 1);
	return put < 0 ? -errno : 0;
}

static int open_procs(int cgroup)
{
	int procs = openat(cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC);

	return procs < 0 ? -errno : procs;
}

static int apply_one(const struct sm_req *req, uint32_t field, int procs)
{
	switch (field) {
	case SM_REQ_SETSID:
		return failed(setsid());
	case SM_REQ_PGID:
		return failed(setpgid(0, req->pgid));
	case SM_REQ_UMASK:
		umask((mode_t)req->umask);
		return 0;
	case SM_REQ_LIMITS:
		return apply_limits(req);
	case SM_REQ_CGROUP:
		return enter_cgroup(procs);
	case SM_REQ_GROUPS:
		return failed(syscall(SYS_setgroups, req->ngroups, req->groups));
	case SM_REQ_GID:
		return failed(syscall(SYS_setresgid, req->gid, req->gid, req->gid));
	case SM_REQ_UID:
		return failed(syscall(SYS_setresuid, req->uid, req->uid, req->uid));
	default: /* SM_REQ_SIGMASK: by sm_signals_restore(); SM_REQ_FDS: they have come */
		return 0;
	}
}

int sm_attr_apply(const struct sm_req *req, int cgroup, int *field)
{
	int procs = -1, err = 0;

	/* Opened before a limit of the same request can forbid it; a failure is told in its turn. */
	if (req->fields & SM_REQ_CGROUP)
		procs = open_procs(cgroup);
	for (uint32_t bit = SM_REQ_SETSID; bit <= SM_REQ_UID && !err; bit <<= 1) {
		if (!(req->fields & bit))
			continue;
		*field = (int)bit;
		err = apply_one(req, bit, procs);
	}
	if (procs >= 0)
		close(procs);
	return err;
}

void sm_attr_mask(const struct sm_req *req, sigset_t *mask)
{
	sigemptyset(mask);
	for (int sig = 1; sig <= 64; sig++) { /* glibc refuses its own two, as sigprocmask does */
		if (req->sigmask >> (sig - 1) & 1)
			sigaddset(mask, sig);
	}
}
