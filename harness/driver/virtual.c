/* SPDX-License-Identifier: MIT */
/* virtual.c - see virtual.h. */
#include "virtual.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "meter.h"

/* The BIOS Information structure: its length, and the bit that says so (DSP0134, 7.1.2.2). */
enum { SMBIOS_LENGTH = 1, SMBIOS_EXTENSION_2 = 0x13, SMBIOS_IS_VIRTUAL = 0x10 };

static int slurp(const char *root, const char *path, char *text, size_t size)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s%s", root, path);
	return sm_slurp(full, text, size);
}

/* The line of flags is long and comes behind others; only x86 has it. */
static int by_flags(const char *root)
{
	char text[16384], *flags;

	flags = slurp(root, "/proc/cpuinfo", text, sizeof(text)) > 0 ? strstr(text, "\nflags")
								     : NULL;
	if (!flags)
		return -1;
	flags[1 + strcspn(flags + 1, "\n")] = '\0';
	return strstr(flags, " hypervisor") != NULL;
}

/*
 * QEMU's "virt" board, which other virtual machine monitors copy, names itself so; Xen and KVM may
 * add a node. A tree without either proves nothing.
 */
static int by_device_tree(const char *root)
{
	char text[4096], *at = text;
	int n = slurp(root, "/proc/device-tree/compatible", text, sizeof(text));

	for (; n > 0 && at < text + n; at += strlen(at) + 1) {
		if (!strcmp(at, "linux,dummy-virt"))
			return 1;
	}
	return slurp(root, "/proc/device-tree/hypervisor/compatible", text, sizeof(text)) > 0 ? 1
											      : -1;
}

static int by_smbios(const char *root)
{
	unsigned char raw[256];
	int n = slurp(root, "/sys/firmware/dmi/entries/0-0/raw", (char *)raw, sizeof(raw));

	if (n <= SMBIOS_EXTENSION_2 || raw[SMBIOS_LENGTH] <= SMBIOS_EXTENSION_2)
		return -1;
	return (raw[SMBIOS_EXTENSION_2] & SMBIOS_IS_VIRTUAL) != 0;
}

int sm_virtual(const char *root)
{
	int said = by_flags(root);

	if (said < 0)
		said = by_device_tree(root);
	return said < 0 ? by_smbios(root) : said;
}
