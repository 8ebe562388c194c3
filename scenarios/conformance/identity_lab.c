/* SPDX-License-Identifier: MIT */
/*
 * identity_lab.c - see identity_lab.h.
 */
#include "identity_lab.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/sys.h"

/* Where an exec'd member of the family finds the page. */
#define LAB_FD 100

struct sm_lab *sm_lab_new(struct sm_cell *c, unsigned long zygote_flags, sm_lab_clone *clone)
{
	char job[160];
	int fd = sm_temp_fd();
	struct sm_lab *lab = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, sizeof(*lab)) == 0)
		lab = mmap(NULL, sizeof(*lab), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (lab == MAP_FAILED) {
		sm_broken(c, "no page for the family: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	snprintf(job, sizeof(job), "child/probe=%s", c->check->id);
	lab->cell = c;
	lab->fd = fd;
	lab->envp = sm_cell_env(c, job, NULL, NULL);
	lab->zygote_flags = zygote_flags;
	lab->clone = clone;
	return lab;
}

pid_t sm_lab_sibling(struct sm_lab *lab)
{
	(void)lab;
	return sm_raw_clone(CLONE_PARENT | SIGCHLD);
}

void sm_lab_free(struct sm_lab *lab)
{
	if (!lab)
		return;
	close(lab->fd);
	munmap(lab, sizeof(*lab));
}

int sm_lab_run(struct sm_lab *lab, int (*parent)(void *lab))
{
	int rc = sm_in_fork(parent, lab, SM_STEP_MS);
	struct sm_cell *c = lab->cell;

	if (rc == 0)
		return 0;
	if (rc == 1)
		return sm_fails(c, "%.200s", lab->text);
	return rc < 0 ? sm_fails(c, "the family: %s", strerror(-rc))
		      : sm_fails(c, "the family's parent ended with %d", rc);
}

int sm_lab_wrong(struct sm_lab *lab, int err, const char *what)
{
	snprintf(lab->text, sizeof(lab->text), "%s: %s", what, strerror(err < 0 ? -err : err));
	return 1;
}

static void signals_of_interest(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	sigaddset(set, SIGUSR1);
	sigaddset(set, SIGUSR2);
}

_Noreturn static void live(struct sm_lab *lab)
{
	lab->pid = getpid();
	lab->ppid = getppid();
	sm_board_post(&lab->born);
	sm_board_wait(&lab->go, 0, SM_STEP_MS);
	_exit(SM_LAB_STATUS);
}

_Noreturn void sm_lab_zygote(struct sm_lab *lab)
{
	pid_t pid = lab->clone(lab);

	if (pid == 0)
		live(lab);
	lab->kid = pid;
	sm_board_post(&lab->cloned);
	sm_board_wait(&lab->end, 0, SM_STEP_MS);
	_exit(0);
}

int sm_lab_begin(struct sm_lab *lab)
{
	sigset_t set;
	pid_t pid;
	int err;

	signals_of_interest(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid = sm_raw_clone(lab->zygote_flags);
	if (pid == 0)
		(lab->zygote ? lab->zygote : sm_lab_zygote)(lab);
	if (pid < 0)
		return sm_lab_wrong(lab, pid, "the zygote cannot be cloned");
	lab->zygote_pid = pid;
	err = sm_board_wait(&lab->cloned, 0, SM_STEP_MS);
	if (!err && lab->kid > 0)
		err = sm_board_wait(&lab->born, 0, SM_STEP_MS);
	return err ? sm_lab_wrong(lab, err, "the zygote or its child does not come up") : 0;
}

/* The signal that came for the child; that of the zygote's own end cannot be meant. */
static void take_signal(struct sm_lab *lab)
{
	const struct timespec now = { 0, 0 };
	siginfo_t info;
	sigset_t set;

	signals_of_interest(&set);
	while (sigtimedwait(&set, &info, &now) > 0) {
		lab->signal = info.si_signo;
		lab->sender = info.si_pid;
	}
}

int sm_lab_collect(struct sm_lab *lab)
{
	pid_t kid = (pid_t)lab->kid;
	int status, err = 0;

	if (kid > 0) {
		lab->plain = waitpid(kid, NULL, WNOHANG) < 0 ? -errno : 0;
		sm_board_post(&lab->go);
		/* A signal is sent before the zombie can be reaped: none is still on its way. */
		lab->status = waitpid(kid, &status, __WALL) < 0 ? -errno : status;
		take_signal(lab);
	}
	sm_board_post(&lab->end);
	if (waitpid((pid_t)lab->zygote_pid, &status, __WALL) < 0)
		err = errno;
	return err ? sm_lab_wrong(lab, err, "the zygote cannot be waited for") : 0;
}

int sm_lab_parent(void *lab)
{
	int wrong = sm_lab_begin(lab);

	return wrong ? wrong : sm_lab_collect(lab);
}

_Noreturn void sm_lab_exec(struct sm_lab *lab)
{
	struct sm_cell *c = lab->cell;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC); /* for the child's answer: nobody asks */

	if (null >= 0 && dup2(null, STDOUT_FILENO) >= 0 && dup2(lab->fd, LAB_FD) >= 0 && lab->envp)
		execve(c->argv[0], (char *const *)c->argv, (char *const *)lab->envp);
	_exit(sm_lab_wrong(lab, errno, "exec"));
}

struct sm_lab *sm_lab_attach(void)
{
	struct sm_lab *lab;

	lab = mmap(NULL, sizeof(*lab), PROT_READ | PROT_WRITE, MAP_SHARED, LAB_FD, 0);
	return lab == MAP_FAILED ? NULL : lab;
}

const char *sm_lab_seen(struct sm_lab *lab)
{
	if (lab->kid <= 0)
		snprintf(lab->text, sizeof(lab->text), "the clone in the zygote: %s",
			 strerror((int)-lab->kid));
	else
		snprintf(lab->text, sizeof(lab->text),
			 "signal %lld came for the child; waitpid() while it runs: %s, and with "
			 "__WALL at its end: %s",
			 (long long)lab->signal, lab->plain ? strerror((int)-lab->plain) : "0",
			 lab->status < 0 ? strerror((int)-lab->status) : "its status");
	return lab->text;
}

bool sm_lab_ended_well(const struct sm_lab *lab)
{
	return lab->kid > 0 && lab->status == SM_LAB_STATUS << 8;
}
