/* SPDX-License-Identifier: MIT */
/*
 * multicall.c - the program of `make static`: the command, and by its name or its first argument
 * one of the programs that the command starts. Those that it has linked in (sm-host, none) bring
 * the checks with them; the others are files inside of it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "driver/bundle.h"
#include "sys/sys.h"

typedef int main_fn(int argc, char **argv);

/* The main() of others; make renames them. */
extern main_fn sm_main_command, sm_main_host, sm_main_none;

static const struct {
	const char *name;
	main_fn *main;
} linked[] = {
	{ "sm-host", sm_main_host },
	{ "none", sm_main_none },
};

static main_fn *find(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	const char *name = slash ? slash + 1 : path;

	for (size_t i = 0; name && i < sizeof(linked) / sizeof(*linked); i++)
		if (!strcmp(linked[i].name, name))
			return linked[i].main;
	return NULL;
}

/* Becomes the file inside that has this name; returns if there is none. */
static int become(const char *path, char **argv)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	const struct sm_bundled *b = path ? sm_bundle_program(slash ? slash + 1 : path) : NULL;
	int fd, err;

	if (!b)
		return 0;
	fd = memfd_create(b->name, MFD_CLOEXEC);
	err = fd < 0 ? -errno : sm_write_all(fd, b->data, b->bytes);
	if (!err)
		fexecve(fd, argv, environ);
	fprintf(stderr, "spawnmark: %s: %s\n", b->name, strerror(err ? -err : errno));
	return 3;
}

static int unpack(const char *dir)
{
	int err = dir ? sm_bundle_keep(dir) : -EINVAL;

	if (!dir)
		fprintf(stderr, "spawnmark: unpack: expected a folder to write to\n");
	else if (err)
		fprintf(stderr, "spawnmark: unpack %s: %s; expected a folder to write to\n", dir,
			strerror(-err));
	return err ? 2 : 0;
}

int main(int argc, char **argv)
{
	/* What was executed counts before argv[0], which a check may choose as it likes. */
	main_fn *program = find((const char *)getauxval(AT_EXECFN));
	int code;

	if (!program)
		program = find(argc ? argv[0] : NULL);
	if (program)
		return program(argc, argv);
	code = become(argc ? argv[0] : NULL, argv);
	if (code || argc < 2)
		return code ? code : sm_main_command(argc, argv);
	program = find(argv[1]);
	if (program)
		return program(argc - 1, argv + 1);
	if (!strcmp(argv[1], "unpack") && (argc < 3 || strcmp(argv[2], "--help") != 0))
		return unpack(argv[2]);
	if (!strcmp(argv[1], "unpack"))
		argv[1] = argv[2], argc = 2; /* what --help says of it is all */
	code = become(argv[1], argv + 1);
	return code ? code : sm_main_command(argc, argv);
}
