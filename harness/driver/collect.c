/* SPDX-License-Identifier: MIT */
/* collect.c - see collect.h. Arrays have room for a power of two. */
#include "collect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Beyond so many kinds of failure the last entry counts the rest. */
#define ERRORS_MAX 32

static int room(void *array, int have, int need, size_t size)
{
	void **to = array;
	size_t old = have ? 1 : 0, now = 1;
	void *bigger;

	while (have && old < (size_t)have)
		old *= 2;
	while (now < (size_t)need)
		now *= 2;
	if (now <= old)
		return 0;
	bigger = realloc(*to, now * size);
	if (!bigger)
		return -ENOMEM;
	*to = bigger;
	return 0;
}

void *sm_collect_one(void *array, int n, size_t size)
{
	char *one;

	if (room(array, n, n + 1, size))
		return NULL;
	one = *(char **)array + (size_t)n * size;
	memset(one, 0, size);
	return one;
}

int sm_collect_samples(struct sm_sample **samples, int *have, const struct sm_sample *more, int n)
{
	if (n <= 0)
		return 0;
	if (room(samples, *have, *have + n, sizeof(**samples)))
		return -ENOMEM;
	memcpy(*samples + *have, more, (size_t)n * sizeof(**samples));
	*have += n;
	return 0;
}

void sm_collect_error(struct sm_result *r, int block, const struct sm_fault *fault, int count)
{
	struct sm_case_error *e = NULL;

	for (int i = 0; i < r->nerrors && !e; i++) {
		e = &r->errors[i];
		if (i < ERRORS_MAX - 1 && (e->stage != fault->stage || e->err != fault->err ||
					   strcmp(e->text, fault->text)))
			e = NULL;
	}
	if (!e) {
		e = sm_collect_one(&r->errors, r->nerrors, sizeof(*e));
		if (!e)
			return;
		r->nerrors++;
		e->block = block;
		e->stage = fault->stage;
		e->err = fault->err;
		snprintf(e->text, sizeof(e->text), "%s", fault->text);
	}
	e->count += count;
}

void sm_result_free(struct sm_result *r)
{
	for (int i = 0; i < r->nblocks; i++)
		free(r->blocks[i].samples);
	for (int i = 0; i < r->nloads; i++)
		free(r->loads[i].samples);
	for (int i = 0; i < r->npoints; i++)
		free(r->points[i].got.samples);
	for (int i = 0; i < r->nsuperseded; i++)
		free(r->superseded[i].samples);
	for (int i = 0; i < r->nsuperseded_loads; i++)
		free(r->superseded_loads[i].samples);
	free(r->superseded);
	free(r->superseded_loads);
	free(r->points);
	free(r->blocks);
	free(r->loads);
	free(r->memory);
	free(r->soak);
	free(r->findings);
	free(r->layouts);
	free(r->errors);
	memset(r, 0, sizeof(*r));
}
