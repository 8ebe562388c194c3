/* SPDX-License-Identifier: MIT */
/*
 * attack.c - the order `attack`: three roles that a child can be given. Memory comes from mmap(2):
 * after a raw clone malloc's locks are whatever they were.
 */
#include "attack.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../child/orders.h"
#include "../sys/sys.h"
#include "canary.h"
#include "scan.h"

/* A host that does not send its orders, or does not let go of the sibling, has gone wrong. */
#define ORDERS_MS 30000

/*
 * The mark that one child leaves for the next, should they share an image. Global because state
 * that outlives a request is what the attack is about.
 */
static unsigned char taint[SM_CANARY_BYTES];

/* Payload memory with a canary, which stays in use to the child's end: hence not a local. */
static unsigned char *kept;

#define KEPT_BYTES 4096

void sm_taint_leave(const struct sm_masked *masked, const struct sm_masked *mask)
{
	sm_canary_mask(taint, masked->b, mask);
}

int sm_taint_seen(const struct sm_masked *masked, const struct sm_masked *mask)
{
	return sm_canary_is(taint, masked, mask);
}

const char *sm_errno_name(int err, char buf[24])
{
	const char *name = strerrorname_np(err);

	if (name)
		return name;
	snprintf(buf, 24, "error %d", err);
	return buf;
}

struct sm_msg_finding *sm_findings_add(struct sm_findings *f, const char *secret,
				       const char *attack, const char *target)
{
	struct sm_msg_finding *row = f->n < SM_FINDINGS_MAX ? &f->row[f->n++] : NULL;

	if (row) {
		snprintf(row->secret, sizeof(row->secret), "%s", secret);
		snprintf(row->attack, sizeof(row->attack), "%s", attack);
		snprintf(row->target, sizeof(row->target), "%s", target);
	}
	return row;
}

/* Answers with a DATA record and bytes behind it. */
static int answer(struct sm_order_ctx *ctx, const void *data, size_t bytes)
{
	int err;

	ctx->rec->kind = SM_RECORD_DATA;
	ctx->rec->data_bytes = (uint32_t)bytes;
	err = sm_record_write(ctx->rec);
	return err ? err : sm_write_all(STDOUT_FILENO, data, bytes);
}

/*
 * By raw calls: libc's would signal every thread that it remembers, and after a raw clone it
 * remembers those of another process (nptl setxid). 0 or -errno.
 */
static int become(uint32_t uid)
{
	if (uid == SM_STAY_UID)
		return 0;
	if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, uid, uid, uid) < 0 ||
	    syscall(SYS_setresuid, uid, uid, uid) < 0)
		return -errno;
	return 0;
}

/* `own` into the payload's heap, which is the place under test: hence malloc. 0 or -errno. */
static int keep_canary(const struct sm_attack *a)
{
	kept = malloc(KEPT_BYTES);
	if (!kept)
		return -ENOMEM;
	sm_canary_mask(kept + KEPT_BYTES / 2, a->own.b, &a->mask);
	return 0;
}

/* An earlier child: leaves its canary in payload memory and ends without tidying up. */
static int role_earlier(struct sm_order_ctx *ctx, const struct sm_attack *a)
{
	int err = keep_canary(a);

	if (err)
		return err;
	sm_taint_leave(&a->own, &a->mask);
	ctx->rec->kind = SM_RECORD_DONE;
	return sm_record_write(ctx->rec);
}

/* The sibling's own secrets. 0 or -errno. */
static int plant_own(const struct sm_attack *a, struct sm_sibling *say)
{
	unsigned char clear[SM_CANARY_BYTES];
	int err = keep_canary(a);

	if (err)
		return err;
	say->addr = (uint64_t)(uintptr_t)(kept + KEPT_BYTES / 2);
	say->pid = getpid();
	say->fd = memfd_create("spawnmark-sibling", MFD_CLOEXEC);
	if (say->fd < 0)
		return -errno;
	sm_canary_mask(clear, a->file.b, &a->mask);
	err = sm_write_all(say->fd, clear, sizeof(clear));
	explicit_bzero(clear, sizeof(clear));
	return err;
}

/*
 * Whether it is dumpable is said, never left to the change of uid, which would clear it (setresuid
 * without exec, prctl(2)): else cloned siblings would look safer than they are.
 */
static int role_sibling(struct sm_order_ctx *ctx, const struct sm_attack *a)
{
	struct sm_sibling say = { .fd = -1 };
	char byte;
	int err = become(a->uid);

	if (!err && prctl(PR_SET_DUMPABLE, a->undumpable ? 0 : 1, 0, 0, 0) < 0)
		err = -errno;
	if (!err)
		err = plant_own(a, &say);
	if (!err)
		err = answer(ctx, &say, sizeof(say));
	if (err)
		return err;
	/* A byte lets go: a child of fork(2) holds its own stdin's other end, no end of file comes. */
	err = sm_read_all(STDIN_FILENO, &byte, 1, (int)a->timeout_ms);
	return err == -EPIPE ? 0 : err;
}

static void tell_hit(struct sm_msg_finding *out, const struct sm_hit *h)
{
	out->outcome = SM_LEAKED;
	if (h->fd >= 0)
		snprintf(out->evidence, sizeof(out->evidence), "descriptor %d (%s)", h->fd,
			 h->where);
	else
		snprintf(out->evidence, sizeof(out->evidence), "%s at 0x%llx, seen %u time%s",
			 h->where, (unsigned long long)h->addr, h->times, h->times == 1 ? "" : "s");
}

/* Not found: only a scan that saw enough may say that it is not there. */
static void tell_absent(struct sm_msg_finding *out, const struct sm_scan *s, int in_descriptor)
{
	out->outcome = SM_NOT_APPLICABLE;
	if (sm_scan_blind(s, in_descriptor, out->evidence, sizeof(out->evidence)))
		return;
	out->outcome = SM_ABSENT;
	if (in_descriptor)
		snprintf(out->evidence, sizeof(out->evidence), "%u descriptors beyond 2 read",
			 s->descriptors);
	else
		snprintf(out->evidence, sizeof(out->evidence),
			 "%.1f MiB in %u mappings scanned, %llu KiB unreadable",
			 (double)s->bytes / 1048576, s->mappings,
			 (unsigned long long)s->unread / 1024);
}

/* Both scans, then one row per canary. */
static void inherited(struct sm_scan *s, const struct sm_attack *a, struct sm_findings *f)
{
	sm_scan_init(s, &a->mask, a->sought, a->nsought, a->timeout_ms);
	sm_scan_memory(s);
	sm_scan_descriptors(s);
	for (uint32_t i = 0; i < s->n; i++) {
		int in_descriptor = (int)a->sought[i].in_descriptor;
		struct sm_msg_finding *out =
			sm_findings_add(f, a->sought[i].name,
					in_descriptor ? "descriptor-read" : "self-scan", "self");

		if (!out)
			return;
		out->inherited = 1;
		if (s->hit[i].times)
			tell_hit(out, &s->hit[i]);
		else
			tell_absent(out, s, in_descriptor);
	}
}

static void tainted(const struct sm_attack *a, struct sm_findings *f)
{
	struct sm_msg_finding *out = sm_findings_add(f, "-", "taint", "next");
	int seen = sm_taint_seen(&a->own, &a->mask);

	if (!out)
		return;
	out->outcome = seen ? SM_LEAKED : SM_ABSENT;
	snprintf(out->evidence, sizeof(out->evidence), "%s",
		 seen ? "the mark of an earlier child is still in the payload's memory"
		      : "an earlier child marked its payload; no mark is left in this one");
}

static int role_attacker(struct sm_order_ctx *ctx, const struct sm_attack *a)
{
	struct room {
		struct sm_scan scan;
		struct sm_findings found;
	} *room = mmap(NULL, sizeof(*room), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);
	int err;

	if (room == MAP_FAILED)
		return -errno;
	inherited(&room->scan, a, &room->found);
	tainted(a, &room->found); /* both before it is somebody else: they need no reach */
	err = become(a->uid);
	if (!err) {
		sm_reach_all(a, &room->found);
		err = answer(ctx, room->found.row, room->found.n * sizeof(room->found.row[0]));
	}
	munmap(room, sizeof(*room));
	return err;
}

static const struct {
	uint32_t role;
	int (*run)(struct sm_order_ctx *ctx, const struct sm_attack *a);
} roles[] = {
	{ SM_ROLE_EARLIER, role_earlier },
	{ SM_ROLE_SIBLING, role_sibling },
	{ SM_ROLE_ATTACKER, role_attacker },
};

static int take_role(struct sm_order_ctx *ctx, const struct sm_attack *a)
{
	if (a->size != sizeof(*a) || a->nsought > SM_SOUGHT_MAX || !a->timeout_ms)
		return -EPROTO;
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (roles[i].role == a->role)
			return roles[i].run(ctx, a);
	}
	return -EPROTO;
}

int sm_order_attack(struct sm_order_ctx *ctx)
{
	struct sm_attack *a =
		mmap(NULL, sizeof(*a), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int err;

	ctx->rec->ready_ns = sm_now_ns();
	if (a == MAP_FAILED)
		return sm_record_fault(ctx->rec, STDOUT_FILENO, SM_STAGE_WORK, errno) ? 2 : 1;
	err = sm_read_all(STDIN_FILENO, a, sizeof(*a), ORDERS_MS);
	if (!err)
		err = take_role(ctx, a);
	if (err)
		sm_record_fault(ctx->rec, STDOUT_FILENO, SM_STAGE_WORK, -err);
	munmap(a, sizeof(*a));
	return err ? 1 : 0;
}
