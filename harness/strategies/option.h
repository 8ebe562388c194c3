/* SPDX-License-Identifier: MIT */
/*
 * option.h - reading sm_setup.options: "name=value" words with blanks between them. NULL is none.
 *
 * In the parent sm_options_check() comes first; then the words travel to the server as they are,
 * in its environment, and both read what is theirs.
 */
#ifndef SM_STRATEGIES_OPTION_H
#define SM_STRATEGIES_OPTION_H

#include "../spawnmark.h"

/* What carries them to the server: "SM_OPTIONS=…". */
#define SM_OPTIONS_ENV "SM_OPTIONS"
/* The longest text that is taken. */
#define SM_OPTIONS_BYTES 512

/*
 * Every word is name=value, its name is one of names (NULL-terminated; NULL: none) and stands there
 * once: 0, or -EINVAL with the fault filled, its text the word.
 */
int sm_options_check(const char *options, const char *const *names, struct sm_fault *fault);

/* yes or no: 1 or 0; fallback where it is not given; -EINVAL. */
int sm_option_flag(const char *options, const char *name, int fallback);
/* A whole number from low to high (0 <= low); fallback; -EINVAL. */
int sm_option_number(const char *options, const char *name, int low, int high, int fallback);
/* One of values (NULL-terminated): its index; fallback; -EINVAL. */
int sm_option_choice(const char *options, const char *name, const char *const *values,
		     int fallback);

/* -EINVAL, with a fault that says which option is bad: for what the three above returned. */
int sm_option_bad(const char *options, const char *name, struct sm_fault *fault);

/*
 * Server: what the environment carries, taken out of it. In buf, of SM_OPTIONS_BYTES; NULL: there
 * is none.
 */
const char *sm_options_take(char *buf);

#endif
