/* SPDX-License-Identifier: MIT */
/*
 * test_attr_fds.c - the descriptors that a request names, with every strategy that makes children.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "spawn_util.h"
#include "strategies/forkserver.h"
#include "strategies/request.h"
#include "sys/attr.h"
#include "sys/sys.h"
#include "wire/frame.h"

static int is_posix_spawn(const char *strategy)
{
	return strcmp(strategy, "posix_spawn") == 0;
}

#define MANY 300

/* $TMPDIR, so that the one socket in it is that of the server under test. */
static char tmp[] = "/tmp/sm-test-XXXXXX";

/* Files of our own, each another inode, and a request that hands some of them over. */
struct files {
	int fd[MANY];
	int n;
	struct sm_req_fd table[MANY];
	struct sm_req req;
};

static void open_files(struct files *f, int n)
{
	f->n = n;
	for (int i = 0; i < n; i++) {
		f->fd[i] = memfd_create("f", MFD_CLOEXEC);
		assert_true(f->fd[i] >= 0);
	}
	f->req = (struct sm_req){ .timeout_ms = SU_WAIT_MS, .fields = SM_REQ_FDS, .fds = f->table };
}

static void close_files(struct files *f)
{
	for (int i = 0; i < f->n; i++)
		close(f->fd[i]);
}

static void hand(struct files *f, int src, int dst)
{
	assert_true(f->req.nfds < MANY);
	f->table[f->req.nfds++] = (struct sm_req_fd){ .src = src, .dst = dst };
}

static unsigned long inode(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (unsigned long)st.st_ino;
}

/* How many descriptors a text of say_fds() names. */
static unsigned int count_said(const char *said)
{
	unsigned int n = 0;

	for (; *said; said++)
		n += *said == ':';
	return n;
}

/*
 * Spawns the request and reads what the child holds: from its stdout, or from the file that took
 * its place. Asserts that it is what was asked for, and where nothing may be inherited, no more.
 */
static void expect_exact(struct su *s, struct files *f, struct su_run *run)
{
	const char *env[] = { "SU_FDS=1", NULL };
	struct su_run *r = run;
	char said[8192] = "", want[64];
	unsigned int above = 0;
	int out = -1, before, err;

	su_rest(s);
	before = su_count_fds(getpid());
	err = su_spawn_req(s, r, &f->req, env);

	if (err)
		print_message("%s: %s (stage %d, %s)\n", s->ops->name, strerror(-err),
			      s->fault.stage, s->fault.text);
	assert_int_equal(err, 0);
	for (uint32_t i = 0; i < f->req.nfds; i++) {
		if (f->table[i].dst == 1)
			out = f->table[i].src;
		above += f->table[i].dst > 2;
	}
	assert_int_equal(r->child.out < 0, out >= 0);
	su_finish(s, r);
	assert_int_equal(r->exit.status, 0);
	if (out < 0)
		memcpy(said, r->out, sizeof(said) - 1);
	else
		assert_true(pread(out, said, sizeof(said) - 1, 0) > 0);
	for (uint32_t i = 0; i < f->req.nfds; i++) {
		snprintf(want, sizeof(want), " %d:%lu ", f->table[i].dst, inode(f->table[i].src));
		if (!strstr(said, want))
			fail_msg("%s: no \"%s\" in:%s", s->ops->name, want, said);
	}
	if (!(s->ops->traits & SM_NEGATIVE_CONTROL))
		assert_int_equal(count_said(said), 3 + above);
	su_rest(s);
	assert_int_equal(su_count_fds(getpid()), before);
	if (out >= 0)
		assert_int_equal(ftruncate(out, 0), 0);
	if (out >= 0)
		assert_int_equal(lseek(out, 0, SEEK_SET), 0);
}

/* What is told before there is any child. */
static void refused(struct su *s, const struct sm_req *req, int err)
{
	struct su_run run;

	assert_int_equal(su_spawn_req(s, &run, req, NULL), -err);
	assert_int_equal(s->fault.stage, SM_STAGE_ATTR);
	assert_int_equal(s->fault.err, err);
	assert_int_equal(s->fault.detail, SM_REQ_FDS);
	su_good(s, &run, NULL);
}

static void each_pipe_can_be_replaced(void **state)
{
	struct su s;
	struct su_run run;
	struct files f;

	assert_int_equal(su_start(&s, *state, NULL), 0);
	for (int set = 0; set < 8; set++) {
		memset(&f, 0, sizeof(f));
		open_files(&f, 3);
		for (int i = 0; i < 3; i++) {
			if (set & 1 << i)
				hand(&f, f.fd[i], i);
		}
		expect_exact(&s, &f, &run);
		assert_int_equal(run.child.in < 0, set & 1);
		assert_int_equal(run.child.out < 0, !!(set & 2));
		assert_int_equal(run.child.err < 0, !!(set & 4));
		close_files(&f);
	}
	su_stop(&s);
}

static void permute(void **state)
{
	static const int orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					  { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	struct su s;
	struct su_run run;

	assert_int_equal(su_start(&s, *state, NULL), 0);
	for (int i = 0; i < 6; i++) {
		struct files f = { .n = 0 };

		open_files(&f, 0);
		for (int dst = 0; dst < 3; dst++)
			hand(&f, orders[i][dst], dst);
		expect_exact(&s, &f, &run);
		hand(&f, orders[i][0], 3); /* and with one more above, another way */
		expect_exact(&s, &f, &run);
	}
	su_stop(&s);
}

/*
 * In a process of its own, whose 0, 1 and 2 are files. Assertions need somebody to return to, so
 * it has a runner of its own as well.
 */
static int with_files_as_stdio(void *arg)
{
	const struct CMUnitTest one[] = { { "permute", permute, NULL, NULL, arg } };

	for (int i = 0; i < 3; i++) {
		int fd = memfd_create("stdio", 0);

		if (fd < 0 || dup2(fd, i) < 0 || (fd > 2 && close(fd)))
			return 1;
	}
	return cmocka_run_group_tests(one, NULL, NULL);
}

static void permutations_of_stdio(void **state)
{
	su_in_fork(with_files_as_stdio, *state);
}

/* Sources and destinations are the same numbers, turned by one; by as many as there are. */
static void swaps_above_stdio(void **state)
{
	struct su s;
	struct su_run run;
	struct files f = { .n = 0 };

	assert_int_equal(su_start(&s, *state, NULL), 0);
	open_files(&f, 40);
	for (int by = 0; by < 40; by += 13) { /* 0: each is already where it goes, close-on-exec */
		f.req.nfds = 0;
		for (int i = 0; i < 40; i++)
			hand(&f, f.fd[i], f.fd[(i + by) % 40]);
		expect_exact(&s, &f, &run);
	}
	f.req.nfds = 0;
	for (int i = 0; i < 40; i++) /* backwards */
		hand(&f, f.fd[i], f.fd[39 - i]);
	expect_exact(&s, &f, &run);
	close_files(&f);
	su_stop(&s);
}

static void several_share_one_source(void **state)
{
	struct su s;
	struct su_run run;
	struct files f = { .n = 0 };

	assert_int_equal(su_start(&s, *state, NULL), 0);
	open_files(&f, 2);
	for (int dst = 0; dst < 3; dst++)
		hand(&f, f.fd[0], dst);
	hand(&f, f.fd[0], f.fd[1]); /* each is the other's destination, and has a second one */
	hand(&f, f.fd[1], f.fd[0]);
	hand(&f, f.fd[1], 60);
	hand(&f, f.fd[0], 61);
	expect_exact(&s, &f, &run);
	close_files(&f);
	su_stop(&s);
}

/*
 * Every number from 3 to 40 is asked for, so that the internal descriptors, whichever they are,
 * stand in the way.
 */
static void internal_descriptors_make_room(void **state)
{
	struct sm_req_limit limit = { RLIMIT_CORE, 0, 0, 0 };
	struct su s;
	struct su_run run;
	struct files f = { .n = 0 };
	int root;

	assert_int_equal(su_start(&s, *state, NULL), 0);
	root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	open_files(&f, 1);
	for (int dst = 3; dst <= 40; dst++)
		hand(&f, f.fd[0], dst);
	expect_exact(&s, &f, &run);
	if (is_posix_spawn(*state)) /* offers neither of those below */
		goto out;
	f.req.fields |= SM_REQ_LIMITS | SM_REQ_CGROUP; /* the error's way out must still work */
	f.req.limits = &limit;
	f.req.nlimits = 1;
	f.req.cgroup_fd = root;
	if (s.ops->traits & SM_FRESH_IMAGE) {
		assert_int_equal(su_spawn_req(&s, &run, &f.req, NULL), -ENOENT);
		assert_int_equal(s.fault.detail, SM_REQ_CGROUP);
	} else {
		assert_int_equal(su_spawn_req(&s, &run, &f.req, NULL), 0);
		su_finish(&s, &run);
		assert_int_equal(run.rec.kind, SM_RECORD_FAULT);
		assert_int_equal(run.rec.err, ENOENT);
		assert_int_equal(run.rec.detail, SM_REQ_CGROUP);
	}
out:
	close(root);
	close_files(&f);
	su_stop(&s);
}

/* One source that is in the way of 200: out of it there are 50 numbers. */
static void share_one_in_a_tight_table(struct su *s)
{
	struct su_run run;
	struct files f = { .n = 0 };

	open_files(&f, 2);
	hand(&f, f.fd[1], f.fd[0]);
	for (int dst = 3; dst < 203; dst++) {
		if (dst != f.fd[0])
			hand(&f, f.fd[0], dst);
	}
	expect_exact(s, &f, &run);
	close_files(&f);
}

static void as_high_as_the_limit_allows(void **state)
{
	struct rlimit old, low = { 256, 0 };
	struct su s;
	struct su_run run;
	struct files f = { .n = 0 };

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(su_start(&s, *state, NULL), 0);
	open_files(&f, 1);
	/* posix_spawn has to name the first that it closes */
	hand(&f, f.fd[0], is_posix_spawn(*state) ? 254 : 255);
	expect_exact(&s, &f, &run);
	f.table[0].dst = 256;
	if (s.ops->traits & SM_FRESH_IMAGE) {
		assert_int_equal(su_spawn_req(&s, &run, &f.req, NULL), -EBADF);
		assert_int_equal(s.fault.stage, SM_STAGE_ATTR);
		assert_int_equal(s.fault.detail, SM_REQ_FDS);
	} else {
		assert_int_equal(su_spawn_req(&s, &run, &f.req, NULL), 0);
		su_finish(&s, &run);
		assert_int_equal(run.rec.kind, SM_RECORD_FAULT);
		assert_int_equal(run.rec.stage, SM_STAGE_ATTR);
		assert_int_equal(run.rec.err, EBADF);
		assert_int_equal(run.rec.detail, SM_REQ_FDS);
	}
	close_files(&f);
	if (!s.ops->server) /* to which each goes as a descriptor of its own */
		share_one_in_a_tight_table(&s);
	su_stop(&s);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

/* What was opened before the limit fell is closed too; and may be handed over. */
static void above_a_lowered_limit_all_is_closed(void **state)
{
	struct rlimit old, low;
	struct su s;
	struct su_run run;
	struct files f = { .n = 0 };
	int high, higher;

	assert_int_equal(su_start(&s, *state, NULL), 0);
	open_files(&f, 1);
	high = fcntl(f.fd[0], F_DUPFD, 900); /* not close-on-exec, on purpose */
	higher = fcntl(f.fd[0], F_DUPFD, 950);
	assert_true(high >= 900 && higher >= 950);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = 128;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	hand(&f, high, 5);
	hand(&f, high, high); /* nothing to move: beyond the limit it could not be moved back */
	hand(&f, f.fd[0], 100);
	if (is_posix_spawn(*state)) {
		assert_int_equal(su_spawn_req(&s, &run, &f.req, NULL), -EBADF);
		assert_int_equal(s.fault.stage, SM_STAGE_ATTR);
		assert_int_equal(s.fault.detail, SM_REQ_FDS);
		f.req.fields = 0;
		f.req.nfds = 0;
	}
	expect_exact(&s, &f, &run);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	close(high);
	close(higher);
	close_files(&f);
	su_stop(&s);
}

/* 250 and more, and one too many for a message; the server is none the worse for it. */
static void as_many_as_a_message_carries(void **state)
{
	const unsigned int room = strcmp(*state, "forkserver") == 0
					  ? SM_FRAME_FDS_MAX - SM_FORKSERVER_FDS
					  : SM_FRAME_FDS_MAX;
	struct su s;
	struct su_run run;
	struct files f = { .n = 0 };
	pid_t server;
	int resting;

	assert_int_equal(su_start(&s, *state, NULL), 0);
	server = s.ops->server ? s.ops->server(s.self) : 0;
	resting = server ? su_resting_fds(*state) : 0;
	open_files(&f, (int)room + 1);
	for (unsigned int i = 0; i < room; i++)
		hand(&f, f.fd[i], 3 + (int)i);
	expect_exact(&s, &f, &run);
	hand(&f, f.fd[room], 3 + (int)room);
	if (server)
		refused(&s, &f.req, EMSGSIZE);
	else
		expect_exact(&s, &f, &run);
	f.req.nfds--; /* the control group's goes beside them */
	f.req.fields |= SM_REQ_CGROUP;
	f.req.cgroup_fd = f.fd[0];
	if (server) {
		refused(&s, &f.req, EMSGSIZE);
		su_await_fds(server, resting);
	}
	close_files(&f);
	su_stop(&s);
}

static void a_table_that_is_wrong_is_refused(void **state)
{
	struct sm_req_fd much[SM_PLACES_MAX + 1];
	struct sm_req req = { .timeout_ms = SU_WAIT_MS, .fields = SM_REQ_FDS };
	struct su s;
	struct files f = { .n = 0 };
	const int twice[] = { 0, 1, 7, 300 };

	assert_int_equal(su_start(&s, *state, NULL), 0);
	open_files(&f, 2);
	for (size_t i = 0; i < sizeof(twice) / sizeof(twice[0]); i++) {
		f.req.nfds = 0;
		hand(&f, f.fd[0], twice[i]);
		hand(&f, f.fd[1], 9);
		hand(&f, f.fd[1], twice[i]);
		refused(&s, &f.req, EINVAL);
	}
	f.req.nfds = 0;
	hand(&f, f.fd[0], -1);
	refused(&s, &f.req, EINVAL);
	f.table[0] = (struct sm_req_fd){ .src = -1, .dst = 4 };
	refused(&s, &f.req, EBADF);
	f.table[0].src = 12345;
	refused(&s, &f.req, EBADF);
	f.table[0] = (struct sm_req_fd){ .src = 12345, .dst = 1 };
	refused(&s, &f.req, EBADF);
	f.req.fds = NULL;
	refused(&s, &f.req, EINVAL);
	for (int i = 0; i <= SM_PLACES_MAX; i++)
		much[i] = (struct sm_req_fd){ f.fd[0], 3 + i };
	req.fds = much;
	req.nfds = SM_PLACES_MAX + 1;
	refused(&s, &req, EMSGSIZE);
	close_files(&f);
	su_stop(&s);
}

static void fifty_spawns_with_descriptors_leave_nothing(void **state)
{
	struct su s;
	struct su_run run;
	struct files f = { .n = 0 };
	pid_t server;
	int resting;

	assert_int_equal(su_start(&s, *state, NULL), 0);
	server = s.ops->server ? s.ops->server(s.self) : 0;
	su_good(&s, &run, NULL);
	resting = su_resting_fds(*state);
	open_files(&f, 10);
	for (int i = 0; i < 10; i++)
		hand(&f, f.fd[i], 2 + i);
	for (int i = 0; i < 50; i++)
		expect_exact(&s, &f, &run);
	if (server)
		su_await_fds(server, resting);
	close_files(&f);
	su_stop(&s);
}

/* ---- what only somebody who means harm would send ---- */

static size_t pack(char *buf, size_t size)
{
	static const struct sm_req_limit limits[] = { { 4, 0, 1, 2 }, { 7, 0, 3, 4 } };
	static const struct sm_req_fd fds[] = { { 0, 9 }, { 1, 5 }, { 2, 1 } };
	static const uint32_t groups[] = { 10, 20, 30 };
	static const char *const args[] = { "a", NULL }, *const envp[] = { "B=c", NULL };
	const struct sm_req req = { .args = args,
				    .envp = envp,
				    .cwd = "/",
				    .fields = SM_REQ_ALL,
				    .umask = 022,
				    .sigmask = UINT64_C(1) << 40,
				    .pgid = 5,
				    .uid = 6,
				    .gid = 7,
				    .groups = groups,
				    .limits = limits,
				    .fds = fds,
				    .ngroups = 3,
				    .nlimits = 2,
				    .nfds = 3 };
	int n = sm_request_pack(buf, size, &req);

	return n < 0 ? 0 : (size_t)n;
}

static void a_request_goes_round(void **state)
{
	static struct sm_request got;
	static struct sm_places places;
	char buf[512] SM_REQUEST_ALIGNED;
	const int received[] = { 1, 2, 0, 77 };
	const struct sm_req *a = &got.attr;
	size_t n = pack(buf, sizeof(buf));

	(void)state;
	assert_true(n > 0);
	assert_int_equal(sm_request_unpack(&got, buf, n), 0);
	assert_string_equal(got.args[0], "a");
	assert_string_equal(got.envp[0], "B=c");
	assert_string_equal(got.cwd[0], "/");
	assert_true(a->fields == SM_REQ_ALL && a->umask == 022 && a->sigmask == UINT64_C(1) << 40);
	assert_true(a->pgid == 5 && a->uid == 6 && a->gid == 7);
	assert_true(a->nlimits == 2 && a->limits[1].resource == 7 && a->limits[1].hard == 4);
	assert_true(a->ngroups == 3 && a->groups[2] == 30);
	for (unsigned int k = 0; k <= 6; k++) { /* as many as were named, and the group's */
		if (k != 4)
			assert_int_equal(sm_request_adopt(&got, received, k, &places), -EPROTO);
	}
	assert_int_equal(sm_request_adopt(&got, received, 4, &places), 0);
	assert_int_equal(a->cgroup_fd, 77);
	assert_int_equal(places.n, 5);
	assert_true(places.at[0].src == -1 && places.at[1].src == 0 && places.at[2].src == -1);
	assert_true(places.at[3].src == 2 && places.at[3].dst == 5);
	assert_true(places.at[4].src == 1 && places.at[4].dst == 9);
}

/* Exact allocations, so that a sanitizer sees a byte too far. */
static void every_truncated_request_is_refused(void **state)
{
	static struct sm_request got;
	char buf[512] SM_REQUEST_ALIGNED;
	size_t n = pack(buf, sizeof(buf));

	(void)state;
	for (size_t size = 0; size < n; size++) {
		char *exact = malloc(size ? size : 1);

		assert_non_null(exact);
		memcpy(exact, buf, size);
		assert_int_equal(sm_request_unpack(&got, exact, size), -EPROTO);
		assert_int_equal(pack(exact, size), 0); /* nor is it overrun by the sender */
		free(exact);
	}
}

/* Each word in turn becomes what it must not be; whatever is taken stays within the buffer. */
static void every_wrong_word_is_survived(void **state)
{
	const uint32_t bad[] = { 0xffffffff, 0x7fffffff, 0x80000000, 1000, 1u << 10 };
	static struct sm_request got;
	char buf[512] SM_REQUEST_ALIGNED;
	size_t n = pack(buf, sizeof(buf));

	(void)state;
	for (size_t at = 0; at + 4 <= n; at += 4) {
		for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
			char *exact = malloc(n);
			int err;

			assert_non_null(exact);
			memcpy(exact, buf, n);
			memcpy(exact + at, &bad[k], 4);
			err = sm_request_unpack(&got, exact, n);
			if (at < 8 || (at >= 32 && at < 44)) /* fields, zero, the three counts */
				assert_int_equal(err, -EPROTO);
			for (uint32_t i = 0; !err && i < got.attr.nfds; i++)
				assert_in_range((uintptr_t)&got.attr.fds[i], (uintptr_t)exact,
						(uintptr_t)exact + n - sizeof(got.attr.fds[0]));
			free(exact);
		}
	}
}

static int dial(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	DIR *d = opendir(tmp);
	struct dirent *e;
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_non_null(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] != '.')
			snprintf(address.sun_path, sizeof(address.sun_path), "%s/%.40s/socket", tmp,
				 e->d_name);
	}
	closedir(d);
	assert_int_equal(connect(sock, (struct sockaddr *)&address, sizeof(address)), 0);
	return sock;
}

/* More descriptors than its request names: its child refuses, nobody keeps one. */
static void what_was_not_asked_for_is_closed(void **state)
{
	static char buf[4 + 512];
	struct sm_req req = { .envp = (const char *const[]){ "SM_JOB=child", NULL } };
	struct su s;
	struct su_run run;
	int request[2], status[2], fds[9], sock;
	uint32_t bytes;
	int64_t word;

	(void)state;
	assert_int_equal(su_start(&s, "forkserver", NULL), 0);
	bytes = (uint32_t)sm_request_pack(buf + 4, sizeof(buf) - 4, &req);
	memcpy(buf, &bytes, 4);
	assert_int_equal(pipe2(request, O_CLOEXEC), 0);
	assert_int_equal(pipe2(status, O_CLOEXEC), 0);
	sock = dial();
	for (int i = 0; i < 9; i++)
		fds[i] = request[0];
	fds[SM_FORKSERVER_STATUS] = status[1];
	assert_int_equal(write(request[1], buf, 4 + bytes), 4 + bytes);
	assert_int_equal(sm_frame_send(sock, SM_FORKSERVER_FORK, NULL, 0, fds, 9), 0);
	assert_int_equal(sm_read_all(status[0], &word, sizeof(word), SU_WAIT_MS), 0);
	assert_true(word > 0);
	assert_int_equal(sm_read_all(status[0], &word, sizeof(word), SU_WAIT_MS), 0);
	assert_int_equal(word, 1 << 8);
	su_good(&s, &run, NULL);
	su_await_fds(s.ops->server(s.self), 8);
	for (int i = 0; i < 2; i++) {
		close(request[i]);
		close(status[i]);
	}
	close(sock);
	su_stop(&s);
}

/* One test: a property and a strategy. */
static struct CMUnitTest tests[12 * SU_REAL_MAX + 4];
static char names[12 * SU_REAL_MAX][96];
static size_t ntests;

static void add(const char *property, CMUnitTestFunction fn)
{
	const char *real;

	for (unsigned int i = 0; i < SU_REAL_MAX && (real = su_real(i)); i++) {
		snprintf(names[ntests], sizeof(names[0]), "%s: %s", real, property);
		tests[ntests] = (struct CMUnitTest){ names[ntests], fn, NULL, NULL,
						     (void *)(uintptr_t)real };
		ntests++;
	}
}

#define ADD(fn)     add(#fn, fn)
#define ADD_ONE(fn) (tests[ntests++] = (struct CMUnitTest)cmocka_unit_test(fn))

int main(int argc, char **argv)
{
	int failed;

	if (getenv("SM_JOB"))
		return su_payload(argc, argv);
	sm_close_from(3, -1); /* what the caller leaked is no part of the counts */
	if (!mkdtemp(tmp))
		return 1;
	setenv("TMPDIR", tmp, 1);
	ADD(each_pipe_can_be_replaced);
	ADD(permutations_of_stdio);
	ADD(swaps_above_stdio);
	ADD(several_share_one_source);
	ADD(internal_descriptors_make_room);
	ADD(as_high_as_the_limit_allows);
	ADD(above_a_lowered_limit_all_is_closed);
	ADD(as_many_as_a_message_carries);
	ADD(a_table_that_is_wrong_is_refused);
	ADD(fifty_spawns_with_descriptors_leave_nothing);
	ADD_ONE(a_request_goes_round);
	ADD_ONE(every_truncated_request_is_refused);
	ADD_ONE(every_wrong_word_is_survived);
	ADD_ONE(what_was_not_asked_for_is_closed);
	failed = _cmocka_run_group_tests("attr_fds", tests, ntests, NULL, NULL);
	if (rmdir(tmp) < 0)
		perror(tmp);
	return failed;
}
