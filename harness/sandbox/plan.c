/* SPDX-License-Identifier: MIT */
/*
 * plan.c - takes a plan, and makes once per creator what all its children share: the template of
 * the minimal root, and their control group.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../sys/sys.h"
#include "inside.h"

#define CGROUP_TRIES 20

/* Does [at, at + n * each) lie in the file, behind the struct and aligned? */
static int fits(const struct sm_box *plan, uint32_t at, uint32_t n, uint32_t each)
{
	return !(at % 8) && at >= sizeof(*plan) && at <= plan->bytes &&
	       n <= (plan->bytes - at) / each;
}

static int is_string(const struct sm_box *plan, uint32_t at)
{
	return at >= plan->strings_at && at < plan->bytes;
}

static int entries_are_good(const struct sm_box *plan)
{
	const struct sm_box_entry *e = sm_box_entries(plan);

	for (uint32_t i = 0; i < plan->nentries; i++) {
		if (e[i].kind >= SM_BOX_KINDS || !is_string(plan, e[i].path_at) ||
		    *sm_box_string(plan, e[i].path_at) != '/' ||
		    (e[i].kind == SM_BOX_LINK && !is_string(plan, e[i].other_at)))
			return 0;
	}
	return 1;
}

static int is_good(const struct sm_box *plan, size_t bytes)
{
	return plan->magic == SM_BOX_MAGIC && plan->bytes == bytes &&
	       !(plan->layers >> SM_LAYER_COUNT) && plan->nlimits <= SM_BOX_LIMITS_MAX &&
	       plan->nfilter <= BPF_MAXINSNS && plan->nentries <= SM_BOX_ENTRIES_MAX &&
	       plan->ntmp <= SM_BOX_TMP_MAX && plan->ntmp <= plan->nentries &&
	       fits(plan, plan->entries_at, plan->nentries, sizeof(struct sm_box_entry)) &&
	       fits(plan, plan->filter_at, plan->nfilter, sizeof(struct sock_filter)) &&
	       fits(plan, plan->strings_at, 1, 1) && !((const char *)plan)[bytes - 1] &&
	       memchr(plan->host_name, 0, sizeof(plan->host_name)) && entries_are_good(plan);
}

/* The plan behind fd, or NULL and errno. */
static const struct sm_box *map_plan(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	const struct sm_box *plan;
	struct stat st;

	if (seals < 0 || fstat(fd, &st) < 0) /* EINVAL: no memfd */
		return NULL;
	errno = EINVAL;
	if ((seals & SM_BOX_SEALS) != SM_BOX_SEALS || st.st_size < (off_t)sizeof(*plan) ||
	    st.st_size > (off_t)SM_BOX_BYTES_MAX)
		return NULL;
	plan = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (plan == MAP_FAILED)
		return NULL;
	if (is_good(plan, (size_t)st.st_size))
		return plan;
	munmap((void *)plan, (size_t)st.st_size);
	errno = EINVAL;
	return NULL;
}

/* A group below the creator's own, in version 2 if there is one. */
static int make_cgroup(struct sm_sandbox *s)
{
	static const char *const controllers[] = { "", "cpuacct", "pids" };
	char own[400];
	int err = -ENOENT;

	for (int i = 0; i < 3; i++) {
		err = sm_cgroup_own(controllers[i], own, sizeof(own));
		if (err)
			continue;
		snprintf(s->cgroup_dir, sizeof(s->cgroup_dir), "%s/sandbox-%d", own, (int)getpid());
		if (mkdir(s->cgroup_dir, 0755) == 0 || errno == EEXIST) {
			s->cgroup = open(s->cgroup_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			err = s->cgroup < 0 ? -errno : 0;
			s->born_into = !*controllers[i];
			return err;
		}
		err = -errno;
		s->cgroup_dir[0] = '\0';
	}
	return err;
}

static int prepare(struct sm_sandbox *s)
{
	int err = 0;

	if (sm_has(s, SM_LAYER_PID)) {
		s->layer = SM_LAYER_PID;
		s->pidns = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
		if (s->pidns < 0)
			return -errno;
	}
	if (sm_has(s, SM_LAYER_ROOT)) {
		s->layer = SM_LAYER_ROOT;
		s->mounts = sm_root_template(s->plan);
		if (s->mounts < 0)
			return s->mounts;
	}
	if (sm_has(s, SM_LAYER_CGROUP)) {
		s->layer = SM_LAYER_CGROUP;
		err = make_cgroup(s);
	}
	return err;
}

int sm_sandbox_check(int plan_fd)
{
	const struct sm_box *plan;

	if (!plan_fd)
		return 0;
	plan = map_plan(plan_fd);
	return plan && !munmap((void *)plan, plan->bytes) ? 0 : -errno;
}

int sm_sandbox_load(const struct sm_sandbox **sandbox, int plan_fd)
{
	struct sm_sandbox *s;
	int err;

	*sandbox = NULL;
	if (!plan_fd)
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->mounts = s->cgroup = s->pidns = -1;
	s->plan = map_plan(plan_fd);
	if (!s->plan) {
		err = -errno;
		free(s);
		return err;
	}
	s->err = prepare(s);
	*sandbox = s;
	return 0;
}

/* Children that still live keep it: then it goes with the group of the creator, in which it is. */
static void remove_cgroup(const struct sm_sandbox *s)
{
	const struct timespec nap = { .tv_nsec = 1000000 };

	/* EBUSY: a child has been reaped, but its exit has not reached its group yet. */
	for (int i = 0; s->cgroup_dir[0] && i < CGROUP_TRIES; i++) {
		if (rmdir(s->cgroup_dir) == 0 || errno != EBUSY)
			break;
		nanosleep(&nap, NULL);
	}
}

void sm_sandbox_unload(const struct sm_sandbox *sandbox)
{
	struct sm_sandbox *s = (struct sm_sandbox *)sandbox;

	if (!s)
		return;
	if (s->mounts >= 0)
		close(s->mounts);
	if (s->pidns >= 0)
		close(s->pidns);
	if (s->cgroup >= 0)
		close(s->cgroup);
	remove_cgroup(s);
	munmap((void *)s->plan, s->plan->bytes);
	free(s);
}

uint32_t sm_sandbox_layers(const struct sm_sandbox *sandbox)
{
	return sandbox ? sandbox->plan->layers : 0;
}
