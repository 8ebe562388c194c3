/* SPDX-License-Identifier: MIT */
/*
 * feature.h - what a kernel, a libc, this user or this strategy has or lacks: the closed
 * vocabulary of the reasons for which a check is skipped.
 *
 * A feature is probed by behaviour, never by version: backports and seccomp filters make versions
 * lie. A new feature is one row of the table in table.c, with its probe.
 */
#ifndef SM_FEATURE_H
#define SM_FEATURE_H

#include <stdint.h>

enum sm_feature {
	SM_F_NONE, /* of a skip: something of this machine or build that has no row; see its text */
	/* clone */
	SM_F_CLONE3,
	SM_F_CLONE_PIDFD,
	SM_F_CLONE_SET_TID,
	SM_F_CLEAR_SIGHAND,
	SM_F_INTO_CGROUP,
	SM_F_TIME_NS,
	SM_F_PARENT_NEWPID, /* CLONE_PARENT beside CLONE_NEWPID, which clone(2) denies */
	SM_F_AUTOREAP,      /* and what came with it: CLONE_NNP, CLONE_PIDFD_AUTOKILL */
	/* pidfd */
	SM_F_PIDFD_SEND_SIGNAL,
	SM_F_PIDFD_OPEN,
	SM_F_PIDFD_NONBLOCK,
	SM_F_WAITID_PIDFD,
	SM_F_PIDFD_GETFD,
	SM_F_PIDFD_THREAD,
	SM_F_PIDFD_INFO,
	/* descriptors, exec */
	SM_F_CLOSE_RANGE,
	SM_F_CLOSE_RANGE_CLOEXEC,
	SM_F_EXECVEAT,
	/* memory */
	SM_F_MEMFD_SECRET,
	SM_F_MADV_DONTFORK,
	SM_F_MADV_WIPEONFORK,
	SM_F_MADV_DONTDUMP,
	SM_F_MADV_PAGEOUT,
	SM_F_PROCESS_MADVISE,
	SM_F_MAP_DROPPABLE,
	SM_F_MSEAL,
	/* prctl and friends */
	SM_F_SUBREAPER,
	SM_F_NO_NEW_PRIVS,
	SM_F_PDEATHSIG,
	SM_F_TID_ADDRESS, /* PR_GET_TID_ADDRESS: CONFIG_CHECKPOINT_RESTORE */
	SM_F_KCMP,
	SM_F_PROCESS_MRELEASE,
	/* security */
	SM_F_SECCOMP_FILTER,
	SM_F_SECCOMP_NOTIF,
	SM_F_LANDLOCK,
	SM_F_PTRACE, /* of one's own child */
	SM_F_YAMA,   /* the module is there: record only */
	/* randomness */
	SM_F_GETRANDOM,
	SM_F_VDSO_GETRANDOM,
	SM_F_ARC4RANDOM,
	/* libc */
	SM_F_SPAWN_CGROUP, /* posix_spawnattr_setcgroup_np */
	SM_F_PIDFD_SPAWN,
	/* namespaces, as this user can make them: but for the first, without a user namespace */
	SM_F_USER_NS,
	SM_F_PID_NS,
	SM_F_MOUNT_NS,
	SM_F_NET_NS,
	SM_F_IPC_NS,
	SM_F_UTS_NS,
	SM_F_CGROUP_NS,
	/* control groups that this user can make */
	SM_F_CGROUP, /* any: version 1 or 2 */
	SM_F_CGROUP2,
	SM_F_CGROUP_PIDS,
	SM_F_CGROUP_MEMORY,
	SM_F_CGROUP_KILL,
	/* this machine and user */
	SM_F_ROOT, /* uid 0 with all capabilities that setuid, setgid and mounts need */
	SM_F_CORE_DUMP,
	SM_F_HUGETLB,
	SM_F_TTY, /* pseudo-terminals */
	SM_F_FAULT_INJECTION,
	SM_F_NUMPY, /* the checkout's .venv with NumPy */
	/* of a strategy or host; found by the check itself, never probed */
	SM_F_REQUEST_FIELD, /* the strategy does not offer what the request asks for */
	SM_F_SERVER_ROLE,   /* a foreign server, which does not take its half of a check */
	SM_F_CHILD_ROLE,    /* a foreign child, which does not take its half of a check */
	SM_F_COUNT
};

_Static_assert(SM_F_COUNT <= 64, "sets of features are 64 bits wide");

#define SM_NEED(f) (UINT64_C(1) << (f))

/* How a probe went. */
enum sm_presence { SM_PRESENT, SM_MISSING, SM_UNKNOWN };

struct sm_probe_result {
	enum sm_presence presence;
	int err;        /* the errno that told, or 0 */
	char text[160]; /* what was seen, for a person: "E2BIG for size 4096, 88 bytes known" */
};

struct sm_feature_row {
	enum sm_feature feature;
	const char *name;   /* as a SKIP reason spells it: "clone3" */
	const char *row;    /* of the probes' catalogue: "M01"; "" for those beside it */
	const char *since;  /* the release that brought it: "Linux 5.3", "glibc 2.36"; "" unknown */
	const char *source; /* "clone(2)" */
	const char *what;   /* one line */
	/* Runs in a process of its own, which it may spoil. NULL: not probed (see above). */
	void (*probe)(struct sm_probe_result *result);
};

/* In the order of enum sm_feature; row SM_F_NONE has empty strings. */
extern const struct sm_feature_row sm_features[SM_F_COUNT];

/* "clone3"; "unknown" beyond the table. */
const char *sm_feature_name(int feature);

/*
 * Probes one feature in a fork of the caller, at most five seconds: a probe that crashes or hangs
 * is SM_UNKNOWN with the reason. Leaves nothing behind. Always fills *result.
 */
void sm_feature_probe(enum sm_feature feature, struct sm_probe_result *result);

/* All of them, in some 0.2 s. What has no probe is SM_UNKNOWN, "not probed". */
void sm_features_probe_all(struct sm_probe_result results[SM_F_COUNT]);

/*
 * The set of those that a check cannot count on: SM_MISSING, and SM_UNKNOWN where there was a probe
 * (its text is the reason). Not probed is not in it, unless somebody has set it to SM_MISSING.
 */
uint64_t sm_features_missing(const struct sm_probe_result results[SM_F_COUNT]);

#endif
