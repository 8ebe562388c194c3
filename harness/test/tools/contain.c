/* SPDX-License-Identifier: MIT */
/*
 * contain.c - contain COMMAND…: runs it as a container engine's defaults would leave it, without the
 * engine: no clone3 (ENOSYS), no new namespaces, mounts, keyrings, rings, secrets (EPERM), and root
 * without the capabilities that such an engine takes away.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAMESPACES                                                                                 \
	(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | \
	 CLONE_NEWCGROUP)

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#error "which AUDIT_ARCH_ is this machine's?"
#endif

#define LOAD(field)     BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ANSWER(err)     BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (err))
#define ALLOW           BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define DENY(call, err) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), ANSWER(err)

static const struct sock_filter filter[] = {
	LOAD(arch),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	LOAD(nr),
	DENY(clone3, ENOSYS),
	DENY(unshare, EPERM),
	DENY(setns, EPERM),
	DENY(mount, EPERM),
	DENY(umount2, EPERM),
	DENY(pivot_root, EPERM),
	DENY(keyctl, EPERM),
	DENY(add_key, EPERM),
	DENY(request_key, EPERM),
	DENY(io_uring_setup, EPERM),
	DENY(userfaultfd, EPERM),
	DENY(memfd_secret, EPERM),
	DENY(kcmp, EPERM),
	DENY(bpf, EPERM),
	DENY(perf_event_open, EPERM),
	DENY(process_madvise, EPERM),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
	LOAD(args[0]), /* the low half: all flags of clone(2) */
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, NAMESPACES, 0, 1),
	ANSWER(EPERM),
	ALLOW,
};

/* What root in a container does not have; the exec applies it. */
static const int taken[] = {
	CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_SYS_RESOURCE, CAP_SYS_NICE,        CAP_SYS_MODULE,
	CAP_SYS_BOOT,  CAP_SYS_TIME,   CAP_NET_ADMIN,    CAP_IPC_LOCK,        CAP_DAC_READ_SEARCH,
	CAP_SYS_RAWIO, CAP_SYSLOG,     CAP_MAC_ADMIN,    CAP_LINUX_IMMUTABLE,
};

int main(int argc, char **argv)
{
	struct sock_fprog prog = { .len = sizeof(filter) / sizeof(filter[0]),
				   .filter = (struct sock_filter *)filter };

	if (argc < 2) {
		fputs("usage: contain COMMAND...\n", stderr);
		return 2;
	}
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		prctl(PR_CAPBSET_DROP, taken[i]); /* an ordinary user has none to drop */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog)) {
		fprintf(stderr, "contain: no seccomp filter: %s\n", strerror(errno));
		return 3;
	}
	execvp(argv[1], argv + 1);
	fprintf(stderr, "contain: %s: %s\n", argv[1], strerror(errno));
	return 3;
}
