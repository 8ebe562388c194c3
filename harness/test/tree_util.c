/* SPDX-License-Identifier: MIT */
/* tree_util.c - see tree_util.h. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "run_util.h"
#include "tree_util.h"

void tree_make(struct tree *t)
{
	snprintf(t->root, sizeof(t->root), "/tmp/sm-tree-XXXXXX");
	assert_non_null(mkdtemp(t->root));
}

void tree_put(const struct tree *t, const char *path, const char *text)
{
	char full[PATH_MAX];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", t->root, path);
	if (!text) {
		unlink(full);
		return;
	}
	for (char *slash = full + strlen(t->root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash = '/';
	}
	f = fopen(full, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

void tree_free(struct tree *t)
{
	remove_tree(t->root);
}
