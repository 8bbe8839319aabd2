/* SPDX-License-Identifier: Apache-2.0 */
#include "template/defaults.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input is a defaults file: parsed, and what it says is checked. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(TmplSet) set = tmpl_defaults_parse((const char *)data, size, "fuzz", NULL);
	g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;

	if (set && !tmpl_defaults_check(set, warnings, &error))
		g_assert_nonnull(error);
	return 0;
}
