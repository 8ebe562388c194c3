/* SPDX-License-Identifier: MIT */
/*
 * security.c - probes: filters, sandboxes, tracing.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A call that nothing here needs is answered by the filter. Returns what seccomp(2) did. */
static long filter(unsigned int flags, unsigned int action)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpriority, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); /* without it, seccomp(2) tells */
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
}

void sm_probe_f_seccomp_filter(struct sm_probe_result *r)
{
	unsigned int kill = SECCOMP_RET_KILL_PROCESS;
	bool whole = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &kill) == 0;

	if (filter(0, SECCOMP_RET_ERRNO | EDOM) < 0)
		sm_probe_no(r, errno, "seccomp");
	else if (syscall(SYS_getpriority, 0, 0) != -1 || errno != EDOM)
		sm_probe_no(r, 0, "a filter was taken, and does not act");
	else
		sm_probe_yes(r, "a filter acts; SECCOMP_RET_KILL_PROCESS is %s",
			     whole ? "known" : "not known");
}

/* Answers one call of a child, which has inherited the filter. */
void sm_probe_f_seccomp_notif(struct sm_probe_result *r)
{
	struct seccomp_notif call;
	struct seccomp_notif_resp answer;
	int fd = (int)filter(SECCOMP_FILTER_FLAG_NEW_LISTENER, SECCOMP_RET_USER_NOTIF);
	pid_t pid;

	if (fd < 0) {
		sm_probe_no(r, errno, "seccomp(SECCOMP_FILTER_FLAG_NEW_LISTENER)");
		return;
	}
	pid = fork();
	if (!pid)
		_exit(syscall(SYS_getpriority, 0, 0) == 33 ? 0 : 1);
	memset(&call, 0, sizeof(call));
	memset(&answer, 0, sizeof(answer));
	if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0) {
		sm_probe_no(r, errno, "ioctl(SECCOMP_IOCTL_NOTIF_RECV)");
		return;
	}
	answer.id = call.id;
	answer.val = 33;
	if (ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &answer) < 0)
		sm_probe_no(r, errno, "ioctl(SECCOMP_IOCTL_NOTIF_SEND)");
	else if (sm_probe_wait(pid))
		sm_probe_no(r, 0, "a child did not get the answer");
	else
		sm_probe_yes(r, "answered a child's system call");
}

void sm_probe_f_landlock(struct sm_probe_result *r)
{
	const struct landlock_ruleset_attr attr = { .handled_access_fs =
							    LANDLOCK_ACCESS_FS_READ_DIR };
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	int fd;

	if (abi < 0) {
		sm_probe_no(r, errno, "landlock_create_ruleset");
		return;
	}
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (fd < 0 || syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		sm_probe_no(r, errno, "ABI %ld; landlock_restrict_self", abi);
	else if (open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0)
		sm_probe_no(r, 0, "ABI %ld; a ruleset was taken, and does not act", abi);
	else
		sm_probe_yes(r, "ABI %ld; a ruleset acts", abi);
}

void sm_probe_f_ptrace(struct sm_probe_result *r)
{
	int fd, status = 0;
	pid_t pid = sm_probe_idle(&fd);

	if (pid < 0) {
		sm_probe_dunno(r, -pid, "fork");
		return;
	}
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
		sm_probe_no(r, errno, "ptrace(PTRACE_SEIZE)");
	else if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0 ||
		 waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
		sm_probe_no(r, errno, "ptrace(PTRACE_INTERRUPT)");
	else
		sm_probe_yes(r, "seized and stopped a child");
}

void sm_probe_f_yama(struct sm_probe_result *r)
{
	char scope[16];
	int err = sm_probe_get("/proc/sys/kernel/yama", "ptrace_scope", scope, sizeof(scope));

	if (err)
		sm_probe_no(r, -err, "/proc/sys/kernel/yama/ptrace_scope");
	else
		sm_probe_yes(r, "ptrace_scope is %s", scope);
}
