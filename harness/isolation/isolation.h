/* SPDX-License-Identifier: MIT */
/*
 * isolation.h - what a child inherited and what it can reach.
 *
 * The host (the parent) plants secrets: random canaries in twelve kinds of place, before and after
 * the strategy starts. A child that runs the order `attack` looks for them in all its own readable
 * memory and behind every descriptor it holds (inherited), then attacks parent, server and a
 * sibling (reachable). Canaries are kept and sent XOR-masked only, so that no copy of the list is
 * ever what a scanner looks for.
 *
 * Room that whoever starts a host for the isolation suite should give it:
 *   environment  SM_PAD= and at least 64 times 'x': the secret "environ" overwrites these bytes
 *   arguments    one run of at least 64 times 'x' (SM_PAD_RUN) somewhere in argv: C programs get it
 *                behind argv[0] ("sm-host xxxx…"), Python as `-X pad=xxxx…`: the secret "argv"
 *                overwrites it
 * Without them those secrets are reported n/a with the reason; nothing else is ever overwritten.
 */
#ifndef SM_ISOLATION_H
#define SM_ISOLATION_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../host/proto.h"

#define SM_CANARY_BYTES  16
#define SM_SECRETS       24 /* 12 kinds, before and after */
#define SM_SECRETS_EXTRA 8  /* of earlier child, sibling and server */
#define SM_PAD_RUN       64

enum sm_when { SM_BEFORE, SM_AFTER };

/* A canary as it is kept and sent: XORed with the mask of its list. */
struct sm_masked {
	unsigned char b[SM_CANARY_BYTES];
};

/* One secret of the parent. */
struct sm_secret {
	char name[24];   /* "heap/before" */
	char reason[72]; /* why it could not be planted; "" when it was, or was not yet tried */
	int planted;
	int in_descriptor; /* its bytes are behind a descriptor, not in memory */
	int fd;            /* where they are; -1: none */
	uint64_t addr;     /* where it is in memory; 0: none */
	struct sm_masked masked;
};

/* The stack secrets live here: a local of the host's outermost function. */
struct sm_secrets_room {
	unsigned char bytes[2][SM_CANARY_BYTES];
};

struct sm_places;

struct sm_secrets {
	struct sm_masked mask;
	struct sm_secret row[SM_SECRETS];
	struct sm_masked server; /* canary in the server's environment */
	char server_env[48];     /* "SM_SERVER_SECRET=<canary>" */
	struct sm_places *places;
};

/*
 * The parent's secrets. room must outlive them and lie on the stack of the thread that clones;
 * NULL: no stack secrets. 0 or -errno. Free with sm_secrets_free(), which takes NULL.
 */
int sm_secrets_new(struct sm_secrets **out, struct sm_secrets_room *room);

/*
 * Plants the twelve of one moment: SM_BEFORE ahead of ops->start(), SM_AFTER right behind it. The
 * process is single-threaded again when it returns. What cannot be planted is a row with a reason;
 * -errno only where the whole list is unusable.
 */
int sm_secrets_plant(struct sm_secrets *s, enum sm_when when);
void sm_secrets_free(struct sm_secrets *s);

/*
 * "SM_SERVER_SECRET=<canary>", to be one of the strings of sm_setup.envp: what the attacks on the
 * server try to read. Belongs to s.
 */
const char *sm_secrets_server_env(struct sm_secrets *s);

#endif
