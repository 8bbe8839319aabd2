/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitord_key.h - monitord's public key, with which a host encrypts what it sends.
 *
 * Source: docs/facts/monitoring.md 2.1.
 */
#ifndef MONITORD_MONITORD_KEY_H
#define MONITORD_MONITORD_KEY_H

#include "base/error.h"

typedef struct monitord_key MonitordKey;

/*
 * Reads TEXT, PEM of a PKCS#1 key ("BEGIN RSA PUBLIC KEY"), which may be on one line, with blanks.
 * VMM_ERROR_INPUT: it is none.
 */
MonitordKey *monitord_key_parse(const char *text, GError **error);

void monitord_key_free(MonitordKey *key);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MonitordKey, monitord_key_free)

/* DATA in blocks, each encrypted with PKCS#1 padding, joined. The caller unrefs. */
GByteArray *monitord_key_encrypt(const MonitordKey *key, const void *data, size_t len,
				 GError **error);

#endif
