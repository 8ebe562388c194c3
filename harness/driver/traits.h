/* SPDX-License-Identifier: MIT */
/*
 * traits.h - the names of traits, as `list strategies` and every result file spell them.
 */
#ifndef SM_TRAITS_H
#define SM_TRAITS_H

#include <stddef.h>
#include <stdint.h>

/* The name of the i-th trait, and its bit; NULL past the end. */
const char *sm_trait_name(size_t i, uint64_t *bit);
/* "CHILD_OF_PARENT, FRESH_IMAGE"; "" for none. Cut at size. Returns text. */
const char *sm_traits_text(char *text, size_t size, uint64_t bits);

#endif
