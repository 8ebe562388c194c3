/* SPDX-License-Identifier: MIT */
/*
 * cpuid.c - the price of a CPUID instruction. Every exec of a glibc program pays it dozens of
 * times, and in a virtual machine each one is an exit to the hypervisor (Intel SDM vol. 3C,
 * "Instructions That Cause VM Exits Unconditionally").
 */
#include "host.h"
#include "../sys/sys.h"

#define ROUNDS 4

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

double sm_cpuid_ns(void)
{
	unsigned int a, b, c, d;
	int64_t t = sm_now_ns();

	for (int i = 0; i < ROUNDS; i++) {
		__cpuid(0, a, b, c, d);
		__asm__ volatile("" ::"r"(a), "r"(b), "r"(c), "r"(d)); /* its results are used */
	}
	return (double)(sm_now_ns() - t) / ROUNDS;
}
#else
double sm_cpuid_ns(void)
{
	return -1;
}
#endif
