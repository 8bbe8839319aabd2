/* migrate_options - MIGRATE_OPTIONS of kvmrc: understood, or refused with the word. */
#include "migrate/migrate_options.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	VirtMigration *m = virt_migration_new();
	g_autoptr(GError) error = NULL;

	g_assert(virt_migration_parse(m, text, &error) == !error);
	g_assert(!error || *error->message);
	virt_migration_free(m);
	return 0;
}
