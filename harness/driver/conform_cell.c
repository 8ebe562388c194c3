/* SPDX-License-Identifier: MIT */
/* conform_cell.c - see conform_cell.h. */
#include "conform_cell.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "../check/call.h"
#include "../sandbox/sandbox.h"
#include "../sys/sys.h"
#include "../wire/pack.h"
#include "foreign.h"
#include "planner.h"
#include "without.h"

#define ASK_BYTES (128 * 1024)
#define GRACE_MS  2000
/* A question has one answer; a host that talks on is stopped. */
#define MESSAGES_MAX 8

/* What a host said before its DONE. */
struct heard {
	struct sm_hostproc *host;
	struct sm_msg_verdict verdict;
	int verdicts, strange, messages;
};

static void hear(void *arg, int from, uint16_t type, const void *data, uint32_t bytes)
{
	struct heard *h = arg;

	(void)from;
	if (type == SM_MSG_VERDICT && bytes == sizeof(h->verdict)) {
		memcpy(&h->verdict, data, bytes);
		h->verdicts++;
	} else {
		h->strange++;
	}
	if (++h->messages == MESSAGES_MAX && h->host->pid)
		kill(h->host->pid, SIGKILL);
}

static char **payload_command(const struct sm_conform_run *run, const struct sm_check *check)
{
	const struct sm_check_payload *p = check->payload;
	struct sm_python_code code;
	char **argv;

	if (p) {
		code = (struct sm_python_code){ p->imports, p->preamble, p->work, "" };
		return sm_command_python(run->arena, run->opt->root, run->opt->build, NULL, &code);
	}
	argv = sm_arena_alloc(run->arena, 2, sizeof(*argv));
	if (argv)
		argv[0] = sm_arena_printf(
			run->arena, "%s/payloads/none%s", run->opt->build,
			run->opt->linked && check->flags & SM_CHECK_ANYWHERE ? "-pie" : "");
	return argv;
}

static char **host_command(const struct sm_conform_run *run, const struct sm_target *t,
			   char **payload)
{
	char **argv;

	if (t->foreign)
		return t->foreign->argv;
	if (t->traits & SM_PARENT_LOADS)
		return payload;
	argv = sm_arena_alloc(run->arena, 2, sizeof(*argv));
	if (argv)
		argv[0] = sm_arena_printf(run->arena, "%s/sm-host", run->opt->build);
	return argv;
}

static int start(struct sm_asker *a, const struct sm_target *t, struct sm_hostproc *host,
		 char **argv, struct sm_fault *fault)
{
	struct sm_hostspec spec = { .path = t->foreign ? t->foreign->path : NULL,
				    .argv = argv,
				    .uid = SM_UID_STAY };
	struct sm_cpuset all;
	char job[64];

	sm_cpus_for(&a->rig.cpus, SM_PIN_FREE, &all);
	snprintf(job, sizeof(job), "host/%s", t->name);
	spec.job = job;
	spec.cpus = &all;
	return sm_hostproc_start(&a->rig, host, &spec, fault);
}

static int send_question(struct sm_asker *a, const struct sm_check *check, char **payload,
			 struct sm_hostproc *host, struct sm_fault *fault)
{
	const struct sm_conform_options *opt = a->run->opt;
	const struct sm_cmd_check cmd = {
		.seed = opt->seed ? opt->seed : 1,
		.flags = opt->thorough ? SM_CALL_THOROUGH : 0,
	};
	const char *id[] = { check->id, NULL };
	uint32_t layers = 0;
	char *buf = malloc(ASK_BYTES);
	struct sm_pack p = { .at = buf, .left = ASK_BYTES };
	int err;

	if (!buf)
		return sm_fail(fault, SM_STAGE_ARGUMENT, ENOMEM, "CHECK");
	sm_pack_bytes(&p, &cmd, sizeof(cmd));
	sm_pack_vec(&p, (const char *const *)payload);
	sm_pack_vec(&p, (const char *const *)a->rig.env);
	sm_pack_vec(&p, id);
	if (check->sandbox && sm_sandbox_parse(check->sandbox, &layers))
		err = sm_fail(fault, SM_STAGE_SANDBOX, EINVAL, "the check's sandbox is none");
	else if (p.err)
		err = sm_fail(fault, SM_STAGE_ARGUMENT, -p.err,
			      "the environment is longer than 128 KiB");
	else
		err = sm_hostproc_send_boxed(host, SM_CMD_CHECK, buf, (uint32_t)(p.at - buf),
					     layers, payload, a->rig.env, fault);
	free(buf);
	return err;
}

static void broken(const struct sm_conform_run *run, struct sm_conform_cell *cell,
		   const char *reason)
{
	cell->observed = SM_BROKEN;
	cell->verdict = SM_VERDICT_BROKEN;
	cell->reason = sm_foreign_line(run->arena, reason, strlen(reason));
	cell->evidence = cell->reason ? cell->reason : "no memory";
}

static void skip(struct sm_conform_cell *cell, const char *reason)
{
	cell->observed = SM_SKIPS;
	cell->verdict = SM_VERDICT_SKIP;
	cell->feature = SM_F_NONE;
	cell->reason = cell->evidence = reason;
}

static void judge(const struct sm_conform_run *run, struct sm_conform_cell *cell,
		  const struct sm_msg_verdict *v)
{
	cell->observed = v->observed;
	cell->feature = v->observed == SM_SKIPS ? v->feature : SM_F_NONE;
	cell->verdict = sm_conform_judge(&cell->expectation, v->observed);
	cell->evidence = sm_foreign_line(run->arena, v->text, strnlen(v->text, sizeof(v->text)));
	/* The verdict does not tell which one it was. */
	if (cell->expectation.expected == SM_EXPECT_RECORD && v->observed <= SM_FAILS)
		cell->evidence =
			sm_arena_printf(run->arena, "%s: %s", sm_observed_name(v->observed),
					cell->evidence ? cell->evidence : "");
	if (!cell->evidence)
		cell->evidence = "no memory";
	cell->took_ns = v->took_ns > 0 ? v->took_ns : cell->took_ns;
	if (cell->verdict == SM_VERDICT_XFAIL)
		cell->reason = cell->expectation.why;
	else if (cell->verdict == SM_VERDICT_BROKEN)
		cell->reason = cell->evidence;
	else if (cell->verdict == SM_VERDICT_SKIP)
		cell->reason = sm_arena_printf(run->arena, "%s%s%s",
					       sm_suite_feature(run->suite, v->feature),
					       *cell->evidence ? ": " : "", cell->evidence);
}

static void timed_out(const struct sm_conform_run *run, struct sm_conform_cell *cell, int64_t ms)
{
	cell->observed = SM_TIMED_OUT;
	cell->verdict = sm_conform_judge(&cell->expectation, SM_TIMED_OUT);
	cell->reason = cell->verdict == SM_VERDICT_XFAIL ? cell->expectation.why : NULL;
	cell->evidence = sm_arena_printf(run->arena, "no answer within %.1f s", (double)ms / 1000);
	if (!cell->evidence)
		cell->evidence = "no memory";
}

/* What the host's answer says; err as sm_hostproc_await(). */
static void weigh(const struct sm_conform_run *run, struct sm_conform_cell *cell, int err,
		  const struct heard *h, const struct sm_fault *fault)
{
	const struct sm_msg_verdict *v = &h->verdict;
	char text[400];

	if (h->messages >= MESSAGES_MAX) {
		broken(run, cell, "the host does not stop talking");
	} else if (err) {
		/* Its own fault has a stage; that it died says enough. */
		snprintf(text, sizeof(text), "%s%s%s", err == 1 ? sm_stage_name(fault->stage) : "",
			 err == 1 ? ": " : "", fault->text[0] ? fault->text : strerror(fault->err));
		broken(run, cell, text);
	} else if (h->strange || h->verdicts != 1) {
		snprintf(text, sizeof(text),
			 "the host said %d verdicts and %d other things, expected one verdict",
			 h->verdicts, h->strange);
		broken(run, cell, text);
	} else if (v->observed < SM_HOLDS || v->observed > SM_BROKEN || v->feature < 0 ||
		   v->feature >= SM_F_COUNT) {
		snprintf(text, sizeof(text), "the host's verdict is none: observed %d, feature %d",
			 (int)v->observed, (int)v->feature);
		broken(run, cell, text);
	} else {
		judge(run, cell, v);
	}
}

/* The host has answered; now it must go as it should, and leave nothing. */
static void take_leave(struct sm_asker *a, const struct sm_check *check, struct sm_hostproc *host,
		       struct sm_conform_cell *cell)
{
	bool audit = !(check->flags & SM_CHECK_NO_AUDIT);
	char text[200];
	int status;

	if (audit)
		sm_leftover_children(&a->left, host);
	status = sm_hostproc_close(&a->rig, host);
	if (a->rig.interrupted)
		return;
	if (status) {
		struct sm_fault f = { .size = sizeof(f) };

		if (status == -1)
			snprintf(text, sizeof(text), "the host did not end after its verdict");
		else
			snprintf(text, sizeof(text),
				 "the host ended with wait status 0x%x after its verdict",
				 (unsigned int)status);
		sm_fail(&f, SM_STAGE_WAIT, EPROTO, text);
		sm_hostproc_explain(host, &f);
		broken(a->run, cell, f.text);
		return;
	}
	if (!audit || cell->observed == SM_BROKEN)
		return;
	sm_leftover_look(&a->left, &a->rig, host);
	if (!a->left.found)
		return;
	if (cell->expectation.leaves) {
		cell->observed = SM_FAILS;
		cell->verdict = sm_conform_judge(&cell->expectation, SM_FAILS);
		cell->reason = cell->verdict == SM_VERDICT_XFAIL ? cell->expectation.why : NULL;
	} else {
		cell->verdict = SM_VERDICT_FAIL;
		cell->reason = sm_arena_printf(a->run->arena, "left behind: %s", a->left.text);
	}
	cell->evidence = sm_arena_printf(a->run->arena, "left behind: %s; else %s", a->left.text,
					 cell->evidence);
}

static void question(struct sm_asker *a, const struct sm_check *check, char **payload,
		     struct sm_hostproc *host, struct sm_conform_cell *cell)
{
	int64_t ms = check->timeout_ms ? check->timeout_ms : SM_CHECK_MS;
	struct sm_fault fault = { .size = sizeof(fault) };
	struct heard h = { .host = host };
	struct sm_msg_done done;
	int err = send_question(a, check, payload, host, &fault);

	if (!err)
		err = sm_hostproc_await(&a->rig, host, 1, ms + GRACE_MS, hear, &h, &done, &fault);
	if (err == -EINTR || a->rig.interrupted)
		return;
	if (err == -ENOPKG && sm_without_seccomp())
		skip(cell, sm_without_seccomp());
	else if (err == -ETIMEDOUT)
		timed_out(a->run, cell, ms + GRACE_MS);
	else
		weigh(a->run, cell, err, &h, &fault);
	if (!err)
		take_leave(a, check, host, cell);
}

int sm_conform_ask(struct sm_asker *a, int target, int row, struct sm_conform_cell *cell)
{
	const struct sm_target *t = &a->run->targets[target];
	const struct sm_check *check = a->run->rows[row].check;
	struct sm_fault fault = { .size = sizeof(fault) };
	struct sm_conform_cell now = *cell;
	char **payload = payload_command(a->run, check);
	char **argv = payload ? host_command(a->run, t, payload) : NULL;
	struct sm_hostproc host;
	int64_t began = sm_now_ns();
	int err;

	if (!argv)
		return -ENOMEM;
	err = sm_leftover_next(&a->left, &a->rig);
	if (err)
		return err;
	now.verdict = SM_VERDICT_NONE;
	err = start(a, t, &host, argv, &fault);
	if (err) {
		broken(a->run, &now, fault.text);
	} else {
		a->left.host = host.pid;
		question(a, check, payload, &host, &now);
		sm_hostproc_end(&a->rig, &host, 1, false);
	}
	sm_leftover_remove(&a->left);
	if (a->rig.interrupted)
		return -EINTR;
	if (!now.took_ns)
		now.took_ns = sm_now_ns() - began;
	if (!now.evidence)
		return -ENOMEM;
	*cell = now;
	return 0;
}

int sm_conform_hello(struct sm_asker *a, struct sm_target *t, struct sm_error *error)
{
	int err = sm_leftover_next(&a->left, &a->rig);

	if (err)
		return err;
	err = sm_foreign_hello(t->foreign, &a->rig, a->run->arena, error);
	sm_leftover_remove(&a->left);
	t->traits = t->foreign->ops.traits;
	t->summary = t->foreign->ops.summary;
	return err;
}
