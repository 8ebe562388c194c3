/* SPDX-License-Identifier: MIT */
/* meter.c - see meter.h; formats: proc(5), Documentation/scheduler/sched-stats.rst. */
#include "meter.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../sys/proc.h"

int sm_slurp(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	size_t n = 0;

	text[0] = 0;
	if (fd < 0)
		return -errno;
	while (n < size - 1) {
		ssize_t got = read(fd, text + n, size - 1 - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			err = -errno;
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	close(fd);
	text[n] = 0;
	return err ? err : (int)n;
}

int sm_spit(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;
	size_t n = strlen(text);

	if (fd < 0)
		return -errno;
	if (write(fd, text, n) != (ssize_t)n)
		err = -errno;
	close(fd);
	return err;
}

int64_t sm_field(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (const char *at = text; at; at = strchr(at, '\n'), at = at ? at + 1 : NULL)
		if (!strncmp(at, key, n))
			return strtoll(at + n, NULL, 10);
	return -1;
}

int64_t sm_slurp_number(const char *path)
{
	char text[64], *end;
	int64_t v;

	if (sm_slurp(path, text, sizeof(text)) <= 0)
		return -1;
	v = strtoll(text, &end, 10);
	return end == text ? -1 : v;
}

/* One line "cpuN user nice …"; the line "cpu  …" is the sum of all and has no N. */
static void add_cpu(const char *line, const struct sm_cpuset *set, struct sm_machine_time *t)
{
	static const int busy[] = { 0, 1, 2, 5, 6 }; /* user nice system irq softirq */
	int64_t tick = 1000000000 / sysconf(_SC_CLK_TCK);
	long long v[8] = { 0 };
	int cpu;

	/* %d would skip the blanks behind the sum's "cpu" and take its first number for N. */
	if (strncmp(line, "cpu", 3) != 0 || !isdigit((unsigned char)line[3]))
		return;
	if (sscanf(line + 3, "%d %lld %lld %lld %lld %lld %lld %lld %lld", &cpu, &v[0], &v[1],
		   &v[2], &v[3], &v[4], &v[5], &v[6], &v[7]) < 5 ||
	    (set && !sm_cpuset_has(set, cpu)))
		return;
	for (size_t i = 0; i < sizeof(busy) / sizeof(*busy); i++)
		t->busy_ns += v[busy[i]] * tick;
	t->steal_ns += v[7] * tick;
}

void sm_machine_time_parse(char *text, const struct sm_cpuset *set, struct sm_machine_time *t)
{
	char *line, *save = NULL;

	t->busy_ns = t->steal_ns = 0;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		add_cpu(line, set, t);
}

void sm_machine_time(const struct sm_cpuset *set, struct sm_machine_time *t)
{
	char text[32768];

	t->busy_ns = t->steal_ns = -1;
	if (sm_slurp("/proc/stat", text, sizeof(text)) >= 0)
		sm_machine_time_parse(text, set, t);
}

int sm_proc_state(pid_t pid)
{
	int64_t state = sm_proc_stat(pid, 3);

	return state < 0 ? 0 : (int)state;
}

pid_t sm_proc_ppid(pid_t pid)
{
	return (pid_t)sm_proc_stat(pid, 4);
}

bool sm_proc_dying(pid_t pid)
{
	const int64_t exiting = 0x4; /* PF_EXITING: linux:include/linux/sched.h */
	int64_t flags = sm_proc_stat(pid, 9), pending = sm_proc_stat(pid, 31);

	return flags < 0 || (flags & exiting) || (pending & INT64_C(1) << (SIGKILL - 1));
}

int64_t sm_proc_cpu_ns(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
	return sm_slurp_number(path);
}

int64_t sm_proc_children_cpu_ns(pid_t pid)
{
	int64_t tick = 1000000000 / sysconf(_SC_CLK_TCK);
	int64_t user = sm_proc_stat(pid, 16), system = sm_proc_stat(pid, 17);

	return user < 0 || system < 0 ? -1 : (user + system) * tick;
}

int64_t sm_proc_minflt(pid_t pid)
{
	return sm_proc_stat(pid, 10);
}

int64_t sm_proc_fds(pid_t pid)
{
	char path[64];
	struct dirent *e;
	int64_t n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir)
		return -1;
	while ((e = readdir(dir)))
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

static int64_t kib(int64_t v)
{
	return v < 0 ? -1 : v * 1024;
}

/*
 * Counted page by page, which takes one's right to look into it. VmRSS is what threads (before Linux
 * 6.2) or CPUs have told of: a thread tells at every 64th fault, each of which maps up to 16 pages.
 */
int64_t sm_proc_rss(pid_t pid)
{
	static const char *const from[][2] = { { "smaps_rollup", "Rss:" }, { "status", "VmRSS:" } };
	char path[64], text[4096];
	int64_t found = -1;

	for (size_t i = 0; found < 0 && i < sizeof(from) / sizeof(*from); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, from[i][0]);
		if (sm_slurp(path, text, sizeof(text)) > 0)
			found = sm_field(text, from[i][1]);
	}
	return kib(found);
}

/* Of one mapping in smaps, as far as it has been read. */
struct mapping {
	uint64_t from, to;
	uint64_t last; /* page table of an earlier mapping, counted from 1; 0: none */
	int64_t rss;
	bool anon;
};

/* Page tables that hold pages of it, at most: what smaps shows has no place. */
static int64_t tables(struct mapping *m)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), span = page / sizeof(uint64_t) * page;
	uint64_t first = m->from / span + 1, last = (m->to - 1) / span + 1;
	int64_t most = m->rss / (int64_t)page;
	int64_t n = (int64_t)(last - first + 1) - (first == m->last);

	m->last = last;
	return n < most ? n : most;
}

/*
 * A clone copies the page table entries of a mapping that has had a page of its own (mm/memory.c:
 * vma_needs_copy), those of its file's pages too; all others fault in again. Pages of such a
 * mapping count, huge ones do not: theirs is one entry for 512. Each table has its price as well.
 */
static void add_line(struct sm_image *image, const char *line, struct mapping *now)
{
	unsigned long long from, to, kb;

	if (sscanf(line, "%llx-%llx ", &from, &to) == 2) {
		*now = (struct mapping){ .from = from, .to = to, .last = now->last };
		image->vmas++;
	} else if (sscanf(line, "Rss: %llu", &kb) == 1) {
		now->rss = (int64_t)kb * 1024;
	} else if (sscanf(line, "Anonymous: %llu", &kb) == 1) {
		now->anon = kb > 0;
		image->anon_vmas += now->anon;
		image->copied_bytes += now->anon ? now->rss : 0;
		image->copied_tables += now->anon ? tables(now) : 0;
	} else if (sscanf(line, "AnonHugePages: %llu", &kb) == 1 && now->anon) {
		image->copied_bytes -= (int64_t)kb * 1024;
	}
}

void sm_proc_image(pid_t pid, struct sm_image *image)
{
	char path[64], line[4096];
	struct mapping now = { 0 };
	FILE *f;

	image->rss_bytes = sm_proc_rss(pid);
	image->fds = sm_proc_fds(pid);
	image->vmas = image->copied_bytes = image->copied_tables = image->anon_vmas = -1;
	image->threads = -1;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (sm_slurp(path, line, sizeof(line)) > 0)
		image->threads = sm_field(line, "Threads:");
	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return;
	image->vmas = image->copied_bytes = image->copied_tables = image->anon_vmas = 0;
	while (fgets(line, sizeof(line), f))
		add_line(image, line, &now);
	fclose(f);
}

int sm_proc_memory(pid_t pid, struct sm_proc_memory *m)
{
	char path[64], text[4096];
	int64_t clean;
	int err;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid); /* Linux 4.14 */
	err = sm_slurp(path, text, sizeof(text));
	if (err <= 0)
		return err ? err : -ESRCH;
	m->rss = kib(sm_field(text, "Rss:"));
	m->pss = kib(sm_field(text, "Pss:"));
	m->private_dirty = kib(sm_field(text, "Private_Dirty:"));
	clean = kib(sm_field(text, "Private_Clean:"));
	m->uss = clean < 0 || m->private_dirty < 0 ? -1 : clean + m->private_dirty;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	err = sm_slurp(path, text, sizeof(text));
	m->page_tables = err <= 0 ? -1 : kib(sm_field(text, "VmPTE:"));
	m->minflt = sm_proc_minflt(pid);
	return 0;
}

int64_t sm_mem_available(void)
{
	char text[4096];

	if (sm_slurp("/proc/meminfo", text, sizeof(text)) <= 0)
		return -1;
	return kib(sm_field(text, "MemAvailable:"));
}
