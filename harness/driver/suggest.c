/* SPDX-License-Identifier: MIT */
/*
 * suggest.c - finds the word that was meant, by edit distance; see suggest.h.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "suggest.h"

#define WORD_MAX 48

int sm_bad(struct sm_error *error, struct sm_origin at, const char *format, ...)
{
	size_t size = sizeof(error->text);
	va_list args;
	int n;

	if (at.line > 0)
		n = snprintf(error->text, size, "%s:%d: ", at.file, at.line);
	else
		n = snprintf(error->text, size, "%s: ", at.file);
	if (n < 0 || (size_t)n >= size)
		return -EINVAL;
	va_start(args, format);
	vsnprintf(error->text + n, size - (size_t)n, format, args);
	va_end(args);
	return -EINVAL;
}

int sm_refuse(struct sm_error *error, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return code;
}

static int least(int a, int b, int c)
{
	if (b < a)
		a = b;
	return c < a ? c : a;
}

/* Levenshtein's distance, with two exchanged neighbours counted as one (as in 'bolcks'). */
static int distance(const char *a, const char *b)
{
	int rows[3][WORD_MAX + 1];
	int n = (int)strlen(b);
	int i = 0;

	if (strlen(a) > WORD_MAX || n > WORD_MAX)
		return WORD_MAX;
	for (int j = 0; j <= n; j++)
		rows[0][j] = j;
	for (; a[i]; i++) {
		const int *above2 = rows[(i + 2) % 3];
		const int *above = rows[i % 3];
		int *row = rows[(i + 1) % 3];

		row[0] = i + 1;
		for (int j = 0; j < n; j++) {
			row[j + 1] = least(above[j + 1] + 1, row[j] + 1, above[j] + (a[i] != b[j]));
			if (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j])
				row[j + 1] = least(row[j + 1], above2[j - 1] + 1, WORD_MAX);
		}
	}
	return rows[i % 3][n];
}

const char *sm_nearest(const char *typed, sm_words *words, const void *set)
{
	/* A third of the letters may be wrong: more than that is another word. */
	int limit = (int)(strlen(typed) + 2) / 3;
	const char *best = NULL;
	const char *word;

	for (int i = 0; (word = words(set, i)); i++) {
		int d = distance(typed, word);

		if (d <= limit) {
			limit = d - 1;
			best = word;
		}
	}
	return best;
}

const char *sm_join(char *text, size_t size, sm_words *words, const void *set)
{
	size_t used = 0;
	const char *word;

	text[0] = '\0';
	for (int i = 0; (word = words(set, i)); i++) {
		int n = snprintf(text + used, size - used, "%s%s", i ? ", " : "", word);

		if (n < 0 || (size_t)n >= size - used)
			break;
		used += (size_t)n;
	}
	return text;
}

const char *sm_hint(char *text, size_t size, const char *typed, sm_words *words, const void *set)
{
	const char *near = sm_nearest(typed, words, set);
	int n;

	if (near) {
		snprintf(text, size, "; did you mean '%s'?", near);
		return text;
	}
	n = snprintf(text, size, "; expected one of ");
	if (n > 0 && (size_t)n < size)
		sm_join(text + n, size - (size_t)n, words, set);
	return text;
}

const char *sm_words_array(const void *set, int i)
{
	return ((const char *const *)set)[i];
}
