/* SPDX-License-Identifier: Apache-2.0 */
/* worker_files.h - which files on the host are the programs that a worker stands for. */
#ifndef WIRE_WORKER_FILES_H
#define WIRE_WORKER_FILES_H

#include <sys/stat.h>

#include "base/error.h"

/* A file as it was when it was looked at; while this is same it is that very file, unchanged. */
struct file_state {
	struct stat st;
};

/* False: there is no such file. */
bool file_state_read(const char *path, struct file_state *ret);
bool file_state_same(const struct file_state *a, const struct file_state *b);

typedef struct worker_files WorkerFiles;

/* KNOWN: name to identity (base/program_identity.h); a reference is kept. */
WorkerFiles *worker_files_new(GHashTable *known);
void worker_files_free(WorkerFiles *files);

/* Whether PATH lies in DIRECTORY, links followed in what leads there. */
bool worker_files_in(const char *path, const char *directory);

/*
 * Whether the file PATH is the program of its name that KNOWN has, which we may run, and which runs
 * with nothing but our own rights. It is read anew only when it has changed.
 */
bool worker_files_same(WorkerFiles *files, const char *path);

#endif
