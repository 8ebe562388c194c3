/* SPDX-License-Identifier: MIT */
/* visit.c - see visit.h: the frame of every visit, what kinds share, and the latency block. */
#include "visit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "../sys/sys.h"
#include "collect.h"
#include "sandbox.h"

int64_t sm_silence_ms(const struct sm_case *c, int n)
{
	/*
	 * The host speaks every SM_SAMPLES_MAX spawns, and each of them may take its whole timeout.
	 * A host that has died is noticed at once, by its socket.
	 */
	return (4 + (int64_t)(n < SM_SAMPLES_MAX ? n : SM_SAMPLES_MAX)) * c->timeout_ms + 2000;
}

int sm_stay_host_as(struct sm_stay *stay, struct sm_hostproc *host, struct sm_hostspec *spec,
		    bool plant_secrets)
{
	const struct sm_case *c = stay->c;
	char job[128];
	int err;

	snprintf(job, sizeof(job), "host/%s", c->ops->name);
	spec->job = job;
	spec->env = c->env;
	err = sm_hostproc_start(stay->rig, host, spec, &stay->fault);
	spec->job = NULL;
	if (err)
		return err;
	err = sm_hostproc_open(stay->rig, host, c, plant_secrets, &stay->fault);
	if (!err && !stay->r->image.who) {
		stay->r->image.who = host->server ? "server" : "parent";
		sm_proc_image(host->server ? host->server : host->pid, &stay->r->image);
	}
	return err;
}

int sm_stay_host(struct sm_stay *stay, struct sm_hostproc *host, const struct sm_cpuset *cpus)
{
	struct sm_hostspec spec = { .argv = stay->c->host_argv, .cpus = cpus, .uid = SM_UID_STAY };

	return sm_stay_host_as(stay, host, &spec, false);
}

void sm_tally_take(struct sm_tally *t, const struct sm_hostproc *hosts, int n,
		   const struct sm_cpuset *set)
{
	memset(t, 0, sizeof(*t));
	if (set)
		sm_noise_take("", set, &t->noise);
	for (int i = 0; i < n; i++) {
		struct sm_cpu one;
		int64_t own, children;

		if (sm_cgroup_cpu(&hosts[i].cg, &one) == 0 && one.total_ns >= 0) {
			t->cgroup.user_ns += one.user_ns;
			t->cgroup.system_ns += one.system_ns;
			t->cgroup.total_ns += one.total_ns;
		}
		if (!hosts[i].server)
			continue;
		own = sm_proc_cpu_ns(hosts[i].server);
		children = sm_proc_children_cpu_ns(hosts[i].server);
		t->server_ns += own < 0 ? 0 : own;
		t->server_children_ns += children < 0 ? 0 : children;
	}
	sm_machine_time(set, &t->machine);
}

void sm_tally_between(const struct sm_tally *a, const struct sm_tally *b,
		      const struct sm_msg_done *done, int n, const struct sm_sample *samples,
		      int nsamples, enum sm_accounting accounting, struct sm_cpu *cpu,
		      int64_t *rusage_ns)
{
	int64_t user = 0, system = 0, server = b->server_ns - a->server_ns;
	bool by_server = false;

	for (int i = 0; i < n; i++) {
		user += done[i].parent_utime_ns;
		system += done[i].parent_stime_ns;
	}
	for (int i = 0; i < nsamples; i++) {
		by_server = by_server || samples[i].utime_ns < 0;
		user += samples[i].utime_ns > 0 ? samples[i].utime_ns : 0;
		system += samples[i].stime_ns > 0 ? samples[i].stime_ns : 0;
	}
	/* Children that the server reaped: their exit said no times, its own account does. */
	if (by_server)
		server += b->server_children_ns - a->server_children_ns;
	*rusage_ns = user + system + server;
	if (accounting == SM_ACCT_CGROUP1 || accounting == SM_ACCT_CGROUP2) {
		cpu->user_ns = b->cgroup.user_ns - a->cgroup.user_ns;
		cpu->system_ns = b->cgroup.system_ns - a->cgroup.system_ns;
		cpu->total_ns = b->cgroup.total_ns - a->cgroup.total_ns;
		return;
	}
	cpu->total_ns = *rusage_ns;
	cpu->user_ns = server ? -1 : user; /* a server's share is known as a sum alone */
	cpu->system_ns = server ? -1 : system;
}

int sm_stay_note(struct sm_stay *stay, uint16_t type, const void *data, uint32_t bytes)
{
	struct sm_msg_note note;

	if (type != SM_MSG_NOTE || bytes != sizeof(note))
		return 0;
	memcpy(&note, data, sizeof(note));
	note.fault.text[sizeof(note.fault.text) - 1] = 0;
	sm_collect_error(stay->r, stay->block, &note.fault, (int)note.count);
	return (int)note.count;
}

/* What a latency command sends before its end. */
struct gathered {
	struct sm_stay *stay;
	struct sm_block *block;
	int err;
};

static void gather(void *arg, int from, uint16_t type, const void *data, uint32_t bytes)
{
	struct gathered *g = arg;

	(void)from;
	if (type == SM_MSG_SAMPLES && bytes % sizeof(struct sm_sample) == 0) {
		int err = sm_collect_samples(&g->block->samples, &g->block->nsamples, data,
					     (int)(bytes / sizeof(struct sm_sample)));

		g->err = err ? err : g->err;
	} else {
		sm_stay_note(g->stay, type, data, bytes);
	}
}

void sm_block_finish(struct sm_block *b, const struct sm_tally *before,
		     const struct sm_tally *after, const struct sm_msg_done *done)
{
	sm_noise_add(&b->noise, &before->noise, &after->noise, b->cpu.total_ns);
	b->steal_ns = after->machine.steal_ns - before->machine.steal_ns;
	b->nivcsw = done->parent_nivcsw;
	b->majflt = done->parent_majflt;
	for (int i = 0; i < b->nsamples; i++) {
		const struct sm_sample *s = &b->samples[i];

		b->failed += (s->flags & SM_SAMPLE_FAILED) != 0;
		b->nivcsw += s->nivcsw > 0 ? s->nivcsw : 0;
		b->majflt += s->majflt > 0 ? s->majflt : 0;
	}
}

static int spawns(struct gathered *g, struct sm_hostproc *host, int n, int warmup,
		  struct sm_msg_done *sum)
{
	struct sm_stay *stay = g->stay;
	struct sm_cmd_latency cmd = { .n = (uint32_t)n,
				      .warmup = (uint32_t)warmup,
				      .timeout_ms = (uint32_t)stay->c->timeout_ms };
	struct sm_msg_done done;
	int err = sm_hostproc_send(host, SM_CMD_LATENCY, &cmd, sizeof(cmd), &stay->fault);

	if (!err)
		err = sm_hostproc_await(stay->rig, host, 1, sm_silence_ms(stay->c, n + warmup),
					gather, g, &done, &stay->fault);
	if (err)
		return err;
	sum->parent_utime_ns += done.parent_utime_ns;
	sum->parent_stime_ns += done.parent_stime_ns;
	sum->parent_nivcsw += done.parent_nivcsw;
	sum->parent_majflt += done.parent_majflt;
	return g->err;
}

/* The block's spawns: in one command, or with an audit after every c->audit of them. */
static int all_spawns(struct gathered *g, struct sm_hostproc *host, struct sm_msg_done *sum)
{
	const struct sm_case *c = g->stay->c;
	int warmup = c->warmup, done = 0, err = 0;

	while (done < c->samples && !err) {
		int n = c->samples - done;

		/* The first audit comes early: what it finds is what later ones must not exceed. */
		if (c->audit && done == 0)
			n = c->audit / 10 ? c->audit / 10 : 1;
		else if (c->audit)
			n = c->audit - (done < c->audit ? done : 0);
		if (n > c->samples - done)
			n = c->samples - done;
		err = spawns(g, host, n, warmup, sum);
		warmup = 0;
		done += n;
		if (c->audit && !err)
			err = sm_audit(g->stay, host, done);
	}
	return err;
}

int sm_visit_latency(struct sm_stay *stay)
{
	struct sm_block *b = &stay->r->blocks[stay->r->nblocks - 1];
	struct gathered g = { .stay = stay, .block = b };
	struct sm_msg_done done = { 0 };
	struct sm_tally before, after;
	struct sm_hostproc host;
	struct sm_cpuset set;
	int64_t rusage_ns;
	int err;

	sm_cpus_for(&stay->rig->cpus, stay->c->pin, &set);
	err = sm_stay_host(stay, &host, &set);
	if (err)
		goto out;
	b->instance = host.server;
	sm_tally_take(&before, &host, 1, &set);
	err = all_spawns(&g, &host, &done);
	if (err)
		goto out;
	sm_tally_take(&after, &host, 1, &set);
	sm_tally_between(&before, &after, &done, 1, b->samples, b->nsamples, stay->r->accounting,
			 &b->cpu, &rusage_ns);
	sm_block_finish(b, &before, &after, &done);
out:
	sm_hostproc_end(stay->rig, &host, 1, !err);
	return err;
}

/* A block without samples: what is left of a visit that went wrong. */
static void empty_block(struct sm_block *b)
{
	free(b->samples);
	b->samples = NULL;
	b->nsamples = b->failed = 0;
	b->cpu.user_ns = b->cpu.system_ns = b->cpu.total_ns = -1;
	b->steal_ns = b->nivcsw = b->majflt = -1;
	b->noise.parts = 0;
}

/*
 * Has this machine all layers of the case? It is asked once: what is refused is no failure of the
 * strategy, and no block may go without its layers.
 */
static int has_layers(struct sm_stay *stay)
{
	int layer, err;

	if (!stay->c->layers || (stay->r->nblocks > 1 && !stay->r->unavailable))
		return 0;
	err = sm_sandbox_try(stay->c->layers, &layer);
	if (!err)
		return 0;
	stay->r->unavailable = layer >= 0;
	sm_fail_layer(&stay->fault, layer, -err);
	snprintf(stay->fault.text, sizeof(stay->fault.text), "layer %s is refused here: %s",
		 sm_layer_name(layer), sm_sandbox_why(err));
	return err;
}

/* A case that this build or machine lacks something for is told, and no failure. */
static int can_be_asked(struct sm_stay *stay)
{
	if (!stay->c->lacks)
		return has_layers(stay);
	stay->r->unavailable = true;
	return sm_fail(&stay->fault, SM_STAGE_ARGUMENT, ENOTSUP, stay->c->lacks);
}

/* Did the payload end, in the host or in a server, because this machine has not what it needs? */
static bool said_unavailable(const struct sm_fault *fault)
{
	return (fault->stage == SM_STAGE_RECEIVE || fault->stage == SM_STAGE_PRELOAD) &&
	       WIFEXITED(fault->detail) && WEXITSTATUS(fault->detail) == EX_UNAVAILABLE;
}

int sm_visit(struct sm_rig *rig, const struct sm_case *c, struct sm_result *r, int block, int order)
{
	static int (*const by_kind[])(struct sm_stay *) = {
		[SM_KIND_LATENCY] = sm_visit_latency, [SM_KIND_THROUGHPUT] = sm_visit_throughput,
		[SM_KIND_MEMORY] = sm_visit_memory,   [SM_KIND_ISOLATION] = sm_visit_isolation,
		[SM_KIND_OPEN] = sm_visit_open,       [SM_KIND_CAPACITY] = sm_visit_capacity,
	};
	struct sm_stay stay = { .rig = rig, .c = c, .r = r, .block = block, .order = order };
	struct sm_block *b = sm_collect_one(&r->blocks, r->nblocks, sizeof(*b));
	int err;

	if (!b)
		return -ENOMEM;
	r->nblocks++;
	r->accounting = rig->base.accounting;
	b->index = block;
	b->order = order;
	b->at_ns = sm_now_ns();
	b->cpu.user_ns = b->cpu.system_ns = b->cpu.total_ns = -1;
	b->steal_ns = b->nivcsw = b->majflt = -1;
	stay.fault.size = sizeof(stay.fault);
	err = can_be_asked(&stay);
	if (!err)
		err = by_kind[c->kind](&stay);
	if (!err && rig->meter)
		rig->meter(order, &b->noise);
	if (!err)
		b->over = sm_noise_judge(c, &b->noise, b->noisy, sizeof(b->noisy));
	if (!err)
		return 0;
	empty_block(b);
	if (rig->interrupted) {
		r->nblocks--;
		return -EINTR;
	}
	if (err == -ENOMEM)
		return err;
	r->unavailable = r->unavailable || said_unavailable(&stay.fault);
	sm_collect_error(r, block, &stay.fault, 1);
	return 0;
}
