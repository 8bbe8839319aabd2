/* SPDX-License-Identifier: Apache-2.0 */
#include "rbd.h"

#include "base/number.h"
#include "base/text.h"
#include "image_setting.h"
#include "image_tool.h"
#include "rbd_session.h"

#define SCHEME "rbd://"

/* What rbd says of a snapshot that is protected already. */
#define PROTECTED "snap is already protected"

enum { CLUSTER, POOL, IMAGE, SNAP, PARTS };

/* What a program needs beside its wait for the cluster: to start, and to end by itself first. */
enum { MAX_CONNECT_S = 3600, SLACK_S = 5, ANSWER_S = 60 };

/* RET: seconds. */
static bool read_timeout(const struct image_job *job, unsigned *ret, GError **error)
{
	const char *text = text_or(image_setting(job, "RBD_CONNECT_TIMEOUT"), "5");
	guint64 value;

	if (!number_unsigned(text, 1, MAX_CONNECT_S, &value, NULL))
		return vmm_fail(error, VMM_ERROR_CONFIG, "RBD_CONNECT_TIMEOUT = '%s': not a number "
				"of seconds", text);

	*ret = (unsigned)value;

	return true;
}

static void add_access(const struct image_job *job, GPtrArray *words)
{
	static const struct {
		const char *name, *option;
	} access[] = { { "CEPH_USER", "--id" }, { "CEPH_CONF", "--conf" } };

	for (size_t i = 0; i < G_N_ELEMENTS(access); i++) {
		const char *value = image_setting(job, access[i].name);

		if (!value)
			continue;
		g_ptr_array_add(words, g_strdup(access[i].option));
		g_ptr_array_add(words, g_strdup(value));
	}
}

static void append_words(GPtrArray *to, const char *const *words)
{
	for (; *words; words++)
		g_ptr_array_add(to, g_strdup(*words));
}

/*
 * The class of what Ceph says. Only of an image or a snapshot it is certain that there is none: a
 * pool, a file or a program that is missing says nothing about them.
 */
static bool fail_ceph(const char *image, GError **cause, GError **error)
{
	const char *said = (*cause)->message;
	bool is_absent = strstr(said, "error opening image") ||
			 strstr(said, "error setting snapshot context");

	if (vmm_is(*cause, VMM_ERROR_NOT_FOUND) && !is_absent)
		(*cause)->code = VMM_ERROR_CONFIG;
	if (vmm_is(*cause, VMM_ERROR_TIMEOUT))
		(*cause)->code = VMM_ERROR_CONNECTION;
	g_prefix_error(cause, "%s: ", image);

	return vmm_pass(error, cause);
}

/* TOOL, with its image and words, but for the program and the words that all calls have. */
static bool run_rbd(const struct image_job *job, struct image_tool tool, bool is_long,
		    char **ret_out, GError **error)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);
	const char *const *words = tool.words;
	g_autoptr(GError) cause = NULL;
	unsigned connect_s;

	tool.program = "rbd";
	tool.parameter = "RBD";
	tool.is_long = true;

	if (!read_timeout(job, &connect_s, error))
		return false;

	/* Ceph's own limits: of the connection, and of the answers after it. */
	add_access(job, all);
	g_ptr_array_add(all, g_strdup_printf("--client_mount_timeout=%u", connect_s));
	g_ptr_array_add(all, g_strdup_printf("--rados_mon_op_timeout=%u", connect_s));
	g_ptr_array_add(all, g_strdup_printf("--rados_osd_op_timeout=%d", ANSWER_S));
	append_words(all, words);
	g_ptr_array_add(all, NULL);
	tool.words = (const char *const *)all->pdata;
	if (!is_long)
		tool.timeout_s = connect_s + ANSWER_S + SLACK_S;
	if (image_tool_run(job, &tool, ret_out, &cause))
		return true;

	return fail_ceph(tool.image, &cause, error);
}

/* A command of one's own, RBD, is that for all. */
static enum rbd_session_end try_session(const struct image_job *job, const char *const *words,
					char **ret_out, GError **error)
{
	struct rbd_session_call call = { .user = image_setting(job, "CEPH_USER"),
					 .conf = image_setting(job, "CEPH_CONF"),
					 .answer_s = ANSWER_S, .words = words };
	enum rbd_session_end end;
	g_autofree char *out = NULL;

	if (conf_kvmrc_string(job->rc, "RBD"))
		return RBD_SESSION_NONE;
	if (!read_timeout(job, &call.connect_s, error))
		return RBD_SESSION_FAILED;

	end = rbd_session_run(&call, &out, error);
	if (ret_out)
		*ret_out = g_steal_pointer(&out);

	return end;
}

bool rbd_run(const struct image_job *job, const char *image, bool is_long,
	     const char *const *words, char **ret_out, GError **error)
{
	const struct image_tool tool = { .image = image, .words = words, .bytes = G_MAXINT64 };
	enum rbd_session_end end = RBD_SESSION_NONE;
	g_autoptr(GError) cause = NULL;

	if (!is_long)
		end = try_session(job, words, ret_out, &cause);
	if (end == RBD_SESSION_NONE)
		return run_rbd(job, tool, is_long, ret_out, error);
	if (end == RBD_SESSION_DONE)
		return true;

	return fail_ceph(image, &cause, error);
}

bool rbd_protect(const struct image_job *job, const char *snap, GError **error)
{
	const char *const words[] = { "snap", "protect", snap, NULL };
	g_autoptr(GError) cause = NULL;

	if (rbd_run(job, snap, false, words, NULL, &cause))
		return true;
	if (strstr(cause->message, PROTECTED))
		return true;

	return vmm_pass(error, &cause);
}

bool rbd_export(const struct image_job *job, const struct rbd_snapshot *e, GError **error)
{
	const char *const words[] = { "export", "--no-progress", "--pool", e->pool, "--image",
				      e->image, "--snap", e->snap, "--path", e->path, NULL };
	const struct image_tool tool = { .image = e->name, .words = words, .bytes = e->size,
					 .progress = "fetching", .grows = e->path };

	return run_rbd(job, tool, true, NULL, error);
}

/* Of an empty list rbd prints nothing at all. */
static bool parse_answer(const char *image, const char *text, json_object **ret, GError **error)
{
	*ret = *text ? json_tokener_parse(text) : json_object_new_object();

	return *ret || vmm_fail(error, VMM_ERROR_INTERNAL, "%s: Ceph prints no JSON", image);
}

bool rbd_ask(const struct image_job *job, const char *image, const char *const *words,
	     json_object **ret, GError **error)
{
	g_autofree char *out = NULL;

	if (!rbd_run(job, image, false, words, &out, error))
		return false;

	return parse_answer(image, out, ret, error);
}

static bool ask_cluster(const struct image_job *job, const char *image, const char *question,
			json_object **ret, GError **error)
{
	const char *const words[] = { question, "--format", "json", NULL };
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);
	struct image_tool tool = { .program = "ceph", .image = image, .is_long = true };
	g_autoptr(GError) cause = NULL;
	g_autofree char *out = NULL;
	unsigned connect_s;

	if (!read_timeout(job, &connect_s, error))
		return false;

	add_access(job, all);
	g_ptr_array_add(all, g_strdup("--connect-timeout"));
	g_ptr_array_add(all, g_strdup_printf("%u", connect_s));
	append_words(all, words);
	g_ptr_array_add(all, NULL);
	tool.words = (const char *const *)all->pdata;
	tool.timeout_s = connect_s + SLACK_S;
	if (image_tool_run(job, &tool, &out, &cause))
		return parse_answer(image, out, ret, error);

	return fail_ceph(image, &cause, error);
}

/* Also whether it answers at all. The caller frees. */
static char *ask_fsid(const struct image_job *job, const char *image, GError **error)
{
	json_object *all = NULL, *id = NULL;
	char *found;

	if (!ask_cluster(job, image, "fsid", &all, error))
		return NULL;

	json_object_object_get_ex(all, "fsid", &id);
	found = g_strdup(json_object_get_string(id));
	json_object_put(all);
	if (!found)
		vmm_fail(error, VMM_ERROR_INTERNAL, "%s: Ceph does not say the cluster's id",
			 image);

	return found;
}

/* MAX_AVAIL of the row of POOL; NULL: it has none. Borrowed. */
static json_object *max_avail(json_object *all, const char *pool)
{
	json_object *pools = NULL, *name = NULL, *stats = NULL, *bytes = NULL;

	json_object_object_get_ex(all, "pools", &pools);
	if (!json_object_is_type(pools, json_type_array))
		return NULL;

	for (size_t i = 0; i < json_object_array_length(pools); i++) {
		json_object *row = json_object_array_get_idx(pools, i);

		json_object_object_get_ex(row, "name", &name);
		if (g_strcmp0(json_object_get_string(name), pool))
			continue;
		json_object_object_get_ex(row, "stats", &stats);
		json_object_object_get_ex(stats, "max_avail", &bytes);
		return bytes;
	}

	return NULL;
}

bool rbd_room(const struct image_job *job, const char *pool, guint64 *ret, GError **error)
{
	json_object *all = NULL, *bytes;
	bool is_known;

	if (!ask_cluster(job, pool, "df", &all, error))
		return false;

	bytes = max_avail(all, pool);
	is_known = bytes != NULL;
	if (is_known)
		*ret = (guint64)json_object_get_int64(bytes);
	json_object_put(all);

	return is_known || vmm_fail(error, VMM_ERROR_CONFIG, "there is no pool %s", pool);
}

/* What may be a name in a word of rbd's. */
static bool is_rbd_word(const char *text)
{
	for (const char *c = text; *c; c++)
		if (!g_ascii_isgraph(*c) || strchr("/@", *c))
			return false;

	return *text && *text != '-';
}

static bool fail_url(const char *url, const char *why, GError **error)
{
	vmm_fail(error, VMM_ERROR_INPUT, "%s: %s", url, why);
	vmm_error_set_hint(error, "rbd://FSID/POOL/IMAGE/SNAP, as the image service has it; fetch "
			   "others over HTTP");

	return false;
}

bool rbd_url_parse(struct rbd_url *u, const char *url, GError **error)
{
	char **parts[PARTS] = { &u->cluster, &u->pool, &u->image, &u->snap };
	g_auto(GStrv) words = NULL;

	*u = (struct rbd_url){ 0 };
	if (!g_str_has_prefix(url, SCHEME))
		return fail_url(url, "it is not stored in rbd", error);

	words = g_strsplit(url + strlen(SCHEME), "/", -1);
	if (g_strv_length(words) != PARTS)
		return fail_url(url, "it is not an rbd snapshot", error);
	for (int i = 0; i < PARTS; i++) {
		*parts[i] = g_uri_unescape_string(words[i], "/");
		if (!*words[i])
			return fail_url(url, "it has blank components", error);
		if (!*parts[i] || !is_rbd_word(*parts[i]))
			return fail_url(url, "it has a component that is no name in Ceph", error);
	}

	return true;
}

bool rbd_url_check(const struct image_job *job, const struct rbd_url *u, const char *image,
		   GError **error)
{
	g_autofree char *cluster = ask_fsid(job, image, error);

	if (!cluster)
		return false;
	if (!g_ascii_strcasecmp(cluster, u->cluster))
		return true;

	return vmm_fail(error, VMM_ERROR_NOT_FOUND, "%s: it is in a different ceph cluster, %s; "
			"that of this host is %s", image, u->cluster, cluster);
}

void rbd_url_clear(struct rbd_url *u)
{
	g_free(u->cluster);
	g_free(u->pool);
	g_free(u->image);
	g_free(u->snap);
}

bool rbd_image_size(const struct image_job *job, const char *image, const char *spec,
		    guint64 *ret, GError **error)
{
	const char *const words[] = { "info", "--format", "json", spec, NULL };
	json_object *all = NULL, *size = NULL;
	bool ok;

	if (!rbd_ask(job, image, words, &all, error))
		return false;

	json_object_object_get_ex(all, "size", &size);
	ok = json_object_is_type(size, json_type_int);
	*ret = (guint64)json_object_get_int64(size);
	json_object_put(all);

	return ok || vmm_fail(error, VMM_ERROR_INTERNAL, "%s: rbd does not say its size", image);
}
