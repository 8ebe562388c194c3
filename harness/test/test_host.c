/* SPDX-License-Identifier: MIT */
/*
 * test_host.c - a real host over a socket pair: every strategy through every command, and what
 * becomes of it when children, servers or the driver misbehave.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host_util.h"
#include "../driver/meter.h"
#include "../driver/run.h"
#include "../host/reader.h"
#include "../sys/sys.h"
#include "../wire/frame.h"

static struct host host; /* too big for a stack frame */

static int is_meter(const struct sm_ops *ops)
{
	return (ops->traits & SM_METER) != 0;
}

/* Orphans come to us, who are the subreaper: those of a shell that was killed, for one. */
static void reap_orphans(void)
{
	int64_t end_ns = sm_now_ns() + 5000000000LL;

	while (waitpid(-1, NULL, WNOHANG) >= 0) {
		assert_true(sm_now_ns() < end_ns);
		poll(NULL, 0, 1);
	}
	assert_int_equal(errno, ECHILD);
}

/* A test that failed leaves its host behind: it must not fail the others. */
static int clean_up(void **state)
{
	(void)state;
	if (host.pid) {
		sm_kill_child(host.pid);
		close(host.sock);
	}
	host.pid = 0;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	return 0;
}

static int latency(uint32_t n, uint32_t warmup, uint32_t timeout_ms)
{
	struct sm_cmd_latency cmd = { .n = n, .warmup = warmup, .timeout_ms = timeout_ms };

	return host_do(&host, SM_CMD_LATENCY, &cmd, sizeof(cmd));
}

static int load(uint32_t in_flight, uint32_t duration_ms)
{
	struct sm_cmd_load cmd = {
		.start_at_ns = sm_now_ns() + 5000000,
		.duration_ms = duration_ms,
		.in_flight = in_flight,
		.timeout_ms = 5000,
	};
	int end = host_do(&host, SM_CMD_LOAD, &cmd, sizeof(cmd));

	if (end == SM_MSG_DONE)
		assert_true(host.a.done.began_ns >= cmd.start_at_ns);
	return end;
}

/* The same, for as long as so many children take: on a busy machine none has ended in 20 ms. */
static int load_of(uint32_t in_flight, uint32_t least, uint32_t *ms)
{
	int end;

	while ((end = load(in_flight, *ms)) == SM_MSG_DONE && host.a.nsamples < least && *ms < 3000)
		*ms *= 2;
	return end;
}

static int hold(uint32_t n)
{
	struct sm_cmd_hold cmd = { .n = n, .timeout_ms = 5000 };

	return host_do(&host, SM_CMD_HOLD, &cmd, sizeof(cmd));
}

static void check_sample(const struct sm_ops *ops, const struct sm_sample *s)
{
	assert_int_equal(s->flags & SM_SAMPLE_FAILED, 0);
	assert_true(s->request_ns > 0 && s->request_ns <= s->created_ns);
	assert_true(s->request_ns <= s->entered_ns && s->entered_ns <= s->ready_ns);
	assert_true(s->ready_ns <= s->worked_ns && s->worked_ns <= s->recorded_ns);
	assert_true(s->created_ns <= s->recorded_ns && s->recorded_ns <= s->reaped_ns);
	assert_int_equal(s->status, 0);
	if (is_meter(ops))
		return;
	assert_true(s->pid > 0);
	assert_true(s->minflt >= 0);
	if (ops->traits & SM_OWN_SERVER && !(ops->traits & SM_AHEAD)) /* not asked by the request */
		assert_true(s->received_ns >= s->request_ns && s->cloning_ns >= s->received_ns);
}

static void check_latency(const struct sm_ops *ops)
{
	assert_int_equal(latency(5, 2, 5000), SM_MSG_DONE);
	assert_int_equal(host.a.nsamples, 7);
	assert_int_equal(host.a.done.children, 7);
	assert_int_equal(host.a.done.failed, 0);
	assert_int_equal(host.a.nnotes, 0);
	for (uint32_t i = 0; i < 7; i++) {
		check_sample(ops, &host.a.samples[i]);
		assert_int_equal(host.a.samples[i].flags & SM_SAMPLE_WARMUP, i < 2);
		if (i)
			assert_true(host.a.samples[i].request_ns >=
				    host.a.samples[i - 1].reaped_ns);
	}
	if (ops->traits & SM_OWN_SERVER)
		assert_true(host.a.done.server_pid > 0);
}

static void check_load(const struct sm_ops *ops)
{
	const bool one = ops->traits & SM_REUSES_PROCESS; /* at a time */
	uint32_t overlaps = 0, ms = 60;

	if (!strcmp(ops->name, "noop"))
		return; /* a million samples a second */
	assert_int_equal(load_of(one ? 1 : 4, 4, &ms), SM_MSG_DONE);
	assert_true(host.a.done.children >= 4);
	assert_int_equal(host.a.done.failed, 0);
	assert_int_equal(host.a.done.children, host.a.nsamples);
	for (uint32_t i = 0; i < host.a.nsamples; i++) {
		const struct sm_sample *s = &host.a.samples[i];

		check_sample(ops, s);
		assert_true(s->request_ns >= host.a.done.began_ns);
		assert_true(s->request_ns < host.a.done.began_ns + ms * INT64_C(1000000));
		assert_true(s->reaped_ns <= host.a.done.ended_ns);
		if (i)
			overlaps += s->request_ns < host.a.samples[i - 1].reaped_ns;
	}
	if (!is_meter(ops))
		assert_int_equal(overlaps > 0, !one); /* more than one was in flight */
}

/* One process serves all: a second request beside the first is refused, and the first goes on. */
static void check_hold_one(void)
{
	assert_int_equal(hold(1), SM_MSG_DONE);
	assert_int_equal(host.a.npids, 1);
	assert_int_equal(hold(1), SM_MSG_FAULT);
	assert_int_equal(host_do(&host, SM_CMD_WORK, NULL, 0), SM_MSG_DONE);
	assert_int_equal(host.a.done.children, 1);
	assert_int_equal(host_do(&host, SM_CMD_RELEASE, NULL, 0), SM_MSG_DONE);
	assert_int_equal(host.a.done.children, 1);
}

static void check_hold(const struct sm_ops *ops)
{
	int32_t pids[3];

	if (is_meter(ops)) {
		assert_int_equal(hold(1), SM_MSG_FAULT);
		assert_int_equal(host.a.fault.err, EOPNOTSUPP);
		return;
	}
	if (ops->traits & SM_REUSES_PROCESS) {
		check_hold_one();
		return;
	}
	assert_int_equal(hold(2), SM_MSG_DONE);
	assert_int_equal(host.a.npids, 2);
	memcpy(pids, host.a.pids, 2 * sizeof(pids[0]));
	assert_int_equal(hold(1), SM_MSG_DONE); /* one more: only the new one is named */
	assert_int_equal(host.a.npids, 1);
	pids[2] = host.a.pids[0];
	for (int i = 0; i < 3; i++)
		assert_int_equal(kill(pids[i], 0), 0);
	assert_int_equal(host_do(&host, SM_CMD_WORK, NULL, 0), SM_MSG_DONE);
	assert_int_equal(host.a.done.children, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(kill(pids[i], 0), 0);
	assert_int_equal(host_do(&host, SM_CMD_RELEASE, NULL, 0), SM_MSG_DONE);
	assert_int_equal(host.a.done.children, 3);
	for (int i = 0; i < 3; i++)
		assert_true(gone_within(pids[i], 2000));
}

static void every_strategy_obeys_every_command(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < sm_strategy_count; i++) {
		const struct sm_ops *ops = sm_strategies[i];
		int before;
		pid_t server;

		print_message("           %s\n", ops->name);
		host_start(&host, ops->name);
		assert_int_equal(host_open(&host, NULL, NULL), SM_MSG_DONE);
		server = host.a.done.server_pid;
		assert_int_equal(latency(1, 0, 5000), SM_MSG_DONE);
		before = count_fds(host.pid);
		check_latency(ops);
		check_load(ops);
		check_hold(ops);
		check_latency(ops); /* a refused hold leaves it usable */
		assert_int_equal(count_fds(host.pid), before);
		host_close(&host);
		if (server)
			assert_true(gone_within(server, 2000));
	}
}

static void wrong_commands_are_refused(void **state)
{
	const char *const nowhere[] = { "/nonexistent/program", NULL };
	uint32_t junk = 7;

	(void)state;
	host_start(&host, "popen");
	assert_int_equal(latency(1, 0, 1000), SM_MSG_FAULT); /* not open */
	assert_int_equal(host.a.fault.stage, SM_STAGE_ARGUMENT);
	assert_int_equal(host_do(&host, 77, NULL, 0), SM_MSG_FAULT);
	assert_int_equal(host_do(&host, SM_CMD_OPEN, &junk, sizeof(junk)), SM_MSG_FAULT);
	assert_int_equal(host_open(&host, nowhere, NULL), SM_MSG_DONE);
	assert_int_equal(host_open(&host, NULL, NULL), SM_MSG_FAULT); /* twice */
	assert_int_equal(host_do(&host, SM_CMD_LATENCY, &junk, sizeof(junk)), SM_MSG_FAULT);
	assert_int_equal(latency(2, 0, 1000), SM_MSG_DONE); /* a failed exec is no fault of ours */
	assert_int_equal(host.a.done.failed, 2);
	assert_int_equal(host.a.samples[0].stage, SM_STAGE_EXEC);
	assert_int_equal(host.a.samples[0].err, ENOENT);
	assert_int_equal(host.a.nnotes, 1);
	assert_int_equal(host.a.notes[0].count, 2);
	assert_int_equal(load(300, 10), SM_MSG_FAULT);
	assert_int_equal(hold(300), SM_MSG_FAULT);
	host_close(&host);
}

static void a_child_that_never_answers_costs_its_sample(void **state)
{
	const char *const argv[] = { "/bin/sleep", "1000", NULL };
	int64_t began = sm_now_ns();
	int before;

	(void)state;
	host_start(&host, "vfork");
	assert_int_equal(host_open(&host, argv, NULL), SM_MSG_DONE);
	before = count_fds(host.pid);
	assert_int_equal(latency(5, 0, 100), SM_MSG_DONE);
	assert_true(sm_now_ns() - began < 5000000000LL);
	assert_int_equal(host.a.nsamples, 5);
	assert_int_equal(host.a.done.failed, 5);
	for (int i = 0; i < 5; i++) {
		const struct sm_sample *s = &host.a.samples[i];

		assert_true(s->flags & SM_SAMPLE_FAILED);
		assert_int_equal(s->stage, SM_STAGE_TIMEOUT);
		assert_int_equal(s->err, i < 3 ? ETIMEDOUT : ECANCELED);
		if (i < 3) {
			assert_int_equal(s->status, SIGKILL);
			assert_true(s->created_ns > s->request_ns);
			assert_true(gone_within(s->pid, 0));
		}
	}
	assert_int_equal(host.a.nnotes, 2);
	assert_int_equal(count_fds(host.pid), before);
	host_close(&host);
}

/* A shell that does this, then becomes the payload none. */
static const char *const *shell(const char *before)
{
	static char script[8192];
	static const char *argv[] = { "/bin/sh", "-c", script, NULL };

	snprintf(script, sizeof(script), "%s%s", before, built("payloads/none"));
	return argv;
}

static void what_is_printed_before_the_record_is_skipped(void **state)
{
	(void)state;
	host_start(&host, "popen");
	assert_int_equal(
		host_open(&host,
			  shell("i=0; while [ $i -lt 100 ]; do echo 'hello record\376'; "
				"echo warning >&2; i=$((i+1)); done; printf '\\nreco'; exec "),
			  NULL),
		SM_MSG_DONE);
	assert_int_equal(latency(3, 0, 5000), SM_MSG_DONE);
	assert_int_equal(host.a.done.children, 3);
	assert_int_equal(load_of(2, 2, &(uint32_t){ 20 }), SM_MSG_DONE);
	assert_true(host.a.done.children >= 2);
	assert_int_equal(host.a.done.failed, 0);
	host_close(&host);
}

static void a_child_without_a_record_leaves_its_last_words(void **state)
{
	(void)state;
	host_start(&host, "popen");
	assert_int_equal(host_open(&host, shell("echo one >&2; echo last words >&2; exit 3; "),
				   NULL),
			 SM_MSG_DONE);
	assert_int_equal(latency(2, 0, 5000), SM_MSG_DONE);
	assert_int_equal(host.a.done.failed, 2);
	assert_int_equal(host.a.samples[1].stage, SM_STAGE_RECORD);
	assert_int_equal(host.a.samples[1].status, 3 << 8);
	assert_int_equal(host.a.nnotes, 1);
	assert_int_equal(host.a.notes[0].count, 2);
	assert_non_null(strstr(host.a.notes[0].fault.text, "one | last words"));
	assert_int_equal(load_of(3, 3, &(uint32_t){ 20 }), SM_MSG_DONE);
	assert_int_equal(host.a.done.children, 0);
	assert_int_equal(host.a.done.failed, host.a.nsamples);
	assert_true(host.a.nsamples >= 3);
	assert_int_equal(host.a.nnotes, 1);
	assert_int_equal(host.a.notes[0].count, host.a.nsamples);
	assert_int_equal(hold(1), SM_MSG_FAULT);
	assert_non_null(strstr(host.a.fault.text, "last words"));
	host_close(&host);
}

static void the_last_words_are_the_ones_that_are_kept(void **state)
{
	struct sm_tail tail = { .have = SM_TAIL_BYTES };
	char text[64] = "prefix: ";

	(void)state;
	memset(tail.buf, 'x', sizeof(tail.buf));
	memcpy(tail.buf + SM_TAIL_BYTES - 10, "Error\nEnd\n", 10);
	sm_tail_text(&tail, text, sizeof(text));
	assert_int_equal(strlen(text), sizeof(text) - 1);
	assert_int_equal(strncmp(text, "prefix: xx", 10), 0);
	assert_string_equal(text + strlen(text) - 12, "xError | End");
	for (size_t i = 0; i < sizeof(tail.buf); i++) /* the longest line a tail can make */
		tail.buf[i] = i % 2 ? '\n' : 'a';
	sm_tail_text(&tail, text, sizeof(text)); /* full: nothing is added */
	text[0] = '\0';
	sm_tail_text(&tail, text, sizeof(text));
	assert_string_equal(text + strlen(text) - 5, "a | a");
}

static void a_chatty_child_does_not_block_the_load(void **state)
{
	(void)state;
	host_start(&host, "vfork");
	assert_int_equal(host_open(&host, shell("head -c 300000 /dev/zero >&2; exec "), NULL),
			 SM_MSG_DONE);
	assert_int_equal(load_of(2, 2, &(uint32_t){ 20 }), SM_MSG_DONE);
	assert_int_equal(host.a.done.failed, 0);
	assert_true(host.a.done.children >= 2);
	assert_int_equal(latency(1, 0, 300), SM_MSG_DONE);
	assert_int_equal(host.a.samples[0].stage, SM_STAGE_TIMEOUT);
	assert_non_null(strstr(host.a.notes[0].fault.text, "filled its stderr"));
	host_close(&host);
	reap_orphans(); /* the shell's head */
}

static void a_child_that_floods_its_output_is_bounded(void **state)
{
	static const struct {
		const char *script;
		int stage;
	} floods[] = {
		{ "exec yes; ", SM_STAGE_TIMEOUT },
		{ "exec yes >&2; ", SM_STAGE_RECORD }, /* its stdout is closed by that */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
		host_start(&host, "vfork");
		assert_int_equal(host_open(&host, shell(floods[i].script), NULL), SM_MSG_DONE);
		assert_int_equal(latency(1, 0, 200), SM_MSG_DONE);
		assert_int_equal(host.a.done.failed, 1);
		assert_int_equal(host.a.samples[0].stage, floods[i].stage);
		host_close(&host);
	}
}

static void nothing_outlives_a_driver_that_has_gone(void **state)
{
	static const char *const names[] = { "popen", "zygote", "forkserver", "fork" };
	struct sm_cmd_load cmd = { .duration_ms = 600000, .in_flight = 4, .timeout_ms = 5000 };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		pid_t server;

		print_message("           %s\n", names[i]);
		host_start(&host, names[i]);
		assert_int_equal(host_open(&host, NULL, NULL), SM_MSG_DONE);
		server = host.a.done.server_pid;
		assert_int_equal(hold(3), SM_MSG_DONE);
		host_say(&host, SM_CMD_LOAD, &cmd, sizeof(cmd)); /* ten minutes of load */
		host.a.npids = 0;
		assert_int_equal(host_read(&host), SM_MSG_SAMPLES);
		assert_int_equal(host_join(&host), 0);
		if (server)
			assert_true(gone_within(server, 2000));
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* we are the subreaper */
		assert_int_equal(errno, ECHILD);
	}
}

static void a_child_that_hangs_does_not_outlive_the_driver(void **state)
{
	const char *const argv[] = { "/bin/sleep", "1000", NULL };
	struct sm_cmd_latency cmd = { .n = 1, .timeout_ms = 600000 };

	(void)state;
	host_start(&host, "popen");
	assert_int_equal(host_open(&host, argv, NULL), SM_MSG_DONE);
	host_say(&host, SM_CMD_LATENCY, &cmd, sizeof(cmd));
	assert_int_equal(host_join(&host), 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* Zygote: the rest of the block fails, at once. Fork server: another takes over; few fail. */
static void a_server_killed_in_mid_block_is_told_or_replaced(void **state)
{
	static const char *const names[] = { "zygote", "forkserver" };
	struct sm_cmd_latency cmd = { .n = 2000, .timeout_ms = 1000 };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int64_t began = sm_now_ns();

		print_message("           %s\n", names[i]);
		host_start(&host, names[i]);
		assert_int_equal(host_open(&host, NULL, NULL), SM_MSG_DONE);
		pid_t server = host.a.done.server_pid;

		host_say(&host, SM_CMD_LATENCY, &cmd, sizeof(cmd));
		assert_int_equal(host_read(&host), SM_MSG_SAMPLES); /* in the midst of it */
		assert_int_equal(kill(server, SIGKILL), 0);
		assert_int_equal(host_finish(&host), SM_MSG_DONE);
		assert_int_equal(host.a.nsamples, 2000);
		assert_int_equal(host.a.done.children + host.a.done.failed, 2000);
		if (i == 0) {
			assert_true(host.a.done.children >= 256 && host.a.done.failed > 0);
			assert_true(host.a.nnotes > 0);
			assert_true(host.a.samples[1999].flags & SM_SAMPLE_FAILED);
			assert_true(host.a.samples[1999].stage != SM_STAGE_NONE);
		} else {
			/* While it dies, connections to it may still succeed, and break. */
			assert_true(host.a.done.failed <= 16);
			assert_int_equal(host.a.samples[1999].flags & SM_SAMPLE_FAILED, 0);
			assert_int_not_equal(host.a.done.server_pid, server);
		}
		assert_true(sm_now_ns() - began < 60000000000LL);
		host_close(&host);
		reap_orphans(); /* a child that was under way at that moment */
	}
}

static long count_maps(pid_t pid)
{
	char path[64];
	FILE *f;
	long n = 0;
	int c;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while ((c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

/* Counted page by page: VmRSS in status is what each CPU has told of so far, with pages of files. */
static long anon_kb(pid_t pid)
{
	char path[64], line[256];
	FILE *f;
	long kb = -1;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "Anonymous: %ld", &kb);
	fclose(f);
	return kb;
}

static int64_t count_tasks(pid_t pid)
{
	struct sm_image image;

	sm_proc_image(pid, &image);
	return image.threads;
}

static void the_parents_image_is_what_was_asked_for(void **state)
{
	struct sm_cmd_open cmd = { .start_timeout_ms = 5000 };
	long fds, maps, rss;

	(void)state;
	cmd.ballast_threads = 7; /* their stacks, and what a sanitizer adds to each, are in maps */
	host_start(&host, "vfork");
	assert_int_equal(host_open(&host, NULL, &cmd), SM_MSG_DONE);
	assert_int_equal(count_tasks(host.pid), 1 + 7);
	fds = count_fds(host.pid);
	maps = count_maps(host.pid);
	rss = anon_kb(host.pid);
	host_close(&host);

	cmd.ballast_mib = 16;
	cmd.ballast_vmas = 200;
	cmd.ballast_fds = 50;
	host_start(&host, "vfork");
	assert_int_equal(host_open(&host, NULL, &cmd), SM_MSG_DONE);
	assert_int_equal(count_fds(host.pid), fds + 50);
	assert_int_equal(count_tasks(host.pid), 1 + 7);
	assert_in_range(count_maps(host.pid), maps + 200, maps + 210);
	assert_in_range(anon_kb(host.pid), rss + 16 * 1024 - 256, rss + 16 * 1024 + 512);
	assert_int_equal(latency(2, 0, 5000), SM_MSG_DONE);
	assert_int_equal(host.a.done.failed, 0);
	host_close(&host);

	cmd.ballast_fds = 4000000000u;
	host_start(&host, "vfork");
	assert_int_equal(host_open(&host, NULL, &cmd), SM_MSG_FAULT);
	assert_int_equal(host.a.fault.stage, SM_STAGE_IMAGE);
	assert_non_null(strstr(host.a.fault.text, "ballast_fds"));
	cmd.ballast_fds = 0; /* and can be asked for less */
	assert_int_equal(host_open(&host, NULL, &cmd), SM_MSG_DONE);
	host_close(&host);
}

static void calibration_is_bounded_and_plausible(void **state)
{
	int64_t began = sm_now_ns();

	(void)state;
	host_start(&host, "noop");
	assert_int_equal(host_do(&host, SM_CMD_CALIBRATE, NULL, 0), SM_MSG_DONE);
	assert_true(sm_now_ns() - began < 3000000000LL);
	assert_true(host.a.nvalues >= 6);
	for (uint32_t i = 0; i < host.a.nvalues; i++) {
		const struct sm_msg_value *v = &host.a.values[i];

		assert_true(v->n > 10);
		assert_true(v->lo <= v->p50 && v->p50 <= v->hi);
		assert_true(v->p50 > 0 && v->p50 < 1e7);
	}
	assert_string_equal(host.a.values[0].name, "clock_read_ns");
	host_close(&host);
}

/* However the bytes come: cut at every place, behind any noise. */
static void a_record_is_found_at_every_cut(void **state)
{
	const char noise[] = "words\nrecord\nrec";
	const size_t before = sizeof(noise) - 1, whole = before + sizeof(struct sm_record);
	struct sm_record sent = { .magic = SM_RECORD_MAGIC, .size = sizeof(sent), .pid = 4711 };
	char bytes[256];

	(void)state;
	memcpy(bytes, noise, before);
	memcpy(bytes + before, &sent, sizeof(sent));
	for (size_t cut = 1; cut < whole; cut++) {
		struct sm_reader reader = { .have = 0 };
		struct sm_record rec = { .pid = 0 };
		int ends[2];

		assert_int_equal(pipe(ends), 0);
		assert_int_equal(write(ends[1], bytes, cut), cut);
		assert_int_equal(sm_reader_feed(&reader, ends[0], &rec), 0);
		assert_int_equal(write(ends[1], bytes + cut, whole - cut), whole - cut);
		assert_int_equal(sm_reader_feed(&reader, ends[0], &rec), 1);
		assert_memory_equal(&rec, &sent, sizeof(rec));
		close(ends[1]);
		assert_int_equal(sm_reader_feed(&reader, ends[0], &rec), -EPIPE);
		close(ends[0]);
	}
}

static void bad_ops_are_refused_with_a_message(void **state)
{
	struct sm_ops ops;
	struct sm_frame f;
	struct sm_fault fault;
	int pair[2];

	(void)state;
	for (int i = 0; i < 3; i++) {
		ops = *sm_strategy("popen");
		if (i == 0)
			ops.size = 16;
		else if (i == 1)
			ops.wait = NULL;
		else
			ops.traits |= SM_PARENT_LOADS; /* without a payload */
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		assert_int_equal(sm_host(&ops, pair[1], NULL), -EINVAL);
		assert_int_equal(sm_frame_recv(pair[0], &f, &fault, sizeof(fault), 1000), 0);
		assert_int_equal(f.type, SM_MSG_FAULT);
		assert_int_equal(fault.err, EINVAL);
		assert_true(fault.text[0]);
		assert_int_equal(sm_frame_recv(pair[0], &f, &fault, sizeof(fault), 1000), -EPIPE);
		close(pair[0]);
	}
}

static void an_old_callers_ops_still_work(void **state)
{
	struct sm_ops ops = *sm_strategy("popen");
	int pair[2];

	(void)state;
	ops.size = offsetof(struct sm_ops, server);
	ops.server = (pid_t(*)(void *))(uintptr_t)8; /* behind what it knows: never looked at */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(sm_frame_send(pair[0], SM_CMD_CALIBRATE, "x", 1, NULL, 0), 0);
	assert_int_equal(sm_frame_send(pair[0], SM_CMD_CLOSE, NULL, 0, NULL, 0), 0);
	assert_int_equal(sm_host(&ops, pair[1], NULL), 0);
	close(pair[0]);
}

/* All that the strategy has, alive and waiting; who makes none ahead is not asked. */
static void those_that_wait_are_told(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < sm_strategy_count; i++) {
		const struct sm_ops *ops = sm_strategies[i];
		uint32_t n;

		if (!(ops->traits & SM_AHEAD) && strcmp(ops->name, "zygote") != 0)
			continue;
		host_start(&host, ops->name);
		assert_int_equal(host_open(&host, NULL, NULL), SM_MSG_DONE);
		if (!(ops->traits & SM_AHEAD)) {
			assert_int_equal(host_do(&host, SM_CMD_SPARES, NULL, 0), SM_MSG_FAULT);
			assert_int_equal(host.a.fault.err, EOPNOTSUPP);
			host_close(&host);
			continue;
		}
		assert_int_equal(host_do(&host, SM_CMD_SPARES, NULL, 0), SM_MSG_DONE);
		n = host.a.npids;
		assert_int_equal(host.a.done.children, n);
		assert_true(n > 0);
		assert_int_equal(latency(2, 0, 5000), SM_MSG_DONE);
		assert_int_equal(host_do(&host, SM_CMD_SPARES, NULL, 0), SM_MSG_DONE);
		assert_int_equal(host.a.npids, n); /* those that were taken are replaced */
		for (uint32_t k = 0; k < n; k++)
			assert_int_equal(kill(host.a.pids[k], 0), 0);
		host_close(&host);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(every_strategy_obeys_every_command, clean_up),
		cmocka_unit_test_teardown(wrong_commands_are_refused, clean_up),
		cmocka_unit_test_teardown(a_child_that_never_answers_costs_its_sample, clean_up),
		cmocka_unit_test_teardown(what_is_printed_before_the_record_is_skipped, clean_up),
		cmocka_unit_test_teardown(a_child_without_a_record_leaves_its_last_words, clean_up),
		cmocka_unit_test(the_last_words_are_the_ones_that_are_kept),
		cmocka_unit_test_teardown(a_chatty_child_does_not_block_the_load, clean_up),
		cmocka_unit_test_teardown(a_child_that_floods_its_output_is_bounded, clean_up),
		cmocka_unit_test_teardown(nothing_outlives_a_driver_that_has_gone, clean_up),
		cmocka_unit_test_teardown(a_child_that_hangs_does_not_outlive_the_driver, clean_up),
		cmocka_unit_test_teardown(a_server_killed_in_mid_block_is_told_or_replaced,
					  clean_up),
		cmocka_unit_test_teardown(the_parents_image_is_what_was_asked_for, clean_up),
		cmocka_unit_test_teardown(calibration_is_bounded_and_plausible, clean_up),
		cmocka_unit_test_teardown(a_record_is_found_at_every_cut, clean_up),
		cmocka_unit_test_teardown(bad_ops_are_refused_with_a_message, clean_up),
		cmocka_unit_test_teardown(an_old_callers_ops_still_work, clean_up),
		cmocka_unit_test_teardown(those_that_wait_are_told, clean_up),
	};

	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) /* so that nothing can hide */
		return 1;
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
