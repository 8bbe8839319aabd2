/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answers - JSON of qemu-img, of a guest's agent and of QEMU: whatever it is, no more than an
 * error.
 */
#include "vm/vcpus.c"

#include "vm/guest_exec.h"
#include "host/qemu_img.h"
#include "action/process.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

const struct action action = { .name = "fuzz" };
static const char *answer;

/* What is asked has a name. */
const char *virDomainGetName(virDomain *dom G_GNUC_UNUSED)
{
	return "one-7";
}

/* What answers: the input. */
char *virt_agent(virDomain *dom G_GNUC_UNUSED, const char *command_text G_GNUC_UNUSED,
		 unsigned limit_s G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
	return g_strdup(answer);
}

char *virt_monitor(virDomain *dom G_GNUC_UNUSED, const char *command_text G_GNUC_UNUSED)
{
	return g_strdup(answer);
}

void action_log(const char *level G_GNUC_UNUSED, const char *format G_GNUC_UNUSED, ...)
{
}

bool process_run(const struct action_ctx *ctx G_GNUC_UNUSED, const char *key G_GNUC_UNUSED,
		 const char *tool G_GNUC_UNUSED, const char *const *words G_GNUC_UNUSED,
		 struct child_result *ret, GError **error G_GNUC_UNUSED)
{
	*ret = (struct child_result){ .out = g_string_new(answer), .err = g_string_new(NULL) };
	return true;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	static const char *const argv[] = { "x", NULL };
	struct action_ctx ctx = { 0 };
	g_autoptr(GError) unasked = NULL;
	g_autoptr(GError) unstarted = NULL;
	g_autoptr(GError) unread = NULL;
	g_autoptr(GError) unended = NULL;
	struct guest_exec_status status;
	struct qemu_image image;
	gint64 pid;

	answer = text;
	g_assert(guest_exec_ask(NULL, 1, &status, &unasked) == !unasked);
	guest_exec_status_clear(&status);
	g_assert(guest_exec_start(NULL, argv, NULL, &pid, &unstarted) == !unstarted);
	g_assert(unstarted || pid > 0);
	g_assert((guest_exec_end(NULL, 1, 0, &unended) == ACTION_DONE) == !unended);
	g_assert(qemu_img_read(&ctx, "disk.0", &image, &unread) == !unread);
	qemu_img_clear(&image);
	g_assert(in_qemu(NULL) <= size && in_guest(NULL) <= size);
	return 0;
}
