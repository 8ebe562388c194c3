/* SPDX-License-Identifier: MIT */
/* folder.c - see folder.h. */
#include "folder.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* Who called sudo; false without sudo. */
static bool caller(uid_t *uid, gid_t *gid)
{
	const char *u = getenv("SUDO_UID"), *g = getenv("SUDO_GID");

	if (!u || !g || geteuid() != 0)
		return false;
	*uid = (uid_t)strtoul(u, NULL, 10);
	*gid = (gid_t)strtoul(g, NULL, 10);
	return true;
}

static void hand_over(const char *path)
{
	uid_t uid;
	gid_t gid;

	if (caller(&uid, &gid) && lchown(path, uid, gid) < 0)
		return; /* a file system without owners: nothing to give */
}

static int hand_over_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st;
	(void)flag;
	(void)at;
	hand_over(path);
	return 0;
}

static ino_t part(const struct sm_folder *f, int i, char path[600])
{
	static const char *const names[SM_REPORT_PARTS] = { "summary.md", "report.html", "plots" };
	struct stat st;

	snprintf(path, 600, "%s/%s", f->path, names[i]);
	return lstat(path, &st) < 0 ? 0 : st.st_ino;
}

/*
 * A folder that was there before may hold, or be, anything: there, each of our files is handed over
 * as it is made (sm_draft_keep()), and here those of the report that are new.
 */
void sm_folder_hand_over(const struct sm_folder *folder)
{
	char path[600];
	uid_t uid;
	gid_t gid;

	if (!caller(&uid, &gid))
		return;
	if (folder->created)
		nftw(folder->path, hand_over_one, 16, FTW_PHYS);
	for (int i = 0; !folder->created && i < SM_REPORT_PARTS; i++) {
		ino_t now = part(folder, i, path);

		if (now && now != folder->had[i])
			nftw(path, hand_over_one, 16, FTW_PHYS);
	}
}

static void make_safe(char *name)
{
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("._-", *name))
			*name = '_';
}

void sm_host_name(const struct sm_run_options *opt, char *name, size_t size)
{
	char own[128] = "unknown";

	if (!opt->host_name && gethostname(own, sizeof(own) - 1) == 0)
		own[sizeof(own) - 1] = 0;
	snprintf(name, size, "%s", opt->host_name ? opt->host_name : own);
	make_safe(name);
	if (name[0] == '.')
		name[0] = '_';
}

static int make_dir(const char *path, bool *created)
{
	*created = mkdir(path, 0755) == 0;
	if (!*created)
		return errno == EEXIST ? 0 : -errno;
	hand_over(path);
	return 0;
}

static void name_it(struct sm_folder *f, const struct sm_run_options *opt)
{
	char host[128], stamp[32];
	time_t now = time(NULL);
	struct utsname u;
	struct tm tm;

	if (opt->out_dir) {
		snprintf(f->path, sizeof(f->path), "%s", opt->out_dir);
		f->results[0] = 0;
		return;
	}
	sm_host_name(opt, host, sizeof(host));
	uname(&u);
	make_safe(u.release);
	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(f->results, sizeof(f->results), "%.480s/results",
		 opt->results ? opt->results : opt->root);
	snprintf(f->path, sizeof(f->path), "%.300s/%.100s-%.64s-%s", f->results, host, u.release,
		 stamp);
}

static int prove(const struct sm_folder *f)
{
	struct sm_draft d = { .fd = -1 };
	int err = sm_draft_open(&d, f, "run.json");

	if (!err)
		sm_draft_drop(&d);
	return err;
}

int sm_folder_make(struct sm_folder *f, const struct sm_run_options *opt, struct sm_error *error)
{
	char path[600];
	bool ignored;
	int err = 0;

	name_it(f, opt);
	if (f->results[0])
		err = make_dir(f->results, &ignored);
	if (!err)
		err = make_dir(f->path, &f->created);
	for (int i = 0; i < SM_REPORT_PARTS; i++)
		f->had[i] = part(f, i, path);
	if (!err)
		err = prove(f);
	if (err)
		snprintf(error->text, sizeof(error->text),
			 "cannot write results to %.300s: %s; name a writable folder with -o DIR",
			 f->path, strerror(-err));
	return err;
}

int sm_folder_latest(const struct sm_folder *f)
{
	char link[600], temporary[640];
	const char *leaf = strrchr(f->path, '/') + 1;

	if (!f->results[0])
		return 0;
	snprintf(link, sizeof(link), "%s/latest", f->results);
	snprintf(temporary, sizeof(temporary), "%s/.latest.%d", f->results, (int)getpid());
	if (symlink(leaf, temporary) < 0)
		return -errno;
	hand_over(temporary);
	if (rename(temporary, link) < 0) {
		int err = -errno;

		unlink(temporary);
		return err;
	}
	return 0;
}

int sm_draft_open(struct sm_draft *d, const struct sm_folder *f, const char *name)
{
	snprintf(d->name, sizeof(d->name), "%s/%s", f->path, name);
	snprintf(d->temporary, sizeof(d->temporary), "%s/.%s.new", f->path, name);
	d->fd = open(d->temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	return d->fd < 0 ? -errno : 0;
}

int sm_draft_keep(struct sm_draft *d)
{
	int err = 0;

	if (fsync(d->fd) < 0 && errno != EINVAL && errno != EROFS)
		err = -errno;
	if (close(d->fd) < 0 && !err)
		err = -errno;
	d->fd = -1;
	hand_over(d->temporary);
	if (!err && rename(d->temporary, d->name) < 0)
		err = -errno;
	if (err)
		unlink(d->temporary);
	return err;
}

void sm_draft_drop(struct sm_draft *d)
{
	close(d->fd);
	d->fd = -1;
	unlink(d->temporary);
}
