#include "step.h"

void step_context_clear(struct step_context *c)
{
	g_clear_pointer(&c->deploy_info, g_free);
	g_clear_pointer(&c->deployment, g_bytes_unref);
	g_clear_pointer(&c->networks, g_strfreev);
	g_clear_pointer(&c->network_vm, g_bytes_unref);
}

void command_free(struct command *command)
{
	g_free(command->label);
	g_free(command->path);
	g_strfreev(command->args);
	g_clear_pointer(&command->input, g_bytes_unref);
	g_free(command);
}

/* The script that -l names for KEY, "" for its usual one, NULL: KEY runs on the host. */
static const char *local_script(const struct step_context *c, const char *key)
{
	g_autofree char *upper = g_ascii_strup(key, -1);

	return g_hash_table_lookup(c->settings->options.local, upper);
}

static bool deploys_here(const struct step_context *c)
{
	return g_str_equal(c->action, "DEPLOY") && local_script(c, "deploy");
}

/* The deployment file where deploy runs. */
static const char *deployment_file(const struct step_context *c)
{
	return deploys_here(c) ? c->request->local_file : c->request->remote_file;
}

/* The directory of the VM where deploy runs. The caller frees. */
static char *vm_directory(const struct step_context *c)
{
	const char *file = deployment_file(c);

	return file ? g_path_get_dirname(file) : NULL;
}

char *step_title(const struct step_context *c, const struct step *step)
{
	g_autofree char *dir = vm_directory(c);

	if (step->kind == STEP_MKDIR)
		return g_strdup("/bin/mkdir -p");
	if (step->kind == STEP_WRITE)
		return g_strdup_printf("/bin/cat - >%s/%s", dir ? dir : "", step->name);
	return g_strdup(step->name);
}

/* A name from the request or the arguments that becomes part of a path. */
static bool check_name(const char *name, const char *what, GError **error)
{
	for (const char *p = name; *p; p++)
		if (!g_ascii_isalnum(*p) && !strchr("._-", *p))
			return vmm_fail(error, VMM_ERROR_INPUT, "%s '%s' is not a name", what,
					name);
	if (!*name || *name == '.')
		return vmm_fail(error, VMM_ERROR_INPUT, "%s '%s' is not a name", what, name);
	return true;
}

/* A VM deployed by us is one-ID when oned has not (yet) told another name. */
static char *deploy_id(const struct step_context *c)
{
	if (c->request->deploy_id)
		return g_strdup(c->request->deploy_id);
	return g_strdup_printf("one-%" G_GINT64_FORMAT, c->id);
}

/* One word of a step's ARGS. The caller frees. */
static char *expand(const struct step_context *c, const char *word)
{
	if (g_str_equal(word, "%d"))
		return deploy_id(c);
	if (g_str_equal(word, "%i"))
		return c->deploy_info ? g_strdup(c->deploy_info) : deploy_id(c);
	if (g_str_equal(word, "%f"))
		return g_strdup(deployment_file(c));
	if (g_str_equal(word, "%h"))
		return g_strdup(c->request->host);
	return g_strdup(word);
}

/* The words of STEP, and behind those of the hypervisor's scripts the VM's id and the host. */
static char **expand_args(const struct step_context *c, const struct step *step)
{
	g_auto(GStrv) words = g_strsplit(step->args, " ", -1);
	GPtrArray *args = g_ptr_array_new();

	for (char **w = words; *w; w++)
		if (**w)
			g_ptr_array_add(args, expand(c, *w));
	if (step->kind == STEP_VMM) {
		g_ptr_array_add(args, g_strdup_printf("%" G_GINT64_FORMAT, c->id));
		g_ptr_array_add(args, g_strdup(c->request->host));
	}
	g_ptr_array_add(args, NULL);
	return (char **)g_ptr_array_free(args, FALSE);
}

static GBytes *bytes_of(char *text)
{
	return g_bytes_new_take(text, strlen(text));
}

static GBytes *network_vm(struct step_context *c)
{
	if (!c->network_vm) {
		g_autofree char *xml = tmpl_request_network_vm(c->request);

		c->network_vm = bytes_of(g_base64_encode((const guchar *)xml, strlen(xml)));
	}
	return g_bytes_ref(c->network_vm);
}

static GBytes *input_of(struct step_context *c, enum step_input input)
{
	switch (input) {
	case INPUT_REQUEST:
		return g_bytes_ref(c->request->document);
	case INPUT_DEPLOYMENT:
		return g_bytes_ref(c->deployment);
	case INPUT_NETWORK_VM:
		return network_vm(c);
	case INPUT_VM:
		return bytes_of(tmpl_request_element(c->request, "VM"));
	case INPUT_DATASTORE:
		return bytes_of(tmpl_request_element(c->request, "DATASTORE"));
	case INPUT_NONE:
		break;
	}
	return NULL;
}

static unsigned timeout_ms(const struct step_context *c, const struct step *step)
{
	g_autofree char *key = plan_timeout_key(c->action, step);
	gint64 s = conf_cfg_int(c->settings->cfg, key);
	unsigned option = c->settings->options.timeout_s;

	if (step->kind == STEP_VMM && option && (!s || option < s))
		s = option;
	return (unsigned)MIN(s, G_MAXINT / 1000) * 1000;
}

/* Takes PATH, ARGS and INPUT. */
static struct command *command_new(const struct step_context *c, const struct step *step,
				   bool here, char *path, char **args, GBytes *input)
{
	struct command *m = g_new0(struct command, 1);

	m->path = path;
	m->args = args;
	m->input = input;
	m->spec.here = here;
	m->spec.nice = c->settings->script_nice;
	m->spec.tells_unknown = step->kind == STEP_VMM;
	m->spec.command = (struct remote_spec){
		.host = c->request->host,
		.kind = step->kind == STEP_MKDIR ? REMOTE_MKDIR :
			step->kind == STEP_WRITE ? REMOTE_WRITE : REMOTE_SCRIPT,
		.path = m->path,
		.args = (const char *const *)m->args,
		.input = m->input,
		.timeout_ms = timeout_ms(c, step),
		.max_output = (size_t)conf_cfg_int(c->settings->cfg, "limits.output_bytes"),
		.forwarding = !(step->flags & STEP_IS_QUIET) &&
			      g_hash_table_contains(c->settings->options.delegate, c->action),
	};
	return m;
}

static bool add_vmm(struct step_context *c, const struct step *step, GPtrArray *to,
		    GError **error)
{
	const struct settings *s = c->settings;
	const char *local = local_script(c, step->name);
	const char *script = local && *local ? local : step->script ? step->script : step->name;

	if (!check_name(s->options.hypervisor, "hypervisor", error) ||
	    !check_name(script, "script", error))
		return false;
	g_ptr_array_add(to, command_new(c, step, local, g_build_filename(
				local ? s->local_dir : s->remote_dir, "vmm",
				s->options.hypervisor, script, NULL),
			expand_args(c, step), input_of(c, step->input)));
	return true;
}

static bool runs_here(const struct step_context *c, const char *network, const char *name)
{
	g_autofree char *key = g_strdup_printf("%s-%s", network, name);

	return local_script(c, name) ||
	       g_strv_contains((const char *const *)c->settings->local_networks, key);
}

static bool add_vnm(struct step_context *c, const struct step *step, GPtrArray *to,
		    GError **error)
{
	const struct settings *s = c->settings;

	if (!c->networks)
		c->networks = tmpl_request_network_drivers(c->request);
	for (char **n = c->networks; *n; n++) {
		bool here = runs_here(c, *n, step->name);
		struct command *m;

		if (!check_name(*n, "network driver", error))
			return false;
		m = command_new(c, step, here,
				g_build_filename(here ? s->local_dir : s->remote_dir, "vnm", *n,
						 step->name, NULL),
				expand_args(c, step), input_of(c, step->input));
		m->label = g_strdup(*n);
		g_ptr_array_add(to, m);
	}
	return true;
}

/* CONTEXT.sys of driver qcow2 is tm/qcow2/context.sys, else tm/qcow2/context. */
static char *find_transfer_script(const char *dir, const char *word, GError **error)
{
	g_autofree char *name = g_ascii_strdown(word, -1);
	g_autofree char *path = g_build_filename(dir, name, NULL);
	g_autofree char *shorter = g_strdup(path);
	char *dot = strrchr(shorter, '.');

	if (g_file_test(path, G_FILE_TEST_EXISTS))
		return g_steal_pointer(&path);
	if (!dot || strchr(dot, '/')) {
		vmm_fail(error, VMM_ERROR_NOT_FOUND, "Driver path '%s' does not exists", path);
		return NULL;
	}
	*dot = '\0';
	if (g_file_test(shorter, G_FILE_TEST_EXISTS))
		return g_steal_pointer(&shorter);
	vmm_fail(error, VMM_ERROR_NOT_FOUND, "Driver path '%s' nor '%s' exists", path, shorter);
	return NULL;
}

static char **words_of(const char *line)
{
	g_auto(GStrv) raw = g_strsplit_set(line, " \t\r", -1);
	GPtrArray *words = g_ptr_array_new();

	for (char **w = raw; *w; w++)
		if (**w)
			g_ptr_array_add(words, g_strdup(*w));
	g_ptr_array_add(words, NULL);
	return (char **)g_ptr_array_free(words, FALSE);
}

/* A line of TM_COMMAND: ACTION[.SYSTEM] DRIVER ARGUMENT… */
static bool add_transfer(struct step_context *c, const struct step *step, const char *line,
			 GPtrArray *to, GError **error)
{
	g_auto(GStrv) words = words_of(line);
	g_autofree char *dir = NULL;
	char *path;

	if (!words[0])
		return true;
	if (!check_name(words[0], "transfer command", error) ||
	    !check_name(words[1] ? words[1] : "", "transfer driver", error))
		return false;
	dir = g_build_filename(c->settings->local_dir, "tm", words[1], NULL);
	if (!g_file_test(dir, G_FILE_TEST_IS_DIR))
		return vmm_fail(error, VMM_ERROR_NOT_FOUND, "Transfer Driver '%s' not available",
				words[1]);
	path = find_transfer_script(dir, words[0], error);
	if (!path)
		return false;
	g_ptr_array_add(to, command_new(c, step, true, path, g_strdupv(words + 2),
					input_of(c, step->input)));
	return true;
}

static bool add_tm(struct step_context *c, const struct step *step, GPtrArray *to,
		   GError **error)
{
	const char *text = c->request->tm_command;
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);

	for (char **l = lines; *l; l++)
		if (!add_transfer(c, step, *l, to, error))
			return false;
	return true;
}

static bool add_file(struct step_context *c, const struct step *step, GPtrArray *to,
		     GError **error)
{
	g_autofree char *dir = vm_directory(c);

	if (!dir || !g_path_is_absolute(dir))
		return vmm_fail(error, VMM_ERROR_INPUT, "the request names no deployment file");
	g_ptr_array_add(to, command_new(c, step, deploys_here(c),
					step->kind == STEP_MKDIR ? g_strdup(dir) :
					g_build_filename(dir, step->name, NULL),
					NULL, input_of(c, step->input)));
	return true;
}

GPtrArray *step_commands(struct step_context *c, const struct step *step, GError **error)
{
	g_autoptr(GPtrArray) commands =
		g_ptr_array_new_with_free_func((GDestroyNotify)command_free);
	bool ok = false;

	switch (step->kind) {
	case STEP_VMM:
		ok = add_vmm(c, step, commands, error);
		break;
	case STEP_VNM:
		ok = add_vnm(c, step, commands, error);
		break;
	case STEP_TM:
		ok = add_tm(c, step, commands, error);
		break;
	case STEP_MKDIR:
	case STEP_WRITE:
		ok = add_file(c, step, commands, error);
		break;
	}
	return ok ? g_steal_pointer(&commands) : NULL;
}
