/* SPDX-License-Identifier: MIT */
/*
 * plan.c - takes a plan, and makes once per creator what all its children share: the template of
 * the minimal root, and their control group.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inside.h"

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
	       memchr(plan->tmp_options, 0, sizeof(plan->tmp_options)) &&
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
		err = sm_groups_open(&s->groups);
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
	s->mounts = s->pidns = -1;
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

void sm_sandbox_unload(const struct sm_sandbox *sandbox)
{
	struct sm_sandbox *s = (struct sm_sandbox *)sandbox;

	if (!s)
		return;
	if (s->mounts >= 0)
		close(s->mounts);
	if (s->pidns >= 0)
		close(s->pidns);
	sm_groups_close(s->groups);
	munmap((void *)s->plan, s->plan->bytes);
	free(s);
}

uint32_t sm_sandbox_layers(const struct sm_sandbox *sandbox)
{
	return sandbox ? sandbox->plan->layers : 0;
}
