/* SPDX-License-Identifier: MIT */
/*
 * random.c - numbers that a seed repeats. splitmix64 (Steele, Lea, Flood 2014: add the golden
 * gamma, mix by two multiplications): one word of state, the same on every machine, and good far
 * beyond what a shuffle or a schedule asks of it.
 */
#include "sys.h"

uint64_t sm_random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

uint32_t sm_random_below(uint64_t *state, uint32_t n)
{
	/* Draws from the incomplete last stretch of n would favour small numbers: draw again. */
	uint64_t limit = UINT64_MAX - UINT64_MAX % n;
	uint64_t draw;

	do {
		draw = sm_random_next(state);
	} while (draw >= limit);
	return (uint32_t)(draw % n);
}
