/* SPDX-License-Identifier: MIT */
/*
 * group.h - the groups, one file each (or several, where one would be too long).
 */
#ifndef SM_CONFORMANCE_GROUP_H
#define SM_CONFORMANCE_GROUP_H

#include "check/check.h"

/* Bound on a check with an interpreter, whose imports can take seconds on a busy machine. */
#define SM_PYTHON_MS 60000

extern const struct sm_check_group sm_group_identity;
extern const struct sm_check_group sm_group_identity_session;
extern const struct sm_check_group sm_group_identity_kernel;
extern const struct sm_check_group sm_group_identity_watch;
extern const struct sm_check_group sm_group_identity_pidns;
extern const struct sm_check_group sm_group_identity_reaper;
extern const struct sm_check_group sm_group_identity_pidfd;
extern const struct sm_check_group sm_group_exit;
extern const struct sm_check_group sm_group_exit_core;
extern const struct sm_check_group sm_group_exit_wait;
extern const struct sm_check_group sm_group_exit_parent;
extern const struct sm_check_group sm_group_exit_pidfd;
extern const struct sm_check_group sm_group_signal;
extern const struct sm_check_group sm_group_signal_mask;
extern const struct sm_check_group sm_group_signal_clone;
extern const struct sm_check_group sm_group_signal_sigchld;
extern const struct sm_check_group sm_group_signal_timer;
extern const struct sm_check_group sm_group_signal_death;
extern const struct sm_check_group sm_group_fd;
extern const struct sm_check_group sm_group_fd_closed;
extern const struct sm_check_group sm_group_fd_count;
extern const struct sm_check_group sm_group_fd_stdio;
extern const struct sm_check_group sm_group_fd_kernel;
extern const struct sm_check_group sm_group_fd_pass;
extern const struct sm_check_group sm_group_fd_share;
extern const struct sm_check_group sm_group_protocol;
extern const struct sm_check_group sm_group_protocol_foe;
extern const struct sm_check_group sm_group_protocol_client;
extern const struct sm_check_group sm_group_protocol_peer;
extern const struct sm_check_group sm_group_protocol_load;
extern const struct sm_check_group sm_group_env;
extern const struct sm_check_group sm_group_env_kernel;
extern const struct sm_check_group sm_group_env_cgroup;
extern const struct sm_check_group sm_group_env_request;
extern const struct sm_check_group sm_group_env_place;
extern const struct sm_check_group sm_group_env_inherit;
extern const struct sm_check_group sm_group_memory;
extern const struct sm_check_group sm_group_memory_secret;
extern const struct sm_check_group sm_group_memory_layout;
extern const struct sm_check_group sm_group_memory_reach;
extern const struct sm_check_group sm_group_memory_cost;
extern const struct sm_check_group sm_group_memory_end;
extern const struct sm_check_group sm_group_thread;
extern const struct sm_check_group sm_group_thread_lock;
extern const struct sm_check_group sm_group_thread_pool;
extern const struct sm_check_group sm_group_thread_spawn;
extern const struct sm_check_group sm_group_thread_fork;
extern const struct sm_check_group sm_group_random;
extern const struct sm_check_group sm_group_random_python;
extern const struct sm_check_group sm_group_sandbox;
extern const struct sm_check_group sm_group_sandbox_ns;
extern const struct sm_check_group sm_group_sandbox_policy;
extern const struct sm_check_group sm_group_sandbox_reach;
extern const struct sm_check_group sm_group_sandbox_inherit;
extern const struct sm_check_group sm_group_sandbox_kernel;
extern const struct sm_check_group sm_group_layer;
extern const struct sm_check_group sm_group_layer_net;
extern const struct sm_check_group sm_group_layer_rights;
extern const struct sm_check_group sm_group_layer_full;
extern const struct sm_check_group sm_group_layer_fail;
extern const struct sm_check_group sm_group_ahead;
extern const struct sm_check_group sm_group_limit;
extern const struct sm_check_group sm_group_limit_fds;
extern const struct sm_check_group sm_group_limit_kernel;
extern const struct sm_check_group sm_group_life;
extern const struct sm_check_group sm_group_life_stop;
extern const struct sm_check_group sm_group_life_parent;
extern const struct sm_check_group sm_group_life_hangup;
extern const struct sm_check_group sm_group_life_many;
extern const struct sm_check_group sm_group_life_random;
extern const struct sm_check_group sm_group_life_pid;
extern const struct sm_check_group sm_group_life_odd;
extern const struct sm_check_group sm_group_life_clone;

/* The last lines of a group's file; symbol differs from name where a group has several files. */
#define SM_GROUP_AS(symbol, name_, title_, table)            \
	const struct sm_check_group sm_group_##symbol = {    \
		.name = (name_),                             \
		.title = (title_),                           \
		.checks = (table),                           \
		.count = sizeof(table) / sizeof((table)[0]), \
	}
#define SM_GROUP(name_, title_, table) SM_GROUP_AS(name_, #name_, title_, table)

#endif
