/* SPDX-License-Identifier: MIT */
/*
 * fault.c - telling why something failed.
 */
#include "sys.h"

#include <errno.h>
#include <string.h>

/* In the order of enum sm_stage. */
static const char *const stage_names[] = {
	"none", "argument", "pipe",    "socket", "clone",   "stdio",   "close",   "chdir",
	"exec", "preload",  "connect", "send",   "receive", "reply",   "timeout", "record",
	"work", "check",    "wait",    "image",  "attr",    "sandbox", "threads",
};
_Static_assert(sizeof(stage_names) / sizeof(stage_names[0]) == SM_STAGE_THREADS + 1,
	       "every stage has a name");

const char *sm_stage_name(int stage)
{
	return stage < 0 || stage > SM_STAGE_THREADS ? "unknown" : stage_names[stage];
}

int sm_fail(struct sm_fault *fault, enum sm_stage stage, int err, const char *text)
{
	if (fault && fault->size >= sizeof(*fault)) {
		size_t n = text ? strnlen(text, sizeof(fault->text) - 1) : 0;

		fault->stage = (int32_t)stage;
		fault->err = err;
		fault->detail = 0;
		memcpy(fault->text, text ? text : "", n);
		fault->text[n] = '\0';
	}
	return err > 0 ? -err : -EPROTO; /* a failure without an errno is still no success */
}

int sm_fail_field(struct sm_fault *fault, int field, int err, const char *text)
{
	err = sm_fail(fault, SM_STAGE_ATTR, err, text);
	if (fault && fault->size >= sizeof(*fault))
		fault->detail = field;
	return err;
}
