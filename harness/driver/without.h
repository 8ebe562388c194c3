/* SPDX-License-Identifier: MIT */
/*
 * without.h - what this build was made without, as a reason to be told; NULL: it has it. make
 * chooses: the file of the same name in without/ takes the place of the one here.
 */
#ifndef SM_WITHOUT_H
#define SM_WITHOUT_H

const char *sm_without_python(void);  /* python.c */
const char *sm_without_seccomp(void); /* filter.c */

#endif
