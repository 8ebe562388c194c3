/* SPDX-License-Identifier: MIT */
/*
 * virtual.h - is this a virtual machine? x86 says it in CPUID, which /proc/cpuinfo shows; elsewhere
 * the firmware says it, in the device tree or in the SMBIOS tables.
 */
#ifndef SM_VIRTUAL_H
#define SM_VIRTUAL_H

/* 1 yes, 0 no, -1 nothing says it. root: before each path, "" for this machine. */
int sm_virtual(const char *root);

#endif
