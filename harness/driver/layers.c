/* SPDX-License-Identifier: MIT */
/* layers.c - see layers.h. */
#include "layers.h"

#include <stdio.h>
#include <string.h>

#include "../sandbox/sandbox.h"

static void join(uint32_t layers, char *text, size_t size)
{
	size_t n = 0;

	text[0] = '\0';
	for (unsigned int i = 0; i < SM_LAYER_COUNT && n < size; i++) {
		if (layers & (1u << i))
			n += (size_t)snprintf(text + n, size - n, "%s%s", n ? "+" : "",
					      sm_layers[i].name);
	}
}

/* Less what the others of the set bring with them. */
static uint32_t without_implied(uint32_t layers)
{
	char text[SM_LAYERS_NAME];

	for (unsigned int i = 0; i < SM_LAYER_COUNT; i++) {
		uint32_t others = layers & ~(1u << i), with = 0;

		join(others, text, sizeof(text));
		if (others != layers && !sm_sandbox_parse(text, &with) && (with & (1u << i)))
			layers = others;
	}
	return layers;
}

const char *sm_layers_name(uint32_t layers, char *text, size_t size)
{
	for (unsigned int i = 0; i < sm_sandbox_preset_count; i++) {
		if (sm_sandbox_presets[i].layers == layers) {
			snprintf(text, size, "%s", sm_sandbox_presets[i].name);
			return text;
		}
	}
	join(without_implied(layers), text, size);
	return text;
}

const char *sm_layers_stranger(const char *item, char *word, size_t size)
{
	while (item) {
		size_t n = strcspn(item, "+");
		uint32_t ignored;

		snprintf(word, size, "%.*s", (int)n, item);
		if (sm_sandbox_parse(word, &ignored))
			return word;
		item = item[n] ? item + n + 1 : NULL;
	}
	return NULL;
}

const char *sm_layers_words(const void *set, int i)
{
	int more = i - (int)sm_sandbox_preset_count;

	(void)set;
	if (more < 0)
		return sm_sandbox_presets[i].name;
	return more < SM_LAYER_COUNT ? sm_layers[more].name : NULL;
}
