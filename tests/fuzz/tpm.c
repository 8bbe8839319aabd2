/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tpm - the archive of a TPM's state, which a VM's owner may have made: one file comes out, or
 * none.
 */
#include "host/tpm_archive.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	g_autofree guint8 *copy = g_memdup2(data, size);	/* so that ASan sees its end */
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) state = tpm_archive_unpack(copy, size, &error);

	g_assert(!state == !!error);
	g_assert(!state || g_bytes_get_size(state) <= 4 << 20);
	return 0;
}
