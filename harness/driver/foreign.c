/* SPDX-License-Identifier: MIT */
/* foreign.c - see foreign.h. */
#include "foreign.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <wordexp.h>

#include "driver.h"
#include "../sys/sys.h"
#include "hostproc.h"
#include "planner.h"
#include "suggest.h"

#define HELLO_MS 10000

static bool is_name(const char *name, size_t n)
{
	/* It goes into a job, into file names and into KTAP. */
	return n > 0 && n < 32 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") >=
		       n;
}

static int split(struct sm_foreign *f, struct sm_arena *arena, struct sm_error *error)
{
	const char *name = f->ops.name;
	wordexp_t words;
	int err = wordexp(f->command, &words, WRDE_NOCMD);

	if (err)
		return sm_refuse(
			error, -EINVAL,
			"--host %s: '%.200s' is not one command with arguments; quote what a "
			"shell would act on",
			name, f->command);
	f->argv = sm_arena_alloc(arena, words.we_wordc + 1, sizeof(*f->argv));
	for (size_t i = 0; f->argv && i < words.we_wordc; i++) {
		f->argv[i] = sm_arena_copy(arena, words.we_wordv[i]);
		if (!f->argv[i])
			f->argv = NULL;
	}
	wordfree(&words);
	if (!f->argv)
		return -ENOMEM;
	if (!f->argv[0] || !*f->argv[0])
		return sm_refuse(error, -EINVAL, "--host %s: no command", name);
	f->path = strchr(f->argv[0], '/') ? f->argv[0] : sm_on_path(arena, f->argv[0]);
	if (!f->path)
		return sm_refuse(error, -EINVAL, "--host %s: '%.200s' is not on PATH", name,
				 f->argv[0]);
	return 0;
}

int sm_foreign_parse(struct sm_foreign *f, struct sm_arena *arena, const char *text,
		     struct sm_error *error)
{
	const char *equals = strchr(text, '=');
	size_t n = equals ? (size_t)(equals - text) : 0;

	if (!equals || !is_name(text, n) || !equals[1])
		return sm_refuse(
			error, -EINVAL,
			"--host '%.200s' is not valid; expected NAME=COMMAND, NAME of up to 31 "
			"letters, digits, '.', '_' and '-'",
			text);
	memset(f, 0, sizeof(*f));
	f->ops.size = sizeof(f->ops);
	f->ops.name = sm_arena_printf(arena, "%.*s", (int)n, text);
	f->ops.summary = "";
	f->command = sm_arena_copy(arena, equals + 1);
	return f->ops.name && f->command ? split(f, arena, error) : -ENOMEM;
}

char *sm_foreign_line(struct sm_arena *arena, const char *text, size_t size)
{
	char *line = sm_arena_printf(arena, "%.*s", (int)size, text);

	for (unsigned char *c = (unsigned char *)line; c && *c; c++)
		if (iscntrl(*c))
			*c = ' ';
	return line;
}

static void hear(void *arg, int from, uint16_t type, const void *data, uint32_t bytes)
{
	struct sm_msg_traits *traits = arg;

	(void)from;
	/* An older host's is shorter: then it tells no protocol. */
	if (type == SM_MSG_TRAITS && bytes >= offsetof(struct sm_msg_traits, protocol) &&
	    bytes <= sizeof(*traits))
		memcpy(traits, data, bytes);
}

/* A host that refuses to be one says why and goes, perhaps before it was asked. */
static void last_words(const struct sm_hostproc *host, struct sm_rig *rig, struct sm_fault *fault)
{
	struct sm_frame frame;

	if (sm_frame_recv(host->sock, &frame, rig->buf, SM_FRAME_BYTES_MAX, 0))
		return;
	for (unsigned int i = 0; i < frame.nfds; i++)
		close(frame.fds[i]);
	if (frame.type != SM_MSG_FAULT || frame.bytes != sizeof(*fault))
		return;
	memcpy(fault, rig->buf, sizeof(*fault));
	fault->text[sizeof(fault->text) - 1] = '\0';
}

int sm_foreign_ask(struct sm_foreign *f, struct sm_rig *rig, struct sm_msg_traits *traits,
		   struct sm_fault *fault)
{
	struct sm_hostspec spec = { .path = f->path, .argv = f->argv, .uid = SM_UID_STAY };
	struct sm_hostproc host;
	struct sm_msg_done done;
	struct sm_cpuset all;
	char job[64];
	int err;

	sm_cpus_for(&rig->cpus, SM_PIN_FREE, &all);
	snprintf(job, sizeof(job), "host/%s", f->ops.name);
	spec.job = job;
	spec.cpus = &all;
	memset(traits, 0, sizeof(*traits));
	err = sm_hostproc_start(rig, &host, &spec, fault);
	if (err)
		return err;
	err = sm_hostproc_send(&host, SM_CMD_HELLO, NULL, 0, fault);
	if (err == -EPIPE)
		last_words(&host, rig, fault);
	if (!err)
		err = sm_hostproc_await(rig, &host, 1, HELLO_MS, hear, traits, &done, fault);
	sm_hostproc_end(rig, &host, 1, !err);
	if (!err && !traits->name[0])
		err = sm_fail(fault, SM_STAGE_REPLY, EPROTO, "it did not tell its traits");
	return err;
}

/* What measures the meter, and what is its own payload, is started in ways of our own. */
static int judge(const struct sm_foreign *f, struct sm_error *error)
{
	if (f->ops.traits & SM_METER)
		return sm_refuse(
			error, -EINVAL,
			"--host %s: it has the trait METER, which built-in ones have alone",
			f->ops.name);
	if (f->ops.traits & SM_PARENT_LOADS)
		return sm_refuse(
			error, -EINVAL,
			"--host %s: it has the trait PARENT_LOADS: a host that is its own payload "
			"is a payload (payload = ./program), not a --host",
			f->ops.name);
	return 0;
}

/* "size warm" as a vector. NULL: no memory. */
static const char *const *split_names(struct sm_arena *arena, const char *text, size_t size)
{
	char *line = sm_foreign_line(arena, text, strnlen(text, size)), *save = NULL;
	const char **names = sm_arena_alloc(arena, size, sizeof(*names));
	size_t n = 0;

	if (!line || !names)
		return NULL;
	for (char *at = strtok_r(line, " ", &save); at; at = strtok_r(NULL, " ", &save))
		names[n++] = at;
	return names;
}

int sm_foreign_hello(struct sm_foreign *f, struct sm_rig *rig, struct sm_arena *arena,
		     struct sm_error *error)
{
	struct sm_fault fault = { .size = sizeof(fault) };
	struct sm_msg_traits traits;
	int err = sm_foreign_ask(f, rig, &traits, &fault);

	if (rig->interrupted)
		return -EINTR;
	if (!err && traits.protocol != SM_PROTOCOL)
		return sm_refuse(
			error, -EINVAL,
			"--host %s: it speaks protocol %u, and this program %u; build it with the "
			"library of the same version",
			f->ops.name, traits.protocol, SM_PROTOCOL);
	if (err) {
		sm_refuse(error, -EINVAL, "--host %s: %s", f->ops.name,
			  sm_foreign_line(arena, fault.text, sizeof(fault.text)));
		return err < 0 ? err : -EPROTO;
	}
	f->ops.traits = traits.traits;
	f->ops.summary = sm_foreign_line(arena, traits.summary,
					 strnlen(traits.summary, sizeof(traits.summary)));
	f->ops.options = split_names(arena, traits.options, sizeof(traits.options));
	return f->ops.summary && f->ops.options ? judge(f, error) : -ENOMEM;
}

static bool is_taken(const struct sm_foreign *list, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(name, list[i].ops.name))
			return true;
	return sm_strategy(name);
}

static int parse_all(struct sm_foreign *list, int n, struct sm_arena *arena,
		     const char *const *hosts, struct sm_error *error)
{
	for (int i = 0; i < n; i++) {
		int err = sm_foreign_parse(&list[i], arena, hosts[i], error);

		if (err)
			return err;
		if (is_taken(list, i, list[i].ops.name))
			return sm_refuse(error, -EINVAL,
					 "--host '%s' is the name of another strategy",
					 list[i].ops.name);
	}
	return 0;
}

static int hello_all(struct sm_foreign *list, int n, struct sm_arena *arena, struct sm_error *error)
{
	struct sm_rig rig;
	int err = sm_rig_open(&rig);

	if (err) {
		sm_refuse(error, -EINVAL, "cannot prepare to start processes: %s", strerror(-err));
		return SM_EXIT_UNABLE;
	}
	err = sm_rig_take_signals(&rig);
	for (int i = 0; !err && i < n; i++)
		err = sm_foreign_hello(&list[i], &rig, arena, error);
	sm_rig_leave_signals(&rig);
	sm_rig_close(&rig);
	if (err && !error->text[0])
		sm_refuse(error, -EINVAL, "%s", err == -EINTR ? "interrupted" : strerror(-err));
	if (err == -EINTR)
		return SM_EXIT_INCONCLUSIVE;
	return err ? SM_EXIT_USAGE : SM_EXIT_GOOD;
}

int sm_foreign_meet(struct sm_foreign **list, int *n, struct sm_arena *arena,
		    const char *const *hosts, struct sm_error *error)
{
	int err;

	*n = 0;
	while (hosts[*n])
		++*n;
	*list = sm_arena_alloc(arena, (size_t)*n + 1, sizeof(**list));
	err = *list ? parse_all(*list, *n, arena, hosts, error) : -ENOMEM;
	if (err && !error->text[0])
		sm_refuse(error, -EINVAL, "%s", strerror(-err));
	if (err || !*n)
		return err ? SM_EXIT_USAGE : SM_EXIT_GOOD;
	return hello_all(*list, *n, arena, error);
}
