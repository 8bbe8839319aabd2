/* SPDX-License-Identifier: Apache-2.0 */
/* rc - the native parser of kvmrc must end, and stay inside its text, whatever that is. */
#include "conf/shell_subset.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	g_autofree char *copy = g_memdup2(data, size);	/* so that ASan sees its end */
	struct rc_text text;

	shell_text_init(&text);
	shell_subset_parse(&text, "rc", copy ? copy : "", size);
	shell_text_clear(&text);
	return 0;
}
