/* SPDX-License-Identifier: MIT */
/*
 * layer_net.c - layers of a sandbox: the network, the mounts and the minimal root.
 */
#include "group.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "layer_util.h"
#include "sandbox_util.h"

#define WORD "spawnmark-layer"

/* ---- net ---- */

/* A listener on the loopback, whose port is told, and one without a file. */
struct listeners {
	int inet, local;
	struct sockaddr_in at;
	struct sockaddr_un name;
	socklen_t name_bytes;
};

static void name_local(struct listeners *l, const char *word)
{
	l->name.sun_family = AF_UNIX;
	snprintf(l->name.sun_path + 1, sizeof(l->name.sun_path) - 1, WORD "-%s", word);
	l->name_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
				    strlen(l->name.sun_path + 1));
}

static int listen_here(struct listeners *l, const char *word)
{
	socklen_t n = sizeof(l->at);

	name_local(l, word);
	l->at.sin_family = AF_INET;
	l->at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	l->inet = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	l->local = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->inet < 0 || l->local < 0 ||
	    bind(l->inet, (struct sockaddr *)&l->at, sizeof(l->at)) < 0 ||
	    getsockname(l->inet, (struct sockaddr *)&l->at, &n) < 0 || listen(l->inet, 4) < 0 ||
	    bind(l->local, (struct sockaddr *)&l->name, l->name_bytes) < 0 ||
	    listen(l->local, 4) < 0)
		return -errno;
	return 0;
}

static int reach(int domain, const void *to, socklen_t bytes)
{
	int sock = socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0), err = 0;

	if (sock < 0 || connect(sock, to, bytes) < 0)
		err = errno;
	if (sock >= 0)
		close(sock);
	return err;
}

static void try_both(struct listeners *l, int64_t *inet, int64_t *local)
{
	*inet = reach(AF_INET, &l->at, sizeof(l->at));
	*local = reach(AF_UNIX, &l->name, l->name_bytes);
}

/* arg: "PORT WORD" */
static int child_looks_for_listeners(struct sm_cell *c)
{
	struct listeners l = { .inet = -1, .local = -1 };
	struct if_nameindex *list = if_nameindex();

	l.at.sin_family = AF_INET;
	l.at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	l.at.sin_port = htons((uint16_t)strtol(c->arg, NULL, 10));
	name_local(&l, strchr(c->arg, ' ') ? strchr(c->arg, ' ') + 1 : "");
	try_both(&l, &c->answer.n[0], &c->answer.n[1]);
	for (const struct if_nameindex *at = list; at && at->if_index; at++) {
		c->answer.n[2]++;
		c->answer.n[3] += !strcmp(at->if_name, "lo");
	}
	if_freenameindex(list);
	return sm_layer_tell(c, "looked");
}

static int judge_net(struct sm_cell *c, struct listeners *l)
{
	int64_t inet = -1, local = -1;
	struct sm_answer a;
	char arg[48];

	snprintf(arg, sizeof(arg), "%d %d", ntohs(l->at.sin_port), getpid());
	try_both(l, &inet, &local);
	if (inet || local)
		return sm_broken(c, "the parent does not reach its own listeners: %lld, %lld",
				 (long long)inet, (long long)local);
	if (sm_layer_watch(c, arg, &a, NULL, NULL))
		return c->observed;
	return sm_judge(c, a.n[0] && a.n[1] && a.n[2] == 1 && a.n[3] == 1,
			"%lld interfaces, loopback among them %lld; the parent's listener on "
			"127.0.0.1: %s; its socket without a file: %s",
			(long long)a.n[2], (long long)a.n[3], strerror((int)a.n[0]),
			strerror((int)a.n[1]));
}

static int has_no_net(struct sm_cell *c)
{
	struct listeners l = { .inet = -1, .local = -1 };
	char word[16];
	int err;

	snprintf(word, sizeof(word), "%d", getpid());
	err = listen_here(&l, word);
	if (err)
		sm_broken(c, "no listeners: %s", strerror(-err));
	else
		judge_net(c, &l);
	if (l.inet >= 0)
		close(l.inet);
	if (l.local >= 0)
		close(l.local);
	return c->observed;
}

/* ---- mount, root ---- */

static int child_mounts(struct sm_cell *c)
{
	if (!sm_layer_left_both(c, "mnt", "mnt"))
		return sm_fails(c, "it is in its parent's namespace");
	if (sm_box_sees_mount(getpid(), " shared:") || sm_box_sees_mount(getpid(), " master:"))
		return sm_fails(c, "it shares mounts with its parent");
	if (mount(WORD, sm_box_tmp(), "tmpfs", 0, "size=4k") < 0)
		return sm_fails(c, "mount: %s", strerror(errno));
	c->answer.n[0] = sm_box_sees_mount(getpid(), WORD);
	return sm_layer_tell(c, "mounted");
}

static void look_at_mounts(const struct sm_kid *kid, void *data)
{
	(void)kid;
	*(bool *)data = sm_box_sees_mount(getpid(), WORD);
}

static int mounts_stay(struct sm_cell *c)
{
	struct sm_answer a;
	bool here = false;
	char arg[48];

	sm_layer_tell_own(arg, sizeof(arg), "mnt", "mnt");
	if (sm_layer_watch(c, arg, &a, look_at_mounts, &here))
		return c->observed;
	return sm_judge(c, a.n[0] && !here,
			"none of its mounts is shared; the child %s a new one, the parent %s",
			a.n[0] ? "sees" : "does not see", here ? "too" : "does not");
}

/* Where no checkout lies, whose way would be there. */
static const char *const hidden[] = { "/boot", "/sys/fs", "/etc/passwd", "/etc/shadow", "/proc/1" };

/* arg: a file of the parent's */
static int child_looks_around(struct sm_cell *c)
{
	const char *seen = "nothing";
	int root, usr, tmp, null, up;

	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		if (sm_layer_open(hidden[i], O_RDONLY) != ENOENT)
			seen = hidden[i];
	if (sm_layer_open(c->arg, O_RDONLY) != ENOENT)
		return sm_fails(c, "the parent's file %.100s is there", c->arg);
	root = sm_layer_open("/" WORD, O_CREAT | O_RDWR);
	usr = sm_layer_open("/usr/" WORD, O_CREAT | O_RDWR);
	tmp = sm_layer_open("/tmp/" WORD, O_CREAT | O_RDWR);
	null = sm_layer_open("/dev/null", O_RDWR);
	up = sm_layer_open("/../../etc/passwd", O_RDONLY);
	return sm_judge(c,
			root == EROFS && usr == EROFS && !tmp && !null && up == ENOENT &&
				!strcmp(seen, "nothing"),
			"of the host is seen: %s; a new file in /: %s, in /usr: %s, in /tmp: %s; "
			"/dev/null: %s; above the root: %s",
			seen, strerror(root), strerror(usr), strerror(tmp), strerror(null),
			strerror(up));
}

static int has_root(struct sm_cell *c)
{
	char path[200];
	struct sm_req req;
	int fd;

	/* Not in $TMPDIR, which may lie where a payload's libraries do: they are to be seen. */
	snprintf(path, sizeof(path), "/tmp/" WORD "-XXXXXX");
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return sm_broken(c, "%s: %s", path, strerror(errno));
	close(fd);
	req = sm_cell_req(c, path);
	sm_kid_verdict(c, &req);
	unlink(path);
	return c->observed;
}

#define NEEDS(f) (SM_NEED(SM_F_ROOT) | SM_NEED(f))

static const struct sm_check checks[] = {
	{
		.id = "layer.net.empty",
		.row = "N07",
		.claim =
			"a child in layer net has a loopback alone, and reaches no listener of its "
			"parent's",
		.source = "network_namespaces(7); unix(7), abstract sockets",
		.level = SM_MUST,
		.needs = NEEDS(SM_F_NET_NS),
		.only = SM_SANDBOXES,
		.sandbox = "net",
		.in_parent = has_no_net,
		.in_child = child_looks_for_listeners,
	},
	{
		.id = "layer.mount.private",
		.row = "N09",
		.claim = "a mount of a child in layer mount is seen by itself alone, and none of "
			 "its mounts is shared",
		.source = "mount_namespaces(7), propagation",
		.level = SM_MUST,
		.needs = NEEDS(SM_F_MOUNT_NS),
		.only = SM_SANDBOXES,
		.sandbox = "mount",
		.in_parent = mounts_stay,
		.in_child = child_mounts,
	},
	{
		.id = "layer.root.minimal",
		.row = "N10",
		.claim = "a child in layer root finds nothing of the host but programs and "
			 "libraries, and can write to /tmp alone",
		.source = "pivot_root(2); mount_namespaces(7)",
		.level = SM_MUST,
		.needs = NEEDS(SM_F_MOUNT_NS),
		.only = SM_SANDBOXES,
		.sandbox = "root",
		.in_parent = has_root,
		.in_child = child_looks_around,
	},
};

SM_GROUP_AS(layer_net, "layer", "Layers of a sandbox", checks);
