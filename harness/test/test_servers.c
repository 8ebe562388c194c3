/* SPDX-License-Identifier: MIT */
/*
 * test_servers.c - the strategies that have a server: start, death, silence, exhaustion; and the
 * meters. What every strategy does alike is in test_strategies.c.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "spawn_util.h"
#include "strategies/forkserver.h"
#include "sys/sys.h"
#include "wire/frame.h"

/* A directory of our own as $TMPDIR, in which nothing may be left. */
static char tmp[] = "/tmp/sm-test-XXXXXX";

static int entries_of(const char *dir, char *name, size_t size)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	assert_non_null(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		n++;
		if (name)
			snprintf(name, size, "%s/%s", dir, e->d_name);
	}
	closedir(d);
	return n;
}

static int entries(char *name, size_t size)
{
	return entries_of(tmp, name, size);
}

static void nothing_left(struct su *s)
{
	su_nothing_left(s);
	assert_int_equal(entries(NULL, 0), 0);
}

static void stop(struct su *s)
{
	su_stop(s);
	assert_int_equal(entries(NULL, 0), 0);
}

/* Reads a file of /proc/PID whole; returns its bytes. */
static size_t slurp(pid_t pid, const char *name, char *buf, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	n = read(fd, buf, size);
	assert_true(n >= 0);
	close(fd);
	return (size_t)n;
}

static void the_server_has_nothing_of_the_parent(void **state)
{
	static char env[65536];
	char path[64], target[64] = "";
	struct su s;
	struct su_run run;
	size_t n;
	pid_t server;
	int extra = open("/dev/zero", O_RDONLY); /* not close-on-exec, on purpose */

	setenv("SU_SECRET", "canary", 1);
	assert_int_equal(su_start(&s, *state, NULL), 0);
	server = s.ops->server(s.self);
	assert_true(server > 0 && server != getpid());
	n = slurp(server, "environ", env, sizeof(env));
	assert_null(memmem(env, n, "SU_SECRET", 9));
	assert_non_null(memmem(env, n, "SU_SERVER=1", 11)); /* what it was given, it has */
	assert_int_equal(!!memmem(env, n, "OPENBLAS_NUM_THREADS=1", 22), !strcmp(*state, "zygote"));
	su_good(&s, &run, NULL);
	for (int fd = 0; fd < 32; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", server, fd);
		memset(target, 0, sizeof(target));
		if (readlink(path, target, sizeof(target) - 1) < 0)
			continue;
		assert_string_not_equal(target, "/dev/zero");
		if (fd < 2)
			assert_string_equal(target, "/dev/null");
	}
	unsetenv("SU_SECRET");
	stop(&s);
	close(extra);
}

static void a_preload_that_dies_is_told_with_its_status(void **state)
{
	struct su s;
	int err = su_start_argv(&s, *state, su_argv(), "SU_DIE=3", SU_WAIT_MS);

	assert_int_equal(err, -EPIPE);
	assert_int_equal(s.fault.stage, SM_STAGE_PRELOAD);
	assert_int_equal(s.fault.detail, 3 << 8);
	assert_non_null(strstr(s.fault.text, "status 3"));
	nothing_left(&s);
}

static void a_preload_that_hangs_times_out(void **state)
{
	struct su s;
	int64_t began = su_now_ms();
	int err = su_start_argv(&s, *state, su_argv(), "SU_HANG=1", 300);

	assert_int_equal(err, -ETIMEDOUT);
	assert_int_equal(s.fault.stage, SM_STAGE_PRELOAD);
	assert_in_range(su_now_ms() - began, 290, 5000);
	nothing_left(&s);
}

static void find_socket(struct sockaddr_un *address, char *dir, size_t size)
{
	assert_int_equal(entries(dir, size), 1);
	address->sun_family = AF_UNIX;
	snprintf(address->sun_path, sizeof(address->sun_path), "%.80s/socket", dir);
}

static void kill_server(struct su *s)
{
	pid_t server = s->ops->server(s->self);

	assert_int_equal(kill(server, SIGKILL), 0);
	assert_int_equal(su_await_end(server), 0);
}

static void a_dead_zygote_is_an_error_at_once(void **state)
{
	struct su s;
	struct su_run run;
	int64_t began;

	(void)state;
	assert_int_equal(su_start(&s, "zygote", NULL), 0);
	su_good(&s, &run, NULL);
	kill_server(&s);
	for (int i = 0; i < 2; i++) {
		began = su_now_ms();
		assert_int_equal(su_spawn(&s, &run, NULL, NULL, NULL, SU_WAIT_MS), -EPIPE);
		assert_in_range(su_now_ms() - began, 0, 1000);
		assert_true(s.fault.text[0]);
	}
	stop(&s);
}

static void a_dead_fork_server_is_replaced(void **state)
{
	const char *hold[] = { "SM_JOB=child/hold", NULL };
	char before[512], after[512];
	struct su s;
	struct su_run run, old;
	pid_t server;
	int fds;

	(void)state;
	assert_int_equal(su_start(&s, "forkserver", NULL), 0);
	fds = su_count_fds(getpid());
	for (int i = 0; i < 3; i++) {
		server = s.ops->server(s.self);
		assert_int_equal(entries(before, sizeof(before)), 1);
		assert_int_equal(su_spawn(&s, &old, NULL, hold, NULL, SU_WAIT_MS), 0);
		su_read_record(&old);
		kill_server(&s);
		su_good(&s, &run, NULL);
		assert_int_not_equal(s.ops->server(s.self), server);
		assert_int_equal(run.rec.ppid, s.ops->server(s.self));
		assert_int_equal(entries(after, sizeof(after)), 1); /* the old name is gone */
		assert_string_not_equal(before, after);
		/* The child of the old one lives; its status has died with who knew it. */
		assert_int_equal(kill(old.child.pid, 0), 0);
		assert_int_equal(s.ops->wait(s.self, &old.child, SU_WAIT_MS, &old.exit), -EPIPE);
		close(old.child.in);
		close(old.child.out);
		close(old.child.err);
		assert_int_equal(su_await_end(old.child.pid), 0);
		assert_int_equal(su_count_fds(getpid()), fds);
		assert_int_equal(su_count_children(getpid()), s.children + 1);
	}
	stop(&s);
}

/* One that ends in order, or whose socket somebody has removed, cannot be reached by its name. */
static void a_fork_server_without_its_name_is_replaced(void **state)
{
	struct sockaddr_un address = { 0 };
	char dir[512];
	struct su s;
	struct su_run run;
	pid_t server;

	(void)state;
	assert_int_equal(su_start(&s, "forkserver", NULL), 0);
	server = s.ops->server(s.self);
	find_socket(&address, dir, sizeof(dir));
	assert_int_equal(unlink(address.sun_path), 0);
	su_good(&s, &run, NULL);
	assert_int_not_equal(s.ops->server(s.self), server);
	assert_int_equal(su_count_children(getpid()), s.children + 1);
	stop(&s);
}

/* A payload that can be loaded once alone: no endless trying, and later it may work again. */
static void a_fork_server_that_cannot_be_replaced_is_told(void **state)
{
	char path[64], link[80];
	const char *argv[] = { link, NULL };
	struct su s;
	struct su_run run;

	(void)state;
	snprintf(path, sizeof(path), "%s.program", tmp);
	snprintf(link, sizeof(link), "%s", path);
	assert_int_equal(symlink(su_argv()[0], link), 0);
	assert_int_equal(su_start_argv(&s, "forkserver", argv, NULL, SU_WAIT_MS), 0);
	kill_server(&s);
	assert_int_equal(unlink(link), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(su_spawn(&s, &run, NULL, NULL, NULL, SU_WAIT_MS), -ENOENT);
		assert_int_equal(s.fault.stage, SM_STAGE_EXEC);
		nothing_left(&s);
	}
	assert_int_equal(symlink(su_argv()[0], link), 0);
	su_good(&s, &run, NULL);
	assert_int_equal(unlink(link), 0);
	stop(&s);
}

static int sleeps(pid_t pid)
{
	char stat[512];
	size_t n = slurp(pid, "stat", stat, sizeof(stat));

	return memmem(stat, n, ") S ", 4) != NULL;
}

/* Kills the server of a request under way: its client sleeps, with so many descriptors. */
static pid_t kill_under_way(pid_t server, int fds)
{
	pid_t client = getpid(), pid = fork();
	int64_t end = su_now_ms() + SU_WAIT_MS;
	const struct timespec nap = { .tv_nsec = 1000000 };

	assert_true(pid >= 0);
	if (pid)
		return pid;
	while ((su_count_fds(client) != fds || !sleeps(client)) && su_now_ms() < end)
		nanosleep(&nap, NULL);
	_exit(kill(server, SIGKILL) ? 1 : 0);
}

static void a_request_under_way_gets_its_error(void **state)
{
	struct su s;
	struct su_run run;
	struct sm_exit exit = { .size = sizeof(exit) };
	pid_t server, killer;
	int fds;
	int64_t began;

	assert_int_equal(su_start(&s, *state, NULL), 0);
	server = s.ops->server(s.self);
	fds = su_count_fds(getpid());
	assert_int_equal(kill(server, SIGSTOP), 0);
	/* The fork server's client has three pipes, those for request and status, a connection. */
	killer = kill_under_way(server, strcmp(*state, "forkserver") ? fds : fds + 6);
	began = su_now_ms();
	assert_int_equal(su_spawn(&s, &run, NULL, NULL, NULL, SU_WAIT_MS), -EPIPE);
	assert_in_range(su_now_ms() - began, 0, SU_WAIT_MS / 2);
	assert_int_equal(sm_wait_child(killer, SU_WAIT_MS, &exit), 0);
	assert_int_equal(exit.status, 0);
	if (strcmp(*state, "zygote")) {
		assert_int_equal(su_await_end(server), 0);
		su_good(&s, &run, NULL);
	}
	stop(&s);
}

static void children_outlive_their_server(void **state)
{
	const char *env[] = { "SM_JOB=child/hold", NULL };
	struct su s;
	struct su_run run;

	assert_int_equal(su_start(&s, *state, NULL), 0);
	assert_int_equal(su_spawn(&s, &run, NULL, env, NULL, SU_WAIT_MS), 0);
	su_read_record(&run);
	kill(s.ops->server(s.self), SIGKILL);
	assert_int_equal(su_await_end(s.ops->server(s.self)), 0);
	assert_int_equal(kill(run.child.pid, 0), 0);
	if (s.ops->traits & SM_CHILD_OF_PARENT) {
		su_finish(&s, &run);
		assert_int_equal(run.exit.status, 0);
	} else { /* who would have known the status is dead */
		assert_int_equal(s.ops->wait(s.self, &run.child, SU_WAIT_MS, &run.exit), -EPIPE);
		close(run.child.in);
		close(run.child.out);
		close(run.child.err);
		assert_int_equal(su_await_end(run.child.pid), 0);
	}
	stop(&s);
}

static void a_stopped_server_is_a_timeout(void **state)
{
	struct su s;
	struct su_run run;
	int64_t began;
	pid_t server;
	int fds;

	assert_int_equal(su_start(&s, *state, NULL), 0);
	server = s.ops->server(s.self);
	fds = su_count_fds(getpid());
	kill(server, SIGSTOP);
	began = su_now_ms();
	assert_int_equal(su_spawn(&s, &run, NULL, NULL, NULL, 200), -ETIMEDOUT);
	assert_in_range(su_now_ms() - began, 190, 3000);
	assert_int_equal(s.fault.stage, SM_STAGE_TIMEOUT);
	if (strcmp(*state, "zygote") == 0) { /* one stream: a late answer must not be the next's */
		assert_int_equal(su_spawn(&s, &run, NULL, NULL, NULL, SU_WAIT_MS), -EPIPE);
		assert_non_null(strstr(s.fault.text, "timeout"));
		assert_int_equal(su_count_children(getpid()), s.children);
	} else if (strcmp(*state, "forkserver")) { /* the same, and another takes its place */
		assert_int_equal(su_await_end(server), 0);
		su_good(&s, &run, NULL);
		assert_int_not_equal(s.ops->server(s.self), server);
		assert_int_equal(su_count_fds(getpid()), fds);
	} else { /* one connection a spawn: nothing to confuse */
		assert_int_equal(su_count_fds(getpid()), fds);
		kill(server, SIGCONT);
		for (int i = 0; i < 3; i++) {
			su_good(&s, &run, NULL);
			assert_int_equal(run.rec.pid, run.child.pid);
		}
		su_await_fds(server, su_resting_fds(*state));
	}
	stop(&s);
}

/*
 * Lowers the server's limit so that its n-th descriptor fails, for every n until none does. The
 * first values are below what it has open; but poll(2) of n descriptors wants a limit of n.
 */
static void a_full_table_in_the_server_is_a_clean_error(void **state)
{
	struct rlimit old, low;
	struct su s;
	struct su_run run;
	pid_t server;
	int n, err = -1, resting = su_resting_fds(*state);

	assert_int_equal(su_start(&s, *state, NULL), 0);
	server = s.ops->server(s.self);
	su_await_fds(server, resting);
	assert_int_equal(prlimit(server, RLIMIT_NOFILE, NULL, &old), 0);
	low = old;
	for (n = resting - 2; n < 32; n++) {
		low.rlim_cur = (rlim_t)n;
		assert_int_equal(prlimit(server, RLIMIT_NOFILE, &low, NULL), 0);
		err = su_spawn(&s, &run, NULL, NULL, NULL, SU_WAIT_MS);
		assert_int_equal(prlimit(server, RLIMIT_NOFILE, &old, NULL), 0);
		if (!err && n > resting) /* the child has the low limit too */
			break;
		if (err == 0) {
			su_finish(&s, &run);
			continue;
		}
		assert_int_equal(err, -EMFILE);
		assert_int_equal(su_count_children(server), 0);
		su_good(&s, &run, NULL);
		su_await_fds(server, resting);
	}
	assert_int_equal(err, 0);
	assert_true(n > resting);
	su_finish(&s, &run);
	stop(&s);
}

/* The first descriptors of start() are the parent's own. */
static void a_full_table_at_the_start_is_a_clean_error(void **state)
{
	struct rlimit old, low;
	struct su s = { .ops = NULL };
	int err = -1, n;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	for (n = 0; n < 64 && err; n++) {
		memset(&s, 0, sizeof(s));
		low.rlim_cur = (rlim_t)su_lowest_free_fd() + (rlim_t)n;
		s.ops = sm_strategy(*state);
		s.fault.size = sizeof(s.fault);
		s.fds = su_count_fds(getpid());
		s.children = su_count_children(getpid());
		{
			const char *envp[] = { "ASAN_OPTIONS=detect_leaks=0", NULL };
			struct sm_setup setup = { .size = sizeof(setup),
						  .timeout_ms = SU_WAIT_MS,
						  .argv = su_argv(),
						  .envp = envp };

			assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
			err = s.ops->start(&s.self, &setup, &s.fault);
			assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
		}
		if (err)
			nothing_left(&s);
	}
	assert_int_equal(err, 0);
	assert_in_range(n, 3, 20);
	stop(&s);
}

struct orphan {
	const char *name;
	int fd; /* takes the server's pid */
};

/* Dies without stop(). */
static int die_with_a_server(void *arg)
{
	struct orphan *o = arg;
	struct su s;
	pid_t server;

	if (su_start(&s, o->name, NULL))
		return 1;
	server = s.ops->server(s.self);
	return write(o->fd, &server, sizeof(server)) < 0;
}

static void the_server_goes_with_its_last_client(void **state)
{
	struct orphan o = { .name = *state };
	pid_t server;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	o.fd = ends[1];
	su_in_fork(die_with_a_server, &o);
	assert_int_equal(read(ends[0], &server, sizeof(server)), sizeof(server));
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(su_await_end(server), 0);
	assert_int_equal(entries(NULL, 0), 0);
}

static void the_named_socket_is_private(void **state)
{
	struct sockaddr_un address = { 0 };
	char dir[512];
	struct stat st;
	struct su s;
	mode_t old = umask(0);

	(void)state;
	assert_int_equal(su_start(&s, "forkserver", NULL), 0);
	umask(old);
	find_socket(&address, dir, sizeof(dir));
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0700);
	assert_int_equal(stat(address.sun_path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0600);
	stop(&s); /* asserts that both have gone */
}

static int dial(const struct sockaddr_un *address)
{
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(sock, (const struct sockaddr *)address, sizeof(*address)), 0);
	return sock;
}

/* Garbage, half a frame, too few descriptors, none, silence, and going away. */
static void a_client_that_talks_nonsense_is_refused(void **state)
{
	static const char garbage[4096] = "GET / HTTP/1.0\r\n\r\n";
	struct sockaddr_un address = { 0 };
	char dir[512];
	struct su s;
	struct su_run run;
	int fds[2] = { 0, 1 }, silent, sock;
	int64_t began;

	(void)state;
	assert_int_equal(su_start(&s, "forkserver", NULL), 0);
	find_socket(&address, dir, sizeof(dir));
	for (size_t n = 0; n <= sizeof(garbage); n = n * 3 + 1) {
		sock = dial(&address);
		assert_int_equal(write(sock, garbage, n), n);
		close(sock);
		su_good(&s, &run, NULL);
	}
	sock = dial(&address);
	assert_int_equal(sm_frame_send(sock, 1, NULL, 0, fds, 2), 0);
	su_good(&s, &run, NULL);
	close(sock);
	sock = dial(&address);
	assert_int_equal(sm_frame_send(sock, 1, garbage, sizeof(garbage), NULL, 0), 0);
	su_good(&s, &run, NULL);
	close(sock);
	silent = dial(&address);
	began = su_now_ms();
	su_good(&s, &run, NULL);
	assert_in_range(su_now_ms() - began, 0, 3000);
	close(silent);
	su_await_fds(s.ops->server(s.self), 8);
	stop(&s);
}

/* A status pipe that is full already, and whose reader stays: who writes to it waits for ever. */
static void a_client_with_a_full_pipe_holds_up_nobody(void **state)
{
	static const char junk[4096];
	struct sockaddr_un address = { 0 };
	int status[2], fds[SM_FORKSERVER_FDS], null, sock;
	char dir[512];
	struct su s;
	struct su_run run;

	(void)state;
	assert_int_equal(su_start(&s, "forkserver", NULL), 0);
	find_socket(&address, dir, sizeof(dir));
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_int_equal(pipe2(status, O_CLOEXEC | O_NONBLOCK), 0);
	while (write(status[1], junk, sizeof(junk)) > 0)
		;
	assert_int_equal(fcntl(status[1], F_SETFL, 0), 0); /* the description is the server's too */
	for (int i = 0; i < SM_FORKSERVER_FDS; i++)
		fds[i] = i == SM_FORKSERVER_STATUS ? status[1] : null;
	sock = dial(&address);
	assert_int_equal(sm_frame_send(sock, SM_FORKSERVER_FORK, NULL, 0, fds, SM_FORKSERVER_FDS),
			 0);
	su_good(&s, &run, NULL);
	close(sock);
	close(status[0]);
	close(status[1]);
	close(null);
	su_await_fds(s.ops->server(s.self), 8);
	stop(&s);
}

static void the_fork_server_ignores_the_terminal(void **state)
{
	struct su s;
	struct su_run run;

	(void)state;
	assert_int_equal(su_start(&s, "forkserver", NULL), 0);
	kill(s.ops->server(s.self), SIGINT);
	su_good(&s, &run, NULL);
	stop(&s);
}

static void a_directory_that_cannot_be_made_is_told(void **state)
{
	struct su s;
	int err;

	(void)state;
	setenv("TMPDIR", "/nonexistent", 1);
	err = su_start_argv(&s, "forkserver", su_argv(), NULL, SU_WAIT_MS);
	setenv("TMPDIR", tmp, 1);
	assert_int_equal(err, -ENOENT);
	assert_int_equal(s.fault.stage, SM_STAGE_SOCKET);
	nothing_left(&s);
}

/* A socket's name has 108 bytes. What fits is below $TMPDIR, one byte more in /tmp; both go again. */
static void a_long_directory_is_no_fault(void **state)
{
	const size_t most =
		sizeof(((struct sockaddr_un *)0)->sun_path) - sizeof("/spawnmark-123456/socket");
	char dir[200], name[256];

	(void)state;
	for (size_t len = most; len <= most + 1; len++) {
		struct su s;
		struct su_run run;
		int n = snprintf(dir, sizeof(dir), "%s/", tmp);

		memset(dir + n, 'd', len - (size_t)n);
		dir[len] = 0;
		assert_int_equal(mkdir(dir, 0700), 0);
		setenv("TMPDIR", dir, 1);
		assert_int_equal(su_start(&s, "forkserver", NULL), 0);
		setenv("TMPDIR", tmp, 1);
		assert_int_equal(entries_of(dir, name, sizeof(name)), len == most);
		su_good(&s, &run, NULL);
		su_stop(&s);
		assert_int_equal(rmdir(dir), 0); /* nothing is left in it */
	}
}

static void noop_costs_nothing_and_raw_is_a_child(void **state)
{
	static const char *const meters[] = { "noop", "raw" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct su s;
		struct su_run run;

		assert_int_equal(su_start(&s, meters[i], NULL), 0);
		for (int j = 0; j < 1100; j++) { /* more than there are slots */
			assert_int_equal(su_spawn(&s, &run, NULL, NULL, NULL, SU_WAIT_MS), 0);
			assert_int_equal(s.ops->record(s.self, &run.child, &run.rec), 0);
			assert_int_equal(s.ops->wait(s.self, &run.child, -1, &run.exit), 0);
			assert_int_equal(run.exit.status, 0);
			assert_int_equal(run.rec.kind, SM_RECORD_DONE);
			assert_int_equal(run.rec.ppid, getpid());
			assert_true(run.request_ns <= run.rec.entered_ns);
			assert_true(run.rec.worked_ns <= sm_now_ns());
			assert_int_equal(run.child.out, -1);
		}
		su_stop(&s);
	}
}

#define EACH(fn)                                                                        \
	{ "forkserver: " #fn, fn, NULL, NULL, (void *)(uintptr_t) "forkserver" },       \
		{ "subreaper: " #fn, fn, NULL, NULL, (void *)(uintptr_t) "subreaper" }, \
		{ "zygote: " #fn, fn, NULL, NULL, (void *)(uintptr_t) "zygote" },       \
	{                                                                               \
		"zygote3: " #fn, fn, NULL, NULL, (void *)(uintptr_t) "zygote3"          \
	}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		EACH(the_server_has_nothing_of_the_parent),
		EACH(a_preload_that_dies_is_told_with_its_status),
		EACH(a_preload_that_hangs_times_out),
		cmocka_unit_test(a_dead_zygote_is_an_error_at_once),
		cmocka_unit_test(a_dead_fork_server_is_replaced),
		cmocka_unit_test(a_fork_server_without_its_name_is_replaced),
		cmocka_unit_test(a_fork_server_that_cannot_be_replaced_is_told),
		EACH(a_request_under_way_gets_its_error),
		EACH(children_outlive_their_server),
		EACH(a_stopped_server_is_a_timeout),
		EACH(a_full_table_in_the_server_is_a_clean_error),
		EACH(a_full_table_at_the_start_is_a_clean_error),
		EACH(the_server_goes_with_its_last_client),
		cmocka_unit_test(the_named_socket_is_private),
		cmocka_unit_test(a_client_that_talks_nonsense_is_refused),
		cmocka_unit_test(a_client_with_a_full_pipe_holds_up_nobody),
		cmocka_unit_test(the_fork_server_ignores_the_terminal),
		cmocka_unit_test(a_directory_that_cannot_be_made_is_told),
		cmocka_unit_test(a_long_directory_is_no_fault),
		cmocka_unit_test(noop_costs_nothing_and_raw_is_a_child),
	};
	int failed;

	if (getenv("SM_JOB"))
		return su_payload(argc, argv);
	sm_close_from(3, -1); /* what the caller leaked is no part of the counts */
	if (!mkdtemp(tmp))
		return 1;
	setenv("TMPDIR", tmp, 1);
	failed = cmocka_run_group_tests_name("servers", tests, NULL, NULL);
	if (rmdir(tmp) < 0)
		perror(tmp);
	return failed;
}
