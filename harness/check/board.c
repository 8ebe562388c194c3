/* SPDX-License-Identifier: MIT */
/*
 * board.c - the page that parent, creator and children share: a file in $TMPDIR, mapped and closed.
 */
#include "inside.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../sys/sys.h"

static struct sm_board *map(int fd)
{
	void *at = mmap(NULL, sizeof(struct sm_board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return at == MAP_FAILED ? NULL : at;
}

int sm_board_make(struct sm_cell *c)
{
	struct sm_cell_inside *in = c->inside;
	int fd, err = 0;

	snprintf(in->board_path, sizeof(in->board_path), "%s/board-XXXXXX", sm_temp_dir());
	fd = mkostemp(in->board_path, O_CLOEXEC);
	if (fd < 0) {
		in->board_path[0] = '\0';
		return -errno;
	}
	if (ftruncate(fd, sizeof(struct sm_board)) < 0)
		err = -errno;
	if (!err) {
		c->board = map(fd);
		err = c->board ? 0 : -errno;
	}
	close(fd);
	if (err) {
		sm_board_drop(c);
		return err;
	}
	snprintf(in->board_env, sizeof(in->board_env), "SM_BOARD=%s", in->board_path);
	return 0;
}

void sm_board_drop(struct sm_cell *c)
{
	struct sm_cell_inside *in = c->inside;

	if (in->board_path[0])
		unlink(in->board_path);
	in->board_path[0] = in->board_env[0] = '\0';
}

struct sm_board *sm_board(struct sm_cell *c)
{
	const char *path = getenv("SM_BOARD");
	int fd;

	if (c->board)
		return c->board;
	fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (fd >= 0) {
		c->board = map(fd);
		close(fd);
	}
	return c->board;
}

void sm_board_creator(struct sm_cell *c)
{
	if (c->check->in_creator(c) == SM_OBSERVED_NONE)
		sm_broken(c, "in_creator came to no verdict");
	c->board->observed = c->observed;
	c->board->feature = c->feature;
	memcpy(c->board->text, c->text, sizeof(c->board->text) - 1);
	__atomic_store_n(&c->board->creator_pid, getpid(), __ATOMIC_RELEASE);
}

int sm_board_wait(uint32_t *word, uint32_t old, int timeout_ms)
{
	int64_t end = sm_now_ns() + (int64_t)timeout_ms * 1000000;

	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == old) {
		int64_t left = end - sm_now_ns();
		struct timespec ts = { left / 1000000000, left % 1000000000 };

		if (left <= 0)
			return -ETIMEDOUT;
		syscall(SYS_futex, word, FUTEX_WAIT, old, &ts, NULL, 0);
	}
	return 0;
}

void sm_board_post(uint32_t *word)
{
	__atomic_add_fetch(word, 1, __ATOMIC_ACQ_REL);
	syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}
