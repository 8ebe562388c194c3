/* SPDX-License-Identifier: MIT */
/*
 * hatch_launch.c - a server with a hatchery is started, and what it gets; see hatch.h.
 */
#include "hatch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"
#include "ledger.h"
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

/* Must live as long as the specification that points there. */
struct more_env {
	char options[600];
	char preload[4096];
};

static void add_env(struct more_env *env, const struct sm_setup *setup, struct sm_server_spec *spec)
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

/* pass: what becomes the server's descriptors 3 and 4. */
static int start(struct sm_server *server, const struct sm_setup *setup, const char *strategy,
		 const int pass[2], struct sm_fault *fault)
{
	struct sm_server_spec spec = {
		.strategy = strategy, .where = "3,4", .pass = pass, .npass = 2
	};
	struct more_env *env = malloc(sizeof(*env));
	int err;

	if (!env)
		return sm_fail(fault, SM_STAGE_ARGUMENT, ENOMEM, NULL);
	add_env(env, setup, &spec);
	err = sm_server_start(server, setup, &spec, fault);
	free(env);
	return err;
}

int sm_hatch_launch(struct sm_server *server, struct sm_ledger *ledger,
		    const struct sm_setup *setup, const char *strategy, int type, int *sock,
		    struct sm_fault *fault)
{
	int pair[2], page, err;

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) < 0)
		return sm_fail(fault, SM_STAGE_PIPE, errno, "no socket pair for the server");
	err = sm_ledger_open(ledger, &page);
	if (err) {
		err = sm_fail(fault, SM_STAGE_PIPE, -err, "no ledger for the server");
		goto out;
	}
	err = start(server, setup, strategy, (const int[]){ pair[1], page }, fault);
	close(page);
	if (err)
		sm_ledger_close(ledger);
	else
		*sock = pair[0];
out:
	close(pair[1]); /* so that the server's death is an end of file */
	if (err)
		close(pair[0]);
	return err;
}
