/* SPDX-License-Identifier: MIT */
/*
 * libc.c - probes: randomness, and what this libc has of new functions. They are looked up at run
 * time: the libc that runs is not the one that was compiled against.
 */
#include "probe.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "../sys/symbol.h"
#include "uapi.h"

/* ISO C has no conversion from void * to a function; POSIX wants dlsym's to work. */
#define LOOK_UP(function, object, name)                       \
	do {                                                  \
		void *found_ = sm_symbol(object, name);       \
		memcpy(&(function), &found_, sizeof(found_)); \
	} while (0)

void sm_probe_f_getrandom(struct sm_probe_result *r)
{
	unsigned char bytes[16];

	if (syscall(SYS_getrandom, bytes, sizeof(bytes), GRND_NONBLOCK) != (long)sizeof(bytes))
		sm_probe_no(r, errno, "getrandom");
	else
		sm_probe_yes(r, "%zu bytes", sizeof(bytes));
}

typedef ssize_t vgetrandom_fn(void *buffer, size_t n, unsigned int flags, void *state,
			      size_t state_size);

static vgetrandom_fn *vgetrandom(void)
{
	static const char *const names[] = { "__vdso_getrandom", "__kernel_getrandom" };
	void *vdso = sm_object_open("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
	vgetrandom_fn *fn = NULL;

	for (size_t i = 0; vdso && !fn && i < sizeof(names) / sizeof(*names); i++)
		LOOK_UP(fn, vdso, names[i]);
	return fn;
}

void sm_probe_f_vdso_getrandom(struct sm_probe_result *r)
{
	struct sm_vgetrandom_opaque_params params = { .size_of_opaque_state = 0 };
	vgetrandom_fn *fn = vgetrandom();
	unsigned char bytes[16];
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	void *state;

	if (!fn) {
		sm_probe_no(r, 0, "the vDSO has no such function");
		return;
	}
	if (fn(NULL, 0, 0, &params, SIZE_MAX) || params.size_of_opaque_state > size) {
		sm_probe_no(r, 0, "the vDSO does not tell its state's size");
		return;
	}
	state = mmap(NULL, size, (int)params.mmap_prot, (int)params.mmap_flags, -1, 0);
	if (state == MAP_FAILED)
		sm_probe_no(r, errno, "mmap of the state");
	else if (fn(bytes, sizeof(bytes), 0, state, params.size_of_opaque_state) !=
		 (ssize_t)sizeof(bytes))
		sm_probe_no(r, 0, "the vDSO gave no bytes");
	else
		sm_probe_yes(r, "%zu bytes; a state of %u", sizeof(bytes),
			     params.size_of_opaque_state);
}

void sm_probe_f_arc4random(struct sm_probe_result *r)
{
	unsigned char one[16] = "", two[16] = "";
	void (*fill)(void *buffer, size_t n);

	LOOK_UP(fill, NULL, "arc4random_buf");
	if (!fill) {
		sm_probe_no(r, 0, "libc has no arc4random_buf");
		return;
	}
	fill(one, sizeof(one));
	fill(two, sizeof(two));
	if (!memcmp(one, two, sizeof(one)))
		sm_probe_no(r, 0, "the same %zu bytes twice", sizeof(one));
	else
		sm_probe_yes(r, "%zu bytes, and others", sizeof(one));
}

void sm_probe_f_spawn_cgroup(struct sm_probe_result *r)
{
	int (*set)(posix_spawnattr_t * attr, int fd);
	posix_spawnattr_t attr;
	int err;

	LOOK_UP(set, NULL, "posix_spawnattr_setcgroup_np");
	if (!set) {
		sm_probe_no(r, 0, "libc has no posix_spawnattr_setcgroup_np");
		return;
	}
	posix_spawnattr_init(&attr);
	err = set(&attr, STDIN_FILENO);
	posix_spawnattr_destroy(&attr);
	if (err)
		sm_probe_no(r, err, "posix_spawnattr_setcgroup_np");
	else
		sm_probe_yes(r, "posix_spawnattr_setcgroup_np takes a descriptor");
}

/* A program that is not there comes last: ENOENT says that libc and kernel can do the rest. */
void sm_probe_f_pidfd_spawn(struct sm_probe_result *r)
{
	int (*spawn)(int *pidfd, const char *path, const posix_spawn_file_actions_t *actions,
		     const posix_spawnattr_t *attr, char *const argv[], char *const envp[]);
	char name[] = "true", *argv[] = { name, NULL }, *envp[] = { NULL };
	int fd = -1, err;

	LOOK_UP(spawn, NULL, "pidfd_spawn");
	if (!spawn) {
		sm_probe_no(r, 0, "libc has no pidfd_spawn");
		return;
	}
	err = spawn(&fd, "/bin/true", NULL, NULL, argv, envp);
	if (err == ENOENT)
		sm_probe_yes(r, "pidfd_spawn of what is not there says ENOENT");
	else if (err || fd < 0)
		sm_probe_no(r, err, "pidfd_spawn");
	else
		sm_probe_yes(r, "started /bin/true");
}
