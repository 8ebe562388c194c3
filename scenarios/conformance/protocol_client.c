/* SPDX-License-Identifier: MIT */
/*
 * protocol_client.c - requests: clients of a named server that are slow, or go away.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd_util.h"
#include "protocol_util.h"
#include "strategies/forkserver.h"
#include "sys/sys.h"
#include "wire/frame.h"

/* ---- E09: slow clients ---- */

/* The first says nothing, or half a header. Has it been heard before the second was served? */
static int behind_a_slow_one(struct sm_cell *c, size_t says, bool *slow_was_heard)
{
	struct sm_foe_header head = { .magic = SM_FOE_MAGIC };
	struct sm_answer a;
	struct sm_foe foe;
	int sock, err;
	char byte;

	if (sm_foe_begin(c, &foe))
		return -ECANCELED;
	sock = sm_foe_connect(&foe);
	if (says)
		sm_foe_send(sock, &head, says, NULL, 0);
	err = sm_kid_ask(c, NULL, &a, NULL);
	*slow_was_heard = recv(sock, &byte, 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN;
	close(sock);
	sm_foe_end(&foe);
	return err;
}

static int slow_blocks_nobody(struct sm_cell *c)
{
	bool heard = false;
	int err = behind_a_slow_one(c, 0, &heard);

	if (err)
		return sm_trouble(c, err, "a spawn behind a client that says nothing");
	return sm_judge(c, !heard, "a client that says nothing %s before the next one was served",
			heard ? "was waited for" : "was left waiting");
}

static int slow_is_bounded(struct sm_cell *c)
{
	bool heard = false;
	int err = behind_a_slow_one(c, 5, &heard);

	if (err)
		return sm_trouble(c, err, "a spawn behind a client that sends half a header");
	return sm_judge(c, heard,
			"a client that sends 5 bytes of a header and no more: %s; the "
			"next one was served",
			heard ? "refused" : "still waited for");
}

/* ---- D16: a slow client's child, which has not yet its request ---- */

static int child_awaits(struct sm_cell *c)
{
	sm_child_tell(c, "waits");
	sm_child_await();
	return sm_holds(c, "waited");
}

/* The descriptors of a FORK frame: the server's and child's, and what stays here. */
struct ends {
	int theirs[SM_FORKSERVER_FDS];
	int request, status;
};

static int open_ends(struct ends *e)
{
	int request[2], status[2];

	if (pipe2(request, O_CLOEXEC) < 0 || pipe2(status, O_CLOEXEC) < 0)
		return -errno;
	e->theirs[SM_FORKSERVER_REQUEST] = request[0];
	e->theirs[SM_FORKSERVER_STATUS] = status[1];
	e->theirs[SM_FORKSERVER_IN] = open("/dev/null", O_RDWR | O_CLOEXEC);
	e->theirs[SM_FORKSERVER_OUT] = fcntl(e->theirs[SM_FORKSERVER_IN], F_DUPFD_CLOEXEC, 3);
	e->theirs[SM_FORKSERVER_ERR] = fcntl(e->theirs[SM_FORKSERVER_IN], F_DUPFD_CLOEXEC, 3);
	e->request = request[1];
	e->status = status[0];
	return 0;
}

static void close_theirs(struct ends *e)
{
	for (int i = 0; i < SM_FORKSERVER_FDS; i++)
		close(e->theirs[i]);
}

/* A child of a client that has asked and says no more. Its pid or -errno. */
static int64_t ask_and_wait(const struct sm_foe *foe, struct ends *e)
{
	int64_t pid = 0;
	int sock = sm_foe_connect(foe), err;

	err = sm_frame_send(sock, SM_FORKSERVER_FORK, NULL, 0, e->theirs, SM_FORKSERVER_FDS);
	close_theirs(e);
	if (!err)
		err = sm_read_all(e->status, &pid, sizeof(pid), SM_STEP_MS);
	close(sock);
	return err ? err : pid;
}

/* Waits until the child has closed what is the server's: it then blocks in a read. */
static int early_child_is_clean(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;
	struct sm_kid kid;
	struct sm_foe foe;
	struct ends e = { .request = -1, .status = -1 };
	char text[600] = "";
	int64_t pid = 0;
	int err, n = -1;

	if (sm_foe_begin(c, &foe))
		return c->observed;
	err = sm_kid_spawn(c, &kid, &req);
	if (!err)
		err = sm_kid_answer(c, &kid, &a);
	if (!err)
		err = open_ends(&e);
	if (!err) {
		pid = ask_and_wait(&foe, &e);
		err = pid < 0 ? (int)pid : sm_await_state((pid_t)pid, 'S', SM_STEP_MS);
		n = err ? -1 : sm_fd_list((pid_t)pid, text, sizeof(text));
		close(e.request); /* end of file: the child ends */
		close(e.status);
	}
	sm_kid_close_in(&kid);
	if (!err)
		err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	sm_foe_end(&foe);
	if (err)
		return sm_trouble(c, err, "a child whose client is slow");
	return sm_judge(c, n == 7,
			"before its request has come, with a sibling alive, it has %d open: %s", n,
			text);
}

/* E07: the request itself, which the child alone reads. */
static int bad_request_ends_child(struct sm_cell *c)
{
	static const struct {
		uint32_t length, sent;
	} bads[] = { { 0, 0 }, { 3, 3 }, { 64, 64 }, { 1000, 10 }, { UINT32_MAX, 64 } };
	char junk[64];
	struct sm_foe foe;

	memset(junk, 0xff, sizeof(junk));
	if (sm_foe_begin(c, &foe))
		return c->observed;
	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		int64_t pid, status = 0;
		struct ends e = { .request = -1, .status = -1 };
		int err = open_ends(&e);

		if (err)
			return sm_broken(c, "pipes: %s", strerror(-err));
		sm_write_all(e.request, &bads[i].length, sizeof(bads[i].length));
		sm_write_all(e.request, junk, bads[i].sent);
		pid = ask_and_wait(&foe, &e);
		close(e.request);
		err = pid < 0 ? (int)pid
			      : sm_read_all(e.status, &status, sizeof(status), SM_STEP_MS);
		close(e.status);
		if (err || status != 1 << 8)
			return sm_fails(c,
					"a request of %u bytes, %u sent: pid %lld, status %#llx, "
					"%s",
					bads[i].length, bads[i].sent, (long long)pid,
					(unsigned long long)status, strerror(-err));
	}
	if (sm_foe_unharmed(c, &foe, "bad requests"))
		return c->observed;
	sm_foe_end(&foe);
	return sm_holds(c, "five requests that are none: each child ended with status 1");
}

/* ---- E10, D12: clients that go away ---- */

/* The client has gone before it could be told the pid: nobody knows of that child. */
static int gone_before_reply(struct sm_cell *c)
{
	int64_t end = sm_now_ns() + (int64_t)SM_STEP_MS * 1000000;
	struct sm_foe foe;
	struct ends e = { .request = -1, .status = -1 };
	int sock, err, children;

	if (sm_foe_begin(c, &foe))
		return c->observed;
	err = open_ends(&e);
	if (err)
		return sm_broken(c, "pipes: %s", strerror(-err));
	close(e.status);
	sock = sm_foe_connect(&foe);
	err = sm_frame_send(sock, SM_FORKSERVER_FORK, NULL, 0, e.theirs, SM_FORKSERVER_FDS);
	close(sock);
	close_theirs(&e);
	if (!err) /* it is served: the next one comes behind it */
		err = sm_foe_unharmed(c, &foe, "a client that has gone");
	do {
		children = sm_count_children(c->server, NULL);
	} while (children > 0 && sm_now_ns() < end);
	close(e.request); /* the child would have waited for it */
	sm_foe_end(&foe);
	if (err)
		return err < 0 ? sm_broken(c, "send: %s", strerror(-err)) : err;
	return sm_judge(c, children == 0,
			"the client closed its status pipe: the server has %d children left, and "
			"%d descriptors as before",
			children, foe.server_fds);
}

static int vanishing(struct sm_cell *c)
{
	struct sm_foe_header head = { .magic = SM_FOE_MAGIC,
				      .type = SM_FORKSERVER_FORK,
				      .nfds = 5 };
	int n = c->thorough ? 10000 : 100;
	const int fds[5] = { 2, 2, 2, 2, 2 };
	struct sm_foe foe;

	if (sm_foe_begin(c, &foe))
		return c->observed;
	for (int i = 0; i < n; i++) {
		int sock = sm_foe_connect(&foe);

		if (sock < 0)
			return sm_fails(c, "connection %d: %s", i, strerror(-sock));
		if (i % 4 == 1)
			sm_foe_send(sock, &head, 7, NULL, 0);
		else if (i % 4 == 2)
			sm_foe_send(sock, &head, 7, fds, 5);
		close(sock);
	}
	if (sm_foe_unharmed(c, &foe, "clients that vanish"))
		return c->observed;
	sm_foe_end(&foe);
	return sm_holds(c,
			"%d clients vanished, half of them with half a header, a quarter with "
			"descriptors: the server has %d, as before",
			n, foe.server_fds);
}

static const struct sm_check checks[] = {
	{
		.id = "protocol.slow.blocks-nobody",
		.row = "E09",
		.claim = "a client that connects and says nothing delays nobody else",
		.source = "CPython forkserver.main: the accept loop receives",
		.level = SM_SHOULD,
		.flags = SM_CHECK_SLOW,
		.only = SM_OWN_SERVER,
		.without = SM_CHILD_OF_PARENT,
		.in_parent = slow_blocks_nobody,
	},
	{
		.id = "protocol.slow.bounded",
		.row = "E09",
		.claim = "a client that stops in the middle is refused, and the next one served",
		.source = "spawner property 47",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.without = SM_CHILD_OF_PARENT,
		.in_parent = slow_is_bounded,
	},
	{
		.id = "protocol.slow.child",
		.row = "D16",
		.claim =
			"a child that waits for its request has nothing of the server or its siblings",
		.source = "bpo-26732; CPython forkserver._serve_one",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.without = SM_CHILD_OF_PARENT,
		.in_parent = early_child_is_clean,
		.in_child = child_awaits,
	},
	{
		.id = "protocol.refuse.requests",
		.row = "E07",
		.claim = "a request that is none ends its child alone",
		.source = "spawner property 44",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.without = SM_CHILD_OF_PARENT,
		.in_parent = bad_request_ends_child,
	},
	{
		.id = "protocol.gone.before-reply",
		.row = "E10",
		.claim = "a child whose client has gone before it was told is ended and reaped",
		.source = "CPython forkserver.main: BrokenPipeError from write_signed",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.without = SM_CHILD_OF_PARENT,
		.in_parent = gone_before_reply,
	},
	{
		.id = "protocol.gone.clients",
		.row = "D12",
		.claim = "clients that vanish leave no descriptor in the server",
		.source = "cpython#70919",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.without = SM_CHILD_OF_PARENT,
		.in_parent = vanishing,
	},
};

SM_GROUP_AS(protocol_client, "protocol", "Requests and SCM_RIGHTS", checks);
