/* SPDX-License-Identifier: MIT */
/*
 * spin.h - so many instructions, neither more nor less.
 *
 * What spins until a clock says so overshoots by up to one reading of it, and takes back what a tick
 * of the kernel costs meanwhile. This does neither: two calls, of 2 instructions or more each, differ
 * by what their numbers differ by.
 */
#ifndef SM_SPIN_H
#define SM_SPIN_H

#include <errno.h>
#include <stdint.h>

/* 0, or -ENOTSUP where nobody wrote it. */
static inline int sm_spin(uint64_t instructions)
{
	uint64_t turns = instructions / 2;

	if (instructions & 1)
		__asm__ volatile("nop");
	if (!turns)
		return 0;
#if defined(__x86_64__)
	__asm__ volatile("1:	dec	%0\n"
			 "	jnz	1b"
			 : "+r"(turns)
			 :
			 : "cc");
	return 0;
#elif defined(__aarch64__)
	__asm__ volatile("1:	subs	%0, %0, #1\n"
			 "	b.ne	1b"
			 : "+r"(turns)
			 :
			 : "cc");
	return 0;
#else
	return -ENOTSUP;
#endif
}

#endif
