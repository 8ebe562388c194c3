/* SPDX-License-Identifier: MIT */
/*
 * isolate.c - SM_CMD_ISOLATE: what children of this strategy inherit, reach and share.
 *
 * An earlier child runs and ends, a sibling holds still, the attacker looks for every canary and
 * attacks parent, server and sibling; then siblings tell their layout. The canaries of the two
 * requests stay in this process as a parent's requests do: what a clone of it finds is a finding.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "act.h"
#include "../isolation/canary.h"
#include "../isolation/layout.h"
#include "../isolation/maps.h"
#include "../sys/sys.h"

#define SIBLINGS_MAX   64
#define TIMEOUT_MAX_MS 600000

#define ATTACK "SM_JOB=child/attack"
#define LAYOUT "SM_JOB=child/layout"

/* A request that carries a canary in its arguments and its environment. */
struct request {
	char env[16 + SM_CANARY_BYTES];
	char arg[1 + SM_CANARY_BYTES];
	const char *args[2];
	const char **envp;
	struct sm_masked masked;
};

struct isolation {
	struct sm_host_state *st;
	struct sm_acting acting;
	struct sm_cmd_isolate cmd;
	struct sm_attack orders; /* of the attacker; the others get a copy with their own role */
	struct request earlier, sibling;
	const char **attack_envp, **layout_envp;
	struct sm_act live; /* the sibling, while it holds still */
	struct sm_msg_finding findings[SM_FINDINGS_MAX];
};

static int new_request(struct isolation *iso, struct request *r)
{
	const char **with;
	int err = sm_canary_make(r->arg);

	if (err)
		return err;
	snprintf(r->env, sizeof(r->env), "SM_REQUEST=%s", r->arg);
	sm_canary_mask(r->masked.b, r->arg, &iso->orders.mask);
	r->args[0] = r->arg;
	with = sm_host_env(iso->st->base_envp, r->env);
	r->envp = with ? sm_host_env(with, ATTACK) : NULL;
	free(with);
	return r->envp ? 0 : -ENOMEM;
}

static void seek(struct sm_attack *orders, const char *name, int in_descriptor,
		 const struct sm_masked *masked)
{
	struct sm_sought *s = &orders->sought[orders->nsought++];

	snprintf(s->name, sizeof(s->name), "%s", name);
	s->in_descriptor = (uint32_t)in_descriptor;
	s->masked = *masked;
}

/* The row of a secret of which nothing can be said. */
static int send_unsought(struct isolation *iso, const char *secret, int in_descriptor,
			 const char *reason)
{
	struct sm_msg_finding row = { .inherited = 1, .outcome = SM_NOT_APPLICABLE };

	snprintf(row.secret, sizeof(row.secret), "%s", secret);
	snprintf(row.attack, sizeof(row.attack), "%s",
		 in_descriptor ? "descriptor-read" : "self-scan");
	snprintf(row.target, sizeof(row.target), "self");
	snprintf(row.evidence, sizeof(row.evidence), "%s", reason);
	return sm_host_send(iso->st, SM_MSG_FINDING, &row, sizeof(row));
}

/* One process serves all: nobody stands beside it, and who came before was itself. */
static bool alone(const struct isolation *iso)
{
	return iso->st->ops.traits & SM_REUSES_PROCESS;
}

/* Before there is any child: what the scanner does not find here is not sought there. */
static int look_at_home(struct isolation *iso)
{
	char why[SM_SOUGHT_MAX][SM_CONTROL_WHY];
	struct sm_attack *o = &iso->orders;
	uint32_t kept = 0;
	int err = sm_control(o, why);

	for (uint32_t i = 0; i < o->nsought && !err; i++) {
		struct sm_sought *s = &o->sought[i];

		if (why[i][0])
			err = send_unsought(iso, s->name, (int)s->in_descriptor, why[i]);
		else
			o->sought[kept++] = *s;
	}
	o->nsought = kept;
	return err;
}

static const struct sm_secret *planted(const struct sm_secrets *s, const char *name)
{
	for (int i = 0; i < SM_SECRETS; i++) {
		if (!strcmp(s->row[i].name, name))
			return s->row[i].planted ? &s->row[i] : NULL;
	}
	return NULL;
}

static void show_env(struct sm_victim_plan *v, const char *of, const struct sm_masked *canary)
{
	v->has_env = 1;
	v->env = *canary;
	snprintf(v->env_of, sizeof(v->env_of), "%s", of);
}

static void aim_at_parent(struct isolation *iso)
{
	struct sm_victim_plan *v = &iso->orders.victim[SM_VICTIM_PARENT];
	const struct sm_secret *heap = planted(iso->st->secrets, "heap/before");
	const struct sm_secret *env = planted(iso->st->secrets, "environ/before");
	const struct sm_secret *file = planted(iso->st->secrets, "memfd/before");

	*v = (struct sm_victim_plan){ .pid = getpid(), .alive = 1, .fd = -1 };
	if (heap) {
		v->addr = heap->addr;
		v->memory = heap->masked;
	}
	if (env) {
		show_env(v, "the parent's", &env->masked);
	}
	if (file) {
		v->fd = file->fd;
		v->file = file->masked;
	}
}

static void aim_at_server(struct isolation *iso)
{
	struct sm_victim_plan *v = &iso->orders.victim[SM_VICTIM_SERVER];
	pid_t pid = iso->st->ops.server ? iso->st->ops.server(iso->st->self) : 0;

	if (alone(iso))
		pid = 0; /* the attacker is it */
	*v = (struct sm_victim_plan){ .pid = pid > 0 ? pid : 0, .fd = -1 };
	if (pid <= 0)
		return;
	v->alive = kill(pid, 0) == 0;
	v->memory = iso->st->secrets->server;
	show_env(v, "the server's", &iso->st->secrets->server);
	v->addr = sm_environ_find(pid, &iso->st->secrets->server, &iso->orders.mask);
}

/* Everything that holds for the whole run. */
static int prepare(struct isolation *iso)
{
	struct sm_attack *o = &iso->orders;
	const struct sm_secrets *s = iso->st->secrets;
	int err = 0;

	o->size = sizeof(*o);
	o->mask = s->mask;
	o->timeout_ms = iso->cmd.timeout_ms / 2 + 1; /* the child gives up before its parent does */
	for (int i = 0; i < SM_SECRETS && !err; i++) {
		if (s->row[i].planted)
			seek(o, s->row[i].name, s->row[i].in_descriptor, &s->row[i].masked);
		else
			err = send_unsought(iso, s->row[i].name, s->row[i].in_descriptor,
					    s->row[i].reason);
	}
	iso->attack_envp = sm_host_env(iso->st->base_envp, ATTACK);
	iso->layout_envp = sm_host_env(iso->st->base_envp, LAYOUT);
	if (!iso->attack_envp || !iso->layout_envp)
		err = -ENOMEM;
	if (!err)
		err = new_request(iso, &iso->earlier);
	if (!err)
		err = new_request(iso, &iso->sibling);
	if (err)
		return sm_fail(&iso->st->fault, SM_STAGE_IMAGE, -err, "isolate: no requests");
	seek(o, "request", 0, &iso->earlier.masked);
	if (!alone(iso))
		seek(o, "sibling-request", 0, &iso->sibling.masked);
	err = look_at_home(iso);
	if (err)
		return sm_fail(&iso->st->fault, SM_STAGE_IMAGE, -err, "isolate: no control");
	sm_layout_seed();
	aim_at_parent(iso);
	aim_at_server(iso);
	return 0;
}

/* A child that leaves a canary in its request and one in its payload, and is gone. */
static int run_earlier(struct isolation *iso)
{
	struct sm_attack orders = iso->orders;
	struct sm_record rec;
	struct sm_act act;
	int err = sm_canary_new(&orders.own, &orders.mask);

	orders.role = SM_ROLE_EARLIER;
	if (err)
		return sm_fail(&iso->st->fault, SM_STAGE_IMAGE, -err, "isolate: no canary");
	err = sm_act_start(&iso->acting, &act, "earlier child", iso->earlier.envp,
			   iso->earlier.args, &orders);
	if (!err)
		err = sm_act_record(&iso->acting, &act, SM_RECORD_DONE, &rec);
	if (!err)
		err = sm_act_end(&iso->acting, &act);
	if (err)
		return err;
	iso->orders.own = orders.own; /* the attacker looks for the taint */
	seek(&iso->orders, "payload", 0, &orders.own);
	return 0;
}

/*
 * /proc/PID/environ shows what the image was exec'd with (proc(5)): of a cloned sibling not its
 * request, which is only in memory, but the environment of whom it was cloned from.
 */
static void aim_at_sibling_env(struct isolation *iso, struct sm_victim_plan *v)
{
	const uint32_t traits = iso->st->ops.traits;
	const struct sm_secret *parent = planted(iso->st->secrets, "environ/before");

	if (traits & SM_FRESH_IMAGE)
		show_env(v, "its own", &iso->sibling.masked);
	else if (traits & SM_OWN_SERVER)
		show_env(v, "the server's", &iso->st->secrets->server);
	else if (parent)
		show_env(v, "the parent's", &parent->masked);
}

/*
 * Under "own uid" the sibling has one of its own too, and is dumpable: then the uid alone keeps
 * the attacker out.
 */
static int hold_sibling(struct isolation *iso)
{
	struct sm_attack orders = iso->orders;
	struct sm_victim_plan *v = &iso->orders.victim[SM_VICTIM_SIBLING];
	struct sm_sibling say;
	uint32_t n;
	int err = sm_canary_new(&orders.own, &orders.mask);

	if (!err)
		err = sm_canary_new(&orders.file, &orders.mask);
	if (err)
		return sm_fail(&iso->st->fault, SM_STAGE_IMAGE, -err, "isolate: no canary");
	orders.role = SM_ROLE_SIBLING;
	orders.timeout_ms = 4 * iso->cmd.timeout_ms; /* as long as its attacker may take */
	orders.undumpable = iso->cmd.undumpable;
	orders.uid = iso->cmd.attacker_uid == SM_STAY_UID ? SM_STAY_UID : iso->cmd.attacker_uid + 1;
	err = sm_act_start(&iso->acting, &iso->live, "sibling", iso->sibling.envp,
			   iso->sibling.args, &orders);
	if (!err)
		err = sm_act_data(&iso->acting, &iso->live, &say, sizeof(say), sizeof(say), &n);
	if (!err && n != 1)
		err = sm_fail(&iso->st->fault, SM_STAGE_RECORD, EPROTO, "isolate: empty sibling");
	if (err)
		return err;
	*v = (struct sm_victim_plan){
		.pid = iso->live.program,
		.alive = 1, /* it has just spoken, and waits to be let go: release_sibling() */
		.fd = say.fd,
		.addr = say.addr,
		.memory = orders.own,
		.file = orders.file,
	};
	aim_at_sibling_env(iso, v);
	seek(&iso->orders, "sibling-payload", 0, &orders.own);
	return 0;
}

static int no_sibling(struct isolation *iso)
{
	static const char why[] = "one process serves all, one at a time";
	int err = send_unsought(iso, "sibling-request", 0, why);

	iso->orders.victim[SM_VICTIM_SIBLING] = (struct sm_victim_plan){ .fd = -1 };
	return err ? err : send_unsought(iso, "sibling-payload", 0, why);
}

static int run_attacker(struct isolation *iso)
{
	struct sm_act act;
	uint32_t n = 0;
	int err;

	iso->orders.role = SM_ROLE_ATTACKER;
	iso->orders.uid = iso->cmd.attacker_uid;
	err = sm_act_start(&iso->acting, &act, "attacker", iso->attack_envp, NULL, &iso->orders);
	if (!err)
		err = sm_act_data(&iso->acting, &act, iso->findings, sizeof(iso->findings[0]),
				  sizeof(iso->findings), &n);
	if (!err)
		err = sm_act_end(&iso->acting, &act);
	for (uint32_t i = 0; i < n && !err; i++)
		err = sm_host_send(iso->st, SM_MSG_FINDING, &iso->findings[i],
				   sizeof(iso->findings[i]));
	return err;
}

static int release_sibling(struct isolation *iso)
{
	sm_act_let_go(&iso->live);
	return sm_act_end(&iso->acting, &iso->live);
}

static int run_all(struct isolation *iso)
{
	int err = prepare(iso);

	if (!err)
		err = run_earlier(iso);
	if (!err)
		err = alone(iso) ? no_sibling(iso) : hold_sibling(iso);
	if (!err)
		err = run_attacker(iso);
	if (!err && !alone(iso))
		err = release_sibling(iso);
	for (uint32_t i = 0; i < iso->cmd.siblings && !err; i++)
		err = sm_act_layout(&iso->acting, iso->layout_envp, i);
	sm_act_kill(&iso->acting, &iso->live);
	return err;
}

int sm_host_isolate(struct sm_host_state *st, const void *data, uint32_t bytes)
{
	struct isolation *iso;
	int err;

	if (!st->secrets)
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, EINVAL,
			       "isolate: no secrets; send SM_CMD_OPEN with plant_secrets");
	iso = calloc(1, sizeof(*iso));
	if (!iso)
		return sm_fail(&st->fault, SM_STAGE_ARGUMENT, ENOMEM, "isolate");
	iso->st = st;
	if (bytes == sizeof(iso->cmd))
		memcpy(&iso->cmd, data, bytes);
	iso->acting = (struct sm_acting){ .st = st, .timeout_ms = iso->cmd.timeout_ms };
	if (!iso->cmd.timeout_ms || iso->cmd.timeout_ms > TIMEOUT_MAX_MS ||
	    iso->cmd.siblings > SIBLINGS_MAX)
		err = sm_fail(&st->fault, SM_STAGE_ARGUMENT, EINVAL,
			      "isolate: expected a timeout of 1 ms to 10 minutes and at most 64 "
			      "siblings");
	else
		err = run_all(iso);
	free(iso->layout_envp);
	free(iso->attack_envp);
	free(iso->sibling.envp);
	free(iso->earlier.envp);
	free(iso);
	return err;
}
