/* SPDX-License-Identifier: MIT */
/*
 * none-nolibc.c - the payload none without libc and without a dynamic linker: what an exec costs
 * the kernel alone. Reads its clock by the raw system call (the vDSO would have to be found
 * first), hence SM_RECORD_RAW_CLOCK. It loads nothing and does nothing, so entered, ready and
 * worked are one instant. It is a child or a plain program; it cannot be a server.
 */
#include "record.h"

#define STAGE_ARGUMENT 1 /* SM_STAGE_ARGUMENT; spawnmark.h needs libc's headers */
#define EINVAL         22

/* arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h */
#if defined(__x86_64__)
enum {
	NR_write = 1,
	NR_getpid = 39,
	NR_exit_group = 231,
	NR_getppid = 110,
	NR_getrusage = 98,
	NR_clock_gettime = 228,
};

static long call(long nr, long a, long b, long c)
{
	long rc;

	__asm__ volatile("syscall"
			 : "=a"(rc)
			 : "a"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return rc;
}

/* The kernel starts a program with argc on top of the stack, which is 16-byte aligned. */
__asm__(".globl _start\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	call start\n");
#elif defined(__aarch64__)
enum {
	NR_write = 64,
	NR_getpid = 172,
	NR_exit_group = 94,
	NR_getppid = 173,
	NR_getrusage = 165,
	NR_clock_gettime = 113,
};

static long call(long nr, long a, long b, long c)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
}

__asm__(".globl _start\n"
	"_start:\n"
	"	mov x29, #0\n"
	"	mov x0, sp\n"
	"	bl start\n");
#else
#error "none-nolibc.c: write call() and _start for this machine"
#endif

_Noreturn void start(const long *stack);

static int64_t now_ns(void)
{
	long ts[2] = { 0 }; /* struct timespec on a 64-bit machine */

	call(NR_clock_gettime, 1 /* CLOCK_MONOTONIC */, (long)ts, 0);
	return (int64_t)ts[0] * 1000000000 + ts[1];
}

/* What follows the prefix in s; a null pointer: s begins with something else. */
static const char *after(const char *s, const char *prefix)
{
	for (; *prefix; prefix++, s++) {
		if (*s != *prefix)
			return (const char *)0;
	}
	return s;
}

/* The value of SM_JOB; a null pointer: there is none. stack: argc, argv, 0, envp, 0. */
static const char *find_job(const long *stack)
{
	for (const char *const *env = (const void *)(stack + 1 + stack[0] + 1); *env; env++) {
		const char *job = after(*env, "SM_JOB=");

		if (job)
			return job;
	}
	return (const char *)0;
}

/* "child" and "child/run". */
static int is_child(const char *job)
{
	const char *rest = after(job, "child");
	const char *order = rest ? after(rest, "/run") : rest;

	return (rest && !*rest) || (order && !*order);
}

static long tell(int64_t entered, int fault)
{
	struct sm_record rec = {
		.magic = SM_RECORD_MAGIC,
		.size = sizeof(rec),
		.kind = fault ? SM_RECORD_FAULT : SM_RECORD_DONE,
		.flags = SM_RECORD_RAW_CLOCK,
		.entered_ns = entered,
	};
	long ru[18] = { 0 }; /* struct rusage on a 64-bit machine: two timevals, then 14 longs */

	rec.pid = (int32_t)call(NR_getpid, 0, 0, 0);
	rec.ppid = (int32_t)call(NR_getppid, 0, 0, 0);
	if (fault) {
		rec.stage = STAGE_ARGUMENT;
		rec.err = EINVAL;
	} else {
		rec.ready_ns = rec.worked_ns = entered;
		call(NR_getrusage, 0 /* RUSAGE_SELF */, (long)ru, 0);
		rec.minflt = ru[8];
		rec.majflt = ru[9];
		rec.nvcsw = ru[16];
		rec.nivcsw = ru[17];
	}
	return call(NR_write, 1, (long)&rec, sizeof(rec)) == sizeof(rec) && !fault ? 0 : 1;
}

_Noreturn void start(const long *stack)
{
	int64_t entered = now_ns();
	const char *job = find_job(stack);
	long status = job ? tell(entered, !is_child(job)) : 0;

	for (;;)
		call(NR_exit_group, status, 0, 0);
}
