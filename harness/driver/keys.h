/* SPDX-License-Identifier: MIT */
/*
 * keys.h - the keys of a scenario file: one table, one row a key.
 *
 * A new key is one row here and, when it means something new, a field of struct sm_case: reading,
 * checking, inheritance, sweeps, case names and `spawnmark list keys` all follow from the row.
 */
#ifndef SM_KEYS_H
#define SM_KEYS_H

#include "arena.h"
#include "foreign.h"
#include "suggest.h"

enum sm_key_type {
	SM_KEY_INT,
	SM_KEY_CPUS,     /* an int, or `all` */
	SM_KEY_TIME,     /* 500ms, 2s; kept in ms */
	SM_KEY_NS,       /* 300ns, 5us, 1ms, or 0; kept in ns */
	SM_KEY_BOOL,     /* yes, no */
	SM_KEY_PERCENT,  /* 10%, or `off` (0) */
	SM_KEY_CHOICE,   /* one of row->words, kept as its index */
	SM_KEY_NAME,     /* one of row->words, kept as the word */
	SM_KEY_STRATEGY, /* kept as its struct sm_ops */
	SM_KEY_SANDBOX,  /* a preset, or layers joined by '+'; kept as bits */
	SM_KEY_PAYLOAD,  /* none, heap, python, or a path with a slash */
	SM_KEY_TEXT,     /* the rest of the line */
	SM_KEY_WORDS,    /* words with spaces between them */
	SM_KEY_OPTION,   /* `default` (0), or one of row->words (its index), or an int from 1 on */
};

enum sm_key_flag {
	SM_KEY_SWEEP = 1 << 0, /* a comma list makes a case of each value */
	SM_KEY_LIST = 1 << 1,  /* a comma list whose values stay inside one case */
	SM_KEY_PLANT = 1 << 2, /* 0, or something planted in children: no case's name may hide it */
};

#define SM_ALL_KINDS 0x3fu

struct sm_key {
	const char *name;
	enum sm_key_type type;
	unsigned int flags;       /* enum sm_key_flag */
	unsigned int kinds;       /* bit 1 << enum sm_kind: where the key means something */
	const char *payload;      /* the only payload it means something for; NULL: any */
	const char *fallback;     /* the default, as it would be written; NULL: empty */
	int64_t min, max;         /* SM_KEY_INT, SM_KEY_TIME (ms), SM_KEY_NS, SM_KEY_PERCENT */
	const char *const *words; /* SM_KEY_CHOICE, SM_KEY_NAME: NULL-terminated */
	size_t offset, size;      /* the field of struct sm_case */
	const char *option;       /* SM_KEY_OPTION: what strategies call it (sm_ops.options) */
	const char *help;
};

/* Sorted by topic; the strategy comes first, so that it is the outermost sweep. */
extern const struct sm_key sm_keys[];
extern const int sm_key_count;

#define SM_KEYS_MAX 80

/* Index into sm_keys, or -1. */
int sm_key_find(const char *name);
/* The names, for sm_hint(). */
const char *sm_key_words(const void *set, int i);
/* The strategies' names, likewise; set: a struct sm_known. */
const char *sm_strategy_words(const void *set, int i);

struct sm_known;
/* The built-in or foreign strategy of that name; NULL: there is none. */
const struct sm_ops *sm_known_strategy(const struct sm_known *known, const char *name);

/* Does the strategy have the option? */
bool sm_strategy_has(const struct sm_ops *ops, const char *option);

/* A key's value as written, and understood. */
struct sm_value {
	bool given; /* by a file or the command line */
	struct sm_origin at;
	const char *text;
	struct sm_list list; /* numbers, indices, addresses; unused for text */
};

/* What values are understood by, beside their rows. */
struct sm_known {
	int ncpus;                        /* what `all` means; larger numbers are left out */
	const struct sm_foreign *foreign; /* strategies beside the built-in ones */
	int nforeign;
};

/* Understands value->text by the row. 0 or -EINVAL. */
int sm_value_parse(const struct sm_key *key, struct sm_value *value, const struct sm_known *known,
		   struct sm_error *error);
/* Adds the strategy where it is not listed yet. 0; -E2BIG: there is no room. */
int sm_value_add_strategy(struct sm_value *value, const struct sm_ops *ops);
/* The strategy at i. */
const struct sm_ops *sm_value_strategy(const struct sm_value *value, int i);

/* Puts value i of the list (or the text) into its field of the case. */
void sm_value_store(const struct sm_key *key, const struct sm_value *value, int i,
		    struct sm_case *c);

/* Value i as it appears in names: "64", "thp". */
void sm_value_print(const struct sm_key *key, const struct sm_value *value, int i, char *text,
		    size_t size);

#endif
