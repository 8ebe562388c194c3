/* SPDX-License-Identifier: MIT */
/* test_results.c - what was measured comes out of run.json and samples.bin.gz as it went in. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "../driver/collect.h"
#include "../driver/json.h"
#include "../driver/results.h"
#include "../driver/samples.h"
#include "run_util.h"

static const char *const two[] = { "popen", "zygote", NULL };

struct made {
	struct tiny t;
	struct sm_run run;
	struct sm_result results[RUN_CASES_MAX];
	struct sm_run_options opt;
	struct sm_folder folder;
};

/* `worked` is 1000 × (block + 1) + sample in microseconds; the others are fixed distances. */
static struct sm_sample sample_of(int block, int i)
{
	int64_t worked = (int64_t)(1000 * (block + 1) + i) * 1000, request = 5000000000;

	return (struct sm_sample){ .request_ns = request,
				   .created_ns = request + worked / 4,
				   .entered_ns = request + worked / 2,
				   .ready_ns = request + worked - 100,
				   .worked_ns = request + worked,
				   .recorded_ns = request + worked + 500,
				   .reaped_ns = request + worked + 700,
				   .utime_ns = 1000,
				   .stime_ns = -1,
				   .pid = 4242,
				   .nivcsw = i == 0 };
}

static void fill(struct sm_result *r, int blocks)
{
	r->accounting = SM_ACCT_CGROUP2;
	r->image = (struct sm_image){ .who = "server",
				      .rss_bytes = 4096,
				      .vmas = 7,
				      .fds = -1,
				      .threads = 1,
				      .copied_bytes = 4096,
				      .copied_tables = 1,
				      .anon_vmas = 3 };
	for (int b = 0; b < blocks; b++) {
		struct sm_block *block = sm_collect_one(&r->blocks, r->nblocks++, sizeof(*block));

		block->index = b;
		block->at_ns = 1 + b;
		block->instance = 99;
		block->cpu = (struct sm_cpu){ .user_ns = 30, .system_ns = 60, .total_ns = 100 };
		for (int i = -1; i < 3; i++) {
			struct sm_sample s = sample_of(b, i);

			s.flags = i < 0 ? SM_SAMPLE_WARMUP : 0;
			assert_int_equal(
				sm_collect_samples(&block->samples, &block->nsamples, &s, 1), 0);
		}
	}
}

static void make(struct made *m, int blocks)
{
	static char *argv[] = { (char *)"spawnmark", NULL };

	memset(m, 0, sizeof(*m));
	tiny_make(&m->t, two, blocks);
	fill(&m->results[0], blocks);
	m->run = (struct sm_run){ .plan = &m->t.plan, .results = m->results };
	snprintf(m->run.started, sizeof(m->run.started), "2026-01-02T03:04:05Z");
	m->opt = (struct sm_run_options){ .root = "/nonexistent", .argv = argv };
	snprintf(m->folder.path, sizeof(m->folder.path), "%s", m->t.dir);
}

static void drop(struct made *m)
{
	for (int i = 0; i < m->t.plan.ncases; i++)
		sm_result_free(&m->results[i]);
	tiny_free(&m->t);
}

static json_t *written(struct made *m)
{
	assert_int_equal(sm_results_write(&m->run, &m->opt, NULL, &m->folder), 0);
	assert_valid(m->t.dir);
	return tiny_results(&m->t);
}

static double number(json_t *o, const char *name)
{
	json_t *v = json_object_get(o, name);

	assert_true(json_is_number(v));
	return json_number_value(v);
}

/* A file says what its clock counts; the price of an emulated CPUID is nobody's. */
static void test_clock(void **state)
{
	struct sm_msg_value values[] = { { .name = "syscall_ns", .p50 = 90, .n = 5 },
					 { .name = "cpuid_ns", .p50 = 1, .n = 5 } };
	static const char *const kinds[] = { "time", "instructions" };
	struct made m;

	(void)state;
	make(&m, 2);
	m.run.calibration = values;
	m.run.ncalibration = 2;
	for (int clock = SM_CLOCK_TIME; clock <= SM_CLOCK_ICOUNT; clock++) {
		json_t *top, *mark, *o;

		m.t.plan.clock = (enum sm_clock)clock;
		top = written(&m);
		mark = json_object_get(json_object_get(top, "context"), "spawnmark");
		o = json_object_get(mark, "clock");
		assert_string_equal(json_string_value(json_object_get(o, "kind")), kinds[clock]);
		assert_int_equal(json_array_size(json_object_get(mark, "calibration")),
				 clock == SM_CLOCK_TIME ? 2 : 1);
		json_decref(top);
	}
	drop(&m);
}

static void test_metrics(void **state)
{
	struct made m;
	json_t *top, *c, *worked, *blocks;

	(void)state;
	make(&m, 7);
	top = written(&m);
	c = tiny_case(top, 0);
	worked = json_object_get(json_object_get(c, "metrics"), "worked");
	assert_int_equal(number(worked, "n"), 21); /* warm-ups are kept out */
	/* Block medians are 1001, 2001, … 7001 µs. */
	assert_float_equal(number(worked, "p50"), 4001000, 0.5);
	assert_float_equal(number(worked, "min"), 1000000, 0.5);
	assert_float_equal(number(worked, "max"), 7002000, 0.5);
	blocks = json_object_get(worked, "blocks");
	assert_int_equal(json_array_size(blocks), 7);
	assert_float_equal(json_number_value(json_array_get(blocks, 2)), 3001000, 0.5);
	assert_true(json_is_array(json_object_get(worked, "p50_ci")));
	assert_true(json_is_null(json_object_get(worked, "p999"))); /* 21 cannot carry it */
	assert_float_equal(number(json_object_get(json_object_get(c, "metrics"), "teardown"),
				  "p50"),
			   200, 0.5);
	assert_float_equal(number(json_object_get(c, "timeline"), "worked"), 4001000, 0.5);
	assert_true(json_is_null(json_object_get(json_object_get(c, "timeline"), "received")));
	assert_float_equal(number(json_object_get(c, "cpu"), "per_child_ns"), 25, 1e-9);
	assert_int_equal(number(json_object_get(c, "noise"), "flagged"), 7);
	assert_string_equal(json_string_value(json_object_get(c, "status")), "ok");
	assert_true(json_is_null(json_object_get(json_object_get(c, "image"), "fds")));
	/* The other case was never visited, and says so. */
	c = tiny_case(top, 1);
	assert_string_equal(json_string_value(json_object_get(c, "status")), "failed");
	assert_int_equal(json_array_size(json_object_get(c, "errors")), 1);
	assert_int_equal(json_array_size(json_object_get(top, "benchmarks")), 7 * 6);
	json_decref(top);
	drop(&m);
}

/* A meter's record comes with the exit: its teardown is 0, of which no tool can make a ratio. */
static void test_no_row_of_nothing(void **state)
{
	struct made m;
	struct sm_block *b;
	json_t *top, *row;
	size_t i;

	(void)state;
	make(&m, 7);
	b = &m.results[0].blocks[3];
	for (int k = 0; k < b->nsamples; k++)
		b->samples[k].recorded_ns = b->samples[k].reaped_ns;
	top = written(&m);
	assert_int_equal(json_array_size(json_object_get(top, "benchmarks")), 7 * 5);
	json_array_foreach(json_object_get(top, "benchmarks"), i, row)
	{
		assert_true(number(row, "real_time") > 0);
	}
	json_decref(top);
	drop(&m);
}

/* Warm-ups, failures and what nobody counted are in no number. */
static void test_faults(void **state)
{
	struct made m;
	struct sm_block *b;
	json_t *top, *c, *faults;

	(void)state;
	make(&m, 2);
	b = &m.results[0].blocks[0];
	for (int i = 0; i < b->nsamples; i++)
		b->samples[i].minflt = b->samples[i].majflt = 0;
	b->samples[0].minflt = 999; /* the warm-up */
	b->samples[2].majflt = 2;
	b = &m.results[0].blocks[1];
	for (int i = 0; i < b->nsamples; i++)
		b->samples[i].minflt = 7;
	b->samples[1].minflt = -1;
	b->samples[2].flags = SM_SAMPLE_FAILED;
	b->samples[3].majflt = 0;
	top = written(&m);
	c = tiny_case(top, 0);
	faults = json_object_get(c, "faults");
	assert_int_equal(number(faults, "n"), 4); /* 0, 2, 0 and 7 */
	assert_int_equal(number(faults, "none"), 2);
	assert_int_equal(number(faults, "p50"), 0);
	assert_int_equal(number(faults, "max"), 7);
	assert_true(json_is_null(json_object_get(tiny_case(top, 1), "faults")));
	json_decref(top);
	drop(&m);
}

static void test_few_blocks_have_no_interval(void **state)
{
	struct made m;
	json_t *top, *worked;

	(void)state;
	make(&m, 5);
	top = written(&m);
	worked = json_object_get(json_object_get(tiny_case(top, 0), "metrics"), "worked");
	assert_float_equal(number(worked, "p50"), 3001000, 0.5);
	assert_true(json_is_null(json_object_get(worked, "p50_ci")));
	assert_true(json_is_null(json_object_get(worked, "p50_ci_level")));
	json_decref(top);
	drop(&m);
}

static void test_throughput_row(void **state)
{
	struct made m;
	struct sm_result *r;
	json_t *top, *row, *of_block;

	(void)state;
	make(&m, 2);
	r = &m.results[1];
	m.t.cases[1].kind = SM_KIND_THROUGHPUT;
	m.t.cases[1].cpus = (struct sm_list){ .n = 1, .v = { 1 } };
	m.t.cases[1].in_flight = (struct sm_list){ .n = 2, .v = { 1, 8 } };
	for (int b = 0; b < 3; b++) {
		struct sm_load *l = sm_collect_one(&r->loads, r->nloads++, sizeof(*l));
		struct sm_sample s = sample_of(b, 0);

		*l = (struct sm_load){
			.block = b,
			.point = 1,
			.cpus = 1,
			.in_flight = 8,
			.children = 100 * (b + 1),
			.wall_ns = 1000000000,
			.cpu = { .user_ns = 1, .system_ns = 2, .total_ns = 500000000 },
			.rusage_ns = 600,
			.busy_ns = b ? 5 : -1
		};
		assert_int_equal(sm_collect_samples(&l->samples, &l->nsamples, &s, 1), 0);
	}
	top = written(&m);
	row = json_object_get(tiny_case(top, 1), "throughput");
	assert_int_equal(json_array_size(row), 1); /* the point that was measured, no other */
	row = json_array_get(row, 0);
	assert_int_equal(number(row, "in_flight"), 8);
	assert_int_equal(number(row, "children"), 600);
	assert_float_equal(number(row, "children_per_s"), 200, 1e-9);
	assert_float_equal(number(row, "children_per_cpu_s"), 400, 1e-9);
	of_block = json_array_get(json_object_get(row, "blocks"), 2);
	assert_int_equal(number(of_block, "index"), 2);
	assert_float_equal(number(of_block, "children_per_cpu_s"), 600, 1e-9);
	assert_float_equal(number(row, "rusage_ns"), 3, 1e-9);
	assert_true(json_is_null(json_object_get(row, "busy_ns"))); /* unknown once: unknown */
	assert_float_equal(number(row, "p50"), 1999900, 0.5);
	json_decref(top);
	drop(&m);
}

static void add_layout(struct sm_result *r, const char *what, uint32_t bits, uint64_t value)
{
	struct sm_msg_layout *l = sm_collect_one(&r->layouts, r->nlayouts, sizeof(*l));

	snprintf(l->what, sizeof(l->what), "%s", what);
	l->sibling = (uint32_t)r->nlayouts++;
	l->width_bits = bits;
	l->value[0] = value;
}

static void test_isolation_rows(void **state)
{
	struct made m;
	struct sm_msg_finding *f;
	json_t *top, *row;

	(void)state;
	make(&m, 2);
	f = sm_collect_one(&m.results[0].findings, m.results[0].nfindings++, sizeof(*f));
	*f = (struct sm_msg_finding){ .secret = "heap/before",
				      .attack = "proc-mem",
				      .target = "parent",
				      .outcome = SM_BLOCKED,
				      .err = 1,
				      .evidence = "open: \xff" };
	add_layout(&m.results[0], "canary", 8, 0xf0);
	add_layout(&m.results[0], "canary", 8, 0xf3);
	add_layout(&m.results[0], "canary", 8, 0x71);
	top = written(&m);
	row = json_array_get(json_object_get(top, "isolation"), 0);
	assert_string_equal(json_string_value(json_object_get(row, "errno")), "EPERM");
	assert_string_equal(json_string_value(json_object_get(row, "outcome")), "blocked");
	assert_string_equal(json_string_value(json_object_get(row, "kind")), "reachable");
	row = json_array_get(json_object_get(top, "shared_bits"), 0);
	/* 11110000, 11110011, 01110001: bits 7, 1 and 0 differ. */
	assert_int_equal(number(row, "shared_bits"), 5);
	assert_int_equal(number(row, "siblings"), 3);
	json_decref(top);
	drop(&m);
}

static void test_incomplete(void **state)
{
	struct made m;
	json_t *top, *o;

	(void)state;
	make(&m, 4);
	m.run.incomplete = "interrupted";
	m.run.visits_done = 5; /* of two cases: two whole blocks and one visit */
	top = written(&m);
	o = json_object_get(top, "incomplete");
	assert_int_equal(number(o, "blocks_done"), 2);
	assert_int_equal(number(o, "blocks_planned"), 4);
	json_decref(top);
	drop(&m);
}

static void test_samples_file(void **state)
{
	unsigned char row[144];
	struct made m;
	char path[128], line[8192];
	json_t *header;
	int64_t request;
	gzFile gz;
	int rows = 0;

	(void)state;
	make(&m, 3);
	assert_int_equal(sm_samples_write(&m.run, &m.folder), 0);
	snprintf(path, sizeof(path), "%s/samples.bin.gz", m.t.dir);
	gz = gzopen(path, "rb");
	assert_non_null(gz);
	assert_non_null(gzgets(gz, line, sizeof(line)));
	header = json_loads(line, 0, NULL);
	assert_int_equal(number(header, "rows"), 12); /* warm-ups included */
	assert_int_equal(number(header, "row_bytes"), sizeof(row));
	while (gzread(gz, row, sizeof(row)) == (int)sizeof(row))
		rows++;
	assert_int_equal(rows, 12);
	/* Of the last row, read by the byte: block 2 and the request's instant. */
	assert_int_equal(row[4] | row[5] << 8, 2);
	request = 0;
	for (int i = 7; i >= 0; i--)
		request = request << 8 | row[24 + i]; /* intended_ns is before it */
	assert_int_equal(request, 5000000000);
	json_decref(header);
	gzclose(gz);
	drop(&m);
}

static void add_audit(struct sm_result *r, int64_t fds, int64_t rss)
{
	struct sm_soak *s = sm_collect_one(&r->soak, r->nsoak, sizeof(*s));

	*s = (struct sm_soak){ .spawns = 1000 * (r->nsoak + 1),
			       .parent_fds = fds,
			       .parent_rss_bytes = rss,
			       .server_fds = -1,
			       .server_rss_bytes = -1 };
	r->nsoak++;
}

static bool flat(struct made *m)
{
	json_t *top = written(m), *c = tiny_case(top, 0);
	bool is = json_is_true(json_object_get(c, "soak_flat"));

	assert_int_equal(json_array_size(json_object_get(c, "soak")), m->results[0].nsoak);
	json_decref(top);
	return is;
}

static void test_soak(void **state)
{
	struct made m;

	(void)state;
	make(&m, 1);
	add_audit(&m.results[0], 6, 1 << 20);
	assert_int_equal(sm_soak_flat(&m.results[0]), SM_FLAT_UNKNOWN); /* nothing to compare */
	assert_false(flat(&m));
	add_audit(&m.results[0], -1, 1 << 20);
	assert_int_equal(sm_soak_flat(&m.results[0]), SM_FLAT_UNKNOWN); /* it saw nothing */
	add_audit(&m.results[0], 6, (1 << 20) + 8192);
	assert_true(flat(&m));
	add_audit(&m.results[0], 7, 1 << 20); /* one descriptor more is one too many */
	assert_false(flat(&m));
	add_audit(&m.results[0], 6, 4 << 20);
	assert_false(flat(&m));
	drop(&m);
}

static void test_attachments(void **state)
{
	const char *const unknown[] = { "foo=/tmp/x.json", NULL };
	const char *const missing[] = { "micro=/nonexistent.json", NULL };
	struct sm_error error;
	json_t *attached = NULL;

	(void)state;
	assert_int_equal(sm_attached_read(&attached, unknown, &error), -22);
	assert_non_null(strstr(error.text, "micro=FILE.json"));
	assert_int_equal(sm_attached_read(&attached, missing, &error), -22);
	assert_non_null(strstr(error.text, "/nonexistent.json"));
}

static void test_latest_is_replaced(void **state)
{
	struct sm_run_options opt = { .host_name = "../odd name" };
	struct sm_folder one, two_;
	struct sm_error error;
	char root[] = "/tmp/sm-root-XXXXXX", link[600], to[600];
	ssize_t n;

	(void)state;
	opt.root = mkdtemp(root);
	assert_int_equal(sm_folder_make(&one, &opt, &error), 0);
	assert_null(strstr(one.path + strlen(root) + strlen("/results/"), "/")); /* made safe */
	assert_int_equal(sm_folder_latest(&one), 0);
	two_ = one;
	snprintf(two_.path, sizeof(two_.path), "/elsewhere/another");
	assert_int_equal(sm_folder_latest(&two_), 0);
	snprintf(link, sizeof(link), "%s/latest", one.results);
	n = readlink(link, to, sizeof(to) - 1);
	assert_true(n > 0);
	to[n] = 0;
	assert_string_equal(to, "another");
	remove_tree(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_no_row_of_nothing),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_few_blocks_have_no_interval),
		cmocka_unit_test(test_throughput_row),
		cmocka_unit_test(test_isolation_rows),
		cmocka_unit_test(test_incomplete),
		cmocka_unit_test(test_samples_file),
		cmocka_unit_test(test_soak),
		cmocka_unit_test(test_attachments),
		cmocka_unit_test(test_latest_is_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
