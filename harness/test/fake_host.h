/* SPDX-License-Identifier: MIT */
/*
 * fake_host.h - hosts that speak the protocol and go wrong in one way each: "hang", "die", "lie" …
 * A test program is its own fake host: its main() calls this first.
 */
#ifndef SM_TEST_FAKE_HOST_H
#define SM_TEST_FAKE_HOST_H

#include <stdint.h>

/*
 * Is this process a fake host, called as `PROGRAM host MODE [TRAITS [FILE]]`? Then plays it and does not
 * return.
 */
void fake_host_main(int argc, char **argv);

#endif
