/* SPDX-License-Identifier: MIT */
/*
 * verdict.c - finding a check, and what its halves say.
 */
#include "inside.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../sys/sys.h"

const struct sm_check *sm_check_find(const char *id)
{
	for (unsigned int g = 0; id && g < sm_check_group_count; g++) {
		const struct sm_check_group *group = sm_check_groups[g];

		for (unsigned int i = 0; i < group->count; i++)
			if (!strcmp(group->checks[i].id, id))
				return &group->checks[i];
	}
	return NULL;
}

int sm_verdict_set(struct sm_cell *c, int observed, int feature, const char *format, va_list args)
{
	c->observed = observed;
	c->feature = feature;
	vsnprintf(c->text, sizeof(c->text), format, args);
	for (char *at = c->text; *at;
	     at++) { /* one line of plain text, whatever a child has said */
		if (*at == '\n' || *at == '\r' || *at == '\t')
			*at = ' ';
		else if (*at < ' ' || *at > '~')
			*at = '?';
	}
	return observed;
}

int sm_holds(struct sm_cell *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	sm_verdict_set(c, SM_HOLDS, SM_F_NONE, format, args);
	va_end(args);
	return c->observed;
}

int sm_fails(struct sm_cell *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	sm_verdict_set(c, SM_FAILS, SM_F_NONE, format, args);
	va_end(args);
	return c->observed;
}

int sm_broken(struct sm_cell *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	sm_verdict_set(c, SM_BROKEN, SM_F_NONE, format, args);
	va_end(args);
	return c->observed;
}

int sm_skips(struct sm_cell *c, enum sm_feature feature, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	sm_verdict_set(c, SM_SKIPS, feature, format, args);
	va_end(args);
	return c->observed;
}

int sm_judge(struct sm_cell *c, bool holds, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	sm_verdict_set(c, holds ? SM_HOLDS : SM_FAILS, SM_F_NONE, format, args);
	va_end(args);
	return c->observed;
}

int sm_trouble(struct sm_cell *c, int err, const char *what)
{
	const struct sm_fault *f = &c->fault;

	if (err == -ECANCELED && c->observed) /* the creator has said what there is to say */
		return c->observed;
	if (err == -EOPNOTSUPP)
		return sm_skips(c, SM_F_REQUEST_FIELD, "%s: %s", what,
				f->text[0] ? f->text : "the strategy does not offer it");
	if (err == -EBUSY && c->ops->traits & SM_REUSES_PROCESS)
		return sm_skips(c, SM_F_REQUEST_FIELD, "%s: one process: no two requests at a time",
				what);
	if (f->stage)
		return sm_fails(c, "%s: stage %s: %s%s%s", what, sm_stage_name(f->stage),
				strerror(f->err ? f->err : -err), f->text[0] ? ": " : "", f->text);
	return sm_fails(c, "%s: %s", what, strerror(-err));
}
