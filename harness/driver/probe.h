/* SPDX-License-Identifier: MIT */
/*
 * probe.h - what this machine, its libc and this user have: `spawnmark probe`.
 */
#ifndef SM_DRIVER_PROBE_H
#define SM_DRIVER_PROBE_H

#include <stdio.h>

#include <jansson.h>

#include "../features/feature.h"
#include "plan.h"

/* Every feature that can be probed, and the interpreter of the checkout. */
void sm_probe_machine(const char *root, struct sm_probe_result results[SM_F_COUNT]);

/* SM_F_NUMPY: can root's .venv import it? */
void sm_probe_numpy(const char *root, struct sm_probe_result *result);

/* One feature as JSON, without its presence. A new reference. */
json_t *sm_probe_row(const struct sm_feature_row *row);
/* And with it. */
json_t *sm_probe_json(const struct sm_feature_row *row, const struct sm_probe_result *result);

/*
 * Probes, and writes the features and the machine's facts, as a table or as JSON:
 * {"features": […], "environment": {…}}. 0; -EIO, -ENOMEM.
 */
int sm_probe_write(FILE *out, bool json, const char *root);

#endif
