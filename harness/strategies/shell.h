/* SPDX-License-Identifier: MIT */
/*
 * shell.h - a command as one line of shell.
 */
#ifndef SM_STRATEGIES_SHELL_H
#define SM_STRATEGIES_SHELL_H

/* The words of argv, quoted, with blanks between them. To be freed; NULL: no memory. */
char *sm_shell_line(const char *const *argv);

#endif
