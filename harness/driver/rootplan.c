/* SPDX-License-Identifier: MIT */
/* rootplan.c - what the minimal root of a sandbox consists of; see sandbox.h. */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../sandbox/plan.h"
#include "sandbox.h"

#define LINKS_MAX 40 /* as the kernel's own limit, path_resolution(7) */

static const char *const always[] = {
	"/usr",
	"/bin",
	"/sbin",
	"/lib",
	"/lib32",
	"/lib64",
	"/libx32",
	"/etc/ld.so.cache",
	"/etc/alternatives",
	"/etc/localtime",
	"/dev/null",
	"/dev/zero",
	"/dev/full",
	"/dev/random",
	"/dev/urandom",
};

static int add_string(struct sm_root_plan *p, const char *text, uint32_t *at)
{
	size_t n = strlen(text) + 1;
	char *more = realloc(p->strings, p->bytes + n);

	if (!more)
		return -ENOMEM;
	memcpy(more + p->bytes, text, n);
	p->strings = more;
	*at = p->bytes;
	p->bytes += (uint32_t)n;
	return 0;
}

static int add(struct sm_root_plan *p, enum sm_box_kind kind, const char *path, const char *other)
{
	struct sm_box_entry *more = realloc(p->entries, (p->n + 1) * sizeof(*more)), *e;
	int err;

	if (!more)
		return -ENOMEM;
	p->entries = more;
	e = &more[p->n];
	*e = (struct sm_box_entry){ .kind = kind };
	err = add_string(p, path, &e->path_at);
	if (!err && other)
		err = add_string(p, other, &e->other_at);
	p->n += !err;
	return err;
}

/* The entry of that path, or of a bound directory above it; NULL: none. */
static const struct sm_box_entry *find(const struct sm_root_plan *p, const char *path)
{
	for (uint32_t i = 0; i < p->n; i++) {
		const char *known = p->strings + p->entries[i].path_at;
		size_t n = strlen(known);

		if (strncmp(known, path, n))
			continue;
		if (!path[n] || (path[n] == '/' && p->entries[i].kind == SM_BOX_BIND_DIR))
			return &p->entries[i];
	}
	return NULL;
}

/* A walk along a path: prefix has no symbolic link in it. */
struct walk {
	char prefix[PATH_MAX], rest[PATH_MAX];
	int links;
};

static bool next_step(struct walk *w, char step[NAME_MAX + 1])
{
	const char *at = w->rest + strspn(w->rest, "/");
	size_t n = strcspn(at, "/");

	if (!n || n > NAME_MAX)
		return false;
	memcpy(step, at, n);
	step[n] = '\0';
	memmove(w->rest, at + n, strlen(at + n) + 1);
	return true;
}

/* The link stands in the new root too; the walk goes on at its target. */
static int follow(struct sm_root_plan *p, struct walk *w, const char *link)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t n = readlink(link, target, sizeof(target) - 1);
	int err = 0;

	if (n < 0)
		return -errno;
	target[n] = '\0';
	if (++w->links > LINKS_MAX)
		return -ELOOP;
	if (!find(p, link))
		err = add(p, SM_BOX_LINK, link, target);
	memcpy(rest, w->rest, sizeof(rest));
	if (snprintf(w->rest, sizeof(w->rest), "%s/%s", target, rest) >= (int)sizeof(w->rest))
		return -ENAMETOOLONG;
	if (target[0] == '/')
		w->prefix[0] = '\0';
	return err;
}

static int bind_here(struct sm_root_plan *p, const char *path, const struct stat *st)
{
	enum sm_box_kind kind = SM_BOX_BIND_FILE;

	if (S_ISDIR(st->st_mode))
		kind = SM_BOX_BIND_DIR;
	else if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		kind = SM_BOX_BIND_DEV;
	return add(p, kind, path, NULL);
}

static bool is_last(const struct walk *w)
{
	return !w->rest[strspn(w->rest, "/")];
}

/* One step deeper: a link, a directory on the way, or what is wanted. */
static int enter(struct sm_root_plan *p, struct walk *w, const char *step)
{
	char path[PATH_MAX];
	struct stat st;
	int err = 0;

	if (!strcmp(step, "."))
		return 0;
	if (!strcmp(step, "..")) {
		*(strrchr(w->prefix, '/') ? strrchr(w->prefix, '/') : w->prefix) = '\0';
		return 0;
	}
	if (snprintf(path, sizeof(path), "%s/%s", w->prefix, step) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (lstat(path, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return follow(p, w, path);
	if (!find(p, path))
		err = is_last(w) ? bind_here(p, path, &st) : add(p, SM_BOX_DIR, path, NULL);
	memcpy(w->prefix, path, sizeof(path));
	return err;
}

static int add_path(struct sm_root_plan *p, const char *path)
{
	struct walk w = { .links = 0 };
	char step[NAME_MAX + 1];
	int err = 0;

	if (snprintf(w.rest, sizeof(w.rest), "%s", path) >= (int)sizeof(w.rest))
		return -ENAMETOOLONG;
	while (!err && next_step(&w, step))
		err = enter(p, &w, step);
	return err == -ENOENT ? 0 : err;
}

/* Outer ones first: what lies below a directory that is bound is there already. */
static int by_length(const void *a, const void *b)
{
	size_t x = strlen(*(const char *const *)a), y = strlen(*(const char *const *)b);

	return x < y ? -1 : x > y;
}

static bool in_tmp(const struct sm_root_plan *p, uint32_t i)
{
	return !strncmp(p->strings + p->entries[i].path_at, "/tmp/", 5);
}

/* Those below /tmp go to the end; among themselves all keep their order, outer ones first. */
static int tmp_last(struct sm_root_plan *p)
{
	struct sm_box_entry *sorted = malloc(p->n * sizeof(*sorted));
	uint32_t n = 0;

	if (!sorted)
		return -ENOMEM;
	for (uint32_t i = 0; i < p->n; i++)
		if (!in_tmp(p, i))
			sorted[n++] = p->entries[i];
	p->ntmp = p->n - n;
	for (uint32_t i = 0; i < p->n; i++)
		if (in_tmp(p, i))
			sorted[n++] = p->entries[i];
	free(p->entries);
	p->entries = sorted;
	return 0;
}

int sm_root_plan(struct sm_root_plan *plan, const char *const *needs)
{
	size_t n = 0;
	const char **sorted;
	int err = 0;

	while (needs && needs[n])
		n++;
	sorted = malloc((n + 1) * sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	if (n)
		memcpy(sorted, needs, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_length);
	if (!find(plan, "/tmp"))
		err = add(plan, SM_BOX_DIR, "/tmp", NULL);
	if (!err)
		err = add(plan, SM_BOX_DIR, "/proc", NULL);
	for (size_t i = 0; i < sizeof(always) / sizeof(*always) && !err; i++)
		err = add_path(plan, always[i]);
	for (size_t i = 0; i < n && !err; i++)
		err = add_path(plan, sorted[i]);
	free(sorted);
	return err ? err : tmp_last(plan);
}
