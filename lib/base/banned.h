/* SPDX-License-Identifier: Apache-2.0 */
/* banned.h - calls that are wrong whatever the case; included before every file. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BANNED(f) sorry_##f##_is_banned

#undef strcpy
#define strcpy(...) BANNED(strcpy)
#undef strcat
#define strcat(...) BANNED(strcat)
#undef strncpy
#define strncpy(...) BANNED(strncpy)
#undef sprintf
#define sprintf(...) BANNED(sprintf)
#undef strtok
#define strtok(...) BANNED(strtok)
#undef atoi
#define atoi(...) BANNED(atoi)
#undef system
#define system(...) BANNED(system)
#undef popen
#define popen(...) BANNED(popen)
#undef localtime
#define localtime(...) BANNED(localtime)
/* In the C locale they turn what is not ASCII into '?', and stdout is a protocol. */
#undef g_print
#define g_print(...) BANNED(g_print)
#undef g_printerr
#define g_printerr(...) BANNED(g_printerr)

#endif
