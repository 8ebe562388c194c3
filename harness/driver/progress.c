/* SPDX-License-Identifier: MIT */
/* progress.c - see progress.h. */
#include "progress.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../sys/sys.h"

#define PLAIN_EVERY_NS    10000000000
#define TERMINAL_EVERY_NS 100000000
#define BAR               24

void sm_progress_begin(struct sm_progress *p, const char *unit)
{
	const char *term = getenv("TERM"), *plain = getenv("NO_COLOR");

	memset(p, 0, sizeof(*p));
	p->unit = unit;
	p->terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
	p->color = p->terminal && !(plain && *plain);
	p->began_ns = sm_now_ns();
}

int sm_progress_open(struct sm_progress *p, const struct sm_plan *plan)
{
	sm_progress_begin(p, "visits");
	p->plan = plan;
	p->spent_ns = calloc((size_t)plan->ncases + 1, sizeof(*p->spent_ns));
	p->visits = calloc((size_t)plan->ncases + 1, sizeof(*p->visits));
	if (p->spent_ns && p->visits)
		return 0;
	sm_progress_close(p);
	return -ENOMEM;
}

/* What is left, each case at its own mean so far, an unknown one at the mean of all. */
static double sum_left_s(const struct sm_progress *p, int from)
{
	int64_t spent = 0, visits = 0;
	double left = 0, mean;

	for (int i = 0; i < p->plan->ncases; i++) {
		spent += p->spent_ns[i];
		visits += p->visits[i];
	}
	if (!visits)
		return -1;
	mean = (double)spent / (double)visits;
	for (int i = from; i < p->plan->nvisits; i++) {
		int c = p->plan->visits[i].icase;

		left += p->visits[c] ? (double)p->spent_ns[c] / p->visits[c] : mean;
	}
	if (p->plan->budget_ms) {
		double budget = (double)p->plan->budget_ms * 1e6 - (double)spent;

		if (budget > 0 && left > budget)
			left = budget;
	}
	return left / 1e9;
}

static void clock_of(double s, bool icount, char *text, size_t size)
{
	if (s < 0)
		snprintf(text, size, "?");
	else if (icount)
		snprintf(text, size, "%.1f G instructions", s);
	else if (s < 90)
		snprintf(text, size, "%.0f s", s);
	else
		snprintf(text, size, "%d min %02d s", (int)s / 60, (int)s % 60);
}

static void bar(char *to, int done, int total)
{
	int full = total ? done * BAR / total : BAR;

	for (int i = 0; i < BAR; i++)
		to[i] = i < full ? '#' : '.';
	to[BAR] = 0;
}

static int columns(void)
{
	struct winsize w;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? w.ws_col : 80;
}

static bool due(const struct sm_progress *p)
{
	int64_t every = p->terminal ? TERMINAL_EVERY_NS : PLAIN_EVERY_NS;

	return !p->said_ns || sm_now_ns() - p->said_ns >= every;
}

void sm_progress_line(struct sm_progress *p, int done, int total, double left_s, const char *name)
{
	char left[32], line[512], graph[BAR + 1];
	int room;

	if (!due(p))
		return;
	p->said_ns = sm_now_ns();
	clock_of(left_s, p->plan && p->plan->clock == SM_CLOCK_ICOUNT, left, sizeof(left));
	if (!p->terminal) {
		fprintf(stderr, "%d of %d %s, %s left, now %s\n", done, total, p->unit, left, name);
		return;
	}
	bar(graph, done, total);
	room = columns() - 1;
	snprintf(line, sizeof(line), "[%s] %d/%d  %s left  %s", graph, done, total, left, name);
	fprintf(stderr, p->color ? "\r\033[36m%.*s\033[0m\033[K" : "\r%.*s\033[K", room, line);
	fflush(stderr);
}

void sm_progress_visit(struct sm_progress *p, int i)
{
	if (due(p))
		sm_progress_line(p, i, p->plan->nvisits, sum_left_s(p, i),
				 p->plan->cases[p->plan->visits[i].icase].name);
}

void sm_progress_clear(struct sm_progress *p)
{
	if (!p->terminal || !p->said_ns)
		return;
	fputs("\r\033[K", stderr);
	p->said_ns = 0;
}

void sm_progress_spent(struct sm_progress *p, int i, int64_t ns)
{
	int c = p->plan->visits[i].icase;

	p->spent_ns[c] += ns;
	p->visits[c]++;
}

void sm_progress_say(struct sm_progress *p, const char *text)
{
	fprintf(stderr, p->terminal ? "\r\033[K%s\n" : "%s\n", text);
	p->said_ns = 0;
}

void sm_progress_close(struct sm_progress *p)
{
	sm_progress_clear(p);
	free(p->spent_ns);
	free(p->visits);
	p->spent_ns = NULL;
	p->visits = NULL;
}
