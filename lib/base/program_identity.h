/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program_identity.h - what a program is, whatever debug information its file has.
 *
 * Two files of one identity are loaded as the same code and data: strip(1) and its like change
 * neither, a changed byte of either does.
 * Source: docs/facts/worker.md 3.
 */
#ifndef BASE_PROGRAM_IDENTITY_H
#define BASE_PROGRAM_IDENTITY_H

#include "base/error.h"

/*
 * SHA-256 over what the kernel loads of the ELF file PATH, in hexadecimal. NULL with ERROR set:
 * it cannot be read, or is no program of this machine. The caller frees.
 */
char *program_identity(const char *path, GError **error);

#endif
