/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rbd_service.h - does what the program rbd does, with the same words, by librbd and with one
 * connection for all: a process that kvm-image starts of itself and that ends with it.
 *
 * It reads a JSON array of words on each line of its stdin, and answers with one object on a line:
 * {"answer": what "rbd --format json" prints}, {"fault": "error opening image I: (2) …"}, or
 * {"beyond": true} for what it has not begun and that rbd itself must do.
 *
 * Source: docs/facts/images.md 7.
 */
#ifndef KVM_IMAGE_RBD_SERVICE_H
#define KVM_IMAGE_RBD_SERVICE_H

#include <glib.h>
#include <stdbool.h>

#define RBD_SERVICE "rbd-service"

/* Its words behind the program: our process, "" for no user and no file, and seconds. */
enum { RBD_SERVICE_NAME, RBD_SERVICE_PARENT, RBD_SERVICE_USER, RBD_SERVICE_CONF,
       RBD_SERVICE_CONNECT_S, RBD_SERVICE_ANSWER_S, RBD_SERVICE_WORDS };

/*
 * Those of WORDS, rbd's command line behind its options, that the service takes; NULL: it
 * does not know that command. The caller frees.
 */
char **rbd_service_words(const char *const *words);

/* Whether argv[1] WORD makes a process that service. */
bool rbd_service_is(const char *word);

/* Serves to the end of its stdin; returns the exit status. ARGV is NULL-terminated. */
int rbd_service_main(char **argv);

#endif
