/* SPDX-License-Identifier: MIT */
/*
 * life_hangup.c - lifecycle and robustness: a terminal that hangs up.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "identity_lab.h"
#include "life_util.h"
#include "sys/sys.h"

/* What lab->n is used for here. */
enum { START, SERVER, GONE, ALIVE, SPAWN, PARENT };

/*
 * L16. A session with a terminal: its leader, which dies of the hangup, and in the same foreground
 * group our parent and what it has started. The kernel tells the group when the leader ends.
 */
static void on_hup(int sig)
{
	(void)sig;
}

_Noreturn static void stay(struct sm_lab *lab, bool handles)
{
	struct sigaction act = { .sa_handler = handles ? on_hup : SIG_IGN };
	struct sm_cell *c = lab->cell;
	struct sm_answer a;

	sigaction(SIGHUP, &act, NULL);
	lab->n[START] = sm_cell_start(c);
	lab->n[SERVER] = c->server;
	sm_board_post(&lab->word);
	sm_board_wait(&lab->go, 0, SM_STEP_MS);
	lab->n[ALIVE] = sm_await_end(c->server, handles ? SM_STEP_MS / 2 : 0) != 0;
	lab->n[SPAWN] = lab->n[START] ? lab->n[START] : sm_kid_ask(c, "0", &a, NULL);
	sm_cell_stop(c);
	_exit(0);
}

_Noreturn static void lead(struct sm_lab *lab, bool handles)
{
	int master, slave = -1;
	pid_t pid;

	setsid();
	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0)
		slave = open(ptsname(master), O_RDWR | O_CLOEXEC); /* now the controlling one */
	lab->n[START] = slave < 0 ? -errno : 0;
	pid = slave < 0 ? -1 : fork();
	if (pid == 0) {
		close(master);
		dup2(slave, STDIN_FILENO);
		stay(lab, handles);
	}
	lab->n[PARENT] = pid;
	if (pid > 0)
		sm_board_wait(&lab->word, 0, SM_STEP_MS);
	close(master); /* the hangup: SIGHUP to the leader, this one */
	_exit(1);
}

static int hang_up(struct sm_lab *lab, bool handles)
{
	int status = 0;
	pid_t pid;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return sm_lab_wrong(lab, errno, "PR_SET_CHILD_SUBREAPER");
	pid = fork();
	if (pid == 0)
		lead(lab, handles);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return sm_lab_wrong(lab, errno, "the session's leader");
	if (lab->n[START] || !WIFSIGNALED(status) || WTERMSIG(status) != SIGHUP)
		return sm_lab_wrong(lab, (int)lab->n[START], "the leader did not die of SIGHUP");
	sm_board_post(&lab->go);
	lab->n[GONE] = sm_wait_child((pid_t)lab->n[PARENT], SM_STEP_MS - 1000, NULL);
	return 0;
}

static int hang_up_ignored(void *lab)
{
	return hang_up(lab, false);
}

static int hang_up_handled(void *lab)
{
	return hang_up(lab, true);
}

static int hangup(struct sm_cell *c, int (*session)(void *lab), const char *how)
{
	struct sm_lab *lab = sm_lab_new(c, SIGCHLD, NULL);

	if (!lab || sm_lab_run(lab, session)) {
		sm_lab_free(lab);
		return c->observed;
	}
	sm_judge(c, lab->n[GONE] == 0 && lab->n[ALIVE] && lab->n[SPAWN] == 0,
		 "the terminal hung up, the parent %s SIGHUP: the server %s; a spawn: %s", how,
		 lab->n[ALIVE] ? "lives" : "is dead",
		 lab->n[SPAWN] ? strerror((int)-lab->n[SPAWN]) : "served");
	sm_lab_free(lab);
	return c->observed;
}

static int hangup_ignored(struct sm_cell *c)
{
	return hangup(c, hang_up_ignored, "ignores");
}

static int hangup_handled(struct sm_cell *c)
{
	return hangup(c, hang_up_handled, "handles");
}

static const struct sm_check checks[] = {
	{
		.id = "life.hangup.ignored",
		.row = "L16",
		.claim = "a terminal's hangup ends no server whose parent ignores SIGHUP",
		.source = "nohup(1); execve(2): ignored signals stay ignored; setsid(2)",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_SUBREAPER) | SM_NEED(SM_F_TTY),
		.only = SM_OWN_SERVER,
		.in_parent = hangup_ignored,
		.in_child = sm_life_talks,
	},
	{
		.id = "life.hangup.handled",
		.row = "L16",
		.claim = "a terminal's hangup ends no server whose parent handles SIGHUP",
		.source =
			"execve(2): handled signals are reset; the server is in the parent's group",
		.level = SM_RECORD,
		.needs = SM_NEED(SM_F_SUBREAPER) | SM_NEED(SM_F_TTY),
		.only = SM_OWN_SERVER,
		.in_parent = hangup_handled,
		.in_child = sm_life_talks,
	},
};

SM_GROUP_AS(life_hangup, "life", "Lifecycle and robustness", checks);
