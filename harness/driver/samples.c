/* SPDX-License-Identifier: MIT */
/* samples.c - see samples.h. */
#include "samples.h"

#include <endian.h>
#include <errno.h>
#include <jansson.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "gzip.h"
#include "json.h"

#define OWN_FIELDS 4
#define ROW_BYTES  (OWN_FIELDS * 4 + sizeof(struct sm_sample))

_Static_assert(sizeof(struct sm_sample) == 128, "a row is the struct without padding");

struct field {
	const char *name;
	const char *type;
	size_t at, bytes;
};

#define FIELD(name, type)                                      \
	{                                                      \
#name, type, offsetof(struct sm_sample, name), \
			sizeof(((struct sm_sample *)0)->name)  \
	}

static const struct field fields[] = {
	FIELD(intended_ns, "<i8"), FIELD(request_ns, "<i8"), FIELD(created_ns, "<i8"),
	FIELD(received_ns, "<i8"), FIELD(cloning_ns, "<i8"), FIELD(entered_ns, "<i8"),
	FIELD(ready_ns, "<i8"),    FIELD(worked_ns, "<i8"),  FIELD(recorded_ns, "<i8"),
	FIELD(reaped_ns, "<i8"),   FIELD(utime_ns, "<i8"),   FIELD(stime_ns, "<i8"),
	FIELD(minflt, "<i4"),      FIELD(majflt, "<i4"),     FIELD(nvcsw, "<i4"),
	FIELD(nivcsw, "<i4"),      FIELD(pid, "<i4"),        FIELD(status, "<i4"),
	FIELD(flags, "<u4"),       FIELD(stage, "<i2"),      FIELD(err, "<i2"),
};

#define NFIELDS (sizeof(fields) / sizeof(*fields))

static size_t count(const struct sm_run *run)
{
	size_t n = 0;

	for (int i = 0; i < run->plan->ncases; i++) {
		const struct sm_result *r = &run->results[i];

		for (int k = 0; k < r->nblocks; k++)
			n += (size_t)r->blocks[k].nsamples;
		for (int k = 0; k < r->nloads; k++)
			n += (size_t)r->loads[k].nsamples;
		for (int k = 0; k < r->nsuperseded; k++)
			n += (size_t)r->superseded[k].nsamples;
		for (int k = 0; k < r->nsuperseded_loads; k++)
			n += (size_t)r->superseded_loads[k].nsamples;
		for (int k = 0; k < r->npoints; k++)
			n += (size_t)r->points[k].got.nsamples;
	}
	return n;
}

static char *header(const struct sm_run *run)
{
	static const char *const own[OWN_FIELDS] = { "case", "block", "point", "order" };
	json_t *list = json_array(), *cases = json_array(), *top;
	char *text;

	for (size_t i = 0; i < OWN_FIELDS; i++)
		json_array_append_new(list, json_pack("[s,s]", own[i], "<u4"));
	for (size_t i = 0; i < NFIELDS; i++)
		json_array_append_new(list, json_pack("[s,s]", fields[i].name, fields[i].type));
	for (int i = 0; i < run->plan->ncases; i++)
		json_array_append_new(cases, sm_json_text(run->plan->cases[i].name));
	top = json_pack("{s:s,s:I,s:I,s:o,s:o}", "format", "spawnmark-samples/1", "rows",
			(json_int_t)count(run), "row_bytes", (json_int_t)ROW_BYTES, "fields", list,
			"cases", cases);
	text = top ? json_dumps(top, JSON_COMPACT) : NULL;
	json_decref(top);
	return text;
}

/* Little-endian whatever the machine is. */
static void put(unsigned char *to, const void *from, size_t bytes)
{
	memcpy(to, from, bytes);
	for (size_t i = 0; BYTE_ORDER != LITTLE_ENDIAN && i < bytes / 2; i++) {
		unsigned char swap = to[i];

		to[i] = to[bytes - 1 - i];
		to[bytes - 1 - i] = swap;
	}
}

static int rows(struct sm_gzip *gz, const uint32_t own[OWN_FIELDS], const struct sm_sample *samples,
		int n, uint32_t flags)
{
	int err = 0;

	for (int i = 0; i < n && !err; i++) {
		unsigned char row[ROW_BYTES], *at = row;
		struct sm_sample one = samples[i];

		one.flags |= flags;

		for (size_t k = 0; k < OWN_FIELDS; k++, at += 4)
			put(at, &own[k], 4);
		for (size_t k = 0; k < NFIELDS; at += fields[k++].bytes)
			put(at, (const char *)&one + fields[k].at, fields[k].bytes);
		err = sm_gzip_write(gz, row, sizeof(row));
	}
	return err;
}

static int block(struct sm_gzip *gz, int icase, const struct sm_block *b, int point, uint32_t flags)
{
	uint32_t own[] = { (uint32_t)icase, (uint32_t)b->index, (uint32_t)point,
			   (uint32_t)b->order };

	return rows(gz, own, b->samples, b->nsamples, flags);
}

static int load(struct sm_gzip *gz, int icase, const struct sm_load *l, uint32_t flags)
{
	uint32_t own[] = { (uint32_t)icase, (uint32_t)l->block, (uint32_t)l->point,
			   (uint32_t)l->order };

	return rows(gz, own, l->samples, l->nsamples, flags);
}

static int write_all(struct sm_gzip *gz, const struct sm_run *run)
{
	char *text = header(run);
	int err = text ? sm_gzip_write(gz, text, strlen(text)) : -ENOMEM;

	if (!err)
		err = sm_gzip_write(gz, "\n", 1);
	free(text);
	for (int i = 0; i < run->plan->ncases; i++) {
		const struct sm_result *r = &run->results[i];

		for (int k = 0; k < r->nblocks && !err; k++)
			err = block(gz, i, &r->blocks[k], 0, 0);
		for (int k = 0; k < r->nloads && !err; k++)
			err = load(gz, i, &r->loads[k], 0);
		for (int k = 0; k < r->npoints && !err; k++)
			err = block(gz, i, &r->points[k].got, r->points[k].point, 0);
		for (int k = 0; k < r->nsuperseded && !err; k++)
			err = block(gz, i, &r->superseded[k], 0, SM_SAMPLE_SUPERSEDED);
		for (int k = 0; k < r->nsuperseded_loads && !err; k++)
			err = load(gz, i, &r->superseded_loads[k], SM_SAMPLE_SUPERSEDED);
	}
	return err;
}

int sm_samples_write(const struct sm_run *run, const struct sm_folder *folder)
{
	struct sm_draft d = { .fd = -1 };
	struct sm_gzip *gz;
	int wrong, err = sm_draft_open(&d, folder, "samples.bin.gz");

	if (err)
		return err;
	err = sm_gzip_open(&gz, d.fd);
	if (!err) {
		err = write_all(gz, run);
		wrong = sm_gzip_close(gz);
		err = err ? err : wrong;
	}
	if (!err)
		return sm_draft_keep(&d);
	sm_draft_drop(&d);
	return err;
}
