/* SPDX-License-Identifier: MIT */
/*
 * hatch_env.c - what a server with a hatchery gets in its environment; see hatch.h.
 */
#include "hatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common.h"
#include "option.h"
#include "server.h"

#define OBJECT "sm-atfork.so"

/* The file that this code was loaded from: program or library. 0: not found. */
static int own_file(char *path, size_t size)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	uintptr_t here = (uintptr_t)(void *)own_file;
	char *line = NULL;
	size_t room = 0;
	int found = 0;

	while (maps && !found && getline(&line, &room, maps) > 0) {
		unsigned long from, to;
		const char *slash = strchr(line, '/');

		if (!slash || sscanf(line, "%lx-%lx", &from, &to) != 2 || here < from || here >= to)
			continue;
		found = snprintf(path, size, "%.*s", (int)strcspn(slash, "\n"), slash) < (int)size;
	}
	free(line);
	if (maps)
		fclose(maps);
	return found;
}

/* Beside it, above it (the build tree's test programs), or where an installed program has it. */
static int find_object(char *path, size_t size)
{
	static const char *const places[] = { "", "../", "../lib/spawnmark/" };
	char own[2048];
	char *slash;

	if (!own_file(own, sizeof(own)))
		return 0;
	slash = strrchr(own, '/');
	if (!slash)
		return 0;
	slash[1] = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (snprintf(path, size, "%s%s" OBJECT, own, places[i]) < (int)size &&
		    access(path, R_OK) == 0)
			return 1;
	}
	return 0;
}

static const char *preload_of(const char *const *envp)
{
	for (; *envp; envp++) {
		if (strncmp(*envp, "LD_PRELOAD=", 11) == 0 && (*envp)[11])
			return *envp + 11;
	}
	return NULL;
}

void sm_hatch_env(struct sm_hatch_env *env, const struct sm_setup *setup,
		  struct sm_server_spec *spec)
{
	const char *options = sm_setup_options(setup), *given = getenv("SM_ATFORK");
	const char *more = preload_of(setup->envp);
	char found[2048];
	int n = 0;

	while (spec->env[n])
		n++;
	if (options) {
		snprintf(env->options, sizeof(env->options), SM_OPTIONS_ENV "=%s", options);
		spec->env[n++] = env->options;
	}
	spec->env[n++] = "LD_BIND_NOW=1";
	if (!given && find_object(found, sizeof(found)))
		given = found;
	/* ld.so(8) splits the list at blanks and colons. The last place: a sanitiser wants the first. */
	if (!given || !*given || strpbrk(given, " :") ||
	    snprintf(env->preload, sizeof(env->preload), "LD_PRELOAD=%s%s%s", more ? more : "",
		     more ? ":" : "", given) >= (int)sizeof(env->preload))
		return;
	spec->env[n] = env->preload;
}
