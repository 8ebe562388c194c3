/* SPDX-License-Identifier: MIT */
/*
 * table.c - the strategies that are built in. A new one: one file and one row, sorted by name.
 */
#include <string.h>

#include "common.h"

/* clang-format off */
const struct sm_ops *const sm_strategies[] = {
	&sm_fork_ops,
	&sm_forkserver_ops,
	&sm_noop_ops,
	&sm_pool_ops,
	&sm_popen_ops,
	&sm_posix_spawn_ops,
	&sm_raw_ops,
	&sm_recycle_ops,
	&sm_shell_ops,
	&sm_subreaper_ops,
	&sm_vfork_ops,
	&sm_zygote_ops,
	&sm_zygote3_ops,
};
/* clang-format on */
const unsigned int sm_strategy_count = sizeof(sm_strategies) / sizeof(sm_strategies[0]);

const struct sm_ops *sm_strategy(const char *name)
{
	for (unsigned int i = 0; name && i < sm_strategy_count; i++) {
		if (strcmp(sm_strategies[i]->name, name) == 0)
			return sm_strategies[i];
	}
	return NULL;
}
