/* SPDX-License-Identifier: Apache-2.0 */
#include "step.h"

#include <fcntl.h>
#include <unistd.h>

#include "step_args.h"
#include "step_command.h"
#include "or_else.h"

/* The directory of the VM where deploy runs. The caller frees. */
static char *vm_directory(const struct step_context *c)
{
	g_autofree char *file = step_deployment_file(c);

	if (file)
		return g_path_get_dirname(file);

	return NULL;
}

static bool is_live_backup(const struct step_context *c)
{
	g_autofree char *state = tmpl_request_text(c->request, "VM/LCM_STATE");

	if (!state)
		return false;

	return g_str_equal(state, "69");
}

char *step_title(const struct step_context *c, const struct step *step)
{
	g_autofree char *dir = vm_directory(c);

	if (step->kind == STEP_MKDIR)
		return g_strdup("/bin/mkdir -p");
	if (step->kind == STEP_WRITE)
		return g_strdup_printf("/bin/cat - >%s/%s", or_else(dir, ""), step->name);
	if (step->suffix_if_live && is_live_backup(c))
		return g_strconcat(step->name, "_live", NULL);

	return g_strdup(step->name);
}

static bool is_blank(const char *text)
{
	if (!text)
		return true;

	return !text[strspn(text, " \t\r\n")];
}

bool step_applies(const struct step_context *c, const struct step *step)
{
	TmplRequest *r = c->request;

	if (step->flags & STEP_IF_TM && is_blank(r->tm_command))
		return false;
	if (step->flags & STEP_IF_NIC && step_args_nic_is_alias(r))
		return false;
	if (step->flags & STEP_IF_MOVES && !g_strcmp0(r->host, r->migr_host))
		return false;
	if (step->flags & STEP_IF_DEPLOYED && !r->deploy_id)
		return false;

	return !(step->flags & STEP_IF_TARGET && !r->migr_host);
}

/* The VM's id and the host, which each script of the hypervisor gets. */
static void add_vm_and_host(const struct step_context *c, const struct step *step, GPtrArray *args)
{
	g_ptr_array_add(args, g_strdup_printf("%" G_GINT64_FORMAT, c->id));
	g_ptr_array_add(args, g_strdup(step_host(c, step)));
}

/* A secret argument is replaced by "-", to keep the positions of the others. */
static void add_arg(const struct step_context *c, const struct step *step, const char *name,
		    bool secrets, GPtrArray *args)
{
	bool shown = secrets || !step_args_are_secret(name);

	g_ptr_array_add(args, shown ? step_arg(c, step, name) : g_strdup("-"));
}

/*
 * The words of STEP, and of the hypervisor's scripts the VM's id and the host. SECRETS: with those
 * that step_args_are_secret().
 */
static char **expand_args(const struct step_context *c, const struct step *step, bool secrets)
{
	g_auto(GStrv) names = g_strsplit(or_else(step->args, ""), " ", -1);
	bool of_hypervisor = step->kind == STEP_VMM;
	GPtrArray *args = g_ptr_array_new();
	char *last = NULL;

	if (of_hypervisor && step->id_first)
		add_vm_and_host(c, step, args);

	for (char **name = names; *name; name++)
		add_arg(c, step, *name, secrets, args);
	if (of_hypervisor && !step->id_first)
		add_vm_and_host(c, step, args);

	if (step->optional_arg && (secrets || !step_args_are_secret(step->optional_arg)))
		last = step_arg_optional(c, step->optional_arg);
	if (last)
		g_ptr_array_add(args, last);

	g_ptr_array_add(args, NULL);

	return (char **)g_ptr_array_free(args, FALSE);
}

bool step_needs_files(const struct step_context *c, const struct step *step)
{
	if (step->kind != STEP_VMM)
		return false;
	if (!step_command_is_direct(c, step))
		return false;
	if (step_command_is_far(c, step))
		return false;

	return !step_context_local_script(c, step->name);
}

/* Whether PATH is a script of some interpreter, as all of OpenNebula's are and none of ours. */
static bool is_interpreted(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char magic[2];
	bool yes = fd >= 0 && read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
		   memcmp(magic, "#!", sizeof(magic)) == 0;

	if (fd >= 0)
		close(fd);

	return yes;
}

/*
 * Whether SCRIPT gets secrets as words, which every user of its machine can read. Our programs read
 * the document on their input; OpenNebula's scripts read the words alone. Hosts are synced from
 * here, so the copy here tells which of the two SCRIPT is.
 */
static bool gets_secrets(const struct step_context *c, const struct step *step,
			 const char *script)
{
	const struct driver_settings *s = c->settings;
	const char *set = conf_cfg_host(s->cfg, step_host(c, step), "document_argument");
	g_autofree char *copy = g_build_filename(s->local_dir, "vmm", s->options.hypervisor,
						 script, NULL);

	if (g_str_equal(set, "auto"))
		return is_interpreted(copy);

	return g_str_equal(set, "yes");
}

/* The name of the script that runs for STEP of a hypervisor. The caller frees. */
static char *vmm_script(const struct step_context *c, const struct step *step)
{
	const char *local = step_context_local_script(c, step->name);

	if (local && *local)
		return g_strdup(local);

	return plan_script(step);
}

bool step_omits_document(const struct step_context *c, const struct step *step)
{
	g_autofree char *script = NULL;

	if (step->kind != STEP_VMM)
		return false;
	if (!step_args_omit_document(c, step))
		return false;

	script = vmm_script(c, step);

	return gets_secrets(c, step, script);
}

static bool add_vmm(struct step_context *c, const struct step *step, GPtrArray *to,
		    GError **error)
{
	const struct driver_settings *s = c->settings;
	const char *local = step_context_local_script(c, step->name);
	g_autofree char *script = vmm_script(c, step);
	g_autofree char *uri = NULL;
	g_auto(GStrv) shown = NULL;
	struct step_command *m;
	char **args;

	if (!step_command_check_name(s->options.hypervisor, "hypervisor", error) ||
	    !step_command_check_name(script, "script", error))
		return false;
	if (!local)
		uri = step_command_direct_uri(c, step);

	args = expand_args(c, step, gets_secrets(c, step, script));
	shown = expand_args(c, step, false);
	m = step_command_new(c, step, local || uri,
			     g_build_filename(local || uri ? s->local_dir : s->remote_dir, "vmm",
					      s->options.hypervisor, script, NULL),
			     step_command_connected(args, uri), step_command_input(c, step->input));
	m->spec.works_here = local != NULL;
	m->shown = g_strjoinv(" ", shown);
	g_ptr_array_add(to, m);

	return true;
}

/* WHAT DEPLOY_ID CHECKPOINT VM_ID HOST */
static char **question_args(const struct step_context *c, const struct step *step,
			    enum question question)
{
	static const char *const names[] = { "deployed_id", "checkpoint" };
	char **args = g_new0(char *, 6);

	if (question == QUESTION_ABSENT)
		args[0] = g_strdup("absent");
	else
		args[0] = plan_script(step);
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		args[1 + i] = step_arg(c, step, names[i]);

	args[3] = g_strdup_printf("%" G_GINT64_FORMAT, c->id);
	args[4] = g_strdup(step_host(c, step));

	return args;
}

GPtrArray *step_question(struct step_context *c, const struct step *asked,
			 enum question question, GError **error)
{
	static const struct step outcome = { STEP_VMM, "outcome", .input = INPUT_REQUEST };
	const struct driver_settings *s = c->settings;
	struct step step = outcome;
	bool local = asked->kind == STEP_VMM && step_context_local_script(c, asked->name);
	g_autofree char *uri = NULL;
	struct step_command *m;
	GPtrArray *commands;
	char *path;

	if (!step_command_check_name(s->options.hypervisor, "hypervisor", error))
		return NULL;

	step.flags = asked->flags & STEP_ON_TARGET;
	if (question == QUESTION_ABSENT || asked->flags & STEP_CONNECT_OK)
		step.flags |= STEP_CONNECT_OK;
	if (!local)
		uri = step_command_direct_uri(c, &step);

	path = g_build_filename(local || uri ? s->local_dir : s->remote_dir, "vmm",
				s->options.hypervisor, "outcome", NULL);
	m = step_command_new(c, &step, local || uri, path,
			     step_command_connected(question_args(c, asked, question), uri),
			     step_command_input(c, step.input));
	if (c->deployment_id)
		step_command_set_env(m, "VMM_DEPLOYMENT", c->deployment_id);

	step_command_set_age(m, c);
	commands = g_ptr_array_new_with_free_func((GDestroyNotify)step_command_free);
	g_ptr_array_add(commands, m);

	return commands;
}

static bool runs_here(const struct step_context *c, const char *network, const char *name)
{
	g_autofree char *key = g_strdup_printf("%s-%s", network, name);

	if (step_context_local_script(c, name))
		return true;

	return g_strv_contains((const char *const *)c->settings->local_networks, key);
}

static bool add_vnm(struct step_context *c, const struct step *step, GPtrArray *to,
		    GError **error)
{
	const struct driver_settings *s = c->settings;

	if (!c->networks)
		c->networks = tmpl_request_network_drivers(c->request);

	for (char **n = c->networks; *n; n++) {
		bool here = runs_here(c, *n, step->name);
		struct step_command *m;

		if (step->flags & STEP_NO_ELASTIC && g_str_equal(*n, "elastic"))
			continue;
		if (!step_command_check_name(*n, "network driver", error))
			return false;

		m = step_command_new(c, step, here,
				     g_build_filename(here ? s->local_dir : s->remote_dir, "vnm",
						      *n, step->name, NULL),
				     expand_args(c, step, false),
				     step_command_input(c, step->input));
		m->label = g_strdup(*n);
		g_ptr_array_add(to, m);
	}

	return true;
}

/* CONTEXT.sys of driver qcow2 is tm/qcow2/context.sys, else tm/qcow2/context. */
static char *find_driver_script(const char *dir, const char *word, GError **error)
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

/* The words of LINE, in which '#'s and quotes are letters as others. */
static char **words_of(const char *line)
{
	g_auto(GStrv) raw = g_strsplit_set(line, " \t\r\n", -1);
	GPtrArray *words = g_ptr_array_new();

	for (char **w = raw; *w; w++)
		if (**w)
			g_ptr_array_add(words, g_strdup(*w));
	g_ptr_array_add(words, NULL);

	return (char **)g_ptr_array_free(words, FALSE);
}

/* Of prefix PRE, suffix _LIVE and SNAP.ssh: PRESNAP_LIVE.ssh. The caller frees. */
static char *transfer_script(const struct step_context *c, const struct step *step,
			     const char *word)
{
	bool has_suffix = step->suffix && (!step->suffix_if_live || is_live_backup(c));
	const char *prefix = or_else(step->prefix, "");
	const char *suffix = has_suffix ? step->suffix : "";
	size_t stem = strcspn(word, ".");

	return g_strdup_printf("%s%.*s%s%s", prefix, (int)stem, word, suffix, word + stem);
}

/* A script of a driver of the front-end. */
struct driver_script {
	const char *kind;	/* the directory of its drivers: "tm" */
	const char *mad;	/* the driver */
	const char *name;
	char **args;
};

static bool add_driver(struct step_context *c, const struct step *step,
		       const struct driver_script *script, GPtrArray *to, GError **error)
{
	bool is_datastore = step->kind == STEP_DS;
	const char *label = is_datastore ? "Datastore" : "Transfer";
	const char *what = is_datastore ? "datastore driver" : "transfer driver";
	g_autofree char *dir = NULL;
	char *path;

	if (!step_command_check_name(script->name, "driver command", error))
		return false;
	if (!step_command_check_name(script->mad, what, error))
		return false;

	dir = g_build_filename(c->settings->local_dir, script->kind, script->mad, NULL);
	if (!g_file_test(dir, G_FILE_TEST_IS_DIR))
		return vmm_fail(error, VMM_ERROR_NOT_FOUND, "%s Driver '%s' not available", label,
				script->mad);

	path = find_driver_script(dir, script->name, error);
	if (!path)
		return false;

	g_ptr_array_add(to, step_command_new(c, step, true, path, g_strdupv(script->args),
					     step_command_input(c, step->input)));

	return true;
}

/* A line of TM_COMMAND: ACTION[.SYSTEM] DRIVER ARGUMENT… */
static bool add_transfer(struct step_context *c, const struct step *step, const char *line,
			 GPtrArray *to, GError **error)
{
	g_auto(GStrv) words = words_of(line);
	g_autofree char *name = NULL;
	struct driver_script script = { .kind = "tm" };

	if (!words[0])
		return true;

	name = transfer_script(c, step, words[0]);
	script.name = name;
	script.mad = or_else(words[1], "");
	script.args = words[1] ? words + 2 : words + 1;

	return add_driver(c, step, &script, to, error);
}

static bool add_tm(struct step_context *c, const struct step *step, GPtrArray *to,
		   GError **error)
{
	g_autofree char *rollback = tmpl_request_text(c->request, "TM_COMMAND_ROLLBACK");
	const char *text = step->flags & STEP_ROLLBACK ? rollback : c->request->tm_command;
	g_auto(GStrv) lines = g_strsplit(or_else(text, ""), "\n", -1);

	for (char **l = lines; *l; l++)
		if (!add_transfer(c, step, *l, to, error))
			return false;

	return true;
}

/* Its arguments are those of TM_COMMAND after the action and the driver. */
static bool add_ds(struct step_context *c, const struct step *step, GPtrArray *to,
		   GError **error)
{
	g_autofree char *mad = tmpl_request_text(c->request, "DATASTORE/DS_MAD");
	g_auto(GStrv) words = words_of(or_else(c->request->tm_command, ""));
	struct driver_script script;
	char **args = words;

	for (int i = 0; i < 2 && *args; i++)
		args++;

	script = (struct driver_script){ "datastore", or_else(mad, ""), step->name, args };

	return add_driver(c, step, &script, to, error);
}

static bool add_file(struct step_context *c, const struct step *step, GPtrArray *to,
		     GError **error)
{
	g_autofree char *dir = vm_directory(c);

	if (!dir || !g_path_is_absolute(dir))
		return vmm_fail(error, VMM_ERROR_INPUT, "the request names no deployment file");

	g_ptr_array_add(to, step_command_new(c, step, step_context_deploys_here(c),
					     step->kind == STEP_MKDIR
						     ? g_strdup(dir)
						     : g_build_filename(dir, step->name, NULL),
					     NULL, step_command_input(c, step->input)));

	return true;
}

GPtrArray *step_commands(struct step_context *c, const struct step *step, GError **error)
{
	g_autoptr(GPtrArray) commands =
		g_ptr_array_new_with_free_func((GDestroyNotify)step_command_free);
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
	case STEP_DS:
		ok = add_ds(c, step, commands, error);
		break;
	case STEP_MKDIR:
	case STEP_WRITE:
		ok = add_file(c, step, commands, error);
		break;
	}

	if (ok)
		return g_steal_pointer(&commands);

	return NULL;
}
