/* SPDX-License-Identifier: MIT */
/*
 * options.c - understands the command line by one table; see options.h. Not getopt_long(3): it
 * prints its own messages, and knows nothing of commands and of near misses.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "suggest.h"

#define RUN     (1u << SM_COMMAND_RUN)
#define TRY     (1u << SM_COMMAND_TRY)
#define LIST    (1u << SM_COMMAND_LIST)
#define PROBE   (1u << SM_COMMAND_PROBE)
#define CONFORM (1u << SM_COMMAND_CONFORM)
#define DOCTOR  (1u << SM_COMMAND_DOCTOR)
#define ANY     (RUN | TRY | LIST | PROBE | CONFORM | DOCTOR | 1u << SM_COMMAND_NONE)

/* OUTPUT: a file; without a word behind it, stdout. */
enum option_type { FLAG, NO_FLAG, TEXT, SEED, COUNT, TEXTS, OUTPUT, CLOCK };

static const char *const commands[] = { "run", "try", "list", "probe", "conform", "doctor", NULL };

#define AT(f)        offsetof(struct sm_options, f), 0
#define ATN(f, n)    offsetof(struct sm_options, f), offsetof(struct sm_options, n)
#define OPTION_COUNT (sizeof(options) / sizeof(*options))

static const struct option {
	const char *name;
	unsigned int commands;
	enum option_type type;
	size_t field, count;
	const char *value; /* what it looks like */
} options[] = {
	{ "--attach", RUN, TEXTS, ATN(attach, nattach), "NAME=FILE.json" },
	{ "--baseline", RUN, TEXT, AT(baseline), "BINARY" },
	{ "--baseline-env", RUN, TEXTS, ATN(base_env, nbase_env), "NAME=VALUE" },
	{ "--baseline-host", RUN, TEXTS, ATN(base_host, nbase_host), "NAME=COMMAND" },
	{ "--baseline-set", RUN, TEXTS, ATN(base_set, nbase_set), "KEY=VALUE" },
	{ "--check", TRY, TEXT, AT(check), "EXPR" },
	{ "--clock", RUN, CLOCK, AT(clock), "time|icount" },
	{ "--features", CONFORM, FLAG, AT(features), NULL },
	{ "--group", CONFORM, TEXTS, ATN(group, ngroup), "NAME" },
	{ "--help", ANY, FLAG, AT(help), NULL },
	{ "--host", RUN | TRY | CONFORM, TEXTS, ATN(host, nhost), "NAME=COMMAND" },
	{ "--json", LIST | PROBE | DOCTOR, FLAG, AT(json), NULL },
	{ "--json", CONFORM, OUTPUT, AT(json_file), "FILE" },
	{ "--level", CONFORM, TEXT, AT(level), "must|should|record" },
	{ "--list", RUN | CONFORM, FLAG, AT(list), NULL },
	{ "--long", CONFORM, FLAG, AT(thorough), NULL },
	{ "--name", RUN | TRY, TEXT, AT(host_name), "HOST" },
	{ "--no-report", RUN | TRY, NO_FLAG, AT(report), NULL },
	{ "--only", RUN | CONFORM, TEXT, AT(only), "REGEX" },
	{ "--python", TRY, TEXT, AT(python), "PATH" },
	{ "--quick", RUN, FLAG, AT(quick), NULL },
	{ "--repeat", CONFORM, COUNT, AT(repeat), "N" },
	{ "--root", DOCTOR, TEXT, AT(root), "DIR" },
	{ "--seed", RUN | TRY | CONFORM, SEED, AT(seed), "N" },
	{ "--set", RUN | TRY, TEXTS, ATN(set, nset), "KEY=VALUE" },
	{ "--strategy", CONFORM, TEXT, AT(strategies), "NAME,NAME..." },
	{ "--strict", DOCTOR, FLAG, AT(strict), NULL },
	{ "--version", ANY, FLAG, AT(version), NULL },
	{ "--work", TRY, TEXT, AT(work), "EXPR" },
	{ "-h", ANY, FLAG, AT(help), NULL },
	{ "-o", RUN | TRY, TEXT, AT(out_dir), "DIR" },
};

static int bad(struct sm_error *error, const char *what, const char *word, const char *hint)
{
	snprintf(error->text, sizeof(error->text), "%s '%s'%s", what, word, hint);
	return -EINVAL;
}

/* The options of one command, as words. */
static const char *option_words(const void *set, int i)
{
	unsigned int mask = *(const unsigned int *)set;

	for (size_t k = 0; k < OPTION_COUNT; k++) {
		if ((options[k].commands & mask) && i-- == 0)
			return options[k].name;
	}
	return NULL;
}

static const struct option *find(const char *word, size_t n, unsigned int mask)
{
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if ((options[i].commands & mask) && strncmp(options[i].name, word, n) == 0 &&
		    !options[i].name[n])
			return &options[i];
	}
	return NULL;
}

static int store_seed(uint64_t *seed, const char *value, struct sm_error *error)
{
	char *end;

	errno = 0;
	*seed = strtoull(value, &end, 10);
	if (errno || end == value || *end || value[0] == '-' || *seed == 0 ||
	    *seed > (uint64_t)INT64_MAX)
		return bad(error, "--seed", value,
			   " is not valid; expected a whole number from 1 on");
	return 0;
}

static int store_count(int *n, const struct option *option, const char *value,
		       struct sm_error *error)
{
	char *end;
	long v;

	errno = 0;
	v = strtol(value, &end, 10);
	*n = (int)v;
	if (errno || end == value || *end || v < 1 || v > 1000)
		return bad(error, option->name, value,
			   " is not valid; expected a whole number from 1 to 1000");
	return 0;
}

static int store_clock(enum sm_clock *clock, const char *value, struct sm_error *error)
{
	bool icount = strcmp(value, "icount") == 0;

	if (!icount && strcmp(value, "time"))
		return bad(error, "--clock", value, " is not valid; expected time or icount");
	*clock = icount ? SM_CLOCK_ICOUNT : SM_CLOCK_TIME;
	return 0;
}

static int store(struct sm_options *o, const struct option *option, const char *value,
		 struct sm_error *error)
{
	void *field = (char *)o + option->field;
	int *count = (int *)((char *)o + option->count);

	switch (option->type) {
	case FLAG:
		*(bool *)field = true;
		break;
	case NO_FLAG:
		*(bool *)field = false;
		break;
	case TEXT:
	case OUTPUT:
		*(const char **)field = value;
		break;
	case SEED:
		return store_seed(field, value, error);
	case COUNT:
		return store_count(field, option, value, error);
	case CLOCK:
		return store_clock(field, value, error);
	case TEXTS:
		if (*count == SM_OPTION_LIST_MAX)
			return bad(error, "too many options", option->name, "");
		((const char **)field)[(*count)++] = value;
	}
	return 0;
}

/* One option at argv[*i], which may be "--name=value"; steps over its value. */
static int take_option(struct sm_options *o, char **argv, int *i, struct sm_error *error)
{
	const char *word = argv[*i];
	size_t n = strncmp(word, "--", 2) ? strlen(word) : strcspn(word, "=");
	unsigned int mask = 1u << o->command;
	const struct option *option = find(word, n, mask);
	const char *value = NULL;
	char hint[240];

	if (!option)
		return bad(error,
			   o->command ? "unknown option" : "before a command: unknown option", word,
			   sm_hint(hint, sizeof(hint), word, option_words, &mask));
	if (option->type == FLAG || option->type == NO_FLAG) {
		if (word[n])
			return bad(error, "option without value:", option->name, "");
		return store(o, option, NULL, error);
	}
	if (option->type == OUTPUT && !word[n] && (!argv[*i + 1] || argv[*i + 1][0] == '-'))
		return store(o, option, "-", error);
	value = word[n] ? word + n + 1 : argv[++*i];
	if (!value || !*value) {
		snprintf(hint, sizeof(hint), " needs a value: %s %s", option->name, option->value);
		return bad(error, "option", option->name, hint);
	}
	return store(o, option, value, error);
}

static int take_command(struct sm_options *o, const char *word, struct sm_error *error)
{
	char hint[120];

	for (int i = 0; commands[i]; i++) {
		if (strcmp(commands[i], word) == 0) {
			o->command = (enum sm_command)(i + 1);
			return 0;
		}
	}
	return bad(error, "unknown command", word,
		   sm_hint(hint, sizeof(hint), word, sm_words_array, commands));
}

static int check(const struct sm_options *o, struct sm_error *error)
{
	static const char *const needs[] = {
		"no command; expected run, try, conform, list, probe or doctor (see --help)",
		"run: no scenario; expected `run NAME...` (see `spawnmark list scenarios`)",
		"try: no code; expected `try 'import pandas'`",
		"list: expected one of strategies, payloads, sandboxes, scenarios, keys, "
		"features, checks",
	};
	bool one = o->command == SM_COMMAND_TRY || o->command == SM_COMMAND_LIST;

	if (o->help || o->version)
		return 0;
	if (o->command == SM_COMMAND_PROBE)
		return o->nargs ? bad(error, "probe: unexpected", o->args[0],
				      "; it takes --json alone")
				: 0;
	if (o->command == SM_COMMAND_DOCTOR)
		return o->nargs ? bad(error, "doctor: unexpected", o->args[0],
				      "; it takes options alone (see --help)")
				: 0;
	if (o->command == SM_COMMAND_CONFORM)
		return o->nargs ? bad(error, "conform: unexpected", o->args[0],
				      "; it takes options alone (see --help)")
				: 0;
	if (o->nargs == 0) {
		snprintf(error->text, sizeof(error->text), "%s", needs[o->command]);
		return -EINVAL;
	}
	if (one && o->nargs > 1)
		return bad(error, "one argument too many:", o->args[1],
			   o->command == SM_COMMAND_TRY ? "; put the code into quotes" : "");
	for (int i = 0; i < o->nattach; i++) {
		const char *equals = strchr(o->attach[i], '=');

		if (!equals || equals == o->attach[i] || !equals[1])
			return bad(error, "--attach", o->attach[i],
				   " is not valid; expected NAME=FILE.json");
	}
	for (int i = 0; i < o->nbase_env; i++) {
		if (o->base_env[i][0] == '=' || !strchr(o->base_env[i], '=') ||
		    !strncmp(o->base_env[i], "SM_", 3))
			return bad(error, "--baseline-env", o->base_env[i],
				   " is not valid; expected NAME=VALUE, but no NAME in SM_");
	}
	return 0;
}

int sm_options_parse(struct sm_options *o, int argc, char **argv, struct sm_error *error)
{
	bool only_arguments = false;
	int err = 0;

	*o = (struct sm_options){ .report = true };
	for (int i = 1; !err && i < argc; i++) {
		if (!only_arguments && strcmp(argv[i], "--") == 0)
			only_arguments = true;
		else if (!only_arguments && argv[i][0] == '-' && argv[i][1])
			err = take_option(o, argv, &i, error);
		else if (!o->command)
			err = take_command(o, argv[i], error);
		else if (o->nargs == SM_OPTION_LIST_MAX)
			err = bad(error, "too many arguments:", argv[i], "");
		else
			o->args[o->nargs++] = argv[i];
	}
	return err ? err : check(o, error);
}
