/* SPDX-License-Identifier: MIT */
/*
 * bundle.h - a program of one file (`make static`): what others have beside them it carries inside,
 * and unpacks into a folder of its own for as long as it runs.
 */
#ifndef SM_BUNDLE_H
#define SM_BUNDLE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct sm_error;

/* Made by scripts/embed.sh. */
struct sm_bundled {
	const char *name; /* a path: scenarios/startup.ini */
	const unsigned char *data;
	uint64_t bytes;
	uint64_t mode;
};

struct sm_unpacked {
	char dir[PATH_MAX]; /* has scenarios/ and harness/, and what a build folder has */
	int lock;           /* held while it is in use: what nobody holds was left by a kill */
};

/* False in a program that has its files beside it. */
bool sm_bundle_here(void);

/* The program of that name, without its folder; NULL: none. */
const struct sm_bundled *sm_bundle_program(const char *name);

/* Writes what is inside, but for conform/, below dir, which must be there. 0 or -errno. */
int sm_bundle_write(const char *dir);

/* The same for good: makes dir, and puts this program beside its host. 0 or -errno. */
int sm_bundle_keep(const char *dir);

/*
 * Into a fresh folder below $TMPDIR, /tmp, /dev/shm, /var/tmp, /run or the current directory: the
 * first that takes it and lets programs run. Removes what killed programs left there. 0 or -errno.
 */
int sm_bundle_unpack(struct sm_unpacked *u, struct sm_error *error);

/*
 * u->dir/conform: a build folder for conformance. Its host and its payload are one program, which has
 * the checks inside and is what its name says. 0 or -errno.
 */
int sm_bundle_conform(const struct sm_unpacked *u);

void sm_bundle_remove(struct sm_unpacked *u);

#endif
