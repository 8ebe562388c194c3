/* SPDX-License-Identifier: MIT */
/*
 * maps.c - /proc/PID/maps line by line, and the argument areas of /proc/PID/stat.
 */
#include "maps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int sm_maps_open(struct sm_maps *m)
{
	m->at = m->have = 0;
	m->fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	return m->fd < 0 ? -errno : 0;
}

void sm_maps_close(struct sm_maps *m)
{
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
}

/* The next line, its newline replaced by NUL; NULL at the end. *err is set on failure. */
static char *next_line(struct sm_maps *m, int *err)
{
	for (;;) {
		char *line = m->buf + m->at, *end = memchr(line, '\n', m->have - m->at);
		ssize_t got;

		if (end) {
			*end = '\0';
			m->at = (uint32_t)(end + 1 - m->buf);
			return line;
		}
		memmove(m->buf, line, m->have - m->at);
		m->have -= m->at;
		m->at = 0;
		if (m->have == sizeof(m->buf)) {
			*err = -EOVERFLOW; /* a line is at most PATH_MAX and 80 bytes long */
			return NULL;
		}
		do {
			got = read(m->fd, m->buf + m->have, sizeof(m->buf) - m->have);
		} while (got < 0 && errno == EINTR);
		if (got <= 0) {
			*err = got < 0 ? -errno : 0;
			return NULL;
		}
		m->have += (uint32_t)got;
	}
}

/* "START-END PERM OFFSET DEV INODE   NAME", proc(5). */
static int parse(char *line, struct sm_map *map)
{
	char *at = line, *slash;

	map->start = strtoull(at, &at, 16);
	if (*at++ != '-')
		return -EPROTO;
	map->end = strtoull(at, &at, 16);
	if (*at++ != ' ' || strlen(at) < 5)
		return -EPROTO;
	map->readable = at[0] == 'r';
	at += 5;
	strtoull(at, &at, 16); /* offset */
	at = strchr(*at ? at + 1 : at, ' ');
	if (!at)
		return -EPROTO;
	map->inode = strtoull(at, &at, 10);
	at += strspn(at, " ");
	slash = strrchr(at, '/');
	if (*at == '/' && slash)
		at = slash + 1;
	snprintf(map->name, sizeof(map->name), "%s", *at ? at : "anonymous");
	return 0;
}

int sm_maps_next(struct sm_maps *m, struct sm_map *map)
{
	int err = 0;
	char *line = next_line(m, &err);

	if (!line)
		return err;
	err = parse(line, map);
	return err ? err : 1;
}

/* The first mapping that holds addr, or, without one, that has this name. */
static int find(uint64_t addr, const char *name, struct sm_map *map)
{
	struct sm_maps m;
	int got = sm_maps_open(&m);

	if (got)
		return got;
	while ((got = sm_maps_next(&m, map)) > 0) {
		if (name ? !strcmp(map->name, name) : addr >= map->start && addr < map->end)
			break;
	}
	sm_maps_close(&m);
	if (got == 0)
		return -ENOENT;
	return got < 0 ? got : 0;
}

int sm_maps_find(uint64_t addr, struct sm_map *map)
{
	return find(addr, NULL, map);
}

int sm_maps_named(const char *name, struct sm_map *map)
{
	return find(0, name, map);
}

int sm_areas_read(int pid, struct sm_areas *areas)
{
	uint64_t *const out[] = { &areas->start_brk, &areas->arg_start, &areas->arg_end,
				  &areas->env_start, &areas->env_end };
	char path[32], buf[1024], *at;
	ssize_t got;
	int fd;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	else
		snprintf(path, sizeof(path), "/proc/self/stat");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	got = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (got <= 0)
		return got < 0 ? -errno : -EPROTO;
	buf[got] = '\0';
	at = strrchr(buf, ')'); /* the end of field 2, whatever the name holds */
	for (int field = 2; at && field < 47; field++)
		at = strchr(at + 1, ' ');
	if (!at)
		return -EPROTO;
	for (int i = 0; i < 5; i++)
		*out[i] = strtoull(at, &at, 10);
	return areas->env_end ? 0 : -EPERM;
}
