/* SPDX-License-Identifier: MIT */
/*
 * message.c - one request and one reply with descriptors over a socket pair, to another process:
 * what every server strategy pays before and after its clone.
 */
#include "micro.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/sys.h"
#include "wire/frame.h"

#define REPLY_MS 5000

struct message {
	int sock;
	pid_t partner;
	unsigned int nfds;
	int fds[SM_FRAME_FDS_MAX];
};

static void close_all(const int *fds, unsigned int n)
{
	while (n)
		close(fds[--n]);
}

static _Noreturn void echo(int sock)
{
	struct sm_frame f;
	char word[8];

	while (sm_frame_recv(sock, &f, word, sizeof(word), -1) == 0) {
		int err = sm_frame_send(sock, f.type, word, f.bytes, f.fds, f.nfds);

		close_all(f.fds, f.nfds);
		if (err)
			break;
	}
	_exit(0);
}

static int connect_partner(struct message *m)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	m->partner = sm_raw_clone(SIGCHLD);
	if (m->partner == 0) {
		close(pair[0]);
		echo(pair[1]);
	}
	close(pair[1]);
	m->sock = pair[0];
	if (m->partner < 0)
		close(pair[0]);
	return m->partner < 0 ? m->partner : 0;
}

int bench_message_setup(void **state, int64_t arg)
{
	struct message *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return -ENOMEM;
	for (; m->nfds < (unsigned int)arg; m->nfds++) {
		m->fds[m->nfds] = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (m->fds[m->nfds] < 0) {
			err = -errno;
			goto out;
		}
	}
	err = connect_partner(m);
	if (!err) {
		*state = m;
		return 0;
	}
out:
	close_all(m->fds, m->nfds);
	free(m);
	return err;
}

int64_t bench_message(void *state)
{
	struct message *m = state;
	struct sm_frame f;
	char word[8] = { 0 };
	int64_t t = sm_now_ns();
	int err = sm_frame_send(m->sock, 1, word, sizeof(word), m->fds, m->nfds);

	if (!err)
		err = sm_frame_recv(m->sock, &f, word, sizeof(word), REPLY_MS);
	if (err)
		return err;
	t = sm_now_ns() - t;
	close_all(f.fds, f.nfds);
	return f.nfds == m->nfds ? t : -EPROTO;
}

void bench_message_teardown(void *state)
{
	struct message *m = state;

	close(m->sock);
	sm_kill_child(m->partner);
	close_all(m->fds, m->nfds);
	free(m);
}
