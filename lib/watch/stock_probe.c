/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/stock_probe.h"

#include <string.h>

#include "base/file.h"

enum { MAX_RECORD = 1 << 20 };

/* Of OpenNebula 6.10 and 7.0, and of later releases where they are the same but for comments. */
static const struct {
	const char *name, *digest;
} known[] = {
	{ "host/beacon/date.sh",
	  "d83f320cb1bb0071f1f4382be81e7b1c80956152e7e0989cb295cd351368b88b" },
	{ "host/beacon/monitord-client-shepherd.sh",
	  "fe5ae180c43ce14ede3afb762e36a1c9b2db5f83bede8ac5a86e77c74556b3ff" },
	{ "host/monitor/linux_usage.rb",
	  "e2e3310e72d1665836e59e9fbc968b590d9bd197e273b5f8bc85ba8474581a33" },
	{ "host/monitor/numa_usage.rb",
	  "6637673bd2fdd52522eebd2533f71119e1acdb379b6cdc95537ace908854613c" },
	{ "host/system/architecture.sh",
	  "141266386f043c6d9b9cfd1ecd3435526d293156dc8037cc7ace8050349289e9" },
	{ "host/system/clean_db.rb",
	  "d2494b6ad5008a4f74b4482a48a763c693612749dfe297582b8f35d77867cd65" },
	{ "host/system/cpu.sh",
	  "5d130115771a28aec2561f25055272739d92119cd92621cb305bd44e5f9e856a" },
	{ "host/system/cpu_features.sh",
	  "15a4ed5bd07929bd2f6ff754d252d21751c83297ada39fdbd852ac07b79fd912" },
	{ "host/system/cpu_features.sh",
	  "9f0b4fcb905cab909473638636100599971cd1c7557d8898875b34e95e34d4e8" },
	{ "host/system/linux_host.rb",
	  "aff9f2ae3786890014bbe3a9ab7bf77b437c80c2368635afea2d5fda12270f5f" },
	{ "host/system/machines_models.rb",
	  "69743ef177447eb8a921e5b8ffc6807812ad593ff13c0235f197f270a9591f1f" },
	{ "host/system/memory_encryption.rb",
	  "51336ba7ce5232aa29cd96e89e7de8a638df939ce0807275b01a7b833cba2c6f" },
	{ "host/system/memory_encryption.rb",
	  "626d8a2ae56c91d2d6ddc1d020882dd1875a151f94350e805798d73458e5d3ee" },
	{ "host/system/monitor_ds.rb",
	  "24a5ec172855aab7e32e2e8a193fb2663d22f3390cb495b48d7a238f3b990136" },
	{ "host/system/name.sh",
	  "e504d8bd4e26a8d6a3397416790bd10c6128d219cfbeddb8c04f42209b55e4f5" },
	{ "host/system/numa_host.rb",
	  "07e0ba9810c56c2542e4c14a3700ea8a088886e5023782ec13e25fe7b644be42" },
	{ "host/system/pci.rb",
	  "4454f9ce5606fdf6fdb2709fc46dcf612b45ad6940930a4c64f5f8c57f7ec52e" },
	{ "host/system/pci.rb",
	  "25f881575300c717f1b82f86d8cf86ddccafa9e0562040b61af8688657f8052e" },
	{ "host/system/version.sh",
	  "b79caf59eeb2624fb43eb7cb94fcf2ec360221f0337cd844bfa3f474fa0f1e43" },
	{ "host/system/wild_vm.rb",
	  "f9d1b7c0b8018bacf5366dcff5f5751104ca46ef5195b68cb2dedfa82c6a2ec6" },
	{ "lib/python/prediction.sh",
	  "de77e49ad00cb233462c99ffe3750f2b103d4460d2373c98896b545f20abda5c" },
	{ "tm/local/monitor_ds",
	  "679c6fa32dcb100de654edeeecba4062702cfcd947703f9ed86489ecfed195b8" },
	{ "tm/ssh/monitor_ds",
	  "5c435b886bbb670a72f878d3feb3aa4d11094d26c63993898b4bbb5f2bc9dcaf" },
	{ "vm/execution/exec.rb",
	  "a6a03dbfd82147e49260cea3067df2e21681cf221b08174e8c951d9728faf1fc" },
	{ "vm/monitor/monitor_ds_vm.rb",
	  "a575bd1d30bd71ca61b2d6ccd0fc9b37f2513981ebf578b5e78d41c5aabaaa1e" },
	{ "vm/monitor/poll.rb",
	  "4956424d46eae8ed289917ab76c42e09ecdb2006f571d999d71ac2bb2f56afd1" },
	{ "vm/snapshot/recovery.rb",
	  "bc4da4633fd32257a62fde31488beff6e52999e036cfe2f521368a227aad8d72" },
	{ "vm/status/state.rb",
	  "7d2b4e4fe60f764867bb8366590190c6621aa9e8d2a4d072c8535264569ec422" },
};

/* In hexadecimal. The caller frees. */
static char *digest_of(const char *text)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **l = lines; *l; l++) {
		const char *first = *l + strspn(*l, " \t\r");

		if (!*first || *first == '#')
			continue;
		g_strchomp(*l);
		g_checksum_update(sum, (const guchar *)*l, -1);
		g_checksum_update(sum, (const guchar *)"\n", 1);
	}

	return g_strdup(g_checksum_get_string(sum));
}

bool stock_probe_known(const char *name, const char *text, GHashTable *recorded)
{
	g_autofree char *digest = digest_of(text);
	g_autofree char *line = g_strdup_printf("%s  %s", digest, name);

	for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
		if (g_str_equal(known[i].name, name) && g_str_equal(known[i].digest, digest))
			return true;

	return recorded && g_hash_table_contains(recorded, line);
}

GHashTable *stock_probe_recorded(const char *path)
{
	GHashTable *set = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	GString *text = file_read(path, MAX_RECORD, NULL);
	g_auto(GStrv) lines = NULL;

	if (!text)
		return set;

	lines = g_strsplit(text->str, "\n", -1);
	for (char **l = lines; *l; l++)
		if (**l && **l != '#')
			g_hash_table_add(set, g_strdup(*l));
	g_string_free(text, TRUE);

	return set;
}

bool stock_probe_record(const char *path, const char *name, GString *lines, GError **error)
{
	GString *text = file_read(path, MAX_RECORD, error);
	g_autofree char *digest = NULL;

	if (!text)
		return false;

	digest = digest_of(text->str);
	g_string_free(text, TRUE);
	g_string_append_printf(lines, "%s  %s\n", digest, name);
	puts(name);

	return true;
}

bool stock_probe_keep(const char *path, const GString *lines, GError **error)
{
	GString *old = file_read(path, MAX_RECORD, NULL);
	g_autofree char *all = g_strconcat(old ? old->str : "", lines->str, NULL);
	g_autofree char *dir = g_path_get_dirname(path);

	if (old)
		g_string_free(old, TRUE);
	if (lines->len == 0)
		return true;
	if (!file_make_directory(dir, error))
		return false;

	return file_write(path, all, strlen(all), 0644, error);
}
