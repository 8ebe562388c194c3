/* SPDX-License-Identifier: MIT */
/*
 * uapi.h - numbers of the kernel's interface that the headers of Linux 6.1 do not have. They are
 * the same on every architecture.
 */
#ifndef SM_FEATURE_UAPI_H
#define SM_FEATURE_UAPI_H

#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

/* clone3(2), Linux 7.1 */
#define SM_CLONE_AUTOREAP       (UINT64_C(1) << 34)
#define SM_CLONE_NNP            (UINT64_C(1) << 35)
#define SM_CLONE_PIDFD_AUTOKILL (UINT64_C(1) << 36)

/* pidfd_open(2), Linux 6.9: O_EXCL */
#define SM_PIDFD_THREAD 0200

/* ioctl(2) of a pidfd, Linux 6.13: the first 64 bytes of struct pidfd_info */
struct sm_pidfd_info {
	uint64_t mask, cgroupid;
	uint32_t pid, tgid, ppid, ids[8], rest;
};
_Static_assert(sizeof(struct sm_pidfd_info) == 64, "the size is part of the request's number");
#define SM_PIDFD_GET_INFO _IOWR(0xff, 11, struct sm_pidfd_info)
#define SM_PIDFD_INFO_PID (UINT64_C(1) << 0)

/* mmap(2), Linux 6.11: a type of mapping as MAP_PRIVATE is */
#define SM_MAP_DROPPABLE 0x08

/* Linux 6.10 */
#define SM_SYS_mseal 462

/* vgetrandom's state: what it tells when it is asked for no bytes with a length of ~0 */
struct sm_vgetrandom_opaque_params {
	uint32_t size_of_opaque_state, mmap_prot, mmap_flags, reserved[13];
};

#endif
