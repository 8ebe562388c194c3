/* SPDX-License-Identifier: MIT */
/*
 * env.c - arguments, environment and working directory.
 */
#include "group.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "env_util.h"

/* A value that a check plants for somebody else than the child that it asks. */
#define STRANGER "SM_CHECK_STRANGER"

static const char *const odd_args[] = {
	"plain",
	"",
	"two words",
	" leading and trailing ",
	"\"quoted\" 'twice'",
	"\xff\xfe\x80 no UTF-8",
	"new\nline",
	"tab\t\\0 $HOME `id` *",
	"--",
	"--help",
	"-",
	"=",
	NULL,
};

static const char *const odd_env[] = {
	"EMPTY=",     "SPACES= a  b ", "EQUALS=a=b=c", "BYTES=\xff\xfe\x01",
	"LINES=a\nb", "lower=x",       NULL,
};

/* F01 */
static int argv_child(struct sm_cell *c)
{
	const char *const *args = sm_child_arguments(c);

	sm_digest(args, c->answer.n);
	for (int i = 0; args[i] && odd_args[i]; i++) {
		if (strcmp(args[i], odd_args[i]))
			return sm_fails(c, "argument %d has %zu bytes, or others than the %zu sent",
					i, strlen(args[i]), strlen(odd_args[i]));
	}
	return sm_holds(c, "%lld arguments came", (long long)c->answer.n[0]);
}

static int argv_exact(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;
	int64_t sent[2];
	int err;

	req.args = odd_args;
	sm_digest(odd_args, sent);
	err = sm_ask_one(c, &req, &a);
	if (err)
		return sm_trouble(c, err, "a child with odd arguments");
	if (a.observed != SM_HOLDS)
		return sm_fails(c, "%s", a.text);
	return sm_judge(c, a.n[0] == sent[0] && a.n[1] == sent[1],
			"%lld arguments were sent, %lld came, their bytes %s", (long long)sent[0],
			(long long)a.n[0], a.n[1] == sent[1] ? "equal" : "differ");
}

/* F03 */
static int env_child(struct sm_cell *c)
{
	const char *stranger = getenv(STRANGER);

	sm_digest((const char *const *)environ, c->answer.n);
	c->answer.n[2] = stranger != NULL;
	if (!strcmp(c->arg, "change")) {
		for (char **e = environ; *e; e++)
			memset(*e, '#', strlen(*e));
		return setenv(STRANGER, "of a child", 1) ? sm_broken(c, "setenv")
							 : sm_holds(c, "changed");
	}
	return sm_holds(c, "%lld variables; " STRANGER " is %s", (long long)c->answer.n[0],
			stranger ? stranger : "not set");
}

static int env_exact(struct sm_cell *c)
{
	struct sm_req req = sm_cell_req_env(c, NULL, odd_env);
	struct sm_answer a;
	int64_t sent[2];
	int err = sm_ask_one(c, &req, &a);

	if (err)
		return sm_trouble(c, err, "a child with odd variables");
	sm_digest(req.envp, sent);
	return sm_judge(c, a.n[0] == sent[0] && a.n[1] == sent[1],
			"%lld variables were sent, %lld are in environ, their bytes %s",
			(long long)sent[0], (long long)a.n[0],
			a.n[1] == sent[1] ? "equal" : "differ");
}

/* All that a program which only prints its environment prints. Bytes or -errno. */
static ssize_t printed_env(struct sm_cell *c, const char *const *env, char *buf, size_t size)
{
	static const char *const cat[] = { "/bin/cat", "/proc/self/environ", NULL };
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_kid kid;
	ssize_t n, have = 0;
	int err;

	c->argv = cat;
	req.envp = env;
	err = sm_kid_spawn(c, &kid, &req);
	if (err)
		return err;
	while ((n = read(kid.child.out, buf + have, size - (size_t)have)) > 0)
		have += n;
	err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	return err || n < 0 || kid.exit.status ? -EIO : have;
}

static int env_empty(struct sm_cell *c)
{
	static const char *const none[] = { NULL };
	char buf[4096];
	ssize_t n = printed_env(c, none, buf, sizeof(buf));

	if (n < 0)
		return sm_trouble(c, (int)n, "/bin/cat with an empty environment");
	return sm_judge(c, n == 0, "its /proc/self/environ has %zd bytes", n);
}

/* F04 */
static int env_private(struct sm_cell *c)
{
	struct sm_req change = sm_cell_req(c, "change"), look = sm_cell_req(c, "look");
	struct sm_answer a[2];
	int64_t before[2], after[2], sent[2];
	int err;

	sm_digest((const char *const *)environ, before);
	err = sm_ask_two(c, &change, a);
	if (err)
		return sm_trouble(c, err, "two children");
	sm_digest((const char *const *)environ, after);
	sm_digest(look.envp, sent);
	if (memcmp(before, after, sizeof(before)))
		return sm_fails(c, "the parent's environment changed: %lld variables, then %lld",
				(long long)before[0], (long long)after[0]);
	return sm_judge(c, !a[1].n[2] && a[1].n[0] == sent[0] && a[1].n[1] == sent[1],
			"after a child overwrote its own, the next one's: %s, bytes %s", a[1].text,
			a[1].n[1] == sent[1] ? "as sent" : "not as sent");
}

/* F05 */
static int env_late(struct sm_cell *c)
{
	struct sm_answer a;
	int err = sm_cell_start(c);

	if (err)
		return sm_trouble(c, err, "start");
	setenv(STRANGER, "of the parent", 1);
	err = sm_kid_ask(c, NULL, &a, NULL);
	unsetenv(STRANGER);
	if (err)
		return sm_trouble(c, err, "a child");
	return sm_judge(c, !a.n[2], "set in the parent after the start, not sent: %s", a.text);
}

static int env_server(struct sm_cell *c)
{
	static const char *const more[] = { STRANGER "=of the server", NULL };
	struct sm_answer a;
	int err = sm_cell_start_env(c, more);

	if (!err)
		err = sm_kid_ask(c, NULL, &a, NULL);
	if (err)
		return sm_trouble(c, err, "a child of a server with a variable of its own");
	return sm_judge(c, !a.n[2], "set in the server: %s", a.text);
}

/* F25 */
static int held_child(struct sm_cell *c)
{
	sm_child_tell(c, "up");
	sm_child_await();
	return sm_holds(c, "done");
}

static ssize_t read_environ(pid_t pid, char *buf, size_t size)
{
	char path[64];
	size_t have = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (have < size && (n = read(fd, buf + have, size - have)) > 0)
		have += (size_t)n;
	close(fd);
	return (ssize_t)have;
}

static int judge_environ(struct sm_cell *c, const struct sm_req *req, const char *at, ssize_t n)
{
	const char *const end = at + n;
	int i = 0;

	for (; at < end && req->envp[i] && !strcmp(at, req->envp[i]); i++)
		at += strlen(at) + 1;
	return sm_judge(c, at == end && !req->envp[i],
			"/proc/PID/environ has %zd bytes; the first %d variables are as sent%s%s",
			n, i, at < end ? ", then comes another: " : "", at < end ? at : "");
}

static int proc_environ(struct sm_cell *c)
{
	static const char *const more[] = { STRANGER "=secret", NULL };
	struct sm_req req = sm_cell_req(c, NULL);
	char buf[16384] = "";
	struct sm_answer a;
	struct sm_kid kid;
	ssize_t n = -1;
	int err = sm_cell_start_env(c, more);

	if (!err)
		err = sm_kid_spawn(c, &kid, &req);
	if (err)
		return sm_trouble(c, err, "a child");
	err = sm_kid_answer(c, &kid, &a);
	if (!err)
		n = read_environ(kid.child.pid, buf, sizeof(buf) - 1);
	if (!err)
		err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	if (err || n < 0)
		return sm_trouble(c, err ? err : (int)n, "a child's /proc/PID/environ");
	return judge_environ(c, &req, buf, n);
}

static const struct sm_check checks[] = {
	{
		.id = "env.argv.exact",
		.row = "F01",
		.claim = "a request's arguments reach the child byte for byte, empty ones too",
		.source = "execve(2); LTP execve01; CPython test_undecodable_env",
		.level = SM_MUST,
		.in_parent = argv_exact,
		.in_child = argv_child,
	},
	{
		.id = "env.exact",
		.row = "F03",
		.claim =
			"environ in the child is the request's environment, all of it, in its order",
		.source = "execve(2); CPython test_env; multiprocessing issue 50669",
		.level = SM_MUST,
		.in_parent = env_exact,
		.in_child = env_child,
	},
	{
		.id = "env.empty",
		.row = "F03",
		.claim = "an empty environment is possible",
		.source = "CPython test_empty_env; libuv spawn_empty_env",
		.level = SM_MUST,
		.only = SM_FRESH_IMAGE,
		.in_parent = env_empty,
	},
	{
		.id = "env.private",
		.row = "F04",
		.claim = "what a child does to its environment, neither parent nor sibling sees",
		.source = "fork(2); LTP fork04",
		.level = SM_MUST,
		.in_parent = env_private,
		.in_child = env_child,
	},
	{
		.id = "env.late.parent",
		.row = "F05",
		.claim =
			"a variable of the parent that the request does not name is not in the child",
		.source = "spawnmark.h: envp is the child's whole environment",
		.level = SM_MUST,
		.in_parent = env_late,
		.in_child = env_child,
	},
	{
		.id = "env.late.server",
		.row = "F05",
		.claim =
			"a variable of the server that the request does not name is not in the child",
		.source =
			"spawnmark.h: envp is the child's whole environment; CPython test_use_environment",
		.level = SM_MUST,
		.only = SM_OWN_SERVER,
		.in_parent = env_server,
		.in_child = env_child,
	},
	{
		.id = "env.proc-environ",
		.row = "F25",
		.claim = "/proc/PID/environ shows the child's own environment and no other",
		.source = "proc(5); linux:fs/proc/base.c:environ_read",
		.level = SM_MUST,
		.fails_lacking = SM_FRESH_IMAGE,
		.why = "/proc shows what the last execve put there, and a clone keeps its creator's",
		.in_parent = proc_environ,
		.in_child = held_child,
	},
};

SM_GROUP(env, "Arguments, environment, limits, credentials", checks);
