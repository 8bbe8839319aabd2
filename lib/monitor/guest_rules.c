/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/guest_rules.h"

#include <json-c/json.h>
#include <string.h>

#include "base/number.h"
#include "conf/yaml_pairs.h"

enum { LIMIT_S = 5, MAX_LIMIT_S = 30 };

static const char number_word[] = "$vm_id";

static void command_free(void *data)
{
	struct guest_command *c = data;

	g_free(c->json);
	g_free(c->fault);
	for (int i = 0; i < GUEST_OS_PARTS; i++)
		g_strfreev(c->filters[i]);
	g_free(c);
}

static void clear_rules(void *data)
{
	GuestRules *rules = data;

	g_ptr_array_unref(rules->commands);
}

GuestRules *guest_rules_ref(GuestRules *rules)
{
	return g_atomic_rc_box_acquire(rules);
}

void guest_rules_unref(GuestRules *rules)
{
	if (rules)
		g_atomic_rc_box_release_full(rules, clear_rules);
}

/* A name with other characters would end the line that it is on. */
static bool is_key(const char *name)
{
	return *name && strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(name);
}

/* The command called NAME, a new one when it is the first time; NULL: no key can be so called. */
static struct guest_command *command_of(GuestRules *rules, const char *name)
{
	g_autofree char *key = g_ascii_strup(name, -1);
	struct guest_command *c;

	for (guint i = 0; i < rules->commands->len; i++) {
		c = rules->commands->pdata[i];
		if (g_str_equal(c->key, key))
			return c;
	}

	if (!is_key(key))
		return NULL;

	c = g_new0(struct guest_command, 1);
	c->key = g_intern_string(key);
	c->limit_s = LIMIT_S;
	c->fault = g_strdup("error: it has no command");
	g_ptr_array_add(rules->commands, c);

	return c;
}

static bool is_command(const char *text)
{
	json_object *object = json_tokener_parse(text), *name = NULL;
	bool ok = json_object_is_type(object, json_type_object) &&
		  json_object_object_get_ex(object, "execute", &name) &&
		  json_object_is_type(name, json_type_string);

	json_object_put(object);

	return ok;
}

/* "--timeout 5" */
static bool read_options(struct guest_command *c, char **words)
{
	guint64 number;

	for (; *words; words += 2) {
		if (!g_str_equal(words[0], "--timeout") || !words[1])
			return false;
		if (!number_unsigned(words[1], 1, MAX_LIMIT_S, &number, NULL))
			return false;
		c->limit_s = (unsigned)number;
	}

	return true;
}

/* OpenNebula passes TEXT to a shell, behind "virsh qemu-agent-command"; here no shell is run. */
static void read_command(struct guest_command *c, const char *text)
{
	g_auto(GStrv) words = NULL;
	bool is_plain = g_shell_parse_argv(text, NULL, &words, NULL) &&
			g_strv_length(words) >= 2 && g_str_equal(words[0], "one-$vm_id") &&
			is_command(words[1]) && read_options(c, words + 2);

	g_clear_pointer(&c->fault, g_free);
	g_free(c->json);
	c->json = is_plain ? g_strdup(words[1]) : NULL;
	if (!is_plain)
		c->fault = g_strdup("error: not of the form one-$vm_id 'JSON' [--timeout SECONDS], "
				    "and no shell is started for it");
}

static void read_filter(struct guest_command *c, const char *name, char **values)
{
	static const char *const names[] = {
		[GUEST_OS_ID]      = "os_ids",
		[GUEST_OS_TYPE]    = "os_types",
		[GUEST_OS_VERSION] = "os_versions",
		[GUEST_OS_MACHINE] = "os_machines",
	};

	for (int i = 0; i < GUEST_OS_PARTS; i++) {
		if (!g_str_equal(names[i], name))
			continue;
		g_strfreev(c->filters[i]);
		c->filters[i] = *values ? g_strdupv(values) : NULL;
	}
}

/* "commands/vm_qemu_ping", "commands/vm_qemu_ping/command", "commands/vm_qemu_ping/os_ids" */
static void read_place(GuestRules *rules, const struct yaml_place *place)
{
	g_auto(GStrv) names = g_strsplit(place->path, "/", 3);
	guint depth = g_strv_length(names);
	struct guest_command *c;

	if (depth < 2 || !g_str_equal(names[0], "commands"))
		return;
	c = command_of(rules, names[1]);
	if (!c)
		return;

	if (depth == 2 || g_str_equal(names[2], "command"))
		read_command(c, *place->values ? *place->values : "");
	else
		read_filter(c, names[2], place->values);
}

static bool read_places(GuestRules *rules, const GPtrArray *places, const char *path,
			GError **error)
{
	for (guint i = 0; i < places->len; i++) {
		const struct yaml_place *place = places->pdata[i];
		bool is_switch = g_str_equal(place->path, "enabled") && *place->values;

		if (is_switch && !number_bool(*place->values, &rules->enabled, error)) {
			g_prefix_error(error, "%s: :enabled: ", path);
			return false;
		}

		read_place(rules, place);
	}

	return true;
}

GuestRules *guest_rules_read(const char *path, GError **error)
{
	g_autoptr(GuestRules) rules = g_atomic_rc_box_new0(GuestRules);
	g_autoptr(GError) cause = NULL;
	g_autoptr(GPtrArray) places = yaml_places_read(path, &cause);

	rules->commands = g_ptr_array_new_with_free_func(command_free);
	if (!places && !vmm_is(cause, VMM_ERROR_NOT_FOUND)) {
		vmm_pass(error, &cause);
		return NULL;
	}

	if (places && !read_places(rules, places, path, error))
		return NULL;

	return g_steal_pointer(&rules);
}

bool guest_command_is_for(const struct guest_command *c, const struct guest_os *os)
{
	for (int i = 0; i < GUEST_OS_PARTS; i++) {
		const char *value = os->part[i] ? os->part[i] : "";

		if (c->filters[i] && !g_strv_contains((const char *const *)c->filters[i], value))
			return false;
	}

	return true;
}

char *guest_command_text(const struct guest_command *c, gint64 id)
{
	g_auto(GStrv) parts = g_strsplit(c->json, number_word, -1);
	g_autofree char *number = g_strdup_printf("%" G_GINT64_FORMAT, id);

	return g_strjoinv(number, parts);
}
