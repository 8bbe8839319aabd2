/* SPDX-License-Identifier: Apache-2.0 */
/* image_download.h - a file of a web server. */
#ifndef KVM_IMAGE_IMAGE_DOWNLOAD_H
#define KVM_IMAGE_IMAGE_DOWNLOAD_H

#include "image_file.h"
#include "image_job.h"

/* Whether OPERAND is a URL of HTTP or HTTPS. */
bool image_is_url(const char *operand);

/*
 * Writes URL to FILE, which is open and empty, at most MOST bytes; a terminal shows how far it is,
 * SIGINT and SIGTERM cancel it. Redirects lead to HTTP or HTTPS only, and from HTTPS to HTTPS.
 * Errors: VMM_ERROR_USAGE for a URL with a password, VMM_ERROR_NOT_FOUND, VMM_ERROR_PERMISSION,
 * VMM_ERROR_CONNECTION, VMM_ERROR_NO_SPACE, VMM_ERROR_INPUT for more than MOST bytes,
 * VMM_ERROR_REFUSED for a redirect to elsewhere or a certificate that is not trusted. None names
 * the URL's query, which may be a secret.
 */
bool image_download(const char *url, const struct image_file *file, guint64 most, GError **error);

#endif
