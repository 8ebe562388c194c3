/* SPDX-License-Identifier: MIT */
/*
 * identity_pidns.c - children in pid namespaces of their own, and zygotes in them.
 */
#include "group.h"
#include "identity_lab.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/sys.h"

/* As init of its namespace: refused; and by a plain clone, so that the refusal says something. */
static pid_t as_init(struct sm_lab *lab)
{
	pid_t pid = sm_lab_sibling(lab);

	if (pid == 0)
		return 0;
	lab->n[0] = pid;
	pid = sm_raw_clone(SIGCHLD);
	if (pid == 0)
		_exit(0);
	lab->n[1] = pid;
	return (pid_t)lab->n[0];
}

static pid_t into_pid_ns(struct sm_lab *lab)
{
	(void)lab;
	return sm_raw_clone(CLONE_PARENT | CLONE_NEWPID | SIGCHLD);
}

static pid_t into_user_ns(struct sm_lab *lab)
{
	(void)lab;
	return sm_raw_clone(CLONE_PARENT | CLONE_NEWUSER | CLONE_NEWPID | SIGCHLD);
}

/* A16 */
static int init_is_refused(struct sm_cell *c)
{
	struct sm_lab *lab = sm_lab_new(c, CLONE_NEWPID | SIGCHLD, as_init);

	if (lab && !sm_lab_run(lab, sm_lab_parent))
		sm_judge(c, lab->n[0] == -EINVAL && lab->n[1] > 0,
			 "clone(CLONE_PARENT) by pid 1 of a namespace: %lld (EINVAL is %d), "
			 "without CLONE_PARENT: %s",
			 (long long)lab->n[0], -EINVAL,
			 lab->n[1] > 0 ? "a child" : strerror((int)-lab->n[1]));
	sm_lab_free(lab);
	return c->observed;
}

/* A17, A18: -EINVAL is what the manual page says, and kernels before 3.13 do. */
static int born_inside(struct sm_cell *c, sm_lab_clone *clone)
{
	struct sm_lab *lab = sm_lab_new(c, SIGCHLD, clone);

	if (!lab || sm_lab_run(lab, sm_lab_parent))
		goto out;
	if (lab->kid == -EINVAL)
		sm_skips(c, SM_F_PARENT_NEWPID, "clone: EINVAL, as clone(2) says");
	else
		sm_judge(c, sm_lab_ended_well(lab) && lab->pid == 1 && lab->ppid == 0,
			 "the child says pid %lld, ppid %lld; its parent waited for %lld: %s",
			 (long long)lab->pid, (long long)lab->ppid, (long long)lab->kid,
			 sm_lab_seen(lab));
out:
	sm_lab_free(lab);
	return c->observed;
}

static int beside_newpid(struct sm_cell *c)
{
	return born_inside(c, into_pid_ns);
}

static int beside_newuser(struct sm_cell *c)
{
	return born_inside(c, into_user_ns);
}

/* Below: the strategy itself. Its creator unshares, so that its children are born inside. */
static int unshare_pids(struct sm_cell *c)
{
	if (unshare(CLONE_NEWPID) < 0)
		return sm_broken(c, "unshare(CLONE_NEWPID): %s", strerror(errno));
	return sm_holds(c, "children will be in a pid namespace");
}

static int child_says(struct sm_cell *c)
{
	c->answer.n[0] = getpid();
	sm_child_tell(c, "pid %d", getpid());
	sm_child_await();
	return sm_holds(c, "let go");
}

static int64_t namespace_of(pid_t pid)
{
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", pid);
	return stat(path, &st) < 0 ? -errno : (int64_t)st.st_ino;
}

/* A19 */
static int two_inside(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	int64_t ns[2] = { 0, 0 };
	struct sm_answer a[2];
	struct sm_kid kid[2];
	int err = 0, n = 0;

	while (!err && n < 2) {
		err = sm_kid_spawn(c, &kid[n], &req);
		if (err)
			break;
		err = sm_kid_answer(c, &kid[n], &a[n]);
		ns[n] = namespace_of(kid[n].child.pid);
		n++;
	}
	if (!err)
		sm_judge(c,
			 a[0].n[0] == 1 && a[1].n[0] == 2 && ns[0] == ns[1] && ns[0] > 0 &&
				 ns[0] != namespace_of(getpid()),
			 "the first says pid %lld in namespace %lld, the second %lld in %lld",
			 (long long)a[0].n[0], (long long)ns[0], (long long)a[1].n[0],
			 (long long)ns[1]);
	while (n > 0) /* the second first: the end of pid 1 would kill it */
		sm_kid_kill(c, &kid[--n]);
	return err ? sm_trouble(c, err, "two children") : c->observed;
}

/* A20 */
static int none_after_init(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;
	struct sm_kid kid, late;
	int err = sm_kid_spawn(c, &kid, &req);

	if (!err)
		err = sm_kid_answer(c, &kid, &a);
	if (err) {
		sm_kid_kill(c, &kid);
		return sm_trouble(c, err, "the namespace's first child");
	}
	err = sm_kid_wait(c, &kid);
	if (err)
		return sm_trouble(c, err, "the end of the namespace's first child");
	err = sm_kid_spawn(c, &late, &req);
	if (!err)
		sm_kid_kill(c, &late);
	return sm_judge(c, err == -ENOMEM && c->fault.stage == SM_STAGE_CLONE,
			"pid 1 (it said %lld) has ended; the next spawn: %s%s", (long long)a.n[0],
			err ? strerror(-err) : "a child",
			err ? (c->fault.stage == SM_STAGE_CLONE ? ", stage clone" : ", elsewhere")
			    : "");
}

static int32_t take_credentials(int sock)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	const struct cmsghdr *at;
	struct ucred cred;

	if (recvmsg(sock, &msg, 0) != 1)
		return -errno;
	at = CMSG_FIRSTHDR(&msg);
	if (!at || at->cmsg_type != SCM_CREDENTIALS)
		return -EPROTO;
	memcpy(&cred, CMSG_DATA(at), sizeof(cred));
	return cred.pid;
}

/* A name in no directory, which this network namespace alone has. */
static int listen_for_credentials(char *name, size_t size)
{
	const struct timeval patience = { .tv_sec = SM_STEP_MS / 1000 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;

	snprintf(name, size, "spawnmark-%d", getpid());
	memcpy(address.sun_path + 1, name, strlen(name));
	if (sock >= 0 &&
	    (setsockopt(sock, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
	     setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	     bind(sock, (struct sockaddr *)&address, sizeof(address)) < 0)) {
		int err = errno;

		close(sock);
		return -err;
	}
	return sock < 0 ? -errno : sock;
}

static int child_sends(struct sm_cell *c)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ssize_t put;

	strncpy(address.sun_path + 1, c->arg, sizeof(address.sun_path) - 2);
	put = sendto(sock, "", 1, 0, (struct sockaddr *)&address, sizeof(address));
	c->answer.n[0] = getpid();
	c->answer.n[1] = put == 1 ? 0 : errno;
	close(sock);
	return sm_holds(c, "the child says: pid %d", getpid());
}

/* A03 */
static int outer_pid_is_told(struct sm_cell *c)
{
	char name[32];
	int sock = listen_for_credentials(name, sizeof(name));
	struct sm_req req = sm_cell_req(c, name);
	struct sm_answer a = { .n = { 0 } };
	struct sm_kid kid;
	int32_t sender = 0;
	int err;

	if (sock < 0)
		return sm_broken(c, "no socket for credentials: %s", strerror(-sock));
	err = sm_kid_spawn(c, &kid, &req);
	if (!err)
		err = sm_kid_answer(c, &kid, &a);
	if (!err && !a.n[1])
		sender = take_credentials(sock);
	if (!err)
		err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	close(sock);
	if (err)
		return sm_trouble(c, err, "a child in a pid namespace");
	if (a.n[1])
		return sm_broken(c, "the child cannot send: %s", strerror((int)a.n[1]));
	return sm_judge(c, a.n[0] == 1 && sender == kid.child.pid && sender > 1,
			"the child says pid %lld; the parent was told %d, and its message bears %d",
			(long long)a.n[0], kid.child.pid, sender);
}

static const struct sm_check checks[] = {
	{
		.id = "identity.pidns.init-parent",
		.row = "A16",
		.claim = "a zygote that is pid 1 of its namespace gets EINVAL for CLONE_PARENT",
		.source = "clone(2) EINVAL; linux:kernel/fork.c:copy_process SIGNAL_UNKILLABLE",
		.level = SM_MUST,
		.flags = SM_CHECK_ALONE,
		.needs = SM_NEED(SM_F_PID_NS),
		.only = SM_LAB_ONLY,
		.in_parent = init_is_refused,
	},
	{
		.id = "identity.pidns.clone-parent",
		.row = "A17",
		.claim = "CLONE_PARENT beside CLONE_NEWPID makes a child of the parent that is "
			 "pid 1, though clone(2) denies it",
		.source = "clone(2) EINVAL, to the contrary; linux:kernel/fork.c:copy_process",
		.level = SM_MUST,
		.flags = SM_CHECK_ALONE,
		.needs = SM_NEED(SM_F_PID_NS),
		.only = SM_LAB_ONLY,
		.in_parent = beside_newpid,
	},
	{
		.id = "identity.userns.clone-parent",
		.row = "A18",
		.claim = "CLONE_PARENT beside CLONE_NEWUSER and CLONE_NEWPID makes a child of the "
			 "parent, though clone(2) denies it",
		.source = "clone(2) EINVAL, to the contrary; linux:kernel/fork.c:copy_process",
		.level = SM_MUST,
		.flags = SM_CHECK_ALONE,
		.needs = SM_NEED(SM_F_USER_NS), /* which brings what CLONE_NEWPID needs */
		.only = SM_LAB_ONLY,
		.in_parent = beside_newuser,
	},
	{
		.id = "identity.pidns.outer-pid",
		.row = "A03",
		.claim = "a child that is pid 1 of a namespace is told to the parent, and vouched "
			 "for by SCM_CREDENTIALS, with its outer pid",
		.source = "pid_namespaces(7); unix(7) SCM_CREDENTIALS",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_ROOT) | SM_NEED(SM_F_PID_NS),
		.in_parent = outer_pid_is_told,
		.in_creator = unshare_pids,
		.in_child = child_sends,
	},
	{
		.id = "identity.pidns.shared",
		.row = "A19",
		.claim = "after one unshare(CLONE_NEWPID) of the creator two children are pid 1 "
			 "and pid 2 of one namespace",
		.source = "pid_namespaces(7); linux:kernel/nsproxy.c pid_ns_for_children",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_ROOT) | SM_NEED(SM_F_PID_NS),
		.in_parent = two_inside,
		.in_creator = unshare_pids,
		.in_child = child_says,
	},
	{
		.id = "identity.pidns.dead",
		.row = "A20",
		.claim = "when pid 1 of the children's namespace has ended, spawn reports ENOMEM "
			 "of the clone",
		.source = "fork(2) ENOMEM; linux:kernel/fork.c:copy_process PIDNS_ADDING",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_ROOT) | SM_NEED(SM_F_PID_NS),
		.in_parent = none_after_init,
		.in_creator = unshare_pids,
		.in_child = child_says,
	},
};

SM_GROUP_AS(identity_pidns, "identity", "Identity and parentage", checks);
