/* SPDX-License-Identifier: MIT */
/*
 * sandbox.h - compiles layers into a plan (sandbox/plan.h), and asks what this machine can.
 *
 * What a child finds in the minimal root (layer root), read-only and under the same paths:
 *   /usr, /bin, /sbin, /lib*; /etc/ld.so.cache, /etc/alternatives, /etc/localtime where there;
 *   what the payload needs (sm_sandbox_needs());
 *   /dev/null, /dev/zero, /dev/full, /dev/random, /dev/urandom, which work;
 *   /tmp, its own, writable and of bounded size, empty but for what is needed of
 *   the host's; /proc, its own, with layer pid.
 * Symbolic links on the way are there as well. Nothing else is.
 *
 * The filter (layer seccomp) is a list of what is refused, with EPERM: payloads are any program, and
 * what a JVM or Python will call is not known. It stops what would reach other processes or undo the
 * other layers: tracing and reading other processes, namespaces and mounts, modules, keys, BPF,
 * perf, userfaultfd, io_uring, terminals' input, and more; see filter.c. clone3 is ENOSYS, since a
 * filter cannot see its flags: libcs fall back to clone. A foreign instruction set kills.
 */
#ifndef SM_DRIVER_SANDBOX_H
#define SM_DRIVER_SANDBOX_H

#include <stdint.h>

#include "../sandbox/sandbox.h"
#include "arena.h"

struct sm_error;

/* Ids inside a user namespace and what they are outside; without one, the ids are the latter. */
#define SM_SANDBOX_HOST_ID   1000000u
#define SM_SANDBOX_IDS       65536u
#define SM_SANDBOX_USER      1000u
#define SM_SANDBOX_TMP_BYTES (16u << 20)

/*
 * A plan of the layers: a sealed memfd, close-on-exec, the caller's. needs: absolute paths of the
 * host, for layer root; NULL-terminated, or NULL for none; one that does not exist is left out.
 * Never 0. Or -errno with one line in error.
 */
int sm_sandbox_compile(uint32_t layers, const char *const *needs, struct sm_error *error);

/*
 * What a payload's command and environment need of the host: the prefix of its program, as written
 * and resolved (a virtual environment as well as the interpreter that it is of), the directories of
 * the files among its arguments, and those that the environment names for loading: SM_CHECKS,
 * PYTHONPATH, LD_LIBRARY_PATH, PYTHONHOME, VIRTUAL_ENV. NULL: no memory.
 */
const char *const *sm_sandbox_needs(struct sm_arena *arena, const char *const *argv,
				    const char *const *env);

/* Why a layer is refused, err being of any of these functions: one line. */
const char *sm_sandbox_why(int err);

/* What became of trying one layer: 0, or the errno with which this machine refuses it. */
struct sm_sandbox_trial {
	int err;
	int layer; /* that was refused; another than was tried where it rests on that one */
};

/* Tries layers in a fork of the caller, bounded; leaves nothing behind. 0 or -errno and *layer. */
int sm_sandbox_try(uint32_t layers, int *layer);
/* Each layer alone. */
void sm_sandbox_try_all(struct sm_sandbox_trial trials[SM_LAYER_COUNT]);

/* filter.c: the program of layer seccomp. Its instructions in *code, to be freed. n or -errno. */
struct sock_filter;
/* -ENOPKG: built without libseccomp; then no machine has the layer. */
int sm_sandbox_filter(struct sock_filter **code);

/*
 * rootplan.c: the entries of the minimal root. Both arrays grow by realloc and are the caller's,
 * also after an error. 0 or -errno.
 */
struct sm_box_entry;
struct sm_root_plan {
	struct sm_box_entry *entries; /* path_at and other_at count from the start of strings */
	uint32_t n, ntmp;             /* the last ntmp are below /tmp */
	char *strings;
	uint32_t bytes;
};
int sm_root_plan(struct sm_root_plan *plan, const char *const *needs);

#endif
