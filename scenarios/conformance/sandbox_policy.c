/* SPDX-License-Identifier: MIT */
/*
 * sandbox_policy.c - what a child takes from itself: system calls, rights, the way to others.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol_util.h"
#include "sandbox_util.h"
#include "sys/sys.h"

/* ---- J09, J16: one child confines itself, the next is free ---- */

static int inner_filtered(void *arg)
{
	(void)arg;
	return -sm_box_filtered() & 127;
}

static int child_filters(struct sm_cell *c)
{
	int was = sm_box_filtered(), err, now, inner, next = 0, parents = 0;
	int64_t mode = sm_status_of(getpid(), "Seccomp", 10);

	if (sscanf(c->arg, "%d %d", &next, &parents) != 2)
		return sm_broken(c, "no argument");
	if (next)
		return sm_judge(c, was == 0 && mode == parents, "the next: %s, mode %lld",
				strerror(-was), (long long)mode);
	err = sm_box_filter();
	now = sm_box_filtered();
	inner = sm_in_fork(inner_filtered, NULL, SM_STEP_MS);
	return sm_judge(
		c,
		was == 0 && mode == parents && !err && now == -SM_BOX_ERR && inner == SM_BOX_ERR &&
			sm_status_of(getpid(), "Threads", 10) == 1,
		"a filter (%s) on the only thread: the call was %s (mode %lld), is %s, and %s "
		"in its child",
		strerror(-err), strerror(-was), (long long)mode, strerror(-now),
		strerror(inner < 0 ? -inner : inner));
}

static int inner_linked(void *arg)
{
	(void)arg;
	return -sm_box_symlink() & 127;
}

static int child_locks(struct sm_cell *c)
{
	int was = sm_box_symlink(), err, now, inner;

	if (atoi(c->arg))
		return sm_judge(c, was == 0, "the next: %s", strerror(-was));
	err = sm_box_landlock();
	now = sm_box_symlink();
	inner = sm_in_fork(inner_linked, NULL, SM_STEP_MS);
	return sm_judge(c, was == 0 && !err && now == -EACCES && inner == EACCES,
			"a domain without links (%s): symlink() was %s, is %s, and %s in its child",
			strerror(-err), strerror(-was), strerror(-now),
			strerror(inner < 0 ? -inner : inner));
}

/* Two children, which are told the parent's own mode (a container's may be filtered); the verdict of the first, unless the second is not free. */
static int next_is_free(struct sm_cell *c)
{
	struct sm_req req, next;
	char first[512], arg[32];
	int mode = (int)sm_status_of(getpid(), "Seccomp", 10);

	snprintf(arg, sizeof(arg), "0 %d", mode);
	req = sm_cell_req(c, arg);
	snprintf(arg, sizeof(arg), "1 %d", mode);
	next = sm_cell_req(c, arg);

	if (sm_kid_verdict(c, &req) != SM_HOLDS)
		return c->observed;
	snprintf(first, sizeof(first), "%.500s", c->text);
	if (sm_kid_verdict(c, &next) != SM_HOLDS)
		return c->observed;
	return sm_holds(c, "%s; the next child is free", first);
}

/* ---- J11 ---- */

static int inner_nnp(void *arg)
{
	(void)arg;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
}

static int child_gives_up_privileges(struct sm_cell *c)
{
	int was = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), back, inner;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return sm_fails(c, "PR_SET_NO_NEW_PRIVS: %s", strerror(errno));
	back = prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) < 0 ? errno : 0;
	inner = sm_in_fork(inner_nnp, NULL, SM_STEP_MS);
	return sm_judge(c,
			was == atoi(c->arg) && back == EINVAL && inner == 1 &&
				prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1,
			"at birth %d (of the parent %s), set; taken back: %s; in its child %d", was,
			c->arg, strerror(back), inner);
}

static int as_parent_then_set(struct sm_cell *c)
{
	const char *arg = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) ? "1" : "0";
	struct sm_req req = sm_cell_req(c, arg);

	return sm_kid_verdict(c, &req);
}

/* ---- J12: a copy of cat(1) with the set-user-ID bit says what it has become ---- */

#define CAT "/usr/bin/cat"

static int copy_into(int to)
{
	int from = open(CAT, O_RDONLY | O_CLOEXEC), err = 0;
	char buf[16384];
	ssize_t n;

	if (from < 0)
		return -errno;
	while (!err && (n = read(from, buf, sizeof(buf))) > 0)
		err = sm_write_all(to, buf, (size_t)n);
	close(from);
	return err;
}

/* Without a name: no other user can run it. A descriptor or -errno. */
static int make_suid(void)
{
	char path[256];
	int fd, run = -1, err;

	snprintf(path, sizeof(path), "%s/sandbox-XXXXXX", sm_box_tmp());
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = copy_into(fd);
	run = open(path, O_RDONLY | O_CLOEXEC);
	unlink(path);
	if (!err && fchmod(fd, 04755) < 0)
		err = -errno;
	close(fd); /* nobody executes what is open for writing */
	if (!err)
		return run;
	close(run);
	return err;
}

struct suid {
	int program, out[2];
	bool bare; /* without bounding set */
	bool nnp;
};

static int drop_bounds(void)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return -errno;
	}
	return 0;
}

static int run_suid(void *arg)
{
	static char *const argv[] = { (char *)"cat", (char *)"/proc/self/status", NULL };
	static char *const envp[] = { NULL };
	const struct suid *s = arg;
	int err = s->bare ? drop_bounds() : 0;

	if (!err)
		err = sm_box_become();
	if (!err && s->nnp && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		err = -errno;
	if (!err && dup2(s->out[1], STDOUT_FILENO) < 0)
		err = -errno;
	if (!err)
		syscall(SYS_execveat, s->program, "", argv, envp, AT_EMPTY_PATH);
	return 100;
}

/* Effective user and capabilities of the program. 0 or -errno. */
static int try_suid(struct suid *s, int *uid, unsigned long long *caps)
{
	char text[8192] = "";
	const char *at;
	size_t have = 0;
	ssize_t n;
	int rc;

	if (pipe2(s->out, O_CLOEXEC) < 0)
		return -errno;
	rc = sm_in_fork(run_suid, s, SM_STEP_MS); /* a page and a half fits in the pipe */
	close(s->out[1]);
	while (have < sizeof(text) - 1 &&
	       (n = read(s->out[0], text + have, sizeof(text) - 1 - have)) > 0)
		have += (size_t)n;
	close(s->out[0]);
	at = strstr(text, "\nUid:");
	if (rc || !at || sscanf(at, "\nUid: %*d %d", uid) != 1)
		return rc < 0 ? rc : -ENOEXEC;
	at = strstr(text, "\nCapEff:");
	return at && sscanf(at, "\nCapEff: %llx", caps) == 1 ? 0 : -EPROTO;
}

static bool ignores_suid(const char *path)
{
	struct statvfs fs;

	return statvfs(path, &fs) == 0 && (fs.f_flag & ST_NOSUID);
}

static int child_runs_suid(struct sm_cell *c)
{
	struct suid plain = { .program = make_suid() }, bare = plain, nnp = plain;
	unsigned long long caps[3] = { 0, 0, 0 };
	int uid[3] = { -1, -1, -1 }, err;

	bare.bare = nnp.nnp = true;
	if (plain.program < 0)
		return sm_broken(c, "a program with the set-user-ID bit: %s",
				 strerror(-plain.program));
	err = try_suid(&plain, &uid[0], &caps[0]);
	if (!err)
		err = try_suid(&bare, &uid[1], &caps[1]);
	if (!err)
		err = try_suid(&nnp, &uid[2], &caps[2]);
	close(plain.program);
	if (err)
		return sm_fails(c, "cat(1): %s", strerror(-err));
	if (uid[0] != 0 && ignores_suid(sm_box_tmp()))
		return sm_skips(c, SM_F_ROOT, "%s is mounted nosuid", sm_box_tmp());
	return sm_judge(c,
			uid[0] == 0 && caps[0] && !caps[1] && uid[2] == (int)SM_BOX_ID && !caps[2],
			"a set-user-ID program of root: user %d with capabilities %llx; without "
			"bounding set %d, %llx; with no_new_privs %d, %llx",
			uid[0], caps[0], uid[1], caps[1], uid[2], caps[2]);
}

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
		.id = "sandbox.seccomp.child",
		.row = "J09",
		.claim =
			"a child's filter binds it and its children at once, and not the next child",
		.source = "seccomp(2); LTP seccomp01; linux:kernel/fork.c:copy_seccomp",
		.level = SM_SHOULD,
		.needs = SM_NEED(SM_F_SECCOMP_FILTER),
		.in_parent = next_is_free,
		.in_child = child_filters,
	},
	{
		.id = "sandbox.no-new-privs.child",
		.row = "J11",
		.claim = "no_new_privs is at birth as the parent's; set, it stays and is inherited",
		.source = "prctl(2) PR_SET_NO_NEW_PRIVS; LTP prctl06",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_NO_NEW_PRIVS),
		.in_parent = as_parent_then_set,
		.in_child = child_gives_up_privileges,
	},
	{
		.id = "sandbox.caps.setuid",
		.row = "J12",
		.claim = "a set-user-ID program serves a child's child, and gives nothing to one "
			 "without bounding set or with no_new_privs",
		.source = "capabilities(7); execve(2); runtime-tools process_capabilities",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_ROOT) | SM_NEED(SM_F_NO_NEW_PRIVS),
		.in_child = child_runs_suid,
	},
	{
		.id = "sandbox.landlock.child",
		.row = "J16",
		.claim =
			"a child's Landlock domain binds it and its children, and not the next child",
		.source = "landlock(7)",
		.level = SM_SHOULD,
		.needs = SM_NEED(SM_F_LANDLOCK),
		.in_parent = next_is_free,
		.in_child = child_locks,
	},
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

SM_GROUP_AS(sandbox_policy, "sandbox", "Namespaces and sandbox", checks);
