/* SPDX-License-Identifier: MIT */
/* python.c - of `make static` and PROFILE=kernel; see without.h. */
#include "../without.h"

const char *sm_without_python(void)
{
	return "not measured: built without Python (PROFILE=kernel, make static)";
}
