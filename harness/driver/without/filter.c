/* SPDX-License-Identifier: MIT */
/* filter.c - of a build without libseccomp: the layer is not there; see without.h. */
#include <errno.h>
#include <stddef.h>

#include "../sandbox.h"
#include "../without.h"

const char *sm_without_seccomp(void)
{
	return "built without libseccomp";
}

int sm_sandbox_filter(struct sock_filter **code)
{
	*code = NULL;
	return -ENOPKG;
}
