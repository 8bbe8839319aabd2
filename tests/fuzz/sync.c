/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync - what a host says of itself to kvm-sync-hosts: its os-release, and the manifest of what it
 * has.
 */
#include "../../drivers/kvm_sync_hosts/file_set.c"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static Set *one_file(void)
{
	Set *s = g_new0(Set, 1);
	struct file *f = g_new0(struct file, 1);

	s->files = g_ptr_array_new();
	s->manifest = g_string_new("# vmmexec-manifest 1 x\n");
	f->path = g_strdup("vmm/kvm/deploy");
	f->sha256 = g_strdup("0123");
	f->mode = 0755;
	g_ptr_array_add(s->files, f);
	return s;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	g_autofree char *platform = file_set_platform(text, text);
	static Set *set;

	if (!set)
		set = one_file();
	/* It becomes a part of a path. */
	g_assert(*platform && !strchr(platform, '/') && !g_str_has_prefix(platform, "."));
	has_same(text, set->files->pdata[0]);
	has_line(text, "0123  vmm/kvm/deploy");
	return 0;
}
