/* SPDX-License-Identifier: MIT */
/*
 * conform_util.h - a small suite, and runs of it on fake hosts. The checks are rows without halves,
 * because the hosts are fakes: the test program itself (fake_host.h).
 */
#ifndef SM_TEST_CONFORM_UTIL_H
#define SM_TEST_CONFORM_UTIL_H

#include <jansson.h>

#include "../driver/conform.h"
#include "../driver/driver.h"

/*
 * t.must (T01, fails with a server or where the child is not the parent's; exceptions for the
 * targets `except` and `holds`), t.alone (T02), u.record (U01), u.needs (U02: mseal is missing),
 * u.only (U03), u.untidy (U04). No strategies: only hosts of the test.
 */
extern const struct sm_suite suite;

#define HOSTS_MAX 24

struct trial {
	char dir[64], json[96], build[512];
	char text[HOSTS_MAX][700];
	const char *hosts[HOSTS_MAX + 1];
	char *argv[2];
	struct sm_conform_options opt;
	struct sm_error error;
	char *told; /* KTAP */
	size_t ntold;
	json_t *top;
};

/* A run into a folder of its own below /tmp, which is its $TMPDIR too. */
void trial_make(struct trial *t);
/* One more fake host, which goes wrong as mode says. */
void trial_host(struct trial *t, const char *name, const char *mode, uint64_t traits);
/* Returns the exit status; t->told, and t->top when there is a file, which must be valid. */
int trial_run(struct trial *t);
/* Asserts that nothing but the results is in the folder, and no mount or group of ours is there. */
void trial_free(struct trial *t);

/* Entries of a directory; a member's text or ""; the cell, which must be there. */
int entries(const char *dir);
const char *text_of(const json_t *o, const char *name);
json_t *cell_of(const struct trial *t, const char *strategy, const char *check);
/* Asserts that part is in text. */
void has(const char *text, const char *part);

#endif
