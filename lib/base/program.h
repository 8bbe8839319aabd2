/* SPDX-License-Identifier: Apache-2.0 */
/* program.h - what each main() of the set does in the same way. */
#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

#include "base/error.h"

/*
 * Opens /dev/null for those of stdin, stdout and stderr that our starter has closed: else the
 * next file, pipe or socket would get their numbers, and every warning would become its data.
 * What is written to such a stdout fails. Sees to it that this process does not exit with 0 when
 * what it has printed did not get to stdout, unless the reader has gone.
 */
void program_open_descriptors(void);

/*
 * Our memory holds the documents of VMs with their secrets: no core of this process is written, and
 * only root may look into it. What it starts is not concerned.
 */
void program_protect_memory(void);

/*
 * Adds --help, setting *WANTED, instead of GLib's own: in the C locale that
 * prints '?' for all that is not ASCII.
 */
void program_add_help(GOptionContext *context, gboolean *wanted);

/* Prints the help of CONTEXT on stdout. */
void program_print_help(GOptionContext *context);

/* False with ERROR set if, behind the options, ARGV has words: of a program that takes none. */
bool program_takes_no_words(int argc, char **argv, GError **error);

/* Prints TEXT on stdout and returns true if the only word of ARGV is --help or -h. */
bool program_help(char **argv, const char *text);

/*
 * Returns the path of the copy of program NAME that root may run, /usr/libexec/vmmexec/NAME: the
 * file and its directory belong to root and only root can write them. NULL: this host has no such
 * copy. The caller frees.
 */
char *program_root_copy(const char *name);

/*
 * Replaces this process by that copy, with ARGV, through sudo unless we are root. Returns if there
 * is no copy, if this process is the copy, or if sudo is not installed.
 */
void program_become_root_copy(const char *name, char **argv);

/* Prints "NAME: message [CLASS] (hint: …)" on stderr; returns ERROR's exit status. */
int program_fail(const char *name, const GError *error);

/*
 * The exit status of program NAME, which has done its work with STATUS: if that is 0, and what was
 * printed on stdout did not get there, LOST, with a line on stderr unless the reader has gone.
 */
int program_end(const char *name, int status, int lost);

/* Allows us MOST open descriptors, or as many as the system lets us have, and returns how many. */
unsigned program_allow_descriptors(unsigned most);

/*
 * The file that this process runs: /proc/self/exe, or what program_set_path() said. A process that
 * another program of the set has forked to do PATH's work is in all else that program. Caller
 * frees; NULL: it is not known.
 */
char *program_path(void);
void program_set_path(const char *path);

/* The words of process PID's command line; none: it is gone, or the kernel's. g_strfreev(). */
char **program_words(const char *pid);

#endif
