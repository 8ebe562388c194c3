/* SPDX-License-Identifier: MIT */
/*
 * berth.c - the creator's side of one child: its gate, its clone, the id maps.
 */
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../sys/sys.h"
#include "inside.h"

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int sm_berth_open(struct sm_berth *berth, const struct sm_sandbox *sandbox, int *layer)
{
	*berth = (struct sm_berth){
		.sandbox = sandbox, .gate = { -1, -1 }, .mounts = -1, .cgroup = -1
	};
	int err;

	if (!sandbox)
		return 0;
	if (sandbox->err) {
		*layer = sandbox->layer;
		return sandbox->err;
	}
	berth->mounts = sandbox->mounts;
	if (sandbox->groups) {
		*layer = SM_LAYER_CGROUP;
		berth->cgroup = sm_groups_make(sandbox->groups);
		if (berth->cgroup < 0)
			return berth->cgroup;
	}
	if (!sm_has(sandbox, SM_LAYER_USER))
		return 0;
	*layer = SM_LAYER_USER;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, berth->gate) == 0)
		return 0;
	err = -errno;
	sm_berth_close(berth);
	return err;
}

uint64_t sm_sandbox_clone_flags(const struct sm_sandbox *sandbox)
{
	return sandbox && sm_has(sandbox, SM_LAYER_PID) ? CLONE_NEWPID : 0;
}

int sm_berth_birthplace(struct sm_berth *berth)
{
	if (!berth || berth->cgroup < 0 || !sm_groups_born_into(berth->sandbox->groups))
		return -1;
	berth->placed = 1;
	return berth->cgroup;
}

void sm_berth_has_group(struct sm_berth *berth)
{
	if (!berth)
		return;
	close_end(&berth->cgroup);
	berth->placed = 1;
}

pid_t sm_berth_clone(struct sm_berth *berth, unsigned long flags)
{
	struct clone_args args = { .cgroup = 0 };
	int place = sm_berth_birthplace(berth);

	flags |= sm_sandbox_clone_flags(berth->sandbox);
	if (place < 0)
		return sm_raw_clone(flags);
	args.flags = (flags & ~(unsigned long)CSIGNAL) | CLONE_INTO_CGROUP;
	/* With CLONE_PARENT it is the creator's own, and clone3 refuses any other. */
	args.exit_signal = flags & CLONE_PARENT ? 0 : flags & CSIGNAL;
	args.cgroup = (uint64_t)place;
	return sm_raw_clone3(&args, sizeof(args));
}

static int needs_pidns(const struct sm_berth *berth)
{
	return berth && berth->sandbox && sm_has(berth->sandbox, SM_LAYER_PID);
}

int sm_berth_blame(const struct sm_berth *berth, int err)
{
	if (!needs_pidns(berth))
		return -1;
	/* May not, not compiled in, too many or too deep (clone(2)). */
	return err == EPERM || err == EINVAL || err == ENOSPC || err == EUSERS ? SM_LAYER_PID : -1;
}

int sm_berth_before_fork(struct sm_berth *berth, int *layer)
{
	if (!needs_pidns(berth))
		return 0;
	*layer = SM_LAYER_PID;
	return unshare(CLONE_NEWPID) < 0 ? -errno : 0;
}

int sm_berth_after_fork(struct sm_berth *berth)
{
	if (!needs_pidns(berth))
		return 0;
	return setns(berth->sandbox->pidns, CLONE_NEWPID) < 0 ? -errno : 0;
}

static int write_file(pid_t pid, const char *name, const char *text)
{
	char path[64];
	size_t n = strlen(text);
	int fd, err = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, n) != (ssize_t)n)
		err = -errno;
	close(fd);
	return err;
}

/* Its groups are gone by now: setgroups(2) is denied for good (user_namespaces(7)). */
static int write_maps(const struct sm_box *plan, pid_t pid)
{
	char map[48];
	int err = write_file(pid, "setgroups", "deny");

	snprintf(map, sizeof(map), "0 %u %u", plan->map_host, plan->map_count);
	if (!err)
		err = write_file(pid, "gid_map", map);
	return err ? err : write_file(pid, "uid_map", map);
}

int sm_berth_admit(struct sm_berth *berth, pid_t pid, int timeout_ms)
{
	int32_t answer;
	char byte;
	int err;

	if (berth && berth->cgroup >= 0 && !berth->placed)
		sm_groups_await(berth->sandbox->groups, pid);
	if (!berth || berth->gate[0] < 0)
		return 0;
	close_end(&berth->gate[1]); /* so that the child's death is an end of file */
	err = sm_read_all(berth->gate[0], &byte, 1, timeout_ms);
	if (err)
		return err;
	answer = write_maps(berth->sandbox->plan, pid);
	if (send(berth->gate[0], &answer, sizeof(answer), MSG_NOSIGNAL) != sizeof(answer))
		err = -errno;
	return answer ? answer : err;
}

void sm_berth_close(struct sm_berth *berth)
{
	if (!berth)
		return;
	close_end(&berth->gate[0]);
	close_end(&berth->gate[1]);
	close_end(&berth->cgroup);
	if (berth->sandbox && berth->sandbox->groups)
		sm_groups_sweep(berth->sandbox->groups);
}
