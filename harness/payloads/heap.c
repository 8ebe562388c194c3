/* SPDX-License-Identifier: MIT */
/*
 * heap.c - the payload whose image is a parameter: MiB, page size, mappings and descriptors, and
 * the share of pages that the work then writes. Everything is built and touched before sm_role().
 *
 * What was asked for is verified, because the kernel may silently do otherwise: a clone of huge
 * pages is an order of magnitude cheaper than one of small pages. Exit status 2: bad usage, 3: this
 * machine cannot give what was asked, EX_UNAVAILABLE: its kernel knows no such thing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "spawnmark.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1; include/uapi/asm-generic/mman-common.h */
#endif

#define ORDINARY_HUGE (2UL << 20)
#define THP_DIR       "/sys/kernel/mm/transparent_hugepage/"

enum { BUILT = 0x5a, WRITTEN = 0xa5 };

struct heap {
	long mb, vmas, maps, tables, fds, write_percent;
	bool thp;

	unsigned char *area; /* mb MiB */
	size_t bytes;
	size_t page;  /* of the kind asked for: what write_percent counts */
	size_t small; /* the machine's base page */
	bool verified;
};

static int refuse(const char *what, const char *remedy)
{
	fprintf(stderr, "heap: %s; %s\n", what, remedy);
	return 3;
}

/* AnonHugePages of the area in bytes, as /proc/self/smaps tells; -1: cannot be read. */
static long long huge_bytes(const struct heap *h)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long long from, to, kb;
	long long sum = 0;
	bool inside = false;
	char line[512];

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx-%llx ", &from, &to) == 2)
			inside = from < (uintptr_t)h->area + h->bytes && to > (uintptr_t)h->area;
		else if (inside && sscanf(line, "AnonHugePages: %llu kB", &kb) == 1)
			sum += (long long)kb * 1024;
	}
	fclose(f);
	return sum;
}

/* Whether the area consists of the pages asked for. 0, or 3 after a line on stderr. */
static int verify_pages(struct heap *h)
{
	long long want = h->thp ? (long long)(h->bytes / h->page * h->page) : 0, got;
	char text[160];

	if (!h->bytes)
		return 0;
	got = huge_bytes(h);
	if (got < want && h->thp && !madvise(h->area, h->bytes, MADV_COLLAPSE))
		got = huge_bytes(h); /* memory was fragmented when it was touched */
	if (got == want) {
		h->verified = true;
		return 0;
	}
	snprintf(text, sizeof(text), "--pages %s: %lld of %zu KiB are huge pages, expected %lld",
		 h->thp ? "thp" : "4k", got / 1024, h->bytes / 1024, want / 1024);
	return refuse(text, "see " THP_DIR "enabled and the free memory");
}

/* The size of a huge page; 2 MiB where the kernel does not say. */
static size_t huge_page_size(void)
{
	FILE *f = fopen(THP_DIR "hpage_pmd_size", "re");
	unsigned long size = 0;

	if (f) {
		if (fscanf(f, "%lu", &size) != 1)
			size = 0;
		fclose(f);
	}
	return size ? size : ORDINARY_HUGE;
}

static int build_area(struct heap *h)
{
	size_t huge = huge_page_size(), room, head;
	unsigned char *at;

	h->small = (size_t)sysconf(_SC_PAGESIZE);
	h->page = h->thp ? huge : h->small;
	h->bytes = (size_t)h->mb << 20;
	if (!h->bytes)
		return 0;
	if (h->thp && h->bytes % huge && huge > ORDINARY_HUGE) {
		refuse("--mb is no multiple of this kernel's huge page, which is larger than 2 MiB",
		       "use --pages 4k");
		return EX_UNAVAILABLE;
	}
	if (h->thp && h->bytes % huge)
		return refuse("--mb is no multiple of a huge page", "choose an even number");

	room = h->bytes + huge; /* aligned, so that huge pages can fill it */
	at = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return refuse("--mb: no such amount of memory", "ask for less");
	head = (huge - (uintptr_t)at % huge) % huge;
	if (head)
		munmap(at, head);
	if (room - head - h->bytes)
		munmap(at + head + h->bytes, room - head - h->bytes);
	h->area = at + head;

	/* A kernel without huge pages knows neither advice: then there are small pages alone. */
	if (madvise(h->area, h->bytes, h->thp ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) < 0 && h->thp) {
		refuse("--pages thp: the kernel has no huge pages", "use --pages 4k");
		return EX_UNAVAILABLE;
	}
	/* One call instead of a fault per page; a kernel before 5.14 leaves it to the loop. */
	madvise(h->area, h->bytes, MADV_POPULATE_WRITE);
	for (size_t i = 0; i < h->bytes; i += h->small)
		h->area[i] = BUILT;
	return 0;
}

static long count_vmas(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	long n = 0;
	int c;

	if (!f)
		return -1;
	while ((c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

/*
 * One page per mapping, touched, and every other one read-only: neighbours that differ cannot be
 * merged. Holes at both ends keep strangers from merging with the outer ones.
 */
static int build_vmas(const struct heap *h)
{
	const char *remedy = "raise vm.max_map_count or ask for fewer";
	size_t bytes = (size_t)h->vmas * h->small;
	long before = count_vmas(), after;
	unsigned char *at;
	char text[120];

	if (!h->vmas)
		return 0;
	at = mmap(NULL, bytes + 2 * h->small, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		  -1, 0);
	if (at == MAP_FAILED)
		return refuse("--vmas: no room", remedy);
	munmap(at, h->small);
	at += h->small;
	munmap(at + bytes, h->small);
	madvise(at, bytes, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < bytes; i += h->small)
		at[i] = BUILT;
	for (size_t i = h->small; i < bytes; i += 2 * h->small) {
		if (mprotect(at + i, h->small, PROT_READ) < 0)
			return refuse("--vmas: the kernel allows no more mappings", remedy);
	}
	after = count_vmas();
	if (after - before < h->vmas) {
		snprintf(text, sizeof(text), "--vmas %ld: only %ld came into being", h->vmas,
			 after - before);
		return refuse(text, remedy);
	}
	return 0;
}

/*
 * Private mappings of a file, one page each and untouched, as a runtime's libraries have many: a
 * clone copies the mapping and none of its pages. All of one page of the file: such neighbours are
 * never merged.
 */
static int build_maps(const struct heap *h)
{
	size_t bytes = (size_t)h->maps * h->small;
	unsigned char *at;
	int fd;

	if (!h->maps)
		return 0;
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	at = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; at != MAP_FAILED && i < bytes; i += h->small) {
		if (mmap(at + i, h->small, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED)
			at = MAP_FAILED;
	}
	if (fd >= 0)
		close(fd);
	return at == MAP_FAILED ? refuse("--maps: the kernel allows no more mappings",
					 "raise vm.max_map_count or ask for fewer")
				: 0;
}

/*
 * Pages so far from each other that each needs a page table of its own: a clone of memory that
 * lies scattered, as a runtime's does, makes many tables for few pages.
 */
static int build_tables(const struct heap *h)
{
	size_t span = h->small / sizeof(uint64_t) * h->small;
	size_t bytes = (size_t)h->tables * span;
	unsigned char *at;

	if (!h->tables)
		return 0;
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		  -1, 0);
	if (at == MAP_FAILED)
		return refuse("--tables: no room", "ask for fewer");
	madvise(at, bytes, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < bytes; i += span)
		at[i] = BUILT;
	return 0;
}

static int build_fds(const struct heap *h)
{
	struct rlimit limit;
	int fd;

	if (!h->fds)
		return 0;
	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (long i = 1; i < h->fds && fd >= 0; i++) {
		if (fcntl(fd, F_DUPFD_CLOEXEC, 0) < 0)
			fd = -1;
	}
	return fd < 0 ? refuse("--fds: no more descriptors", "raise `ulimit -Hn`") : 0;
}

/* Spreads the written pages evenly over the area. */
static bool is_written(const struct heap *h, size_t i)
{
	size_t percent = (size_t)h->write_percent;

	return (i + 1) * percent / 100 != i * percent / 100;
}

static int work(void *arg)
{
	const struct heap *h = arg;

	for (size_t i = 0; i < h->bytes / h->page; i++) {
		if (is_written(h, i))
			h->area[i * h->page] = WRITTEN;
	}
	return 0;
}

static int check(void *arg)
{
	struct heap *h = arg;
	size_t pages = h->bytes / h->page;

	/*
	 * Work that writes nothing has no result. A walk would cost more than the clone, and as much
	 * per MiB as fits no cache: it would be all that `reaped` and the CPU time of a big heap show.
	 */
	for (size_t i = 0; i < (h->write_percent ? pages : 0); i++) {
		if (h->area[i * h->page] != (is_written(h, i) ? WRITTEN : BUILT))
			return 1;
	}
	return h->verified ? 0 : verify_pages(h);
}

static int usage(const char *text, const char *word)
{
	fprintf(stderr,
		"heap: %s `%s'; expected --mb N --vmas N --maps N --tables N --fds N --pages 4k|thp "
		"--write-percent 0..100\n",
		text, word);
	return 2;
}

static int set_number(const char *name, const char *value, long *to, long max)
{
	char *end;

	errno = 0;
	*to = strtol(value, &end, 10);
	if (errno || end == value || *end || *to < 0 || *to > max)
		return usage("bad value of", name);
	return 0;
}

/* Up to a lone `--`, behind which the request's own arguments stand. */
static int parse(struct heap *h, int argc, char **argv)
{
	int err = 0;

	for (int i = 1; i < argc && !err && strcmp(argv[i], "--"); i += 2) {
		const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";

		if (!strcmp(name, "--mb"))
			err = set_number(name, value, &h->mb, 1L << 20);
		else if (!strcmp(name, "--vmas"))
			err = set_number(name, value, &h->vmas, 1L << 24);
		else if (!strcmp(name, "--maps"))
			err = set_number(name, value, &h->maps, 1L << 24);
		else if (!strcmp(name, "--tables"))
			err = set_number(name, value, &h->tables, 1L << 20);
		else if (!strcmp(name, "--fds"))
			err = set_number(name, value, &h->fds, 1L << 24);
		else if (!strcmp(name, "--write-percent"))
			err = set_number(name, value, &h->write_percent, 100);
		else if (!strcmp(name, "--pages") &&
			 (!strcmp(value, "4k") || !strcmp(value, "thp")))
			h->thp = !strcmp(value, "thp");
		else
			err = usage("bad option", name);
	}
	return err;
}

int main(int argc, char **argv)
{
	struct heap heap = { .mb = 0 };
	const struct sm_payload payload = {
		.size = sizeof(payload), .work = work, .check = check, .arg = &heap
	};
	const char *job;
	int rc;

	sm_entered();
	rc = parse(&heap, argc, argv);
	if (!rc)
		rc = build_area(&heap);
	if (!rc)
		rc = build_vmas(&heap);
	if (!rc)
		rc = build_maps(&heap);
	if (!rc)
		rc = build_tables(&heap);
	if (!rc)
		rc = build_fds(&heap);
	/*
	 * Walking the page tables takes a while: an exec'd child, whose way to ready is measured,
	 * verifies in check(). A cloned one must not: its own writes split huge pages.
	 */
	job = getenv("SM_JOB");
	if (!rc && (!job || strncmp(job, "child", 5)))
		rc = verify_pages(&heap);
	if (rc)
		return rc;
	rc = sm_role(NULL, &payload);
	if (rc < 0) {
		fprintf(stderr, "heap: SM_JOB=%s is no job; see sm_role() in spawnmark.h\n", job);
		return 2;
	}
	return rc;
}
