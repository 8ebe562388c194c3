/* SPDX-License-Identifier: MIT */
/*
 * table.c - every feature, in the order of enum sm_feature.
 */
#include "feature.h"
#include "probe.h"

#define ROW(f, name, row, since, source, what, probe) \
	[SM_F_##f] = { SM_F_##f, name, row, since, source, what, probe }

/* clang-format off */
const struct sm_feature_row sm_features[SM_F_COUNT] = {
	ROW(NONE, "", "", "", "", "", NULL),

	ROW(CLONE3, "clone3", "M01", "Linux 5.3", "clone(2)",
	    "clone3, and how much of its argument is known", sm_probe_f_clone3),
	ROW(CLONE_PIDFD, "clone-pidfd", "M02", "Linux 5.2", "clone(2)",
	    "CLONE_PIDFD: a pidfd with the child", sm_probe_f_clone_pidfd),
	ROW(CLONE_SET_TID, "clone-set-tid", "M03", "Linux 5.5", "clone(2)",
	    "set_tid: the child's pid is chosen", sm_probe_f_set_tid),
	ROW(CLEAR_SIGHAND, "clone-clear-sighand", "M04", "Linux 5.5", "clone(2)",
	    "CLONE_CLEAR_SIGHAND: no handlers in the child", sm_probe_f_clear_sighand),
	ROW(INTO_CGROUP, "clone-into-cgroup", "M05", "Linux 5.7", "clone(2)",
	    "CLONE_INTO_CGROUP: born in a control group", sm_probe_f_into_cgroup),
	ROW(TIME_NS, "time-ns", "M06", "Linux 5.6", "time_namespaces(7)",
	    "a time namespace, by clone3 or unshare", sm_probe_f_time_ns),
	ROW(PARENT_NEWPID, "clone-parent-newpid", "M07", "Linux 3.13",
	    "clone(2); linux:kernel/fork.c:copy_process",
	    "CLONE_PARENT beside CLONE_NEWPID, which clone(2) denies", sm_probe_f_parent_newpid),
	ROW(AUTOREAP, "clone-autoreap", "M08", "Linux 7.1",
	    "linux:tools/testing/selftests/pidfd/pidfd_autoreap_test.c",
	    "CLONE_AUTOREAP, with CLONE_NNP and CLONE_PIDFD_AUTOKILL", sm_probe_f_autoreap),

	ROW(PIDFD_SEND_SIGNAL, "pidfd-send-signal", "M09", "Linux 5.1", "pidfd_send_signal(2)",
	    "a signal by pidfd", sm_probe_f_pidfd_send_signal),
	ROW(PIDFD_OPEN, "pidfd-open", "M10", "Linux 5.3", "pidfd_open(2)",
	    "a pidfd of a process that runs", sm_probe_f_pidfd_open),
	ROW(PIDFD_NONBLOCK, "pidfd-nonblock", "M10", "Linux 5.10", "pidfd_open(2)",
	    "PIDFD_NONBLOCK: waitid does not block", sm_probe_f_pidfd_nonblock),
	ROW(WAITID_PIDFD, "waitid-pidfd", "M11", "Linux 5.4", "waitid(2)",
	    "waitid(P_PIDFD)", sm_probe_f_waitid_pidfd),
	ROW(PIDFD_GETFD, "pidfd-getfd", "M12", "Linux 5.6", "pidfd_getfd(2)",
	    "a copy of a child's descriptor", sm_probe_f_pidfd_getfd),
	ROW(PIDFD_THREAD, "pidfd-thread", "M13", "Linux 6.9",
	    "linux:include/uapi/linux/pidfd.h", "PIDFD_THREAD: a pidfd of one thread",
	    sm_probe_f_pidfd_thread),
	ROW(PIDFD_INFO, "pidfd-info", "M14", "Linux 6.13",
	    "linux:fs/pidfs.c:pidfd_info", "ioctl(PIDFD_GET_INFO)", sm_probe_f_pidfd_info),

	ROW(CLOSE_RANGE, "close-range", "M15", "Linux 5.9", "close_range(2)",
	    "descriptors closed by the range", sm_probe_f_close_range),
	ROW(CLOSE_RANGE_CLOEXEC, "close-range-cloexec", "M15", "Linux 5.11", "close_range(2)",
	    "CLOSE_RANGE_CLOEXEC", sm_probe_f_close_range_cloexec),
	ROW(EXECVEAT, "execveat", "M24", "Linux 3.19", "execveat(2)",
	    "AT_EMPTY_PATH: a program by its descriptor", sm_probe_f_execveat),

	ROW(MEMFD_SECRET, "memfd-secret", "M16", "Linux 5.14", "memfd_secret(2)",
	    "memory that the kernel does not map", sm_probe_f_memfd_secret),
	ROW(MADV_DONTFORK, "madv-dontfork", "M17", "Linux 2.6.16", "madvise(2)",
	    "memory that a child does not have", sm_probe_f_dontfork),
	ROW(MADV_WIPEONFORK, "madv-wipeonfork", "M17", "Linux 4.14", "madvise(2)",
	    "memory that is empty in a child", sm_probe_f_wipeonfork),
	ROW(MADV_DONTDUMP, "madv-dontdump", "M17", "Linux 3.4", "madvise(2)",
	    "memory that is not dumped", sm_probe_f_dontdump),
	ROW(MADV_PAGEOUT, "madv-pageout", "M18", "Linux 5.4", "madvise(2)",
	    "MADV_COLD and MADV_PAGEOUT", sm_probe_f_pageout),
	ROW(PROCESS_MADVISE, "process-madvise", "M18", "Linux 5.10", "process_madvise(2)",
	    "advice about a child's memory", sm_probe_f_process_madvise),
	ROW(MAP_DROPPABLE, "map-droppable", "M19", "Linux 6.11",
	    "linux:include/uapi/linux/mman.h", "memory that may vanish, and is empty in a child",
	    sm_probe_f_droppable),
	ROW(MSEAL, "mseal", "M29", "Linux 6.10", "mseal(2)",
	    "mappings that cannot be changed", sm_probe_f_mseal),

	ROW(SUBREAPER, "subreaper", "M20", "Linux 3.4", "prctl(2)",
	    "PR_SET_CHILD_SUBREAPER: adopts orphans", sm_probe_f_subreaper),
	ROW(NO_NEW_PRIVS, "no-new-privs", "M20", "Linux 3.5", "prctl(2)",
	    "PR_SET_NO_NEW_PRIVS", sm_probe_f_no_new_privs),
	ROW(PDEATHSIG, "pdeathsig", "M20", "Linux 2.1.57", "prctl(2)",
	    "PR_SET_PDEATHSIG: dies with its parent", sm_probe_f_pdeathsig),
	ROW(TID_ADDRESS, "tid-address", "M21", "Linux 3.5", "prctl(2)",
	    "PR_GET_TID_ADDRESS: CONFIG_CHECKPOINT_RESTORE", sm_probe_f_tid_address),
	ROW(KCMP, "kcmp", "M29", "Linux 3.5", "kcmp(2)",
	    "are two descriptors one file?", sm_probe_f_kcmp),
	ROW(PROCESS_MRELEASE, "process-mrelease", "M29", "Linux 5.15", "process_mrelease(2)",
	    "memory of what was killed, at once", sm_probe_f_process_mrelease),

	ROW(SECCOMP_FILTER, "seccomp-filter", "M22", "Linux 3.17", "seccomp(2)",
	    "filters, and SECCOMP_RET_KILL_PROCESS", sm_probe_f_seccomp_filter),
	ROW(SECCOMP_NOTIF, "seccomp-notif", "M22", "Linux 5.0", "seccomp_unotify(2)",
	    "another process answers a system call", sm_probe_f_seccomp_notif),
	ROW(LANDLOCK, "landlock", "M27", "Linux 5.13", "landlock(7)",
	    "Landlock, and its ABI", sm_probe_f_landlock),
	ROW(PTRACE, "ptrace", "", "", "ptrace(2)",
	    "tracing of one's own child", sm_probe_f_ptrace),
	ROW(YAMA, "yama", "M30", "Linux 3.4", "linux:Documentation/admin-guide/LSM/Yama.rst",
	    "the module is there; nothing needs it", sm_probe_f_yama),

	ROW(GETRANDOM, "getrandom", "M23", "Linux 3.17", "getrandom(2)",
	    "random bytes by a system call", sm_probe_f_getrandom),
	ROW(VDSO_GETRANDOM, "vdso-getrandom", "M23", "Linux 6.11",
	    "linux:lib/vdso/getrandom.c", "random bytes without one", sm_probe_f_vdso_getrandom),
	ROW(ARC4RANDOM, "arc4random", "", "glibc 2.36", "arc4random(3)",
	    "libc's arc4random", sm_probe_f_arc4random),

	ROW(SPAWN_CGROUP, "spawn-cgroup", "M28", "glibc 2.39", "glibc:posix/tst-spawn-cgroup.c",
	    "posix_spawnattr_setcgroup_np", sm_probe_f_spawn_cgroup),
	ROW(PIDFD_SPAWN, "pidfd-spawn", "M28", "glibc 2.39", "glibc:posix/tst-posix_spawn-pidfd.c",
	    "pidfd_spawn", sm_probe_f_pidfd_spawn),

	ROW(USER_NS, "user-ns", "M25", "Linux 3.8", "user_namespaces(7)",
	    "a user namespace, with capabilities in it", sm_probe_f_user_ns),
	ROW(PID_NS, "pid-ns", "", "Linux 3.8", "pid_namespaces(7)",
	    "a pid namespace, without a user namespace", sm_probe_f_pid_ns),
	ROW(MOUNT_NS, "mount-ns", "", "Linux 2.4.19", "mount_namespaces(7)",
	    "a mount namespace, the same way", sm_probe_f_mount_ns),
	ROW(NET_NS, "net-ns", "", "Linux 2.6.29", "network_namespaces(7)",
	    "a network namespace, the same way", sm_probe_f_net_ns),
	ROW(IPC_NS, "ipc-ns", "", "Linux 2.6.19", "ipc_namespaces(7)",
	    "an IPC namespace, the same way", sm_probe_f_ipc_ns),
	ROW(UTS_NS, "uts-ns", "", "Linux 2.6.19", "uts_namespaces(7)",
	    "a UTS namespace, the same way", sm_probe_f_uts_ns),
	ROW(CGROUP_NS, "cgroup-ns", "", "Linux 4.6", "cgroup_namespaces(7)",
	    "a cgroup namespace, the same way", sm_probe_f_cgroup_ns),

	ROW(CGROUP, "cgroup", "M26", "Linux 2.6.24", "cgroups(7)",
	    "a control group of either version", sm_probe_f_cgroup),
	ROW(CGROUP2, "cgroup2", "M26", "Linux 4.5", "cgroups(7)",
	    "a control group of version 2", sm_probe_f_cgroup2),
	ROW(CGROUP_PIDS, "cgroup-pids", "M26", "Linux 4.3", "cgroups(7)",
	    "a control group that limits processes", sm_probe_f_cgroup_pids),
	ROW(CGROUP_MEMORY, "cgroup-memory", "M26", "Linux 2.6.25", "cgroups(7)",
	    "a control group that limits memory", sm_probe_f_cgroup_memory),
	ROW(CGROUP_KILL, "cgroup-kill", "M26", "Linux 5.14", "cgroups(7)",
	    "cgroup.kill: all of a group at once", sm_probe_f_cgroup_kill),

	ROW(ROOT, "root", "", "", "capabilities(7)",
	    "uid 0 that may mount, setgid and setuid", sm_probe_f_root),
	ROW(CORE_DUMP, "core-dump", "M30", "", "core(5)",
	    "a core dump, and the status' bit", sm_probe_f_core_dump),
	ROW(HUGETLB, "hugetlb", "", "Linux 2.6.32", "mmap(2)",
	    "a huge page is free", sm_probe_f_hugetlb),
	ROW(TTY, "tty", "", "", "pty(7)", "pseudo-terminals", sm_probe_f_tty),
	ROW(FAULT_INJECTION, "fault-injection", "", "Linux 4.14",
	    "linux:Documentation/fault-injection/fault-injection.rst",
	    "fail-nth: the n-th allocation fails", sm_probe_f_fault_injection),
	/* Where .venv is, only the driver knows: it looks itself. */
	ROW(NUMPY, "numpy", "", "", "", "the checkout's .venv with NumPy", NULL),

	/* What a check finds out about the strategy or host. */
	ROW(REQUEST_FIELD, "request-field", "", "", "",
	    "the strategy offers what the request asks for", NULL),
	ROW(SERVER_ROLE, "server-role", "", "", "",
	    "the server takes its half of a check", NULL),
	ROW(CHILD_ROLE, "child-role", "", "", "",
	    "the child takes its half of a check", NULL),
};
/* clang-format on */

const char *sm_feature_name(int feature)
{
	return feature >= 0 && feature < SM_F_COUNT ? sm_features[feature].name : "unknown";
}
