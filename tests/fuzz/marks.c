/* SPDX-License-Identifier: Apache-2.0 */
/*
 * marks - what a host writes on stderr beside a step's marks: they are taken out, nothing else
 * is.
 */
#include "wire/ssh.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	g_autoptr(GString) text = g_string_new_len((const char *)data, (gssize)size);
	struct wire_ssh_marks marks = wire_ssh_take_marks("m", text);

	g_assert(text->len <= size && text->str[text->len] == '\0');
	g_assert(marks.pid >= 0 && marks.status >= -1);
	return 0;
}
