/* SPDX-License-Identifier: MIT */
/*
 * scan.c - looking for canaries in all readable memory of this process.
 *
 * It reads through process_vm_readv(2) into a buffer: a hole in a mapping is an error code there,
 * not a signal, and the pages read are those that plain loads would see.
 */
#include "scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../sys/sys.h"
#include "canary.h"
#include "maps.h"

/* A mapping of this size is a reservation of addresses, not memory. */
#define RESERVATION ((uint64_t)1 << 40)
/* Bits 63 and 62 of /proc/PID/pagemap: present, swapped (Documentation/admin-guide/mm/pagemap). */
#define PAGE_EXISTS ((uint64_t)3 << 62)
/*
 * Of what is said to be readable, one part in so many may turn out not to be (a file's mapping
 * beyond its end) before "absent" means nothing.
 */
#define UNREAD_PART 64
/* How many pairs of neighbours a canary has. */
#define STRIDE (SM_CANARY_BYTES - 1)

static void mark(unsigned char map[1 << 13], const unsigned char two[2])
{
	unsigned int key = two[0] | (unsigned int)two[1] << 8;

	map[key >> 3] |= (unsigned char)(1u << (key & 7));
}

static int marked(const unsigned char map[1 << 13], const unsigned char two[2])
{
	unsigned int key = two[0] | (unsigned int)two[1] << 8;

	return map[key >> 3] >> (key & 7) & 1;
}

void sm_scan_init(struct sm_scan *s, const struct sm_masked *mask, const struct sm_sought *sought,
		  uint32_t n, uint32_t timeout_ms)
{
	s->mask = mask;
	s->sought = sought;
	s->n = n < SM_SOUGHT_MAX ? n : SM_SOUGHT_MAX;
	s->deadline_ns = sm_now_ns() + (int64_t)timeout_ms * 1000000;
	s->page = (uint64_t)sysconf(_SC_PAGESIZE);
	s->own_start = (uint64_t)(uintptr_t)s & ~(s->page - 1);
	s->own_end = ((uint64_t)(uintptr_t)(s + 1) + s->page - 1) & ~(s->page - 1);
	for (uint32_t i = 0; i < s->n; i++) {
		const unsigned char *m = sought[i].masked.b;

		for (unsigned int k = 0; k < STRIDE; k++) {
			const unsigned char two[] = { m[k] ^ mask->b[k],
						      m[k + 1] ^ mask->b[k + 1] };

			if (!k)
				mark(s->first, two);
			mark(s->any, two);
		}
		s->hit[i].fd = -1;
	}
}

/* Compares at one place; addr and fd say where that is. */
static void compare(struct sm_scan *s, const unsigned char *p, uint64_t addr, int fd,
		    const char *where)
{
	for (uint32_t i = 0; i < s->n; i++) {
		struct sm_hit *h = &s->hit[i];

		if (!sm_canary_is(p, &s->sought[i].masked, s->mask))
			continue;
		if (!h->times++) {
			h->addr = addr;
			h->fd = fd;
			snprintf(h->where, sizeof(h->where), "%s", where);
		}
	}
}

void sm_scan_buffer(struct sm_scan *s, size_t n, uint64_t addr, int fd, const char *where)
{
	const unsigned char *p = s->buf;

	s->bytes += fd < 0 ? n : 0;
	for (size_t i = 0; i + SM_CANARY_BYTES <= n; i += STRIDE) {
		/* Any canary that begins from here to there has these two bytes. */
		if (!marked(s->any, p + i + STRIDE - 1))
			continue;
		for (size_t k = i; k < i + STRIDE && k + SM_CANARY_BYTES <= n; k++)
			if (marked(s->first, p + k))
				compare(s, p + k, addr + k, fd, where);
	}
}

/* Own memory without being stopped by a hole. Bytes read, or -errno. */
static ssize_t read_own(int mem_fd, uint64_t addr, void *buf, size_t n)
{
	struct iovec local = { buf, n }, remote = { (void *)(uintptr_t)addr, n };
	ssize_t got = (ssize_t)syscall(SYS_process_vm_readv, getpid(), &local, 1, &remote, 1, 0);

	if (got < 0 && (errno == ENOSYS || errno == EPERM)) /* not built in, or filtered */
		got = pread(mem_fd, buf, n, (off_t)addr);
	return got < 0 ? -errno : got;
}

/* Anonymous pages that were never touched hold zeros: whether any of these was. */
static int touched(struct sm_scan *s, int pagemap, uint64_t addr, uint64_t bytes)
{
	uint64_t page = addr / s->page, beyond = (addr + bytes - 1) / s->page + 1;
	size_t n = (beyond - page) * sizeof(s->pages[0]);
	off_t at = (off_t)(page * sizeof(s->pages[0]));

	if (pagemap < 0 || pread(pagemap, s->pages, n, at) != (ssize_t)n)
		return 1; /* cannot tell: look */
	for (size_t i = 0; i < n / sizeof(s->pages[0]); i++) {
		if (s->pages[i] & PAGE_EXISTS)
			return 1;
	}
	return 0;
}

struct files {
	int mem, pagemap;
};

/* One stretch, chunks overlapping by one canary less a byte. */
static void scan_range(struct sm_scan *s, const struct files *f, const struct sm_map *map,
		       uint64_t start, uint64_t end)
{
	const size_t chunk = sizeof(s->buf);

	for (uint64_t at = start; at < end && !s->cut_short;) {
		uint64_t n = end - at < chunk ? end - at : chunk;
		ssize_t got;

		s->cut_short = sm_now_ns() > s->deadline_ns;
		if (!map->inode && !touched(s, f->pagemap, at, n)) {
			at += n;
			continue;
		}
		got = read_own(f->mem, at, s->buf, n);
		if (got <= 0) { /* a hole: on with the next page */
			uint64_t next = (at | (s->page - 1)) + 1;

			s->unread += (next < end ? next : end) - at;
			at = next;
			continue;
		}
		sm_scan_buffer(s, (size_t)got, at, -1, map->name);
		at += (uint64_t)got;
		if (at < end && got >= SM_CANARY_BYTES)
			at -= SM_CANARY_BYTES - 1;
	}
}

static void scan_map(struct sm_scan *s, const struct files *f, const struct sm_map *map)
{
	uint64_t cut = s->own_start > map->start ? s->own_start : map->start;
	uint64_t on = s->own_end < map->end ? s->own_end : map->end;

	s->mappings++;
	if (map->end - map->start >= RESERVATION) {
		s->left_out++;
		return;
	}
	if (cut >= on) { /* the scanner itself is elsewhere */
		scan_range(s, f, map, map->start, map->end);
		return;
	}
	scan_range(s, f, map, map->start, cut);
	scan_range(s, f, map, on, map->end);
}

/*
 * These belong to root while the process is undumpable (proc(5)), as it is after a change of uid
 * without an exec. But it may say of itself that it is not.
 */
static void open_own(struct files *f)
{
	int dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);

	if (dumpable != 1)
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	f->mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	f->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (dumpable != 1)
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

void sm_scan_memory(struct sm_scan *s)
{
	struct files f;
	struct sm_maps maps;
	struct sm_map map;
	int got = sm_maps_open(&maps);

	if (got) {
		s->err = got;
		return;
	}
	open_own(&f);
	while (!s->cut_short && (got = sm_maps_next(&maps, &map)) > 0) {
		/* Gates into the kernel: the same bytes in every process, and no ordinary pages. */
		if (map.readable && strncmp(map.name, "[vvar", 5) && strcmp(map.name, "[vsyscall]"))
			scan_map(s, &f, &map);
	}
	s->err = got < 0 ? got : 0;
	if (f.pagemap >= 0)
		close(f.pagemap);
	if (f.mem >= 0)
		close(f.mem);
	sm_maps_close(&maps);
}

static int blind_in_descriptors(const struct sm_scan *s, char *why, size_t size)
{
	if (!s->fd_unread)
		return 0;
	snprintf(why, size, "%u of %u descriptors beyond 2 could not be read", s->fd_unread,
		 s->descriptors);
	return 1;
}

static int blind_in_memory(const struct sm_scan *s, char *why, size_t size)
{
	if (s->cut_short)
		snprintf(why, size, "the scan ran out of time");
	else if (s->left_out)
		snprintf(why, size, "%u mappings of 1 TiB and more were not scanned", s->left_out);
	else if (!s->bytes || s->unread > (s->bytes + s->unread) / UNREAD_PART)
		snprintf(why, size, "only %llu KiB could be read, %llu KiB could not",
			 (unsigned long long)s->bytes / 1024, (unsigned long long)s->unread / 1024);
	else
		return 0;
	return 1;
}

int sm_scan_blind(const struct sm_scan *s, int in_descriptor, char *why, size_t size)
{
	const int err = in_descriptor ? s->fd_err : s->err;
	char name[24];

	if (!err)
		return in_descriptor ? blind_in_descriptors(s, why, size)
				     : blind_in_memory(s, why, size);
	snprintf(why, size, "the scan failed: %s", sm_errno_name(-err, name));
	return 1;
}
