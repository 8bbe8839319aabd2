/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/kvmrc.h"

#include <unistd.h>

#include "base/number.h"
#include "conf/rc.h"

enum type {
	TEXT,
	SWITCH,
	NUMBER,
	QUEUES,		/* a number or "auto" */
	CHECK,		/* a switch or "warn" */
	WORD,		/* one of its choices */
};

struct parameter {
	const char *name;
	enum type type;
	gint64 min, max;
	const char *value;	/* the default; NULL: none */
};

#define COUNT 0, G_MAXINT64, NULL
#define THROTTLE(name) \
	{ "DEFAULT_ATTACH_" name, NUMBER, COUNT }, \
	{ "DEFAULT_ATTACH_" name "_MAX", NUMBER, COUNT }, \
	{ "DEFAULT_ATTACH_" name "_MAX_LENGTH", NUMBER, 0, 1000000, NULL }

static const struct parameter parameters[] = {
	/* name                          type    min max     default */
	{ "LANG",                        TEXT,   0, 0,       NULL },
	{ "LIBVIRT_URI",                 TEXT,   0, 0,       "qemu:///system" },
	{ "QEMU_PROTOCOL",               TEXT,   0, 0,       "qemu+ssh" },
	{ "LIBVIRT_MD_URI",              TEXT,   0, 0,
	  "http://opennebula.org/xmlns/libvirt/1.0" },
	{ "LIBVIRT_MD_KEY",              TEXT,   0, 0,       "one" },
	{ "SHUTDOWN_TIMEOUT",            NUMBER, 1, 604800,  "120" },
	{ "SYNC_TIME",                   SWITCH, 0, 0,       NULL },
	{ "FORCE_DESTROY",               SWITCH, 0, 0,       NULL },
	{ "CANCEL_NO_ACPI",              SWITCH, 0, 0,       NULL },
	{ "REQUIRE_TPM_STATE",           SWITCH, 0, 0,       "yes" },
	{ "VIRSH_RETRIES",               NUMBER, 1, 1000,    "3" },
	{ "VIRSH_TRIES",                 NUMBER, 1, 1000,    NULL },
	{ "VIRSH_TIMEOUT",               NUMBER, 1, 86400,   "60" },
	{ "CLEANUP_MEMORY_ON_START",     SWITCH, 0, 0,       NULL },
	{ "CLEANUP_MEMORY_ON_STOP",      SWITCH, 0, 0,       NULL },
	{ "MIGRATE_OPTIONS",             TEXT,   0, 0,       NULL },
	{ "DEFAULT_ATTACH_CACHE",        TEXT,   0, 0,       "default" },
	{ "DEFAULT_ATTACH_DISCARD",      TEXT,   0, 0,       NULL },
	{ "DEFAULT_ATTACH_IO",           TEXT,   0, 0,       NULL },
	/* QEMU aborts above 1024, and the VM is lost. */
	{ "DEFAULT_ATTACH_VIRTIO_BLK_QUEUES",   QUEUES, 1, 1024,    NULL },
	{ "DEFAULT_ATTACH_VIRTIO_BLK_IOTHREAD", NUMBER, 0, 1000000, NULL },
	THROTTLE("TOTAL_BYTES_SEC"), THROTTLE("READ_BYTES_SEC"), THROTTLE("WRITE_BYTES_SEC"),
	THROTTLE("TOTAL_IOPS_SEC"), THROTTLE("READ_IOPS_SEC"), THROTTLE("WRITE_IOPS_SEC"),
	{ "DEFAULT_ATTACH_SIZE_IOPS_SEC", NUMBER, COUNT },
	{ "DEFAULT_ATTACH_NIC_MODEL",    TEXT,   0, 0,       NULL },
	{ "DEFAULT_ATTACH_NIC_FILTER",   TEXT,   0, 0,       NULL },
	{ "IMAGE_CHECK",                 CHECK,  0, 0,       "yes" },
	{ "IMAGE_BACKING_PATHS",         TEXT,   0, 0,       NULL },
	{ "VMDK_ALLOWED_TYPES",          TEXT,   0, 0,       "streamOptimized monolithicSparse" },
	{ "CHECKPOINT_CHECK",            CHECK,  0, 0,       "yes" },
	{ "STORAGE",                     TEXT,   0, 0,       NULL },
	{ "FORCE_RAW_IMAGES",            TEXT,   0, 0,       NULL },
	{ "PREALLOCATE",                 TEXT,   0, 0,       NULL },
	{ "SPARSE",                      TEXT,   0, 0,       NULL },
	{ "VOLUME_GROUP",                TEXT,   0, 0,       NULL },
	{ "THIN_POOL",                   TEXT,   0, 0,       NULL },
	{ "VOLUME_CLEAR",                TEXT,   0, 0,       NULL },
	{ "VOLUME_CLEAR_SIZE",           TEXT,   0, 0,       NULL },
	{ "CEPH_USER",                   TEXT,   0, 0,       NULL },
	{ "CEPH_CONF",                   TEXT,   0, 0,       NULL },
	{ "RBD_DOWNLOAD",                TEXT,   0, 0,       NULL },
	{ "RBD_CONNECT_TIMEOUT",         TEXT,   0, 0,       NULL },
	{ "DEPLOY_FROM",                 WORD,   0, 0,       "file" },
	{ "CPU_MODE",                    WORD,   0, 0,       NULL },
	{ "CPU_MODELS",                  TEXT,   0, 0,       NULL },
	{ "CPU_FEATURES",                TEXT,   0, 0,       NULL },
	{ "CPU_COMPARE",                 SWITCH, 0, 0,       "yes" },
	{ "CPU_MISSING",                 WORD,   0, 0,       "warn" },
	{ "NESTED_GUARD",                WORD,   0, 0,       "warn" },
	{ "NUM_MEMORY_ENCRYPTED_GUESTS", NUMBER, 0, 1000000, NULL },
	{ "RESERVED_HOST_MEMORY_MB",     NUMBER, 0, 1000000000, NULL },
	{ "VIRTIOFSD_BINARY_PATH",       TEXT,   0, 0,
	  "/usr/libexec/virtiofsd /usr/lib/qemu/virtiofsd /usr/lib/virtiofsd/virtiofsd" },
	{ "OVMF_NVRAM",                  TEXT,   0, 0,       "/usr/share/OVMF/OVMF_VARS.fd" },
	{ "RBD",                         TEXT,   0, 0,       NULL },
	{ "QEMU_IMG",                    TEXT,   0, 0,       NULL },
	{ "SSH",                         TEXT,   0, 0,       NULL },
	{ "RSYNC",                       TEXT,   0, 0,       NULL },
	{ "SUDO",                        TEXT,   0, 0,       NULL },
};

static const struct {
	const char *name, *words;
} choices[] = {
	{ "DEPLOY_FROM", "file, vm" },
	{ "CPU_MODE", "none, host-model, host-passthrough, maximum, custom" },
	{ "CPU_MISSING", "warn, refuse" },
	{ "NESTED_GUARD", "warn, refuse, no" },
};

struct conf_kvmrc {
	ConfRc *file;					/* NULL: it could not be read */
	char *value[G_N_ELEMENTS(parameters)];		/* NULL: unset */
	GPtrArray *warnings;				/* ends with NULL */
};

static bool is_choice(const char *name, const char *text, GError **error)
{
	const char *words = "";
	g_auto(GStrv) list = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(choices); i++)
		if (g_str_equal(choices[i].name, name))
			words = choices[i].words;
	list = g_strsplit(words, ", ", -1);
	for (char **word = list; *word; word++)
		if (!g_ascii_strcasecmp(*word, text))
			return true;

	return vmm_fail(error, VMM_ERROR_INPUT, "'%s' is not one of %s", text, words);
}

/*
 * A bad value must not stop an action, as OpenNebula's scripts did not check any: the default is
 * used, and a warning in oned's log says so.
 */
static bool kvmrc_check(const struct parameter *p, const char *text, GError **error)
{
	gint64 number;
	bool on;

	switch (p->type) {
	case SWITCH:
		return number_bool(text, &on, error);
	case CHECK:
		return !g_ascii_strcasecmp(text, "warn") || number_bool(text, &on, error);
	case WORD:
		return is_choice(p->name, text, error);
	case QUEUES:
		if (!g_ascii_strcasecmp(text, "auto"))
			return true;
		return number_signed(text, p->min, p->max, &number, error);
	case NUMBER:
		return number_signed(text, p->min, p->max, &number, error);
	default:
		return true;
	}
}

/* An empty parameter is treated as unset: NAME= in the file is how a site takes one back. */
static bool is_given(const char *text)
{
	if (!text)
		return false;
	return *text;
}

static void warn_unfit(ConfKvmrc *rc, const struct parameter *p, const char *source,
		       const GError *error)
{
	g_autofree char *instead = NULL;

	if (p->value)
		instead = g_strconcat("default ", p->value, NULL);
	else
		instead = g_strdup("its default");

	g_ptr_array_add(rc->warnings, g_strdup_printf("%s: %s: %s; using %s", source, p->name,
						      error->message, instead));
}

static void kvmrc_set(ConfKvmrc *rc, size_t i, const char *path)
{
	const struct parameter *p = &parameters[i];
	const char *text = NULL, *source = path;
	g_autoptr(GError) error = NULL;

	if (rc->file)
		text = conf_rc_get(rc->file, p->name);

	/* What the file leaves out may come from oned's environment, as it did for the scripts. */
	if (!text) {
		text = g_getenv(p->name);
		source = "environment";
	}

	if (is_given(text) && !kvmrc_check(p, text, &error)) {
		warn_unfit(rc, p, source, error);
		text = NULL;
	}

	if (is_given(text))
		rc->value[i] = g_strdup(text);
	else
		rc->value[i] = g_strdup(p->value);
}

/* FILE: of PATH, which becomes ours; NULL: it could not be read, as FAULT says. */
static ConfKvmrc *kvmrc_new(const char *path, ConfRc *file, const GError *fault)
{
	ConfKvmrc *rc = g_new0(ConfKvmrc, 1);

	rc->warnings = g_ptr_array_new_with_free_func(g_free);
	rc->file = file;

	if (!rc->file)
		g_ptr_array_add(rc->warnings,
				g_strdup_printf("%s; using defaults", fault->message));
	else
		for (const char *const *w = conf_rc_warnings(rc->file); *w; w++)
			g_ptr_array_add(rc->warnings, g_strdup(*w));
	for (size_t i = 0; i < G_N_ELEMENTS(parameters); i++)
		kvmrc_set(rc, i, path);
	g_ptr_array_add(rc->warnings, NULL);

	return rc;
}

ConfKvmrc *conf_kvmrc_load(const char *path)
{
	g_autoptr(GError) fault = NULL;
	ConfRc *file = conf_rc_load(path, CONF_RC_INSTRUCTIONS, &fault);

	return kvmrc_new(path, file, fault);
}

ConfKvmrc *conf_kvmrc_load_named(const char *path, GError **error)
{
	ConfRc *file = conf_rc_load(path, CONF_RC_INSTRUCTIONS, error);

	return file ? kvmrc_new(path, file, NULL) : NULL;
}

void conf_kvmrc_free(ConfKvmrc *rc)
{
	if (!rc)
		return;

	conf_rc_free(rc->file);
	for (size_t i = 0; i < G_N_ELEMENTS(parameters); i++)
		g_free(rc->value[i]);
	g_ptr_array_unref(rc->warnings);
	g_free(rc);
}

const char *conf_kvmrc_string(const ConfKvmrc *rc, const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(parameters); i++)
		if (g_str_equal(parameters[i].name, name))
			return rc->value[i];
	g_error("%s is no parameter of kvmrc", name);
}

bool conf_kvmrc_bool(const ConfKvmrc *rc, const char *name)
{
	const char *text = conf_kvmrc_string(rc, name);
	bool on = false;

	if (!text)
		return false;
	if (!number_bool(text, &on, NULL))
		return false;

	return on;
}

gint64 conf_kvmrc_int(const ConfKvmrc *rc, const char *name)
{
	const char *text = conf_kvmrc_string(rc, name);

	if (text)
		return g_ascii_strtoll(text, NULL, 10);

	return 0;
}

/* OpenNebula's kvmrc and its documentation differ in the name. */
gint64 conf_kvmrc_tries(const ConfKvmrc *rc)
{
	gint64 twin = conf_kvmrc_int(rc, "VIRSH_TRIES");

	if (twin)
		return twin;

	return conf_kvmrc_int(rc, "VIRSH_RETRIES");
}

/* The parameter may hold arguments; it is split as a shell would, and no shell is run. */
char **conf_kvmrc_command(const ConfKvmrc *rc, const char *name, const char *tool)
{
	const char *text = conf_kvmrc_string(rc, name);
	const char *fallback[] = { tool, NULL };
	char **words = NULL;

	if (text && g_shell_parse_argv(text, NULL, &words, NULL))
		return words;

	return g_strdupv((char **)fallback);
}

const char *conf_kvmrc_name(size_t i)
{
	if (i < G_N_ELEMENTS(parameters))
		return parameters[i].name;
	return NULL;
}

const char *const *conf_kvmrc_warnings(const ConfKvmrc *rc)
{
	return (const char *const *)rc->warnings->pdata;
}

char **conf_kvmrc_environ(const ConfKvmrc *rc)
{
	if (!rc->file)
		return g_get_environ();
	return conf_rc_environ(rc->file, (const char *const *)environ, false);
}
