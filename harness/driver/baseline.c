/* SPDX-License-Identifier: MIT */
/* baseline.c - see baseline.h. */
#include "baseline.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../sys/sys.h"
#include "driver.h"
#include "foreign.h"
#include "hostproc.h"
#include "whereabouts.h"
#include "suggest.h"

#define VERSION_MS 5000

static int no_memory(struct sm_error *error)
{
	return sm_refuse(error, SM_EXIT_UNABLE, "out of memory");
}

bool sm_baseline_wanted(const struct sm_options *o)
{
	return o->baseline || o->nbase_set || o->nbase_env || o->nbase_host;
}

/* What `PATH --version` prints, cut at size. A program that does not end is ended. */
static int ask_version(const char *path, char *text, size_t size)
{
	char *argv[] = { (char *)path, (char *)"--version", NULL };
	posix_spawn_file_actions_t actions;
	int out[2], err, n = 0;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) < 0)
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	err = posix_spawn(&pid, path, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(out[1]);
	while (!err && n < (int)size - 1 && (!n || text[n - 1] != '\n') &&
	       !sm_read_all(out[0], text + n, 1, VERSION_MS))
		n++;
	text[n] = '\0';
	if (!err)
		sm_kill_child(pid);
	close(out[0]);
	return -err;
}

/* "spawnmark 1.2": the version is the second word. */
static int take_version(struct sm_base_side *side, const char *path, struct sm_arena *arena,
			struct sm_error *error)
{
	static const char name[] = "spawnmark ";
	char text[80];
	int err = ask_version(path, text, sizeof(text));

	if (err)
		return sm_refuse(error, SM_EXIT_USAGE, "--baseline %.300s cannot be executed: %s",
				 path, strerror(-err));
	if (strncmp(text, name, sizeof(name) - 1) != 0)
		return sm_refuse(
			error, SM_EXIT_USAGE,
			"--baseline %.300s is no spawnmark: with --version it does not say so",
			path);
	text[strcspn(text, "\n")] = '\0';
	side->record.version = sm_arena_copy(arena, text + sizeof(name) - 1);
	return side->record.version ? SM_EXIT_GOOD : no_memory(error);
}

/* BINARY may be a build folder; links are followed, because what belongs to it is beside the file. */
static int take_program(struct sm_base_side *side, const char *binary, struct sm_arena *arena,
			struct sm_error *error)
{
	char path[PATH_MAX], bin[PATH_MAX];
	struct sm_whereabouts w;
	struct stat st;
	bool found;

	snprintf(path, sizeof(path), "%.4000s%s", binary,
		 stat(binary, &st) == 0 && S_ISDIR(st.st_mode) ? "/spawnmark" : "");
	if (!realpath(path, bin))
		return sm_refuse(
			error, SM_EXIT_USAGE,
			"--baseline %.300s: %s; expected another build/spawnmark, or its folder",
			path, strerror(errno));
	side->record.command = sm_arena_copy(arena, bin);
	if (take_version(side, bin, arena, error))
		return SM_EXIT_USAGE;
	*strrchr(bin, '/') = '\0';
	/* One that was built outside of its checkout: the only python.py that there is, is ours. */
	found = sm_whereabouts(&w, bin, "") == 0;
	side->plan.build = sm_arena_copy(arena, w.build);
	side->plan.payloads = found ? sm_arena_copy(arena, w.root) : side->plan.root;
	side->host = sm_arena_printf(arena, "%s/sm-host", w.build);
	if (!side->record.command || !side->plan.build || !side->plan.payloads || !side->host)
		return no_memory(error);
	if (access(side->host, X_OK))
		return sm_refuse(
			error, SM_EXIT_USAGE,
			"--baseline %.300s: %.300s: %s; build it with `make`. A program of "
			"`make static` has it inside: `%.300s unpack DIR`, then "
			"--baseline DIR",
			binary, side->host, strerror(errno), binary);
	return SM_EXIT_GOOD;
}

/* Without --baseline: this very program. */
static int take_own(struct sm_base_side *side, struct sm_arena *arena, struct sm_error *error)
{
	char own[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);

	own[n > 0 ? n : 0] = '\0';
	side->record.version = SM_VERSION;
	side->record.command = sm_arena_copy(arena, n > 0 ? own : "spawnmark");
	return side->record.command ? SM_EXIT_GOOD : no_memory(error);
}

static bool same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return strncmp(a, b, n) == 0 && b[n] == '=';
}

/* Each --host, or what --baseline-host has in its place. */
static int meet_hosts(struct sm_base_side *side, const struct sm_options *o, struct sm_arena *arena,
		      struct sm_error *error)
{
	const char *hosts[SM_OPTION_LIST_MAX + 1] = { NULL };
	struct sm_foreign *list;
	int code;

	for (int i = 0; i < o->nbase_host; i++) {
		int k = 0;

		while (k < o->nhost && !same_name(o->base_host[i], o->host[k]))
			k++;
		if (k == o->nhost)
			return sm_refuse(
				error, SM_EXIT_USAGE,
				"--baseline-host '%.200s' has no --host of the same name beside "
				"it",
				o->base_host[i]);
		hosts[k] = o->base_host[i];
	}
	if (!o->nbase_host)
		return SM_EXIT_GOOD;
	for (int i = 0; i < o->nhost; i++)
		hosts[i] = hosts[i] ? hosts[i] : o->host[i];
	code = sm_foreign_meet(&list, &side->plan.nforeign, arena, hosts, error);
	side->plan.foreign = list;
	return code;
}

int sm_baseline_find(struct sm_base_side *side, const struct sm_options *o,
		     const struct sm_plan_options *opt, struct sm_arena *arena,
		     struct sm_error *error)
{
	const char **set =
		sm_arena_alloc(arena, (size_t)o->nset + (size_t)o->nbase_set + 1, sizeof(*set));
	int code;

	if (!set)
		return no_memory(error);
	*side = (struct sm_base_side){
		.plan = *opt,
		.record = { .set = o->base_set, .env = o->base_env, .hosts = o->base_host }
	};
	memcpy(set, o->set, (size_t)o->nset * sizeof(*set));
	memcpy(set + o->nset, o->base_set, (size_t)o->nbase_set * sizeof(*set));
	side->plan.set = set; /* of two settings of a key the later one counts */
	if (o->nbase_env)
		side->plan.env = (char **)o->base_env;
	code = o->baseline ? take_program(side, o->baseline, arena, error)
			   : take_own(side, arena, error);
	return code == SM_EXIT_GOOD ? meet_hosts(side, o, arena, error) : code;
}

/* One strategy of a host of the base side. */
static int meet(struct sm_rig *rig, const char *strategy, char **host_argv, struct sm_arena *arena,
		struct sm_error *error)
{
	struct sm_foreign f = { .argv = host_argv,
				.path = host_argv[0],
				.ops = { .name = strategy } };
	struct sm_fault fault = { .size = sizeof(fault) };
	struct sm_msg_traits traits;
	int err = sm_foreign_ask(&f, rig, &traits, &fault);

	if (rig->interrupted)
		return sm_refuse(error, SM_EXIT_INCONCLUSIVE, "interrupted");
	if (err)
		return sm_refuse(error, SM_EXIT_USAGE,
				 "--baseline: %.200s does not answer as %s: %.200s", f.path,
				 strategy, sm_foreign_line(arena, fault.text, sizeof(fault.text)));
	if (traits.protocol != SM_PROTOCOL)
		return sm_refuse(
			error, SM_EXIT_USAGE,
			"--baseline: %.200s speaks protocol %u, and this program %u: the two "
			"builds cannot be paired in one run; compare two runs",
			f.path, traits.protocol, SM_PROTOCOL);
	return SM_EXIT_GOOD;
}

static bool met_before(const struct sm_plan *plan, int upto)
{
	for (int i = 0; i < upto; i++)
		if (plan->cases[i].side == SM_SIDE_BASE &&
		    plan->cases[i].ops == plan->cases[upto].ops)
			return true;
	return false;
}

int sm_baseline_meet(const struct sm_base_side *side, const struct sm_plan *plan,
		     struct sm_arena *arena, struct sm_error *error)
{
	char *plain[] = { (char *)side->host, NULL };
	int code = SM_EXIT_GOOD;
	struct sm_rig rig;

	if (!side->host)
		return code;
	if (sm_rig_open(&rig))
		return sm_refuse(error, SM_EXIT_UNABLE, "cannot prepare to start processes");
	/* This one is in every build, and so tells whether they understand each other at all. */
	if (sm_rig_take_signals(&rig) == 0)
		code = meet(&rig, "popen", plain, arena, error);
	for (int i = 0; i < plan->ncases && code == SM_EXIT_GOOD; i++) {
		const struct sm_case *c = &plan->cases[i];

		/* Those of --host are programs of their own, and have been met. */
		if (c->side == SM_SIDE_BASE && c->ops->start && !met_before(plan, i))
			code = meet(&rig, c->ops->name, c->host_argv, arena, error);
	}
	sm_rig_leave_signals(&rig);
	sm_rig_close(&rig);
	return code;
}
