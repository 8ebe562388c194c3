/* SPDX-License-Identifier: MIT */
/*
 * probe.c - see probe.h. As with lists, the table is made from the JSON.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../sys/sys.h"
#include "environment.h"
#include "json.h"
#include "without.h"

#define NUMPY_MS 10000

/* Where a group of the table begins. */
static const struct {
	enum sm_feature first;
	const char *title;
} groups[] = {
	{ SM_F_CLONE3, "clone" },
	{ SM_F_PIDFD_SEND_SIGNAL, "pidfd" },
	{ SM_F_CLOSE_RANGE, "descriptors, exec" },
	{ SM_F_MEMFD_SECRET, "memory" },
	{ SM_F_SUBREAPER, "prctl and friends" },
	{ SM_F_SECCOMP_FILTER, "security" },
	{ SM_F_GETRANDOM, "randomness" },
	{ SM_F_SPAWN_CGROUP, "libc" },
	{ SM_F_USER_NS, "namespaces of this user" },
	{ SM_F_CGROUP, "control groups of this user" },
	{ SM_F_ROOT, "this machine and user" },
	{ SM_F_REQUEST_FIELD, "strategies: seen by checks, not probed" },
};

/* In the order of enum sm_presence. */
static const struct {
	const char *json, *text;
} presences[] = { { "present", "yes" }, { "missing", "no" }, { "unknown", "?" } };

/* Starts python with the code, its stdout into fd. 0 and its pid, or an errno. */
static int start(pid_t *pid, const char *python, const char *code, int fd)
{
	char *const argv[] = { (char *)python, (char *)"-c", (char *)code, NULL };
	posix_spawn_file_actions_t actions;
	int err = posix_spawn_file_actions_init(&actions);

	if (err)
		return err;
	err = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&actions, fd, 1);
	if (!err)
		err = posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	if (!err)
		err = posix_spawn(pid, python, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return err;
}

void sm_probe_numpy(const char *root, struct sm_probe_result *r)
{
	char python[600], text[64] = "";
	struct sm_exit end = { .size = sizeof(end) };
	int ends[2], err;
	pid_t pid;

	*r = (struct sm_probe_result){ .presence = SM_MISSING };
	if (sm_without_python()) {
		snprintf(r->text, sizeof(r->text), "%s", sm_without_python());
		return;
	}
	snprintf(python, sizeof(python), "%.500s/.venv/bin/python", root);
	if (pipe2(ends, O_CLOEXEC) < 0) {
		r->err = errno;
		return;
	}
	err = start(&pid, python, "import numpy; print('NumPy', numpy.__version__)", ends[1]);
	close(ends[1]);
	if (!err) {
		sm_read_all(ends[0], text, sizeof(text) - 1, NUMPY_MS); /* -EPIPE: all of it */
		err = -sm_wait_child(pid, NUMPY_MS, &end);
		if (err)
			sm_kill_child(pid);
		text[strcspn(text, "\n")] = '\0';
	}
	close(ends[0]);
	if (!err && end.status == 0 && text[0])
		r->presence = SM_PRESENT;
	else
		snprintf(text, sizeof(text), "%s",
			 err ? "cannot be run: make setup" : "cannot import it: make setup");
	r->err = err;
	snprintf(r->text, sizeof(r->text), ".venv/bin/python: %s", text);
}

void sm_probe_machine(const char *root, struct sm_probe_result results[SM_F_COUNT])
{
	sm_features_probe_all(results);
	sm_probe_numpy(root, &results[SM_F_NUMPY]);
}

json_t *sm_probe_row(const struct sm_feature_row *row)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", row->name, "row", row->row, "since",
			 row->since, "source", row->source, "what", row->what);
}

json_t *sm_probe_json(const struct sm_feature_row *row, const struct sm_probe_result *result)
{
	json_t *o = sm_probe_row(row);
	const char *name = result->err ? strerrorname_np(result->err) : NULL;

	json_object_set_new(o, "presence", json_string(presences[result->presence].json));
	json_object_set_new(o, "errno", sm_json_text(name));
	json_object_set_new(o, "text", sm_json_text(result->text));
	return o;
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

static void write_feature(FILE *out, const json_t *o)
{
	const char *presence = text_of(o, "presence");

	for (size_t i = 0; i < sizeof(presences) / sizeof(*presences); i++) {
		if (!strcmp(presences[i].json, presence))
			fprintf(out, "  %-20s %-3s  %-12s  %s\n", text_of(o, "name"),
				presences[i].text, text_of(o, "since"), text_of(o, "text"));
	}
}

static void write_facts(FILE *out, json_t *facts, int indent);

/* One fact, "key  value"; an object's members each have a line of their own. */
static void write_fact(FILE *out, const char *key, json_t *value, int indent)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));

	if (json_is_object(value)) {
		fprintf(out, "%*s%s\n", indent, "", key);
		write_facts(out, value, indent + 2);
	} else {
		fprintf(out, "%*s%-*s  %s\n", indent, "", 26 - indent, key,
			json_is_string(value) ? json_string_value(value)
			: json_is_null(value) ? "not known"
					      : text);
	}
	free(text);
}

static void write_facts(FILE *out, json_t *facts, int indent)
{
	for (void *i = json_object_iter(facts); i; i = json_object_iter_next(facts, i))
		write_fact(out, json_object_iter_key(i), json_object_iter_value(i), indent);
}

static void write_table(FILE *out, const json_t *features, json_t *environment)
{
	size_t g = 0;

	fprintf(out, "  %-20s %-3s  %-12s  %s\n", "feature", "", "since", "what was seen");
	for (size_t i = 0; i < json_array_size(features); i++) {
		if (g < sizeof(groups) / sizeof(*groups) && groups[g].first == i + 1)
			fprintf(out, "\n%s\n", groups[g++].title);
		write_feature(out, json_array_get(features, i));
	}
	fprintf(out, "\nfacts\n");
	write_facts(out, environment, 2);
}

int sm_probe_write(FILE *out, bool json, const char *root)
{
	json_t *environment = sm_environment(root, NULL), *features = json_array(), *o;
	struct sm_probe_result results[SM_F_COUNT];
	int err = 0;

	sm_probe_machine(root, results);
	for (int f = SM_F_NONE + 1; f < SM_F_COUNT; f++)
		json_array_append_new(features, sm_probe_json(&sm_features[f], &results[f]));
	o = json_pack("{s:o, s:o}", "features", features, "environment", environment);
	if (!o)
		return -ENOMEM;
	if (!json)
		write_table(out, features, environment);
	else if (json_dumpf(o, out, JSON_INDENT(2)) || fputc('\n', out) == EOF)
		err = -EIO;
	json_decref(o);
	return err;
}
