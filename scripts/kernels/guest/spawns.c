/* SPDX-License-Identifier: MIT */
/*
 * spawns.c - a host without a driver, for the instruction profile: one strategy, payload none, a
 * heap in the process that is cloned. Static, so that it runs in a guest that has nothing else.
 *
 *   spawns STRATEGY MIB 4k|thp WARM-UPS SPANS FILE
 *
 * The span is the product's own, sm_latency_one(); the markers, empty functions whose addresses
 * plugin.c is given, are set by a spawn and a wait around the strategy's. FILE gets one line for
 * each span: reaped - request, as the product tells it. With $SM_JOB it is the payload.
 *
 * Exit status: 0; 2 bad usage; 3 the kernel does not give such pages; 1 a spawn failed.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/host.h"

enum { TIMEOUT_MS = 60000 };

#define MARKER __attribute__((noipa)) void
MARKER sm_marker_arm(void);   /* from here on calls are followed */
MARKER sm_marker_begin(void); /* of a span */
MARKER sm_marker_end(void);
MARKER sm_marker_done(void); /* the case is over */

MARKER sm_marker_arm(void)
{
	__asm__ volatile("" ::: "memory");
}

MARKER sm_marker_begin(void)
{
	__asm__ volatile("" ::: "memory");
}

MARKER sm_marker_end(void)
{
	__asm__ volatile("" ::: "memory");
}

MARKER sm_marker_done(void)
{
	__asm__ volatile("" ::: "memory");
}

struct plan {
	const char *program, *strategy, *mib, *pages, *file;
	unsigned long warmups, spans;
};

/* A strategy with markers around it. */
struct marked {
	const struct sm_ops *ops;
	void *self;
	bool counted;
};

static int marked_spawn(void *self, const struct sm_req *req, struct sm_child *child,
			struct sm_fault *fault)
{
	struct marked *m = self;

	if (m->counted)
		sm_marker_begin();
	return m->ops->spawn(m->self, req, child, fault);
}

static int marked_wait(void *self, struct sm_child *child, int timeout_ms, struct sm_exit *end)
{
	struct marked *m = self;
	int err = m->ops->wait(m->self, child, timeout_ms, end);

	if (m->counted)
		sm_marker_end();
	return err;
}

/* Bytes of huge pages among [at, at + bytes), as smaps tells; -1: it cannot be read. */
static long long huge_bytes(const void *at, size_t bytes)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long long from, to, kb;
	long long sum = 0;
	bool inside = false;
	char line[512];

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx-%llx ", &from, &to) == 2)
			inside = from < (uintptr_t)at + bytes && to > (uintptr_t)at;
		else if (inside && sscanf(line, "AnonHugePages: %llu kB", &kb) == 1)
			sum += (long long)kb * 1024;
	}
	fclose(f);
	return sum;
}

/* Touched, and made of the pages asked for. 0, 2 or 3. */
static int build_heap(unsigned long mib, bool thp)
{
	const size_t huge = 2UL << 20, bytes = mib << 20;
	long long want = thp ? (long long)bytes : 0, got;
	char *at;

	if (!mib)
		return 0;
	if (thp && bytes % huge)
		return 2;
	at = mmap(NULL, bytes + huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return 3;
	at += (huge - (uintptr_t)at % huge) % huge;
	madvise(at, bytes,
		thp ? MADV_HUGEPAGE : MADV_NOHUGEPAGE); /* what came of it is looked at */
	for (size_t i = 0; i < bytes; i += 4096)
		at[i] = 1;
	got = huge_bytes(at, bytes);
	if (got == want)
		return 0;
	fprintf(stderr, "spawns: %lld of %zu bytes are huge pages, expected %lld\n", got, bytes,
		want);
	return 3;
}

static int play(struct marked *m, const struct plan *p, FILE *file)
{
	static const char *const envp[] = { "SM_JOB=child", NULL };
	const struct sm_ops ops = { .size = sizeof(ops),
				    .spawn = marked_spawn,
				    .wait = marked_wait };
	const struct sm_req req = { .size = sizeof(req), .timeout_ms = TIMEOUT_MS, .envp = envp };

	for (unsigned long i = 0; i < p->warmups + p->spans; i++) {
		struct sm_sample s;
		struct sm_fault fault;

		m->counted = i >= p->warmups;
		if (m->ops->idle)
			m->ops->idle(m->self);
		if (sm_latency_one(&ops, m, &req, &s, &fault)) {
			fprintf(stderr, "spawns: %s: stage %d, errno %d: %s\n", p->strategy,
				fault.stage, fault.err, fault.text);
			return 1;
		}
		if (m->counted)
			fprintf(file, "%" PRId64 "\n", s.reaped_ns - s.request_ns);
	}
	return 0;
}

static int host(const struct plan *p, const struct sm_payload *payload)
{
	static const char *const server_envp[] = { NULL };
	const char *argv[] = { p->program, p->mib, p->pages, NULL };
	struct marked m = { .ops = sm_strategy(p->strategy) };
	struct sm_setup setup = {
		.size = sizeof(setup), .timeout_ms = TIMEOUT_MS, .argv = argv, .envp = server_envp
	};
	struct sm_fault fault = { .size = sizeof(fault) };
	FILE *file = fopen(p->file, "we");
	int rc;

	if (!m.ops || !file) {
		fprintf(stderr, "spawns: no strategy %s, or no file %s\n", p->strategy, p->file);
		return 2;
	}
	rc = m.ops->traits & SM_OWN_SERVER
		     ? 0
		     : build_heap(strtoul(p->mib, NULL, 10), !strcmp(p->pages, "thp"));
	sm_marker_arm();
	setup.payload = m.ops->traits & SM_PARENT_LOADS ? payload : NULL;
	if (!rc && m.ops->start(&m.self, &setup, &fault)) {
		fprintf(stderr, "spawns: %s: start: %s\n", p->strategy, fault.text);
		rc = 1;
	}
	if (!rc) {
		rc = play(&m, p, file);
		m.ops->stop(m.self);
	}
	sm_marker_done();
	return fclose(file) || rc ? (rc ? rc : 1) : 0;
}

static int work(void *arg)
{
	(void)arg;
	return 0;
}

/* A server has the heap, a child that was exec'd has none: it is the payload none. */
static int be_payload(int argc, char **argv, const char *job, const struct sm_payload *payload)
{
	int rc = 0;

	if (strncmp(job, "child", 5) && argc > 2)
		rc = build_heap(strtoul(argv[1], NULL, 10), !strcmp(argv[2], "thp"));
	return rc ? rc : sm_role(NULL, payload);
}

int main(int argc, char **argv)
{
	const struct sm_payload payload = { .size = sizeof(payload), .work = work };
	const char *job = getenv("SM_JOB");
	struct plan plan;

	sm_entered();
	if (job)
		return be_payload(argc, argv, job, &payload);
	if (argc != 7) {
		fprintf(stderr, "usage: spawns STRATEGY MIB 4k|thp WARM-UPS SPANS FILE\n");
		return 2;
	}
	plan = (struct plan){ .program = argv[0],
			      .strategy = argv[1],
			      .mib = argv[2],
			      .pages = argv[3],
			      .file = argv[6],
			      .warmups = strtoul(argv[4], NULL, 10),
			      .spans = strtoul(argv[5], NULL, 10) };
	return host(&plan, &payload);
}
