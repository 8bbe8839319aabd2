/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/cfg.h"

#include <libconfig.h>

#include "base/text.h"
#include "conf/cfg_source.h"

enum { MAX_NAME = 64, TEN_DAYS_S = 864000, WEEK_S = 604800 };

enum type { INTEGER, SWITCH, STRING };

static const char *const type_names[] = { "a whole number", "true or false", "a \"string\"" };

static const struct key {
	const char *name;
	enum type type;
	gint64 min, max, number;	/* NUMBER: the default; of a switch, 0 or 1 */
	const char *string;
} keys[] = {
	/* name                   type     min   max         default */
	{ "limits.line_bytes",    INTEGER, 4096, 1073741824, 67108864, NULL },
	{ "limits.output_bytes",  INTEGER, 4096, 1073741824, 1048576,  NULL },
	{ "limits.info_bytes",    INTEGER, 64,   1048576,    4096,     NULL },
	{ "limits.queue",         INTEGER, 1,    10000000,   100000,   NULL },
	{ "limits.waiting_bytes", INTEGER, 65536, 1099511627776, 1073741824, NULL },
	{ "limits.children",      INTEGER, 4,    100000,     2000,     NULL },
	{ "limits.descriptors",   INTEGER, 64,   1048576,    65536,    NULL },
	{ "limits.running",       INTEGER, 1,    100000,     200,      NULL },
	{ "limits.host",          INTEGER, 1,    100000,     100,      NULL },
	{ "hosts.failures",       INTEGER, 1,    1000,       3,        NULL },
	{ "hosts.retry_s",        INTEGER, 0,    86400,      10,       NULL },
	{ "hosts.worker",         SWITCH,  0,    0,          1,        NULL },
	{ "clean.tries",          INTEGER, 0,    100,        3,        NULL },
	{ "clean.pause_s",        INTEGER, 1,    86400,      30,       NULL },
	{ "timeout_s.deploy",     INTEGER, 0,    WEEK_S,     600,      NULL },
	{ "timeout_s.shutdown",   INTEGER, 0,    WEEK_S,     1800,     NULL },
	{ "timeout_s.cancel",     INTEGER, 0,    WEEK_S,     300,      NULL },
	{ "timeout_s.reboot",     INTEGER, 0,    WEEK_S,     120,      NULL },
	{ "timeout_s.reset",      INTEGER, 0,    WEEK_S,     120,      NULL },
	{ "timeout_s.poll",       INTEGER, 0,    WEEK_S,     120,      NULL },
	{ "timeout_s.save",         INTEGER, 0,    WEEK_S,     3600,     NULL },
	{ "timeout_s.restore",      INTEGER, 0,    WEEK_S,     3600,     NULL },
	{ "timeout_s.migrate",      INTEGER, 0,    WEEK_S,     21600,    NULL },
	{ "timeout_s.attach_disk",  INTEGER, 0,    WEEK_S,     120,      NULL },
	{ "timeout_s.detach_disk",  INTEGER, 0,    WEEK_S,     120,      NULL },
	{ "timeout_s.attach_nic",   INTEGER, 0,    WEEK_S,     120,      NULL },
	{ "timeout_s.detach_nic",   INTEGER, 0,    WEEK_S,     120,      NULL },
	{ "timeout_s.prereconfigure", INTEGER, 0,    WEEK_S,     120,      NULL },
	{ "timeout_s.reconfigure",  INTEGER, 0,    WEEK_S,     120,      NULL },
	{ "timeout_s.resize",       INTEGER, 0,    WEEK_S,     120,      NULL },
	{ "timeout_s.resize_disk",  INTEGER, 0,    WEEK_S,     300,      NULL },
	{ "timeout_s.snapshot_create", INTEGER, 0,    WEEK_S,     3600,     NULL },
	{ "timeout_s.snapshot_revert", INTEGER, 0,    WEEK_S,     3600,     NULL },
	{ "timeout_s.snapshot_delete", INTEGER, 0,    WEEK_S,     3600,     NULL },
	{ "timeout_s.exec",         INTEGER, 0,    WEEK_S,     3600,     NULL },
	{ "timeout_s.exec_cancel",  INTEGER, 0,    WEEK_S,     60,       NULL },
	{ "timeout_s.outcome",    INTEGER, 0,    WEEK_S,     300,      NULL },
	{ "timeout_s.network",    INTEGER, 0,    WEEK_S,     300,      NULL },
	{ "timeout_s.transfer",   INTEGER, 0,    WEEK_S,     7200,     NULL },
	{ "timeout_s.datastore",  INTEGER, 0,    WEEK_S,     86400,    NULL },
	{ "timeout_s.directory",  INTEGER, 0,    WEEK_S,     60,       NULL },
	{ "wait_s.deploy",         INTEGER, -1,   WEEK_S,     -1,      NULL },
	{ "wait_s.shutdown",       INTEGER, -1,   WEEK_S,     -1,      NULL },
	{ "wait_s.cancel",         INTEGER, -1,   WEEK_S,     -1,      NULL },
	{ "wait_s.reboot",         INTEGER, -1,   WEEK_S,     -1,      NULL },
	{ "wait_s.reset",          INTEGER, -1,   WEEK_S,     -1,      NULL },
	{ "wait_s.poll",           INTEGER, -1,   WEEK_S,     -1,      NULL },
	{ "wait_s.save",           INTEGER, -1,   WEEK_S,     -1,      NULL },
	{ "wait_s.restore",        INTEGER, -1,   WEEK_S,     -1,      NULL },
	{ "wait_s.migrate",        INTEGER, -1,   WEEK_S,     -1,      NULL },
	{ "wait_s.attach_disk",    INTEGER, -1,   WEEK_S,     -1,      NULL },
	{ "wait_s.detach_disk",    INTEGER, -1,   WEEK_S,     -1,      NULL },
	{ "wait_s.attach_nic",     INTEGER, -1,   WEEK_S,     -1,      NULL },
	{ "wait_s.detach_nic",     INTEGER, -1,   WEEK_S,     -1,      NULL },
	{ "wait_s.prereconfigure",  INTEGER, -1,   WEEK_S,     -1,      NULL },
	{ "wait_s.reconfigure",    INTEGER, -1,   WEEK_S,     -1,      NULL },
	{ "wait_s.resize",         INTEGER, -1,   WEEK_S,     -1,      NULL },
	{ "wait_s.resize_disk",    INTEGER, -1,   WEEK_S,     -1,      NULL },
	{ "wait_s.snapshot_create",  INTEGER, -1,   WEEK_S,     -1,      NULL },
	{ "wait_s.snapshot_revert",  INTEGER, -1,   WEEK_S,     -1,      NULL },
	{ "wait_s.snapshot_delete",  INTEGER, -1,   WEEK_S,     -1,      NULL },
	{ "wait_s.exec",           INTEGER, -1,   WEEK_S,     -1,      NULL },
	{ "wait_s.exec_cancel",    INTEGER, -1,   WEEK_S,     -1,      NULL },
	{ "wait_s.network",        INTEGER, -1,   WEEK_S,     -1,      NULL },
	{ "wait_s.directory",      INTEGER, -1,   WEEK_S,     -1,      NULL },
	{ "timeout_s.abort",      INTEGER, 1,    3600,       20,       NULL },
	{ "transport",            STRING,  0,    0,          0,        "relay" },
	{ "document_argument",    STRING,  0,    0,          0,        "auto" },
	{ "ssh.command",          STRING,  0,    0,          0,        "ssh" },
	{ "ssh.multiplex",        SWITCH,  0,    0,          1,        NULL },
	{ "ssh.control_dir",      STRING,  0,    0,          0,        "" },
	{ "ssh.connect_timeout_s", INTEGER, 1,   3600,       30,       NULL },
	{ "ssh.sessions",         INTEGER, 1,    1000,       8,        NULL },
	{ "ssh.idle_s",           INTEGER, 0,    TEN_DAYS_S, 300,      NULL },
	{ "ssh.alive_interval_s", INTEGER, 0,    3600,       10,       NULL },
	{ "domain.kernel_paths",  STRING,  0,    0,          0,        "/boot" },
	{ "domain.script_paths",  STRING,  0,    0,          0,        "" },
	{ "domain.host_paths",    STRING,  0,    0,          0,        "" },
	{ "domain.bridges",       STRING,  0,    0,          0,        "" },
	{ "domain.networks",      STRING,  0,    0,          0,        "" },
	{ "domain.pools",         STRING,  0,    0,          0,        "" },
	{ "domain.network_sources", STRING, 0,   0,          0,        "" },
	{ "domain.qemu_commandline", SWITCH, 0,  0,          0,        NULL },
	{ "domain.seclabel",      SWITCH,  0,    0,          0,        NULL },
	{ "domain.host_devices",  SWITCH,  0,    0,          0,        NULL },
	{ "domain.schema",        STRING,  0,    0,          0,
	  "/usr/share/libvirt/schemas/domain.rng" },
	{ "journal.on",           SWITCH,  0,    0,          1,        NULL },
	{ "journal.dir",          STRING,  0,    0,          0,        "" },
	{ "journal.spare_dir",    STRING,  0,    0,          0,        "" },
	{ "journal.bytes",        INTEGER, 65536, 1073741824, 8388608,  NULL },
	{ "journal.resume_s",     INTEGER, 0,    WEEK_S,     600,      NULL },
	{ "log.level",            STRING,  0,    0,          0,        "debug" },
	{ "log.file",             STRING,  0,    0,          0,        "" },
	{ "log.json",             SWITCH,  0,    0,          0,        NULL },
	{ "metrics.file",         STRING,  0,    0,          0,        "" },
	{ "metrics.interval_s",   INTEGER, 1,    86400,      15,       NULL },
};

/* Keys whose text is one of a few words. */
static const struct choice {
	const char *key;
	const char *words[5];
} choices[] = {
	{ "transport", { "relay", "ssh", "direct" } },
	{ "document_argument", { "auto", "yes", "no" } },
	{ "log.level", { "error", "warning", "info", "debug" } },
};

/* Of earlier versions: a file that still has one is right, and the key does nothing. */
static const char *const retired[] = { "hosts.silent_s", NULL };

/* Of a row of list "host": strings. NAME is the first. */
static const char *const host_keys[] = { "name", "transport", "uri", "document_argument" };

struct host {
	char *value[G_N_ELEMENTS(host_keys)];
};

struct conf_cfg {
	gint64 number[G_N_ELEMENTS(keys)];
	char *string[G_N_ELEMENTS(keys)];
	GArray *hosts;		/* of struct host */
};

/* Most unknown keys are known ones that are misspelt. */
static const char *nearest(const char *name)
{
	const char *best = keys[0].name;
	guint least = MAX_NAME;

	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
		guint d = text_distance(name, keys[i].name, least);

		if (d < least) {
			least = d;
			best = keys[i].name;
		}
	}

	return best;
}

static ssize_t cfg_find(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
		if (g_str_equal(keys[i].name, name))
			return (ssize_t)i;
	return -1;
}

/* A group that has no known key is a mistake, not an empty group of ours. */
static bool is_group(const char *name)
{
	g_autofree char *prefix = g_strconcat(name, ".", NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
		if (g_str_has_prefix(keys[i].name, prefix))
			return true;

	return false;
}

/* Names are matched by GLib, which ends the process when they are no UTF-8. */
static bool check_text(config_setting_t *s, const char *path, const char *key, GError **error)
{
	if (!g_utf8_validate(config_setting_get_string(s), -1, NULL))
		return vmm_fail(error, VMM_ERROR_CONFIG, "%s:%d: %s is not UTF-8", path,
				(int)config_setting_source_line(s), key);
	return true;
}

/* "relay, ssh or direct". The caller frees. */
static char *list_words(const char *const *words)
{
	GString *text = g_string_new(words[0]);

	for (size_t i = 1; words[i]; i++)
		g_string_append_printf(text, "%s%s", words[i + 1] ? ", " : " or ", words[i]);

	return g_string_free(text, FALSE);
}

/* KEY: the name in the table; SHOWN: as the file has it. */
static bool check_word(config_setting_t *s, const char *path, const char *key, const char *shown,
		       GError **error)
{
	const char *text = config_setting_get_string(s);

	for (size_t i = 0; i < G_N_ELEMENTS(choices); i++) {
		const struct choice *c = &choices[i];
		g_autofree char *list = NULL;

		if (!g_str_equal(c->key, key) || g_strv_contains(c->words, text))
			continue;

		list = list_words(c->words);
		return vmm_fail(error, VMM_ERROR_CONFIG, "%s:%d: %s '%s' is not %s", path,
				(int)config_setting_source_line(s), shown, text, list);
	}

	return true;
}

/* What an int cannot hold, or has an L behind it, is an int64 to libconfig. */
static bool has_type(config_setting_t *s, enum type type)
{
	int found = config_setting_type(s);

	switch (type) {
	case STRING:
		return found == CONFIG_TYPE_STRING;
	case SWITCH:
		return found == CONFIG_TYPE_BOOL;
	case INTEGER:
	default:
		return found == CONFIG_TYPE_INT || found == CONFIG_TYPE_INT64;
	}
}

static bool take_value(ConfCfg *cfg, size_t i, config_setting_t *s, const char *path,
		       GError **error)
{
	const struct key *k = &keys[i];
	int line = (int)config_setting_source_line(s);
	gint64 n;

	if (!has_type(s, k->type))
		return vmm_fail(error, VMM_ERROR_CONFIG, "%s:%d: %s must be %s", path, line,
				k->name, type_names[k->type]);

	if (k->type == STRING) {
		if (!check_text(s, path, k->name, error) ||
		    !check_word(s, path, k->name, k->name, error))
			return false;

		g_free(cfg->string[i]);
		cfg->string[i] = g_strdup(config_setting_get_string(s));
		return true;
	}

	if (k->type == SWITCH) {
		cfg->number[i] = config_setting_get_bool(s) != 0;
		return true;
	}

	n = config_setting_get_int64(s);
	if (n < k->min || n > k->max)
		return vmm_fail(error, VMM_ERROR_CONFIG, "%s:%d: %s is %" G_GINT64_FORMAT
				", not from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, path, line,
				k->name, n, k->min, k->max);
	cfg->number[i] = n;

	return true;
}

static int host_key(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(host_keys); i++)
		if (g_str_equal(host_keys[i], name))
			return (int)i;
	return -1;
}

/* A row overrides what may differ between hosts; all other keys are the driver's own. */
static bool take_host_value(struct host *row, config_setting_t *s, const char *path,
			    GError **error)
{
	const char *name = config_setting_name(s);
	int key = host_key(name), line = (int)config_setting_source_line(s);

	if (key < 0)
		return vmm_fail(error, VMM_ERROR_CONFIG, "%s:%d: unknown key host.%s (there are "
				"name, transport, uri and document_argument)", path, line, name);
	if (config_setting_type(s) != CONFIG_TYPE_STRING)
		return vmm_fail(error, VMM_ERROR_CONFIG, "%s:%d: host.%s must be %s", path, line,
				name, type_names[STRING]);
	if (!check_text(s, path, "host", error) ||
	    !check_word(s, path, name, name, error))
		return false;

	g_free(row->value[key]);
	row->value[key] = g_strdup(config_setting_get_string(s));

	return true;
}

/* The file that S is in: PATH, or one that it includes. */
static const char *cfg_file_of(config_setting_t *s, const char *path)
{
	const char *included = config_setting_source_file(s);

	return included ? included : path;
}

/* host: ( { name = "kvm-*"; transport = "ssh"; }, … ); */
static bool take_hosts(ConfCfg *cfg, config_setting_t *list, const char *path, GError **error)
{
	for (int i = 0; i < config_setting_length(list); i++) {
		config_setting_t *group = config_setting_get_elem(list, (unsigned)i);
		struct host *row;

		g_array_set_size(cfg->hosts, cfg->hosts->len + 1);
		row = &g_array_index(cfg->hosts, struct host, cfg->hosts->len - 1);

		for (int k = 0; config_setting_is_group(group) && k < config_setting_length(group);
		     k++)
			if (!take_host_value(row, config_setting_get_elem(group, (unsigned)k),
					     path, error))
				return false;
		if (!row->value[0])
			return vmm_fail(error, VMM_ERROR_CONFIG, "%s:%d: a row of host has no name",
					cfg_file_of(group, path),
					(int)config_setting_source_line(group));
	}

	return true;
}

/* PREFIX: of the group, with its dot. */
static bool take_group(ConfCfg *cfg, config_setting_t *group, const char *prefix,
		       const char *path, GError **error)
{
	for (int i = 0; i < config_setting_length(group); i++) {
		config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
		g_autofree char *name = g_strconcat(prefix, config_setting_name(s), NULL);
		g_autofree char *dotted = g_strconcat(name, ".", NULL);
		const char *file = cfg_file_of(s, path);
		ssize_t key = cfg_find(name);

		if (key >= 0) {
			if (!take_value(cfg, (size_t)key, s, file, error))
				return false;
		} else if (g_strv_contains(retired, name)) {
			g_debug("%s: %s does nothing any more", path, name);
		} else if (g_str_equal(name, "host") && config_setting_is_list(s)) {
			if (!take_hosts(cfg, s, file, error))
				return false;
		} else if (config_setting_is_group(s) && is_group(name)) {
			if (!take_group(cfg, s, dotted, path, error))
				return false;
		} else {
			return vmm_fail(error, VMM_ERROR_CONFIG, "%s:%d: unknown key %s (nearest: "
					"%s)", file, (int)config_setting_source_line(s), name,
					nearest(name));
		}
	}

	return true;
}

static bool cfg_parse(ConfCfg *cfg, const char *text, const char *path, GError **error)
{
	config_t c;
	bool ok;

	if (!cfg_source_parse(text, path, &c, error))
		return false;

	ok = take_group(cfg, config_root_setting(&c), "", path, error);
	config_destroy(&c);

	return ok;
}

static ConfCfg *cfg_new(void)
{
	ConfCfg *cfg = g_new0(ConfCfg, 1);

	cfg->hosts = g_array_new(FALSE, TRUE, sizeof(struct host));
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
		cfg->number[i] = keys[i].number;
		cfg->string[i] = g_strdup(keys[i].string);
	}

	return cfg;
}

ConfCfg *conf_cfg_load(const char *path, GError **error)
{
	g_autoptr(ConfCfg) cfg = cfg_new();
	g_autoptr(GError) cause = NULL;
	GString *text = cfg_source_read(path, &cause);
	bool ok;

	if (g_error_matches(cause, VMM_ERROR, VMM_ERROR_NOT_FOUND))
		return g_steal_pointer(&cfg);
	if (!text) {
		vmm_fail(error, VMM_ERROR_CONFIG, "%s", cause->message);
		return NULL;
	}

	ok = cfg_parse(cfg, text->str, path, error);
	g_string_free(text, TRUE);

	if (ok)
		return g_steal_pointer(&cfg);

	return NULL;
}

void conf_cfg_free(ConfCfg *cfg)
{
	if (!cfg)
		return;

	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
		g_free(cfg->string[i]);
	for (guint i = 0; i < cfg->hosts->len; i++)
		for (size_t k = 0; k < G_N_ELEMENTS(host_keys); k++)
			g_free(g_array_index(cfg->hosts, struct host, i).value[k]);
	g_array_unref(cfg->hosts);
	g_free(cfg);
}

/* A key that the table lacks is a fault of the program, which no run may hide. */
static size_t row(const char *key, enum type type)
{
	ssize_t i = cfg_find(key);

	if (i < 0 || keys[i].type != type)
		g_error("%s is no key of vmm_exec.cfg that is %s", key, type_names[type]);

	return (size_t)i;
}

gint64 conf_cfg_int(const ConfCfg *cfg, const char *key)
{
	return cfg->number[row(key, INTEGER)];
}

bool conf_cfg_bool(const ConfCfg *cfg, const char *key)
{
	return cfg->number[row(key, SWITCH)] != 0;
}

const char *conf_cfg_string(const ConfCfg *cfg, const char *key)
{
	return cfg->string[row(key, STRING)];
}

/* The first row that matches and has the key: rows for all hosts go last. */
const char *conf_cfg_host(const ConfCfg *cfg, const char *host, const char *key)
{
	int k = host_key(key);
	ssize_t i = cfg_find(key);
	bool text = g_utf8_validate(host, -1, NULL);

	g_assert(k >= 0);
	for (guint r = 0; r < cfg->hosts->len; r++) {
		const struct host *row = &g_array_index(cfg->hosts, struct host, r);

		/* GLib ends the process when it matches what is not UTF-8. */
		if (!row->value[k])
			continue;
		if (text && g_pattern_match_simple(row->value[0], host))
			return row->value[k];
	}

	if (i >= 0)
		return cfg->string[i];

	return "";
}

const char *conf_cfg_host_name(const ConfCfg *cfg, size_t i)
{
	if (i < cfg->hosts->len)
		return g_array_index(cfg->hosts, struct host, i).value[0];
	return NULL;
}

const char *conf_cfg_key(size_t i)
{
	if (i < G_N_ELEMENTS(keys))
		return keys[i].name;
	return NULL;
}

static bool is_live(const char *key)
{
	/* Keys whose users ask for the value each time: a change takes effect at once. */
	static const char *const live[] = {
		"timeout_s.", "wait_s.", "log.", "limits.queue", "limits.waiting_bytes",
		"limits.running", "limits.host", "limits.output_bytes", "hosts.worker",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(live); i++)
		if (g_str_has_prefix(key, live[i]))
			return true;
	return false;
}

static bool is_same_value(const ConfCfg *a, const ConfCfg *b, size_t key)
{
	if (keys[key].type == STRING)
		return !g_strcmp0(a->string[key], b->string[key]);

	return a->number[key] == b->number[key];
}

static bool is_same_host_list(const ConfCfg *a, const ConfCfg *b)
{
	if (a->hosts->len != b->hosts->len)
		return false;
	for (guint i = 0; i < a->hosts->len; i++)
		for (size_t k = 0; k < G_N_ELEMENTS(host_keys); k++)
			if (g_strcmp0(g_array_index(a->hosts, struct host, i).value[k],
				      g_array_index(b->hosts, struct host, i).value[k]) != 0)
				return false;
	return true;
}

void conf_cfg_update(ConfCfg *cfg, const ConfCfg *newer, GPtrArray *changed, GPtrArray *later)
{
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
		const char *name = keys[i].name;

		if (is_same_value(cfg, newer, i))
			continue;
		if (is_live(name)) {
			cfg->number[i] = newer->number[i];
			g_free(cfg->string[i]);
			cfg->string[i] = g_strdup(newer->string[i]);
			g_ptr_array_add(changed, (char *)name);
		} else if (!g_str_has_prefix(name, "domain.")) {
			g_ptr_array_add(later, (char *)name);
		}
	}

	if (!is_same_host_list(cfg, newer))
		g_ptr_array_add(later, (char *)"host");
}
