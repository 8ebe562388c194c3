/* SPDX-License-Identifier: MIT */
/*
 * list.c - what there is to choose from; see list.h. Each list is a JSON array first, and the text
 * is made from it, so that the two never differ.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "../sandbox/sandbox.h"
#include "conform.h"
#include "json.h"
#include "list.h"
#include "probe.h"
#include "scenario.h"

struct row {
	const char *name, *summary;
};

static const struct row payloads[] = {
	{ "none", "nothing: what the spawn itself costs (targets dynamic, static, nolibc)" },
	{ "heap", "memory, mappings and descriptors of a given amount (keys heap_*)" },
	{ "python", "your own modules under your own interpreter (imports, work, check)" },
	{ "./program", "any program that takes a role: see sm_role() in harness/spawnmark.h" },
};

static void add_rows(json_t *list, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{s:s, s:s}", "name", rows[i].name, "summary",
						      rows[i].summary));
}

static void add_payloads(json_t *list, struct sm_arena *arena, const char *root)
{
	(void)arena;
	(void)root;
	add_rows(list, payloads, sizeof(payloads) / sizeof(*payloads));
}

static void add_sandboxes(json_t *list, struct sm_arena *arena, const char *root)
{
	(void)arena;
	(void)root;
	for (unsigned int i = 0; i < sm_sandbox_preset_count; i++) {
		const struct sm_sandbox_preset *p = &sm_sandbox_presets[i];
		json_t *layers = json_array();

		for (unsigned int k = 0; k < SM_LAYER_COUNT; k++)
			if (p->layers & (1u << k))
				json_array_append_new(layers, json_string(sm_layers[k].name));
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:o}", "name", p->name, "summary",
						p->summary, "kind", "preset", "layers", layers));
	}
	for (unsigned int i = 0; i < SM_LAYER_COUNT; i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s}", "name", sm_layers[i].name,
						"summary", sm_layers[i].summary, "kind", "layer"));
}

static void add_strategies(json_t *list, struct sm_arena *arena, const char *root)
{
	(void)arena;
	(void)root;
	for (unsigned int i = 0; i < sm_strategy_count; i++) {
		const struct sm_ops *ops = sm_strategies[i];

		json_t *options = json_array();

		for (int k = 0; ops->options && ops->options[k]; k++)
			json_array_append_new(options, json_string(ops->options[k]));
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:o, s:o}", "name", ops->name,
						"summary", ops->summary, "traits",
						sm_json_traits(ops->traits), "options", options));
	}
}

/* A scenario's summary is the comment in its first line. */
static void add_scenarios(json_t *list, struct sm_arena *arena, const char *root)
{
	const char *const *names = sm_scenario_names(arena, root);

	for (; *names; names++) {
		const char *path = sm_arena_printf(arena, "%s/scenarios/%s.ini", root, *names);
		FILE *file = path ? fopen(path, "re") : NULL;
		char line[200] = "";

		if (file && !fgets(line, sizeof(line), file))
			line[0] = '\0';
		if (file)
			fclose(file);
		line[strcspn(line, "\n")] = '\0';
		json_array_append_new(list, json_pack("{s:s, s:s}", "name", *names, "summary",
						      line + strspn(line, "#; ")));
	}
}

static const char *type_name(const struct sm_key *key)
{
	switch (key->type) {
	case SM_KEY_INT:
		return "integer";
	case SM_KEY_CPUS:
		return "integer or all";
	case SM_KEY_TIME:
		return "time (ms, s)";
	case SM_KEY_NS:
		return "time (ns, us, ms)";
	case SM_KEY_PERCENT:
		return "percent or off";
	case SM_KEY_BOOL:
		return "yes or no";
	case SM_KEY_STRATEGY:
		return "strategy";
	case SM_KEY_SANDBOX:
		return "sandbox";
	case SM_KEY_PAYLOAD:
		return "payload";
	case SM_KEY_TEXT:
		return "text";
	case SM_KEY_WORDS:
		return "words";
	case SM_KEY_OPTION:
		return "default or integer";
	default:
		return "word";
	}
}

static void add_keys(json_t *list, struct sm_arena *arena, const char *root)
{
	(void)arena;
	(void)root;
	for (int k = 0; k < sm_key_count; k++) {
		const struct sm_key *key = &sm_keys[k];
		bool many = key->flags & (SM_KEY_SWEEP | SM_KEY_LIST);
		const char *type = type_name(key);
		char words[120];

		if (key->words)
			type = sm_join(words, sizeof(words), sm_words_array, key->words);
		json_array_append_new(list, json_pack("{s:s, s:s, s:s*, s:s, s:b, s:s*}", "name",
						      key->name, "summary", key->help, "default",
						      key->option ? NULL : key->fallback, "type",
						      type, "list", many, "payload", key->payload));
	}
}

static void add_features(json_t *list, struct sm_arena *arena, const char *root)
{
	(void)arena;
	(void)root;
	for (int f = SM_F_NONE + 1; f < SM_F_COUNT; f++) {
		json_t *row = sm_probe_row(&sm_features[f]);

		json_object_set(row, "summary", json_object_get(row, "what"));
		json_array_append_new(list, row);
	}
}

/* "name" and "summary" beside what a conformance run tells of each. */
static void add_checks(json_t *list, struct sm_arena *arena, const char *root)
{
	struct sm_suite suite;

	(void)arena;
	(void)root;
	sm_suite_builtin(&suite);
	for (unsigned int g = 0; g < suite.ngroups; g++) {
		for (unsigned int i = 0; i < suite.groups[g]->count; i++) {
			const struct sm_row row = { &suite.groups[g]->checks[i], suite.groups[g] };
			json_t *item = sm_json_check(&suite, &row);

			json_object_set_new(item, "name", json_string(row.check->id));
			json_object_set_new(item, "summary", json_string(row.check->claim));
			json_array_append_new(list, item);
		}
	}
}

static const struct {
	const char *name;
	void (*add)(json_t *list, struct sm_arena *arena, const char *root);
} lists[] = {
	{ "strategies", add_strategies },
	{ "payloads", add_payloads },
	{ "sandboxes", add_sandboxes },
	{ "scenarios", add_scenarios },
	{ "keys", add_keys },
	{ "features", add_features },
	{ "checks", add_checks },
};

static const char *list_words(const void *set, int i)
{
	(void)set;
	return (size_t)i < sizeof(lists) / sizeof(*lists) ? lists[i].name : NULL;
}

static const char *text_of(const json_t *item, const char *key)
{
	return json_string_value(json_object_get(item, key));
}

static void write_names(FILE *out, const char *open, const json_t *names)
{
	for (size_t i = 0; i < json_array_size(names); i++)
		fprintf(out, "%s%s", i ? " " : open, json_string_value(json_array_get(names, i)));
	if (json_array_size(names))
		fputc(']', out);
}

/* "name  summary", and what else an item says in parentheses. */
static void write_text(FILE *out, const json_t *list)
{
	int width = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		int n = (int)strlen(text_of(json_array_get(list, i), "name"));

		width = n > width ? n : width;
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		const char *type = text_of(item, "type");
		const char *fallback = text_of(item, "default");

		fprintf(out, "%-*s  %s", width, text_of(item, "name"), text_of(item, "summary"));
		if (type)
			fprintf(out, " (%s%s%s%s)", type,
				json_is_true(json_object_get(item, "list")) ? "; list" : "",
				fallback ? "; default " : "", fallback ? fallback : "");
		if (text_of(item, "level"))
			fprintf(out, " [%s %s]", text_of(item, "row"), text_of(item, "level"));
		write_names(out, " [", json_object_get(item, "traits"));
		write_names(out, " [options: ", json_object_get(item, "options"));
		fputc('\n', out);
	}
}

int sm_list_write(FILE *out, const char *what, bool json, const char *root, struct sm_error *error)
{
	struct sm_arena *arena = sm_arena_new();
	json_t *list = json_array();
	char hint[200];
	size_t i = 0;
	int err = 0;

	while (i < sizeof(lists) / sizeof(*lists) && strcmp(lists[i].name, what) != 0)
		i++;
	if (i == sizeof(lists) / sizeof(*lists)) {
		snprintf(error->text, sizeof(error->text), "no list '%s'%s", what,
			 sm_hint(hint, sizeof(hint), what, list_words, NULL));
		err = -EINVAL;
	} else if (!arena || !list) {
		err = -ENOMEM;
	} else {
		lists[i].add(list, arena, root);
		if (!json)
			write_text(out, list);
		else if (json_dumpf(list, out, JSON_INDENT(2)) || fputc('\n', out) == EOF)
			err = -EIO;
	}
	json_decref(list);
	sm_arena_free(arena);
	return err;
}
