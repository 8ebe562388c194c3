/* SPDX-License-Identifier: MIT */
/*
 * scenario.h - a scenario file as read: sections with the values that are in force in each.
 *
 * [global] is inherited by every section; [quick] overrides every section under --quick, and
 * [NAME:quick] one of them; --set overrides all. Every other section is a family of cases.
 */
#ifndef SM_SCENARIO_H
#define SM_SCENARIO_H

#include "keys.h"

#define SM_SECTIONS_MAX 32
#define SM_SECTION_NAME 40

struct sm_section {
	const char *name;
	struct sm_origin at;
	struct sm_value values[SM_KEYS_MAX]; /* by index into sm_keys */
};

struct sm_scenario_file {
	const char *name; /* startup */
	const char *file; /* scenarios/startup.ini, as messages show it */
	const char *dir;  /* of the file; what a relative path in it starts from */
	const char *text;
	struct sm_section *sections[SM_SECTIONS_MAX]; /* as written, [global] and [quick] too */
	int nsections;
};

/*
 * Finds the file of `name` (a scenario below root, or a path that ends in .ini or has a slash),
 * reads and checks it. Everything belongs to the arena. 0, -EINVAL, -ENOENT or -ENOMEM.
 */
int sm_scenario_load(struct sm_scenario_file **file, struct sm_arena *arena, const char *root,
		     const char *name, const struct sm_known *known, struct sm_error *error);

/*
 * The same from text that is already in memory. name and path: for messages and case names.
 */
int sm_scenario_parse(struct sm_scenario_file **out, struct sm_arena *arena, const char *name,
		      const char *path, const char *text, const struct sm_known *known,
		      struct sm_error *error);

/* Reads "key=value" settings of the command line into section. 0, -EINVAL or -ENOMEM. */
int sm_settings_parse(struct sm_section *section, struct sm_arena *arena, const char *const *set,
		      const struct sm_known *known, struct sm_error *error);

/*
 * The values in force in section `of`: defaults, [global], the section, [quick], [NAME:quick],
 * settings, in this order. out is overwritten.
 */
int sm_section_resolve(struct sm_section *out, const struct sm_scenario_file *file,
		       const struct sm_section *of, const struct sm_section *settings, bool quick,
		       const struct sm_known *known, struct sm_error *error);

/* Is it a family of cases, rather than [global], [quick] or [NAME:quick]? */
bool sm_section_is_family(const struct sm_section *section);

/* Names of the scenarios below root, sorted, NULL-terminated; belongs to the arena. */
const char *const *sm_scenario_names(struct sm_arena *arena, const char *root);

#endif
