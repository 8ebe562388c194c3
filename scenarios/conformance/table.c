/* SPDX-License-Identifier: MIT */
/*
 * table.c - the groups of checks, in the order of the catalogue. A new check is a function and a
 * row in the file of its group; a new group is a file, an extern and a row here. A group that is
 * too long for one file has several rows, whose groups bear the same name and title.
 */
#include "group.h"

/* clang-format off */
const struct sm_check_group *const sm_check_groups[] = {
	&sm_group_identity,
	&sm_group_identity_session,
	&sm_group_identity_kernel,
	&sm_group_identity_watch,
	&sm_group_identity_pidns,
	&sm_group_identity_reaper,
	&sm_group_exit,
	&sm_group_exit_core,
	&sm_group_exit_wait,
	&sm_group_exit_parent,
	&sm_group_exit_pidfd,
	&sm_group_signal,
	&sm_group_signal_sigchld,
	&sm_group_signal_timer,
	&sm_group_signal_death,
	&sm_group_signal_clone,
	&sm_group_fd,
	&sm_group_fd_closed,
	&sm_group_fd_count,
	&sm_group_fd_stdio,
	&sm_group_fd_kernel,
	&sm_group_fd_pass,
	&sm_group_fd_share,
	&sm_group_protocol,
	&sm_group_protocol_foe,
	&sm_group_protocol_client,
	&sm_group_protocol_peer,
	&sm_group_protocol_load,
	&sm_group_env,
	&sm_group_env_place,
	&sm_group_env_inherit,
	&sm_group_env_kernel,
	&sm_group_env_request,
	&sm_group_memory,
	&sm_group_memory_secret,
	&sm_group_memory_layout,
	&sm_group_memory_reach,
	&sm_group_memory_cost,
	&sm_group_memory_end,
	&sm_group_thread,
	&sm_group_thread_lock,
	&sm_group_thread_pool,
	&sm_group_thread_spawn,
	&sm_group_random,
	&sm_group_random_python,
	&sm_group_sandbox,
	&sm_group_sandbox_ns,
	&sm_group_limit,
	&sm_group_limit_fds,
	&sm_group_limit_kernel,
	&sm_group_life,
	&sm_group_life_parent,
	&sm_group_life_many,
	&sm_group_life_odd,
};
/* clang-format on */
const unsigned int sm_check_group_count = sizeof(sm_check_groups) / sizeof(sm_check_groups[0]);
