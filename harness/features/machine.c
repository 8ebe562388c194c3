/* SPDX-License-Identifier: MIT */
/*
 * machine.c - probes: this machine and this user.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Mounts in a namespace that ends with it, then gives root away. Status: 0 or the errno. */
static int use_root(void *unused)
{
	const unsigned int nobody = 65534;

	(void)unused;
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/tmp", "tmpfs", 0, NULL) < 0)
		return errno & 127;
	if (setgroups(0, NULL) < 0 || setresgid(nobody, nobody, nobody) < 0 ||
	    setresuid(nobody, nobody, nobody) < 0)
		return errno & 127;
	return 0;
}

void sm_probe_f_root(struct sm_probe_result *r)
{
	int err;

	if (geteuid() != 0) {
		sm_probe_no(r, EPERM, "uid %d", (int)geteuid());
		return;
	}
	err = sm_probe_try(use_root, NULL);
	if (err)
		sm_probe_no(r, err > 0 ? err : 0, "uid 0, but not all of mount, setgid, setuid");
	else
		sm_probe_yes(r, "uid 0 mounts, and can become anybody");
}

/* Dies by SIGABRT in the directory, with next to nothing to dump. */
static void die_dumping(const char *dir)
{
	struct rlimit core;

	sm_probe_put("/proc/self", "coredump_filter", "0");
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* as after an exec */
	if (chdir(dir) < 0 || getrlimit(RLIMIT_CORE, &core) < 0)
		_exit(1);
	core.rlim_cur = core.rlim_max;
	if (setrlimit(RLIMIT_CORE, &core) < 0)
		_exit(1);
	kill(getpid(), SIGABRT);
	_exit(1);
}

/*
 * A dump is made where the pattern is a bare name, so that it is a file of our own. Where a program
 * gets it, or a directory of the system's, a probe could not take it back.
 */
void sm_probe_f_core_dump(struct sm_probe_result *r)
{
	char pattern[200] = "", dir[300];
	struct rlimit core = { 0, 0 };
	int err = sm_probe_get("/proc/sys/kernel", "core_pattern", pattern, sizeof(pattern));
	int status = 0;
	pid_t pid;

	getrlimit(RLIMIT_CORE, &core);
	if (err) {
		sm_probe_dunno(r, -err, "/proc/sys/kernel/core_pattern");
	} else if (pattern[0] == '|' || strchr(pattern, '/')) {
		sm_probe_dunno(r, 0, "a dump would go to '%.80s', and stay there", pattern);
	} else if (!core.rlim_max) {
		sm_probe_no(r, 0, "RLIMIT_CORE is 0 for good");
	} else if ((err = sm_probe_dir(dir, sizeof(dir)))) {
		sm_probe_dunno(r, -err, "no directory for it");
	} else {
		pid = fork();
		if (!pid)
			die_dumping(dir);
		if (pid < 0 || waitpid(pid, &status, 0) < 0)
			sm_probe_dunno(r, errno, "no child to dump");
		else if (WIFSIGNALED(status) && WCOREDUMP(status))
			sm_probe_yes(r, "SIGABRT dumped core, as core_pattern '%.80s' says",
				     pattern);
		else
			sm_probe_no(r, 0, "a child ended with status 0x%x", (unsigned int)status);
	}
}

void sm_probe_f_hugetlb(struct sm_probe_result *r)
{
	const size_t most = 1u << 30; /* the size of the default huge page is not known here */
	char *at = MAP_FAILED;
	size_t size;

	for (size = 1u << 21; at == MAP_FAILED && size <= most; size <<= 1) {
		at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
		if (at == MAP_FAILED && errno != EINVAL)
			break;
	}
	if (at == MAP_FAILED) {
		sm_probe_no(r, errno, "mmap(MAP_HUGETLB)");
		return;
	}
	at[0] = 'x';
	sm_probe_yes(r, "a page, mapped and written");
}

void sm_probe_f_tty(struct sm_probe_result *r)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;
	char name[64], back[2] = "";

	if (master < 0) {
		sm_probe_no(r, errno, "posix_openpt");
		return;
	}
	if (grantpt(master) < 0 || unlockpt(master) < 0 ||
	    ptsname_r(master, name, sizeof(name)) != 0) {
		sm_probe_no(r, errno, "unlockpt");
		return;
	}
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || !isatty(slave))
		sm_probe_no(r, errno, "%s", name);
	else if (write(slave, "x", 1) != 1 || read(master, back, 1) != 1 || back[0] != 'x')
		sm_probe_no(r, errno, "a byte through %s", name);
	else
		sm_probe_yes(r, "a byte went through a pair");
}

/* fail-nth is the process's own: 0 asks for nothing. */
void sm_probe_f_fault_injection(struct sm_probe_result *r)
{
	int err = sm_probe_put("/proc/thread-self", "fail-nth", "0");

	if (err)
		sm_probe_no(r, -err, "/proc/thread-self/fail-nth");
	else
		sm_probe_yes(r, "/proc/thread-self/fail-nth takes a number");
}
