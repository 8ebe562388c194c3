/* SPDX-License-Identifier: MIT */
/* whereabouts.c - see whereabouts.h. */
#include "whereabouts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_root(const char *dir)
{
	char path[PATH_MAX + 40];

	snprintf(path, sizeof(path), "%s/harness/payloads/python.py", dir);
	return access(path, R_OK) == 0;
}

/* `make install`: PREFIX/bin is where the program is, PREFIX/lib and share what belongs to it. */
static bool is_installed(struct sm_whereabouts *w, const char *prefix)
{
	snprintf(w->root, sizeof(w->root), "%.4000s/share/spawnmark", prefix);
	snprintf(w->build, sizeof(w->build), "%.4000s/lib/spawnmark", prefix);
	return is_root(w->root) && access(w->build, X_OK) == 0;
}

int sm_whereabouts(struct sm_whereabouts *w, const char *bin, const char *here)
{
	char above[PATH_MAX];
	char *slash;

	snprintf(above, sizeof(above), "%s", bin);
	slash = strrchr(above, '/');
	if (slash)
		*slash = '\0';
	w->installed = !is_root(above) && is_installed(w, above);
	if (w->installed)
		return 0;
	snprintf(w->build, sizeof(w->build), "%s", bin);
	snprintf(w->root, sizeof(w->root), "%s", is_root(above) ? above : here);
	return is_root(w->root) ? 0 : -ENOENT;
}
