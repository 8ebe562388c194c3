/* SPDX-License-Identifier: MIT */
/*
 * maps.h - /proc/PID/maps line by line, without malloc or stdio: it is read in children of raw
 * clones too.
 */
#ifndef SM_ISOLATION_MAPS_H
#define SM_ISOLATION_MAPS_H

#include <stdint.h>

struct sm_map {
	uint64_t start, end;
	uint64_t inode; /* 0: anonymous */
	int readable;
	char name[64]; /* "[heap]", the last part of a path, or "anonymous" */
};

struct sm_maps {
	int fd;
	uint32_t at, have;
	char buf[8192];
};

int sm_maps_open(struct sm_maps *m); /* of this process; 0 or -errno */
/* 1: *map is filled; 0: no more; -errno. */
int sm_maps_next(struct sm_maps *m, struct sm_map *map);
void sm_maps_close(struct sm_maps *m);

/* The mapping that holds addr. 0, -ENOENT or -errno. */
int sm_maps_find(uint64_t addr, struct sm_map *map);
/* The first mapping of this name. 0, -ENOENT or -errno. */
int sm_maps_named(const char *name, struct sm_map *map);

/*
 * Numbers of /proc/self/stat, counted as proc(5) counts them: where the kernel laid out heap,
 * argv and environ. 0, or -errno.
 */
struct sm_areas {
	uint64_t start_brk; /* where the heap of brk(2) begins, used or not */
	uint64_t arg_start, arg_end, env_start, env_end;
};
/* pid 0: this process. The kernel shows zeros to whoever may not ptrace it: -EPERM. */
int sm_areas_read(int pid, struct sm_areas *areas);

#endif
