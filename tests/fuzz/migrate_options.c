/* SPDX-License-Identifier: Apache-2.0 */
/* migrate_options - MIGRATE_OPTIONS of kvmrc: understood, or refused with the word. */
#include "migrate/migrate_options.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	MigrateOptions *m = migrate_options_new();
	g_autoptr(GError) error = NULL;

	g_assert(migrate_options_parse(m, text, &error) == !error);
	g_assert(!error || *error->message);
	migrate_options_free(m);
	return 0;
}
