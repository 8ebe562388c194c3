/* SPDX-License-Identifier: MIT */
/*
 * sandbox_reach.c - namespaces and sandbox: whom a child can reach, and what it shares.
 */
#include "group.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "protocol_util.h"
#include "sandbox_util.h"
#include "sys/sys.h"

/* ---- J17 ---- */

static int try_signal(pid_t pid)
{
	return kill(pid, 0) < 0 ? errno : 0;
}

static int try_trace(pid_t pid)
{
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
		return errno;
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return 0;
}

/* "become PARENT SERVER SIBLING"; the server may be 0. */
static int child_reaches(struct sm_cell *c)
{
	int become = 0, pids[3] = { 0, 0, 0 }, reached = 0, tried = 0;

	if (!*c->arg) { /* the sibling */
		sm_child_tell(c, "here");
		sm_child_await();
		return sm_holds(c, "let go");
	}
	if (sscanf(c->arg, "%d %d %d %d", &become, &pids[0], &pids[1], &pids[2]) != 4)
		return sm_broken(c, "no argument");
	if (become && sm_box_become())
		return sm_fails(c, "cannot become another user: %s", strerror(errno));
	for (int i = 0; i < 3; i++) {
		if (!pids[i])
			continue;
		tried += 2;
		reached += !try_signal(pids[i]);
		reached += !try_trace(pids[i]);
	}
	return sm_judge(c, !reached,
			"user %u: of %d ways to signal or trace parent, server and sibling %d are "
			"open",
			getuid(), tried, reached);
}

static int reach(struct sm_cell *c, int become)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;
	struct sm_kid kid;
	char arg[64];
	int err = sm_kid_spawn(c, &kid, &req);

	if (!err)
		err = sm_kid_answer(c, &kid, &a);
	if (err) {
		sm_kid_kill(c, &kid);
		return sm_trouble(c, err, "a sibling");
	}
	snprintf(arg, sizeof(arg), "%d %d %d %d", become, getpid(), c->server, kid.child.pid);
	req = sm_cell_req(c, arg);
	sm_kid_verdict(c, &req);
	sm_kid_kill(c, &kid);
	return c->observed;
}

static int reach_as_is(struct sm_cell *c)
{
	return reach(c, 0);
}

static int reach_as_nobody(struct sm_cell *c)
{
	return reach(c, 1);
}

/* ---- J18 ---- */

static int child_has_no_socket(struct sm_cell *c)
{
	int sockets = 0, open = 0;

	for (int fd = 0; fd < 4096; fd++) {
		struct stat st;

		if (fstat(fd, &st) < 0)
			continue;
		open++;
		sockets += S_ISSOCK(st.st_mode);
	}
	return sm_judge(c, !sockets, "%d sockets among %d descriptors", sockets, open);
}

static int child_knocks(struct sm_cell *c)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), err;

	strncpy(to.sun_path, c->arg, sizeof(to.sun_path) - 1);
	if (sm_box_become())
		return sm_fails(c, "cannot become another user: %s", strerror(errno));
	err = connect(sock, (struct sockaddr *)&to, sizeof(to)) < 0 ? errno : 0;
	close(sock);
	return sm_judge(c, err == EACCES, "user %u connects to the server's socket: %s", getuid(),
			strerror(err));
}

static int socket_is_private(struct sm_cell *c)
{
	struct sm_req req;
	struct sm_foe foe;

	if (sm_foe_begin(c, &foe))
		return c->observed;
	req = sm_cell_req(c, foe.address.sun_path);
	sm_kid_verdict(c, &req);
	sm_foe_end(&foe);
	return c->observed;
}

/* ---- J19 ---- */

static long session_keyring(void)
{
	long id = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);

	return id < 0 ? -errno : id;
}

static int child_joins_keyring(struct sm_cell *c)
{
	long was = session_keyring(),
	     joined = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);

	return sm_judge(c, joined > 0 && joined != was && session_keyring() == joined,
			"a session keyring of its own: %s",
			joined > 0 ? "joined" : strerror(errno));
}

static int child_has_keyring(struct sm_cell *c)
{
	return sm_judge(c, session_keyring() == atol(c->arg), "the creator's session keyring: %s",
			session_keyring() == atol(c->arg) ? "the child's too" : "not the child's");
}

static int keyring_of_parent(struct sm_cell *c)
{
	struct sm_req req;
	char arg[24];

	snprintf(arg, sizeof(arg), "%ld", session_keyring());
	req = sm_cell_req(c, arg);
	return sm_kid_verdict(c, &req);
}

static const struct sm_check checks[] = {
	{
		.id = "sandbox.reach.same-user",
		.row = "J17",
		.claim =
			"a child of the same user cannot signal or trace parent, server or sibling",
		.source = "credentials(7); ptrace(2)",
		.level = SM_RECORD,
		.needs = SM_NEED(SM_F_PTRACE),
		.in_parent = reach_as_is,
		.in_child = child_reaches,
	},
	{
		.id = "sandbox.reach.other-user",
		.row = "J17",
		.claim =
			"a child that became another user cannot signal or trace parent, server or "
			"sibling",
		.source = "kill(2) EPERM; ptrace(2) EPERM",
		.level = SM_SHOULD,
		.needs = SM_NEED(SM_F_ROOT) | SM_NEED(SM_F_PTRACE),
		.in_parent = reach_as_nobody,
		.in_child = child_reaches,
	},
	{
		.id = "sandbox.control.descriptors",
		.row = "J18",
		.claim = "a child holds no socket, and so not the one that controls its server",
		.source = "row D15; CPython bpo-26732",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.in_child = child_has_no_socket,
	},
	{
		.id = "sandbox.control.name",
		.row = "J18",
		.claim = "a child that became another user cannot connect to its server",
		.source = "unix(7): needs write permission on the socket, search on its directory",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_ROOT),
		.only = SM_OWN_SERVER,
		.without = SM_CHILD_OF_PARENT,
		.in_parent = socket_is_private,
		.in_child = child_knocks,
	},
	{
		.id = "sandbox.keyring.own",
		.row = "J19",
		.claim = "a child can join a session keyring of its own",
		.source = "keyctl(2) KEYCTL_JOIN_SESSION_KEYRING; session-keyring(7)",
		.level = SM_RECORD,
		.in_child = child_joins_keyring,
	},
	{
		.id = "sandbox.keyring.inherited",
		.row = "J19",
		.claim = "a child has the parent's session keyring",
		.source = "session-keyring(7): inherited over fork, vfork, clone and execve",
		.level = SM_RECORD,
		.in_parent = keyring_of_parent,
		.in_child = child_has_keyring,
	},
};

SM_GROUP_AS(sandbox_reach, "sandbox", "Namespaces and sandbox", checks);
