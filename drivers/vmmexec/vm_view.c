/* SPDX-License-Identifier: Apache-2.0 */
#include "vm_view.h"

#include <json-c/json.h>
#include <stdio.h>
#include <unistd.h>

#include "answer_part.h"
#include "base/terminal.h"
#include "base/text.h"

enum { COLUMNS = 6, KIB = 1024 };

/* What QEMU or a guest's owner may have put there must not move the cursor. The caller frees. */
static char *plain_member(json_object *object, const char *name)
{
	return text_line(answer_part_text(object, name), G_MAXSIZE);
}

/* A size for people; "-" if it is not known. The caller frees. */
static char *size_member(json_object *object, const char *name, guint64 unit)
{
	json_object *value = NULL;

	if (!json_object_object_get_ex(object, name, &value))
		return g_strdup("-");

	return text_size(json_object_get_uint64(value) * unit);
}

/* Per cent of one CPU, as top has it: more than 100 with several. */
static char *cpu_member(json_object *vm)
{
	json_object *value = NULL;

	if (!json_object_object_get_ex(vm, "cpu_percent", &value))
		return g_strdup("-");

	return g_strdup_printf("%.1f%%", json_object_get_double(value));
}

/* The caller frees with g_strfreev(). */
static char **row_of(json_object *vm)
{
	char **row = g_new0(char *, COLUMNS + 1);

	row[0] = plain_member(vm, "name");
	row[1] = plain_member(vm, "state");
	row[2] = cpu_member(vm);
	row[3] = size_member(vm, "memory_kib", KIB);
	row[4] = size_member(vm, "net_rx_bytes", 1);
	row[5] = size_member(vm, "net_tx_bytes", 1);

	return row;
}

/* Padding follows the paint, whose bytes take no room on the screen. */
static void print_cell(const char *text, size_t width, bool is_last, const char *painted)
{
	size_t length = (size_t)g_utf8_strlen(text, -1);

	fputs(painted, stdout);
	for (; !is_last && length < width + 2; length++)
		putchar(' ');
}

/* Green needs no look, red needs one at once. */
static char *paint_state(const char *state)
{
	if (g_str_equal(state, "running"))
		return terminal_paint(STDOUT_FILENO, TERMINAL_GREEN, state);
	if (g_str_has_prefix(state, "crashed"))
		return terminal_paint(STDOUT_FILENO, TERMINAL_RED, state);

	return terminal_paint(STDOUT_FILENO, TERMINAL_YELLOW, state);
}

static void print_row(char **row, const size_t *widths, bool is_head)
{
	for (guint i = 0; i < COLUMNS; i++) {
		g_autofree char *painted = NULL;

		if (is_head)
			painted = terminal_paint(STDOUT_FILENO, TERMINAL_BOLD, row[i]);
		else if (i == 1)
			painted = paint_state(row[i]);
		print_cell(row[i], widths[i], i == COLUMNS - 1, text_or(painted, row[i]));
	}

	putchar('\n');
}

/* Widths are counted first: the table is as narrow as its texts. */
void vm_view_list(json_object *vms, bool names)
{
	static const char *const head[] = { "VM", "STATE", "CPU", "MEMORY", "RECEIVED", "SENT",
					    NULL };
	g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
	size_t widths[COLUMNS] = { 0 };

	g_ptr_array_add(rows, g_strdupv((char **)head));
	for (size_t i = 0; i < answer_part_count(vms); i++)
		g_ptr_array_add(rows, row_of(json_object_array_get_idx(vms, i)));
	for (guint i = 0; i < rows->len; i++)
		for (guint k = 0; k < COLUMNS; k++) {
			char **row = g_ptr_array_index(rows, i);

			widths[k] = MAX(widths[k], (size_t)g_utf8_strlen(row[k], -1));
		}

	for (guint i = names ? 1 : 0; i < rows->len; i++) {
		char **row = g_ptr_array_index(rows, i);

		if (names)
			puts(row[0]);
		else
			print_row(row, widths, i == 0);
	}
}

/* What a VM does not have takes no line. */
static void print_member(const char *label, const char *text)
{
	if (*text)
		printf("%-10s %s\n", label, text);
}

/* "1 day 02:03:04" */
static char *duration(guint64 s)
{
	guint64 days = s / 86400;
	g_autofree char *time = g_strdup_printf("%02u:%02u:%02u", (guint)(s / 3600 % 24),
						(guint)(s / 60 % 60), (guint)(s % 60));

	if (!days)
		return g_steal_pointer(&time);

	return g_strdup_printf("%" G_GUINT64_FORMAT " d %s", days, time);
}

static void print_figures(json_object *vm)
{
	g_autofree char *cpu = cpu_member(vm), *used = size_member(vm, "memory_kib", KIB);
	g_autofree char *most = size_member(vm, "memory_max_kib", KIB);
	g_autofree char *rx = size_member(vm, "net_rx_bytes", 1);
	g_autofree char *tx = size_member(vm, "net_tx_bytes", 1);
	g_autofree char *rd = size_member(vm, "disk_read_bytes", 1);
	g_autofree char *wr = size_member(vm, "disk_written_bytes", 1);
	g_autofree char *up = NULL;
	g_autofree char *vcpus = plain_member(vm, "vcpus");
	json_object *uptime = NULL;

	printf("%-10s %s of %s CPUs\n", "CPU", cpu, vcpus);
	printf("%-10s %s used, %s at most\n", "Memory", used, most);
	printf("%-10s %s received, %s sent\n", "Network", rx, tx);
	printf("%-10s %s read, %s written\n", "Storage", rd, wr);
	if (json_object_object_get_ex(vm, "uptime_s", &uptime)) {
		up = duration(json_object_get_uint64(uptime));
		print_member("QEMU since", up);
	}
}

/* One line for each member of array NAME: the texts that it has of MEMBERS. */
static void print_array(json_object *vm, const char *label, const char *name,
			const char *const *members)
{
	json_object *array = answer_part_array(vm, name);

	for (size_t i = 0; i < answer_part_count(array); i++) {
		json_object *one = json_object_array_get_idx(array, i);
		g_autoptr(GString) text = g_string_new(NULL);

		for (const char *const *m = members; *m; m++) {
			g_autofree char *value = plain_member(one, *m);

			if (*value)
				text_separate(text, "  ");
			g_string_append(text, value);
		}

		print_member(label, text->str);
	}
}

static void print_snapshots(json_object *vm)
{
	json_object *array = answer_part_array(vm, "snapshots");

	for (size_t i = 0; i < answer_part_count(array); i++) {
		g_autofree char *name = text_line(answer_part_element(array, i), G_MAXSIZE);

		print_member("Snapshot", name);
	}
}

void vm_view_show(json_object *vm)
{
	static const char *const disk[] = { "target", "source", "format", "bus", "device", NULL };
	static const char *const nic[] = { "mac", "source", "model", "target", NULL };
	static const struct {
		const char *label, *name;
	} texts[] = { { "UUID", "uuid" }, { "Title", "title" }, { "Directory", "directory" },
		      { "Fault", "fault" } };
	g_autofree char *name = plain_member(vm, "name");
	g_autofree char *plain = plain_member(vm, "state");
	g_autofree char *state = paint_state(plain);

	print_member("VM", name);
	print_member("State", state);
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autofree char *text = plain_member(vm, texts[i].name);

		print_member(texts[i].label, text);
	}

	print_figures(vm);
	print_array(vm, "Disk", "disks", disk);
	print_array(vm, "NIC", "nics", nic);
	print_snapshots(vm);
}
