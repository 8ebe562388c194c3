/* SPDX-License-Identifier: MIT */
/*
 * sanitizer.c - linked into the programs of a sanitised build alone: their default options.
 *
 * Hosts and payloads get an environment made for them, so options cannot come to them that way.
 * They do not look for leaks in their exit: the leak checker clones a helper for that, and when
 * the process is killed just then, the helper outlives it, which tests rightly take for a child
 * left behind. Tests themselves do look; ASAN_OPTIONS of test.sh says so. A server may have a preload
 * (atfork/atfork.h), which replaces nothing that the sanitiser does.
 */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "detect_leaks=0:verify_asan_link_order=0";
}
