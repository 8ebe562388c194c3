/* SPDX-License-Identifier: MIT */
/*
 * sandbox.h - the layers that can lie between a child and the rest of the machine.
 *
 * A plan says which layers, and holds all that they need as plain bytes: paths, ids, limits, a
 * compiled seccomp filter. The driver's compiler (driver/sandbox.h) makes it once, a sealed memfd;
 * every creator maps it read-only; the child takes the layers by system calls alone. So nobody but
 * the compiler links libseccomp or libcap, and nothing allocates between clone and exec or payload.
 *
 * A spawn with a plan:
 *
 *   creator  sm_berth_open()    the gate and the group of this child
 *   creator  clone              with sm_sandbox_clone_flags(), or sm_sandbox_before_fork(), fork,
 *                               sm_sandbox_after_fork() where libc's fork is to be used
 *   child    sm_berth_enter()   after its descriptors are in place, before exec or payload
 *   creator  sm_berth_admit()   meanwhile: what only it can do (uid maps), then opens the gate
 *   creator  sm_berth_close()
 *
 * A layer that fails ends the child before any payload code: {SM_STAGE_SANDBOX, errno, layer} goes
 * the way that all setup failures of that strategy go. What kernel or host refuse altogether is
 * told by sm_sandbox_try(): then the case is unavailable, never run without its layers.
 */
#ifndef SM_SANDBOX_H
#define SM_SANDBOX_H

#include <stdint.h>
#include <sys/types.h>

/* In the order in which a child takes them. The names are in sm_layers[]. */
enum sm_layer {
	SM_LAYER_CGROUP, /* born in, or moved to, a control group that is not its creator's */
	SM_LAYER_PID,    /* pid namespace; with a mount namespace its own /proc */
	SM_LAYER_IPC,
	SM_LAYER_UTS,
	SM_LAYER_NET,
	SM_LAYER_CGROUPNS,
	SM_LAYER_MOUNT,   /* mount namespace, propagation private */
	SM_LAYER_ROOT,    /* pivot_root into a minimal, read-only root; implies MOUNT */
	SM_LAYER_LIMITS,  /* rlimits */
	SM_LAYER_USER,    /* user namespace that maps to unprivileged ids of the host */
	SM_LAYER_IDS,     /* no supplementary groups, gid, uid */
	SM_LAYER_CAPS,    /* all capability sets empty */
	SM_LAYER_NNP,     /* no_new_privs */
	SM_LAYER_SECCOMP, /* a filter of system calls */
	SM_LAYER_COUNT,
};

struct sm_layer_info {
	const char *name;    /* as scenarios spell it: "pid" */
	const char *summary; /* one line for `spawnmark list sandboxes` */
};
extern const struct sm_layer_info sm_layers[SM_LAYER_COUNT];

/* Named sets of layers: "none", "ns" (all namespaces and the root), "full" (everything). */
struct sm_sandbox_preset {
	const char *name, *summary;
	uint32_t layers; /* bit 1 << enum sm_layer */
};
extern const struct sm_sandbox_preset sm_sandbox_presets[];
extern const unsigned int sm_sandbox_preset_count;

/* A preset, a layer, or several joined by '+' ("pid+net"). 0 and *layers, or -EINVAL. */
int sm_sandbox_parse(const char *text, uint32_t *layers);

/* The plan as mapped; opaque but for its layers. */
struct sm_sandbox;
/* Maps a plan; NULL for plan_fd 0. Not async-signal-safe. 0, -EINVAL (no plan), or -errno. */
int sm_sandbox_load(const struct sm_sandbox **sandbox, int plan_fd);
void sm_sandbox_unload(const struct sm_sandbox *sandbox);
uint32_t sm_sandbox_layers(const struct sm_sandbox *sandbox); /* NULL: 0 */
/* What clone has to do: CLONE_NEWPID or 0. */
uint64_t sm_sandbox_clone_flags(const struct sm_sandbox *sandbox);

/* One child's place. All functions accept one of no sandbox and do nothing. */
struct sm_berth {
	const struct sm_sandbox *sandbox; /* NULL: none */
	int gate[2];                      /* creator's end, child's end; -1: not needed */
	int cgroup;                       /* directory, for CLONE_INTO_CGROUP; -1: none */
	int pidns; /* the creator's own, around a libc fork; -1: not needed */
};

/* Creator: before the clone. 0, or -errno and *layer. The descriptors are close-on-exec. */
int sm_berth_open(struct sm_berth *berth, const struct sm_sandbox *sandbox, int *layer);
/* Creator: around libc's fork(), where clone flags cannot be had. Second: in the creator alone. */
int sm_berth_before_fork(struct sm_berth *berth, int *layer);
int sm_berth_after_fork(struct sm_berth *berth);
/* Creator: lets the child through, timeout_ms at most. 0; -ETIMEDOUT; or -errno and *layer. */
int sm_berth_admit(struct sm_berth *berth, pid_t pid, int timeout_ms, int *layer);
void sm_berth_close(struct sm_berth *berth);
/* The child's descriptors that must stay open until it has entered: n of them, at most 3. */
int sm_berth_fds(const struct sm_berth *berth, int *fds);
/* Child: all layers, by raw system calls. 0, or -errno and *layer. */
int sm_berth_enter(struct sm_berth *berth, int *layer);

#endif
