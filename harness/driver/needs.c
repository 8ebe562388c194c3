/* SPDX-License-Identifier: MIT */
/* needs.c - what a payload needs of the host's files; see sandbox.h. */
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sandbox.h"

#define NEEDS_MAX 64

/* Variables whose value is a path, or several with colons between them. */
static const char *const loading[] = {
	"SM_CHECKS=", "PYTHONPATH=", "LD_LIBRARY_PATH=", "PYTHONHOME=", "VIRTUAL_ENV=",
};

struct needs {
	struct sm_arena *arena;
	const char **list;
	size_t n;
	bool full; /* of memory or of places */
};

/* The root itself is never bound: that would be no minimal root. */
static void add(struct needs *ns, const char *path)
{
	char *copy;

	if (path[0] != '/' || !path[1])
		return;
	for (size_t i = 0; i < ns->n; i++)
		if (!strcmp(ns->list[i], path))
			return;
	copy = ns->n < NEEDS_MAX ? sm_arena_copy(ns->arena, path) : NULL;
	if (copy)
		ns->list[ns->n++] = copy;
	else
		ns->full = true;
}

/* The last component goes, but never the whole. */
static void cut(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash && slash != path)
		*slash = '\0';
}

/* Of everybody: the file alone is the payload's. */
static bool is_common(const char *dir)
{
	return !strcmp(dir, "/tmp") || !strcmp(dir, "/");
}

static void add_file(struct needs *ns, const char *path)
{
	char dir[PATH_MAX];
	struct stat st;

	if (path[0] != '/' || strlen(path) >= sizeof(dir) || stat(path, &st) < 0)
		return;
	memcpy(dir, path, strlen(path) + 1);
	if (!S_ISDIR(st.st_mode))
		cut(dir);
	add(ns, is_common(dir) ? path : dir);
}

/* PREFIX/bin/PROGRAM has its libraries below PREFIX. */
static void add_prefix(struct needs *ns, const char *path)
{
	char dir[PATH_MAX];
	const char *slash;

	if (path[0] != '/' || strlen(path) >= sizeof(dir))
		return;
	memcpy(dir, path, strlen(path) + 1);
	cut(dir);
	slash = strrchr(dir, '/');
	if (slash && slash != dir && !strcmp(slash, "/bin"))
		cut(dir);
	add(ns, is_common(dir) ? path : dir);
}

static void add_list(struct needs *ns, const char *value)
{
	char path[PATH_MAX];

	while (*value) {
		size_t n = strcspn(value, ":");

		if (n && n < sizeof(path)) {
			memcpy(path, value, n);
			path[n] = '\0';
			add_file(ns, path);
		}
		value += n + (value[n] == ':');
	}
}

const char *const *sm_sandbox_needs(struct sm_arena *arena, const char *const *argv,
				    const char *const *env)
{
	struct needs ns = { .arena = arena };
	char real[PATH_MAX];

	ns.list = sm_arena_alloc(arena, NEEDS_MAX + 1, sizeof(*ns.list));
	if (!ns.list)
		return NULL;
	add_prefix(&ns, argv[0]);
	if (realpath(argv[0], real))
		add_prefix(&ns, real);
	for (size_t i = 1; argv[i]; i++)
		add_file(&ns, argv[i]);
	for (size_t i = 0; env && env[i]; i++) {
		for (size_t k = 0; k < sizeof(loading) / sizeof(*loading); k++) {
			size_t n = strlen(loading[k]);

			if (!strncmp(env[i], loading[k], n))
				add_list(&ns, env[i] + n);
		}
	}
	return ns.full ? NULL : ns.list;
}
