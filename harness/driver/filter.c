/* SPDX-License-Identifier: MIT */
/* filter.c - the system calls that a sandbox refuses; why so, is told in sandbox.h. */
#include <errno.h>
#include <linux/filter.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox.h"
#include "without.h"

/* By name: one that this libseccomp or this architecture does not know is no danger to miss. */
static const char *const refused[] = {
	/* other processes */
	"ptrace",
	"process_vm_readv",
	"process_vm_writev",
	"process_madvise",
	"process_mrelease",
	"pidfd_getfd",
	"kcmp",
	"get_robust_list",
	/* namespaces, mounts, roots */
	"unshare",
	"setns",
	"mount",
	"umount",
	"umount2",
	"pivot_root",
	"chroot",
	"open_tree",
	"move_mount",
	"fsopen",
	"fsconfig",
	"fsmount",
	"fspick",
	"mount_setattr",
	"open_by_handle_at",
	"name_to_handle_at",
	/* the kernel itself */
	"kexec_load",
	"kexec_file_load",
	"init_module",
	"finit_module",
	"delete_module",
	"reboot",
	"swapon",
	"swapoff",
	"syslog",
	"acct",
	"quotactl",
	"quotactl_fd",
	"nfsservctl",
	"lookup_dcookie",
	"iopl",
	"ioperm",
	"modify_ldt",
	"vm86",
	"vm86old",
	"uselib",
	"ustat",
	"sysfs",
	"_sysctl",
	"settimeofday",
	"clock_settime",
	"clock_adjtime",
	"adjtimex",
	"stime",
	"sethostname",
	"setdomainname",
	"vhangup",
	/* attack surface */
	"bpf",
	"perf_event_open",
	"userfaultfd",
	"io_uring_setup",
	"io_uring_enter",
	"io_uring_register",
	"keyctl",
	"add_key",
	"request_key",
	"fanotify_init",
	"fanotify_mark",
	"landlock_restrict_self",
	"move_pages",
	"migrate_pages",
	"mbind",
	"set_mempolicy",
};
/* clang-format off */
/* Refused for some arguments alone: those where arg & mask == value. */
static const struct {
	const char *name;
	unsigned int arg;
	scmp_datum_t mask, value;
} partly[] = {
	{ "clone", 0, CLONE_NEWNS, CLONE_NEWNS },
	{ "clone", 0, CLONE_NEWCGROUP, CLONE_NEWCGROUP },
	{ "clone", 0, CLONE_NEWUTS, CLONE_NEWUTS },
	{ "clone", 0, CLONE_NEWIPC, CLONE_NEWIPC },
	{ "clone", 0, CLONE_NEWUSER, CLONE_NEWUSER },
	{ "clone", 0, CLONE_NEWPID, CLONE_NEWPID },
	{ "clone", 0, CLONE_NEWNET, CLONE_NEWNET },
	{ "ioctl", 1, 0xffffffff, TIOCSTI },
	{ "ioctl", 1, 0xffffffff, TIOCLINUX },
	{ "socket", 0, 0xffffffff, AF_PACKET },
	{ "socket", 0, 0xffffffff, AF_ALG },
	{ "socket", 0, 0xffffffff, AF_VSOCK },
	{ "socket", 0, 0xffffffff, AF_KEY },
};
/* clang-format on */

static int refuse_all(scmp_filter_ctx ctx)
{
	int err = 0;

	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused) && !err; i++) {
		int nr = seccomp_syscall_resolve_name(refused[i]);

		if (nr != __NR_SCMP_ERROR)
			err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 0);
	}
	return err;
}

static int refuse_partly(scmp_filter_ctx ctx)
{
	int err = 0;

	for (size_t i = 0; i < sizeof(partly) / sizeof(*partly) && !err; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM),
				       seccomp_syscall_resolve_name(partly[i].name), 1,
				       SCMP_CMP(partly[i].arg, SCMP_CMP_MASKED_EQ, partly[i].mask,
						partly[i].value));
	return err;
}

/* The program's instructions, as the library writes them. n or -errno. */
static int export(scmp_filter_ctx ctx, struct sock_filter **code)
{
	int fd = memfd_create("filter", MFD_CLOEXEC), err;
	off_t bytes;

	if (fd < 0)
		return -errno;
	err = seccomp_export_bpf(ctx, fd);
	bytes = lseek(fd, 0, SEEK_END);
	*code = err ? NULL : malloc((size_t)bytes + 1);
	if (!err && (!*code || pread(fd, *code, (size_t)bytes, 0) != bytes))
		err = *code ? -EIO : -ENOMEM;
	close(fd);
	return err ? err : (int)((size_t)bytes / sizeof(**code));
}

const char *sm_without_seccomp(void)
{
	return NULL;
}

int sm_sandbox_filter(struct sock_filter **code)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int err, clone3 = seccomp_syscall_resolve_name("clone3");

	*code = NULL;
	if (!ctx)
		return -ENOMEM;
	/* A tree instead of a list: the kernel runs the filter once for each call when it is set. */
	err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!err)
		err = refuse_all(ctx);
	if (!err)
		err = refuse_partly(ctx);
	if (!err && clone3 != __NR_SCMP_ERROR)
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), clone3, 0);
	if (!err)
		err = export(ctx, code);
	seccomp_release(ctx);
	return err;
}
