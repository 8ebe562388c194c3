/* SPDX-License-Identifier: MIT */
/*
 * openpath.h - lets another user reach programs that lie below a directory closed to that user.
 *
 * Homes are often 0700, and so an unprivileged process cannot execute what is built in them.
 */
#ifndef SM_OPENPATH_H
#define SM_OPENPATH_H

#include <sys/types.h>

/*
 * Makes every directory above the paths searchable for user and group uid, symbolic links
 * included, for this process and its future children alone: in a mount namespace of its own, where
 * what closes the way is covered by an empty directory that holds the next step of the way. Does
 * nothing when the way is open. Paths are absolute, n of them; one that does not exist is passed
 * over. For a process with one thread, while it is still root. Returns 0, 1 when something had to
 * be opened, or -errno: -EPERM without CAP_SYS_ADMIN.
 */
int sm_open_paths(const char *const *paths, int n, uid_t uid);

#endif
