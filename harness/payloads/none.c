/* SPDX-License-Identifier: MIT */
/*
 * none.c - the payload that loads nothing and does nothing: what is left is the strategy's own
 * cost. Built twice, linked dynamically and statically.
 */
#include <stdio.h>
#include <stdlib.h>

#include "spawnmark.h"

static int work(void *arg)
{
	(void)arg;
	return 0;
}

int main(int argc, char **argv)
{
	const struct sm_payload payload = { .size = sizeof(payload), .work = work };
	int rc;

	sm_entered();
	rc = sm_role(NULL, &payload);
	if (rc < 0) {
		fprintf(stderr, "%s: SM_JOB=%s is no job; see sm_role() in spawnmark.h\n",
			argc ? argv[0] : "none", getenv("SM_JOB"));
		return 2;
	}
	return rc;
}
