/* SPDX-License-Identifier: MIT */
/*
 * env_util.c - see env_util.h.
 */
#include "env_util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* How many numbers are compared: beside them on the board. */
#define COUNT_AT (SM_NUMBERS - 1)

int sm_creator_is(struct sm_cell *c, unsigned int n, bool changed, const char *what)
{
	c->board->n[COUNT_AT] = n;
	if (!changed)
		return sm_broken(c, "the creator cannot change its %s", what);
	snprintf(c->board->bytes, sizeof(c->board->bytes), "%s", what);
	return sm_holds(c, "the creator has changed its %s", what);
}

int sm_child_is(struct sm_cell *c, unsigned int n, const char *what)
{
	char text[256] = "";
	size_t at = 0;

	for (unsigned int i = 0; i < n && at < sizeof(text); i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, " %lld",
				       (long long)c->answer.n[i]);
	return sm_holds(c, "%s:%s", what, text);
}

int sm_like_creator(struct sm_cell *c)
{
	struct sm_answer a;
	int err = sm_kid_ask(c, NULL, &a, NULL);
	const int64_t *creator;
	int64_t n;

	if (err)
		return sm_trouble(c, err, "a child");
	if (a.observed != SM_HOLDS)
		return sm_broken(c, "the child cannot tell: %s", a.text);
	creator = c->board->n;
	n = creator[COUNT_AT];
	for (int64_t i = 0; i < n; i++) {
		if (a.n[i] != creator[i])
			return sm_fails(c,
					"%s: value %lld is %lld in the creator, %lld in the child",
					c->board->bytes, (long long)i, (long long)creator[i],
					(long long)a.n[i]);
	}
	return sm_holds(c, "as in the creator: %s", a.text);
}

void sm_digest(const char *const *strings, int64_t n[2])
{
	uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */

	n[0] = 0;
	for (; strings && strings[n[0]]; n[0]++) {
		const char *at = strings[n[0]];

		do
			hash = (hash ^ (unsigned char)*at) * 0x100000001b3;
		while (*at++);
	}
	n[1] = (int64_t)hash;
}

int sm_ask_one(struct sm_cell *c, const struct sm_req *req, struct sm_answer *answer)
{
	struct sm_exit exit = { .size = sizeof(exit) };
	int err = sm_kid_ask_req(c, req, answer, &exit);

	return !err && exit.status ? -EPROTO : err;
}

int sm_ask_two(struct sm_cell *c, const struct sm_req *first, struct sm_answer answers[2])
{
	struct sm_req look = sm_cell_req(c, "look");
	int err = sm_ask_one(c, first, &answers[0]);

	return err ? err : sm_ask_one(c, &look, &answers[1]);
}

int sm_ask_refused(struct sm_cell *c, const struct sm_req *req, struct sm_fault *fault)
{
	struct sm_answer answer;
	struct sm_kid kid;
	int err;

	if (!c->started) {
		err = sm_cell_start(c);
		if (err)
			return err;
	}
	err = sm_kid_spawn(c, &kid, req);
	*fault = c->fault;
	if (err)
		return err == -EOPNOTSUPP ? err : 0;
	err = sm_kid_answer(c, &kid, &answer);
	*fault = c->fault;
	if (err != -EIO) {
		sm_kid_kill(c, &kid);
		return -EPROTO;
	}
	err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	return err || kid.exit.status ? err : -EPROTO;
}

mode_t sm_umask(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return mask;
}

int sm_temp_path(char path[128])
{
	int fd;

	snprintf(path, 128, "%s/check-XXXXXX", sm_temp_dir());
	fd = mkostemp(path, O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
