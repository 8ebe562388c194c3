/* SPDX-License-Identifier: MIT */
/*
 * expand.c - one section of a scenario becomes its cases: the product of all that it sweeps.
 */
#include <errno.h>
#include <string.h>

#include "layers.h"
#include "planner.h"

/* What a key's row calls this payload. */
static const char *payload_class(const char *payload)
{
	return strchr(payload, '/') ? "path" : payload;
}

static bool applies(const struct sm_key *key, enum sm_kind kind, const char *payload)
{
	return (key->kinds & (1u << kind)) &&
	       (!key->payload || strcmp(key->payload, payload_class(payload)) == 0);
}

static int refuse(struct sm_planner *p, const struct sm_key *key, const struct sm_value *value,
		  enum sm_kind kind, const char *payload)
{
	char words[120];

	if (!(key->kinds & (1u << kind))) {
		const char *fit[SM_KIND_CAPACITY + 2] = { NULL };
		const struct sm_key *kinds = &sm_keys[sm_key_find("kind")];

		for (int i = 0, n = 0; kinds->words[i]; i++) {
			if (key->kinds & (1u << i))
				fit[n++] = kinds->words[i];
		}
		return sm_bad(p->error, value->at,
			      "key '%s' means nothing for kind = %s; expected kind = %s", key->name,
			      kinds->words[kind],
			      sm_join(words, sizeof(words), sm_words_array, fit));
	}
	return sm_bad(p->error, value->at, "key '%s' means nothing for payload = %s; expected %s",
		      key->name, payload,
		      strcmp(key->payload, "path") ? key->payload : "a payload given by path");
}

/*
 * What a section itself sets must mean something in it. What it inherits need not: [global] and
 * [quick] speak to sections of every kind. Nor must it when kind, payload or strategy came from --set.
 */
static int check_keys(struct sm_planner *p, const struct sm_section *written,
		      const struct sm_section *section, enum sm_kind kind, const char *payload)
{
	bool kind_set = section->values[sm_key_find("kind")].at.line == 0;
	bool payload_set = section->values[sm_key_find("payload")].at.line == 0;
	bool strategy_set = section->values[sm_key_find("strategy")].at.line == 0;

	for (int k = 0; k < sm_key_count && !kind_set && !payload_set; k++) {
		if (written->values[k].given && !applies(&sm_keys[k], kind, payload))
			return refuse(p, &sm_keys[k], &written->values[k], kind, payload);
	}
	for (int k = 0; k < sm_key_count && !strategy_set; k++) {
		if (written->values[k].given && sm_keys[k].option &&
		    !sm_options_heard(section, &sm_keys[k]))
			return sm_options_refuse(p, &sm_keys[k], &written->values[k]);
	}
	return 0;
}

static int check_target(struct sm_planner *p, const struct sm_value *value, struct sm_case *c)
{
	bool choice = strcmp(c->payload, "none") == 0 && (c->ops->traits & SM_FRESH_IMAGE);

	if (choice)
		return 0;
	if (value->given && strcmp(c->payload, "none") == 0 && strcmp(c->target, "dynamic") != 0)
		return sm_bad(p->error, value->at,
			      "target '%s' needs a strategy that execs every child (popen, vfork), "
			      "not '%s'",
			      c->target, c->ops->name);
	c->target = NULL;
	return 0;
}

static const char *able_words(const void *set, int i)
{
	const char *name;

	for (int at = 0; (name = sm_strategy_words(set, at)); at++) {
		const struct sm_ops *ops = sm_known_strategy(set, name);

		if ((ops->traits & SM_SANDBOXES) && i-- == 0)
			return name;
	}
	return NULL;
}

/* A strategy that would not heed it must not stand in a table as if it did. */
static int check_sandbox(struct sm_planner *p, const struct sm_value *value, struct sm_case *c)
{
	char name[SM_LAYERS_NAME], words[200];

	c->sandbox = sm_arena_copy(p->plan->arena, sm_layers_name(c->layers, name, sizeof(name)));
	if (!c->sandbox)
		return -ENOMEM;
	if (!c->layers || (c->ops->traits & SM_SANDBOXES))
		return 0;
	return sm_bad(p->error, value->at,
		      "sandbox '%s' needs a strategy whose children enter one (%s), not '%s'",
		      c->sandbox, sm_join(words, sizeof(words), able_words, &p->known),
		      c->ops->name);
}

/* Audits compare one instance with itself: the host of another block begins anew. */
static int check_audit(struct sm_planner *p, const struct sm_value *value, const struct sm_case *c)
{
	if (!c->audit || c->blocks == 1 || c->kind != SM_KIND_LATENCY)
		return 0;
	return sm_bad(p->error, value->at,
		      "key 'audit' watches one host over one block; expected blocks = 1, not %d",
		      c->blocks);
}

/* A child has one order. */
static int check_plants(struct sm_planner *p, const struct sm_value *value, const struct sm_case *c)
{
	if (!c->delay_ns || !c->spin)
		return 0;
	return sm_bad(p->error, value->at, "keys 'delay' and 'spin' exclude each other");
}

static int make_label(struct sm_planner *p, struct sm_case *c)
{
	struct sm_arena *arena = p->plan->arena;
	char imports[400];
	size_t n = 0;

	if (*c->label)
		return 0;
	if (strcmp(c->payload, "python") != 0 || !*c->imports) {
		c->label = c->payload;
		return 0;
	}
	for (const char *at = c->imports; *at && n + 3 < sizeof(imports);) {
		size_t word = strcspn(at, " \t");

		for (size_t i = 0; i < word && n + 3 < sizeof(imports); i++)
			imports[n++] = at[i];
		at += word + strspn(at + word, " \t");
		if (*at) {
			imports[n++] = ',';
			imports[n++] = ' ';
		}
	}
	imports[n] = '\0';
	c->label = sm_arena_printf(arena, "python (%s)", imports);
	return c->label ? 0 : -ENOMEM;
}

/* What a strategy that execs every child does instead, because each of its spawns is dear. */
static void heed_exec(struct sm_case *c)
{
	if (!(c->ops->traits & SM_FRESH_IMAGE))
		return;
	if (c->exec_samples > 0)
		c->samples = c->exec_samples;
	if (c->exec_warmup >= 0)
		c->warmup = c->exec_warmup;
}

/* Neither a meter nor the target without libc takes the order: they are measured as they are. */
static bool heeds_plants(const struct sm_ops *ops, const char *target)
{
	return !(ops->traits & SM_METER) && (!target || strcmp(target, "nolibc") != 0);
}

/*
 * Does the key set the case of this point apart? An option or a sandbox that is set always does: who
 * has it is another way to get a child, in whatever section. So does what is planted in
 * children, which no result may hide.
 */
static bool tells(const struct sm_key *key, const struct sm_value *value, int i, bool used,
		  const struct sm_case *c)
{
	if (!used || key->type == SM_KEY_STRATEGY)
		return false;
	if (key->option && !sm_strategy_has(c->ops, key->option))
		return false;
	if ((key->flags & SM_KEY_PLANT) && !heeds_plants(c->ops, c->target))
		return false;
	return value->list.n > 1 ||
	       ((key->option || key->type == SM_KEY_SANDBOX || (key->flags & SM_KEY_PLANT)) &&
		value->list.v[i]);
}

/* One point of the product: at[k] is the index of key k's value. */
static int add_point(struct sm_planner *p, const struct sm_scenario_file *file, int iscenario,
		     const struct sm_section *section, const int *at, const bool *used)
{
	struct sm_case *c = sm_planner_add(p);
	int err;

	if (!c)
		return -ENOMEM;
	c->scenario = p->plan->scenarios[iscenario].name;
	c->iscenario = iscenario;
	c->section = section->name;
	c->floor = -1;
	for (int k = 0; k < sm_key_count; k++) {
		const struct sm_key *key = &sm_keys[k];
		const struct sm_value *value = &section->values[k];
		struct sm_param *param = &c->params[c->nparams];

		sm_value_store(key, value, at[k], c);
		if (!tells(key, value, at[k], used[k], c))
			continue;
		if (c->nparams == SM_PARAMS_MAX)
			return sm_bad(p->error, value->at, "more than %d keys are swept",
				      SM_PARAMS_MAX);
		param->key = key->name;
		sm_value_print(key, value, at[k], param->value, sizeof(param->value));
		c->nparams++;
	}
	if (c->kind == SM_KIND_THROUGHPUT || c->kind == SM_KIND_CAPACITY)
		c->pin = SM_PIN_SAME; /* whatever [global] says to the other kinds */
	heed_exec(c);
	if (!heeds_plants(c->ops, c->target))
		c->delay_ns = c->spin = 0;
	err = check_target(p, &section->values[sm_key_find("target")], c);
	if (!err)
		err = check_sandbox(p, &section->values[sm_key_find("sandbox")], c);
	if (!err)
		err = sm_options_add(p, section, at, c);
	if (!err)
		err = check_audit(p, &section->values[sm_key_find("audit")], c);
	if (!err)
		err = check_plants(p, &section->values[sm_key_find("spin")], c);
	if (!err)
		err = sm_command_build(p, file, section->values, c);
	return err ? err : make_label(p, c);
}

/* Steps to the next point; the last key turns fastest. False: that was the last one. */
static bool next_point(const struct sm_section *section, int *at, const bool *used)
{
	for (int k = sm_key_count - 1; k >= 0; k--) {
		if (!used[k])
			continue;
		if (++at[k] < section->values[k].list.n)
			return true;
		at[k] = 0;
	}
	return false;
}

/* A strategy that does not heed a key that is swept is visited once, not once a value. */
static bool again(const struct sm_section *section, const int *at)
{
	int s = sm_key_find("strategy"), t = sm_key_find("target");
	const struct sm_ops *ops = sm_value_strategy(&section->values[s], at[s]);
	const char *target = sm_keys[t].words[section->values[t].list.v[at[t]]];

	for (int k = 0; k < sm_key_count; k++) {
		if (sm_keys[k].option && at[k] && !sm_strategy_has(ops, sm_keys[k].option))
			return true;
		if ((sm_keys[k].flags & SM_KEY_PLANT) && at[k] && !heeds_plants(ops, target))
			return true;
	}
	return false;
}

/* A load lasts for a time and a schedule is made of it: where instructions are counted is none. */
static int check_clock(struct sm_planner *p, const struct sm_value *value, enum sm_kind kind)
{
	const struct sm_key *key = &sm_keys[sm_key_find("kind")];

	if (p->plan->clock == SM_CLOCK_TIME ||
	    (kind != SM_KIND_THROUGHPUT && kind != SM_KIND_OPEN && kind != SM_KIND_CAPACITY))
		return 0;
	return sm_bad(p->error, value->at,
		      "kind = %s is about time, and --clock icount counts instructions; expected "
		      "kind = latency, memory or isolation",
		      key->words[kind]);
}

int sm_expand_section(struct sm_planner *p, const struct sm_scenario_file *file, int iscenario,
		      const struct sm_section *written, const struct sm_section *section)
{
	const char *payload = section->values[sm_key_find("payload")].text;
	enum sm_kind kind = (enum sm_kind)section->values[sm_key_find("kind")].list.v[0];
	bool used[SM_KEYS_MAX] = { false };
	int at[SM_KEYS_MAX] = { 0 };
	int err = check_keys(p, written, section, kind, payload);

	if (!err)
		err = check_clock(p, &section->values[sm_key_find("kind")], kind);
	for (int k = 0; k < sm_key_count; k++) {
		used[k] = (sm_keys[k].flags & SM_KEY_SWEEP) && applies(&sm_keys[k], kind, payload);
		p->meaningful[k] |= applies(&sm_keys[k], kind, payload) &&
				    (!sm_keys[k].option || sm_options_heard(section, &sm_keys[k]));
	}
	while (!err) {
		if (!again(section, at))
			err = add_point(p, file, iscenario, section, at, used);
		if (!next_point(section, at, used))
			break;
	}
	return err;
}
