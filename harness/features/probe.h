/* SPDX-License-Identifier: MIT */
/*
 * probe.h - what the probes share.
 *
 * A probe runs in a forked process of its own, the leader of its process group, with /dev/null for
 * standard streams and every signal at its default. It may spoil itself, leave children, and leave
 * what sm_probe_group() and sm_probe_dir() made: the guard (run.c) kills, reaps and removes.
 */
#ifndef SM_FEATURE_PROBE_H
#define SM_FEATURE_PROBE_H

#include <linux/sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "feature.h"

typedef void sm_probe(struct sm_probe_result *result);

/*
 * Runs the probe, at most bound_ms. Crash, hang and silence are SM_UNKNOWN. Always fills *result.
 * Leaves nothing behind.
 */
void sm_probe_run(sm_probe *probe, int bound_ms, struct sm_probe_result *result);

/* The three answers. A text is followed by ": ENAME" where there is an errno. */
__attribute__((format(printf, 2, 3))) void sm_probe_yes(struct sm_probe_result *result,
							const char *format, ...);
__attribute__((format(printf, 3, 4))) void sm_probe_no(struct sm_probe_result *result, int err,
						       const char *format, ...);
__attribute__((format(printf, 3, 4))) void sm_probe_dunno(struct sm_probe_result *result, int err,
							  const char *format, ...);
/* "EPERM"; "0" for none. */
const char *sm_probe_errno(int err);

/* clone3(2) with a copy of the stack. As fork: 0 in the child, a pid, or -errno. */
pid_t sm_probe_clone3(struct clone_args *args, size_t size);
/* Exit status of a child; 128 + the signal that killed it; -errno. */
int sm_probe_wait(pid_t pid);
/* Runs fn in a fork: its exit status, as sm_probe_wait(). fn returns 0..127. */
int sm_probe_try(int (*fn)(void *arg), void *arg);
/* A child that does nothing until it is killed, and its pidfd (-1: none to be had). */
pid_t sm_probe_idle(int *pidfd);

/* A control group below the caller's own ("": version 2), named after pid. 0 or -errno. */
int sm_probe_group(const char *controller, char *dir, size_t size);
int sm_probe_enter(const char *group); /* 0 or -errno */
/* Writes a text to an existing file of a directory. 0 or -errno. */
int sm_probe_put(const char *dir, const char *file, const char *text);
/* Its first line. 0 or -errno. */
int sm_probe_get(const char *dir, const char *file, char *text, size_t size);
/* A directory for files. 0 or -errno. */
int sm_probe_dir(char *dir, size_t size);
/* Removes what these made in the process pid, which has ended. */
void sm_probe_tidy(pid_t pid);

/* One for each row of the table that is probed. */
sm_probe sm_probe_f_clone3, sm_probe_f_clone_pidfd, sm_probe_f_set_tid, sm_probe_f_clear_sighand,
	sm_probe_f_into_cgroup, sm_probe_f_time_ns, sm_probe_f_parent_newpid, sm_probe_f_autoreap;
sm_probe sm_probe_f_pidfd_send_signal, sm_probe_f_pidfd_open, sm_probe_f_pidfd_nonblock,
	sm_probe_f_waitid_pidfd, sm_probe_f_pidfd_getfd, sm_probe_f_pidfd_thread,
	sm_probe_f_pidfd_info;
sm_probe sm_probe_f_close_range, sm_probe_f_close_range_cloexec, sm_probe_f_execveat;
sm_probe sm_probe_f_memfd_secret, sm_probe_f_dontfork, sm_probe_f_wipeonfork, sm_probe_f_dontdump,
	sm_probe_f_pageout, sm_probe_f_process_madvise, sm_probe_f_droppable, sm_probe_f_mseal;
sm_probe sm_probe_f_subreaper, sm_probe_f_no_new_privs, sm_probe_f_pdeathsig,
	sm_probe_f_tid_address, sm_probe_f_kcmp, sm_probe_f_process_mrelease;
sm_probe sm_probe_f_seccomp_filter, sm_probe_f_seccomp_notif, sm_probe_f_landlock,
	sm_probe_f_ptrace, sm_probe_f_yama;
sm_probe sm_probe_f_getrandom, sm_probe_f_vdso_getrandom, sm_probe_f_arc4random,
	sm_probe_f_spawn_cgroup, sm_probe_f_pidfd_spawn;
sm_probe sm_probe_f_user_ns, sm_probe_f_pid_ns, sm_probe_f_mount_ns, sm_probe_f_net_ns,
	sm_probe_f_ipc_ns, sm_probe_f_uts_ns, sm_probe_f_cgroup_ns;
sm_probe sm_probe_f_cgroup, sm_probe_f_cgroup2, sm_probe_f_cgroup_pids, sm_probe_f_cgroup_memory,
	sm_probe_f_cgroup_kill;
sm_probe sm_probe_f_root, sm_probe_f_core_dump, sm_probe_f_hugetlb, sm_probe_f_tty,
	sm_probe_f_fault_injection;

#endif
