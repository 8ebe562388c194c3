/* SPDX-License-Identifier: MIT */
/*
 * conformcall.c - of `make static`: host and payload with the checks linked in, by its name. Without
 * the driver: what is cloned, scanned and touched in each cell is no larger than it must be.
 */
#include <string.h>
#include <sys/auxv.h>

/* The main() of others; make renames them. */
extern int sm_main_host(int argc, char **argv), sm_main_none(int argc, char **argv);

int main(int argc, char **argv)
{
	/* What was executed: a check may choose argv[0] as it likes. */
	const char *path = (const char *)getauxval(AT_EXECFN);
	const char *slash = path ? strrchr(path, '/') : NULL;

	if (slash && !strcmp(slash, "/sm-host"))
		return sm_main_host(argc, argv);
	return sm_main_none(argc, argv);
}
