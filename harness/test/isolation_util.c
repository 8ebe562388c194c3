/* SPDX-License-Identifier: MIT */
/*
 * isolation_util.c - see isolation_util.h. SM_SHOW=1 prints every row of every run.
 */
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "isolation_util.h"
#include "../driver/openpath.h"
#include "../isolation/attack.h"
#include "../sys/sys.h"
#include "../wire/frame.h"
#include "../wire/pack.h"

#define USER 54321u /* owns nothing: only its number matters */

const struct attacker iso_root = { "root", 0, SM_STAY_UID, 0 };
const struct attacker iso_same = { "same", USER, SM_STAY_UID, 0 };
const struct attacker iso_undumpable = { "undumpable", USER, SM_STAY_UID, 1 };
const struct attacker iso_other = { "other", 0, USER, 0 };

const char *iso_built(const char *name)
{
	static char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) / 2);

	assert_true(n > 0);
	path[n] = '\0';
	*strrchr(path, '/') = '\0';
	n = strrchr(path, '/') - path;
	snprintf(path + n, sizeof(path) - (size_t)n, "/%s", name);
	return path;
}

void iso_need_root(void)
{
	if (geteuid() == 0)
		return;
	print_message("needs root: run it with sudo\n");
	skip();
}

/* Lets the unprivileged user reach what was built, for all that this process starts. */
static void open_way(void)
{
	char host[4096];
	const char *paths[2] = { host, NULL };
	int err;

	snprintf(host, sizeof(host), "%s", iso_built("sm-host"));
	paths[1] = iso_built("payloads/none");
	err = sm_open_paths(paths, 2, USER);
	if (err >= 0)
		return;
	print_message("uid %u cannot reach %s, and no mount may open the way (%s): build below a "
		      "directory that others may search\n",
		      USER, host, strerror(-err));
	skip();
}

void iso_start(struct run *r, const char *strategy, uint32_t uid, enum padding padding)
{
	const struct sm_ops *ops = sm_strategy(strategy);
	const char *path;
	char job[64];
	int pair[2];

	assert_non_null(ops);
	if (uid)
		open_way();
	path = iso_built(ops->traits & SM_PARENT_LOADS ? "payloads/none" : "sm-host");
	memset(r, 0, sizeof(*r));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	snprintf(job, sizeof(job), "SM_JOB=host/%s/%d", strategy, pair[1]);
	r->pid = fork();
	assert_true(r->pid >= 0);
	if (r->pid == 0) {
		char *argv[] = { padding ? (char *)"host " PAD PAD : (char *)"host", NULL };
		char *envp[] = { job, padding ? (char *)"SM_PAD=" PAD PAD : NULL, NULL };

		fcntl(pair[1], F_SETFD, 0);
		if (uid && (setgroups(0, NULL) || setgid(uid) || setuid(uid)))
			_exit(126);
		execve(path, argv, envp);
		_exit(127);
	}
	close(pair[1]);
	r->sock = pair[0];
}

static void take(struct run *r, const struct sm_frame *f, const void *data)
{
	if (f->type == SM_MSG_FINDING) {
		assert_int_equal(f->bytes, sizeof(r->row[0]));
		assert_true(r->rows < ROWS_MAX);
		memcpy(&r->row[r->rows++], data, f->bytes);
	} else if (f->type == SM_MSG_LAYOUT) {
		assert_int_equal(f->bytes, sizeof(r->layout[0]));
		assert_true(r->layouts < SIBLINGS * SM_LAYOUT_ROWS);
		memcpy(&r->layout[r->layouts++], data, f->bytes);
	} else if (f->type == SM_MSG_DONE) {
		memcpy(&r->done, data, sizeof(r->done));
	} else {
		assert_int_equal(f->type, SM_MSG_FAULT);
		memcpy(&r->fault, data, sizeof(r->fault));
	}
}

void iso_say(struct run *r, uint16_t cmd, const void *data, size_t bytes)
{
	static char buf[1 << 16];
	struct sm_frame f;

	assert_int_equal(sm_frame_send(r->sock, cmd, data, (uint32_t)bytes, NULL, 0), 0);
	do {
		assert_int_equal(sm_frame_recv(r->sock, &f, buf, sizeof(buf), WAIT_MS), 0);
		take(r, &f, buf);
	} while (f.type != SM_MSG_DONE && f.type != SM_MSG_FAULT);
	r->end = f.type;
}

void iso_open(struct run *r, const char *const *argv, const struct attacker *who)
{
	const char *none[] = { iso_built("payloads/none"), NULL };
	const char *envp[] = { "PATH=/usr/bin:/bin", NULL };
	struct sm_cmd_open cmd = { .start_timeout_ms = STEP_MS,
				   .plant_secrets = 1,
				   .undumpable = who->undumpable };
	char buf[8192];
	struct sm_pack p = { .at = buf, .left = sizeof(buf) };

	sm_pack_bytes(&p, &cmd, sizeof(cmd));
	sm_pack_vec(&p, argv ? argv : none);
	sm_pack_vec(&p, envp);
	sm_pack_vec(&p, NULL);
	assert_int_equal(p.err, 0);
	iso_say(r, SM_CMD_OPEN, buf, (size_t)(p.at - buf));
	if (r->end == SM_MSG_FAULT)
		fail_msg("open: stage %d, %s: %s", r->fault.stage, strerror(r->fault.err),
			 r->fault.text);
}

void iso_close(struct run *r)
{
	const struct sm_msg_done done = r->done;
	struct sm_exit end = { .size = sizeof(end) };

	iso_say(r, SM_CMD_CLOSE, NULL, 0);
	assert_int_equal(r->end, SM_MSG_DONE);
	r->done = done;
	assert_int_equal(sm_wait_child(r->pid, WAIT_MS, &end), 0);
	assert_int_equal(end.status, 0);
	close(r->sock);
}

void iso_command(struct run *r, const struct attacker *who, uint32_t timeout_ms)
{
	struct sm_cmd_isolate cmd = { .attacker_uid = who->attacker_uid,
				      .undumpable = who->undumpable,
				      .timeout_ms = timeout_ms,
				      .siblings = SIBLINGS };

	iso_say(r, SM_CMD_ISOLATE, &cmd, sizeof(cmd));
}

static void show(const char *strategy, const struct attacker *who, const struct run *r)
{
	if (!getenv("SM_SHOW"))
		return;
	for (int i = 0; i < r->rows; i++)
		print_message("%s %s: %s %s %s: %d %d %s\n", strategy, who->name, r->row[i].secret,
			      r->row[i].attack, r->row[i].target, r->row[i].outcome, r->row[i].err,
			      r->row[i].evidence);
}

struct run *iso_run(const char *strategy, const struct attacker *who)
{
	static struct run r;

	iso_start(&r, strategy, who->host_uid, PADDED);
	iso_open(&r, NULL, who);
	iso_command(&r, who, STEP_MS);
	if (r.end == SM_MSG_FAULT)
		fail_msg("%s as %s: stage %d, %s: %s", strategy, who->name, r.fault.stage,
			 strerror(r.fault.err), r.fault.text);
	iso_close(&r);
	show(strategy, who, &r);
	return &r;
}

const struct sm_msg_finding *iso_find(const struct run *r, const char *secret, const char *attack,
				      const char *target)
{
	for (int i = 0; i < r->rows; i++) {
		const struct sm_msg_finding *f = &r->row[i];

		if (!strcmp(f->secret, secret) && !strcmp(f->attack, attack) &&
		    !strcmp(f->target, target))
			return f;
	}
	fail_msg("no row %s %s %s", secret, attack, target);
	return NULL;
}

void iso_expect(const struct sm_msg_finding *f, int outcome)
{
	if (f->outcome != outcome)
		fail_msg("%s %s %s: outcome %d instead of %d: %s", f->secret, f->attack, f->target,
			 f->outcome, outcome, f->evidence);
	assert_true(f->evidence[0]);
	assert_int_equal(f->err != 0, f->outcome == SM_BLOCKED);
}
