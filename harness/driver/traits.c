/* SPDX-License-Identifier: MIT */
/* traits.c - see traits.h. */
#include "traits.h"

#include <stdio.h>

#include "../spawnmark.h"
#include "json.h"

static const struct {
	uint64_t bit;
	const char *name;
} traits[] = {
	{ SM_CHILD_OF_PARENT, "CHILD_OF_PARENT" },
	{ SM_FRESH_IMAGE, "FRESH_IMAGE" },
	{ SM_RUNS_ATFORK, "RUNS_ATFORK" },
	{ SM_OWN_SERVER, "OWN_SERVER" },
	{ SM_PARENT_LOADS, "PARENT_LOADS" },
	{ SM_NEGATIVE_CONTROL, "NEGATIVE_CONTROL" },
	{ SM_METER, "METER" },
	{ SM_REUSES_PROCESS, "REUSES_PROCESS" },
	{ SM_AHEAD, "AHEAD" },
	{ SM_SANDBOXES, "SANDBOXES" },
	{ SM_GIVES_PIDFD, "GIVES_PIDFD" },
};

const char *sm_trait_name(size_t i, uint64_t *bit)
{
	if (i >= sizeof(traits) / sizeof(*traits))
		return NULL;
	*bit = traits[i].bit;
	return traits[i].name;
}

const char *sm_traits_text(char *text, size_t size, uint64_t bits)
{
	const char *name;
	size_t used = 0;
	uint64_t bit;

	text[0] = 0;
	for (size_t i = 0; (name = sm_trait_name(i, &bit)); i++) {
		if (!(bits & bit) || used >= size)
			continue;
		used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", name);
	}
	return text;
}

json_t *sm_json_traits(uint64_t bits)
{
	json_t *list = json_array();
	const char *name;
	uint64_t bit;

	for (size_t i = 0; (name = sm_trait_name(i, &bit)); i++)
		if (bits & bit)
			json_array_append_new(list, json_string(name));
	return list;
}
