/* SPDX-License-Identifier: MIT */
/*
 * test_hatch.c - the parts of zygote3: packets, threads, preloaded fork handlers, options, and a
 * server that another replaces.
 */
#include <errno.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "atfork/atfork.h"
#include "host_util.h"
#include "spawn_util.h"
#include "strategies/threads.h"
#include "sys/sys.h"
#include "wire/packet.h"

/* ---- packets ---- */

static void packet_pair(int pair[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
}

static int receive(int sock, struct sm_packet *p, void *data, uint32_t room, int timeout_ms)
{
	p->data = data;
	p->bytes = room;
	return sm_packet_recv(sock, p, timeout_ms);
}

static void a_packet_arrives_whole(void **state)
{
	struct sm_packet out = { .data = (char[]){ "hello" }, .bytes = 6, .nfds = 1 }, in;
	char buf[16];
	int pair[2], fds = su_count_fds(getpid());

	(void)state;
	packet_pair(pair);
	out.fds[0] = pair[0];
	assert_int_equal(sm_packet_send(pair[0], &out), 0);
	out.nfds = 0;
	assert_int_equal(sm_packet_send(pair[0], &out), 0);
	assert_int_equal(receive(pair[1], &in, buf, sizeof(buf), -1), 0);
	assert_int_equal(in.bytes, 6);
	assert_int_equal(in.nfds, 1);
	assert_int_equal(fcntl(in.fds[0], F_GETFD), FD_CLOEXEC);
	assert_string_equal(buf, "hello");
	sm_packet_close_fds(&in);
	assert_int_equal(receive(pair[1], &in, buf, 3, -1), -EMSGSIZE);
	assert_int_equal(receive(pair[1], &in, buf, sizeof(buf), 0), -ETIMEDOUT);
	close(pair[0]);
	assert_int_equal(receive(pair[1], &in, buf, sizeof(buf), -1), -EPIPE);
	assert_int_equal(sm_packet_send(pair[1], &out), -EPIPE);
	close(pair[1]);
	assert_int_equal(su_count_fds(getpid()), fds);
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* Each signal would begin the wait anew, were it not for what is left of it. */
static void a_wait_ends_despite_signals(void **state)
{
	const struct itimerval often = { { 0, 20000 }, { 0, 20000 } },
			       never = { { 0, 0 }, { 0, 0 } };
	const struct sigaction handled = { .sa_handler = on_alarm };
	struct sigaction old;
	struct sm_packet in;
	int64_t began;
	int pair[2];
	char byte;

	(void)state;
	packet_pair(pair);
	sigaction(SIGALRM, &handled, &old);
	assert_int_equal(sm_packet_patience(pair[1], 200), 0);
	setitimer(ITIMER_REAL, &often, NULL);
	began = su_now_ms();
	assert_int_equal(receive(pair[1], &in, &byte, 1, 200), -ETIMEDOUT);
	assert_in_range(su_now_ms() - began, 190, SU_WAIT_MS);
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &old, NULL);
	close(pair[0]);
	close(pair[1]);
}

/* ---- threads ---- */

struct other {
	pthread_t thread;
	const char *name;
	pthread_barrier_t there, end;
};

static void *other_main(void *arg)
{
	struct other *o = arg;

	pthread_setname_np(pthread_self(), o->name);
	pthread_barrier_wait(&o->there);
	pthread_barrier_wait(&o->end);
	return NULL;
}

static void other_start(struct other *o, const char *name)
{
	o->name = name;
	pthread_barrier_init(&o->there, NULL, 2);
	pthread_barrier_init(&o->end, NULL, 2);
	assert_int_equal(pthread_create(&o->thread, NULL, other_main, o), 0);
	pthread_barrier_wait(&o->there);
}

static void other_end(struct other *o)
{
	pthread_barrier_wait(&o->end);
	pthread_join(o->thread, NULL);
}

static void threads_are_missed_or_known(void **state)
{
	struct sm_threads t;
	struct other good, bad;
	char text[160];

	(void)state;
	assert_int_equal(sm_threads_open(&t), 0);
	assert_int_equal(sm_threads_missed(&t, 0, text, sizeof(text)), 0);
	other_start(&good, "jemalloc_bg_thd");
	assert_int_equal(sm_threads_missed(&t, 1, text, sizeof(text)), 0);
	assert_int_equal(sm_threads_missed(&t, 0, text, sizeof(text)), 2);
	other_start(&bad, "a-worker");
	assert_int_equal(sm_threads_missed(&t, 1, text, sizeof(text)), 3);
	assert_non_null(strstr(text, "a-worker ("));
	assert_non_null(strstr(text, "jemalloc_bg_thd ("));
	other_end(&bad);
	assert_int_equal(sm_threads_missed(&t, 1, text, sizeof(text)), 0);
	other_end(&good);
	/* Joined, it may be counted a moment longer: that is waited for. */
	assert_int_equal(sm_threads_missed(&t, 0, text, sizeof(text)), 0);
	sm_threads_close(&t);
}

/* ---- fork handlers of libraries ---- */

#define MUST(what)                                              \
	do {                                                    \
		if (!(what)) {                                  \
			fprintf(stderr, "not so: %s\n", #what); \
			return 1;                               \
		}                                               \
	} while (0)

/* In a process that has the preload. */
static int with_preload(const char *library, const char *more)
{
	const struct sm_atfork *atfork = sm_atfork_find();
	const char *rest = getenv("LD_PRELOAD");
	void (*start)(int *into);
	int n[3] = { 0 };
	void *so;

	MUST(atfork);
	MUST(*more ? rest && !strcmp(rest, more) : !rest);
	for (int round = 1; round <= 2; round++) {
		so = dlopen(library, RTLD_NOW);
		MUST(so);
		*(void **)&start = dlsym(so, "handlers_count");
		MUST(start);
		start(n);
		atfork->prepare();
		atfork->parent();
		atfork->child();
		MUST(n[0] == round && n[1] == round && n[2] == round);
		MUST(!dlclose(so));
		MUST(!dlopen(library, RTLD_NOW | RTLD_NOLOAD));
		atfork->prepare(); /* into the void, were it still called */
		MUST(n[0] == round);
	}
	return 0;
}

static void preloaded(const char *more)
{
	char preload[1100], program[500], library[500];
	const char *envp[] = { preload, "ASAN_OPTIONS=verify_asan_link_order=0", NULL };
	const char *argv[] = { program, "preloaded", library, more, NULL };
	struct sm_exit exit = { .size = sizeof(exit) };
	pid_t pid;

	snprintf(program, sizeof(program), "%s", built("test/test_hatch"));
	snprintf(library, sizeof(library), "%s", built("test/handlers.so"));
	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s%s%s", more, *more ? ":" : "",
		 built("sm-atfork.so"));
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		execve(program, (char *const *)argv, (char *const *)envp);
		_exit(127);
	}
	assert_int_equal(sm_wait_child(pid, SU_WAIT_MS, &exit), 0);
	assert_int_equal(exit.status, 0);
}

static void an_unloaded_library_is_not_called(void **state)
{
	(void)state;
	preloaded("");
}

static void another_preload_stays(void **state)
{
	(void)state;
	preloaded("libm.so.6");
}

static void without_the_preload_there_is_none(void **state)
{
	(void)state;
	assert_null(sm_atfork_find());
}

/* ---- the strategy ---- */

static int start_with(const char *options, void **self, struct sm_fault *fault)
{
	static const char *const envp[] = { "PATH=/usr/bin:/bin", NULL };
	const struct sm_setup setup = { .size = sizeof(setup),
					.timeout_ms = SU_WAIT_MS,
					.argv = su_argv(),
					.envp = envp,
					.options = options };

	fault->size = sizeof(*fault);
	return sm_strategy("zygote3")->start(self, &setup, fault);
}

static void options_are_checked_before_a_server_is(void **state)
{
	struct sm_fault fault;
	void *self = NULL;

	(void)state;
	assert_int_equal(start_with("colapse=yes", &self, &fault), -EINVAL);
	assert_non_null(strstr(fault.text, "'colapse=yes' is no option"));
	assert_int_equal(start_with("trim=perhaps", &self, &fault), -EINVAL);
	assert_non_null(strstr(fault.text, "'trim=perhaps' has a bad value"));
	for (int i = 0; i < 2; i++) {
		const char *options = i ? "collapse=no trim=no freeze=no prefault=yes"
					: "collapse=yes trim=yes freeze=yes prefault=no";
		struct su s = { .ops = sm_strategy("zygote3") };
		struct su_run run;

		assert_int_equal(start_with(options, &s.self, &fault), 0);
		su_good(&s, &run, NULL);
		s.ops->stop(s.self);
	}
}

/* A payload that loads once it gets a lock, which is what main() does with "locked". */
static void a_server_may_take_longer_than_a_request(void **state)
{
	char path[] = "/tmp/hatch-XXXXXX";
	int lock = mkostemp(path, O_CLOEXEC);
	const char *argv[] = { su_argv()[0], "locked", path, NULL };
	struct su_run run;
	struct su s;
	pid_t server;

	(void)state;
	assert_true(lock >= 0);
	assert_int_equal(su_start_argv(&s, "zygote3", argv, NULL, SU_WAIT_MS), 0);
	su_good(&s, &run, NULL);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	server = s.ops->server(s.self);
	kill(server, SIGKILL);
	assert_int_equal(su_await_end(server), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(su_spawn(&s, &run, NULL, NULL, NULL, 100), -ETIMEDOUT);
		assert_int_equal(s.fault.stage, SM_STAGE_TIMEOUT);
		assert_non_null(strstr(s.fault.text, "still loads"));
		assert_int_not_equal(s.ops->server(s.self), server);
	}
	server = s.ops->server(s.self);
	assert_int_equal(flock(lock, LOCK_UN), 0);
	su_good(&s, &run, NULL);
	assert_int_equal(s.ops->server(s.self), server);
	su_stop(&s);
	unlink(path);
	close(lock);
}

static int locked(int argc, char **argv)
{
	int fd = open(argv[2], O_RDONLY | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_SH) < 0)
		return 98;
	close(fd);
	return su_payload(argc, argv);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_arrives_whole),
		cmocka_unit_test(a_wait_ends_despite_signals),
		cmocka_unit_test(threads_are_missed_or_known),
		cmocka_unit_test(an_unloaded_library_is_not_called),
		cmocka_unit_test(another_preload_stays),
		cmocka_unit_test(without_the_preload_there_is_none),
		cmocka_unit_test(options_are_checked_before_a_server_is),
		cmocka_unit_test(a_server_may_take_longer_than_a_request),
	};

	if (argc == 4 && !strcmp(argv[1], "preloaded"))
		return with_preload(argv[2], argv[3]);
	if (getenv("SM_JOB"))
		return argc == 3 && !strcmp(argv[1], "locked") ? locked(argc, argv)
							       : su_payload(argc, argv);
	sm_close_from(3, -1); /* what the caller leaked is no part of the counts */
	return cmocka_run_group_tests_name("hatch", tests, NULL, NULL);
}
