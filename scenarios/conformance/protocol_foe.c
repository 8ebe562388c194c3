/* SPDX-License-Identifier: MIT */
/*
 * protocol_foe.c - requests: what makes no sense, at random; and descriptors in flight, too many.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol_util.h"
#include "sys/sys.h"

/* ---- E08: nonsense ---- */

/* splitmix64 */
static uint64_t roll(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

struct dice {
	uint64_t state;
	int files[8]; /* what is sent: readable and writable, and of no use */
	char body[512];
};

/* Now and then all of it is right, but for the body. */
static struct sm_foe_header random_header(struct dice *d, const struct sm_foe *foe)
{
	struct sm_foe_header head = { .magic = SM_FOE_MAGIC };

	head.type = roll(&d->state) % 4 ? foe->request : (uint16_t)roll(&d->state);
	head.nfds = (uint16_t)(roll(&d->state) % 9);
	head.bytes = roll(&d->state) % 3 ? (uint32_t)(roll(&d->state) % sizeof(d->body)) : 0;
	for (size_t i = 0; i < sizeof(d->body); i += 8) {
		uint64_t bits = roll(&d->state);

		if (bits % 3 == 0) /* counts that are small */
			bits &= 0x0000000700000003u;
		memcpy(d->body + i, &bits, sizeof(bits));
	}
	return head;
}

/* Breaks the frame itself: only for a server that gives up no more than the connection. */
static void spoil(struct dice *d, struct sm_foe_header *head)
{
	switch (roll(&d->state) % 6) {
	case 0:
		head->magic ^= (uint32_t)roll(&d->state);
		break;
	case 1:
		head->zero = (uint32_t)roll(&d->state);
		break;
	case 2:
		head->bytes = (uint32_t)roll(&d->state);
		break;
	case 3:
		head->nfds = (uint16_t)roll(&d->state);
		break;
	default:
		break;
	}
}

/* The server has closed, or has answered. A child that was made is ended. -ETIMEDOUT: neither. */
static int hear_end(const struct sm_foe *foe, int sock)
{
	struct sm_foe_word word = sm_foe_hear(foe, sock);

	if (word.pid > 0)
		sm_kill_child(word.pid);
	return word.err == -ETIMEDOUT || (!foe->named && word.err) ? word.err : 0;
}

static int send_random(struct dice *d, const struct sm_foe *foe)
{
	struct sm_foe_header head = random_header(d, foe);
	char whole[sizeof(head) + sizeof(d->body)];
	unsigned int nfds = head.nfds;
	size_t n = sizeof(head) + head.bytes;
	int sock = sm_foe_connect(foe), err;

	if (sock < 0)
		return sock;
	if (foe->named)
		spoil(d, &head);
	memcpy(whole, &head, sizeof(head));
	memcpy(whole + sizeof(head), d->body, sizeof(d->body));
	if (foe->named && roll(&d->state) % 8 == 0)
		n = 1 + roll(&d->state) % n; /* cut short */
	sm_foe_send(sock, whole, n, d->files, nfds);
	if (foe->named)
		shutdown(sock, SHUT_WR);
	err = hear_end(foe, sock);
	close(sock);
	return err;
}

static int random_frames(struct sm_cell *c)
{
	int n = c->thorough ? 1000000 : 10000, err = 0, sent = 0;
	struct dice d = { .state = c->seed };
	struct sm_foe foe;

	if (sm_foe_begin(c, &foe))
		return c->observed;
	for (int i = 0; i < 8; i++)
		d.files[i] = i ? d.files[0] : open("/dev/null", O_RDWR | O_CLOEXEC);
	while (sent < n && !err) {
		err = send_random(&d, &foe);
		sent++;
		if (!err && !sm_foe_alive(c))
			err = -EPIPE;
	}
	close(d.files[0]);
	if (err)
		sm_fails(c, "after %d frames, seed %llu: %s; the server %s", sent,
			 (unsigned long long)c->seed, strerror(-err),
			 sm_foe_alive(c) ? "runs" : "has ended");
	else if (!sm_foe_unharmed(c, &foe, "random frames"))
		sm_holds(c,
			 "%d random frames, seed %llu: the server has %d descriptors as before, "
			 "and serves",
			 sent, (unsigned long long)c->seed, foe.server_fds);
	sm_foe_end(&foe);
	return c->observed;
}

static int garbage(struct sm_cell *c)
{
	static const struct sm_foe_header heads[] = {
		{ 0x0a0d0a0d, 1, 0, 0, 0 },
		{ SM_FOE_MAGIC, 1, 0, 0, 1 },
		{ SM_FOE_MAGIC, 1, 0, UINT32_MAX, 0 },
		{ SM_FOE_MAGIC, 1, 999, 0, 0 },
	};
	struct sm_foe foe;

	if (sm_foe_begin(c, &foe))
		return c->observed;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		int sock = sm_foe_connect(&foe);
		struct sm_foe_word word;

		if (sock < 0) {
			sm_broken(c, "header %zu: no connection: %s", i, strerror(-sock));
			break;
		}
		sm_foe_send(sock, &heads[i], sizeof(heads[i]), NULL, 0);
		word = sm_foe_hear(&foe, sock);
		close(sock);
		if (word.err == -ETIMEDOUT)
			sm_fails(c, "header %zu: the server says nothing", i);
		else if (word.err ? word.err != -EPIPE && word.err != -ECONNRESET : !word.no)
			sm_fails(c, "header %zu: the server's answer is no refusal", i);
		if (c->observed || sm_foe_unharmed(c, &foe, "a header that is none"))
			break;
	}
	sm_foe_end(&foe);
	if (c->observed)
		sm_cell_stop(c);
	return c->observed
		       ? c->observed
		       : sm_holds(c, "four headers that are none: refused; the server serves on");
}

/* ---- E13: too many descriptors on their way ---- */

#define USED_MAX 64

/* Puts n copies of a descriptor into a socket that nobody reads. */
static int send_away(int sock, int n)
{
	int fds[USED_MAX];

	for (int i = 0; i < n; i++)
		fds[i] = STDERR_FILENO;
	return sm_foe_send(sock, "", 1, fds, (unsigned int)n) == 1 ? 0 : -errno;
}

/*
 * In a process of its own, whose user may have no more in flight than descriptors open. Exit 0: it
 * was told, and then served; 1: not told; 2: not served afterwards; 3, 5: could not be asked.
 */
static int in_flight(void *arg)
{
	const uid_t uid = 1000000000u + (uid_t)getpid();
	struct sm_cell *c = arg;
	const struct rlimit low = { USED_MAX, USED_MAX };
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_kid kid;
	struct sm_answer a;
	int pair[2], err;

	if (setrlimit(RLIMIT_NOFILE, &low) < 0 || setresuid(uid, uid, uid) < 0)
		return 3;
	if (sm_cell_start(c))
		return 5; /* programs or $TMPDIR are not for other users */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
	    send_away(pair[0], USED_MAX) || send_away(pair[0], 1))
		return 3;
	err = sm_kid_spawn(c, &kid, &req);
	if (err != -ETOOMANYREFS)
		return err ? 4 : 1;
	close(pair[0]);
	close(pair[1]); /* they are released with the socket */
	err = sm_kid_spawn(c, &kid, &req);
	if (!err)
		err = sm_kid_answer(c, &kid, &a);
	if (!err)
		err = sm_kid_wait(c, &kid);
	if (!err)
		err = sm_count_children(getpid(), NULL) == 1 ? 0 : -EBUSY;
	sm_cell_stop(c);
	return err ? 2 : 0;
}

static int flight_is_bounded(struct sm_cell *c)
{
	int rc = sm_in_fork(in_flight, c, SM_STEP_MS);

	if (rc == 5)
		return sm_skips(c, SM_F_ROOT, "as another user the strategy does not start");
	if (rc == 3 || rc < 0)
		return sm_broken(c, "the flood could not be made: %d", rc);
	return sm_judge(
		c, rc == 0, "with %d descriptors in flight, the limit: %s", USED_MAX,
		rc == 0   ? "ETOOMANYREFS is told, the next spawn works, no child is left"
		: rc == 1 ? "a spawn went well"
		: rc == 4 ? "a spawn failed with another errno"
			  : "ETOOMANYREFS is told, but the next spawn fails or a child is left");
}

static const struct sm_check checks[] = {
	{
		.id = "protocol.random.frames",
		.row = "E08",
		.claim = "random frames leave the server alive, with as many descriptors as before",
		.source = "fuzzing; AFL forkserver handshake; spawner property 44",
		.level = SM_MUST,
		.flags = SM_CHECK_SLOW,
		.timeout_ms = 600000,
		.only = SM_OWN_SERVER,
		.in_parent = random_frames,
	},
	{
		.id = "protocol.random.garbage",
		.row = "E08",
		.claim = "bytes that are no frame cost the server no more than that connection",
		.source = "spawner property 44: refused, and the helper survives",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.fails_with = SM_CHILD_OF_PARENT,
		.why = "its one connection is its parent's: out of step it cannot be trusted, so it "
		       "ends",
		.in_parent = garbage,
	},
	{
		.id = "protocol.rights.in-flight",
		.row = "E13",
		.claim =
			"too many descriptors in flight are told as ETOOMANYREFS, and no child is left",
		.source = "unix(7) ETOOMANYREFS; linux:net/unix/garbage.c, scm.c:too_many_unix_fds",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_ROOT),
		.only = SM_OWN_SERVER,
		.in_parent = flight_is_bounded,
	},
};

SM_GROUP_AS(protocol_foe, "protocol", "Requests and SCM_RIGHTS", checks);
