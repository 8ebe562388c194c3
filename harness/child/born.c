/* SPDX-License-Identifier: MIT */
/*
 * born.c - the life of a cloned child.
 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../sandbox/sandbox.h"
#include "../sys/sys.h"
#include "orders.h"

static const char *const no_args[] = { NULL };

/*
 * The arguments of the request. Global because the payload's work asks for them without a handle;
 * written once, in the child, before the payload runs.
 */
static const char *const *request_args = no_args;

const char *const *sm_child_args(void)
{
	return request_args;
}

void sm_child_touch(void)
{
	*(const char *const *volatile *)&request_args = request_args;
	*(char **volatile *)&environ = environ;
}

void sm_birth_fields(struct sm_birth *birth, const struct sm_req *req, struct sm_places *places,
		     sigset_t *mask)
{
	birth->attr = req;
	if (req->fields & SM_REQ_FDS)
		birth->places = places;
	if (req->fields & SM_REQ_SIGMASK) {
		sm_attr_mask(req, mask);
		birth->sigmask = mask;
	}
}

/* Why a child cannot be as it should. */
struct trouble {
	enum sm_stage stage;
	int err, detail;
};

static int trouble(struct trouble *t, enum sm_stage stage, int err, int detail)
{
	*t = (struct trouble){ stage, err, detail };
	return err;
}

/* The parent's other descriptors stay, but the child's own come only once. */
static int close_sources(const struct sm_birth *birth)
{
	const int fds[3] = { birth->in, birth->out, birth->err };

	for (int i = 0; i < 3; i++) {
		if (fds[i] > STDERR_FILENO &&
		    !(birth->places && sm_places_has(birth->places, fds[i])))
			close(fds[i]);
	}
	return 0;
}

static int close_others(const struct sm_birth *birth, int cgroup)
{
	if (birth->keep_other_fds)
		return close_sources(birth);
	if (birth->places)
		return sm_places_close_others(birth->places, cgroup, -1);
	return sm_close_from(STDERR_FILENO + 1, cgroup);
}

/* Moves cgroup and berth out of the way; then everything to its place. */
static int install(const struct sm_birth *birth, int *cgroup)
{
	const int fds[3] = { birth->in, birth->out, birth->err };
	int err = birth->berth ? sm_berth_stand_aside(birth->berth, birth->places) : 0;

	if (err)
		return err;
	if (*cgroup >= 0) {
		if (birth->places)
			*cgroup = sm_places_avoid(birth->places, *cgroup);
		else if (*cgroup <= STDERR_FILENO)
			*cgroup = fcntl(*cgroup, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		if (*cgroup < 0)
			return *cgroup == -1 ? -errno : *cgroup;
	}
	return birth->places ? sm_places_install(birth->places) : sm_stdio_install(fds);
}

static int take_descriptors(const struct sm_birth *birth, int *out, int *cgroup, struct trouble *t)
{
	int err;

	if (birth->since && !birth->places) { /* they are there already */
		close(birth->control);
		return 0;
	}
	err = install(birth, cgroup);

	if (err && birth->places)
		return trouble(t, SM_STAGE_ATTR, err, SM_REQ_FDS);
	if (err)
		return trouble(t, SM_STAGE_STDIO, err, 0);
	*out = STDOUT_FILENO;
	return 0;
}

static int close_them(const struct sm_birth *birth, int cgroup, struct trouble *t)
{
	int err = close_others(birth, cgroup);

	return err ? trouble(t, SM_STAGE_CLOSE, err, 0) : 0;
}

static int change_directory(const struct sm_birth *birth, struct trouble *t)
{
	return birth->cwd && chdir(birth->cwd) < 0 ? trouble(t, SM_STAGE_CHDIR, -errno, 0) : 0;
}

/* The berth's own descriptors are needed until then: the others are closed behind it. */
static int enter_sandbox(const struct sm_birth *birth, struct trouble *t)
{
	int layer = 0;
	int err = sm_berth_enter(birth->berth, &layer);

	if (err)
		return trouble(t, SM_STAGE_SANDBOX, err, layer);
	if (sm_berth_has_root(birth->berth))
		err = change_directory(birth, t);
	return err ? err : close_them(birth, -1, t);
}

static int take_fields(const struct sm_birth *birth, int cgroup, struct trouble *t)
{
	int field = 0;
	int err = sm_attr_apply(birth->attr, cgroup, &field);

	/* Without close_others() the caller's own stays open, like all the rest. */
	if (cgroup >= 0 && !(birth->keep_other_fds && cgroup == birth->attr->cgroup_fd))
		close(cgroup);
	return err ? trouble(t, SM_STAGE_ATTR, err, field) : 0;
}

static void take_request(const struct sm_birth *birth)
{
	environ = (char **)birth->envp;
	request_args = birth->args ? birth->args : no_args;
}

/*
 * From the creator's descriptors and signals to the child's own. 0 or an error, told in t. Without a
 * berth nothing of the sandbox is called, though it would do nothing: to touch its code is a page fault.
 */
static int settle(const struct sm_birth *birth, int *out, struct trouble *t)
{
	const struct sm_req *attr = birth->attr;
	int cgroup = attr && attr->fields & SM_REQ_CGROUP ? attr->cgroup_fd : -1;
	int err = take_descriptors(birth, out, &cgroup, t);

	if (!err && !birth->berth)
		err = close_them(birth, cgroup, t);
	if (!err && !(birth->berth && sm_berth_has_root(birth->berth)))
		err = change_directory(birth, t);
	if (err)
		return err;
	take_request(birth);
	if (attr)
		err = take_fields(birth, cgroup, t);
	if (!err && birth->berth)
		err = enter_sandbox(birth, t);
	if (err)
		return err;
	if (!birth->since)
		sm_signals_restore(birth->sigmask, birth->handled);
	else if (attr && attr->fields & SM_REQ_SIGMASK)
		sigprocmask(SIG_SETMASK, birth->sigmask, NULL);
	return 0;
}

/* SM_JOB of the environment, or NULL: getenv(3) without its strlen(3), see sm_after(). */
static const char *job_of(char *const *envp)
{
	const char *job = NULL;

	for (; envp && *envp && !job; envp++)
		job = sm_after(*envp, "SM_JOB=");
	return job;
}

/* With its stdio in place. Returns the exit status. */
static int run_order(const struct sm_payload *payload, struct sm_record *rec,
		     const struct sm_counters *since)
{
	const char *job;
	int status;

	job = job_of(environ);
	status = sm_order_run(job ? job : "child", payload, rec, since);
	if (status >= 0)
		return status;
	sm_record_fault(rec, STDOUT_FILENO, SM_STAGE_ARGUMENT, -status);
	return 1;
}

/* What is left once `entered` has been taken. */
static _Noreturn void live(const struct sm_payload *payload, const struct sm_birth *birth,
			   struct sm_record *rec)
{
	int out = birth->places ? birth->places->at[1].src : birth->out;
	struct trouble t;

	if (settle(birth, &out, &t)) {
		rec->detail = t.detail;
		sm_record_fault(rec, out, t.stage, -t.err);
		_exit(1);
	}
	_exit(run_order(payload, rec, birth->since));
}

_Noreturn void sm_child_born(const struct sm_payload *payload, const struct sm_birth *birth)
{
	const int64_t now = sm_now_ns();
	struct sm_record rec = { .entered_ns = birth->entered_ns ? birth->entered_ns : now };

	rec.received_ns = birth->received_ns;
	rec.cloning_ns = birth->cloning_ns;
	if (birth->run_after_fork && payload->after_fork_child)
		payload->after_fork_child();
	live(payload, birth, &rec);
}

_Noreturn void sm_child_given(const struct sm_payload *payload, const struct sm_birth *birth,
			      enum sm_stage stage, int err)
{
	struct sm_record rec = { .entered_ns = birth->entered_ns };

	if (err) {
		sm_record_fault(&rec, birth->out, stage, -err);
		_exit(1);
	}
	live(payload, birth, &rec);
}

/* What of settle() a process can do that was another request's before. */
static int settle_again(const struct sm_birth *birth, struct trouble *t)
{
	int field = 0, err = 0;

	if (change_directory(birth, t))
		return t->err;
	take_request(birth);
	if (birth->attr)
		err = sm_attr_apply(birth->attr, -1, &field);
	if (err)
		return trouble(t, SM_STAGE_ATTR, err, field);
	sigprocmask(SIG_SETMASK, birth->sigmask, NULL);
	return 0;
}

int sm_child_reused(const struct sm_payload *payload, const struct sm_birth *birth, int err)
{
	const int fds[3] = { birth->in, birth->out, birth->err };
	struct sm_record rec = { .entered_ns = sm_now_ns(),
				 .received_ns = birth->received_ns,
				 .cloning_ns = birth->cloning_ns };
	struct trouble t = { SM_STAGE_ARGUMENT, err, 0 };
	struct sm_counters since;
	int status;

	sm_counters_take(&since);
	sm_stdio_install(fds);
	close_sources(birth);
	if (err || settle_again(birth, &t)) {
		rec.detail = t.detail;
		sm_record_fault(&rec, STDOUT_FILENO, t.stage, -t.err);
		return 1;
	}
	status = run_order(payload, &rec, &since);
	request_args = no_args;
	return status;
}

pid_t sm_child_clone(const struct sm_payload *payload, const struct sm_birth *like,
		     const struct sm_sandbox *sandbox, unsigned long flags, int *layer)
{
	struct sm_birth birth = *like;
	struct sm_berth berth;
	sigset_t old;
	pid_t pid = sm_berth_open(&berth, sandbox, layer);

	if (pid < 0)
		return pid;
	birth.berth = sandbox ? &berth : NULL;
	if (birth.attr && birth.attr->fields & SM_REQ_CGROUP)
		sm_berth_has_group(birth.berth);
	sm_signals_block(&old);
	if (!birth.sigmask)
		birth.sigmask = &old;
	birth.cloning_ns = sm_now_ns();
	pid = sm_berth_clone(&berth, flags);
	if (pid == 0)
		sm_child_born(payload, &birth);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (pid > 0)
		sm_berth_admit(&berth, pid, SM_ADMIT_MS);
	sm_berth_close(&berth);
	*layer = pid < 0 ? sm_berth_blame(&berth, -pid) : -1;
	return pid;
}
