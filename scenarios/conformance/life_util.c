/* SPDX-License-Identifier: MIT */
/*
 * life_util.c - see life_util.h.
 */
#include "life_util.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cgroup_util.h"
#include "sys/sys.h"

/* Nobody may ask for a while, on a busy machine; nor may it stay for ever. */
#define PATIENCE_MS 60000

int sm_life_talks(struct sm_cell *c)
{
	char byte;

	do {
		c->answer.n[0] = getpid();
		if (sm_child_tell(c, "pid %d", getpid()))
			break;
	} while (!sm_read_all(STDIN_FILENO, &byte, 1, PATIENCE_MS) && byte != 'q');
	_exit(atoi(c->arg));
}

int sm_life_spawn(struct sm_cell *c, struct sm_kid *kid, const char *arg)
{
	struct sm_req req = sm_cell_req(c, arg);
	struct sm_answer a;
	int err = sm_kid_spawn(c, kid, &req);

	if (!err)
		err = sm_kid_answer(c, kid, &a);
	if (err)
		sm_kid_kill(c, kid);
	return err;
}

int sm_life_ask(struct sm_cell *c, struct sm_kid *kid)
{
	struct sm_answer a;
	int err = sm_kid_say(kid, 'x');

	if (!err)
		err = sm_kid_answer(c, kid, &a);
	return err ? err : a.n[0] == kid->child.pid ? 0 : -EPROTO;
}

void sm_life_quit(struct sm_kid *kid)
{
	if (kid->reaped)
		return;
	sm_kid_say(kid, 'q'); /* its stdin need not end, where siblings hold the other end too */
	sm_kid_close_in(kid);
}

void sm_life_end(struct sm_cell *c, struct sm_kid *kids, int n)
{
	for (int i = 0; i < n; i++)
		sm_life_quit(&kids[i]);
	for (int i = 0; i < n; i++) {
		pid_t pid = kids[i].child.pid;

		if (kids[i].reaped)
			continue;
		sm_kid_wait(c, &kids[i]);
		sm_await_end(pid, SM_STEP_MS); /* the wait may have failed for want of a server */
		sm_kid_kill(c, &kids[i]);
	}
}

int sm_life_kill_server(struct sm_cell *c)
{
	return kill(c->server, SIGKILL) < 0 ? -errno : sm_await_end(c->server, SM_STEP_MS);
}

int sm_life_stop_server(struct sm_cell *c)
{
	return kill(c->server, SIGSTOP) < 0 ? -errno : sm_await_state(c->server, 'T', SM_STEP_MS);
}

void sm_life_continue_server(struct sm_cell *c)
{
	if (c->started && c->ops->server(c->self) == c->server)
		kill(c->server, SIGCONT);
}

int sm_life_dir(char *path, size_t size)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(path, size, "%s/life-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	return mkdtemp(path) ? 0 : -errno;
}

int sm_life_group_make(struct sm_life_group *g, const char *controller)
{
	size_t n;
	bool v2;
	int err;

	g->fd = -1;
	err = sm_group_place(controller, g->dir, sizeof(g->dir), &v2);
	n = strlen(g->dir);
	if (err)
		return err;
	snprintf(g->dir + n, sizeof(g->dir) - n, "/spawnmark-%d", getpid());
	if (mkdir(g->dir, 0755) < 0)
		return -errno;
	g->fd = open(g->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (g->fd < 0) {
		err = -errno;
		rmdir(g->dir);
	}
	return err;
}

int sm_life_group_put(const struct sm_life_group *g, const char *file, const char *text)
{
	int fd = openat(g->fd, file, O_WRONLY | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = sm_write_all(fd, text, strlen(text));
	close(fd);
	return err;
}

bool sm_life_group_has(const struct sm_life_group *g, pid_t pid)
{
	int fd = openat(g->fd, "cgroup.procs", O_RDONLY | O_CLOEXEC), one;
	FILE *list = fd < 0 ? NULL : fdopen(fd, "r");
	bool found = false;

	while (list && !found && fscanf(list, "%d", &one) == 1)
		found = one == pid;
	if (list)
		fclose(list);
	else if (fd >= 0)
		close(fd);
	return found;
}

int sm_life_group_drop(struct sm_life_group *g)
{
	const struct timespec shortly = { 0, 500000 };
	int64_t end = sm_now_ns() + (int64_t)SM_STEP_MS * 1000000;

	if (g->fd < 0)
		return 0;
	close(g->fd);
	g->fd = -1;
	while (rmdir(g->dir) < 0) { /* EBUSY until the last zombie has been reaped */
		if (errno != EBUSY || sm_now_ns() > end)
			return -errno;
		nanosleep(&shortly, NULL);
	}
	return 0;
}
