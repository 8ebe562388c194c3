/* SPDX-License-Identifier: MIT */
/*
 * forked.c - see forked.h.
 */
#include "forked.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cmocka.h>

void fk_in_child(void (*body)(const void *arg), const void *arg)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		alarm(20);
		body(arg);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int fk_count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	FK_NEED(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 3; /* ".", ".." and the directory itself */
}

void fk_refuse_calls(int err, unsigned int first, unsigned int second)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, first, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, second, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ((unsigned int)err & 0xffff)),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	FK_NEED(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	FK_NEED(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog));
}

void fk_forget_calls(unsigned int first, unsigned int second)
{
	fk_refuse_calls(ENOSYS, first, second);
}
