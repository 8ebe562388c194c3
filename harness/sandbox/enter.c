/* SPDX-License-Identifier: MIT */
/*
 * enter.c - the child's side: its layers, one after the other, by system calls alone.
 *
 * Namespaces come before the user namespace, so that they belong to that of the creator: inside,
 * not even root has a say in them. Ids change by raw calls: libc's would ask other threads to follow
 * which a cloned child does not have. A change of ids without an exec leaves the child undumpable
 * and without its parent-death signal (prctl(2)).
 */
#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../sys/attr.h"
#include "../sys/sys.h"
#include "inside.h"

/* How long the child waits at the gate: the creator has nothing else to do. */
#define GATE_MS 10000

static int stand_aside(int *fd, const struct sm_places *places)
{
	int to = *fd;

	if (to < 0)
		return 0;
	if (places)
		to = sm_places_avoid(places, to);
	else if (to <= STDERR_FILENO && (to = fcntl(to, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)) < 0)
		to = -errno;
	if (to >= 0)
		*fd = to;
	return to < 0 ? to : 0;
}

int sm_berth_stand_aside(struct sm_berth *berth, const struct sm_places *places)
{
	int err;

	if (!berth || !berth->sandbox)
		return 0;
	if (berth->gate[0] >= 0) /* so that the creator's death is an end of file */
		close(berth->gate[0]);
	berth->gate[0] = -1;
	err = stand_aside(&berth->gate[1], places);
	if (!err)
		err = stand_aside(&berth->mounts, places);
	return err ? err : stand_aside(&berth->cgroup, places);
}

int sm_berth_has_root(const struct sm_berth *berth)
{
	return berth && berth->sandbox && sm_has(berth->sandbox, SM_LAYER_ROOT);
}

static int done(long rc)
{
	return rc < 0 ? -errno : 0;
}

static int enter_cgroup(struct sm_berth *b)
{
	int fd, err;

	if (b->placed)
		return 0;
	fd = openat(b->cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = write(fd, "0", 1) == 1 ? 0 : -errno;
	close(fd);
	return err;
}

/* Made by the clone; a strategy that forgot must not pass for one that did not. */
static int enter_pid(struct sm_berth *b)
{
	(void)b;
	return getpid() == 1 ? 0 : -ESRCH;
}

static int join_root(struct sm_berth *b)
{
	return done(setns(b->mounts, CLONE_NEWNS));
}

/* All at once: each unshare(2) copies the set of namespaces anew. */
static int unshare_all(struct sm_berth *b, int *layer)
{
	static const struct {
		int layer, flag;
	} spaces[] = {
		{ SM_LAYER_IPC, CLONE_NEWIPC },  { SM_LAYER_UTS, CLONE_NEWUTS },
		{ SM_LAYER_NET, CLONE_NEWNET },  { SM_LAYER_CGROUPNS, CLONE_NEWCGROUP },
		{ SM_LAYER_MOUNT, CLONE_NEWNS },
	};
	const int n = sizeof(spaces) / sizeof(spaces[0]);
	int flags = 0, err;

	for (int i = 0; i < n; i++)
		flags |= sm_has(b->sandbox, spaces[i].layer) ? spaces[i].flag : 0;
	if (!flags)
		return 0;
	if (unshare(flags) == 0) {
		b->apart = flags;
		return 0;
	}
	err = -errno;
	/* Nothing has changed yet; the first that fails alone is to blame. */
	for (int i = 0; i < n; i++) {
		*layer = spaces[i].layer;
		if ((flags & spaces[i].flag) && unshare(spaces[i].flag) < 0)
			return -errno;
	}
	return err;
}

/*
 * A mount or a name that lands in the creator's namespace is the machine's: whatever went wrong
 * before, it must not come to that.
 */
static int is_apart(const struct sm_berth *b, int flag)
{
	return b->apart & flag ? 0 : -EXDEV;
}

static int be_private(struct sm_berth *b)
{
	int err = is_apart(b, CLONE_NEWNS);

	if (err || sm_has(b->sandbox, SM_LAYER_ROOT)) /* the template is */
		return err;
	return done(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

/* The first entry below /tmp: the plan has them at its end. */
static uint32_t first_in_tmp(const struct sm_box *plan)
{
	return plan->nentries - plan->ntmp;
}

/* What the payload needs below /tmp is there in its own one too. */
static int put_back(const struct sm_box *plan, const int *trees)
{
	const struct sm_box_entry *e = sm_box_entries(plan);
	mode_t mask = umask(0);
	int err = 0;

	for (uint32_t i = first_in_tmp(plan); i < plan->nentries && !err; i++) {
		err = sm_root_put(plan, &e[i], trees[i - first_in_tmp(plan)]);
		close(trees[i - first_in_tmp(plan)]);
	}
	umask(mask);
	return err;
}

static int mount_tmp(struct sm_berth *b)
{
	const struct sm_box *plan = b->sandbox->plan;
	int trees[SM_BOX_TMP_MAX] = { 0 };
	int err = is_apart(b, CLONE_NEWNS);

	for (uint32_t i = 0; i < plan->ntmp && !err; i++)
		err = sm_root_take(plan, &sm_box_entries(plan)[first_in_tmp(plan) + i], &trees[i]);
	if (err)
		return err;
	if (mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, plan->tmp_options) < 0)
		return -errno;
	return plan->ntmp ? put_back(plan, trees) : 0;
}

static int mount_proc(struct sm_berth *b)
{
	int err = is_apart(b, CLONE_NEWNS);

	if (!sm_has(b->sandbox, SM_LAYER_MOUNT))
		return 0;
	if (err)
		return err;
	return done(mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
}

static int name_host(struct sm_berth *b)
{
	const char *name = b->sandbox->plan->host_name;
	int err = is_apart(b, CLONE_NEWUTS);

	return err ? err : done(sethostname(name, strlen(name)));
}

/* Only ever lower than they are: the request may have asked for less. */
static int enter_limits(struct sm_berth *b)
{
	const struct sm_box *plan = b->sandbox->plan;

	for (uint32_t i = 0; i < plan->nlimits; i++) {
		const struct sm_req_limit *l = &plan->limits[i];
		struct rlimit now;

		if (getrlimit((__rlimit_resource_t)l->resource, &now) < 0)
			return -errno;
		if (l->hard < now.rlim_max)
			now.rlim_max = l->hard;
		if (l->soft < now.rlim_cur)
			now.rlim_cur = l->soft;
		if (setrlimit((__rlimit_resource_t)l->resource, &now) < 0)
			return -errno;
	}
	return 0;
}

static int set_ids(uint32_t uid, uint32_t gid)
{
	if (syscall(SYS_setresgid, gid, gid, gid) < 0 || syscall(SYS_setresuid, uid, uid, uid) < 0)
		return -errno;
	return 0;
}

/*
 * The creator's groups would stay, unmapped but good for every file: they go first. Then the maps
 * are written by the creator, and the child is root inside.
 */
static int enter_user(struct sm_berth *b)
{
	int32_t answer;
	int err;

	if (syscall(SYS_setgroups, 0, NULL) < 0 || unshare(CLONE_NEWUSER) < 0)
		return -errno;
	if (send(b->gate[1], "", 1, MSG_NOSIGNAL) != 1)
		return -errno;
	err = sm_read_all(b->gate[1], &answer, sizeof(answer), GATE_MS);
	if (err || answer)
		return err ? err : answer;
	return set_ids(0, 0);
}

/* While there is still the right to: neither an exec nor a uid of 0 gives any back from now on. */
static int bound_caps(struct sm_berth *b)
{
	const unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
				   SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
				   SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

	(void)b;
	for (unsigned long cap = 0; cap < 64; cap++) {
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
			if (errno == EINVAL && cap) /* the kernel knows no more */
				break;
			return -errno;
		}
	}
	return done(prctl(PR_SET_SECUREBITS, bits, 0, 0, 0));
}

static int enter_ids(struct sm_berth *b)
{
	const struct sm_box *plan = b->sandbox->plan;

	/* In a user namespace they are gone, and setgroups(2) is denied. */
	if (!sm_has(b->sandbox, SM_LAYER_USER) && syscall(SYS_setgroups, 0, NULL) < 0)
		return -errno;
	return set_ids(plan->uid, plan->gid);
}

static int drop_caps(struct sm_berth *b)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	(void)b;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	return done(syscall(SYS_capset, &head, none));
}

static int enter_nnp(struct sm_berth *b)
{
	(void)b;
	return done(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

static int enter_seccomp(struct sm_berth *b)
{
	const struct sm_box *plan = b->sandbox->plan;
	struct sock_fprog program = {
		.len = (unsigned short)plan->nfilter,
		.filter = (struct sock_filter *)((const char *)plan + plan->filter_at),
	};

	return done(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

/* A layer can have several steps: what a later one takes away, an earlier one still needs. */
static const struct {
	enum sm_layer layer;
	int (*enter)(struct sm_berth *b);
} steps[] = {
	{ SM_LAYER_CGROUP, enter_cgroup },   { SM_LAYER_PID, enter_pid },
	{ SM_LAYER_ROOT, join_root },        { SM_LAYER_COUNT, NULL }, /* the namespaces */
	{ SM_LAYER_MOUNT, be_private },      { SM_LAYER_ROOT, mount_tmp },
	{ SM_LAYER_PID, mount_proc },        { SM_LAYER_UTS, name_host },
	{ SM_LAYER_LIMITS, enter_limits },   { SM_LAYER_USER, enter_user },
	{ SM_LAYER_CAPS, bound_caps },       { SM_LAYER_IDS, enter_ids },
	{ SM_LAYER_CAPS, drop_caps },        { SM_LAYER_NNP, enter_nnp },
	{ SM_LAYER_SECCOMP, enter_seccomp },
};

int sm_berth_enter(struct sm_berth *berth, int *layer)
{
	int err = 0;

	if (!berth || !berth->sandbox || berth->entered)
		return 0;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !err; i++) {
		*layer = (int)steps[i].layer;
		if (!steps[i].enter)
			err = unshare_all(berth, layer);
		else if (sm_has(berth->sandbox, steps[i].layer))
			err = steps[i].enter(berth);
	}
	berth->entered = !err;
	return err;
}
