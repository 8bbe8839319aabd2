/* SPDX-License-Identifier: Apache-2.0 */
#include "step_command.h"

#include "loop_pause.h"
#include "step_args.h"

enum { SHORT_GRACE_MS = 500 };

void step_command_free(struct step_command *command)
{
	g_free(command->label);
	g_free(command->path);
	g_strfreev(command->args);
	g_strfreev(command->env);
	g_free(command->shown);
	g_clear_pointer(&command->input, g_bytes_unref);
	g_free(command);
}

/* A name from the request or the arguments that becomes part of a path. */
bool step_command_check_name(const char *name, const char *what, GError **error)
{
	for (const char *p = name; *p; p++)
		if (!g_ascii_isalnum(*p) && !strchr("._-", *p))
			return vmm_fail(error, VMM_ERROR_INPUT, "%s '%s' is not a name", what,
					name);
	if (!*name || *name == '.')
		return vmm_fail(error, VMM_ERROR_INPUT, "%s '%s' is not a name", what, name);

	return true;
}

static GBytes *bytes_of(char *text)
{
	return g_bytes_new_take(text, strlen(text));
}

/* Takes XML. */
static GBytes *base64_of(char *xml)
{
	GBytes *bytes = bytes_of(g_base64_encode((const guchar *)xml, strlen(xml)));

	g_free(xml);
	return bytes;
}

GBytes *step_command_input(struct step_context *c, enum step_input input)
{
	TmplRequest *r = c->request;

	switch (input) {
	case INPUT_REQUEST:
		return g_bytes_ref(r->document);
	case INPUT_DEPLOYMENT:
		return g_bytes_ref(c->deployment);
	case INPUT_NETWORK_VM:
		if (!c->network_vm)
			c->network_vm = base64_of(tmpl_request_network_vm(r));

		return g_bytes_ref(c->network_vm);
	case INPUT_VM_BASE64:
		if (!c->vm_base64)
			c->vm_base64 = base64_of(tmpl_request_element(r, "VM"));

		return g_bytes_ref(c->vm_base64);
	case INPUT_VM:
		return bytes_of(tmpl_request_element(r, "VM"));
	case INPUT_VM_FAILED:
		return bytes_of(tmpl_request_vm_with(r, "BACKUP_RESULT", "FAILURE"));
	case INPUT_DATASTORE:
		return bytes_of(tmpl_request_element(r, "DATASTORE"));
	case INPUT_DATASTORE_DATA:
		return bytes_of(tmpl_request_datastore_data(r));
	case INPUT_NONE:
		break;
	}

	return NULL;
}

static unsigned timeout_ms(const struct step_context *c, const struct step *step)
{
	g_autofree char *key = plan_key(step, "timeout_s");
	gint64 s = conf_cfg_int(c->settings->cfg, key);
	unsigned option = c->settings->options.timeout_s;

	if (step->kind == STEP_VMM && option && (!s || option < s))
		s = option;

	return (unsigned)MIN(s, G_MAXINT / 1000) * 1000;
}

/* Deploy marks its domain by the deployment's id; what ends that domain compares it. */
static bool needs_deployment(const struct step_context *c, const struct step *step)
{
	g_autofree char *script = plan_script(step);

	if (step->kind != STEP_VMM)
		return false;
	if (!c->deployment_id)
		return false;

	return g_str_equal(script, "deploy") || step->proof == PROOF_DEPLOYMENT;
}

/*
 * What STEP's program may take to end by itself once it must: those that have moved or written a
 * guest's memory have to take that back, and the guest stays paused if they cannot.
 */
static unsigned grace_ms(const struct step_context *c, const struct step *step)
{
	static const char *const slow[] = { "save", "restore", "migrate", NULL };

	if (step->kind != STEP_VMM)
		return SHORT_GRACE_MS;
	if (!g_strv_contains(slow, step->name))
		return SHORT_GRACE_MS;

	return (unsigned)conf_cfg_int(c->settings->cfg, "timeout_s.abort") * 1000;
}

void step_command_set_env(struct step_command *m, const char *name, const char *value)
{
	m->env = g_environ_setenv(m->env, name, value, true);
	m->spec.command.env = (const char *const *)m->env;
}

/* The clock may have been set since: it is looked at only where nothing else is known. */
static gint64 request_age_s(const struct step_context *c)
{
	if (c->accepted_clock_s)
		return loop_clock_s() - c->accepted_clock_s;

	return g_get_real_time() / G_USEC_PER_SEC - c->accepted_s;
}

void step_command_set_age(struct step_command *m, const struct step_context *c)
{
	gint64 age_s = request_age_s(c);
	g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, MAX(age_s, 0));

	step_command_set_env(m, "VMM_REQUEST_AGE", text);
}

/* Takes PATH, ARGS and INPUT. */
struct step_command *step_command_new(const struct step_context *c, const struct step *step,
				      bool here, char *path, char **args, GBytes *input)
{
	struct step_command *m = g_new0(struct step_command, 1);

	m->path = path;
	m->args = args;
	m->input = input;
	m->spec.here = m->spec.works_here = here;
	m->spec.nice = c->settings->script_nice;
	m->spec.tells_unknown = step->kind == STEP_VMM;
	m->spec.command = (struct remote_spec){
		.host = step_host(c, step),
		.kind = step->kind == STEP_MKDIR ? REMOTE_MKDIR :
			step->kind == STEP_WRITE ? REMOTE_WRITE : REMOTE_SCRIPT,
		.path = m->path,
		.args = (const char *const *)m->args,
		.input = m->input,
		.timeout_ms = timeout_ms(c, step),
		.grace_ms = grace_ms(c, step),
		.max_output = (size_t)conf_cfg_int(c->settings->cfg, "limits.output_bytes"),
		.asked_about = step->kind == STEP_VMM && !(step->flags & STEP_NO_TRACE),
		/* Those of the network have no use for our keys. */
		.forwarding = step->kind == STEP_VMM && !(step->flags & STEP_IS_DIRECT) &&
			      c->plan->key &&
			      g_hash_table_contains(c->settings->options.delegate, c->plan->key),
	};
	if (needs_deployment(c, step))
		step_command_set_env(m, "VMM_DEPLOYMENT", c->deployment_id);
	if (step->kind == STEP_VMM && step->proof == PROOF_DEVICE)
		step_command_set_env(m, "VMM_OWN_DEVICE", "yes");

	return m;
}

bool step_command_is_direct(const struct step_context *c, const struct step *step)
{
	return g_str_equal(conf_cfg_host(c->settings->cfg, step_host(c, step), "transport"),
			   "direct");
}

/* A TPM's state and a vGPU are on the host: whatever is done with their VM is done there. */
bool step_command_is_far(const struct step_context *c, const struct step *step)
{
	g_autofree char *tpm = tmpl_request_text(c->request, "VM/TEMPLATE/TPM");
	g_autofree char *vgpu = tmpl_request_text(c->request, "VM/TEMPLATE/PCI/UUID");

	if (!(step->flags & STEP_CONNECT_OK))
		return false;
	if (tpm)
		return false;

	return !vgpu;
}

/* The libvirt of STEP's host when it is asked from here; NULL: by a script there. Caller frees. */
char *step_command_direct_uri(const struct step_context *c, const struct step *step)
{
	const char *host = step_host(c, step);
	g_auto(GStrv) around = NULL;

	if (!step_command_is_direct(c, step))
		return NULL;
	if (!step_command_is_far(c, step))
		return NULL;

	around = g_strsplit(conf_cfg_host(c->settings->cfg, host, "uri"), "%h", -1);

	return g_strjoinv(host, around);
}

/* ARGS behind "--connect URI", but for NULL. Takes ARGS. */
char **step_command_connected(char **args, const char *uri)
{
	GPtrArray *words = g_ptr_array_new();

	if (uri) {
		g_ptr_array_add(words, g_strdup("--connect"));
		g_ptr_array_add(words, g_strdup(uri));
		g_ptr_array_add(words, g_strdup("--"));
	}

	for (char **a = args; *a; a++)
		g_ptr_array_add(words, *a);

	g_ptr_array_add(words, NULL);
	g_free(args);

	return (char **)g_ptr_array_free(words, FALSE);
}
