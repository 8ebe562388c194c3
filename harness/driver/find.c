/* SPDX-License-Identifier: MIT */
/*
 * find.c - scenario files on disk: by name below the root, or by path; see scenario.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scenario.h"

#define TEXT_MAX (256 * 1024)

static bool is_ini(const char *name)
{
	size_t n = strlen(name);

	return n > 4 && strcmp(name + n - 4, ".ini") == 0;
}

static int only_ini(const struct dirent *entry)
{
	return is_ini(entry->d_name) && entry->d_name[0] != '.';
}

const char *const *sm_scenario_names(struct sm_arena *arena, const char *root)
{
	static const char *const none[] = { NULL };
	struct dirent **entries = NULL;
	const char **names = NULL;
	char *dir = sm_arena_printf(arena, "%s/scenarios", root);
	int n = dir ? scandir(dir, &entries, only_ini, alphasort) : -1;

	if (n < 0)
		return none;
	names = sm_arena_alloc(arena, (size_t)n + 1, sizeof(*names));
	for (int i = 0; i < n; i++) {
		if (names)
			names[i] =
				sm_arena_printf(arena, "%.*s", (int)strlen(entries[i]->d_name) - 4,
						entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return names ? names : none;
}

/* Reads the whole file into the arena. 0, -errno, -EFBIG, or -EILSEQ for a file with NUL bytes. */
static int read_text(struct sm_arena *arena, const char *path, char **text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = 1;
	size_t n = 0;
	int err = 0;

	if (fd < 0)
		return -errno;
	*text = sm_arena_alloc(arena, TEXT_MAX, 1);
	if (!*text) {
		close(fd);
		return -ENOMEM;
	}
	while (!err && got > 0) {
		got = read(fd, *text + n, TEXT_MAX - n);
		if (got < 0 && errno != EINTR)
			err = -errno;
		else if (got < 0)
			got = 1;
		else
			n += (size_t)got;
		if (n == TEXT_MAX)
			err = -EFBIG;
	}
	close(fd);
	if (!err && strlen(*text) != n)
		err = -EILSEQ;
	return err;
}

/* The path as a person would write it: relative to the current directory where it is below. */
static const char *shown(const char *path)
{
	char cwd[PATH_MAX];
	size_t n;

	if (!getcwd(cwd, sizeof(cwd)))
		return path;
	n = strlen(cwd);
	return strncmp(path, cwd, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

static int not_found(struct sm_arena *arena, const char *root, const char *name, const char *path,
		     int err, struct sm_error *error)
{
	const char *const *names = sm_scenario_names(arena, root);
	const char *near = sm_nearest(name, sm_words_array, names);
	char list[300];

	if (err == -ENOENT)
		snprintf(error->text, sizeof(error->text), "no scenario '%s' (%s)%s%s%s known: %s",
			 name, shown(path), near ? "; did you mean '" : "", near ? near : "",
			 near ? "'?" : ";", sm_join(list, sizeof(list), sm_words_array, names));
	else
		snprintf(error->text, sizeof(error->text), "%s: cannot be read: %s", shown(path),
			 err == -EILSEQ ? "not a text file" : strerror(-err));
	return err == -ENOENT || err == -ENOMEM ? err : -EINVAL;
}

/* Fills in what belongs to the place: the file's directory, absolute. */
static int set_dir(struct sm_scenario_file *file, struct sm_arena *arena, const char *path)
{
	char real[PATH_MAX];
	char *slash;

	if (!realpath(path, real))
		return -errno;
	slash = strrchr(real, '/');
	slash[slash == real ? 1 : 0] = '\0';
	file->dir = sm_arena_copy(arena, real);
	return file->dir ? 0 : -ENOMEM;
}

int sm_scenario_load(struct sm_scenario_file **file, struct sm_arena *arena, const char *root,
		     const char *name, const struct sm_known *known, struct sm_error *error)
{
	bool by_path = strchr(name, '/') || is_ini(name);
	const char *base;
	char *path, *plain;
	char *text = NULL;
	int err;

	*file = NULL;
	path = by_path ? sm_arena_copy(arena, name)
		       : sm_arena_printf(arena, "%s/scenarios/%s.ini", root, name);
	if (!path)
		return -ENOMEM;
	err = read_text(arena, path, &text);
	if (err || !text)
		return not_found(arena, root, name, path, err, error);
	base = strrchr(path, '/');
	base = base ? base + 1 : path;
	plain = sm_arena_printf(arena, "%.*s", (int)(strlen(base) - (is_ini(base) ? 4 : 0)), base);
	if (!plain)
		return -ENOMEM;
	err = sm_scenario_parse(file, arena, plain, shown(path), text, known, error);
	return err ? err : set_dir(*file, arena, path);
}
