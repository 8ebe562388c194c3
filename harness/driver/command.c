/* SPDX-License-Identifier: MIT */
/*
 * command.c - the command lines of a case: the payload's and the host's.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "planner.h"
#include "without.h"

#define ARGV_MAX 64

/* A vector being filled; a failure sticks. */
struct words {
	struct sm_arena *arena;
	const char *v[ARGV_MAX];
	int n;
	int err;
};

static void add(struct words *w, const char *word)
{
	if (!word)
		w->err = -ENOMEM;
	else if (w->n == ARGV_MAX)
		w->err = -E2BIG;
	else
		w->v[w->n++] = word;
}

static void add_option(struct words *w, const char *option, const char *value)
{
	add(w, option);
	add(w, value);
}

static void add_number(struct words *w, const char *option, int64_t value)
{
	add_option(w, option, sm_arena_printf(w->arena, "%lld", (long long)value));
}

static void add_split(struct words *w, const char *text)
{
	while (*(text += strspn(text, " \t"))) {
		size_t n = strcspn(text, " \t");

		add(w, sm_arena_printf(w->arena, "%.*s", (int)n, text));
		text += n;
	}
}

/* The finished vector. NULL, with w->err set, when something failed before. */
static char **finish(struct words *w)
{
	char **argv;

	if (w->err)
		return NULL;
	argv = sm_arena_alloc(w->arena, (size_t)w->n + 1, sizeof(*argv));
	if (!argv) {
		w->err = -ENOMEM;
		return NULL;
	}
	for (int i = 0; i < w->n; i++)
		argv[i] = (char *)w->v[i];
	return argv;
}

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static int need_built(struct sm_planner *p, const char *path)
{
	if (is_program(path))
		return 0;
	snprintf(p->error->text, sizeof(p->error->text),
		 "%s is missing or cannot be executed; run `make`", path);
	return -EINVAL;
}

/* Relative paths start from the file's directory; those of the command line from here. */
static const char *absolute(struct sm_arena *arena, const struct sm_scenario_file *file,
			    const struct sm_value *value)
{
	const char *path = value->text;
	char cwd[PATH_MAX];

	if (path[0] == '/')
		return path;
	if (value->at.line > 0)
		return sm_arena_printf(arena, "%s/%s", file->dir, path);
	return sm_arena_printf(arena, "%s/%s", getcwd(cwd, sizeof(cwd)) ? cwd : ".", path);
}

const char *sm_on_path(struct sm_arena *arena, const char *name)
{
	const char *path = getenv("PATH");

	path = path ? path : "/usr/local/bin:/usr/bin:/bin";
	while (path) {
		const char *end = strchrnul(path, ':');
		const char *full = sm_arena_printf(arena, "%.*s/%s", (int)(end - path), path, name);

		if (full && full[0] == '/' && is_program(full))
			return full;
		path = *end ? end + 1 : NULL;
	}
	return NULL;
}

/* That of the checkout, whether it is there or not; an installation has none: PATH's. */
static const char *default_python(struct sm_arena *arena, const char *root)
{
	const char *own = sm_arena_printf(arena, "%s/.venv/bin/python", root), *other = NULL;
	const char *makefile = sm_arena_printf(arena, "%s/Makefile", root);

	if (own && makefile && !is_program(own) && access(makefile, F_OK))
		other = sm_on_path(arena, "python3");
	return other ? other : own;
}

/* *path is left as it is found: resolving a virtual environment's link would leave it. */
static int find_interpreter(struct sm_planner *p, const struct sm_scenario_file *file,
			    const struct sm_value *value, const char **path)
{
	struct sm_arena *arena = p->plan->arena;

	if (!*value->text) {
		*path = default_python(arena, p->root);
		if (*path && !is_program(*path))
			return sm_bad(p->error, value->at,
				      "%s does not exist; run `make setup`, or set the key "
				      "'interpreter'",
				      *path);
		return *path ? 0 : -ENOMEM;
	}
	*path = strchr(value->text, '/') ? absolute(arena, file, value)
					 : sm_on_path(arena, value->text);
	if (!*path || !is_program(*path))
		return sm_bad(p->error, value->at,
			      "interpreter '%s' does not exist or cannot be executed; expected a "
			      "path, or a name on PATH",
			      value->text);
	return 0;
}

char **sm_command_python(struct sm_arena *arena, const char *root, const char *build,
			 const char *interpreter, const struct sm_python_code *code)
{
	struct words w = { .arena = arena };

	add(&w, interpreter ? interpreter : default_python(arena, root));
	add(&w, sm_arena_printf(arena, "%s/harness/payloads/python.py", root));
	add_option(&w, "--lib", sm_arena_printf(arena, "%s/libspawnmark.so", build));
	if (*code->imports)
		add_option(&w, "--imports", code->imports);
	if (*code->preamble)
		add_option(&w, "--preamble", code->preamble);
	add_option(&w, "--work", code->work);
	if (*code->check)
		add_option(&w, "--check", code->check);
	return finish(&w);
}

static int build_python(struct sm_planner *p, const struct sm_scenario_file *file,
			const struct sm_value *values, struct sm_case *c)
{
	const struct sm_python_code code = { c->imports, c->preamble, c->work, c->check };
	int err;

	/* Unless there is one that the user names: that is for the user to know. */
	c->lacks = *values[sm_key_find("interpreter")].text ? NULL : sm_without_python();
	if (c->lacks) {
		c->argv =
			sm_command_python(p->plan->arena, p->payloads, p->build, "python3", &code);
		return c->argv ? 0 : -ENOMEM;
	}
	err = find_interpreter(p, file, &values[sm_key_find("interpreter")], &c->interpreter);

	if (err)
		return err;
	c->argv = sm_command_python(p->plan->arena, p->payloads, p->build, c->interpreter, &code);
	if (!c->argv)
		return -ENOMEM;
	for (int i = 1; i <= 3; i += 2) { /* script and library */
		if (access(c->argv[i], R_OK) == 0)
			continue;
		snprintf(p->error->text, sizeof(p->error->text), "%s is missing; run `make`",
			 c->argv[i]);
		return -EINVAL;
	}
	return 0;
}

static int build_heap(struct sm_planner *p, struct sm_case *c)
{
	struct words w = { .arena = p->plan->arena };

	add(&w, sm_arena_printf(w.arena, "%s/payloads/heap", p->build));
	add_number(&w, "--mb", c->heap_mb);
	add_number(&w, "--vmas", c->heap_vmas);
	add_number(&w, "--maps", c->heap_maps);
	add_number(&w, "--tables", c->heap_tables);
	add_number(&w, "--fds", c->heap_fds);
	add_option(&w, "--pages", c->heap_pages == SM_PAGES_THP ? "thp" : "4k");
	add_number(&w, "--write-percent", c->heap_write_percent);
	c->argv = finish(&w);
	return c->argv ? need_built(p, c->argv[0]) : w.err;
}

char **sm_command_none(struct sm_planner *p, const char *target)
{
	struct words w = { .arena = p->plan->arena };
	bool plain = !target || strcmp(target, "dynamic") == 0;

	add(&w, sm_arena_printf(w.arena, "%s/payloads/none%s%s", p->build, plain ? "" : "-",
				plain ? "" : target));
	return finish(&w);
}

static int build_path(struct sm_planner *p, const struct sm_scenario_file *file,
		      const struct sm_value *values, struct sm_case *c)
{
	const struct sm_value *payload = &values[sm_key_find("payload")];
	struct words w = { .arena = p->plan->arena };
	const char *path = absolute(w.arena, file, payload);

	if (path && !is_program(path))
		return sm_bad(p->error, payload->at,
			      "payload '%s' does not exist or cannot be executed (%s)",
			      payload->text, path);
	add(&w, path);
	add_split(&w, c->payload_args);
	c->argv = finish(&w);
	if (w.err == -E2BIG)
		return sm_bad(p->error, values[sm_key_find("payload_args")].at,
			      "key 'payload_args': more than %d words", ARGV_MAX - 1);
	return w.err;
}

static int build_host(struct sm_planner *p, struct sm_case *c)
{
	struct words w = { .arena = p->plan->arena };

	if (c->ops->traits & SM_PARENT_LOADS) {
		c->host_argv = c->argv;
		return 0;
	}
	for (int i = 0; i < p->known.nforeign; i++) {
		const struct sm_foreign *f = &p->known.foreign[i];

		if (c->ops != &f->ops)
			continue;
		add(&w, f->path);
		for (char **word = f->argv + 1; *word; word++)
			add(&w, *word);
		c->host_argv = finish(&w);
		return w.err;
	}
	add(&w, sm_arena_printf(w.arena, "%s/sm-host", p->build));
	c->host_argv = finish(&w);
	return c->host_argv ? need_built(p, c->host_argv[0]) : w.err;
}

int sm_command_build(struct sm_planner *p, const struct sm_scenario_file *file,
		     const struct sm_value *values, struct sm_case *c)
{
	int err = 0;

	if (strcmp(c->payload, "python") == 0) {
		err = build_python(p, file, values, c);
	} else if (strcmp(c->payload, "heap") == 0) {
		err = build_heap(p, c);
	} else if (strcmp(c->payload, "none") == 0) {
		c->argv = sm_command_none(p, c->target);
		err = c->argv ? need_built(p, c->argv[0]) : -ENOMEM;
	} else {
		err = build_path(p, file, values, c);
	}
	return err ? err : build_host(p, c);
}
