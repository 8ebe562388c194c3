/* SPDX-License-Identifier: MIT */
/* sandbox.c - see sandbox.h. */
#include "sandbox.h"

#include <errno.h>
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../sandbox/plan.h"
#include "../sys/sys.h"
#include "plan.h"
#include "without.h"

#define HAS(layers, layer) ((layers) >> SM_LAYER_##layer & 1)

/* Far above what a payload of a benchmark uses, far below what would hurt the machine. */
static const struct sm_req_limit limits[] = {
	{ RLIMIT_CORE, 0, 0, 0 },
	{ RLIMIT_CPU, 0, 60, 60 },
	{ RLIMIT_FSIZE, 0, 64 << 20, 64 << 20 },
	{ RLIMIT_MSGQUEUE, 0, 0, 0 },
	{ RLIMIT_NOFILE, 0, 256, 256 },
	{ RLIMIT_NPROC, 0, 1024, 1024 },
	{ RLIMIT_MEMLOCK, 0, 64 << 10, 64 << 10 },
};

/* The parts of a plan, before they are put together. */
struct parts {
	struct sm_root_plan root;
	struct sock_filter *code;
	uint32_t ncode;
};

static int gather(struct parts *parts, uint32_t layers, const char *const *needs)
{
	int err = 0;

	if (HAS(layers, ROOT))
		err = sm_root_plan(&parts->root, needs);
	if (!err && HAS(layers, SECCOMP)) {
		err = sm_sandbox_filter(&parts->code);
		parts->ncode = err < 0 ? 0 : (uint32_t)err;
		err = err < 0 ? err : 0;
	}
	return err;
}

static uint32_t align8(size_t n)
{
	return (uint32_t)((n + 7) & ~(size_t)7);
}

static void fill(struct sm_box *plan, uint32_t layers)
{
	uint32_t base = HAS(layers, USER) ? 0 : SM_SANDBOX_HOST_ID;

	plan->magic = SM_BOX_MAGIC;
	plan->layers = layers;
	plan->map_host = SM_SANDBOX_HOST_ID;
	plan->map_count = SM_SANDBOX_IDS;
	plan->uid = plan->gid = base + SM_SANDBOX_USER;
	snprintf(plan->tmp_options, sizeof(plan->tmp_options), "mode=1777,size=%u",
		 SM_SANDBOX_TMP_BYTES);
	snprintf(plan->host_name, sizeof(plan->host_name), "sandbox");
	plan->nlimits = sizeof(limits) / sizeof(limits[0]);
	memcpy(plan->limits, limits, sizeof(limits));
}

/* One piece of memory, to be freed; NULL: none. */
static struct sm_box *assemble(const struct parts *parts, uint32_t layers)
{
	const uint32_t entries = align8(sizeof(struct sm_box));
	const uint32_t filter = align8(entries + parts->root.n * sizeof(struct sm_box_entry));
	const uint32_t strings = align8(filter + parts->ncode * sizeof(struct sock_filter));
	struct sm_box *plan = calloc(1, strings + parts->root.bytes + 1);
	struct sm_box_entry *e;

	if (!plan)
		return NULL;
	fill(plan, layers);
	plan->bytes = strings + parts->root.bytes + 1;
	plan->entries_at = entries;
	plan->nentries = parts->root.n;
	plan->ntmp = parts->root.ntmp;
	plan->filter_at = filter;
	plan->nfilter = parts->ncode;
	plan->strings_at = strings;
	if (parts->ncode)
		memcpy((char *)plan + filter, parts->code, parts->ncode * sizeof(*parts->code));
	if (!parts->root.n)
		return plan;
	memcpy((char *)plan + strings, parts->root.strings, parts->root.bytes);
	e = (struct sm_box_entry *)((char *)plan + entries);
	memcpy(e, parts->root.entries, parts->root.n * sizeof(*e));
	for (uint32_t i = 0; i < parts->root.n; i++) {
		e[i].path_at += strings;
		e[i].other_at += e[i].kind == SM_BOX_LINK ? strings : 0;
	}
	return plan;
}

static int seal(const struct sm_box *plan)
{
	int fd = memfd_create("sandbox", MFD_CLOEXEC | MFD_ALLOW_SEALING), high, err;

	if (fd < 0)
		return -errno;
	err = sm_write_all(fd, plan, plan->bytes);
	if (!err && fcntl(fd, F_ADD_SEALS, SM_BOX_SEALS) < 0)
		err = -errno;
	if (!err && fd <= STDERR_FILENO) { /* 0 stands for no plan */
		high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		err = high < 0 ? -errno : 0;
		close(fd);
		return err ? err : high;
	}
	if (err)
		close(fd);
	return err ? err : fd;
}

const char *sm_sandbox_why(int err)
{
	return err == -ENOPKG && sm_without_seccomp() ? sm_without_seccomp() : strerror(-err);
}

int sm_sandbox_compile(uint32_t layers, const char *const *needs, struct sm_error *error)
{
	struct parts parts = { .ncode = 0 };
	struct sm_box *plan = NULL;
	int fd, err = layers >> SM_LAYER_COUNT ? -EINVAL : gather(&parts, layers, needs);

	if (!err)
		plan = assemble(&parts, layers);
	if (!err && !plan)
		err = -ENOMEM;
	if (!err && (plan->bytes > SM_BOX_BYTES_MAX || plan->nentries > SM_BOX_ENTRIES_MAX ||
		     plan->ntmp > SM_BOX_TMP_MAX))
		err = -E2BIG;
	fd = err ? err : seal(plan);
	free(plan);
	free(parts.code);
	free(parts.root.entries);
	free(parts.root.strings);
	if (fd < 0 && error)
		snprintf(error->text, sizeof(error->text), "the sandbox cannot be compiled: %s",
			 sm_sandbox_why(fd));
	return fd;
}
