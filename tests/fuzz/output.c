/* SPDX-License-Identifier: Apache-2.0 */
/* output - what scripts and ssh write: marks, log lines and reasons. No more comes out than may,
 * and nothing that would be two lines. */
#include "wire/script_stderr.h"
#include "wire/ssh.h"

enum { MAX_REASON = 200 };

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void on_log(void *data G_GNUC_UNUSED, char severity, const char *text)
{
	g_assert(strchr("EWID", severity) && !strpbrk(text, "\r\n") && *text);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	g_autoptr(GString) text = g_string_new_len((const char *)data, (gssize)size);
	struct wire_ssh_marks marks = wire_ssh_take_marks("mark", text);
	g_autofree char *reason = script_stderr_reason(text->str, 12, MAX_REASON, on_log, NULL);

	g_assert(marks.pid >= 0 && marks.status >= -1);
	g_assert(strlen(reason) <= MAX_REASON && !strpbrk(reason, "\r\n"));
	return 0;
}
