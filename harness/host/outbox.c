/* SPDX-License-Identifier: MIT */
/*
 * outbox.c - what the host says to its driver: single messages, and the samples and notes that
 * it gathers so that it need not speak while it measures.
 */
#include <errno.h>
#include <string.h>

#include "host.h"
#include "../sys/sys.h"

int sm_host_send(struct sm_host_state *st, uint16_t type, const void *data, size_t bytes)
{
	int err = sm_frame_send(st->sock, type, data, (uint32_t)bytes, NULL, 0);

	if (err == -EPIPE || err == -ECONNRESET)
		st->driver_gone = true;
	return err;
}

static int send_samples(struct sm_host_state *st)
{
	struct sm_scratch *x = st->scratch;
	uint32_t n = x->nsamples;

	x->nsamples = 0;
	return n ? sm_host_send(st, SM_MSG_SAMPLES, x->samples, n * sizeof(x->samples[0])) : 0;
}

struct sm_sample *sm_outbox_sample(struct sm_host_state *st)
{
	struct sm_scratch *x = st->scratch;

	if (x->nsamples == SM_SAMPLES_MAX)
		send_samples(st); /* a driver that has gone is noticed by its flag */
	return &x->samples[x->nsamples++];
}

static bool alike(const struct sm_fault *a, const struct sm_fault *b)
{
	return a->stage == b->stage && a->err == b->err && !strcmp(a->text, b->text);
}

void sm_outbox_note(struct sm_host_state *st, const struct sm_fault *fault)
{
	struct sm_scratch *x = st->scratch;
	uint32_t i = 0;

	while (i < x->nnotes && !alike(&x->notes[i].fault, fault))
		i++;
	if (i == SM_NOTES_MAX) { /* count it, even if under another failure's name */
		x->notes[--i].count++;
		sm_fail(&x->notes[i].fault, x->notes[i].fault.stage, x->notes[i].fault.err,
			"and further failures of other kinds");
		return;
	}
	if (i == x->nnotes)
		x->notes[x->nnotes++] = (struct sm_msg_note){ .fault = *fault };
	x->notes[i].count++;
}

int sm_outbox_flush(struct sm_host_state *st)
{
	struct sm_scratch *x = st->scratch;
	int err = send_samples(st);

	for (uint32_t i = 0; i < x->nnotes && !err; i++)
		err = sm_host_send(st, SM_MSG_NOTE, &x->notes[i], sizeof(x->notes[i]));
	x->nnotes = 0;
	return err;
}
