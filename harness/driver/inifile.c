/* SPDX-License-Identifier: MIT */
/*
 * inifile.c - feeds libinih from memory; see inifile.h.
 *
 * Behind every line that opens a section the reader slips in a line of its own, so that the
 * handler hears of the section even when it is empty. libinih counts those lines too; reader.at
 * remembers what each of its lines was.
 */
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "inifile.h"

#define MARK "@"

struct reader {
	const char *text;
	int line;     /* of the text, 1-based, of the line handed out last */
	int fed;      /* lines handed to libinih */
	int *at;      /* at[i]: line of the text that was fed as line i + 1 */
	int capacity; /* of at */
	bool mark;    /* the next line is our own */
	bool indented;
	sm_ini_fn *on_item;
	void *arg;
	int result;       /* of the callback, or -errno */
	const char *what; /* -EINVAL of our own */
};

static bool remember(struct reader *r)
{
	if (r->fed == r->capacity) {
		int capacity = r->capacity ? 2 * r->capacity : 64;
		int *at = realloc(r->at, (size_t)capacity * sizeof(*at));

		if (!at) {
			r->result = -ENOMEM;
			return false;
		}
		r->at = at;
		r->capacity = capacity;
	}
	r->at[r->fed++] = r->line;
	return true;
}

/* As fgets(3), from memory; ends early when something is wrong. */
static char *feed(char *out, int size, void *stream)
{
	struct reader *r = stream;
	size_t n = strcspn(r->text, "\n");

	if (r->result || (!r->mark && !*r->text))
		return NULL;
	if (r->mark) {
		r->mark = false;
		r->indented = false;
		return remember(r) ? strcpy(out, MARK "=" MARK "\n") : NULL;
	}
	r->line++;
	if (n + 3 > (size_t)size) { /* ini.h: room for \r, \n and NUL */
		r->what = "line is too long; continue the value on an indented line";
		r->result = -EINVAL;
		return NULL;
	}
	memcpy(out, r->text, n);
	strcpy(out + n, "\n");
	r->text += n + (r->text[n] == '\n');
	r->indented = out[0] == ' ' || out[0] == '\t';
	r->mark = out[0] == '[';
	return remember(r) ? out : NULL;
}

static int handle(void *user, const char *section, const char *name, const char *value)
{
	struct reader *r = user;
	struct sm_ini_item item = { .section = section, .line = r->line };

	if (r->result)
		return 1;
	if (strcmp(name, MARK) != 0) {
		item.name = name;
		item.value = value;
		/* libinih repeats the name for a continuation, and only then. */
		item.more = r->indented;
	} else if (r->indented) {
		r->what = "an indented line continues a value, but none is before it";
		r->result = -EINVAL;
		return 1;
	}
	r->result = r->on_item(r->arg, &item);
	return 1;
}

int sm_ini_read(const char *text, sm_ini_fn *on_item, void *arg, int *line, const char **what)
{
	struct reader r = { .text = text, .on_item = on_item, .arg = arg };
	int bad, result;

	/* " ;" may be part of a value (Python code): the reader of values knows where it is not. */
	ini_allow_inline_comments = false;
	bad = ini_parse_stream(feed, &r, handle, &r);
	result = r.result;

	/* libinih goes on after a bad line, which may come before what the callback refused. */
	if (bad > 0 && bad <= r.fed && (!result || r.at[bad - 1] <= r.line)) {
		*line = r.at[bad - 1];
		*what = "expected [section], key = value, or a comment that begins with #";
		result = -EINVAL;
	} else if (result && r.what) {
		*line = r.line;
		*what = r.what;
	} else if (!result && bad < 0) {
		result = -ENOMEM;
	}
	free(r.at);
	return result;
}
