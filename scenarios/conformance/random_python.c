/* SPDX-License-Identifier: MIT */
/*
 * random_python.c - what siblings of a Python program draw: its random module has a fork handler,
 * NumPy's legacy generator and the hash seed have none.
 */
#include "group.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The number goes to stderr: stdout is for the record. */
static const struct sm_check_payload module = {
	.preamble = "import os, random",
	.imports = "",
	.work = "os.write(2, b'<%016x>' % random.getrandbits(64))",
};

static const struct sm_check_payload legacy = {
	.preamble = "import os",
	.imports = "numpy.random",
	.work = "os.write(2, b'<%016x>' % int.from_bytes(numpy.random.bytes(8), 'big'))",
};

static const struct sm_check_payload hashes = {
	.preamble = "import os",
	.imports = "",
	.work = "os.write(2, b'<%016x>' % (hash('spawnmark') & (1 << 64) - 1))",
};

#define DRAWN_BYTES 18

static int draw(struct sm_cell *c)
{
	return sm_judge(c, !c->payload->work(c->payload->arg), "the payload's work");
}

/* One child and its number, as text of DRAWN_BYTES. */
static int draw_one(struct sm_cell *c, char drawn[DRAWN_BYTES + 1])
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer answer;
	struct sm_kid kid;
	size_t have = 0;
	int err = sm_kid_spawn(c, &kid, &req);

	if (err)
		return err;
	err = sm_kid_answer(c, &kid, &answer);
	while (!err && have < DRAWN_BYTES) { /* it was written before the answer */
		ssize_t n = read(kid.child.err, drawn + have, DRAWN_BYTES - have);

		if (n <= 0)
			err = n < 0 ? -errno : -EPIPE;
		else
			have += (size_t)n;
	}
	drawn[have] = '\0';
	if (!err)
		err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	return err;
}

static int siblings_differ(struct sm_cell *c)
{
	char a[DRAWN_BYTES + 1], b[DRAWN_BYTES + 1];
	int err = draw_one(c, a);

	if (!err)
		err = draw_one(c, b);
	if (err)
		return sm_trouble(c, err, "a child");
	if (a[0] != '<' || b[0] != '<')
		return sm_fails(c, "the payload said: %s %s", a, b);
	return sm_judge(c, strcmp(a, b) != 0, "two siblings drew %s and %s", a, b);
}

static const struct sm_check checks[] = {
	{
		.id = "random.python.module",
		.row = "I01",
		.claim = "siblings draw different numbers from Python's random module",
		.source = "CPython Lib/random.py: os.register_at_fork(after_in_child=_inst.seed)",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_NUMPY),
		.timeout_ms = SM_PYTHON_MS,
		.payload = &module,
		.in_parent = siblings_differ,
		.in_child = draw,
	},
	{
		.id = "random.python.numpy",
		.row = "I01",
		.claim = "siblings draw different numbers from NumPy's legacy generator",
		.source = "numpy.random: seeded on import, no fork handler; NumPy #9650",
		.level = SM_SHOULD,
		.flags = SM_CHECK_SLOW, /* a fresh image loads NumPy twice */
		.needs = SM_NEED(SM_F_NUMPY),
		.timeout_ms = SM_PYTHON_MS,
		.fails_lacking = SM_FRESH_IMAGE,
		.why = "the generator was seeded on import, and its state was cloned",
		.payload = &legacy,
		.in_parent = siblings_differ,
		.in_child = draw,
	},
	{
		.id = "random.python.hash",
		.row = "I06",
		.claim = "siblings hash strings with different seeds",
		.source = "CPython PYTHONHASHSEED; oCERT-2011-003",
		.level = SM_SHOULD,
		.needs = SM_NEED(SM_F_NUMPY),
		.timeout_ms = SM_PYTHON_MS,
		.fails_lacking = SM_FRESH_IMAGE,
		.why = "the seed is drawn when the interpreter starts, and a clone does not start one",
		.payload = &hashes,
		.in_parent = siblings_differ,
		.in_child = draw,
	},
};

SM_GROUP_AS(random_python, "random", "Randomness and uniqueness", checks);
