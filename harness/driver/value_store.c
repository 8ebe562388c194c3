/* SPDX-License-Identifier: MIT */
/*
 * value_store.c - an understood value as a field of a case, and in names; see keys.h.
 */
#include <stdio.h>

#include "keys.h"
#include "layers.h"

static void store_number(int64_t v, size_t size, void *field)
{
	if (size == sizeof(int64_t))
		*(int64_t *)field = v;
	else if (size == sizeof(int32_t))
		*(int32_t *)field = (int32_t)v;
	else
		*(bool *)field = v != 0;
}

void sm_value_store(const struct sm_key *key, const struct sm_value *value, int i,
		    struct sm_case *c)
{
	void *field = (char *)c + key->offset;

	if (key->flags & SM_KEY_LIST) {
		*(struct sm_list *)field = value->list;
		return;
	}
	switch (key->type) {
	case SM_KEY_TEXT:
	case SM_KEY_WORDS:
	case SM_KEY_PAYLOAD:
		*(const char **)field = value->text;
		break;
	case SM_KEY_NAME:
		*(const char **)field = key->words[value->list.v[i]];
		break;
	case SM_KEY_STRATEGY:
		*(const struct sm_ops **)field = sm_value_strategy(value, i);
		break;
	case SM_KEY_OPTION: /* sm_options_add() */
		break;
	default:
		store_number(value->list.v[i], key->size, field);
	}
}

void sm_value_print(const struct sm_key *key, const struct sm_value *value, int i, char *text,
		    size_t size)
{
	int64_t v = value->list.v[i];

	if (key->type == SM_KEY_CHOICE || key->type == SM_KEY_NAME ||
	    (key->type == SM_KEY_OPTION && key->words))
		snprintf(text, size, "%s", key->words[v]);
	else if (key->type == SM_KEY_OPTION && !v)
		snprintf(text, size, "default");
	else if (key->type == SM_KEY_STRATEGY)
		snprintf(text, size, "%s", sm_value_strategy(value, i)->name);
	else if (key->type == SM_KEY_SANDBOX)
		sm_layers_name((uint32_t)v, text, size);
	else if (key->type == SM_KEY_NS && v % 1000)
		snprintf(text, size, "%lldns", (long long)v);
	else if (key->type == SM_KEY_NS && v)
		snprintf(text, size, "%lldus", (long long)v / 1000);
	else
		snprintf(text, size, "%lld", (long long)v);
}
