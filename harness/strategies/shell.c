/* SPDX-License-Identifier: MIT */
/*
 * shell.c - a fresh image by way of a shell: what popen(3) does, with three pipes.
 *
 * The payload's command and the request's arguments become one line for `/bin/sh -c`, each quoted,
 * so that the shell reads back the very words. What exec says is the shell's to know: spawn() has
 * succeeded once the shell is there, and a program that is not ends as status 127, with a line on
 * stderr. As popen(3) we write no `exec`: today's shells do it themselves for the last command
 * (dash from 0.5.11, bash, BusyBox), so that the child is the payload and not a shell that waits
 * for it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "exec.h"
#include "shell.h"

#define SHELL "/bin/sh"

/* Bytes of a word in quotes, and of the blank or the NUL behind it. */
static size_t quoted_bytes(const char *word)
{
	size_t n = 3;

	for (; *word; word++)
		n += *word == '\'' ? 4 : 1;
	return n;
}

/* Between single quotes everything stands for itself, save their own end (POSIX, 2.2.2). */
static char *quote(char *at, const char *word)
{
	*at++ = '\'';
	for (; *word; word++) {
		if (*word == '\'') {
			memcpy(at, "'\\''", 4);
			at += 4;
		} else {
			*at++ = *word;
		}
	}
	*at++ = '\'';
	return at;
}

char *sm_shell_line(const char *const *argv)
{
	size_t bytes = 1;
	char *line, *at;

	for (size_t i = 0; argv[i]; i++)
		bytes += quoted_bytes(argv[i]);
	at = line = malloc(bytes);
	if (!line)
		return NULL;
	for (size_t i = 0; argv[i]; i++) {
		if (i)
			*at++ = ' ';
		at = quote(at, argv[i]);
	}
	*at = '\0';
	return line;
}

static int shell_spawn(void *self, const struct sm_req *req, struct sm_child *child,
		       struct sm_fault *fault)
{
	struct sm_exec *x = self;
	const char *argv[] = { SHELL, "-c", NULL, NULL };
	struct sm_req own;
	char *line;
	int err = sm_exec_check(x, &req, &own, child, fault);

	if (err)
		return err;
	line = sm_shell_line(x->argv);
	if (!line)
		return sm_fail(fault, SM_STAGE_ARGUMENT, ENOMEM, NULL);
	argv[2] = line;
	err = sm_exec_spawn(x, argv, req, sm_launch_vfork, child, fault);
	free(line);
	return err;
}

const struct sm_ops sm_shell_ops = {
	.size = sizeof(sm_shell_ops),
	.name = "shell",
	.summary = "/bin/sh -c for every child, with three pipes: what popen(3) does",
	.traits = SM_FRESH_IMAGE,
	.start = sm_exec_start,
	.spawn = shell_spawn,
	.wait = sm_wait_direct,
	.stop = free,
};
