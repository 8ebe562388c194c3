/* SPDX-License-Identifier: MIT */
/*
 * options.h - the command line, understood.
 */
#ifndef SM_OPTIONS_H
#define SM_OPTIONS_H

#include "plan.h"

#define SM_OPTION_LIST_MAX 64

enum sm_command {
	SM_COMMAND_NONE,
	SM_COMMAND_RUN,
	SM_COMMAND_TRY,
	SM_COMMAND_LIST,
	SM_COMMAND_PROBE,
	SM_COMMAND_CONFORM,
	SM_COMMAND_DOCTOR
};

struct sm_options {
	enum sm_command command;
	bool help, version;
	bool quick, json, report;
	bool strict;             /* doctor */
	const char *root;        /* doctor */
	bool list;               /* run, conform */
	bool thorough, features; /* conform */
	const char *only, *host_name, *out_dir;
	const char *work, *check, *python;          /* try */
	const char *strategies, *level, *json_file; /* conform */
	int repeat;
	uint64_t seed;       /* 0: not given */
	enum sm_clock clock; /* run */
	const char *args[SM_OPTION_LIST_MAX + 1];
	const char *set[SM_OPTION_LIST_MAX + 1];
	const char *attach[SM_OPTION_LIST_MAX + 1];
	const char *host[SM_OPTION_LIST_MAX + 1];
	const char *group[SM_OPTION_LIST_MAX + 1];
	int nargs, nset, nattach, nhost, ngroup;
	const char *baseline; /* run: the base side's program; what it alone has, as above */
	const char *base_set[SM_OPTION_LIST_MAX + 1];
	const char *base_env[SM_OPTION_LIST_MAX + 1];
	const char *base_host[SM_OPTION_LIST_MAX + 1];
	int nbase_set, nbase_env, nbase_host;
};

/* 0, or -EINVAL with one line and a hint. Strings are argv's own. */
int sm_options_parse(struct sm_options *o, int argc, char **argv, struct sm_error *error);

/* The help of a command; of the program for SM_COMMAND_NONE. */
const char *sm_options_help(enum sm_command command);

#endif
