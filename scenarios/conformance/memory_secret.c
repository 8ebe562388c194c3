/* SPDX-License-Identifier: MIT */
/*
 * memory_secret.c - secrets that a child must not find in its own memory or descriptors: planted
 * and looked for by the isolation suite's own places and scanner.
 */
#include "group.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "isolation/canary.h"
#include "isolation/scan.h"
#include "sys/sys.h"

#define SCAN_MS 4000

/* What a child is to look for, on its stdin; in masked form, as the isolation suite sends it. */
struct hunt {
	struct sm_masked mask;
	uint32_t n;
	struct sm_sought sought[SM_SOUGHT_MAX];
};

/* ---- the child ---- */

static void tell_hits(struct sm_cell *c, const struct sm_scan *s)
{
	const char *name = "nothing", *where = "";
	int found = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		if (!s->hit[i].times)
			continue;
		if (!found++) {
			name = s->sought[i].name;
			where = s->hit[i].where;
		}
	}
	c->answer.n[0] = found;
	c->answer.n[1] = (int64_t)(s->bytes / 1024);
	sm_holds(c, "%d of %u secrets found in %llu KiB and %u descriptors: %s%s%s", found, s->n,
		 (unsigned long long)s->bytes / 1024, s->descriptors, name, *where ? " in " : "",
		 where);
}

/* Memory by mmap: malloc's locks are whatever they were (isolation/attack.c). */
static int hunt(struct sm_cell *c)
{
	const size_t bytes = sizeof(struct hunt) + sizeof(struct sm_scan);
	char *room = mmap(NULL, bytes + 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	struct hunt *h = (struct hunt *)(void *)room;
	struct sm_scan *s;
	char why[96];

	if (room == MAP_FAILED)
		return sm_broken(c, "mmap: %s", strerror(errno));
	s = (struct sm_scan *)(void *)(room + (sizeof(*h) + 4095) / 4096 * 4096);
	if (sm_read_all(STDIN_FILENO, h, sizeof(*h), SM_STEP_MS))
		return sm_broken(c, "nobody told the child what to look for");
	sm_scan_init(s, &h->mask, h->sought, h->n, SCAN_MS);
	sm_scan_memory(s);
	sm_scan_descriptors(s);
	if (s->left_out)
		return sm_skips(c, SM_F_NONE, "a sanitizer's shadow is too large to be scanned");
	if (sm_scan_blind(s, 0, why, sizeof(why)) || sm_scan_blind(s, 1, why, sizeof(why)))
		return sm_broken(c, "the scan is blind: %s", why);
	tell_hits(c, s);
	return c->observed;
}

/* ---- the parent ---- */

static int tell_hunt(struct sm_kid *kid, const struct hunt *h)
{
	return sm_write_quietly(kid->child.in, h, sizeof(*h));
}

/* One child looks, and must find none of them. */
static int hunted(struct sm_cell *c, const struct hunt *h, const char *what)
{
	struct sm_req req = sm_cell_req(c, NULL);
	struct sm_answer a;
	struct sm_kid kid;
	int err = sm_kid_spawn(c, &kid, &req);

	if (!err)
		err = tell_hunt(&kid, h);
	if (!err)
		err = sm_kid_answer(c, &kid, &a);
	if (!err)
		err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	if (err)
		return sm_trouble(c, err, "a child");
	if (a.observed == SM_SKIPS)
		return sm_skips(c, SM_F_NONE, "%.900s", a.text);
	if (a.observed != SM_HOLDS)
		return sm_broken(c, "%.900s", a.text);
	return sm_judge(c, a.n[0] == 0, "%s: %.900s", what, a.text);
}

/* The secrets of one moment. How many. */
static uint32_t list(struct hunt *h, const struct sm_secrets *s, enum sm_when when)
{
	h->mask = s->mask;
	for (int i = when; i < SM_SECRETS; i += 2) {
		const struct sm_secret *row = &s->row[i];
		struct sm_sought *to = &h->sought[h->n];

		if (!row->planted)
			continue;
		memcpy(to->name, row->name, sizeof(to->name));
		to->in_descriptor = (uint32_t)row->in_descriptor;
		to->masked = row->masked;
		h->n++;
	}
	return h->n;
}

/* The parent's secrets of one moment, relative to the start of the strategy. */
static int parents_secrets(struct sm_cell *c, enum sm_when when)
{
	struct sm_secrets_room room;
	struct sm_secrets *secrets;
	struct hunt h = { .n = 0 };
	int err = sm_secrets_new(&secrets, &room);

	if (err)
		return sm_broken(c, "no secrets: %s", strerror(-err));
	if (when == SM_BEFORE)
		err = sm_secrets_plant(secrets, when);
	if (!err)
		err = sm_cell_start(c);
	if (!err && when == SM_AFTER)
		err = sm_secrets_plant(secrets, when);
	if (err)
		sm_trouble(c, err, "secrets, or the start");
	else if (list(&h, secrets, when) < 8)
		sm_broken(c, "only %u secrets could be planted", h.n);
	else
		hunted(c, &h, "secrets of the parent");
	sm_secrets_free(secrets);
	return c->observed;
}

static int secrets_before(struct sm_cell *c)
{
	return parents_secrets(c, SM_BEFORE);
}

static int secrets_after(struct sm_cell *c)
{
	return parents_secrets(c, SM_AFTER);
}

static void one_canary(struct hunt *h, const char *name)
{
	snprintf(h->sought[0].name, sizeof(h->sought[0].name), "%s", name);
	h->n = 1;
}

/* Longer than what the next request has in its place, which would else hide the canary. */
#define PADDING_BYTES 2000

/* An earlier child with the canary in one variable, behind so much that is nobody's secret. */
static int earlier_request(struct sm_cell *c, const char *clear)
{
	char pair[64], padding[PADDING_BYTES];
	const char *more[] = { padding, pair, NULL };
	struct hunt none = { .n = 0 };
	struct sm_answer a;
	struct sm_req req;
	struct sm_kid kid;
	int err;

	memset(padding, '-', sizeof(padding) - 1);
	padding[sizeof(padding) - 1] = '\0';
	memcpy(padding, "SM_PADDING=", 11);
	snprintf(pair, sizeof(pair), "SM_SECRET=%s", clear);
	req = sm_cell_req_env(c, NULL, more);
	err = sm_kid_spawn(c, &kid, &req);
	if (!err)
		err = tell_hunt(&kid, &none);
	if (!err)
		err = sm_kid_answer(c, &kid, &a);
	if (!err)
		err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	return err;
}

static int request_of_another(struct sm_cell *c)
{
	char clear[SM_CANARY_BYTES + 1] = "";
	struct hunt h = { .n = 0 };
	int err = sm_random_bytes(&h.mask, sizeof(h.mask));

	if (!err)
		err = sm_canary_make(clear);
	if (!err)
		err = earlier_request(c, clear);
	if (err)
		return sm_trouble(c, err, "an earlier child");
	sm_canary_mask(h.sought[0].masked.b, clear, &h.mask);
	one_canary(&h, "request");
	return hunted(c, &h, "what an earlier child was asked with");
}

/* ---- what a sibling reads, what the creator has freed ---- */

/* Heap memory that stays in use to the process's end: hence not a local. */
static char *kept;

/* Makes a canary in place; n gets a mask and its masked form. 0 or -errno. */
static int make_masked(char *at, int64_t n[4])
{
	struct sm_masked mask;
	int err = sm_random_bytes(&mask, sizeof(mask));

	if (!err)
		err = sm_canary_make(at);
	memcpy(&n[0], &mask, sizeof(mask));
	sm_canary_mask(&n[2], at, &mask);
	return err;
}

/* "keep": makes a canary, tells its masked form and ends without tidying up. */
static int keep_or_hunt(struct sm_cell *c)
{
	if (strcmp(c->arg, "keep") != 0)
		return hunt(c);
	kept = malloc(4096);
	if (!kept || make_masked(kept + 2048, c->answer.n))
		return sm_broken(c, "no canary");
	return sm_holds(c, "kept at %p", (void *)kept);
}

static int secret_of_another(struct sm_cell *c)
{
	struct hunt h = { .n = 0 };
	struct sm_answer a;
	int err = sm_kid_ask(c, "keep", &a, NULL);

	if (err)
		return sm_trouble(c, err, "an earlier child");
	memcpy(&h.mask, &a.n[0], sizeof(h.mask));
	memcpy(&h.sought[0].masked, &a.n[2], sizeof(h.sought[0].masked));
	one_canary(&h, "heap of another");
	return hunted(c, &h, "what an earlier child had in its heap");
}

/* Less than what malloc(3) gives back to the kernel by itself. */
#define FREED_BYTES 120000
/* A secret is not nearer to the start: what is allocated later does not reach it. */
#define FREED_LEAST 80000

/*
 * Where the secret is: a server that tidies up gives whole pages of free chunks back, and two pages
 * before the end it is in one that is whole. Less than FREED_LEAST: no place is both.
 */
static size_t freed_secret(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return FREED_BYTES > 2 * page ? FREED_BYTES - 2 * page : 0;
}

static int free_a_secret(struct sm_cell *c)
{
	char *heap = malloc(FREED_BYTES);
	int err;

	if (!heap)
		return sm_broken(c, "no memory");
	kept = malloc(64); /* behind it, or it would go back to the kernel */
	err = make_masked(heap + freed_secret(), c->board->n);
	free(heap);
	return err ? sm_broken(c, "no canary") : sm_holds(c, "made and freed");
}

static int secret_freed(struct sm_cell *c)
{
	struct hunt h = { .n = 0 };
	int err;

	if (freed_secret() < FREED_LEAST)
		return sm_skips(c, SM_F_NONE, "a page of %ld bytes holds more than is freed here",
				sysconf(_SC_PAGESIZE));
	err = sm_cell_start(c);
	if (err)
		return sm_trouble(c, err, "start");
	memcpy(&h.mask, &c->board->n[0], sizeof(h.mask));
	memcpy(&h.sought[0].masked, &c->board->n[2], sizeof(h.sought[0].masked));
	one_canary(&h, "freed");
	return hunted(c, &h, "what the creator has freed");
}

/* ---- the environment of the server ---- */

static int secret_of_server(struct sm_cell *c)
{
	struct sm_secrets *secrets;
	struct hunt h = { .n = 0 };
	const char *more[2] = { NULL, NULL };
	int err = sm_secrets_new(&secrets, NULL);

	if (err)
		return sm_broken(c, "no secrets: %s", strerror(-err));
	more[0] = sm_secrets_server_env(secrets);
	h.mask = secrets->mask;
	h.sought[0].masked = secrets->server;
	one_canary(&h, "environ of the server");
	err = sm_cell_start_env(c, more);
	if (err)
		sm_trouble(c, err, "start");
	else
		hunted(c, &h, "what stands in the server's environment");
	sm_secrets_free(secrets);
	return c->observed;
}

static const struct sm_check checks[] = {
	{
		.id = "memory.secret.after",
		.row = "G03",
		.claim = "a child has none of the secrets that its parent got after the start",
		.source = "the reason for a server: what is not in it cannot be cloned",
		.level = SM_MUST,
		.fails_with = SM_PARENT_LOADS,
		.why = "it is a copy of its parent, secrets and all",
		.in_parent = secrets_after,
		.in_child = hunt,
	},
	{
		.id = "memory.secret.before",
		.row = "G04",
		.claim = "a child has none of the secrets that its parent had before the start",
		.source = "execve(2): a server has to be exec'd, not forked",
		.level = SM_MUST,
		.fails_with = SM_PARENT_LOADS,
		.why = "it is a copy of its parent, secrets and all",
		.in_parent = secrets_before,
		.in_child = hunt,
	},
	{
		.id = "memory.secret.request",
		.row = "G05",
		.claim = "a child has nothing of what an earlier child was asked with",
		.source = "a server must forget a request, or never know it",
		.level = SM_MUST,
		.without = SM_PARENT_LOADS,
		.in_parent = request_of_another,
		.in_child = hunt,
	},
	{
		.id = "memory.secret.beside",
		.row = "G06",
		.claim = "a child has nothing of what an earlier child had in its memory",
		.source = "fork(2)",
		.level = SM_SHOULD,
		.in_parent = secret_of_another,
		.in_child = keep_or_hunt,
	},
	{
		.id = "memory.secret.freed",
		.row = "G07",
		.claim = "a child has nothing of what its creator has freed",
		.source = "free(3) does not overwrite; explicit_bzero(3)",
		.level = SM_SHOULD,
		.fails_lacking = SM_FRESH_IMAGE,
		.why = "a clone has its creator's free memory too, as it was left",
		.in_parent = secret_freed,
		.in_creator = free_a_secret,
		.in_child = hunt,
	},
	{
		.id = "memory.secret.environ",
		.row = "G08",
		.claim = "a child has nothing of its server's environment",
		.source = "getauxval(3); proc(5): environ",
		.level = SM_RECORD,
		.only = SM_OWN_SERVER,
		.in_parent = secret_of_server,
		.in_child = hunt,
	},
};

SM_GROUP_AS(memory_secret, "memory", "Memory isolation and secrets", checks);
