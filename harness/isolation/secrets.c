/* SPDX-License-Identifier: MIT */
/*
 * secrets.c - the parent's list of secrets.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "places.h"

#define SERVER_ENV "SM_SERVER_SECRET="

static const char *const when_names[] = { "before", "after" };

static struct sm_secret *row_of(struct sm_secrets *s, int kind, enum sm_when when)
{
	return &s->row[2 * kind + (int)when];
}

static int make_server(struct sm_secrets *s)
{
	char *at = s->server_env + sizeof(SERVER_ENV) - 1;
	int err;

	memcpy(s->server_env, SERVER_ENV, sizeof(SERVER_ENV));
	err = sm_canary_make(at);
	at[SM_CANARY_BYTES] = '\0';
	sm_canary_mask(s->server.b, at, &s->mask);
	return err;
}

int sm_secrets_new(struct sm_secrets **out, struct sm_secrets_room *room)
{
	struct sm_secrets *s = calloc(1, sizeof(*s));
	int err = -ENOMEM;

	*out = NULL;
	if (!s)
		return err;
	s->places = malloc(sizeof(*s->places));
	if (!s->places)
		goto out;
	sm_places_init(s->places, &s->mask, room);
	err = sm_random_bytes(&s->mask, sizeof(s->mask));
	if (!err)
		err = make_server(s);
	if (err)
		goto out;
	for (int k = 0; k < SM_PLACE_KINDS; k++) {
		for (int w = 0; w < 2; w++) {
			struct sm_secret *row = row_of(s, k, (enum sm_when)w);

			snprintf(row->name, sizeof(row->name), "%s/%s", sm_place_kinds[k].name,
				 when_names[w]);
			snprintf(row->reason, sizeof(row->reason), "not planted yet");
			row->in_descriptor = sm_place_kinds[k].in_descriptor;
			row->fd = -1;
		}
	}
	*out = s;
	return 0;
out:
	sm_secrets_free(s);
	return err;
}

int sm_secrets_plant(struct sm_secrets *s, enum sm_when when)
{
	for (int k = 0; k < SM_PLACE_KINDS; k++) {
		struct sm_secret *row = row_of(s, k, when);
		struct sm_place p = { .fd = -1 };
		int err;

		if (row->planted)
			return -EALREADY;
		err = sm_place_kinds[k].plant(s->places, &p, when);
		if (err)
			snprintf(p.reason, sizeof(p.reason), "could not be planted: %s",
				 strerrorname_np(-err));
		memcpy(row->reason, p.reason, sizeof(row->reason));
		if (p.reason[0])
			continue;
		if (p.is_masked)
			row->masked = p.masked;
		else
			sm_canary_mask(row->masked.b, p.at, &s->mask);
		row->addr = (uint64_t)(uintptr_t)p.at;
		row->fd = p.fd;
		row->planted = 1;
	}
	return 0;
}

const char *sm_secrets_server_env(struct sm_secrets *s)
{
	return s->server_env;
}

void sm_secrets_free(struct sm_secrets *s)
{
	if (!s)
		return;
	if (s->places)
		sm_places_free(s->places);
	free(s->places);
	explicit_bzero(s, sizeof(*s));
	free(s);
}
