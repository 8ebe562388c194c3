/* SPDX-License-Identifier: MIT */
/*
 * protocol_load.c - requests: many at once, large ones, interrupted ones, more than a socket holds.
 */
#include "group.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "protocol_util.h"
#include "strategies/request.h"
#include "strategies/zygote.h"
#include "wire/frame.h"

/* ---- E14: many requests before the first answer is read ---- */

static int child_tells_arg(struct sm_cell *c)
{
	c->answer.n[0] = atoi(c->arg);
	return sm_holds(c, "%s", c->arg);
}

static int send_numbered(struct sm_cell *c, const struct sm_foe *foe, int number)
{
	static char body[64 << 10];
	struct sm_req req;
	char arg[16];
	int bytes;

	snprintf(arg, sizeof(arg), "%d", number);
	req = sm_cell_req(c, arg);
	bytes = req.envp ? sm_request_pack(body, sizeof(body), &req) : -ENOMEM;
	return bytes < 0
		       ? bytes
		       : sm_frame_send(foe->sock, SM_ZYGOTE_SPAWN, body, (uint32_t)bytes, NULL, 0);
}

/* The next reply's child says its number, and ends. It, or -errno. */
static int64_t hear_number(struct sm_cell *c, const struct sm_foe *foe)
{
	struct sm_zygote_reply reply = { 0 };
	struct sm_kid kid = {
		.child = { .size = sizeof(kid.child), .in = -1, .out = -1, .err = -1, .pidfd = -1 },
		.exit = { .size = sizeof(kid.exit) }
	};
	struct sm_answer a;
	struct sm_frame frame;
	int err = sm_frame_recv(foe->sock, &frame, &reply, sizeof(reply), SM_STEP_MS);

	if (err)
		return err;
	if (reply.pid <= 0 || frame.nfds != 3)
		return -EPROTO;
	kid.child.pid = reply.pid;
	kid.child.in = frame.fds[0];
	kid.child.out = frame.fds[1];
	kid.child.err = frame.fds[2];
	kid.child.priv = -1;
	err = sm_kid_answer(c, &kid, &a);
	if (!err)
		err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	return err ? err : a.n[0];
}

static int pipelined(struct sm_cell *c)
{
	const int depth = 64;
	struct sm_foe foe;
	int wrong = 0, err = 0;

	if (sm_foe_begin(c, &foe))
		return c->observed;
	for (int i = 0; i < depth && !err; i++)
		err = send_numbered(c, &foe, i);
	for (int i = 0; i < depth && !err; i++) {
		int64_t got = hear_number(c, &foe);

		err = got < 0 ? (int)got : 0;
		wrong += got != i;
	}
	sm_foe_end(&foe);
	if (err)
		return sm_trouble(c, err, "64 requests at once");
	return sm_judge(
		c, wrong == 0,
		"%d requests before the first answer was read: %d answers belong to another", depth,
		wrong);
}

/* ---- K13: more requests than the socket holds answers ---- */

/* Each is refused: what counts is that none is lost. Sends while it can, then reads. */
static int back_pressure(struct sm_cell *c)
{
	const int n = 3000;
	int sent = 0, heard = 0, err = 0;
	struct sm_foe_header head = { .magic = SM_FOE_MAGIC, .type = 99 };
	struct sm_foe foe;

	if (sm_foe_begin(c, &foe))
		return c->observed;
	while (heard < n && !err) {
		struct sm_foe_word word;

		while (sent < n && send(foe.sock, &head, sizeof(head),
					MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof(head))
			sent++;
		word = sm_foe_hear(&foe, foe.sock);
		err = word.err;
		heard += !err && word.no == EPROTO;
	}
	if (!err)
		err = sm_foe_unharmed(c, &foe, "a full socket");
	sm_foe_end(&foe);
	if (err > 0)
		return err;
	return sm_judge(c, heard == n,
			"%d requests sent as fast as the socket takes them: %d "
			"answers, %s",
			sent, heard, err ? strerror(-err) : "the server serves on");
}

/* ---- E15, E16: large requests, and signals while they pass ---- */

/* n[0]: how long SM_BIG is; n[1]: a sum over it. */
static int child_measures(struct sm_cell *c)
{
	const char *big = getenv("SM_BIG");

	for (size_t i = 0; big && big[i]; i++) {
		c->answer.n[0]++;
		c->answer.n[1] = c->answer.n[1] * 31 + big[i];
	}
	return sm_holds(c, "%lld bytes", (long long)c->answer.n[0]);
}

/* One entry cannot be longer than 128 KiB (execve(2)), so a size is made of many. 0 or -errno. */
static int spawn_sized(struct sm_cell *c, const char *big, size_t filler, struct sm_answer *a)
{
	static char fill[64 << 10];
	const char *more[64] = { big };
	struct sm_req req;
	size_t n = 1;

	memset(fill, 'f', sizeof(fill) - 1);
	memcpy(fill, "SM_FILL=", 8);
	while (filler >= sizeof(fill) && n < 63) {
		more[n++] = fill;
		filler -= sizeof(fill);
	}
	req = sm_cell_req_env(c, NULL, more);
	return sm_kid_ask_req(c, &req, a, NULL);
}

static const char *make_big(size_t n)
{
	char *big = malloc(n + sizeof("SM_BIG="));

	if (!big)
		return NULL;
	memcpy(big, "SM_BIG=", 7);
	for (size_t i = 0; i < n; i++)
		big[7 + i] = (char)('A' + i * 7 % 26);
	big[7 + n] = '\0';
	return big;
}

static int64_t sum_of(const char *big)
{
	int64_t sum = 0;

	for (size_t i = 7; big[i]; i++)
		sum = sum * 31 + big[i];
	return sum;
}

static int whole_or_refused(struct sm_cell *c)
{
	static const size_t sizes[] = { 60000, 100000, 120000 };
	static const size_t fillers[] = { 0, 64 << 10, 256 << 10, 1 << 20, 3 << 20 };
	int whole = 0, refused = 0;

	for (size_t i = 0; i < 15; i++) {
		size_t size = sizes[i / 5], filler = fillers[i % 5];
		struct sm_answer a = { .observed = 0 };
		const char *big = make_big(size);
		int err = big ? spawn_sized(c, big, filler, &a) : -ENOMEM;
		int64_t sum = big ? sum_of(big) : 0;

		free((void *)big);
		if (err && err != -E2BIG)
			return sm_trouble(c, err, "a large environment");
		refused += err != 0;
		whole += !err;
		if (!err && (a.n[0] != (int64_t)size || a.n[1] != sum))
			return sm_fails(c,
					"of a variable of %zu bytes, beside %zu of others, %lld "
					"arrived",
					size, filler, (long long)a.n[0]);
	}
	return sm_judge(c, whole >= 2,
			"environments of 60 KB to 3 MB: %d arrived whole, %d were "
			"E2BIG",
			whole, refused);
}

static void on_alarm(int sig)
{
	(void)sig;
}

static const struct itimerval never;

/* A thousand signals in a second, without SA_RESTART. */
static void storm(bool on)
{
	const struct sigaction caught = { .sa_handler = on_alarm };
	const struct sigaction standard = { .sa_handler = SIG_DFL };
	const struct itimerval often = { { 0, 1000 }, { 0, 1000 } };

	if (on)
		sigaction(SIGALRM, &caught, NULL);
	setitimer(ITIMER_REAL, on ? &often : &never, NULL);
	if (!on)
		sigaction(SIGALRM, &standard, NULL);
}

static int creator_storms(struct sm_cell *c)
{
	storm(true);
	return sm_holds(c, "SIGALRM every millisecond");
}

static int signals_cut_nothing(struct sm_cell *c)
{
	int n = c->thorough ? 2000 : 40, err = 0, done = 0, wrong = 0;
	const char *big = make_big(90000);
	int64_t sum = big ? sum_of(big) : 0;

	err = sm_cell_start(c);
	storm(true); /* this side too */
	for (; done < n && !err; done++) {
		struct sm_answer a = { .observed = 0 };

		err = spawn_sized(c, big, 0, &a);
		wrong += !err && (a.n[0] != 90000 || a.n[1] != sum);
	}
	storm(false);
	free((void *)big);
	if (err)
		return sm_trouble(c, err, "a spawn while signals come");
	return sm_judge(c, wrong == 0,
			"SIGALRM every millisecond in parent and creator: of %d requests of 90 KB, "
			"%d were cut",
			n, wrong);
}

static const struct sm_check checks[] = {
	{
		.id = "protocol.pipelined",
		.row = "E14",
		.claim = "64 requests that are sent at once are answered each in its turn",
		.source = "unix(7): a stream keeps its order; spawner property 45",
		.level = SM_MUST,
		.only = SM_OWN_SERVER | SM_CHILD_OF_PARENT,
		.in_parent = pipelined,
		.in_child = child_tells_arg,
	},
	{
		.id = "protocol.back-pressure",
		.row = "K13",
		.claim = "a client that does not read its answers loses none of them",
		.source = "unix(7), send(2): a full socket blocks its sender",
		.level = SM_MUST,
		.only = SM_OWN_SERVER | SM_CHILD_OF_PARENT,
		.in_parent = back_pressure,
	},
	{
		.id = "protocol.size.whole",
		.row = "E15",
		.claim = "a large request arrives whole, or is refused with E2BIG",
		.source = "execve(2) limits on arguments and environment",
		.level = SM_MUST,
		.in_parent = whole_or_refused,
		.in_child = child_measures,
	},
	{
		.id = "protocol.signals.whole",
		.row = "E16",
		.claim =
			"signals that interrupt parent and creator cut no request and no answer short",
		.source = "signal(7) EINTR; CPython test_subprocess test_communicate_eintr",
		.level = SM_MUST,
		.in_parent = signals_cut_nothing,
		.in_creator = creator_storms,
		.in_child = child_measures,
	},
};

SM_GROUP_AS(protocol_load, "protocol", "Requests and SCM_RIGHTS", checks);
