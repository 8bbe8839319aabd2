/* SPDX-License-Identifier: Apache-2.0 */
#include "vm_limits.h"

#include <string.h>

#include "base/number.h"
#include "base/text.h"

enum { KIB = 1024, MAX_SECONDS = 86400 };

/* How a value is given, and how OpenNebula has it. */
enum unit {
	RATE,		/* bytes with a unit; bytes a second: of less no guest can live */
	SIZE,		/* bytes with a unit; bytes */
	SIZE_KIB,	/* bytes with a unit; KiB */
	COUNT,		/* a number */
	SECONDS,	/* a number */
};

struct row {
	enum vm_limits_kind kind;
	const char *name;
	enum unit unit;
};

static const struct row rows[] = {
	{ VM_LIMITS_DISK, "TOTAL_BYTES_SEC", RATE },
	{ VM_LIMITS_DISK, "TOTAL_BYTES_SEC_MAX", RATE },
	{ VM_LIMITS_DISK, "TOTAL_BYTES_SEC_MAX_LENGTH", SECONDS },
	{ VM_LIMITS_DISK, "READ_BYTES_SEC", RATE },
	{ VM_LIMITS_DISK, "READ_BYTES_SEC_MAX", RATE },
	{ VM_LIMITS_DISK, "READ_BYTES_SEC_MAX_LENGTH", SECONDS },
	{ VM_LIMITS_DISK, "WRITE_BYTES_SEC", RATE },
	{ VM_LIMITS_DISK, "WRITE_BYTES_SEC_MAX", RATE },
	{ VM_LIMITS_DISK, "WRITE_BYTES_SEC_MAX_LENGTH", SECONDS },
	{ VM_LIMITS_DISK, "TOTAL_IOPS_SEC", COUNT },
	{ VM_LIMITS_DISK, "TOTAL_IOPS_SEC_MAX", COUNT },
	{ VM_LIMITS_DISK, "TOTAL_IOPS_SEC_MAX_LENGTH", SECONDS },
	{ VM_LIMITS_DISK, "READ_IOPS_SEC", COUNT },
	{ VM_LIMITS_DISK, "READ_IOPS_SEC_MAX", COUNT },
	{ VM_LIMITS_DISK, "READ_IOPS_SEC_MAX_LENGTH", SECONDS },
	{ VM_LIMITS_DISK, "WRITE_IOPS_SEC", COUNT },
	{ VM_LIMITS_DISK, "WRITE_IOPS_SEC_MAX", COUNT },
	{ VM_LIMITS_DISK, "WRITE_IOPS_SEC_MAX_LENGTH", SECONDS },
	{ VM_LIMITS_DISK, "SIZE_IOPS_SEC", SIZE },
	{ VM_LIMITS_NIC, "INBOUND_AVG_BW", SIZE_KIB },
	{ VM_LIMITS_NIC, "INBOUND_PEAK_BW", SIZE_KIB },
	{ VM_LIMITS_NIC, "INBOUND_PEAK_KB", SIZE_KIB },
	{ VM_LIMITS_NIC, "OUTBOUND_AVG_BW", SIZE_KIB },
	{ VM_LIMITS_NIC, "OUTBOUND_PEAK_BW", SIZE_KIB },
	{ VM_LIMITS_NIC, "OUTBOUND_PEAK_KB", SIZE_KIB },
};

static void limit_free(void *data)
{
	struct vm_limit *l = data;

	g_free(l->value);
	g_free(l);
}

/* "total_bytes_sec, …", for a hint. */
static char *names_of(enum vm_limits_kind kind)
{
	GString *text = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *name = g_ascii_strdown(rows[i].name, -1);

		if (rows[i].kind != kind)
			continue;
		text_separate(text, ", ");
		g_string_append(text, name);
	}

	return g_string_free(text, FALSE);
}

static const struct row *row_of(enum vm_limits_kind kind, const char *name, GError **error)
{
	const char *device = kind == VM_LIMITS_DISK ? "disk" : "NIC";
	g_autofree char *names = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		if (rows[i].kind == kind && !g_ascii_strcasecmp(rows[i].name, name))
			return &rows[i];
	names = names_of(kind);
	vmm_fail(error, VMM_ERROR_USAGE, "a %s has no limit %s", device, name);
	vmm_error_set_hint(error, "one of %s", names);

	return NULL;
}

/* A number that lacks its unit is so small that the guest would wait for ever. */
static bool read_bytes(enum unit unit, const char *text, guint64 *ret, GError **error)
{
	bool is_odd;

	if (!number_size(text, ret, error))
		return false;
	if (unit == SIZE)
		return true;
	is_odd = unit == SIZE_KIB && *ret % KIB != 0;
	if (*ret < KIB || is_odd) {
		vmm_fail(error, VMM_ERROR_USAGE, "%s is not a number of KiB", text);
		vmm_error_set_hint(error, "give a unit: %sM", text);
		return false;
	}

	if (unit == SIZE_KIB)
		*ret /= KIB;

	return true;
}

static bool read_value(enum unit unit, const char *text, guint64 *ret, GError **error)
{
	guint64 most = unit == SECONDS ? MAX_SECONDS : G_MAXINT32;

	if (unit != COUNT && unit != SECONDS)
		return read_bytes(unit, text, ret, error);
	if (number_unsigned(text, 1, most, ret, NULL))
		return true;

	return vmm_fail(error, VMM_ERROR_USAGE, "'%s' is not a number from 1 to %" G_GUINT64_FORMAT,
			text, most);
}

static bool has_name(const GPtrArray *limits, const char *name)
{
	for (guint i = 0; i < limits->len; i++)
		if (g_str_equal(((const struct vm_limit *)limits->pdata[i])->name, name))
			return true;

	return false;
}

static bool read_word(enum vm_limits_kind kind, const char *word, GPtrArray *to, GError **error)
{
	const char *equals = strchr(word, '=');
	g_autofree char *name = equals ? g_strndup(word, (gsize)(equals - word)) : NULL;
	const struct row *row;
	struct vm_limit *l;
	guint64 value;

	if (!name) {
		vmm_fail(error, VMM_ERROR_USAGE, "it is not NAME=VALUE");
		return false;
	}

	row = row_of(kind, name, error);
	if (!row || !read_value(row->unit, equals + 1, &value, error))
		return false;
	if (has_name(to, row->name))
		return vmm_fail(error, VMM_ERROR_USAGE, "it is given twice");

	l = g_new0(struct vm_limit, 1);
	*l = (struct vm_limit){ row->name, g_strdup_printf("%" G_GUINT64_FORMAT, value), word };
	g_ptr_array_add(to, l);

	return true;
}

GPtrArray *vm_limits_read(enum vm_limits_kind kind, char **words, GError **error)
{
	g_autoptr(GPtrArray) limits = g_ptr_array_new_with_free_func(limit_free);

	if (!words) {
		vmm_fail(error, VMM_ERROR_USAGE, "give --limit NAME=VALUE");
		vmm_error_set_hint(error, "limits that are not given are removed; --limit none "
				   "removes all");
		return NULL;
	}

	if (g_str_equal(words[0], "none") && !words[1])
		return g_steal_pointer(&limits);
	for (char **w = words; *w; w++) {
		if (read_word(kind, *w, limits, error))
			continue;
		g_prefix_error(error, "--limit %s: ", *w);
		return NULL;
	}

	return g_steal_pointer(&limits);
}

char *vm_limits_text(const GPtrArray *limits)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < limits->len; i++) {
		text_separate(text, " ");
		g_string_append(text, ((const struct vm_limit *)limits->pdata[i])->given);
	}

	text_separate(text, ", ");
	g_string_append(text, limits->len ? "and no other limit" : "no limit");

	return g_string_free(text, FALSE);
}
