/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/prepared_disks.h"

#include <json-c/json.h>

#include "base/child.h"
#include "base/error_object.h"
#include "base/text.h"
#include "conf/paths.h"
#include "xml/xml.h"

static const char *text_of(json_object *of, const char *name)
{
	json_object *value = NULL;

	json_object_object_get_ex(of, name, &value);
	if (json_object_is_type(value, json_type_string))
		return json_object_get_string(value);

	return NULL;
}

/* Its error becomes ours; ANSWER has none when it was killed. */
static bool fail_as(json_object *answer, const struct child_result *result, GError **error)
{
	json_object *cause = NULL;

	json_object_object_get_ex(answer, "error", &cause);
	if (error_object_read(cause, error))
		return false;
	if (!child_result_check(result, "kvm-image", error))
		return false;

	return vmm_fail(error, VMM_ERROR_INTERNAL, "kvm-image has no answer");
}

/*
 * Runs kvm-image with WORDS. RET_ANSWER is its JSON, to be put. It ends with us, orderly: its
 * disks would belong to no domain.
 */
static bool run(const struct action_ctx *ctx, const char *const *words, GBytes *input,
		json_object **ret_answer, GError **error)
{
	g_autofree char *program = conf_path_remotes("vmm/kvm-image");
	g_autofree char *kvmrc = conf_path_kvmrc();
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	const char *const start[] = { "setpriv", "--pdeathsig", "TERM", "--", program, "--json",
				      "--kvmrc", kvmrc };
	struct child_spec spec = { .input = input, .timeout_ms = action_left_ms(ctx, G_MAXINT) };
	struct child_result result = { 0 };
	bool ok;

	for (size_t i = 0; i < G_N_ELEMENTS(start); i++)
		g_ptr_array_add(argv, (char *)start[i]);
	for (; *words; words++)
		g_ptr_array_add(argv, (char *)*words);
	g_ptr_array_add(argv, NULL);
	spec.argv = (const char *const *)argv->pdata;
	if (!child_run(&spec, &result, error))
		return false;

	*ret_answer = json_tokener_parse(result.out->str);
	ok = g_strcmp0(text_of(*ret_answer, "outcome"), "done") == 0 ||
	     fail_as(*ret_answer, &result, error);
	child_result_clear(&result);

	return ok;
}

/* "made_disk.0": "copy raw - /srv/image 0" */
static void print_answer(struct action_ctx *ctx, json_object *answer)
{
	json_object_object_foreach(answer, name, value) {
		if (g_str_has_prefix(name, "would_make_"))
			action_print(ctx, "would make %s: %s\n", name + strlen("would_make_"),
				     json_object_get_string(value));
	}
}

static bool check_directory(const xmlNode *domain, const char *directory, GError **error)
{
	const xmlNode *vm = xml_child(xml_child(domain, "metadata"), "vm");
	g_autofree char *wanted = xml_child_text(vm, "system_datastore");
	g_autofree char *clean = NULL, *given = g_canonicalize_filename(directory, NULL);

	if (wanted)
		clean = g_canonicalize_filename(wanted, "/");
	if (clean && g_str_equal(clean, given))
		return true;

	vmm_fail(error, VMM_ERROR_INPUT, "the domain looks for its disks in %s, but FILE is in %s",
		 text_or(clean, "no directory"), given);
	vmm_error_set_hint(error, "the VM's directory is DATASTORES/DS_ID/ID, from its last "
			   "HISTORY");

	return false;
}

bool prepared_disks_make(struct action_ctx *ctx, const GString *text, const xmlNode *domain,
			 const char *directory, bool *ret_made, GError **error)
{
	g_autoptr(GBytes) input = g_bytes_new(text->str, text->len);
	const char *words[] = { "prepare", "-", "--directory", directory, NULL, NULL };
	json_object *answer = NULL, *made = NULL;
	bool ok;

	if (!check_directory(domain, directory, error))
		return false;
	if (ctx->dry_run)
		words[4] = "--dry-run";
	ok = run(ctx, words, input, &answer, error);
	if (ok && ctx->dry_run)
		print_answer(ctx, answer);
	json_object_object_get_ex(answer, "made", &made);
	*ret_made = ok && json_object_get_boolean(made);
	json_object_put(answer);

	return ok;
}

bool prepared_disks_dispose(const struct action_ctx *ctx, const char *directory, GError **error)
{
	g_autofree char *document = directory ? g_build_filename(directory, "vm.xml", NULL) : NULL;
	const char *const words[] = { "dispose", document, "--directory", directory, NULL };
	json_object *answer = NULL;
	bool ok;

	if (!directory) {
		vmm_fail(error, VMM_ERROR_INPUT, "the VM's directory is not known: its disks are "
			 "left");
		vmm_error_set_hint(error, "give the VM document on stdin, or run kvm-image "
				   "dispose");
		return false;
	}

	ok = run(ctx, words, NULL, &answer, error);
	json_object_put(answer);

	return ok;
}

void prepared_disks_undo(const struct action_ctx *ctx, const char *directory)
{
	g_autoptr(GError) error = NULL;

	if (!prepared_disks_dispose(ctx, directory, &error))
		action_log("WARN", "the disks are left: %s", error->message);
}
