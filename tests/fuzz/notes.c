/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notes - the note of where a VM was moved to, in its metadata: the name of a host comes out, or
 * none.
 */
#include "vm/stranded.c"

#include "conf/paths.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

const struct action action = { .name = "fuzz" };

void action_log(const char *level G_GNUC_UNUSED, const char *format G_GNUC_UNUSED, ...)
{
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	static ConfKvmrc *rc;
	struct action_ctx ctx = { 0 };
	g_autofree char *uri = NULL;
	const char *host;

	if (!rc)
		rc = conf_kvmrc_load("/nonexistent");
	ctx.rc = rc;
	uri = uri_of(&ctx, text);
	if (!uri)
		return 0;
	/* No program, no socket, no word of an option: PROTOCOL://HOST/system. */
	host = strstr(uri, "://") + 3;
	g_assert(g_str_has_prefix(uri, conf_kvmrc_string(rc, "QEMU_PROTOCOL")));
	g_assert(!strpbrk(host, "?&#= \t\n\\'\"") && *host != '-');
	g_assert(strchr(host, '/') && !strcmp(strchr(host, '/'), "/system"));
	return 0;
}
