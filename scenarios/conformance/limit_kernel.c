/* SPDX-License-Identifier: MIT */
/*
 * limit_kernel.c - limits: where the kernel refuses to clone, what a child may use, and a kernel
 * without clone3.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/sys.h"

/* A spawn, to its end: the error of the spawn itself. */
static int try_spawn(struct sm_cell *c)
{
	const struct sm_req req = sm_cell_req(c, NULL);

	return sm_kid_try(c, &req);
}

/* ---- K08: the namespace that children are to be born in is dead ---- */

static int creator_unshares(struct sm_cell *c)
{
	if (unshare(CLONE_NEWPID) < 0)
		return sm_skips(c, SM_F_PID_NS, "unshare: %s", strerror(errno));
	return sm_holds(c, "children are born in a new one");
}

static int dead_namespace_is_told(struct sm_cell *c)
{
	int first = try_spawn(c), second; /* the first one is its init, and ends */

	if (first)
		return sm_trouble(c, first, "the first child");
	second = try_spawn(c);
	return sm_judge(
		c, second == -ENOMEM && c->fault.stage == SM_STAGE_CLONE,
		"the first child was pid 1 of the creator's new namespace and has ended: the "
		"next spawn says stage %s, %s",
		sm_stage_name(c->fault.stage), second ? strerror(-second) : "a child");
}

/* ---- K09 ---- */

static int put_map(const char *path, unsigned int id)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	char text[32];
	int n = snprintf(text, sizeof(text), "0 %u 1", id);
	bool put = fd >= 0 && write(fd, text, (size_t)n) == n;

	close(fd);
	return put ? 0 : -1;
}

/* A namespace of one's own; who is not mapped in it may make none below (user_namespaces(7)). */
static int one_deeper(void)
{
	const unsigned int uid = geteuid(), gid = getegid();
	int fd;

	if (unshare(CLONE_NEWUSER) < 0)
		return errno;
	fd = open("/proc/self/setgroups", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (write(fd, "deny", 4) != 4)
			errno = 0; /* denied above: so it is here */
		close(fd);
	}
	return put_map("/proc/self/uid_map", uid) || put_map("/proc/self/gid_map", gid) ? EPERM : 0;
}

/* The level at which the kernel refuses; 0: none. */
static int nest(void *arg)
{
	int *told = arg;

	for (int level = 1; level < 60; level++) {
		*told = one_deeper();
		if (*told)
			return level;
	}
	return 0;
}

static int nesting_is_bounded(struct sm_cell *c)
{
	int *told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			 -1, 0);
	int level, err;

	if (told == MAP_FAILED)
		return sm_broken(c, "mmap: %s", strerror(errno));
	level = sm_in_fork(nest, told, SM_STEP_MS);
	err = *told;
	munmap(told, sizeof(*told));
	if (level < 0)
		return sm_broken(c, "a process that nests: %s", strerror(-level));
	return sm_judge(c, level > 0 && level <= 34 && (err == ENOSPC || err == EUSERS),
			"the namespace number %d is refused: %s", level, strerror(err));
}

/* ---- K10: a deadline cannot be copied ---- */

/* As sched_setattr(2) has it; the headers of this libc have not. */
struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static int schedule(pid_t pid, uint32_t policy)
{
	struct attr attr = { .size = sizeof(attr), .policy = policy };

	if (policy == SCHED_DEADLINE) {
		attr.runtime = 2000000;
		attr.deadline = attr.period = 100000000;
	}
	return syscall(SYS_sched_setattr, pid, &attr, 0) < 0 ? -errno : 0;
}

static int deadline_is_told(struct sm_cell *c)
{
	struct sm_answer a;
	pid_t creator;
	int err = sm_cell_start(c), stage, next;

	if (err)
		return sm_trouble(c, err, "start");
	creator = c->server > 0 ? c->server : getpid();
	err = schedule(creator, SCHED_DEADLINE);
	if (err)
		return sm_skips(c, SM_F_ROOT, "SCHED_DEADLINE: %s", strerror(-err));
	err = try_spawn(c);
	stage = c->fault.stage;
	schedule(creator, SCHED_OTHER);
	next = sm_kid_ask(c, NULL, &a, NULL);
	if (next)
		return sm_trouble(c, next, "a spawn without the deadline");
	return sm_judge(c, err == -EAGAIN && stage == SM_STAGE_CLONE,
			"the creator is SCHED_DEADLINE: stage %s, %s; as SCHED_OTHER it serves",
			sm_stage_name(stage), err ? strerror(-err) : "a child");
}

/* ---- K12: what a child may use ---- */

#define MIB ((uint64_t)1 << 20)
#define TIB ((uint64_t)1 << 40)

static const struct sm_req_limit limits[] = {
	{ RLIMIT_DATA, 0, 64 * TIB, 65 * TIB }, /* a sanitizer alone takes 20 */
	{ RLIMIT_STACK, 0, 2 * MIB, 4 * MIB },  { RLIMIT_NOFILE, 0, 5, 20 },
	{ RLIMIT_FSIZE, 0, 100, 200 },          { RLIMIT_CORE, 0, 0, 0 },
};
#define NLIMITS (sizeof(limits) / sizeof(limits[0]))

/* n[0]: limits that are as asked; the others: what comes of going beyond three of them. */
static int child_goes_beyond(struct sm_cell *c)
{
	int fd = sm_temp_fd(), one = dup(0), two = dup(0);
	void *data = mmap(NULL, 64 * TIB, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	for (size_t i = 0; i < NLIMITS; i++) {
		struct rlimit got;

		getrlimit((__rlimit_resource_t)limits[i].resource, &got);
		c->answer.n[0] += got.rlim_cur == limits[i].soft && got.rlim_max == limits[i].hard;
	}
	signal(SIGXFSZ, SIG_IGN);
	c->answer.n[1] = pwrite(fd, "beyond", 6, 95) == 5 && pwrite(fd, "x", 1, 100) < 0;
	c->answer.n[2] = one == 4 && two < 0;
	c->answer.n[3] = data == MAP_FAILED;
	return sm_holds(c, "tried");
}

/* The first that is lower here already than what is asked for; NULL: none. */
static const struct sm_req_limit *beyond_ours(void)
{
	struct rlimit ours;

	for (size_t i = 0; i < NLIMITS; i++)
		if (!getrlimit((__rlimit_resource_t)limits[i].resource, &ours) &&
		    ours.rlim_max < limits[i].hard)
			return &limits[i];
	return NULL;
}

static int limits_bind(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	const struct sm_req_limit *low = beyond_ours();
	struct sm_answer a;
	int err;

	req.fields = SM_REQ_LIMITS;
	req.limits = limits;
	req.nlimits = NLIMITS;
	err = sm_kid_ask_req(c, &req, &a, NULL);
	if (err && low && c->fault.stage == SM_STAGE_ATTR && c->fault.err == EPERM)
		return sm_skips(c, SM_F_NONE, "the hard limit %d is below %llu, and stays so",
				low->resource, (unsigned long long)low->hard);
	if (err)
		return sm_trouble(c, err, "a child with limits");
	return sm_judge(c, a.n[0] == (int64_t)NLIMITS && a.n[1] && a.n[2] && a.n[3],
			"%lld of %zu limits are as asked; a write beyond FSIZE %s, a fourth "
			"descriptor beyond NOFILE %s, memory beyond DATA %s",
			(long long)a.n[0], NLIMITS, a.n[1] ? "is cut" : "passes",
			a.n[2] ? "is refused" : "is not as expected",
			a.n[3] ? "is refused" : "is given");
}

/* One more, which no compiler can foresee. */
static inline uint64_t next(uint64_t i)
{
	__asm__ volatile("" : "+r"(i));
	return i + 1;
}

static inline uint64_t next_eight(uint64_t i)
{
	return next(next(next(next(next(next(next(next(i))))))));
}

/*
 * A child that does not end by itself: the kernel ends it after a second of its own time. In a
 * register and with few jumps, for emulators whose second is so many instructions.
 */
static int child_spins(struct sm_cell *c)
{
	uint64_t i = 0;

	sm_child_tell(c, "spins");
	do {
		i = next_eight(next_eight(next_eight(next_eight(i))));
		i = next_eight(next_eight(next_eight(next_eight(i))));
	} while (i);
	return sm_fails(c, "it counted to the end");
}

static int time_is_limited(struct sm_cell *c)
{
	static const struct sm_req_limit second[] = { { RLIMIT_CPU, 0, 1, 2 } };
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;
	struct sm_kid kid;
	int err, status;

	req.fields = SM_REQ_LIMITS;
	req.limits = second;
	req.nlimits = 1;
	err = sm_kid_spawn(c, &kid, &req);
	if (!err)
		err = sm_kid_answer(c, &kid, &a);
	if (!err)
		err = c->ops->wait(c->self, &kid.child, 60000, &kid.exit);
	kid.reaped = !err;
	status = kid.exit.status;
	sm_kid_kill(c, &kid);
	if (err)
		return sm_trouble(c, err, "a child with a second");
	return sm_judge(c, WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU,
			"RLIMIT_CPU of 1 s: a child that spins ends with wait status %#x", status);
}

/* ---- K15: as containers with an old seccomp profile are ---- */

static int creator_has_no_clone3(struct sm_cell *c)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
		return sm_skips(c, SM_F_SECCOMP_FILTER, "prctl: %s", strerror(errno));
	if (syscall(SYS_clone3, NULL, 0) >= 0 || errno != ENOSYS)
		return sm_broken(c, "clone3 says %s, not ENOSYS", strerror(errno));
	return sm_holds(c, "clone3 says ENOSYS");
}

static const struct sm_check checks[] = {
	{
		.id = "limit.dead-pidns",
		.row = "K08",
		.claim = "a pid namespace whose init has ended is told as ENOMEM",
		.source = "fork(2) ENOMEM; pid_namespaces(7)",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_ROOT) | SM_NEED(SM_F_PID_NS),
		.only = SM_OWN_SERVER,
		.in_parent = dead_namespace_is_told,
		.in_creator = creator_unshares,
	},
	{
		.id = "limit.nesting",
		.row = "K09",
		.claim = "user namespaces nest to a bound, which is told as ENOSPC",
		.source = "clone(2) ENOSPC, EUSERS before Linux 4.9; user_namespaces(7)",
		.level = SM_SHOULD,
		.flags = SM_CHECK_ALONE,
		.needs = SM_NEED(SM_F_USER_NS),
		.in_parent = nesting_is_bounded,
	},
	{
		.id = "limit.deadline",
		.row = "K10",
		.claim =
			"a creator that is SCHED_DEADLINE is told EAGAIN, and serves when it is not",
		.source = "fork(2) EAGAIN; sched(7) SCHED_DEADLINE",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_ROOT),
		.in_parent = deadline_is_told,
	},
	{
		.id = "limit.child.sizes",
		.row = "K12",
		.claim = "limits that a request sets bind its child",
		.source = "getrlimit(2); LTP setrlimit01; runtime-tools process_rlimits",
		.level = SM_MUST,
		.in_parent = limits_bind,
		.in_child = child_goes_beyond,
	},
	{
		.id = "limit.child.time",
		.row = "K12",
		.claim = "RLIMIT_CPU of a request ends its child by SIGXCPU",
		.source = "getrlimit(2) RLIMIT_CPU; LTP setrlimit06",
		.level = SM_MUST,
		.flags = SM_CHECK_SLOW,
		.timeout_ms = 70000,
		.in_parent = time_is_limited,
		.in_child = child_spins,
	},
	{
		.id = "limit.no-clone3",
		.row = "K15",
		.claim = "where clone3 is ENOSYS a spawn works",
		.source = "seccomp(2); moby#42680: container profiles",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_SECCOMP_FILTER),
		.in_creator = creator_has_no_clone3,
	},
};

SM_GROUP_AS(limit_kernel, "limit", "Limits and failure injection", checks);
