/* SPDX-License-Identifier: MIT */
/*
 * call.h - between libspawnmark and checks.so: one function, one struct. checks.so brings its own
 * copy of what it needs of the library, so that it fits any program that takes a role.
 */
#ifndef SM_CHECK_CALL_H
#define SM_CHECK_CALL_H

#include "../spawnmark.h"

enum sm_check_half { SM_HALF_PARENT, SM_HALF_CREATOR, SM_HALF_CHILD };

/* Of SM_CMD_CHECK; seed and flags are passed through. */
enum sm_check_call_flag { SM_CALL_THOROUGH = 1 << 0 };

struct sm_msg_verdict {
	int32_t observed, feature; /* enum sm_observed, enum sm_feature: harness/check/check.h */
	int64_t took_ns;
	char text[1024]; /* the evidence, one line */
};

struct sm_check_call {
	uint32_t size;
	uint32_t half; /* enum sm_check_half */
	const char *id;
	const struct sm_ops *ops;         /* parent and creator */
	const struct sm_payload *payload; /* may be NULL in the parent */
	const char *const *argv,
		*const *envp;    /* parent: the payload's command, plain environment */
	const char *const *args; /* child: of the request, as a clone knows them */
	struct sm_record *rec;   /* child: instants so far */
	uint64_t seed;
	uint32_t flags;  /* enum sm_check_call_flag */
	int32_t sock;    /* parent: the driver's; to be left alone */
	int32_t plan_fd; /* parent: the check's sandbox, for the strategy's setup; 0: none */
	struct sm_msg_verdict verdict; /* out: parent */
};

/*
 * The one symbol of checks.so. Returns 0 with the verdict (parent), the exit status (child), or
 * -errno: -ENOENT there is no such check.
 */
int sm_check_main(struct sm_check_call *call);
typedef int sm_check_main_fn(struct sm_check_call *call);

/*
 * Finds it: linked in, or by dlopen of $SM_CHECKS, once. NULL: there is none; then *err tells why
 * (-ENOENT: $SM_CHECKS is not set; -ELIBBAD: it cannot be loaded).
 */
sm_check_main_fn *sm_check_load(int *err);

#endif
