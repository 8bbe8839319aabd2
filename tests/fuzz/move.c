/* SPDX-License-Identifier: Apache-2.0 */
/*
 * move - what one side of a move reads from the other: the text before the files, which names
 * things of that VM's directory alone; the bytes of a file; and a host's answer.
 */
#include "../../drivers/kvm_image/transfer_host.c"
#include "../../drivers/kvm_image/vm_receive.c"

#include "../../drivers/kvm_image/image_stream.h"

#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* Neither elsewhere, nor what is noted there by ourselves. */
static void check_name(const char *name)
{
	g_autofree char *path = g_build_filename("/ds/0/7", name, NULL);
	g_autofree char *plain = g_canonicalize_filename(path, "/");
	g_autofree char *above = g_path_get_dirname(plain), *disk = NULL;
	bool is_below = g_str_equal(above, "/ds/0/7") || g_str_equal(above, "/ds/0/7/tpm");

	g_assert(is_below && g_str_equal(path, plain));
	g_assert(!vm_move_is_file(name) && !disk_record_is_file(name, &disk));
	g_assert(!g_str_equal(name, DISK_DIRECTORY_LOCK) && !disk_directory_is_part(name));
}

static void check_entry(const struct disk_entry *e)
{
	check_name(e->name);
	g_assert(!e->volume || strstr(e->volume, "-7-"));
	g_assert(!e->volume || !e->link || g_str_has_suffix(e->link, strrchr(e->volume, '/')));
}

/* What is taken: the next run reads the same of the note. */
static void check_taken(const VmMove *m)
{
	g_autofree char *printed = vm_move_print(m), *again = NULL;
	g_autoptr(VmMove) read = vm_move_parse(printed, "the note", NULL);

	g_assert(read);
	again = vm_move_print(read);
	g_assert_cmpstr(printed, ==, again);
	for (guint i = 0; i < m->items->len; i++)
		check_name(((const struct vm_item *)m->items->pdata[i])->name);
	for (guint i = 0; i < m->records->len; i++) {
		const struct disk_record *record = m->records->pdata[i];

		g_assert_cmpstr(record->vm, ==, "7");
		for (guint j = 0; j < record->entries->len; j++)
			check_entry(record->entries->pdata[j]);
	}
}

static void read_what_is_moved(const char *text)
{
	static char vm[] = "7", path[] = "/ds/0/7";
	static const struct image_options o = { .vm = vm };
	struct image_job job = { .o = &o };
	struct vm_receiving r = { .job = &job, .path = path };
	g_autoptr(GError) unread = NULL;
	g_autoptr(GError) unfit = NULL;

	r.move = vm_move_parse(text, "what is received", &unread);
	g_assert(!r.move == !!unread);
	if (r.move && check_move(&r, &unfit))
		check_taken(r.move);
	else
		g_assert(!r.move || unfit);
	vm_move_free(r.move);
}

static void read_file(const unsigned char *data, size_t size)
{
	int in = memfd_create("in", MFD_CLOEXEC), out = memfd_create("out", MFD_CLOEXEC);
	g_autoptr(GError) error = NULL;

	g_assert(in >= 0 && out >= 0 && write(in, data, size) == (ssize_t)size);
	g_assert(lseek(in, 0, SEEK_SET) == 0);
	g_assert(image_stream_read(in, out, "/tmp/disk.0", &error) == !error);
	close(in);
	close(out);
}

/* With a failure's text also where only stderr has it. */
static void read_answer(char *text)
{
	static const char *const words[] = { "state", NULL };
	static const struct transfer_call call = { .words = words };
	g_autoptr(GString) out = g_string_new(text), err = g_string_new(text);
	struct running_call r = { .call = &call, .result = { .exit_status = 1, .out = out,
							     .err = err } };
	json_object *answer = json_tokener_parse(text);
	g_autoptr(GError) error = NULL;

	g_assert(!judge_call(&r, &error) && error && *error->message);
	g_assert(transfer_host_text(answer, "state"));
	json_object_put(answer);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);

	read_what_is_moved(text);
	read_file(data, size);
	read_answer(text);
	return 0;
}
