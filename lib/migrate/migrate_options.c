/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/migrate_options.h"

#include "base/file.h"
#include "base/number.h"
#include "base/text.h"

enum { MAX_XML = 16 << 20 };

enum kind {
	FLAG,
	TEXT,
	LIST,		/* words with commas, one parameter each */
	INT,
	ULLONG,
	FILE_TEXT,	/* the value is what the file holds */
	SECONDS,	/* --timeout */
	AT_OVERTIME,	/* what then; the flag is the way */
	SOON,
	NOTHING,
	UNFIT,		/* virsh has it, QEMU has not */
};

static const struct word {
	const char *name;
	enum kind kind;
	unsigned flags;		/* set by every kind */
	const char *param;
} words[] = {
	{ "live", FLAG, VIR_MIGRATE_LIVE, NULL },
	{ "offline", UNFIT, 0, NULL },
	{ "direct", UNFIT, 0, NULL },
	{ "p2p", FLAG, VIR_MIGRATE_PEER2PEER, NULL },
	{ "tunnelled", FLAG, VIR_MIGRATE_PEER2PEER | VIR_MIGRATE_TUNNELLED, NULL },
	{ "persistent", FLAG, VIR_MIGRATE_PERSIST_DEST, NULL },
	{ "undefinesource", FLAG, VIR_MIGRATE_UNDEFINE_SOURCE, NULL },
	{ "suspend", FLAG, VIR_MIGRATE_PAUSED, NULL },
	{ "copy-storage-all", FLAG, VIR_MIGRATE_NON_SHARED_DISK, NULL },
	{ "copy-storage-inc", FLAG, VIR_MIGRATE_NON_SHARED_INC, NULL },
	{ "copy-storage-synchronous-writes", FLAG, VIR_MIGRATE_NON_SHARED_SYNCHRONOUS_WRITES,
	  NULL },
	{ "change-protection", FLAG, VIR_MIGRATE_CHANGE_PROTECTION, NULL },
	{ "unsafe", FLAG, VIR_MIGRATE_UNSAFE, NULL },
	{ "abort-on-error", FLAG, VIR_MIGRATE_ABORT_ON_ERROR, NULL },
	{ "rdma-pin-all", FLAG, VIR_MIGRATE_RDMA_PIN_ALL, NULL },
	{ "compressed", FLAG, VIR_MIGRATE_COMPRESSED, NULL },
	{ "auto-converge", FLAG, VIR_MIGRATE_AUTO_CONVERGE, NULL },
	{ "postcopy", FLAG, VIR_MIGRATE_POSTCOPY, NULL },
	{ "tls", FLAG, VIR_MIGRATE_TLS, NULL },
	{ "parallel", FLAG, VIR_MIGRATE_PARALLEL, NULL },
	{ "zerocopy", FLAG, VIR_MIGRATE_ZEROCOPY, NULL },
	{ "migrateuri", TEXT, 0, VIR_MIGRATE_PARAM_URI },
	{ "graphicsuri", TEXT, 0, VIR_MIGRATE_PARAM_GRAPHICS_URI },
	{ "listen-address", TEXT, 0, VIR_MIGRATE_PARAM_LISTEN_ADDRESS },
	{ "dname", TEXT, 0, VIR_MIGRATE_PARAM_DEST_NAME },
	{ "bandwidth", ULLONG, 0, VIR_MIGRATE_PARAM_BANDWIDTH },
	{ "postcopy-bandwidth", ULLONG, 0, VIR_MIGRATE_PARAM_BANDWIDTH_POSTCOPY },
	{ "migrate-disks", LIST, 0, VIR_MIGRATE_PARAM_MIGRATE_DISKS },
	{ "disks-port", INT, 0, VIR_MIGRATE_PARAM_DISKS_PORT },
	{ "disks-uri", TEXT, 0, VIR_MIGRATE_PARAM_DISKS_URI },
	{ "comp-methods", LIST, 0, VIR_MIGRATE_PARAM_COMPRESSION },
	{ "comp-mt-level", INT, 0, VIR_MIGRATE_PARAM_COMPRESSION_MT_LEVEL },
	{ "comp-mt-threads", INT, 0, VIR_MIGRATE_PARAM_COMPRESSION_MT_THREADS },
	{ "comp-mt-dthreads", INT, 0, VIR_MIGRATE_PARAM_COMPRESSION_MT_DTHREADS },
	{ "comp-xbzrle-cache", ULLONG, 0, VIR_MIGRATE_PARAM_COMPRESSION_XBZRLE_CACHE },
	{ "auto-converge-initial", INT, 0, VIR_MIGRATE_PARAM_AUTO_CONVERGE_INITIAL },
	{ "auto-converge-increment", INT, 0, VIR_MIGRATE_PARAM_AUTO_CONVERGE_INCREMENT },
	{ "parallel-connections", INT, 0, VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS },
	{ "tls-destination", TEXT, 0, VIR_MIGRATE_PARAM_TLS_DESTINATION },
	{ "xml", FILE_TEXT, 0, VIR_MIGRATE_PARAM_DEST_XML },
	{ "persistent-xml", FILE_TEXT, 0, VIR_MIGRATE_PARAM_PERSIST_XML },
	{ "timeout", SECONDS, 0, NULL },
	{ "timeout-suspend", AT_OVERTIME, 0, NULL },
	{ "timeout-postcopy", AT_OVERTIME, VIR_MIGRATE_POSTCOPY, NULL },
	{ "postcopy-after-precopy", SOON, VIR_MIGRATE_POSTCOPY, NULL },
	{ "verbose", NOTHING, 0, NULL },
};

MigrateOptions *migrate_options_new(void)
{
	MigrateOptions *m = g_atomic_rc_box_new0(MigrateOptions);

	virInitialize();	/* else the typed parameters' functions crash */
	m->flags = VIR_MIGRATE_LIVE;
	return m;
}

/* Counted: a call that was abandoned may still read them. */
MigrateOptions *migrate_options_ref(const MigrateOptions *m)
{
	return g_atomic_rc_box_acquire((MigrateOptions *)m);
}

static void clear(void *data)
{
	MigrateOptions *m = data;

	virTypedParamsFree(m->params, m->n_params);
}

void migrate_options_free(MigrateOptions *m)
{
	g_atomic_rc_box_release_full(m, clear);
}

void migrate_options_add_text(MigrateOptions *m, const char *name, const char *value)
{
	virTypedParamsAddString(&m->params, &m->n_params, &m->max_params, name, value);
}

static void migrate_options_add_int(MigrateOptions *m, const char *name, int value)
{
	virTypedParamsAddInt(&m->params, &m->n_params, &m->max_params, name, value);
}

static bool bad(GError **error, const char *word, const char *why)
{
	return vmm_fail(error, VMM_ERROR_CONFIG, "MIGRATE_OPTIONS: '--%s' %s", word, why);
}

/* The options are an administrator's: most faults in them are typing errors. */
static bool unknown(const char *name, GError **error)
{
	const char *nearest = NULL;
	guint least = 4;

	for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
		guint n = text_distance(name, words[i].name, 3);

		if (n < least) {
			least = n;
			nearest = words[i].name;
		}
	}

	bad(error, name, "is not an option of a migration");
	if (nearest)
		vmm_error_set_hint(error, "did you mean --%s?", nearest);

	return false;
}

static bool add_number(MigrateOptions *m, const struct word *word, const char *value,
		       GError **error)
{
	guint64 max = word->kind == ULLONG ? G_MAXINT64 : G_MAXINT32;
	guint64 n;

	if (!number_unsigned(value, 0, max, &n, NULL))
		return bad(error, word->name, "wants a number");
	if (word->kind == SECONDS)
		m->overtime_s = (unsigned)n;
	else if (word->kind == INT)
		migrate_options_add_int(m, word->param, (int)n);
	else
		virTypedParamsAddULLong(&m->params, &m->n_params, &m->max_params, word->param, n);

	return true;
}

static void add_list(MigrateOptions *m, const struct word *word, const char *value)
{
	g_auto(GStrv) items = g_strsplit(value, ",", -1);

	for (char **i = items; *i; i++)
		if (**i)
			migrate_options_add_text(m, word->param, *i);
}

static bool add_value(MigrateOptions *m, const struct word *word, const char *value, GError **error)
{
	GString *text;

	switch (word->kind) {
	case LIST:
		add_list(m, word, value);
		return true;
	case FILE_TEXT:
		text = file_read(value, MAX_XML, error);
		if (!text)
			return false;
		migrate_options_add_text(m, word->param, text->str);
		g_string_free(text, TRUE);
		return true;
	case TEXT:
		migrate_options_add_text(m, word->param, value);
		return true;
	default:
		return add_number(m, word, value, error);
	}
}

/* The kinds from TEXT to SECONDS are followed by a value. */
static bool takes_value(const struct word *word)
{
	if (word->kind < TEXT)
		return false;

	return word->kind <= SECONDS;
}

/* Of the value, *NEXT is the following word; it is moved on when it is used. */
static bool add_word(MigrateOptions *m, const struct word *word, const char *value, char ***next,
		     GError **error)
{
	m->flags |= word->flags;
	if (takes_value(word)) {
		if (!value)
			value = *(*next)++;
		if (!value)
			return bad(error, word->name, "wants a value");
		return add_value(m, word, value, error);
	}

	if (value)
		return bad(error, word->name, "takes no value");
	if (word->kind == UNFIT)
		return bad(error, word->name, "is not possible for a running KVM guest");
	if (word->kind == AT_OVERTIME)
		m->overtime = word->flags ? MIGRATE_OVERTIME_POSTCOPY : MIGRATE_OVERTIME_SUSPEND;
	if (word->kind == SOON)
		m->postcopy_soon = true;

	return true;
}

static const struct word *find(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		if (g_str_equal(name, words[i].name))
			return &words[i];
	return NULL;
}

bool migrate_options_parse(MigrateOptions *m, const char *options, GError **error)
{
	g_auto(GStrv) argv = NULL;
	g_autoptr(GError) cause = NULL;

	if (!options)
		return true;
	if (!*options)
		return true;
	if (!g_shell_parse_argv(options, NULL, &argv, &cause)) {
		if (g_error_matches(cause, G_SHELL_ERROR, G_SHELL_ERROR_EMPTY_STRING))
			return true;
		return vmm_fail(error, VMM_ERROR_CONFIG, "MIGRATE_OPTIONS: %s", cause->message);
	}

	for (char **next = argv; *next;) {
		char *name = *next++;
		char *value = strchr(name, '=');
		const struct word *word;

		if (!g_str_has_prefix(name, "--"))
			return vmm_fail(error, VMM_ERROR_CONFIG, "MIGRATE_OPTIONS: '%s' is not an "
					"option", name);
		name += 2;
		if (value)
			*value++ = '\0';
		word = find(name);
		if (!word)
			return unknown(name, error);
		if (!add_word(m, word, value, &next, error))
			return false;
	}

	if (m->overtime == MIGRATE_OVERTIME_POSTCOPY && !m->overtime_s)
		return bad(error, "timeout-postcopy", "wants --timeout as well");

	return true;
}

bool migrate_options_converge(MigrateOptions *m, const char *value, GError **error)
{
	static const char *const names[] = {
		VIR_MIGRATE_PARAM_AUTO_CONVERGE_INITIAL, VIR_MIGRATE_PARAM_AUTO_CONVERGE_INCREMENT
	};
	g_auto(GStrv) items = g_strsplit(value, ",", -1);

	for (size_t i = 0; items[i]; i++) {
		guint64 percent;

		if (i >= G_N_ELEMENTS(names) ||
		    !number_unsigned(items[i], 0, 99, &percent, NULL))
			return vmm_fail(error, VMM_ERROR_INPUT, "MIGRATE_AUTO_CONVERGE: '%s' is "
					"not one or two numbers from 0 to 99", value);
		migrate_options_add_int(m, names[i], (int)percent);
	}

	m->flags |= VIR_MIGRATE_AUTO_CONVERGE;

	return true;
}
