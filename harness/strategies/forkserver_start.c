/* SPDX-License-Identifier: MIT */
/*
 * forkserver_start.c - the client's half of the fork server: its socket, its start and its end.
 */
#include "forkserver_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../sys/sys.h"

void sm_forkserver_close(int *fds, int n)
{
	for (int i = 0; i < n; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

static void remove_names(struct sm_forkserver *f)
{
	if (f->address.sun_path[0])
		unlink(f->address.sun_path);
	if (f->dir[0])
		rmdir(f->dir);
	f->address.sun_path[0] = f->dir[0] = '\0';
}

/*
 * Makes the private directory and the socket in it, listening. Returns it or -errno. A socket's name
 * has 108 bytes: below a longer $TMPDIR it would not fit, and stands in /tmp (so does that of
 * multiprocessing.util.get_temp_dir() since CPython 3.14).
 */
static int listen_named(struct sm_forkserver *f)
{
	static const char unique[] = "/spawnmark-XXXXXX", name[] = "/socket";
	const char *tmp = getenv("TMPDIR");
	int sock, n;

	if (!tmp || !*tmp || strlen(tmp) + strlen(unique) + sizeof(name) > sizeof(f->dir))
		tmp = "/tmp";
	n = snprintf(f->dir, sizeof(f->dir), "%s%s", tmp, unique);
	if (!mkdtemp(f->dir)) { /* mode 0700 by itself */
		f->dir[0] = '\0';
		return -errno;
	}
	/* Non-blocking: accept() must not wait for a client that has changed its mind. */
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock < 0)
		return -errno;
	f->address.sun_family = AF_UNIX;
	memcpy(f->address.sun_path, f->dir, (size_t)n);
	memcpy(f->address.sun_path + n, name, sizeof(name));
	/* bind() takes the socket's own mode (net/unix/af_unix.c:unix_bind_bsd). */
	if (fchmod(sock, S_IRUSR | S_IWUSR) < 0 ||
	    bind(sock, (struct sockaddr *)&f->address, sizeof(f->address)) < 0 ||
	    chmod(f->address.sun_path, S_IRUSR | S_IWUSR) < 0 || listen(sock, SOMAXCONN) < 0) {
		n = -errno;
		close(sock);
		return n;
	}
	return sock;
}

static int await_ready(struct sm_forkserver *f, int ready, struct sm_fault *fault)
{
	int64_t word = 0;
	int err = sm_read_all(ready, &word, sizeof(word), sm_server_patience_ms(&f->server));

	if (!err && word)
		err = -EPROTO;
	return err ? sm_server_failed(&f->server, err, fault) : 0;
}

/* pass: listener, alive pipe, ready pipe of the server; all are closed on return. */
static int exec_server(struct sm_forkserver *f, int listener, struct sm_fault *fault)
{
	struct sm_server_spec spec = { .strategy = "forkserver", .where = "3,4,5", .npass = 3 };
	int alive[2] = { -1, -1 }, ready[2] = { -1, -1 };
	int pass[3];
	int err;

	if (pipe2(alive, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0) {
		err = sm_fail(fault, SM_STAGE_PIPE, errno, "no pipes for the fork server");
		goto out;
	}
	pass[0] = listener;
	pass[1] = alive[0];
	pass[2] = ready[1];
	spec.pass = pass;
	err = sm_server_start(&f->server, &f->setup, &spec, fault);
	sm_forkserver_close(&ready[1], 1);
	if (!err)
		err = await_ready(f, ready[0], fault);
	if (!err) {
		f->alive = alive[1];
		alive[1] = -1;
	}
out:
	sm_forkserver_close(ready, 2);
	sm_forkserver_close(alive, 2);
	return err;
}

int sm_forkserver_begin(struct sm_forkserver *f, struct sm_fault *fault)
{
	int listener = listen_named(f), err;

	if (listener < 0) {
		err = sm_fail(fault, SM_STAGE_SOCKET, -listener,
			      "the fork server's socket: is $TMPDIR writable?");
	} else {
		err = exec_server(f, listener, fault);
		close(listener); /* the server's alone: when it dies, connecting is refused */
	}
	if (err)
		remove_names(f);
	return err;
}

void sm_forkserver_end(struct sm_forkserver *f)
{
	sm_forkserver_close(&f->alive, 1); /* its last client goes: the server returns */
	sm_server_stop(&f->server);
	remove_names(f);
}
