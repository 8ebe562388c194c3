/* SPDX-License-Identifier: MIT */
/*
 * isolate.c - one strategy under one attacker: secrets are planted, children attack, the findings
 * and what siblings share come back.
 *
 *   root        host and child stay root
 *   same        both run as one unprivileged user, dumpable
 *   undumpable  the same, parent, server and sibling with PR_SET_DUMPABLE 0
 *   other       the host is root, the child turns into an unprivileged user
 *
 * Without root, `same` and `undumpable` run as the calling user; the other two are unavailable.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../isolation/isolation.h"
#include "../sandbox/sandbox.h"
#include "../sys/sys.h"
#include "collect.h"
#include "visit.h"

/* Below nobody (65534), used by no distribution's static allocation. */
#define UID_HOST  65531
#define UID_CHILD 65532

/* A host's command line and environment with room for the secrets "argv" and "environ". */
struct padded {
	char xs[SM_PAD_RUN + 1];
	char env[SM_PAD_RUN + 16], option[SM_PAD_RUN + 16];
	char *first, **argv;
};

static int pad(struct padded *p, const struct sm_case *c)
{
	bool python = (c->ops->traits & SM_PARENT_LOADS) && !strcmp(c->payload, "python");
	size_t n = 0, at = 0;

	memset(p->xs, 'x', SM_PAD_RUN);
	p->xs[SM_PAD_RUN] = 0;
	snprintf(p->env, sizeof(p->env), "SM_PAD=%s", p->xs);
	snprintf(p->option, sizeof(p->option), "pad=%s", p->xs);
	while (c->host_argv[n])
		n++;
	p->first = NULL;
	p->argv = calloc(n + 3, sizeof(*p->argv));
	if (!p->argv)
		return -ENOMEM;
	/* An interpreter finds its installation by argv[0]: that one must stay as it is. */
	if (python)
		p->argv[at++] = c->host_argv[0];
	else if (asprintf(&p->first, "%s %s", c->host_argv[0], p->xs) < 0)
		p->first = NULL;
	else
		p->argv[at++] = p->first;
	if (python) {
		p->argv[at++] = (char *)"-X";
		p->argv[at++] = p->option;
	}
	for (size_t i = 1; i < n; i++)
		p->argv[at++] = c->host_argv[i];
	return python || p->first ? 0 : -ENOMEM;
}

static void gather(void *arg, int from, uint16_t type, const void *data, uint32_t bytes)
{
	struct sm_stay *stay = arg;
	struct sm_result *r = stay->r;

	(void)from;
	if (type == SM_MSG_FINDING && bytes == sizeof(struct sm_msg_finding)) {
		struct sm_msg_finding *f = sm_collect_one(&r->findings, r->nfindings, sizeof(*f));

		if (!f)
			return;
		memcpy(f, data, sizeof(*f));
		f->secret[sizeof(f->secret) - 1] = f->attack[sizeof(f->attack) - 1] = 0;
		f->target[sizeof(f->target) - 1] = f->evidence[sizeof(f->evidence) - 1] = 0;
		r->nfindings++;
	} else if (type == SM_MSG_LAYOUT && bytes == sizeof(struct sm_msg_layout)) {
		struct sm_msg_layout *l = sm_collect_one(&r->layouts, r->nlayouts, sizeof(*l));

		if (!l)
			return;
		memcpy(l, data, sizeof(*l));
		l->what[sizeof(l->what) - 1] = 0;
		r->nlayouts++;
	} else {
		sm_stay_note(stay, type, data, bytes);
	}
}

/* Who the host is; an attacker that needs root is refused without it. */
static int host_uid(struct sm_stay *stay, uid_t *uid)
{
	bool root = geteuid() == 0;
	enum sm_attacker who = stay->c->attacker;

	*uid = SM_UID_STAY;
	if (who == SM_ATTACKER_SAME || who == SM_ATTACKER_UNDUMPABLE) {
		*uid = root ? UID_HOST : SM_UID_STAY;
		return 0;
	}
	if (root)
		return 0;
	stay->r->unavailable = true;
	return sm_fail(
		&stay->fault, SM_STAGE_ARGUMENT, EPERM,
		who == SM_ATTACKER_ROOT
			? "not measured: attacker = root needs root; run with sudo"
			: "not measured: attacker = other needs root to become another user; run "
			  "with sudo");
}

int sm_visit_isolation(struct sm_stay *stay)
{
	const struct sm_case *c = stay->c;
	struct sm_cmd_isolate cmd = {
		.attacker_uid = c->attacker == SM_ATTACKER_OTHER ? UID_CHILD : 0xffffffffu,
		.undumpable = c->attacker == SM_ATTACKER_UNDUMPABLE,
		.timeout_ms = (uint32_t)c->timeout_ms,
		.siblings = (uint32_t)c->siblings,
	};
	struct sm_hostproc host;
	struct sm_msg_done done;
	struct sm_hostspec spec = { .path = c->host_argv[0] };
	struct sm_cpuset set;
	struct padded padded;
	int err;

	if (stay->r->nfindings)
		return 0; /* the first block that gave the matrix is enough */
	err = host_uid(stay, &spec.uid);
	if (err)
		return err;
	sm_cpus_for(&stay->rig->cpus, c->pin, &set);
	err = pad(&padded, c);
	if (err) {
		free(padded.argv);
		return err;
	}
	spec.argv = padded.argv;
	spec.more_env = padded.env;
	spec.cpus = &set;
	spec.reach = c->argv;
	err = sm_stay_host_as(stay, &host, &spec, true);
	stay->r->unavailable = err && host.barred;
	if (c->layers & (1u << SM_LAYER_USER | 1u << SM_LAYER_IDS))
		cmd.attacker_uid = 0xffffffffu; /* it has one of its own, and may have no other */
	if (!err)
		err = sm_hostproc_send(&host, SM_CMD_ISOLATE, &cmd, sizeof(cmd), &stay->fault);
	/* Each attack is a child of its own with its own timeout; the host tells each as it ends. */
	if (!err)
		err = sm_hostproc_await(stay->rig, &host, 1, sm_silence_ms(c, 64), gather, stay,
					&done, &stay->fault);
	sm_hostproc_end(stay->rig, &host, 1, !err);
	/* What this machine can, its user may still not. */
	if (err && spec.uid != SM_UID_STAY && stay->fault.stage == SM_STAGE_SANDBOX)
		stay->r->unavailable = true;
	free(padded.first);
	free(padded.argv);
	if (err) /* a matrix with holes would read as "absent" */
		stay->r->nfindings = stay->r->nlayouts = 0;
	return err;
}
