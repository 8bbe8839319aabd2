/* SPDX-License-Identifier: Apache-2.0 */
#include "stop_signal.h"

#include <signal.h>

static const int numbers[] = { SIGINT, SIGTERM };
static struct sigaction before[G_N_ELEMENTS(numbers)];
static volatile sig_atomic_t has_come;

static void on_stop(int number G_GNUC_UNUSED)
{
	has_come = 1;
}

void stop_signal_begin(void)
{
	const struct sigaction note = { .sa_handler = on_stop };

	for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
		sigaction(numbers[i], &note, &before[i]);
}

void stop_signal_end(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
		sigaction(numbers[i], &before[i], NULL);
}

void stop_signal_note(void)
{
	has_come = 1;
}

bool stop_signal_check(GError **error, const char *what, ...)
{
	g_autofree char *text = NULL;
	va_list ap;

	if (!has_come)
		return true;

	va_start(ap, what);
	text = g_strdup_vprintf(what, ap);
	va_end(ap);

	return vmm_fail(error, VMM_ERROR_CANCELLED, "%s: a signal to end came", text);
}
