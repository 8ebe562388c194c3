/* SPDX-License-Identifier: MIT */
/*
 * inifile.h - libinih with line numbers, starts of sections, and values that go on.
 *
 * libinih as it is packaged tells its handler no line number and no empty section. This feeds it
 * line by line and so knows both.
 */
#ifndef SM_INIFILE_H
#define SM_INIFILE_H

#include <stdbool.h>

/* What was read. name NULL: the section begins. more: an indented line continues the value. */
struct sm_ini_item {
	const char *section, *name, *value;
	int line;
	bool more;
};

/* Returns 0 to go on; anything else ends the reading. */
typedef int sm_ini_fn(void *arg, const struct sm_ini_item *item);

/*
 * Reads text. 0, or what the callback returned, or -EINVAL with *line and *what set: what is
 * wrong with the text itself.
 */
int sm_ini_read(const char *text, sm_ini_fn *on_item, void *arg, int *line, const char **what);

#endif
