/* SPDX-License-Identifier: MIT */
/*
 * thread_util.c - see thread_util.h.
 */
#include "thread_util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/sys.h"

enum { WORD_GO, WORD_HELD, WORD_LET_GO };

/* Between two looks at a child that may be stuck. */
#define LOOK_MS 5
/* A child's work here takes milliseconds of CPU time; under a sanitizer tens of them. */
#define SPIN_MS 1500
/* Of one thread whose creator has loaded the payload: less than that by far, on any machine. */
#define SPIN_LOADS    2
#define SPIN_LEAST_MS 100

/* Whether the only thread of pid sleeps, without a time limit, on a futex of its own process. */
static bool on_private_futex(pid_t pid)
{
	unsigned long long arg[4];
	char path[64], buf[256];
	ssize_t n;
	long nr;
	int fd;

	if (sm_stat_of(pid, 3) != 'S' || sm_status_of(pid, "Threads", 10) != 1)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	if (sscanf(buf, "%ld %llx %llx %llx %llx", &nr, &arg[0], &arg[1], &arg[2], &arg[3]) != 5)
		return false;
	return nr == SYS_futex && (arg[1] & FUTEX_PRIVATE_FLAG) && !arg[3];
}

static int64_t cpu_ms(pid_t pid)
{
	return (sm_stat_of(pid, 14) + sm_stat_of(pid, 15)) * 1000 / sysconf(_SC_CLK_TCK);
}

/*
 * More CPU time than pid's work ever takes. A second thread may keep the first one spinning for as
 * long as the machine lets it wait; one alone works or is lost. Where a payload is loaded, by whom it
 * is cloned from, that is the measure: it was a hundred times the work, and is as slow as this machine.
 */
static int64_t spin_ms(const struct sm_cell *c, pid_t pid)
{
	pid_t creator = c->board ? c->board->creator_pid : 0;
	int64_t ms;

	if (!creator || !c->check->payload ||
	    !(c->ops->traits & (SM_OWN_SERVER | SM_PARENT_LOADS)) ||
	    sm_status_of(pid, "Threads", 10) != 1)
		return SPIN_MS;
	ms = SPIN_LOADS * cpu_ms(creator);
	return ms < SPIN_LEAST_MS ? SPIN_LEAST_MS : ms;
}

/* Fills why when pid is stuck. */
static bool stuck(const struct sm_cell *c, pid_t pid, char *why, size_t size)
{
	int64_t ms;

	if (on_private_futex(pid)) {
		snprintf(why, size, "it sleeps on a futex that no thread is left to wake");
		return true;
	}
	ms = spin_ms(c, pid);
	if (cpu_ms(pid) < ms)
		return false;
	snprintf(why, size, "it spins: %lld ms of CPU time and no answer", (long long)ms);
	return true;
}

int sm_answer_or_stuck(struct sm_cell *c, struct sm_kid *kid, struct sm_answer *answer, char *why,
		       size_t size)
{
	int64_t end = sm_now_ns() + (int64_t)SM_STEP_MS * 1000000;

	snprintf(why, size, "no answer within %d ms", SM_STEP_MS);
	for (;;) {
		struct pollfd p = { .fd = kid->child.out, .events = POLLIN };

		if (poll(&p, 1, LOOK_MS) > 0)
			return sm_kid_answer(c, kid, answer);
		if (stuck(c, kid->child.pid, why, size) || sm_now_ns() > end)
			return -EDEADLK;
	}
}

/* The child's verdict, with the circumstances; that it could not be asked is no failure. */
static int heed(struct sm_cell *c, const struct sm_answer *answer, const char *when)
{
	if (answer->observed == SM_SKIPS)
		return sm_skips(c, (enum sm_feature)answer->feature, "%.900s", answer->text);
	if (answer->observed == SM_BROKEN)
		return sm_broken(c, "%s: %.900s", when, answer->text);
	return sm_judge(c, answer->observed == SM_HOLDS, "%s: %.900s", when, answer->text);
}

int sm_verdict_or_stuck(struct sm_cell *c, const struct sm_req *req, const char *while_)
{
	struct sm_answer answer;
	struct sm_kid kid;
	char why[96];
	int err = sm_kid_spawn(c, &kid, req);

	if (err)
		return sm_trouble(c, err, "spawn");
	err = sm_answer_or_stuck(c, &kid, &answer, why, sizeof(why));
	if (!err)
		err = sm_kid_wait(c, &kid);
	sm_kid_kill(c, &kid);
	if (err == -EDEADLK)
		return sm_fails(c, "%s: the child hung: %s", while_, why);
	if (err)
		return sm_trouble(c, err, "the child's answer");
	if (kid.exit.status)
		return sm_fails(c, "%s: the child ended with wait status %d", while_,
				kid.exit.status);
	return heed(c, &answer, while_);
}

int sm_holder_start(struct sm_cell *c, void *(*run)(void *board))
{
	pthread_t thread;
	int err = pthread_create(&thread, NULL, run, c->board);

	if (!err)
		c->board->n[0] = (int64_t)thread;
	return -err;
}

int sm_holder_await(struct sm_board *board)
{
	return sm_board_wait(&board->word[WORD_GO], 0, SM_CHECK_MS);
}

void sm_holder_hold(struct sm_board *board)
{
	sm_board_post(&board->word[WORD_HELD]);
	sm_board_wait(&board->word[WORD_LET_GO], 0, SM_CHECK_MS);
}

int sm_holder_go(struct sm_cell *c)
{
	sm_board_post(&c->board->word[WORD_GO]);
	return sm_board_wait(&c->board->word[WORD_HELD], 0, SM_STEP_MS);
}

void sm_holder_let_go(struct sm_board *board)
{
	sm_board_post(&board->word[WORD_LET_GO]);
}

void sm_holder_end(struct sm_cell *c)
{
	sm_board_post(&c->board->word[WORD_GO]); /* should it still wait for it */
	sm_holder_let_go(c->board);
	if (c->board->creator_pid == getpid())
		pthread_join((pthread_t)c->board->n[0], NULL);
}

int sm_while_held(struct sm_cell *c, const char *while_)
{
	struct sm_answer first;
	struct sm_req req;
	int err = sm_kid_ask(c, NULL, &first, NULL);

	/* Everything that the parent allocates, it does before: it may be the creator. */
	req = sm_cell_req(c, NULL);
	if (err) {
		sm_trouble(c, err, "a child before the thread holds anything");
	} else if (first.observed != SM_HOLDS) {
		heed(c, &first, "before the thread holds anything");
	} else if (sm_holder_go(c)) {
		sm_broken(c, "the creator's thread does not get to where it should hold");
	} else {
		sm_verdict_or_stuck(c, &req, while_);
	}
	if (c->board && c->board->creator_pid)
		sm_holder_end(c);
	return c->observed;
}
