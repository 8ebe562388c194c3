/* SPDX-License-Identifier: MIT */
/*
 * protocol_util.c - see protocol_util.h.
 */
#include "protocol_util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check/check.h"
#include "fd_util.h"
#include "strategies/forkserver.h"
#include "strategies/zygote.h"
#include "sys/sys.h"
#include "wire/frame.h"

/* The path of a named socket that the server holds, by /proc/net/unix. */
static bool find_named(pid_t server, struct sockaddr_un *address)
{
	FILE *list = fopen("/proc/net/unix", "re");
	char line[512];
	bool found = false;

	while (list && !found && fgets(line, sizeof(line), list)) {
		char path[sizeof(address->sun_path)] = "";
		unsigned long inode;

		/* Num RefCount Protocol Flags Type St Inode Path */
		if (sscanf(line, "%*s %*s %*s %*s %*s %*s %lu %107s", &inode, path) != 2 ||
		    path[0] != '/' || sm_fd_holds(server, inode) < 1)
			continue;
		address->sun_family = AF_UNIX;
		memcpy(address->sun_path, path, sizeof(path));
		found = true;
	}
	if (list)
		fclose(list);
	return found;
}

static bool is_unix_stream(int fd)
{
	int domain = 0, type = 0;
	socklen_t size = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && domain == AF_UNIX &&
	       type == SOCK_STREAM;
}

#define LOOK_AT 1024

static void note_open(bool open[LOOK_AT])
{
	for (int fd = 0; fd < LOOK_AT; fd++)
		open[fd] = fcntl(fd, F_GETFD) >= 0;
}

static int find_own(const bool was[LOOK_AT])
{
	for (int fd = 0; fd < LOOK_AT; fd++) {
		if (!was[fd] && is_unix_stream(fd))
			return fcntl(fd, F_DUPFD_CLOEXEC, 3);
	}
	return -1;
}

int sm_foe_begin(struct sm_cell *c, struct sm_foe *foe)
{
	bool was[LOOK_AT];
	int err;

	*foe = (struct sm_foe){ .sock = -1 };
	note_open(was);
	err = sm_cell_start(c);
	if (err) {
		sm_trouble(c, err, "start");
		return err;
	}
	if (!strcmp(c->ops->name, "forkserver") && find_named(c->server, &foe->address)) {
		foe->named = true;
		foe->request = SM_FORKSERVER_FORK;
	} else if (!strcmp(c->ops->name, "zygote")) {
		foe->sock = find_own(was);
		foe->request = SM_ZYGOTE_SPAWN;
	}
	if (!foe->named && foe->sock < 0) {
		sm_skips(c, SM_F_SERVER_ROLE, "this server's protocol is its own");
		return -EPROTONOSUPPORT;
	}
	foe->server_fds = sm_count_fds(c->server);
	return 0;
}

void sm_foe_end(struct sm_foe *foe)
{
	if (foe->sock >= 0)
		close(foe->sock);
	foe->sock = -1;
}

int sm_foe_connect(const struct sm_foe *foe)
{
	int sock;

	if (!foe->named) {
		sock = fcntl(foe->sock, F_DUPFD_CLOEXEC, 3);
		return sock < 0 ? -errno : sock;
	}
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	if (connect(sock, (const struct sockaddr *)&foe->address, sizeof(foe->address)) < 0) {
		int err = -errno;

		close(sock);
		return err;
	}
	return sock;
}

ssize_t sm_foe_send(int sock, const void *bytes, size_t n, const int *fds, unsigned int nfds)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * 256)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { .iov_base = (void *)bytes, .iov_len = n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t put;

	if (nfds) {
		struct cmsghdr *cmsg;

		memset(&control, 0, sizeof(control));
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * nfds);
	}
	do {
		put = sendmsg(sock, &msg, MSG_NOSIGNAL);
	} while (put < 0 && errno == EINTR);
	return put < 0 ? -errno : put;
}

int sm_foe_request(const struct sm_foe *foe, int sock, const void *bytes, uint32_t n, int fd,
		   unsigned int copies)
{
	int fds[SM_FRAME_FDS_MAX];

	for (unsigned int i = 0; i < copies && i < SM_FRAME_FDS_MAX; i++)
		fds[i] = fd;
	return sm_frame_send(sock, foe->request, bytes, n, fds, copies);
}

struct sm_foe_word sm_foe_hear(const struct sm_foe *foe, int sock)
{
	union {
		struct sm_forkserver_refusal no;
		struct sm_zygote_reply reply;
	} said = { .reply = { 0 } };
	struct sm_foe_word word = { 0 };
	struct sm_frame frame;

	word.err = sm_frame_recv(sock, &frame, &said, sizeof(said), SM_STEP_MS);
	if (word.err)
		return word;
	for (unsigned int i = 0; i < frame.nfds; i++)
		close(frame.fds[i]);
	if (foe->named) {
		word.stage = said.no.stage;
		word.no = said.no.err;
		if (frame.type != SM_FORKSERVER_REFUSED || frame.bytes != sizeof(said.no))
			word.err = -EPROTO;
		return word;
	}
	word.pid = said.reply.pid;
	word.stage = said.reply.stage;
	word.no = said.reply.err;
	if (frame.type != SM_ZYGOTE_REPLY || frame.bytes != sizeof(said.reply))
		word.err = -EPROTO;
	return word;
}

bool sm_foe_alive(const struct sm_cell *c)
{
	int64_t state = sm_stat_of(c->server, 3);

	return state > 0 && state != 'Z' && state != 'X';
}

bool sm_foe_at_rest(const struct sm_cell *c, const struct sm_foe *foe, int *now)
{
	int64_t end = sm_now_ns() + INT64_C(2000000000);

	do {
		*now = sm_count_fds(c->server);
		if (*now == foe->server_fds)
			return true;
	} while (sm_now_ns() < end && sm_foe_alive(c));
	return false;
}

int sm_foe_unharmed(struct sm_cell *c, const struct sm_foe *foe, const char *what)
{
	struct sm_answer a;
	int now, err;

	if (!sm_foe_at_rest(c, foe, &now) && sm_foe_alive(c))
		return sm_fails(c, "%s: the server had %d descriptors and has %d", what,
				foe->server_fds, now);
	if (!sm_foe_alive(c))
		return sm_fails(c, "%s: the server has ended", what);
	err = sm_kid_ask(c, NULL, &a, NULL);
	return err ? sm_trouble(c, err, what) : 0;
}
