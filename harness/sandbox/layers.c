/* SPDX-License-Identifier: MIT */
/*
 * layers.c - names of layers and presets, and what a scenario writes of them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../sys/sys.h"
#include "sandbox.h"

const struct sm_layer_info sm_layers[SM_LAYER_COUNT] = {
	[SM_LAYER_CGROUP] = { "cgroup", "a control group of its own" },
	[SM_LAYER_PID] = { "pid", "a pid namespace, and its own /proc where mounts are its own" },
	[SM_LAYER_IPC] = { "ipc", "an IPC namespace" },
	[SM_LAYER_UTS] = { "uts", "a UTS namespace (host name)" },
	[SM_LAYER_NET] = { "net", "a network namespace with nothing but a loopback" },
	[SM_LAYER_CGROUPNS] = { "cgroupns", "a cgroup namespace" },
	[SM_LAYER_MOUNT] = { "mount", "a mount namespace, nothing propagates" },
	[SM_LAYER_ROOT] = { "root", "a minimal read-only root by pivot_root" },
	[SM_LAYER_LIMITS] = { "limits", "resource limits" },
	[SM_LAYER_USER] = { "user", "a user namespace of unprivileged ids" },
	[SM_LAYER_IDS] = { "ids", "no supplementary groups, an unprivileged gid and uid" },
	[SM_LAYER_CAPS] = { "caps", "no capabilities, not even by exec" },
	[SM_LAYER_NNP] = { "nnp", "no_new_privs" },
	[SM_LAYER_SECCOMP] = { "seccomp", "a filter of system calls" },
};

#define BIT(layer) (1u << SM_LAYER_##layer)
#define NS                                                                                    \
	(BIT(PID) | BIT(IPC) | BIT(UTS) | BIT(NET) | BIT(CGROUPNS) | BIT(MOUNT) | BIT(ROOT) | \
	 BIT(USER))

const struct sm_sandbox_preset sm_sandbox_presets[] = {
	{ "none", "no layer", 0 },
	{ "ns", "every namespace, and a minimal root", NS },
	{ "full", "every layer", (1u << SM_LAYER_COUNT) - 1 },
};
const unsigned int sm_sandbox_preset_count =
	sizeof(sm_sandbox_presets) / sizeof(sm_sandbox_presets[0]);

static int is_word(const char *name, const char *word, size_t n)
{
	return !strncmp(name, word, n) && !name[n];
}

static int find(const char *word, size_t n, uint32_t *bits)
{
	for (unsigned int i = 0; i < sm_sandbox_preset_count; i++) {
		if (is_word(sm_sandbox_presets[i].name, word, n)) {
			*bits |= sm_sandbox_presets[i].layers;
			return 0;
		}
	}
	for (unsigned int i = 0; i < SM_LAYER_COUNT; i++) {
		if (is_word(sm_layers[i].name, word, n)) {
			*bits |= 1u << i;
			return 0;
		}
	}
	return -EINVAL;
}

int sm_sandbox_parse(const char *text, uint32_t *layers)
{
	uint32_t bits = 0;
	int err = 0;

	while (!err && text) {
		size_t n = strcspn(text, "+");

		err = find(text, n, &bits);
		text = text[n] ? text + n + 1 : NULL;
	}
	if (bits & BIT(ROOT))
		bits |= BIT(MOUNT);
	/* Without a capability no filter may be set but under it (seccomp(2)). */
	if ((bits & BIT(SECCOMP)) && (bits & (BIT(IDS) | BIT(CAPS))))
		bits |= BIT(NNP);
	if (!err)
		*layers = bits;
	return err;
}

const char *sm_layer_name(int layer)
{
	return layer < 0 || layer >= SM_LAYER_COUNT ? "plan" : sm_layers[layer].name;
}

int sm_fail_layer(struct sm_fault *fault, int layer, int err)
{
	char text[80];

	if (layer < 0)
		snprintf(text, sizeof(text), "the sandbox's plan is none, or not sealed");
	else
		snprintf(text, sizeof(text), "layer %s of the sandbox", sm_layer_name(layer));
	err = sm_fail(fault, SM_STAGE_SANDBOX, err, text);
	if (fault && fault->size >= sizeof(*fault))
		fault->detail = layer;
	return err;
}
