/* SPDX-License-Identifier: MIT */
/*
 * scenario.c - reads scenario files and settings; see scenario.h.
 *
 * Values are checked where they were written, also those that another section overrides: an error
 * must not wait for --quick.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "inifile.h"
#include "scenario.h"

struct reading {
	struct sm_scenario_file *file;
	struct sm_arena *arena;
	struct sm_section *section; /* the current one */
	struct sm_error *error;
};

static bool valid_name(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	return n > 0 && n < SM_SECTION_NAME && (!name[n] || strcmp(name + n, ":quick") == 0);
}

static const char *section_words(const void *set, int i)
{
	const struct sm_scenario_file *file = set;

	return i < file->nsections ? file->sections[i]->name : NULL;
}

static struct sm_section *find_section(const struct sm_scenario_file *file, const char *name,
				       size_t n)
{
	for (int i = 0; i < file->nsections; i++) {
		const char *have = file->sections[i]->name;

		if (strncmp(have, name, n) == 0 && !have[n])
			return file->sections[i];
	}
	return NULL;
}

bool sm_section_is_family(const struct sm_section *section)
{
	return strcmp(section->name, "global") != 0 && strcmp(section->name, "quick") != 0 &&
	       !strchr(section->name, ':');
}

static int begin_section(struct reading *r, const char *name, struct sm_origin at)
{
	struct sm_scenario_file *file = r->file;
	struct sm_section *again = find_section(file, name, strlen(name));

	if (again)
		return sm_bad(r->error, at, "section [%s] is there already, in line %d", name,
			      again->at.line);
	if (!valid_name(name))
		return sm_bad(r->error, at,
			      "section [%s]: a name has letters, digits, _ and - (at most %d), and "
			      "':quick' may follow",
			      name, SM_SECTION_NAME - 1);
	if (file->nsections == SM_SECTIONS_MAX)
		return sm_bad(r->error, at, "more than %d sections", SM_SECTIONS_MAX);
	r->section = sm_arena_alloc(r->arena, 1, sizeof(*r->section));
	if (!r->section)
		return -ENOMEM;
	r->section->at = at;
	r->section->name = sm_arena_copy(r->arena, name);
	if (!r->section->name)
		return -ENOMEM;
	file->sections[file->nsections++] = r->section;
	return 0;
}

/* Cuts " ; a comment" off, but of what is free text, as Python code, where it may be the value's. */
static char *without_comment(struct sm_arena *arena, const struct sm_key *key, const char *text)
{
	char *copy = sm_arena_copy(arena, text);
	size_t n = 0;

	if (!copy || key->type == SM_KEY_TEXT || key->type == SM_KEY_WORDS)
		return copy;
	while (copy[n] && !(copy[n] == ';' && (n == 0 || isspace((unsigned char)copy[n - 1]))))
		n++;
	while (n > 0 && isspace((unsigned char)copy[n - 1]))
		n--;
	copy[n] = '\0';
	return copy;
}

/* Notes key = value as text; an earlier text is what the value continues, or an error. */
static int add_value(struct sm_section *section, struct sm_arena *arena, const char *name,
		     const char *text, struct sm_origin at, bool more, struct sm_error *error)
{
	int k = sm_key_find(name);
	char hint[400];
	struct sm_value *value;

	if (k < 0)
		return sm_bad(error, at, "unknown key '%s'%s", name,
			      sm_hint(hint, sizeof(hint), name, sm_key_words, NULL));
	value = &section->values[k];
	text = without_comment(arena, &sm_keys[k], text);
	if (!text)
		return -ENOMEM;
	if (value->given && more) {
		value->text = sm_arena_printf(arena, "%s %s", value->text, text);
		return value->text ? 0 : -ENOMEM;
	}
	if (value->given && at.line > 0)
		return sm_bad(error, at, "key '%s' is set already, in line %d", name,
			      value->at.line);
	value->given = true;
	value->at = at;
	value->text = text;
	return 0;
}

static int on_item(void *arg, const struct sm_ini_item *item)
{
	struct reading *r = arg;
	struct sm_origin at = { r->file->file, item->line };

	if (!item->name)
		return begin_section(r, item->section, at);
	if (!r->section)
		return sm_bad(r->error, at,
			      "key '%s' is before the first section; expected [global] or another",
			      item->name);
	return add_value(r->section, r->arena, item->name, item->value, at, item->more, r->error);
}

static int parse_values(struct sm_section *section, const struct sm_known *known,
			struct sm_error *error)
{
	int err = 0;

	for (int k = 0; !err && k < sm_key_count; k++) {
		if (section->values[k].given)
			err = sm_value_parse(&sm_keys[k], &section->values[k], known, error);
	}
	return err;
}

static int check_sections(const struct sm_scenario_file *file, const struct sm_known *known,
			  struct sm_error *error)
{
	int families = 0;
	char hint[240];
	int err;

	for (int i = 0; i < file->nsections; i++) {
		struct sm_section *section = file->sections[i];
		const char *colon = strchr(section->name, ':');

		err = parse_values(section, known, error);
		if (err)
			return err;
		families += sm_section_is_family(section);
		if (colon && !find_section(file, section->name, (size_t)(colon - section->name))) {
			char name[SM_SECTION_NAME];

			snprintf(name, sizeof(name), "%.*s", (int)(colon - section->name),
				 section->name);
			return sm_bad(error, section->at, "no section [%s] that [%s] overrides%s",
				      name, section->name,
				      sm_hint(hint, sizeof(hint), name, section_words, file));
		}
	}
	if (!families) {
		snprintf(error->text, sizeof(error->text),
			 "%s: no section but [global] and [quick]; expected one for each family of "
			 "cases",
			 file->file);
		return -EINVAL;
	}
	return 0;
}

int sm_scenario_parse(struct sm_scenario_file **out, struct sm_arena *arena, const char *name,
		      const char *path, const char *text, const struct sm_known *known,
		      struct sm_error *error)
{
	struct sm_scenario_file *file = sm_arena_alloc(arena, 1, sizeof(*file));
	struct reading r = { .file = file, .arena = arena, .error = error };
	const char *what = NULL;
	int line = 0;
	int err;

	*out = NULL;
	if (!file)
		return -ENOMEM;
	file->name = sm_arena_copy(arena, name);
	file->file = sm_arena_copy(arena, path);
	file->dir = ".";
	file->text = sm_arena_copy(arena, text);
	if (!file->name || !file->file || !file->text)
		return -ENOMEM;
	err = sm_ini_read(file->text, on_item, &r, &line, &what);
	if (what)
		return sm_bad(error, (struct sm_origin){ file->file, line }, "%s", what);
	if (!err)
		err = check_sections(file, known, error);
	if (!err)
		*out = file;
	return err;
}

int sm_settings_parse(struct sm_section *section, struct sm_arena *arena, const char *const *set,
		      const struct sm_known *known, struct sm_error *error)
{
	struct sm_origin at = { "--set", 0 };

	memset(section, 0, sizeof(*section));
	section->name = "--set";
	section->at = at;
	for (int i = 0; set && set[i]; i++) {
		size_t n = strcspn(set[i], "=");
		char name[SM_SECTION_NAME];
		int err;

		if (!set[i][n] || n == 0 || n >= sizeof(name))
			return sm_bad(error, at, "'%s' is not valid; expected key=value", set[i]);
		memcpy(name, set[i], n);
		name[n] = '\0';
		err = add_value(section, arena, name, set[i] + n + 1, at, false, error);
		if (err)
			return err;
	}
	return parse_values(section, known, error);
}

static void override(struct sm_section *out, const struct sm_section *with)
{
	for (int k = 0; with && k < sm_key_count; k++) {
		if (with->values[k].given)
			out->values[k] = with->values[k];
	}
}

int sm_section_resolve(struct sm_section *out, const struct sm_scenario_file *file,
		       const struct sm_section *of, const struct sm_section *settings, bool quick,
		       const struct sm_known *known, struct sm_error *error)
{
	char name[SM_SECTION_NAME + 8];
	int n = snprintf(name, sizeof(name), "%s:quick", of->name);

	memset(out, 0, sizeof(*out));
	out->name = of->name;
	out->at = of->at;
	for (int k = 0; k < sm_key_count; k++) {
		const char *fallback = sm_keys[k].fallback;
		int err;

		out->values[k].at = of->at;
		out->values[k].text = fallback ? fallback : "";
		err = sm_value_parse(&sm_keys[k], &out->values[k], known, error);
		if (err)
			return err;
	}
	override(out, find_section(file, "global", strlen("global")));
	override(out, of);
	if (quick) {
		override(out, find_section(file, "quick", strlen("quick")));
		override(out, find_section(file, name, (size_t)n));
	}
	override(out, settings);
	return 0;
}
