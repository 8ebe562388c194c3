/* SPDX-License-Identifier: MIT */
/*
 * signals.c - signals around a clone.
 *
 * Between the clone and the payload a handler that the parent installed would run in the child,
 * on the parent's data. So every signal is blocked across the clone, and the child drops the
 * handlers before it opens the mask again.
 */
#include "sys.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int sm_signals_block(sigset_t *old)
{
	sigset_t all;

	sigfillset(&all);
	return sigprocmask(SIG_BLOCK, &all, old) < 0 ? -errno : 0;
}

void sm_signals_handled(sigset_t *set)
{
	sigemptyset(set);
	for (int sig = 1; sig < NSIG; sig++) {
		struct sigaction sa;

		if (sigaction(sig, NULL, &sa) < 0)
			continue;
		if ((sa.sa_flags & SA_SIGINFO) ||
		    (sa.sa_handler != SIG_DFL && sa.sa_handler != SIG_IGN))
			sigaddset(set, sig);
	}
}

static void on_interrupt(int sig)
{
	(void)sig;
}

int sm_signals_spare_interrupt(void)
{
	const struct sigaction spared = { .sa_handler = on_interrupt, .sa_flags = SA_RESTART };
	struct sigaction old;

	if (sigaction(SIGINT, NULL, &old) < 0)
		return -errno;
	if (!(old.sa_flags & SA_SIGINFO) && old.sa_handler == SIG_IGN)
		return 0;
	return sigaction(SIGINT, &spared, NULL) < 0 ? -errno : 0;
}

void sm_signals_restore(const sigset_t *mask, const sigset_t *handled)
{
	const uint64_t standard[8] = { 0 }; /* the kernel's struct sigaction, of SIG_DFL */
	sigset_t found;
	uint64_t bits;

	/*
	 * execve(2): "dispositions of signals that are being caught are reset to the default",
	 * ignored ones stay ignored. A cloned child does the same, so that it cannot be told from
	 * an exec'd one. glibc refuses its own two signals with EINVAL; fork leaves those as well.
	 */
	if (!handled) {
		sm_signals_handled(&found);
		handled = &found;
	}
	/*
	 * As numbers, and by system calls: in a clone every function of libc that lies
	 * apart is a page fault, and sigismember() would be called 64 times.
	 */
	memcpy(&bits, handled, sizeof(bits));
	for (int sig = 1; bits; sig++, bits >>= 1) {
		if (bits & 1)
			syscall(SYS_rt_sigaction, sig, standard, NULL, sizeof(bits));
	}
	/* What sigprocmask(3) does: it spares glibc's own two. */
	memcpy(&bits, mask, sizeof(bits));
	bits &= ~(UINT64_C(3) << 31);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &bits, NULL, sizeof(bits));
}
