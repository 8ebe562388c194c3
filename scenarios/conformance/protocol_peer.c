/* SPDX-License-Identifier: MIT */
/*
 * protocol_peer.c - requests: who can reach a server, and what is left when its parent is killed.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol_util.h"
#include "sys/sys.h"

#define STRANGER 65534

/* ---- E12: other users ---- */

static int modes_are_private(struct sm_cell *c)
{
	struct stat sock, dir;
	struct sm_foe foe;
	char path[sizeof(foe.address.sun_path)];

	if (sm_foe_begin(c, &foe))
		return c->observed;
	memcpy(path, foe.address.sun_path, sizeof(path));
	if (stat(path, &sock) < 0 || stat(dirname(path), &dir) < 0)
		return sm_broken(c, "%s: %s", path, strerror(errno));
	return sm_judge(c,
			(sock.st_mode & 07777) == 0600 && (dir.st_mode & 07777) == 0700 &&
				sock.st_uid == geteuid() && dir.st_uid == geteuid(),
			"the socket has mode %04o, its directory %04o", sock.st_mode & 07777,
			dir.st_mode & 07777);
}

/* errno of a connection to path by a stranger; 0: it succeeded. */
static int connect_as_stranger(void *arg)
{
	const struct sockaddr_un *address = arg;
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (sock < 0 || setresgid(STRANGER, STRANGER, STRANGER) < 0 ||
	    setresuid(STRANGER, STRANGER, STRANGER) < 0)
		return 120;
	return connect(sock, (const struct sockaddr *)address, sizeof(*address)) < 0 ? errno : 0;
}

/* By its name, and past the directory, through a descriptor of the socket's inode. */
static int strangers_are_refused(struct sm_cell *c)
{
	struct sockaddr_un past = { .sun_family = AF_UNIX };
	struct sm_foe foe;
	int fd, by_name, by_inode;

	if (sm_foe_begin(c, &foe))
		return c->observed;
	fd = open(foe.address.sun_path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return sm_broken(c, "%s: %s", foe.address.sun_path, strerror(errno));
	snprintf(past.sun_path, sizeof(past.sun_path), "/proc/self/fd/%d", fd);
	by_name = sm_in_fork(connect_as_stranger, &foe.address, SM_STEP_MS);
	by_inode = sm_in_fork(connect_as_stranger, &past, SM_STEP_MS);
	close(fd);
	if (by_name < 0 || by_inode < 0 || by_name == 120)
		return sm_broken(c, "a process of another user: %d, %d", by_name, by_inode);
	return sm_judge(c, by_name == EACCES && by_inode == EACCES,
			"uid %d: by name %s; past the directory %s", STRANGER,
			by_name ? strerror(by_name) : "connected",
			by_inode ? strerror(by_inode) : "connected");
}

/* ---- E11: the same user ---- */

/* Not the parent: sends what is refused, and hears so. 1: heard. */
static int ask_as_sibling(void *arg)
{
	const struct sm_foe *foe = arg;
	int sock = sm_foe_connect(foe);
	struct sm_foe_word word;

	if (sock < 0)
		return 0;
	sm_foe_request(foe, sock, NULL, 0, 2, 4);
	word = sm_foe_hear(foe, sock);
	return !word.err && word.no == EPROTO;
}

static int siblings_are_refused(struct sm_cell *c)
{
	struct sm_foe foe;
	int heard;

	if (sm_foe_begin(c, &foe))
		return c->observed;
	heard = sm_in_fork(ask_as_sibling, &foe, SM_STEP_MS);
	return sm_judge(c, heard == 0, "another process of the same user was %s",
			heard == 1 ? "answered as if it were the parent" : "not answered");
}

/* Sockets of pid that have a name: in the file system, or an abstract one. -errno. */
static int named_sockets(pid_t pid)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++) {
		char path[64], what[64] = "";
		unsigned long inode, one;
		FILE *list;
		char line[512];

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
		if (readlink(path, what, sizeof(what) - 1) < 0 ||
		    sscanf(what, "socket:[%lu]", &inode) != 1)
			continue;
		list = fopen("/proc/net/unix", "re");
		while (list && fgets(line, sizeof(line), list)) {
			char name[2];

			n += sscanf(line, "%*s %*s %*s %*s %*s %*s %lu %1s", &one, name) == 2 &&
			     one == inode;
		}
		if (list)
			fclose(list);
	}
	return n;
}

static int server_has_no_name(struct sm_cell *c)
{
	int err = sm_cell_start(c), mine, its;

	if (err)
		return sm_trouble(c, err, "start");
	mine = named_sockets(getpid());
	its = named_sockets(c->server);
	return sm_judge(c, mine == 0 && its == 0,
			"sockets with a name: %d of the parent, %d of the server", mine, its);
}

/* ---- E10: the parent is killed before it reads the answer ---- */

/* A parent of its own, which asks for a child that waits, and is gone. Exit status: what failed. */
_Noreturn static void ask_and_die(struct sm_cell *c)
{
	struct sm_req req;
	struct sm_kid kid;

	if (sm_cell_start(c))
		_exit(1);
	req = sm_cell_req(c, NULL);
	if (sm_kid_spawn(c, &kid, &req))
		_exit(2);
	kill(getpid(), SIGKILL);
	_exit(3);
}

static int child_awaits(struct sm_cell *c)
{
	int byte = sm_child_await();

	return sm_holds(c, "stdin: %d", byte);
}

/* Whoever is left comes to us. Waits until all have ended; how many there were, or -errno. */
static int reap_orphans(void)
{
	int64_t end = sm_now_ns() + (int64_t)SM_STEP_MS * 1000000;
	const struct timespec nap = { 0, 500000 };
	int n = 0;

	for (;; nanosleep(&nap, NULL)) {
		siginfo_t info = { .si_pid = 0 };

		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) < 0)
			return errno == ECHILD ? n : -errno;
		n += info.si_pid > 0;
		if (sm_now_ns() > end)
			return -ETIMEDOUT;
	}
}

static int nobody_is_left(struct sm_cell *c)
{
	struct sm_exit end = { .size = sizeof(end) };
	pid_t pid;
	int err, n;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return sm_skips(c, SM_F_SUBREAPER, "prctl: %s", strerror(errno));
	pid = fork(); /* not sm_in_fork(), which would kill the server in its process group */
	if (!pid)
		ask_and_die(c);
	err = pid < 0 ? -errno : sm_wait_child(pid, SM_STEP_MS, &end);
	if (err == -ETIMEDOUT)
		sm_kill_child(pid);
	n = reap_orphans();
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	if (err || end.status != SIGKILL)
		return sm_broken(c, "the parent was to be killed with a child: %s, wait status %#x",
				 strerror(-err), end.status);
	return sm_judge(c, n > 0,
			"the parent was killed with a child in hand: %d processes were left, "
			"%s",
			n > 0 ? n : 0, n > 0 ? "and ended" : "and did not end");
}

static const struct sm_check checks[] = {
	{
		.id = "protocol.peer.modes",
		.row = "E12",
		.claim = "a named socket and its directory are their user's alone",
		.source =
			"unix(7): connecting needs write permission on the socket; CVE-2022-42919",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.without = SM_CHILD_OF_PARENT,
		.in_parent = modes_are_private,
	},
	{
		.id = "protocol.peer.other-user",
		.row = "E12",
		.claim =
			"another user can connect to the socket neither by name nor past its directory",
		.source =
			"unix(7): connecting needs write permission on the socket; CVE-2022-42919",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_ROOT),
		.only = SM_OWN_SERVER,
		.without = SM_CHILD_OF_PARENT,
		.in_parent = strangers_are_refused,
	},
	{
		.id = "protocol.peer.same-user",
		.row = "E11",
		.claim = "the server answers no other process of its user",
		.source = "unix(7) SO_PEERCRED; CPython forkserver authkey, cpython#99309",
		.level = SM_RECORD,
		.only = SM_OWN_SERVER,
		.without = SM_CHILD_OF_PARENT,
		.in_parent = siblings_are_refused,
	},
	{
		.id = "protocol.peer.no-name",
		.row = "E11",
		.claim = "a server that is its parent's alone has no socket with a name",
		.source = "unix(7), unnamed; spawner property 50",
		.level = SM_MUST,
		.only = SM_OWN_SERVER | SM_CHILD_OF_PARENT,
		.in_parent = server_has_no_name,
	},
	{
		.id = "protocol.gone.parent",
		.row = "E10",
		.claim = "when a parent is killed with a child in hand, server and child end",
		.source = "pipe(7), unix(7): end of file; CPython forkserver.main: alive_r",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_SUBREAPER),
		.only = SM_OWN_SERVER,
		.in_parent = nobody_is_left,
		.in_child = child_awaits,
	},
};

SM_GROUP_AS(protocol_peer, "protocol", "Requests and SCM_RIGHTS", checks);
