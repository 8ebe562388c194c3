/* SPDX-License-Identifier: MIT */
/* trial.c - asks this machine which layers of a sandbox it can have, by having them. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../sys/sys.h"
#include "sandbox.h"

#define TRIAL_MS 15000

static _Noreturn void enter(struct sm_berth *berth, int report)
{
	struct sm_sandbox_trial t = { 0, -1 };

	t.err = sm_berth_stand_aside(berth, NULL);
	if (!t.err)
		t.err = sm_berth_enter(berth, &t.layer);
	_exit(sm_write_all(report, &t, sizeof(t)) ? 1 : 0);
}

/* One child that enters. Fills what there is to tell unless the child does. 0, or -errno. */
static int spawn(const struct sm_sandbox *sandbox, int report, struct sm_sandbox_trial *t)
{
	struct sm_berth berth;
	pid_t pid;
	int err = sm_berth_open(&berth, sandbox, &t->layer);

	if (err)
		return err;
	pid = sm_berth_clone(&berth, SIGCHLD);
	if (pid == 0)
		enter(&berth, report);
	t->layer = pid < 0 ? sm_berth_blame(&berth, -pid) : -1;
	if (pid > 0)
		sm_berth_admit(&berth, pid, SM_ADMIT_MS);
	sm_berth_close(&berth);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return pid < 0 ? pid : 0;
}

static _Noreturn void be_creator(uint32_t layers, int report)
{
	const struct sm_sandbox *sandbox = NULL;
	struct sm_sandbox_trial t = { 0, -1 };
	int plan = sm_sandbox_compile(layers, NULL, NULL);

	signal(SIGCHLD, SIG_DFL); /* an ignored one would reap the child */
	if (plan == -ENOPKG)
		t.layer = SM_LAYER_SECCOMP;
	t.err = plan < 0 ? plan : sm_sandbox_load(&sandbox, plan);
	if (!t.err)
		t.err = spawn(sandbox, report, &t);
	if (t.err)
		sm_write_all(report, &t, sizeof(t));
	sm_sandbox_unload(sandbox);
	_exit(0);
}

int sm_sandbox_try(uint32_t layers, int *layer)
{
	struct sm_sandbox_trial t = { 0, -1 };
	int report[2], err;
	sigset_t old;
	pid_t pid;

	*layer = -1;
	if (pipe2(report, O_CLOEXEC) < 0)
		return -errno;
	sm_signals_block(&old);
	pid = fork();
	err = pid < 0 ? -errno : 0;
	if (pid == 0)
		be_creator(layers, report[1]);
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(report[1]);
	if (!err)
		err = sm_read_all(report[0], &t, sizeof(t), TRIAL_MS);
	close(report[0]);
	if (pid > 0 && sm_wait_child(pid, err ? 0 : TRIAL_MS, NULL))
		sm_kill_child(pid);
	if (!err)
		*layer = t.layer;
	return err ? err : t.err;
}

void sm_sandbox_try_all(struct sm_sandbox_trial trials[SM_LAYER_COUNT])
{
	for (int i = 0; i < SM_LAYER_COUNT; i++) {
		uint32_t layers = 0;

		sm_sandbox_parse(sm_layers[i].name, &layers);
		trials[i].err = -sm_sandbox_try(layers, &trials[i].layer);
		if (!trials[i].err)
			trials[i].layer = -1;
	}
}
