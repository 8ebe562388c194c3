/* SPDX-License-Identifier: MIT */
/*
 * soak.c - audits of parent and server between the samples of a long block: do descriptors,
 * zombies and memory stay flat?
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../sys/sys.h"
#include "collect.h"
#include "visit.h"

/* Zombies whose parent is the host, its server, or, when orphaned, this process. */
static int64_t zombies(const struct sm_hostproc *host)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	int64_t n = 0;

	if (!proc)
		return -1;
	while ((e = readdir(proc))) {
		pid_t pid = isdigit((unsigned char)e->d_name[0]) ? (pid_t)atoi(e->d_name) : 0;
		pid_t parent = pid ? sm_proc_ppid(pid) : -1;

		if (parent > 0 &&
		    (parent == host->pid || parent == host->server || parent == getpid()))
			n += sm_proc_state(pid) == 'Z';
	}
	closedir(proc);
	return n;
}

int sm_audit(struct sm_stay *stay, const struct sm_hostproc *host, int64_t spawns)
{
	struct sm_result *r = stay->r;
	struct sm_soak *s = sm_collect_one(&r->soak, r->nsoak, sizeof(*s));

	if (!s)
		return -ENOMEM;
	r->nsoak++;
	s->spawns = spawns;
	s->parent_fds = sm_proc_fds(host->pid);
	s->parent_rss_bytes = sm_proc_rss(host->pid);
	s->server_fds = host->server ? sm_proc_fds(host->server) : -1;
	s->server_rss_bytes = host->server ? sm_proc_rss(host->server) : -1;
	s->zombies = zombies(host);
	return 0;
}
