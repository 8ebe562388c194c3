/* SPDX-License-Identifier: MIT */
/*
 * sandbox_util.h - what a child does to itself, step by step, on its way into a sandbox.
 */
#ifndef SM_CONFORMANCE_SANDBOX_UTIL_H
#define SM_CONFORMANCE_SANDBOX_UTIL_H

#include "check/check.h"

/* Nobody's user and group. */
#define SM_BOX_ID 65534u
/* A call that nothing here needs is answered so by sm_box_filter(). */
#define SM_BOX_ERR EDOM

/* Installs it, with no_new_privs where the caller has no right to else. 0 or -errno. */
int sm_box_filter(void);
/* What the call says: 0 or -errno. */
int sm_box_filtered(void);

/* A domain in which no symbolic link can be made. 0 or -errno. */
int sm_box_landlock(void);
/* Tries to make one below $TMPDIR; removes it. 0 or -errno. */
int sm_box_symlink(void);

/* Groups, group and user become SM_BOX_ID where they are root's; dumpable again. 0 or -errno. */
int sm_box_become(void);

/* 0 or -errno. */
int sm_box_put(const char *path, const char *text);
/* The inode of /proc/PID/ns/NAME; -errno. */
int64_t sm_box_ns(pid_t pid, const char *name);
const char *sm_box_tmp(void);

/* No mount of this process is seen elsewhere, nor the other way round. 0 or -errno. */
int sm_box_private_mounts(void);
/* Does /proc/PID/mountinfo have that word? */
bool sm_box_sees_mount(pid_t pid, const char *word);

#endif
