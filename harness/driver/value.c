/* SPDX-License-Identifier: MIT */
/*
 * value.c - understands the value of a scenario key by its row; see keys.h.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../sandbox/sandbox.h"
#include "keys.h"
#include "layers.h"

#define ITEM_MAX SM_LAYERS_NAME

static const char *const booleans[] = { "no", "yes", NULL };
static const char *const payloads[] = { "none", "heap", "python", NULL };

/* What a value of this row looks like, for messages. */
static const char *expected(const struct sm_key *key, char *text, size_t size)
{
	char words[160];

	switch (key->type) {
	case SM_KEY_INT:
		snprintf(text, size, "a whole number in %lld..%lld", (long long)key->min,
			 (long long)key->max);
		break;
	case SM_KEY_CPUS:
		snprintf(text, size, "a whole number from 1 on, or 'all'");
		break;
	case SM_KEY_TIME:
		snprintf(text, size, "a time with its unit, as 500ms or 2s");
		break;
	case SM_KEY_NS:
		snprintf(text, size, "0, or a time with its unit, as 300ns, 5us or 1ms");
		break;
	case SM_KEY_PERCENT:
		snprintf(text, size, "off, or %lld%%..%lld%%", (long long)key->min,
			 (long long)key->max);
		break;
	case SM_KEY_OPTION:
		if (!key->words) {
			snprintf(text, size, "default, or a whole number in %lld..%lld",
				 (long long)key->min, (long long)key->max);
			break;
		}
		snprintf(text, size, "one of %s",
			 sm_join(words, sizeof(words), sm_words_array, key->words));
		break;
	case SM_KEY_PAYLOAD:
		snprintf(text, size, "none, heap, python, or a path with a slash, as ./program");
		break;
	default:
		snprintf(text, size, "one of %s",
			 sm_join(words, sizeof(words), sm_words_array,
				 key->type == SM_KEY_BOOL ? booleans : key->words));
	}
	return text;
}

static int wrong(const struct sm_key *key, const struct sm_value *value, const char *item,
		 struct sm_error *error)
{
	char text[240];

	return sm_bad(error, value->at, "key '%s': '%s' is not valid; expected %s", key->name, item,
		      expected(key, text, sizeof(text)));
}

static bool parse_int(const char *item, int64_t min, int64_t max, int64_t *out)
{
	char *end;
	long long v;

	errno = 0;
	v = strtoll(item, &end, 10);
	if (errno || end == item || *end || v < min || v > max)
		return false;
	*out = v;
	return true;
}

static bool parse_time(const char *item, int64_t min, int64_t max, int64_t *out)
{
	char *end;
	double v = strtod(item, &end);

	if (end == item || !isdigit((unsigned char)item[0]))
		return false;
	while (*end == ' ')
		end++;
	if (strcmp(end, "s") == 0)
		v *= 1000;
	else if (strcmp(end, "ms") != 0)
		return false;
	if (!(v >= (double)min && v <= (double)max))
		return false;
	*out = llround(v);
	return true;
}

static bool parse_ns(const char *item, int64_t min, int64_t max, int64_t *out)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 } };
	char *end;
	double v = strtod(item, &end);
	size_t i = 0;

	if (end == item || !isdigit((unsigned char)item[0]))
		return false;
	while (*end == ' ')
		end++;
	while (i < sizeof(units) / sizeof(*units) && strcmp(end, units[i].name))
		i++;
	if (i < sizeof(units) / sizeof(*units))
		v *= units[i].ns;
	else if (*end || v > 0)
		return false;
	if (!(v >= (double)min && v <= (double)max))
		return false;
	*out = llround(v);
	return true;
}

/* "10%"; 0 is `off`. */
static bool parse_percent(const char *item, int64_t min, int64_t max, int64_t *out)
{
	char number[8];
	size_t n = strcspn(item, "%");

	*out = 0;
	if (strcmp(item, "off") == 0)
		return true;
	if (strcmp(item + n, "%") != 0 || n >= sizeof(number))
		return false;
	memcpy(number, item, n);
	number[n] = '\0';
	return parse_int(number, min, max, out);
}

static bool parse_word(const char *item, const char *const *words, int64_t *out)
{
	for (int i = 0; words[i]; i++) {
		if (strcmp(words[i], item) == 0) {
			*out = i;
			return true;
		}
	}
	return false;
}

const struct sm_ops *sm_known_strategy(const struct sm_known *known, const char *name)
{
	const struct sm_ops *ops = sm_strategy(name);

	for (int i = 0; !ops && i < known->nforeign; i++)
		if (strcmp(known->foreign[i].ops.name, name) == 0)
			ops = &known->foreign[i].ops;
	return ops;
}

static bool parse_strategy(const char *item, const struct sm_known *known, int64_t *out)
{
	const struct sm_ops *ops = sm_known_strategy(known, item);

	*out = (intptr_t)ops;
	return ops;
}

static bool parse_sandbox(const char *item, int64_t *out)
{
	uint32_t layers;

	if (sm_sandbox_parse(item, &layers))
		return false;
	*out = layers;
	return true;
}

static bool parse_option(const struct sm_key *key, const char *item, int64_t *out)
{
	if (key->words)
		return parse_word(item, key->words, out);
	*out = 0;
	return strcmp(item, "default") == 0 || parse_int(item, key->min, key->max, out);
}

static bool parse_item(const struct sm_key *key, const char *item, const struct sm_known *known,
		       int64_t *v)
{
	switch (key->type) {
	case SM_KEY_INT:
		return parse_int(item, key->min, key->max, v);
	case SM_KEY_CPUS:
		*v = known->ncpus;
		return strcmp(item, "all") == 0 || parse_int(item, key->min, key->max, v);
	case SM_KEY_TIME:
		return parse_time(item, key->min, key->max, v);
	case SM_KEY_NS:
		return parse_ns(item, key->min, key->max, v);
	case SM_KEY_PERCENT:
		return parse_percent(item, key->min, key->max, v);
	case SM_KEY_BOOL:
		return parse_word(item, booleans, v);
	case SM_KEY_STRATEGY:
		return parse_strategy(item, known, v);
	case SM_KEY_SANDBOX:
		return parse_sandbox(item, v);
	case SM_KEY_OPTION:
		return parse_option(key, item, v);
	default:
		return parse_word(item, key->words, v);
	}
}

static bool holds(const struct sm_list *list, int64_t v)
{
	for (int i = 0; i < list->n; i++) {
		if (list->v[i] == v)
			return true;
	}
	return false;
}

static int no_layer(const struct sm_value *value, const char *item, struct sm_error *error)
{
	char hint[320], buf[ITEM_MAX];
	const char *word = sm_layers_stranger(item, buf, sizeof(buf));

	return sm_bad(error, value->at, "key 'sandbox': no preset or layer '%s'%s", word,
		      sm_hint(hint, sizeof(hint), word, sm_layers_words, NULL));
}

static int add_item(const struct sm_key *key, struct sm_value *value, const char *item,
		    const struct sm_known *known, struct sm_error *error)
{
	char hint[320];
	int64_t v = 0;

	if (!parse_item(key, item, known, &v)) {
		if (key->type == SM_KEY_STRATEGY)
			return sm_bad(error, value->at,
				      "unknown strategy '%s'%s; one of your own: --host %s=COMMAND",
				      item,
				      sm_hint(hint, sizeof(hint), item, sm_strategy_words, known),
				      item);
		if (key->type == SM_KEY_SANDBOX)
			return no_layer(value, item, error);
		return wrong(key, value, item, error);
	}
	if (key->type == SM_KEY_CPUS && (v > known->ncpus || holds(&value->list, v)))
		return 0; /* `1, 2, all` suits a machine of any size */
	if (holds(&value->list, v))
		return sm_bad(error, value->at, "key '%s': '%s' is listed twice", key->name, item);
	if (value->list.n == SM_LIST_MAX)
		return sm_bad(error, value->at, "key '%s': more than %d values", key->name,
			      SM_LIST_MAX);
	value->list.v[value->list.n++] = v;
	return 0;
}

/* Copies the item at *at without the blanks around it and steps behind its comma. */
static void next_item(const char **at, char *item, size_t size)
{
	const char *end = strchrnul(*at, ',');
	const char *last = end;
	const char *first = *at;
	size_t n;

	while (first < last && isspace((unsigned char)*first))
		first++;
	while (last > first && isspace((unsigned char)last[-1]))
		last--;
	n = (size_t)(last - first) < size ? (size_t)(last - first) : size - 1;
	memcpy(item, first, n);
	item[n] = '\0';
	*at = *end ? end + 1 : NULL;
}

static int parse_list(const struct sm_key *key, struct sm_value *value,
		      const struct sm_known *known, struct sm_error *error)
{
	const char *at = value->text;
	char item[ITEM_MAX];
	int err = 0;

	if (!(key->flags & (SM_KEY_SWEEP | SM_KEY_LIST)) && strchr(at, ','))
		return sm_bad(error, value->at,
			      "key '%s' takes one value, not the list '%s'; it cannot be swept",
			      key->name, value->text);
	while (!err && at) {
		next_item(&at, item, sizeof(item));
		err = add_item(key, value, item, known, error);
	}
	if (!err && value->list.n == 0)
		return sm_bad(error, value->at, "key '%s': this machine has only %d CPUs",
			      key->name, known->ncpus);
	return err;
}

int sm_value_parse(const struct sm_key *key, struct sm_value *value, const struct sm_known *known,
		   struct sm_error *error)
{
	int64_t ignored;

	value->list.n = 0;
	switch (key->type) {
	case SM_KEY_TEXT:
		return 0;
	case SM_KEY_WORDS:
		if (strchr(value->text, ',') && key->payload && !strcmp(key->payload, "python"))
			return sm_bad(error, value->at,
				      "key '%s' is a list by nature: write '%s' with spaces, "
				      "not commas",
				      key->name, value->text);
		return 0;
	case SM_KEY_PAYLOAD:
		if (!strchr(value->text, '/') && !parse_word(value->text, payloads, &ignored)) {
			const char *near = sm_nearest(value->text, sm_words_array, payloads);

			return sm_bad(error, value->at, "unknown payload '%s'%s%s%s; expected %s",
				      value->text, near ? "; did you mean '" : "", near ? near : "",
				      near ? "'?" : "",
				      "none, heap, python, or a path with a slash");
		}
		return 0;
	default:
		return parse_list(key, value, known, error);
	}
}

int sm_value_add_strategy(struct sm_value *value, const struct sm_ops *ops)
{
	if (holds(&value->list, (intptr_t)ops))
		return 0;
	if (value->list.n == SM_LIST_MAX)
		return -E2BIG;
	value->list.v[value->list.n++] = (intptr_t)ops;
	return 0;
}

const struct sm_ops *sm_value_strategy(const struct sm_value *value, int i)
{
	return (const struct sm_ops *)(intptr_t)value->list.v[i];
}
