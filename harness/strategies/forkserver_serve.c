/* SPDX-License-Identifier: MIT */
/*
 * forkserver_serve.c - the server's half of the fork server; forkserver.h has the protocol.
 *
 * Single-threaded: one loop over the listener, the alive pipe and a pipe that SIGCHLD writes to.
 * It ends when the alive pipe does: then no client is left. Whatever a client sends, the server
 * survives; whatever a client does not send, it waits for half a second at most.
 */
#include "forkserver.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../child/orders.h"
#include "../sandbox/sandbox.h"
#include "common.h"
#include "forkserver_hub.h"
#include "server.h"

#define CLIENT_WAIT_MS 500
#define KIDS_STEP      64

/* A signal handler has no argument of its own, hence a global; written before it is installed. */
static int wake_writer = -1;

static void on_sigchld(int sig)
{
	int saved = errno;
	ssize_t put = write(wake_writer, "", 1); /* full: the loop has to wake up anyway */

	(void)sig;
	(void)put;
	errno = saved;
}

static int catch_signals(struct sm_forkserver_hub *h)
{
	struct sigaction chld = { .sa_handler = on_sigchld, .sa_flags = SA_NOCLDSTOP };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t none;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	h->wake = ends[0];
	sm_signals_handled(&h->handled);
	wake_writer = h->wake_writer = ends[1];
	/* The terminal's ^C is for the clients; a client that is gone is not worth dying for. */
	if (sigaction(SIGCHLD, &chld, &h->old_chld) < 0 ||
	    sigaction(SIGINT, &ignore, &h->old_int) < 0 ||
	    sigaction(SIGPIPE, &ignore, &h->old_pipe) < 0)
		return -errno;
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

/*
 * 8 bytes into a pipe that holds none or 8 others: never short, never blocks. What a client filled
 * before it sent it would block for ever.
 */
static int write_word(int fd, int64_t word)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	if (poll(&p, 1, 0) != 1)
		return -EAGAIN;
	return sm_write_all(fd, &word, sizeof(word));
}

/* Collects every child that has ended and passes its raw wait status on. */
static void reap(struct sm_forkserver_hub *h)
{
	char scrap[64];
	int status;
	pid_t pid;

	while (read(h->wake, scrap, sizeof(scrap)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		size_t i = 0;

		while (i < h->nkids && h->kids[i].pid != pid)
			i++;
		if (i == h->nkids) /* the payload's own */
			continue;
		write_word(h->kids[i].status, status);
		close(h->kids[i].status);
		h->kids[i] = h->kids[--h->nkids];
	}
}

static int make_room(struct sm_forkserver_hub *h)
{
	struct sm_forkserver_kid *kids;

	if (h->nkids < h->room)
		return 0;
	kids = realloc(h->kids, (h->room + KIDS_STEP) * sizeof(*kids));
	if (!kids)
		return -ENOMEM;
	h->kids = kids;
	h->room += KIDS_STEP;
	return 0;
}

/* In the child's pid namespace, where its sandbox has one. Its pid, or -errno and the layer. */
static pid_t do_fork(struct sm_forkserver_hub *h, struct sm_birth *birth, sigset_t *old,
		     const struct sm_frame *frame, int conn, int *layer)
{
	int err = sm_berth_before_fork(birth->berth, layer);
	pid_t pid;

	if (err)
		return err;
	if (h->payload->before_fork)
		h->payload->before_fork();
	sm_signals_block(old);
	birth->cloning_ns = sm_now_ns();
	pid = fork();
	if (pid == 0)
		sm_forkserver_child(h, birth, frame, conn);
	pid = pid < 0 ? -errno : pid;
	sigprocmask(SIG_SETMASK, old, NULL);
	if (h->payload->after_fork_parent)
		h->payload->after_fork_parent();
	err = sm_berth_after_fork(birth->berth);
	if (err && pid > 0)
		kill(pid, SIGKILL); /* and this server can make no other: each will say so */
	*layer = -1;
	return pid;
}

/* Forks the child and tells its pid, or a negative errno, to its client. */
static void fork_one(struct sm_forkserver_hub *h, int64_t received_ns, const struct sm_frame *frame,
		     int conn)
{
	struct sm_birth birth = { .received_ns = received_ns, .run_after_fork = 1 };
	int status = frame->fds[SM_FORKSERVER_STATUS];
	struct sm_berth berth;
	sigset_t old;
	pid_t pid;
	int layer = -1;

	birth.sigmask = &old;
	birth.handled = &h->handled;
	pid = sm_berth_open(&berth, h->sandbox, &layer);
	birth.berth = h->sandbox ? &berth : NULL;
	if (!pid)
		pid = do_fork(h, &birth, &old, frame, conn, &layer);
	if (pid > 0)
		sm_berth_admit(&berth, pid, CLIENT_WAIT_MS);
	sm_berth_close(&berth);
	if (pid < 0) {
		write_word(status, sm_forkserver_failure(-pid, layer));
		close(status);
		return;
	}
	/* Nobody knows of a child whose pid cannot be told. It is reaped like any other. */
	if (write_word(status, pid))
		kill(pid, SIGKILL);
	h->kids[h->nkids++] = (struct sm_forkserver_kid){ pid, status };
}

static void refuse(int conn, enum sm_stage stage, int err)
{
	struct sm_forkserver_refusal no = { .stage = (int32_t)stage, .err = err };

	sm_frame_send(conn, SM_FORKSERVER_REFUSED, &no, sizeof(no), NULL, 0);
}

/*
 * Receives what must have been sent as one piece: waits once, so that a client which dribbles
 * cannot make it wait again and again.
 */
static int receive(int conn, struct sm_frame *frame)
{
	struct pollfd p = { .fd = conn, .events = POLLIN };
	int err;

	while (poll(&p, 1, CLIENT_WAIT_MS) < 0 && errno == EINTR)
		;
	err = sm_frame_recv(conn, frame, NULL, 0, 0);
	if (err || (frame->type == SM_FORKSERVER_FORK && frame->nfds >= SM_FORKSERVER_FDS))
		return err;
	for (unsigned int i = 0; i < frame->nfds; i++)
		close(frame->fds[i]);
	return -EPROTO;
}

static void serve_client(struct sm_forkserver_hub *h, int conn)
{
	struct sm_frame frame;
	int64_t received_ns;
	int err = receive(conn, &frame);

	received_ns = sm_now_ns();
	if (err) {
		refuse(conn, SM_STAGE_RECEIVE, -err);
		return;
	}
	if (make_room(h)) {
		refuse(conn, SM_STAGE_CLONE, ENOMEM);
		close(frame.fds[SM_FORKSERVER_STATUS]);
	} else {
		fork_one(h, received_ns, &frame, conn);
	}
	for (int i = 0; i < frame.nfds; i++) {
		if (i != SM_FORKSERVER_STATUS)
			close(frame.fds[i]);
	}
}

/* No descriptor is left for a connection: takes it with the reserve, to tell the client so. */
static void turn_away(struct sm_forkserver_hub *h)
{
	int conn;

	if (h->reserve >= 0)
		close(h->reserve);
	conn = accept4(h->listener, NULL, NULL, SOCK_CLOEXEC);
	if (conn >= 0) {
		refuse(conn, SM_STAGE_CONNECT, EMFILE);
		close(conn);
	}
	h->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void accept_client(struct sm_forkserver_hub *h)
{
	int conn = accept4(h->listener, NULL, NULL, SOCK_CLOEXEC);

	if (conn >= 0) {
		serve_client(h, conn);
		close(conn);
	} else if (errno == EMFILE || errno == ENFILE) {
		turn_away(h);
	}
}

/* Until the last client has gone. */
static int loop(struct sm_forkserver_hub *h)
{
	struct pollfd p[] = { { .fd = h->wake, .events = POLLIN },
			      { .fd = h->alive, .events = POLLIN },
			      { .fd = h->listener, .events = POLLIN } };

	for (;;) {
		if (poll(p, 3, -1) < 0) {
			if (errno != EINTR)
				return -errno;
			continue;
		}
		if (p[0].revents)
			reap(h);
		if (p[1].revents)
			return 0;
		if (p[2].revents)
			accept_client(h);
	}
}

/* Also when the parent was killed: the socket and its directory are removed. */
static void remove_names(int listener)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t size = sizeof(address) - 1;
	char *slash;

	if (getsockname(listener, (struct sockaddr *)&address, &size) < 0)
		return;
	slash = strrchr(address.sun_path, '/');
	unlink(address.sun_path);
	if (slash) {
		*slash = '\0';
		rmdir(address.sun_path);
	}
}

int sm_forkserver_serve(const char *where, const struct sm_payload *payload)
{
	struct sm_forkserver_hub *h = calloc(1, sizeof(*h));
	int fds[3] = { -1, -1, -1 };
	int err;

	if (!h)
		return -ENOMEM;
	err = sm_server_take_fds(where, fds, 3);
	if (err)
		goto out;
	err = sm_server_take_sandbox(&h->sandbox, where, 3);
	if (err)
		goto out;
	h->payload = payload;
	h->listener = fds[0];
	h->alive = fds[1];
	h->reserve = fds[2]; /* once it has said ready: then nothing is left to open or close */
	err = catch_signals(h);
	if (!err)
		err = write_word(h->reserve, 0);
	if (!err)
		err = loop(h);
	remove_names(h->listener);
out:
	sm_sandbox_unload(h->sandbox);
	free(h->kids);
	free(h);
	return err;
}
