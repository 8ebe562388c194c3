/* SPDX-License-Identifier: MIT */
/*
 * thread_pool.c - runtimes that keep threads: OpenBLAS below NumPy, libgomp, Python's own fork
 * handlers.
 */
#include "group.h"

#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

#include "sys/symbol.h"
#include "thread_util.h"

/* ---- OpenBLAS ---- */

/* Large enough that OpenBLAS splits it: 256^3 is 64 times its threshold. */
#define DGEMM "numpy.ones((256, 256)) @ numpy.ones((256, 256))"

/* Beats what a strategy sets in its server's environment. */
static const struct sm_check_payload two_threads = {
	.preamble = "import os; os.environ['OPENBLAS_NUM_THREADS'] = '2'",
	.imports = "numpy",
	.work = DGEMM,
};

static const struct sm_check_payload one_thread = {
	.preamble = "import os; os.environ['OPENBLAS_NUM_THREADS'] = '1'",
	.imports = "numpy",
	.work = DGEMM,
};

/* Whatever the strategy makes of it. */
static const struct sm_check_payload as_it_comes = {
	.preamble = "",
	.imports = "numpy",
	.work = DGEMM,
};

static int count_threads(struct sm_cell *c)
{
	c->board->n[1] = sm_status_of(getpid(), "Threads", 10);
	return sm_holds(c, "the creator has %lld threads", (long long)c->board->n[1]);
}

/* A payload that lives in its children alone has its threads there. */
static int has_threads(struct sm_cell *c)
{
	count_threads(c);
	if (c->board->n[1] < 2 && (c->ops->traits & (SM_OWN_SERVER | SM_PARENT_LOADS)))
		return sm_skips(c, SM_F_NONE, "OpenBLAS has made no second thread here");
	return sm_holds(c, "the creator has %lld threads", (long long)c->board->n[1]);
}

static int work_of_payload(struct sm_cell *c)
{
	if (c->payload->work(c->payload->arg))
		return sm_fails(c, "the payload's work failed: its stderr says why");
	return sm_holds(c, "the child has multiplied two 256 x 256 matrices");
}

static int blas_in_child(struct sm_cell *c)
{
	struct sm_req req;
	char creator[64];
	int err = sm_cell_start(c);

	if (err)
		return sm_trouble(c, err, "start");
	req = sm_cell_req(c, NULL);
	snprintf(creator, sizeof(creator), "with %lld threads in the creator",
		 (long long)c->board->n[1]);
	return sm_verdict_or_stuck(c, &req, creator);
}

/* ---- libgomp ---- */

typedef void parallel_fn(void (*fn)(void *), void *data, unsigned int threads, unsigned int flags);

static void count_member(void *n)
{
	__atomic_add_fetch((int *)n, 1, __ATOMIC_RELAXED);
}

/* A parallel region of two threads, as the compiler would call it. How many took part; 0: none. */
static int run_region(void)
{
	void *gomp = sm_object_open("libgomp.so.1", RTLD_NOW);
	parallel_fn *parallel;
	int n = 0;

	if (!gomp)
		return 0;
	*(void **)&parallel = sm_symbol(gomp, "GOMP_parallel");
	if (parallel)
		parallel(count_member, &n, 2, 0);
	return n; /* and the library stays: its threads run in it */
}

static int region_before(struct sm_cell *c)
{
	int n = run_region();

	if (!n)
		return sm_skips(c, SM_F_NONE, "libgomp.so.1 cannot be loaded here");
	if (n < 2)
		return sm_skips(c, SM_F_NONE, "libgomp makes no second thread here");
	return sm_holds(c, "a region of %d threads in the creator", n);
}

static int region_in_child(struct sm_cell *c)
{
	int n = run_region();

	return sm_judge(c, n == 2, "%d of 2 threads took part in the child's region", n);
}

static int gomp_in_child(struct sm_cell *c)
{
	struct sm_req req;
	int err = sm_cell_start(c);

	if (err)
		return sm_trouble(c, err, "start");
	req = sm_cell_req(c, NULL);
	return sm_verdict_or_stuck(c, &req, "after a parallel region in the creator");
}

/* ---- Python ---- */

static const struct sm_check_payload hooked = {
	.preamble = "import os\n"
		    "ran = []\n"
		    "os.register_at_fork(before=lambda: ran.append('before'),\n"
		    "                    after_in_parent=lambda: ran.append('parent'),\n"
		    "                    after_in_child=lambda: ran.append('child'))\n"
		    "def look():\n" /* earlier forks of a server count as well */
		    "    want = ['before', 'parent'] * (len(ran) // 2)\n"
		    "    assert ran == [*want[:-2], 'before', 'child'], ran\n",
	.imports = "",
	.work = "look()",
};

static int hooks_ran(struct sm_cell *c)
{
	int failed = c->payload->work(c->payload->arg);

	return sm_judge(c, !failed, "os.register_at_fork: %s",
			failed ? "not run, or not once each"
			       : "before and after_in_child ran once each");
}

static const struct sm_check checks[] = {
	{
		.id = "thread.openblas.two",
		.row = "H08",
		.claim = "a child multiplies matrices with an OpenBLAS that the creator loaded "
			 "with two threads",
		.source =
			"OpenBLAS #240, #294: openblas_fork_handler; a zygote's freeze in production",
		.level = SM_MUST,
		/* OpenBLAS' own fork handler ends its threads in the creator. */
		.flags = SM_CHECK_NO_AUDIT | SM_CHECK_SLOW,
		.needs = SM_NEED(SM_F_NUMPY),
		.timeout_ms = SM_PYTHON_MS,
		.payload = &two_threads,
		.in_parent = blas_in_child,
		.in_creator = has_threads,
		.in_child = work_of_payload,
	},
	{
		.id = "thread.openblas.one",
		.row = "H08",
		.claim = "a child multiplies matrices with an OpenBLAS that has one thread",
		.source = "OpenBLAS #240; OPENBLAS_NUM_THREADS",
		.level = SM_SHOULD,
		.flags = SM_CHECK_SLOW,
		.needs = SM_NEED(SM_F_NUMPY),
		.timeout_ms = SM_PYTHON_MS,
		.payload = &one_thread,
		.in_parent = blas_in_child,
		.in_creator = count_threads,
		.in_child = work_of_payload,
	},
	{
		.id = "thread.openblas.default",
		.row = "H08",
		.claim = "a child multiplies matrices with an OpenBLAS as the strategy sets it up",
		.source = "OpenBLAS #240, #294",
		.level = SM_MUST,
		.flags = SM_CHECK_NO_AUDIT | SM_CHECK_SLOW, /* as above */
		.needs = SM_NEED(SM_F_NUMPY),
		.timeout_ms = SM_PYTHON_MS,
		.payload = &as_it_comes,
		.in_parent = blas_in_child,
		.in_creator = count_threads,
		.in_child = work_of_payload,
	},
	{
		.id = "thread.openmp",
		.row = "H09",
		.claim = "a parallel region of libgomp works in a child whose creator has run one",
		.source = "GCC PR 60035; OpenBLAS PR 343",
		.level = SM_SHOULD,
		.flags = SM_CHECK_NO_AUDIT, /* libgomp keeps its threads */
		.fails_lacking = SM_FRESH_IMAGE,
		.why = "libgomp waits for its pool's threads, which no clone has, and has no fork "
		       "handlers",
		.in_parent = gomp_in_child,
		.in_creator = region_before,
		.in_child = region_in_child,
	},
	{
		.id = "thread.atfork.python",
		.row = "H01",
		.claim = "what a Python program gave to os.register_at_fork runs around the clone",
		.source = "CPython os.register_at_fork, PyOS_BeforeFork, PyOS_AfterFork_Child",
		.level = SM_MUST,
		.needs = SM_NEED(SM_F_NUMPY),
		.timeout_ms = SM_PYTHON_MS,
		.without = SM_FRESH_IMAGE,
		.fails_lacking = SM_RUNS_ATFORK,
		.why = "a raw clone runs no fork handlers, those of a runtime neither",
		.payload = &hooked,
		.in_child = hooks_ran,
	},
};

SM_GROUP_AS(thread_pool, "thread", "Threads and fork handlers", checks);
