/* SPDX-License-Identifier: MIT */
/*
 * exit_pidfd.c - a child's end through a pidfd, and whose number its pid is afterwards.
 */
#include "group.h"
#include "exit_util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* <linux/pidfd.h> of Linux 6.15, which libc's headers need not have. */
struct pidfd_info_64 {
	uint64_t mask, cgroupid;
	uint32_t pid, tgid, ppid, ids[8];
	int32_t exit_code;
};
#define INFO_GET  _IOWR(0xFF, 11, struct pidfd_info_64)
#define INFO_EXIT (1u << 3)

static int pidfd_of(pid_t pid, unsigned int flags)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, flags);

	return fd < 0 ? -errno : fd;
}

static int poll_now(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, timeout_ms);
}

/* A child that waits, and a pidfd of it; ends as arg says. On error there is neither. */
static int spawn_with_pidfd(struct sm_cell *c, struct sm_kid *kid, const char *arg,
			    unsigned int flags, int *fd)
{
	int err = sm_exit_spawn(c, kid, arg);

	*fd = -1;
	if (err)
		return err;
	*fd = pidfd_of(kid->child.pid, flags);
	if (*fd < 0) {
		err = *fd;
		c->fault.stage = SM_STAGE_NONE;
		sm_kid_kill(c, kid);
	}
	return err;
}

/* B12 */
static int readable_at_end(struct sm_cell *c)
{
	struct sm_kid kid;
	int fd, before, after;
	int err = spawn_with_pidfd(c, &kid, "7", 0, &fd);

	if (err)
		return sm_trouble(c, err, "a child with a pidfd");
	before = poll_now(fd, 0);
	sm_kid_close_in(&kid);
	after = poll_now(fd, SM_STEP_MS);
	close(fd);
	err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	if (err)
		return sm_trouble(c, err, "its end");
	return sm_judge(c, before == 0 && after == 1, "poll() while it runs: %d; at its end: %d",
			before, after);
}

/* B13: by the parent. */
static int waits_by_pidfd(struct sm_cell *c)
{
	siginfo_t info = { 0 };
	struct sm_kid kid;
	int fd, fault;
	int err = spawn_with_pidfd(c, &kid, "7", 0, &fd);

	if (err)
		return sm_trouble(c, err, "a child with a pidfd");
	sm_kid_close_in(&kid);
	fault = waitid(P_PIDFD, (id_t)fd, &info, WEXITED) < 0 ? errno : 0;
	sm_judge(c, !fault && info.si_pid == kid.child.pid && info.si_status == 7,
		 "waitid(P_PIDFD): %s, pid %d of %d, status %d",
		 fault ? strerror(fault) : "collected", info.si_pid, kid.child.pid, info.si_status);
	if (!fault)
		sm_exit_forget(&kid);
	sm_kid_kill(c, &kid);
	close(fd);
	return c->observed;
}

/*
 * B13: by the creator. A signal makes it try; the handler runs in the server, whose board it
 * finds in a global: it has no argument. Written before the handler is installed.
 */
static struct sm_board *creators_board;

static void try_to_wait(int sig)
{
	struct sm_board *board = creators_board;
	siginfo_t info;
	int saved = errno;
	int fd = pidfd_of((pid_t)board->n[0], 0);

	(void)sig;
	board->n[1] = fd < 0 ? fd : 0;
	board->n[2] = waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0
			      ? -errno
			      : 0;
	if (fd >= 0)
		close(fd);
	sm_board_post(&board->word[0]);
	errno = saved;
}

static int wait_on_signal(struct sm_cell *c)
{
	const struct sigaction sa = { .sa_handler = try_to_wait, .sa_flags = SA_RESTART };

	creators_board = c->board;
	if (sigaction(SIGUSR1, &sa, NULL) < 0)
		return sm_broken(c, "sigaction: %s", strerror(errno));
	return sm_holds(c, "SIGUSR1 makes it wait");
}

static int creator_cannot_wait(struct sm_cell *c)
{
	struct sm_kid kid;
	int err = sm_exit_spawn(c, &kid, "7");

	if (err)
		return sm_trouble(c, err, "a child");
	c->board->n[0] = kid.child.pid;
	err = kill(c->server > 0 ? c->server : getpid(), SIGUSR1) < 0 ? -errno : 0;
	if (!err)
		err = sm_board_wait(&c->board->word[0], 0, SM_STEP_MS);
	if (!err)
		err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	if (err)
		return sm_trouble(c, err, "the server's try, and the child's end");
	return sm_judge(c, c->board->n[1] == 0 && c->board->n[2] == -ECHILD,
			"in the server: pidfd_open(): %s, waitid(P_PIDFD): %s",
			strerror((int)-c->board->n[1]), strerror((int)-c->board->n[2]));
}

/* B14 */
static int nonblocking_waits_not(struct sm_cell *c)
{
	siginfo_t info = { 0 };
	struct sm_kid kid;
	int fd, early, late;
	int err = spawn_with_pidfd(c, &kid, "7", O_NONBLOCK, &fd);

	if (err)
		return sm_trouble(c, err, "a child with a pidfd");
	early = waitid(P_PIDFD, (id_t)fd, &info, WEXITED) < 0 ? errno : 0;
	sm_kid_close_in(&kid);
	poll_now(fd, SM_STEP_MS);
	late = waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOWAIT) < 0 ? errno : 0;
	close(fd);
	err = early ? sm_kid_wait(c, &kid) : 0;
	sm_kid_kill(c, &kid);
	if (err)
		return sm_trouble(c, err, "its end");
	return sm_judge(c, early == EAGAIN && late == 0 && info.si_pid == kid.child.pid,
			"waitid() by a non-blocking pidfd while it runs: %s; at its end: %s",
			strerror(early), strerror(late));
}

/* B15: what the kernel keeps for the holders of a pidfd, when the child has been collected. */
static int anybody_reads_status(struct sm_cell *c)
{
	struct pidfd_info_64 info = { .mask = INFO_EXIT };
	struct sm_kid kid;
	int fd, fault;
	int err = spawn_with_pidfd(c, &kid, "7", 0, &fd);

	if (err)
		return sm_trouble(c, err, "a child with a pidfd");
	err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	fault = ioctl(fd, INFO_GET, &info) < 0 ? errno : 0;
	close(fd);
	if (err)
		return sm_trouble(c, err, "its end");
	if (fault == ENOTTY || fault == EINVAL || fault == ESRCH || !(info.mask & INFO_EXIT))
		return sm_skips(c, SM_F_PIDFD_INFO, "PIDFD_GET_INFO: %s",
				fault ? strerror(fault) : "tells nothing of the exit");
	return sm_judge(c, !fault && info.exit_code == 7 << 8 && info.exit_code == kid.exit.status,
			"PIDFD_GET_INFO: %s, exit code %#x; the strategy's wait: %#x",
			strerror(fault), (unsigned int)info.exit_code,
			(unsigned int)kid.exit.status);
}

/*
 * B23: a second child that has ended and was waited for shows that a server which reaps had the
 * chance to reap the first.
 */
static int pid_is_kept(struct sm_cell *c)
{
	struct sm_kid kid, later;
	int fault, err = sm_exit_spawn(c, &kid, "7");

	if (err)
		return sm_trouble(c, err, "a child");
	err = sm_exit_let_go(&kid);
	if (!err)
		err = sm_exit_spawn(c, &later, "0");
	if (!err) {
		err = sm_kid_wait(c, &later);
		sm_kid_kill(c, &later);
	}
	fault = kill(kid.child.pid, 0) < 0 ? errno : 0;
	if (!err)
		err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	if (err)
		return sm_trouble(c, err, "the ends of two children");
	return sm_judge(c, !fault, "the child has ended and was not waited for; its pid: %s",
			fault ? strerror(fault) : "is still its own");
}

static int gone_when_reaped(struct sm_cell *c)
{
	struct sm_kid kid;
	int fd, alive, reaped;
	int err = spawn_with_pidfd(c, &kid, "7", 0, &fd);

	if (err)
		return sm_trouble(c, err, "a child with a pidfd");
	alive = syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) < 0 ? errno : 0;
	err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	reaped = syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0 ? errno : 0;
	close(fd);
	if (err)
		return sm_trouble(c, err, "its end");
	return sm_judge(c, alive == 0 && reaped == ESRCH,
			"a signal by pidfd to the running child: %s; when it was waited for: %s",
			alive ? strerror(alive) : "sent", reaped ? strerror(reaped) : "sent");
}

static const struct sm_check checks[] = {
	{
		.id = "exit.pidfd.poll",
		.row = "B12",
		.claim = "a pidfd of the child becomes readable when it ends, not before",
		.source = "pidfd_open(2); LTP pidfd_open03; linux selftests pidfd_poll_test",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_PIDFD_OPEN),
		.in_parent = readable_at_end,
		.in_child = sm_exit_when_told,
	},
	{
		.id = "exit.pidfd.parent",
		.row = "B13",
		.claim = "the parent can wait for the child by its pidfd",
		.source = "waitid(2) P_PIDFD; linux selftests pidfd_wait",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_PIDFD_OPEN) | SM_NEED(SM_F_WAITID_PIDFD),
		.fails_lacking = SM_CHILD_OF_PARENT,
		.why = "the server's child, so that the parent cannot wait for it",
		.in_parent = waits_by_pidfd,
		.in_child = sm_exit_when_told,
	},
	{
		.id = "exit.pidfd.creator",
		.row = "B13",
		.claim = "the server that made the child cannot wait for it: ECHILD",
		.source = "waitid(2) P_PIDFD; linux:kernel/exit.c:do_wait_pid",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_PIDFD_OPEN) | SM_NEED(SM_F_WAITID_PIDFD),
		.only = SM_OWN_SERVER,
		.fails_lacking = SM_CHILD_OF_PARENT,
		.why = "the server's own child, for which it does wait",
		.in_parent = creator_cannot_wait,
		.in_creator = wait_on_signal,
		.in_child = sm_exit_when_told,
	},
	{
		.id = "exit.pidfd.nonblock",
		.row = "B14",
		.claim = "waitid() by a non-blocking pidfd is EAGAIN while the child runs",
		.source = "pidfd_open(2) PIDFD_NONBLOCK; LTP pidfd_open04",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_PIDFD_NONBLOCK) | SM_NEED(SM_F_WAITID_PIDFD),
		.fails_lacking = SM_CHILD_OF_PARENT,
		.why = "the server's child, so that the parent cannot wait for it",
		.in_parent = nonblocking_waits_not,
		.in_child = sm_exit_when_told,
	},
	{
		.id = "exit.pidfd.info",
		.row = "B15",
		.claim = "whoever holds a pidfd of the child can read its exit status when it was "
			 "waited for, also who is not its parent",
		.source = "ioctl_pidfd(2) PIDFD_GET_INFO; linux selftests pidfd_info_test",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_PIDFD_OPEN) | SM_NEED(SM_F_PIDFD_INFO),
		.in_parent = anybody_reads_status,
		.in_child = sm_exit_when_told,
	},
	{
		.id = "exit.pid.kept",
		.row = "B23",
		.claim = "a child that has ended keeps its pid until the parent waits for it",
		.source = "wait(2) NOTES; LTP fork13",
		.level = SM_MUST,
		.fails_lacking = SM_CHILD_OF_PARENT,
		.why = "the server reaps it at once: from then on its pid may be another's",
		.in_parent = pid_is_kept,
		.in_child = sm_exit_when_told,
	},
	{
		.id = "exit.pidfd.reaped",
		.row = "B23",
		.claim = "a signal by pidfd to a child that was waited for is ESRCH, and hits "
			 "nobody",
		.source = "pidfd_send_signal(2); LTP pidfd_send_signal03",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_PIDFD_OPEN) | SM_NEED(SM_F_PIDFD_SEND_SIGNAL),
		.in_parent = gone_when_reaped,
		.in_child = sm_exit_when_told,
	},
};

SM_GROUP_AS(exit_pidfd, "exit", "Exit status and waiting", checks);
