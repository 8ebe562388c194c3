/* SPDX-License-Identifier: MIT */
/*
 * environment.h - the machine as run.json describes it. What cannot be read is null.
 */
#ifndef SM_ENVIRONMENT_H
#define SM_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/* A new reference; root: the checkout, for its interpreter. accounting: its name, or NULL. */
json_t *sm_environment(const char *root, const char *accounting);

/* FNV-1a (64 bits) over the parts of it that a reboot or a second run do not change. */
uint64_t sm_fingerprint(const json_t *environment, long ncpus);

/* google-benchmark's "caches". */
json_t *sm_caches(void);
/* From /proc/cpuinfo: the text behind key of the first CPU that has it. False: none. */
bool sm_cpuinfo(const char *key, char *value, size_t size);
/* HEAD of the checkout, 12 digits; false: not a checkout. */
bool sm_commit(const char *root, char *commit, size_t size);

#endif
