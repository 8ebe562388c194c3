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
 *   creator  clone              by sm_berth_clone(), or libc's fork() between sm_berth_before_fork()
 *                               and sm_berth_after_fork()
 *   child    sm_berth_enter()   after its descriptors are in place and what the request asks for,
 *                               before it closes the others, before exec or payload
 *   creator  sm_berth_admit()   meanwhile: what only it can do (uid maps), then opens the gate
 *   creator  sm_berth_close()
 *
 * Filters and ids come last; so what a request asks for comes before its sandbox, and a uid of its
 * own makes the layers fail that need to be root.
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
	SM_LAYER_CGROUP, /* born in, or moved to, a control group of its own */
	SM_LAYER_PID,    /* pid namespace; with a mount namespace its own /proc */
	SM_LAYER_IPC,
	SM_LAYER_UTS,
	SM_LAYER_NET,
	SM_LAYER_CGROUPNS,
	SM_LAYER_MOUNT,   /* mount namespace, propagation private */
	SM_LAYER_ROOT,    /* pivot_root into a minimal, read-only root; implies MOUNT. Linux 5.12 */
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
/* Is it a plan, and sealed? 0, -EINVAL or -errno; 0 as well for plan_fd 0, which is none. */
int sm_sandbox_check(int plan_fd);
/*
 * Takes a plan, and makes what all children of this creator share: the minimal root, and
 * where their groups will be.
 * What of that cannot be had is told by sm_berth_open(), as every layer is told by a spawn.
 * *sandbox is NULL for plan_fd 0, which stays the caller's. Not async-signal-safe, and to be called
 * before the creator has threads. 0, or as sm_sandbox_check(), or -ENOMEM.
 */
int sm_sandbox_load(const struct sm_sandbox **sandbox, int plan_fd);
void sm_sandbox_unload(const struct sm_sandbox *sandbox);
uint32_t sm_sandbox_layers(const struct sm_sandbox *sandbox); /* NULL: 0 */
/* What clone has to do: CLONE_NEWPID or 0. */
uint64_t sm_sandbox_clone_flags(const struct sm_sandbox *sandbox);

/* One child's place. All functions accept one of no sandbox, or NULL, and do nothing. */
struct sm_berth {
	const struct sm_sandbox *sandbox; /* NULL: none */
	int gate[2];                      /* creator's end, child's end; -1: not needed */
	int mounts;                       /* the sandbox's own, where the child has it; -1: none */
	int cgroup;                       /* the directory of its own group; -1: none */
	int placed;                       /* born in its group: it need not go there */
	int apart;   /* CLONE_NEW... flags that the child has left its creator's by */
	int entered; /* a second sm_berth_enter() does nothing */
};

/* Creator: before the clone. 0, or -errno and *layer. The descriptors are close-on-exec. */
int sm_berth_open(struct sm_berth *berth, const struct sm_sandbox *sandbox, int *layer);
/*
 * Creator: the clone. By sm_berth_clone(), which takes flags as sm_raw_clone() does and adds what
 * the sandbox needs; or around libc's fork(), where clone flags cannot be had, the second in the
 * creator alone; or by a clone3 of one's own, with sm_sandbox_clone_flags() and, unless it is -1,
 * CLONE_INTO_CGROUP of sm_berth_birthplace(), which notes that the child will be born there.
 */
pid_t sm_berth_clone(struct sm_berth *berth, unsigned long flags);
int sm_berth_before_fork(struct sm_berth *berth, int *layer);
int sm_berth_after_fork(struct sm_berth *berth);
int sm_berth_birthplace(struct sm_berth *berth);
/* Creator: the request has a control group of its own: that one is not the creator's either. */
void sm_berth_has_group(struct sm_berth *berth);
/* Whom to blame for a clone that failed with err (positive): the pid layer, or -1, no layer. */
int sm_berth_blame(const struct sm_berth *berth, int err);
/*
 * Creator: lets the child through, waiting timeout_ms at most for it; returns at once where there is no gate. What
 * fails here is told to the child, which tells it as every other failure: so nobody has to look at
 * the result, 0 or -errno.
 */
#define SM_ADMIT_MS 5000 /* more than any layer takes */
int sm_berth_admit(struct sm_berth *berth, pid_t pid, int timeout_ms);
/* Creator: when the child has been admitted, or there is none. Idempotent. */
void sm_berth_close(struct sm_berth *berth);

/*
 * Child: before anything is put onto 0, 1, 2 or the places (NULL: none), moves the berth's own
 * descriptors, which it needs until it has entered, out of the way. 0 or -errno.
 */
struct sm_places;
int sm_berth_stand_aside(struct sm_berth *berth, const struct sm_places *places);
/* Child: all layers, by raw system calls. Its descriptors are left open. 0, or -errno and *layer. */
int sm_berth_enter(struct sm_berth *berth, int *layer);
/* Is its root another than its creator's? Then a directory has to be looked up after entering. */
int sm_berth_has_root(const struct sm_berth *berth);

/* "net"; "plan" for what is no layer. */
const char *sm_layer_name(int layer);
/* Fills a fault: stage SM_STAGE_SANDBOX, detail the layer, which the text names. Returns -err. */
struct sm_fault;
int sm_fail_layer(struct sm_fault *fault, int layer, int err);

#endif
