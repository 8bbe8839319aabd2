/* SPDX-License-Identifier: Apache-2.0 */
#include "rbd_service.h"

#include <errno.h>
#include <json-c/json.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/number.h"
#include "base/text.h"
#include "ceph_library.h"

enum { MAX_ID = 256, MAX_META = 1 << 16, META_PAGE = 64, MAX_WATCHERS = 64, FORMAT = 2 };

struct service {
	struct ceph_library ceph;
	void *cluster;
	bool is_missing;	/* this host has no such library */
	char *fault;		/* why nothing can be done; NULL: none */
};

/* POOL/IMAGE or POOL/IMAGE@SNAP */
struct spec {
	char *pool, *image;
	char *snap;		/* NULL: none */
};

struct request {
	const struct service *s;
	char **operand;
	struct spec spec;	/* of the verb's */
	void *pool, *image;	/* open; NULL: not */
	json_object *answer;
	bool is_beyond;
};

struct verb {
	const char *word, *second;	/* of rbd's */
	guint operands;
	guint spec;			/* which of them is opened */
	bool opens, writes;		/* the image, not the pool alone */
	bool (*run)(struct request *r, GError **error);
};

static bool fail_call(int rc, const char *what, const char *name, GError **error)
{
	return vmm_fail(error, VMM_ERROR_INTERNAL, "%s %s: (%d) %s", what, name, -rc,
			g_strerror(-rc));
}

static void spec_clear(struct spec *s)
{
	g_free(s->pool);
	g_free(s->image);
	g_free(s->snap);
}

/* Of a namespace of a pool rbd itself must know. */
static bool is_spec(const char *text)
{
	const char *slash = strchr(text, '/');

	return slash && slash != text && slash[1] && !strchr(slash + 1, '/');
}

static struct spec spec_of_text(const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, "/", 2);
	char *at = strchr(parts[1], '@');
	struct spec s = { .pool = g_strdup(parts[0]) };

	if (at) {
		s.snap = g_strdup(at + 1);
		*at = '\0';
	}

	s.image = g_strdup(parts[1]);

	return s;
}

static bool open_pool(const struct service *s, const char *name, void **ret, GError **error)
{
	g_autofree char *quoted = g_strdup_printf("'%s'", name);
	int rc = s->ceph.open_pool(s->cluster, name, ret);

	return rc >= 0 || fail_call(rc, "error opening pool", quoted, error);
}

/* Like rbd, an image that is only read is opened without a watcher: to read it is no use of it. */
static bool open_image(struct request *r, bool writes, GError **error)
{
	const struct ceph_library *c = &r->s->ceph;
	const char *name = r->spec.image;
	int rc;

	if (writes)
		rc = c->open(r->pool, name, &r->image, r->spec.snap);
	else
		rc = c->open_to_read(r->pool, name, &r->image, r->spec.snap);
	if (rc >= 0)
		return true;

	r->image = NULL;

	return fail_call(rc, "error opening image", name, error);
}

/* The change is complete before the image is closed, so an error of close() is ignored. */
static void close_request(struct request *r)
{
	if (r->image)
		r->s->ceph.close(r->image);
	if (r->pool)
		r->s->ceph.close_pool(r->pool);
	spec_clear(&r->spec);
}

static bool tell_info(struct request *r, GError **error)
{
	char id[MAX_ID] = "";
	guint64 size;
	int rc = r->s->ceph.size(r->image, &size);

	if (rc >= 0)
		rc = r->s->ceph.id(r->image, id, sizeof(id));
	if (rc < 0)
		return fail_call(rc, "error reading image", r->spec.image, error);

	json_object_object_add(r->answer, "size", json_object_new_uint64(size));
	json_object_object_add(r->answer, "id", json_object_new_string(id));

	return true;
}

/* With more than we asked for it is in use, too. */
static bool tell_status(struct request *r, GError **error)
{
	struct ceph_watcher watchers[MAX_WATCHERS] = { 0 };
	json_object *all = json_object_new_array();
	size_t len = G_N_ELEMENTS(watchers);
	int rc = r->s->ceph.watchers(r->image, watchers, &len);

	json_object_object_add(r->answer, "watchers", all);
	if (rc == -ERANGE) {
		json_object_array_add(all, json_object_new_string("many"));
		return true;
	}

	if (rc < 0)
		return fail_call(rc, "error listing watchers of", r->spec.image, error);

	for (size_t i = 0; i < len; i++)
		json_object_array_add(all, json_object_new_string(watchers[i].address));
	r->s->ceph.free_watchers(watchers, len);

	return true;
}

/* Keys and values, each with its NUL. */
static guint add_pairs(json_object *to, const char *keys, size_t len, const char *values)
{
	const char *end = keys + len;
	guint n = 0;

	for (; keys < end; keys += strlen(keys) + 1) {
		json_object_object_add(to, keys, json_object_new_string(values));
		values += strlen(values) + 1;
		n++;
	}

	return n;
}

/* More keys than one page has are left to rbd. */
static bool tell_meta(struct request *r, GError **error)
{
	g_autofree char *keys = g_malloc0(MAX_META + 1), *values = g_malloc0(MAX_META + 1);
	size_t keys_len = MAX_META, values_len = MAX_META;
	int rc = r->s->ceph.list_meta(r->image, "", META_PAGE, keys, &keys_len, values,
				      &values_len);

	r->is_beyond = rc == -ERANGE;
	if (rc < 0)
		return fail_call(rc, "error listing metadata of", r->spec.image, error);

	r->is_beyond = add_pairs(r->answer, keys, keys_len, values) >= META_PAGE;

	return true;
}

/*
 * What an image is known by, whatever its name is: an object of its name has it, as Ceph encodes a
 * text. It is read without opening the image, which takes longer than to make a clone.
 */
static int read_id(const struct service *s, void *pool, const char *name, char ret[MAX_ID])
{
	g_autofree char *object = g_strconcat("rbd_id.", name, NULL);
	char text[sizeof(guint32) + MAX_ID];
	int n = s->ceph.read(pool, object, text, sizeof(text), 0);
	guint32 len;

	if (n < 0)
		return n;
	if ((size_t)n <= sizeof(len))
		return -EIO;

	memcpy(&len, text, sizeof(len));
	len = GUINT32_FROM_LE(len);
	if (len != (size_t)n - sizeof(len) || len >= MAX_ID)
		return -EIO;

	memcpy(ret, text + sizeof(len), len);
	ret[len] = '\0';

	return 0;
}

/* As Ceph encodes a text: its length, little endian, and its bytes. */
static void append_text(GByteArray *to, const char *text)
{
	guint32 len = GUINT32_TO_LE((guint32)strlen(text));

	g_byte_array_append(to, (const guint8 *)&len, sizeof(len));
	g_byte_array_append(to, (const guint8 *)text, (guint)strlen(text));
}

/*
 * What librbd has the OSD do for it, in one step: it would open the image for writing, be a watcher
 * of it (for 30 s more if we are killed), and take the lock of a guest.
 */
static bool set_meta(struct request *r, GError **error)
{
	const guint32 one = GUINT32_TO_LE(1);
	GByteArray *pairs = g_byte_array_new();
	char id[MAX_ID] = "";
	int rc = read_id(r->s, r->pool, r->spec.image, id);

	g_byte_array_append(pairs, (const guint8 *)&one, sizeof(one));
	append_text(pairs, r->operand[1]);
	append_text(pairs, r->operand[2]);
	if (rc >= 0) {
		g_autofree char *header = g_strconcat("rbd_header.", id, NULL);

		rc = r->s->ceph.run_method(r->pool, header, "rbd", "metadata_set",
					   (const char *)pairs->data, pairs->len, NULL, 0);
	}

	g_byte_array_unref(pairs);
	r->is_beyond = rc == -EOPNOTSUPP;

	return rc >= 0 || fail_call(rc, "error setting metadata of", r->spec.image, error);
}

static int on_resize_step(guint64 done G_GNUC_UNUSED, guint64 total G_GNUC_UNUSED,
		       void *data G_GNUC_UNUSED)
{
	return 0;
}

/* "--size", "123B". Never smaller. */
static bool resize_image(struct request *r, GError **error)
{
	g_autofree char *digits = g_strndup(r->operand[0], strcspn(r->operand[0], "B"));
	guint64 size;
	int rc;

	if (!number_unsigned(digits, 1, G_MAXINT64, &size, error))
		return false;

	rc = r->s->ceph.resize(r->image, size, false, on_resize_step, NULL);

	return rc >= 0 || fail_call(rc, "error resizing", r->spec.image, error);
}

/* Answers with the id of what it made, unless that cannot be read: then the caller asks for it. */
static bool clone_parent(struct request *r, GError **error)
{
	const struct ceph_library *c = &r->s->ceph;
	struct spec to = spec_of_text(r->operand[1]);
	void *pool = NULL, *options = NULL;
	char id[MAX_ID];
	bool ok = open_pool(r->s, to.pool, &pool, error);
	int rc;

	if (ok) {
		c->create_options(&options);
		c->set_option(options, CEPH_OPTION_FORMAT, FORMAT);
		rc = c->clone(r->pool, r->spec.image, text_or(r->spec.snap, ""), pool, to.image,
			      options);
		ok = rc >= 0 || fail_call(rc, "clone error of", to.image, error);
		c->free_options(options);
		if (ok && read_id(r->s, pool, to.image, id) >= 0)
			json_object_object_add(r->answer, "id", json_object_new_string(id));
		c->close_pool(pool);
	}

	spec_clear(&to);

	return ok;
}

static bool rename_image(struct request *r, GError **error)
{
	struct spec to = spec_of_text(r->operand[1]);
	int rc = r->s->ceph.rename(r->pool, r->spec.image, to.image);
	bool ok = rc >= 0 || fail_call(rc, "rename error of", r->spec.image, error);

	spec_clear(&to);

	return ok;
}

static const struct verb verbs[] = {
	{ "info", NULL, 1, 0, true, false, tell_info },
	{ "status", NULL, 1, 0, true, false, tell_status },
	{ "image-meta", "list", 1, 0, true, false, tell_meta },
	{ "image-meta", "set", 3, 0, false, false, set_meta },
	{ "resize", "--size", 2, 1, true, true, resize_image },
	{ "clone", NULL, 2, 0, false, false, clone_parent },
	{ "rename", NULL, 2, 0, false, false, rename_image },
};

static const struct verb *find_verb(char **words, guint len)
{
	for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++) {
		const struct verb *v = &verbs[i];
		guint begin = v->second ? 2 : 1;

		if (len != begin + v->operands || !g_str_equal(words[0], v->word))
			continue;
		if (v->second && !g_str_equal(words[1], v->second))
			continue;

		return is_spec(words[begin + v->spec]) ? v : NULL;
	}

	return NULL;
}

/* What only says how to print is left out: all answers are JSON. */
char **rbd_service_words(const char *const *words)
{
	GPtrArray *all = g_ptr_array_new();
	char **kept;

	for (; *words; words++) {
		if (g_str_equal(*words, "--format"))
			words++;
		else if (!g_str_equal(*words, "--no-progress"))
			g_ptr_array_add(all, g_strdup(*words));
	}

	g_ptr_array_add(all, NULL);
	kept = (char **)g_ptr_array_free(all, FALSE);
	if (find_verb(kept, g_strv_length(kept)))
		return kept;

	g_strfreev(kept);

	return NULL;
}

static bool do_verb(const struct verb *v, struct request *r, GError **error)
{
	r->spec = spec_of_text(r->operand[v->spec]);
	if (!open_pool(r->s, r->spec.pool, &r->pool, error))
		return false;
	if (v->opens && !open_image(r, v->writes, error))
		return false;

	return v->run(r, error);
}

/* The caller frees. */
static char **words_of_line(const char *line)
{
	json_object *all = json_tokener_parse(line);
	GPtrArray *words = g_ptr_array_new();

	for (size_t i = 0; json_object_is_type(all, json_type_array); i++) {
		json_object *word = json_object_array_get_idx(all, i);

		if (!word)
			break;
		g_ptr_array_add(words, g_strdup(json_object_get_string(word)));
	}

	json_object_put(all);
	g_ptr_array_add(words, NULL);

	return (char **)g_ptr_array_free(words, FALSE);
}

static void print_reply(const char *name, json_object *value)
{
	json_object *reply = json_object_new_object();

	json_object_object_add(reply, name, value);
	puts(json_object_to_json_string_ext(reply, JSON_C_TO_STRING_PLAIN));
	fflush(stdout);
	json_object_put(reply);
}

static void serve(const struct service *s, const char *line)
{
	g_auto(GStrv) words = words_of_line(line);
	const struct verb *v = find_verb(words, g_strv_length(words));
	struct request r = { .s = s, .answer = json_object_new_object() };
	g_autoptr(GError) error = NULL;

	r.is_beyond = s->is_missing || !v;
	if (s->fault) {
		vmm_fail(&error, VMM_ERROR_INTERNAL, "%s", s->fault);
	} else if (!r.is_beyond) {
		r.operand = words + (v->second ? 2 : 1);
		do_verb(v, &r, &error);
		close_request(&r);
	}

	if (r.is_beyond)
		print_reply("beyond", json_object_new_boolean(true));
	else if (error)
		print_reply("fault", json_object_new_string(error->message));
	else
		print_reply("answer", json_object_get(r.answer));
	json_object_put(r.answer);
}

/* The same limits as rbd has by its options. */
static int set_limits(struct service *s, char **argv)
{
	static const struct {
		const char *option;
		int word;
	} limits[] = {
		{ "client_mount_timeout", RBD_SERVICE_CONNECT_S },
		{ "rados_mon_op_timeout", RBD_SERVICE_CONNECT_S },
		{ "rados_osd_op_timeout", RBD_SERVICE_ANSWER_S },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(limits); i++) {
		int rc = s->ceph.set(s->cluster, limits[i].option, argv[limits[i].word]);

		if (rc < 0)
			return rc;
	}

	return 0;
}

/* As rbd: a file that was named must be there, those of the system need not. */
static int read_conf(struct service *s, const char *path)
{
	int rc = s->ceph.read_file(s->cluster, *path ? path : NULL);

	if (rc == -ENOENT && !*path)
		rc = 0;
	if (rc >= 0)
		rc = s->ceph.parse_env(s->cluster, NULL);

	return rc;
}

static void connect_cluster(struct service *s, char **argv)
{
	const char *user = argv[RBD_SERVICE_USER], *conf = argv[RBD_SERVICE_CONF];
	int rc;

	s->is_missing = !ceph_library_load(&s->ceph);
	if (s->is_missing)
		return;

	rc = s->ceph.create(&s->cluster, *user ? user : NULL);
	if (rc >= 0)
		rc = read_conf(s, conf);
	if (rc >= 0)
		rc = set_limits(s, argv);
	if (rc < 0) {
		s->fault = g_strdup_printf("cannot use the configuration %s: (%d) %s", conf, -rc,
					   g_strerror(-rc));
		return;
	}

	/* Whatever the reason is, also an unknown key: this fault says nothing about an image. */
	rc = s->ceph.connect(s->cluster);
	if (rc < 0)
		s->fault = g_strdup_printf("couldn't connect to the cluster: error %d", -rc);
}

bool rbd_service_is(const char *word)
{
	return word && g_str_equal(word, RBD_SERVICE);
}

/* This process ends with the one that started it, as other programs do that it starts. */
static bool bind_to_parent(const char *pid)
{
	guint64 parent;

	if (!number_unsigned(pid, 1, G_MAXINT32, &parent, NULL))
		return false;
	prctl(PR_SET_PDEATHSIG, SIGKILL);

	return (guint64)getppid() == parent;
}

int rbd_service_main(char **argv)
{
	struct service s = { 0 };
	char *line = NULL;
	size_t size = 0;

	if (g_strv_length(argv) != RBD_SERVICE_WORDS || !bind_to_parent(argv[RBD_SERVICE_PARENT]))
		return 1;

	connect_cluster(&s, argv);
	while (getline(&line, &size, stdin) > 0)
		serve(&s, line);

	/* No image is open: there is nothing to tear down for the cluster. */
	_exit(0);
}
