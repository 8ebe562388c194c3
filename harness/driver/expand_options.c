/* SPDX-License-Identifier: MIT */
/*
 * expand_options.c - keys that are options of strategies (sm_ops.options): which of a section's
 * strategies has one, and the text that a case's strategy gets.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "planner.h"

/* The longest text; strategies take no longer one. */
#define OPTIONS_BYTES 512

bool sm_options_heard(const struct sm_section *section, const struct sm_key *key)
{
	const struct sm_value *value = &section->values[sm_key_find("strategy")];

	for (int i = 0; i < value->list.n; i++)
		if (sm_strategy_has(sm_value_strategy(value, i), key->option))
			return true;
	return false;
}

static const char *heard_words(const void *set, int i)
{
	const struct sm_known *known = ((const void *const *)set)[0];
	const struct sm_key *key = ((const void *const *)set)[1];
	const char *name;

	for (int at = 0; (name = sm_strategy_words(known, at)); at++)
		if (sm_strategy_has(sm_known_strategy(known, name), key->option) && i-- == 0)
			return name;
	return NULL;
}

int sm_options_refuse(struct sm_planner *p, const struct sm_key *key, const struct sm_value *value)
{
	const void *set[] = { &p->known, key };
	char words[200];

	if (!heard_words(set, 0))
		return sm_bad(p->error, value->at, "key '%s': no strategy has this option",
			      key->name);
	return sm_bad(p->error, value->at,
		      "key '%s' is an option of %s; expected one of them among the section's "
		      "strategies",
		      key->name, sm_join(words, sizeof(words), heard_words, set));
}

int sm_options_add(struct sm_planner *p, const struct sm_section *section, const int *at,
		   struct sm_case *c)
{
	char text[OPTIONS_BYTES], value[64];
	size_t n = 0;

	for (int k = 0; k < sm_key_count; k++) {
		const struct sm_key *key = &sm_keys[k];

		if (!key->option || !section->values[k].list.v[at[k]] ||
		    !sm_strategy_has(c->ops, key->option))
			continue;
		sm_value_print(key, &section->values[k], at[k], value, sizeof(value));
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s=%s", n ? " " : "",
				      key->option, value);
		if (n >= sizeof(text))
			return sm_bad(p->error, section->values[k].at, "the options are too long");
	}
	if (!n)
		return 0;
	c->options = sm_arena_copy(p->plan->arena, text);
	return c->options ? 0 : -ENOMEM;
}
