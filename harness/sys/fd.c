/* SPDX-License-Identifier: MIT */
/*
 * fd.c - descriptors: the three pipes of a child, putting them in place, closing the others.
 */
#include "sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attr.h"

static void close_and_forget(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void sm_stdio_close_child(struct sm_stdio *io)
{
	for (int i = 0; i < 3; i++)
		close_and_forget(&io->child[i]);
}

void sm_stdio_close_parent(struct sm_stdio *io)
{
	for (int i = 0; i < 3; i++)
		close_and_forget(&io->parent[i]);
}

int sm_stdio_open(struct sm_stdio *io)
{
	return sm_stdio_open_for(io, NULL);
}

int sm_stdio_open_for(struct sm_stdio *io, struct sm_places *places)
{
	int err;

	for (int i = 0; i < 3; i++)
		io->child[i] = io->parent[i] = -1;
	for (int i = 0; i < 3; i++) {
		int ends[2];

		if (places && places->at[i].src >= 0)
			continue;
		if (pipe2(ends, O_CLOEXEC) < 0)
			goto out;
		/* The child reads from 0 and writes to 1 and 2. */
		io->child[i] = ends[i != 0];
		io->parent[i] = ends[i == 0];
		if (places)
			places->at[i].src = io->child[i];
	}
	return 0;
out:
	err = -errno;
	sm_stdio_close_child(io);
	sm_stdio_close_parent(io);
	return err;
}

int sm_fd_place(int from, int to)
{
	int rc;

	if (from == to) { /* dup2 would do nothing and leave close-on-exec set */
		int flags = fcntl(from, F_GETFD);

		return flags < 0 || fcntl(from, F_SETFD, flags & ~FD_CLOEXEC) < 0 ? -errno : 0;
	}
	do { /* EBUSY: a race with open() in another thread, Linux alone (dup2(2)) */
		rc = dup2(from, to);
	} while (rc < 0 && (errno == EINTR || errno == EBUSY));
	return rc < 0 ? -errno : 0;
}

int sm_stdio_install(const int fds[3])
{
	int from[3] = { fds[0], fds[1], fds[2] };
	int err = 0;

	/* Whatever stands where another one has to go moves out of the way first. */
	for (int i = 0; i < 3 && !err; i++) {
		if (fds[i] < 0 || fds[i] > 2 || fds[i] == i)
			continue;
		from[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
		if (from[i] < 0)
			err = -errno;
	}
	for (int i = 0; i < 3 && !err; i++)
		err = sm_fd_place(from[i], i);
	for (int i = 0; i < 3; i++) {
		if (from[i] != fds[i] && from[i] >= 0)
			close(from[i]);
	}
	return err;
}

/* A descriptor's number as /proc spells it; -1: not a number. */
static int parse_fd(const char *s)
{
	int n = 0;

	if (!*s)
		return -1;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || n > (INT_MAX - 9) / 10)
			return -1;
		n = n * 10 + (*s - '0');
	}
	return n;
}

unsigned int sm_fd_lower_bound(const struct sm_req_fd *fds, unsigned int n, int fd)
{
	unsigned int low = 0;

	while (low < n) {
		unsigned int mid = low + (n - low) / 2;

		if (fds[mid].dst < fd)
			low = mid + 1;
		else
			n = mid;
	}
	return low;
}

/* The lowest descriptor >= from that is to be kept; -1: none. */
static int next_kept(const struct sm_fd_keep *keep, int from)
{
	unsigned int i = sm_fd_lower_bound(keep->fds, keep->n, from);
	int next = i < keep->n ? keep->fds[i].dst : -1;

	for (i = 0; i < 2; i++) {
		int fd = keep->more[i];

		if (fd >= from && (next < 0 || fd < next))
			next = fd;
	}
	return next;
}

/*
 * By the list in /proc/self/fd. Closing while reading is safe: the kernel goes on from a
 * descriptor number, not from an entry (fs/proc/fd.c:proc_readfd_common). opendir(3) would
 * allocate, hence the raw call.
 */
static int close_listed(int lowest, const struct sm_fd_keep *keep)
{
	char buf[2048] __attribute__((aligned(__alignof__(struct dirent64))));
	int dir = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	long n;
	int err;

	if (dir < 0)
		return -errno;
	while ((n = syscall(SYS_getdents64, dir, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < n;) {
			const struct dirent64 *entry = (const void *)(buf + at);
			int fd = parse_fd(entry->d_name);

			if (fd >= lowest && fd != dir && next_kept(keep, fd) != fd)
				close(fd);
			at += entry->d_reclen;
		}
	}
	err = n < 0 ? -errno : 0;
	close(dir);
	return err;
}

/*
 * One by one. A descriptor above the limit can only stem from a time when the limit was higher;
 * without /proc nobody can tell, so it is left.
 */
static int close_each(int lowest, const struct sm_fd_keep *keep)
{
	struct rlimit limit;
	int end = 1 << 20; /* fs.nr_open as the kernel sets it */

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	if (limit.rlim_cur < (rlim_t)end)
		end = (int)limit.rlim_cur;
	for (int fd = lowest; fd < end; fd++) {
		if (next_kept(keep, fd) != fd)
			close(fd);
	}
	return 0;
}

static int close_span(unsigned int first, unsigned int last)
{
	if (first > last)
		return 0;
	return syscall(SYS_close_range, first, last, 0) < 0 ? -errno : 0;
}

static int close_gaps(int lowest, const struct sm_fd_keep *keep)
{
	for (;;) {
		int kept = next_kept(keep, lowest), err;

		if (kept < 0)
			return close_span((unsigned int)lowest, UINT_MAX);
		err = kept > lowest ? close_span((unsigned int)lowest, (unsigned int)kept - 1) : 0;
		if (err)
			return err;
		if (kept == INT_MAX)
			return 0;
		lowest = kept + 1;
	}
}

int sm_close_but(int lowest, const struct sm_fd_keep *keep)
{
	int err;

	if (lowest < 0)
		return -EINVAL;
	err = close_gaps(lowest, keep);
	/* Before Linux 5.9, and under seccomp filters which do not know the call. */
	if (err)
		err = close_listed(lowest, keep);
	if (err)
		err = close_each(lowest, keep);
	return err;
}

int sm_close_from(int lowest, int keep)
{
	const struct sm_fd_keep one = { NULL, 0, { keep, -1 } };

	return sm_close_but(lowest, &one);
}
