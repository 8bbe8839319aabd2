/* SPDX-License-Identifier: Apache-2.0 */
/* relay_server.h - the relay itself: runs the steps that come in frames, and reports their ends. */
#ifndef WIRE_RELAY_SERVER_H
#define WIRE_RELAY_SERVER_H

#include "wire/worker_client.h"

/*
 * Serves frames from descriptor IN, answering on OUT, with the help of WORKER (or NULL), until IN
 * ends or SIGTERM, SIGHUP or SIGINT comes: then every step is ended with all it started. False with
 * ERROR set: a frame was malformed.
 */
bool relay_serve(int in, int out, WorkerClient *worker, GError **error);

#endif
