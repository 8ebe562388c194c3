/* SPDX-License-Identifier: MIT */
/*
 * protocol.c - requests and SCM_RIGHTS: what a server does with messages that it cannot serve.
 *
 * Part of the group; the others are protocol_*.c. That a descriptor has been
 * closed is seen by end of file on a pipe whose only other writing ends were sent.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd_util.h"
#include "protocol_util.h"
#include "strategies/request.h"
#include "sys/sys.h"
#include "wire/frame.h"

/* A request that would be served. Its bytes, or -errno. */
static int pack_request(struct sm_cell *c, char *buf, size_t size)
{
	struct sm_req req = sm_cell_req(c, NULL);

	return req.envp ? sm_request_pack(buf, size, &req) : -ENOMEM;
}

/* One message that has to be refused. */
struct bad {
	const char *what;
	uint16_t type; /* 0: that of a request */
	uint16_t nfds;
	uint32_t bytes;
	bool packed; /* the bytes are those of a good request, and more */
	bool parent; /* for a server that is asked by its parent alone; else for a named one */
};

static const struct bad bads[] = {
	{ .what = "another type", .type = 9, .nfds = 5 },
	{ .what = "another type", .type = 9, .nfds = 5, .parent = true },
	{ .what = "no descriptors" },
	{ .what = "a descriptor too few", .nfds = 4 },
	{ .what = "a byte too many", .nfds = 5, .bytes = 1 },
	{ .what = "a long body", .nfds = 5, .bytes = 100000 },
	{ .what = "as many as a message takes", .type = 9, .nfds = 253 },
	{ .what = "as many as a message takes", .nfds = 253, .packed = true, .parent = true },
	{ .what = "no bytes", .parent = true },
	{ .what = "three bytes", .bytes = 3, .nfds = 1, .parent = true },
	{ .what = "counts beyond its end", .bytes = 64, .parent = true },
	{ .what = "more than its counts say", .bytes = 4, .packed = true, .parent = true },
	{ .what = "undeclared descriptors", .nfds = 3, .packed = true, .parent = true },
	{ .what = "128 KiB and a byte", .bytes = (128 << 10) + 1, .nfds = 2, .parent = true },
};

/* Sends it with copies of the pipe's writing end. 0, or c has the verdict. */
static int try_bad(struct sm_cell *c, const struct sm_foe *foe, const struct bad *bad)
{
	static char body[160 << 10];
	struct sm_foe odd = *foe;
	struct sm_foe_word word;
	int ends[2], bytes = 0, sock, err;
	bool ended;

	memset(body, 0xff, sizeof(body));
	if (bad->packed)
		bytes = pack_request(c, body, sizeof(body) / 2);
	if (bytes < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return sm_broken(c, "no request, or no pipe");
	odd.request = bad->type ? bad->type : foe->request;
	sock = sm_foe_connect(foe);
	err = sm_foe_request(&odd, sock, body, (uint32_t)bytes + bad->bytes, ends[1], bad->nfds);
	close(ends[1]);
	word = sm_foe_hear(foe, sock);
	close(sock);
	ended = sm_fd_ends(ends[0]);
	close(ends[0]);
	/* A server need not read what it refuses. */
	if (err && err != -EPIPE)
		return sm_broken(c, "%s: cannot be sent: %s", bad->what, strerror(-err));
	if (word.err || word.no <= 0 || word.pid)
		return sm_fails(c, "%s: answered with %s, pid %d, errno %d", bad->what,
				word.err ? strerror(-word.err) : "a frame", word.pid, word.no);
	if (!ended)
		return sm_fails(c, "%s: the server keeps descriptors of it", bad->what);
	return 0;
}

/* E07, E17, E05 */
static int bad_is_refused(struct sm_cell *c)
{
	struct sm_foe foe;
	int n = 0;

	if (sm_foe_begin(c, &foe))
		return c->observed;
	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		if (bads[i].parent == foe.named)
			continue;
		n++;
		if (try_bad(c, &foe, &bads[i]) || sm_foe_unharmed(c, &foe, bads[i].what)) {
			sm_foe_end(&foe);
			return c->observed;
		}
	}
	sm_foe_end(&foe);
	return sm_holds(c,
			"%d kinds of messages were refused with an errno, their descriptors "
			"closed; the server served on",
			n);
}

/* E05: the kernel's own bound. */
static int kernel_bounds(struct sm_cell *c)
{
	struct sm_foe foe;
	int fds[254], sock;
	ssize_t put;
	char byte = 0;

	if (sm_foe_begin(c, &foe))
		return c->observed;
	for (int i = 0; i < 254; i++)
		fds[i] = STDERR_FILENO;
	sock = sm_foe_connect(&foe);
	put = sm_foe_send(sock, &byte, 1, fds, 254);
	close(sock);
	if (put == -EINVAL && sm_foe_unharmed(c, &foe, "254 descriptors")) {
		sm_foe_end(&foe);
		return c->observed;
	}
	sm_foe_end(&foe);
	return sm_judge(c, put == -EINVAL, "sendmsg of 254 descriptors: %s",
			put < 0 ? strerror((int)-put) : "sent");
}

/* E01: more or fewer than the header says. Whether the server serves on is not asked. */
static int count_must_fit(struct sm_cell *c)
{
	static const uint16_t said[] = { 0, 4, 6, 300 };
	struct sm_foe foe = { .sock = -1 };

	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		struct sm_foe_header head = { .magic = SM_FOE_MAGIC, .nfds = said[i] };
		struct sm_foe_word word;
		int fds[5], ends[2] = { -1, -1 }, sock;
		bool ended;

		if (!c->started && sm_foe_begin(c, &foe))
			return c->observed;
		if (pipe2(ends, O_CLOEXEC) < 0)
			return sm_broken(c, "pipe: %s", strerror(errno));
		head.type = foe.request;
		for (int j = 0; j < 5; j++)
			fds[j] = ends[1];
		sock = sm_foe_connect(&foe);
		sm_foe_send(sock, &head, sizeof(head), fds, 5);
		close(ends[1]);
		word = sm_foe_hear(&foe, sock);
		ended = sm_fd_ends(ends[0]);
		close(sock);
		close(ends[0]);
		sm_foe_end(&foe);
		sm_cell_stop(c);
		/* A server of its parent alone may end; the other tells its client. */
		if (!ended || word.pid || word.err == -ETIMEDOUT ||
		    (word.err ? foe.named : word.no <= 0))
			return sm_fails(c, "5 descriptors, %u said: pid %d, %s, they are %s",
					said[i], word.pid, strerror(word.err ? -word.err : word.no),
					ended ? "closed" : "kept");
	}
	return sm_holds(c, "5 descriptors where the header says 0, 4, 6 or 300: none served, all "
			   "closed");
}

/* E03: behind the header, where nobody looks for them. */
static int body_carries_none(struct sm_cell *c)
{
	static char body[64 << 10];
	struct sm_foe_header head = { .magic = SM_FOE_MAGIC };
	struct sm_foe_word word;
	struct sm_foe foe;
	int ends[2], bytes;
	bool ended;

	if (sm_foe_begin(c, &foe))
		return c->observed;
	bytes = pack_request(c, body, sizeof(body));
	if (bytes < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return sm_broken(c, "no request, or no pipe");
	head.type = foe.request;
	head.bytes = (uint32_t)bytes;
	sm_foe_send(foe.sock, &head, sizeof(head), NULL, 0);
	sm_foe_send(foe.sock, body, (size_t)bytes, &ends[1], 1);
	close(ends[1]);
	word = sm_foe_hear(&foe, foe.sock);
	ended = sm_fd_ends(ends[0]);
	close(ends[0]);
	sm_foe_end(&foe);
	if (word.pid > 0)
		sm_kill_child(word.pid);
	sm_cell_stop(c);
	return sm_judge(c, ended && word.pid <= 0 && word.err != -ETIMEDOUT,
			"a good request with a descriptor on its body: %s; the descriptor is %s",
			word.pid > 0             ? "served"
			: word.err == -ETIMEDOUT ? "no answer"
						 : "not served",
			ended ? "closed" : "kept");
}

/* E02 */
static int full_table_is_told(struct sm_cell *c)
{
	static char body[64 << 10];
	struct sm_foe_word word = { 0 };
	struct rlimit was;
	struct sm_foe foe;
	int ends[2], sock, bytes, err;
	bool ended;

	if (sm_foe_begin(c, &foe))
		return c->observed;
	bytes = foe.named ? 0 : pack_request(c, body, sizeof(body));
	if (bytes < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return sm_broken(c, "no request, or no pipe");
	err = sm_fd_limit(c->server, (rlim_t)foe.server_fds + 3, &was);
	sock = sm_foe_connect(&foe);
	sm_foe_request(&foe, sock, body, (uint32_t)bytes, ends[1], 5);
	close(ends[1]);
	if (!err)
		word = sm_foe_hear(&foe, sock);
	close(sock);
	prlimit(c->server, RLIMIT_NOFILE, &was, NULL);
	ended = sm_fd_ends(ends[0]);
	close(ends[0]);
	if (!err)
		err = sm_foe_unharmed(c, &foe, "a full table");
	sm_foe_end(&foe);
	if (err)
		return err < 0 ? sm_broken(c, "prlimit: %s", strerror(-err)) : err;
	return sm_judge(c, !word.err && word.no == EMFILE && !word.pid && ended,
			"five descriptors for a server that has room for three or less: %s; those "
			"that arrived are %s; it serves on",
			word.err ? strerror(-word.err) : strerror(word.no),
			ended ? "closed" : "kept");
}

/* E06: in this process, through the same code as both sides use. */
static int frames_keep_theirs(struct sm_cell *c)
{
	static const unsigned int counts[] = { 2, 0, 3, 1 };
	struct sm_frame frame;
	int pair[2], files[3], wrong = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return sm_broken(c, "socketpair: %s", strerror(errno));
	for (int i = 0; i < 3; i++)
		files[i] = sm_temp_fd();
	for (int i = 0; i < 4; i++)
		wrong +=
			sm_frame_send(pair[0], (uint16_t)(i + 1), "body", 4, files, counts[i]) != 0;
	for (int i = 0; i < 4; i++) {
		char body[4];
		int err = sm_frame_recv(pair[1], &frame, body, sizeof(body), SM_STEP_MS);

		wrong += err || frame.type != i + 1 || frame.nfds != counts[i];
		for (unsigned int j = 0; !err && j < frame.nfds; j++) {
			wrong += j < 3 && sm_fd_inode(frame.fds[j]) != sm_fd_inode(files[j]);
			wrong += !(fcntl(frame.fds[j], F_GETFD) & FD_CLOEXEC);
			close(frame.fds[j]);
		}
	}
	for (int i = 0; i < 3; i++)
		close(files[i]);
	close(pair[0]);
	close(pair[1]);
	return sm_judge(c, wrong == 0,
			"four frames at once with 2, 0, 3 and 1 descriptors: %d went wrong", wrong);
}

static const struct sm_check checks[] = {
	{
		.id = "protocol.refuse.messages",
		.row = "E07",
		.claim = "messages that are no requests are refused, and their descriptors closed",
		.source = "recvmsg(2); systemd#15457; rows E05, E07, E17",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.in_parent = bad_is_refused,
	},
	{
		.id = "protocol.rights.bound",
		.row = "E05",
		.claim =
			"254 descriptors in one message are EINVAL to the sender, harmless to the server",
		.source = "unix(7) SCM_MAX_FD",
		.level = SM_SHOULD,
		.only = SM_OWN_SERVER,
		.in_parent = kernel_bounds,
	},
	{
		.id = "protocol.rights.count",
		.row = "E01",
		.claim =
			"a message with other descriptors than it says is not served, all are closed",
		.source = "unix(7); recvmsg(2) MSG_CTRUNC",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.in_parent = count_must_fit,
	},
	{
		.id = "protocol.rights.body",
		.row = "E03",
		.claim = "descriptors on a request's body are dropped, and it is not served",
		.source = "unix(7): what has no control buffer is closed; recvmsg(2) MSG_CTRUNC",
		.level = SM_MUST,
		.only = SM_OWN_SERVER | SM_CHILD_OF_PARENT,
		.in_parent = body_carries_none,
	},
	{
		.id = "protocol.rights.full",
		.row = "E02",
		.claim = "a server that has no room for descriptors says EMFILE and serves on",
		.source = "linux:net/core/scm.c:scm_detach_fds; systemd#42043; rr#3870",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.in_parent = full_table_is_told,
	},
	{
		.id = "protocol.frame.paired",
		.row = "E06",
		.claim = "frames that are sent at once keep each its own descriptors",
		.source = "unix(7): a receive stops at a message with descriptors",
		.level = SM_MUST,
		.flags = SM_CHECK_ALONE,
		.in_parent = frames_keep_theirs,
	},
};

SM_GROUP(protocol, "Requests and SCM_RIGHTS", checks);
