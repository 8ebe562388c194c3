/* SPDX-License-Identifier: MIT */
/*
 * option.c - see option.h.
 */
#include "option.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../sys/sys.h"

#define BLANKS " \t\n"

/* One word: name is text[0..name_bytes), value what follows the '='. */
struct word {
	const char *text, *value;
	size_t bytes, name_bytes, value_bytes;
};

/* The next word at *at, which is moved behind it. 0: there is none. */
static int next_word(const char **at, struct word *w)
{
	const char *equals;

	w->text = *at + strspn(*at, BLANKS);
	w->bytes = strcspn(w->text, BLANKS);
	*at = w->text + w->bytes;
	if (!w->bytes)
		return 0;
	equals = memchr(w->text, '=', w->bytes);
	w->name_bytes = equals ? (size_t)(equals - w->text) : w->bytes;
	w->value = equals ? equals + 1 : *at;
	w->value_bytes = (size_t)(*at - w->value);
	return 1;
}

static int is_named(const struct word *w, const char *name)
{
	return strlen(name) == w->name_bytes && memcmp(w->text, name, w->name_bytes) == 0;
}

static int find(const char *options, const char *name, struct word *w)
{
	const char *at = options ? options : "";

	while (next_word(&at, w)) {
		if (is_named(w, name))
			return 1;
	}
	return 0;
}

static const char *why_not(const struct word *w, const char *const *names)
{
	struct word again;
	const char *at = w->text + w->bytes;

	if (!w->name_bytes || !w->value_bytes)
		return "is no name=value";
	while (names && *names && !is_named(w, *names))
		names++;
	if (!names || !*names)
		return "is no option of this strategy";
	return find(at, *names, &again) ? "is given twice" : NULL;
}

int sm_options_check(const char *options, const char *const *names, struct sm_fault *fault)
{
	const char *at = options ? options : "";
	struct word w;
	char text[160];

	if (strlen(at) >= SM_OPTIONS_BYTES)
		return sm_fail(fault, SM_STAGE_ARGUMENT, EINVAL, "the options are too long");
	while (next_word(&at, &w)) {
		const char *why = why_not(&w, names);

		if (!why)
			continue;
		snprintf(text, sizeof(text), "option '%.*s' %s", w.bytes < 80 ? (int)w.bytes : 80,
			 w.text, why);
		return sm_fail(fault, SM_STAGE_ARGUMENT, EINVAL, text);
	}
	return 0;
}

int sm_option_choice(const char *options, const char *name, const char *const *values, int fallback)
{
	struct word w;

	if (!find(options, name, &w))
		return fallback;
	for (int i = 0; values[i]; i++) {
		if (strlen(values[i]) == w.value_bytes &&
		    memcmp(values[i], w.value, w.value_bytes) == 0)
			return i;
	}
	return -EINVAL;
}

int sm_option_flag(const char *options, const char *name, int fallback)
{
	static const char *const words[] = { "no", "yes", NULL };

	return sm_option_choice(options, name, words, fallback);
}

int sm_option_number(const char *options, const char *name, int low, int high, int fallback)
{
	struct word w;
	int64_t n = 0;

	if (!find(options, name, &w))
		return fallback;
	if (!w.value_bytes)
		return -EINVAL;
	for (size_t i = 0; i < w.value_bytes; i++) {
		if (w.value[i] < '0' || w.value[i] > '9' || n > INT_MAX)
			return -EINVAL;
		n = n * 10 + (w.value[i] - '0');
	}
	return n < low || n > high ? -EINVAL : (int)n;
}

int sm_option_bad(const char *options, const char *name, struct sm_fault *fault)
{
	char text[160];
	struct word w;

	if (find(options, name, &w))
		snprintf(text, sizeof(text), "option '%.*s' has a bad value",
			 w.bytes < 80 ? (int)w.bytes : 80, w.text);
	else
		snprintf(text, sizeof(text), "option '%s' has a bad value", name);
	return sm_fail(fault, SM_STAGE_ARGUMENT, EINVAL, text);
}

const char *sm_options_take(char *buf)
{
	const char *options = getenv(SM_OPTIONS_ENV);

	if (!options || strlen(options) >= SM_OPTIONS_BYTES)
		return NULL;
	strcpy(buf, options);
	unsetenv(SM_OPTIONS_ENV);
	return buf;
}
