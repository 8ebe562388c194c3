/* SPDX-License-Identifier: MIT */
/*
 * random.c - randomness and uniqueness: two siblings must not draw the same numbers, and do where
 * a generator's state was cloned with everything else.
 */
#include "group.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "sys/symbol.h"
#include "sys/sys.h"

#define CLONED_STATE "the state of the generator was cloned with the rest of the image"

/* Each of two siblings fills the first 16 bytes of its numbers: they must not be alike. */
static int siblings_differ(struct sm_cell *c)
{
	struct sm_answer a, b;
	const struct sm_answer *bad;
	int err = sm_kid_ask(c, NULL, &a, NULL);

	if (!err)
		err = sm_kid_ask(c, NULL, &b, NULL);
	if (err)
		return sm_trouble(c, err, "a child");
	if (a.observed != SM_HOLDS || b.observed != SM_HOLDS) {
		bad = a.observed != SM_HOLDS ? &a : &b;
		c->observed = bad->observed;
		c->feature = bad->feature;
		snprintf(c->text, sizeof(c->text), "%.1000s", bad->text);
		return c->observed;
	}
	return sm_judge(c, a.n[0] != b.n[0] || a.n[1] != b.n[1],
			"two siblings drew %llx %llx and %llx %llx", (unsigned long long)a.n[0],
			(unsigned long long)a.n[1], (unsigned long long)b.n[0],
			(unsigned long long)b.n[1]);
}

/* ---- random(3) ---- */

/* Whether this image was seeded as it was loaded. Global: a clone has it from its creator. */
static bool seeded;

/* What a runtime does while it loads. 0 or -errno. */
static int seed(void)
{
	unsigned int word;

	if (getrandom(&word, sizeof(word), 0) != sizeof(word))
		return -errno;
	srandom(word);
	seeded = true;
	return 0;
}

static int seed_creator(struct sm_cell *c)
{
	int err = seed();

	return err ? sm_broken(c, "getrandom: %s", strerror(-err)) : sm_holds(c, "seeded");
}

static int draw_random(struct sm_cell *c)
{
	if (!seeded && seed())
		return sm_broken(c, "getrandom: %s", strerror(errno));
	c->answer.n[0] = random() ^ (int64_t)random() << 31;
	c->answer.n[1] = random() ^ (int64_t)random() << 31;
	return sm_holds(c, "drawn");
}

/* ---- the kernel's, and those that libraries build on it ---- */

static int draw_getrandom(struct sm_cell *c)
{
	ssize_t n = getrandom(c->answer.n, 16, 0);

	return n == 16 ? sm_holds(c, "drawn") : sm_fails(c, "getrandom: %zd of 16 bytes", n);
}

typedef void fill_fn(void *at, size_t bytes);

static int draw_arc4random(struct sm_cell *c)
{
	fill_fn *fill;

	*(void **)&fill = sm_symbol(NULL, "arc4random_buf");
	if (!fill)
		return sm_skips(c, SM_F_ARC4RANDOM, "this libc has none");
	fill(c->answer.n, 16);
	return sm_holds(c, "drawn");
}

static int draw_openssl(struct sm_cell *c)
{
	void *so = sm_object_open("libcrypto.so.3", RTLD_NOW);
	int (*fill)(void *at, int bytes) = NULL;

	if (so)
		*(void **)&fill = sm_symbol(so, "RAND_bytes");
	if (!fill)
		return sm_skips(c, SM_F_NONE, "libcrypto.so.3 cannot be loaded here");
	return fill(c->answer.n, 16) == 1 ? sm_holds(c, "drawn")
					  : sm_broken(c, "RAND_bytes failed");
}

/* ---- vDSO getrandom ---- */

/* linux:include/uapi/linux/random.h struct vgetrandom_opaque_params */
struct opaque_params {
	uint32_t size, prot, flags, reserved[13];
};

typedef ssize_t vgetrandom_fn(void *buf, size_t n, unsigned int flags, void *state, size_t size);

/* The state of one thread. Global: a clone has to find it again. */
static struct {
	vgetrandom_fn *fn;
	void *state;
	uint32_t size;
} vdso;

static int use_vdso(struct sm_cell *c)
{
	static const char *const names[] = { "__vdso_getrandom", "__kernel_getrandom" };
	struct opaque_params params = { 0 };
	void *so = sm_object_open("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
	uint64_t word;

	for (size_t i = 0; so && !vdso.fn && i < sizeof(names) / sizeof(*names); i++)
		*(void **)&vdso.fn = sm_symbol(so, names[i]);
	if (!vdso.fn || vdso.fn(NULL, 0, 0, &params, ~(size_t)0))
		return sm_skips(c, SM_F_VDSO_GETRANDOM, "the vDSO has no getrandom");
	vdso.size = params.size;
	vdso.state = mmap(NULL, 4096, (int)params.prot, (int)params.flags, -1, 0);
	if (vdso.state == MAP_FAILED)
		return sm_broken(c, "mmap of the opaque state: %s", strerror(errno));
	if (vdso.fn(&word, sizeof(word), 0, vdso.state, vdso.size) != sizeof(word))
		return sm_broken(c, "the vDSO's getrandom failed");
	return sm_holds(c, "used once in the creator");
}

static int draw_vdso(struct sm_cell *c)
{
	if (!vdso.fn && use_vdso(c) != SM_HOLDS) /* an image of its own */
		return c->observed;
	if (vdso.fn(c->answer.n, 16, 0, vdso.state, vdso.size) != 16)
		return sm_fails(c, "the vDSO's getrandom failed in the child");
	return sm_holds(c, "drawn");
}

/* ---- a fork detector ---- */

static int make_detector(struct sm_cell *c)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED || madvise(page, 4096, MADV_WIPEONFORK) < 0)
		return sm_skips(c, SM_F_MADV_WIPEONFORK, "MADV_WIPEONFORK: %s", strerror(errno));
	*page = 1;
	c->board->n[0] = (int64_t)(uintptr_t)page;
	return sm_holds(c, "set");
}

static int detector_trips(struct sm_cell *c)
{
	const volatile char *page = (const char *)(uintptr_t)sm_board(c)->n[0];

	return sm_judge(c, *page == 0, "the byte that the creator set to 1 is %d in the child",
			*page);
}

/* ---- names ---- */

static int name_a_file(struct sm_cell *c)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/sm-name-XXXXXX", sm_temp_dir());
	fd = mkstemp(path);
	if (fd < 0)
		return sm_broken(c, "mkstemp: %s", strerror(errno));
	close(fd);
	unlink(path);
	memcpy(c->answer.n, path + strlen(path) - 6, 6);
	return sm_holds(c, "named");
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static int names_differ(struct sm_cell *c)
{
	enum { SOME = 32, MANY = 10000 };
	const struct sm_req req = sm_cell_req(c, NULL);
	int n = c->thorough ? MANY : SOME, twice = 0, unnamed = 0, err = 0;
	int64_t *name = calloc((size_t)n, sizeof(*name));

	if (!name)
		return sm_broken(c, "no memory");
	for (int i = 0; i < n && !err; i++) {
		struct sm_answer a = { .observed = SM_OBSERVED_NONE };

		err = sm_kid_ask_req(c, &req, &a, NULL);
		name[i] = a.n[0];
		unnamed += a.observed != SM_HOLDS;
	}
	qsort(name, (size_t)n, sizeof(*name), by_value);
	for (int i = 1; i < n; i++)
		twice += name[i] == name[i - 1];
	free(name);
	if (err)
		return sm_trouble(c, err, "a child");
	if (unnamed)
		return sm_broken(c, "%d of %d siblings could make no file", unnamed, n);
	return sm_judge(c, !twice,
			"%d siblings in turn each made and removed a file: %d names twice", n,
			twice);
}

static const struct sm_check checks[] = {
	{
		.id = "random.libc",
		.row = "I01",
		.claim =
			"siblings draw different numbers from random(3), which was seeded on loading",
		.source = "random(3)",
		.level = SM_SHOULD,
		.fails_lacking = SM_FRESH_IMAGE,
		.why = CLONED_STATE,
		.in_parent = siblings_differ,
		.in_creator = seed_creator,
		.in_child = draw_random,
	},
	{
		.id = "random.arc4random",
		.row = "I02",
		.claim = "siblings draw different numbers from arc4random(3)",
		.source = "arc4random(3); glibc tst-arc4random-fork",
		.level = SM_SHOULD,
		.in_parent = siblings_differ,
		.in_creator = draw_arc4random, /* one that buffers has something to clone then */
		.in_child = draw_arc4random,
	},
	{
		.id = "random.kernel",
		.row = "I03",
		.claim = "siblings get different bytes from getrandom(2)",
		.source = "getrandom(2)",
		.level = SM_SHOULD,
		.in_parent = siblings_differ,
		.in_child = draw_getrandom,
	},
	{
		.id = "random.vdso",
		.row = "I04",
		.claim =
			"siblings get different bytes from the vDSO's getrandom with a cloned state",
		.source = "linux:lib/vdso/getrandom.c: MAP_DROPPABLE is wiped on fork",
		.level = SM_SHOULD,
		.in_parent = siblings_differ,
		.in_creator = use_vdso,
		.in_child = draw_vdso,
	},
	{
		.id = "random.openssl",
		.row = "I05",
		.claim = "siblings get different bytes from an OpenSSL that their creator has used",
		.source = "RAND_bytes(3); OpenSSL crypto/threads_pthread.c:openssl_get_fork_id",
		.level = SM_SHOULD,
		.in_parent = siblings_differ,
		.in_creator = draw_openssl,
		.in_child = draw_openssl,
	},
	{
		.id = "random.names",
		.row = "I07",
		.claim = "siblings get different names from mkstemp(3)",
		.source = "mkstemp(3)",
		.level = SM_SHOULD,
		.timeout_ms = 120000, /* 10 000 of them under --long */
		.in_parent = names_differ,
		.in_child = name_a_file,
	},
	{
		.id = "random.detector",
		.row = "I08",
		.claim = "a page with MADV_WIPEONFORK tells a library that it was cloned",
		.source = "madvise(2) MADV_WIPEONFORK; linux:mm/memory.c:copy_page_range",
		.level = SM_SHOULD,
		.needs = SM_NEED(SM_F_MADV_WIPEONFORK),
		.without = SM_FRESH_IMAGE,
		.in_creator = make_detector,
		.in_child = detector_trips,
	},
};

SM_GROUP(random, "Randomness and uniqueness", checks);
