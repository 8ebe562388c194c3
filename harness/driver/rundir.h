/* SPDX-License-Identifier: MIT */
/*
 * rundir.h - folders that belong to a run: locked as long as it lives, so that the next finds what a
 * killed one has left. Not by the number of its process, which is another's, or nobody's, in another
 * pid namespace.
 */
#ifndef SM_RUNDIR_H
#define SM_RUNDIR_H

/*
 * Takes the lock of a folder of this user's, without waiting. Returns a descriptor; the lock goes with
 * the last process that has it. -EAGAIN: its run lives. -ENOENT: it is gone, or was replaced, since it
 * was found or made. -EPERM: somebody else's. Else another -errno.
 */
int sm_rundir_lock(const char *dir);

/* The folder with all that is in it, but for what is mounted there. What cannot go stays. */
void sm_rundir_remove(const char *dir);

#endif
