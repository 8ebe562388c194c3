/* SPDX-License-Identifier: MIT */
/* fake_host.c - see fake_host.h. Not a cmocka file: it runs in a process of its own. */
#include "fake_host.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../check/call.h"
#include "../check/check.h"
#include "../host/proto.h"
#include "../sys/sys.h"
#include "../wire/frame.h"

static int sock;

static void say(uint16_t type, const void *data, uint32_t bytes)
{
	if (sm_frame_send(sock, type, data, bytes, NULL, 0))
		exit(90);
}

static void done(void)
{
	struct sm_msg_done d = { 0 };

	say(SM_MSG_DONE, &d, sizeof(d));
}

static void verdict(int observed, int feature, const char *text)
{
	struct sm_msg_verdict v = { .observed = observed, .feature = feature, .took_ns = 1000 };

	snprintf(v.text, sizeof(v.text), "%s", text);
	say(SM_MSG_VERDICT, &v, sizeof(v));
}

static _Noreturn void hang(void)
{
	for (;;)
		pause();
}

static void make_child(int lives, int session)
{
	siginfo_t info;
	int ready[2];
	char c;

	if (pipe2(ready, O_CLOEXEC) < 0)
		exit(91);
	if (fork() == 0) {
		if (session)
			setsid();
		close(sock);
		if (!lives)
			_exit(0);
		if (write(ready[1], "", 1) == 1)
			hang();
	}
	close(ready[1]);
	if (lives ? read(ready[0], &c, 1) != 1 : waitid(P_ALL, 0, &info, WEXITED | WNOWAIT))
		exit(92);
}

/* Its parent ends at once and is waited for: then it is the subreaper's. */
static void make_orphan(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		make_child(1, 1);
		_exit(0);
	}
	sm_wait_child(pid, -1, NULL);
}

static const char *tmp(const char *name)
{
	static char path[256];
	const char *dir = getenv("TMPDIR");

	snprintf(path, sizeof(path), "%s/%s", dir ? dir : "/nonexistent", name);
	return path;
}

/* A group inside of that which we are in, on the version 2 file system. */
static void make_group(void)
{
	char line[256] = "", path[600], *at;
	FILE *f = fopen("/proc/self/cgroup", "re");

	while (f && fgets(line, sizeof(line), f) && strncmp(line, "0::", 3) != 0)
		;
	if (f)
		fclose(f);
	line[strcspn(line, "\n")] = 0;
	at = line + 3;
	snprintf(path, sizeof(path), "/sys/fs/cgroup/unified%s/inner", at);
	if (mkdir(path, 0755) < 0) {
		snprintf(path, sizeof(path), "/sys/fs/cgroup%s/inner", at);
		mkdir(path, 0755);
	}
}

/* As a check makes one: beside that which we are in, where the pids are counted. */
static void make_check_group(void)
{
	char path[600];
	size_t n;

	if (sm_cgroup_own("pids", path, sizeof(path) - 40) &&
	    sm_cgroup_own("", path, sizeof(path) - 40))
		return;
	n = strlen(path);
	snprintf(path + n, sizeof(path) - n, "/spawnmark-%d", getpid());
	mkdir(path, 0755);
}

/* Of its own, or of the folder in which the run has its own. */
static void make_mount(const char *mode)
{
	char source[256];

	snprintf(source, sizeof(source), "%s", tmp("../.."));
	if (mkdir(tmp("m"), 0755) == 0 &&
	    (!strcmp(mode, "mount") ? mount("none", tmp("m"), "tmpfs", 0, NULL)
				    : mount(source, tmp("m"), NULL, MS_BIND, NULL)) == 0)
		return;
	verdict(SM_SKIPS, SM_F_ROOT, "no mount");
	done();
	hang();
}

/* What is left behind, before a verdict that all is well. */
static void leave(const char *mode)
{
	if (!strcmp(mode, "process") || !strcmp(mode, "daemon"))
		make_child(1, *mode == 'd');
	else if (!strcmp(mode, "orphan"))
		make_orphan();
	else if (!strcmp(mode, "zombie"))
		make_child(0, 0);
	else if (!strcmp(mode, "file"))
		close(open(tmp("left"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	else if (!strcmp(mode, "group"))
		make_group();
	else if (!strcmp(mode, "group-of-check"))
		make_check_group();
	else if (strstr(mode, "mount"))
		make_mount(mode);
}

static void flood(void)
{
	struct sm_msg_note note = { .count = 1 };

	while (sm_frame_send(sock, SM_MSG_NOTE, &note, sizeof(note), NULL, 0) == 0)
		;
	exit(0);
}

/* The first of those that share the file? */
static int is_first(const char *file)
{
	int fd = open(file, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void answer(const char *mode, const char *file)
{
	struct sm_fault fault = { .size = sizeof(fault), .stage = SM_STAGE_EXEC, .err = 2 };

	if (!strcmp(mode, "hang"))
		hang();
	if (!strcmp(mode, "die")) {
		fputs("first words\nlast words\n", stderr);
		fflush(stderr);
		signal(SIGTERM, SIG_DFL);
		raise(SIGTERM);
	}
	if (!strcmp(mode, "exit"))
		exit(3);
	if (!strcmp(mode, "flood"))
		flood();
	if (!strcmp(mode, "fault")) {
		snprintf(fault.text, sizeof(fault.text), "no such program");
		say(SM_MSG_FAULT, &fault, sizeof(fault));
		return;
	}
	leave(mode);
	if (!strcmp(mode, "short"))
		say(SM_MSG_VERDICT, "short", 5);
	else if (!strcmp(mode, "lie"))
		verdict(99, 0, "");
	else if (!strcmp(mode, "feature"))
		verdict(SM_SKIPS, 1000, "");
	else if (!strcmp(mode, "fails") || (!strcmp(mode, "once") && !is_first(file)))
		verdict(SM_FAILS, 0, "it does not");
	else if (!strcmp(mode, "broken"))
		verdict(SM_BROKEN, 0, "no pipe");
	else if (!strcmp(mode, "skip"))
		verdict(SM_SKIPS, SM_F_REQUEST_FIELD, "no umask");
	else if (strcmp(mode, "mute") != 0)
		verdict(SM_HOLDS, 0, "it\ndoes\x1b[31m");
	if (!strcmp(mode, "chatty"))
		say(SM_MSG_NOTE, "aside", 5);
	if (!strcmp(mode, "twice"))
		verdict(SM_FAILS, 0, "no");
	done();
}

static void hello(uint64_t traits)
{
	struct sm_msg_traits t = {
		.name = "fake", .summary = "a fake", .traits = traits, .protocol = SM_PROTOCOL
	};

	say(SM_MSG_TRAITS, &t, sizeof(t));
	done();
}

void fake_host_main(int argc, char **argv)
{
	static char buf[SM_FRAME_BYTES_MAX];
	const char *job = getenv("SM_JOB");
	struct sm_frame f;

	if (argc < 3 || strcmp(argv[1], "host") != 0)
		return;
	sock = job ? atoi(strrchr(job, '/') + 1) : -1;
	while (sm_frame_recv(sock, &f, buf, sizeof(buf), -1) == 0) {
		if (f.type == SM_CMD_HELLO) {
			hello(argc > 3 ? strtoull(argv[3], NULL, 0) : SM_CHILD_OF_PARENT);
		} else if (f.type == SM_CMD_CHECK) {
			answer(argv[2], argc > 4 ? argv[4] : "");
		} else if (f.type == SM_CMD_CLOSE) {
			done();
			exit(!strcmp(argv[2], "close") ? 7 : 0);
		} else {
			exit(93);
		}
	}
	exit(0);
}
