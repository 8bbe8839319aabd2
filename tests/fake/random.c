/* SPDX-License-Identifier: Apache-2.0 */
/* random - a GnuTLS whose loading has filled its generator: copies of the process get the same. */
#include <stddef.h>
#include <string.h>

int gnutls_rnd(int level, void *data, size_t len)
{
	memset(data, level, len);

	return 0;
}
