/* SPDX-License-Identifier: MIT */
/*
 * list.h - what there is to choose from: `spawnmark list`.
 */
#ifndef SM_LIST_H
#define SM_LIST_H

#include <stdio.h>

#include "plan.h"

/*
 * Writes the list named `what` (strategies, payloads, sandboxes, scenarios, keys, features, checks)
 * to out, as text or as a JSON array. 0; -EINVAL with error when there is no such list; -EIO, -ENOMEM.
 */
int sm_list_write(FILE *out, const char *what, bool json, const char *root, struct sm_error *error);

#endif
