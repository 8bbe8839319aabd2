/* SPDX-License-Identifier: Apache-2.0 */
/* kvm-image - looks at disk images, makes, converts, resizes and removes them; a VM's at once. */
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error_object.h"
#include "base/program.h"
#include "base/text.h"
#include "conf/paths.h"
#include "image_commands.h"
#include "image_download.h"
#include "rbd_service.h"
#include "rbd_session.h"
#include "transfer.h"
#include "volume.h"
#include "volume_commands.h"

#define KVMRC "etc/vmm/kvm/kvmrc"

enum { ONE_PATH = 1, PATH_AND_SIZE, TWO_PATHS, URL_AND_PATH, URL_OR_PATH, FILE_OR_DISK,
       FILE_OR_ALL };

static const struct command {
	const char *name;
	const char *usage;	/* its operands */
	const char *options;	/* that belong to it, between blanks */
	int operands;
	bool (*run)(struct image_job *job, GError **error);
	bool (*run_volume)(struct image_job *job, GError **error);	/* NULL: of files only */
} commands[] = {
	{ "info", "IMAGE", " ", ONE_PATH, image_info, volume_info },
	{ "check", "IMAGE", " format ", ONE_PATH, image_verdict, NULL },
	{ "create", "PATH", " format size backing backing-format preallocate force dry-run ",
	  ONE_PATH, image_create, volume_create },
	{ "resize", "PATH SIZE", " format shrink dry-run ", PATH_AND_SIZE, image_resize,
	  volume_resize },
	{ "convert", "FROM TO", " format from checksum force dry-run ", TWO_PATHS,
	  image_convert, NULL },
	{ "import", "FILE TO", " format from checksum max-size force dry-run ", URL_OR_PATH,
	  image_import, NULL },
	{ "fetch", "URL TO", " format checksum force dry-run ", URL_AND_PATH, image_fetch, NULL },
	{ "remove", "PATH", " format dry-run ", ONE_PATH, image_remove, volume_delete },
	{ "prepare", "VM.xml", " directory datastore disk received dry-run ", ONE_PATH,
	  image_prepare, NULL },
	{ "dispose", "VM.xml", " directory datastore disk all dry-run ", ONE_PATH, image_dispose,
	  NULL },
	{ "send", "FILE", " directory disk vm format snapshot all move seen running ",
	  FILE_OR_DISK, image_send, NULL },
	{ "receive", "FILE", " directory force all vm running shared ", FILE_OR_ALL, image_receive,
	  NULL },
	{ "state", "VM.xml", " directory volumes running ", ONE_PATH, image_state, NULL },
	{ "leave", "VM.xml", " directory move token ", ONE_PATH, image_leave, NULL },
	{ "adopt", "VM.xml", " directory move ", ONE_PATH, image_adopt, NULL },
	{ "abandon", "VM.xml", " directory move ", ONE_PATH, image_abandon, NULL },
	{ "keep", "VM.xml", " directory move ", ONE_PATH, image_keep, NULL },
	{ "snap-create", "NUMBER", " directory disk vm ", ONE_PATH, image_snap_create, NULL },
	{ "snap-revert", "NUMBER", " directory disk vm ", ONE_PATH, image_snap_revert, NULL },
	{ "snap-delete", "NUMBER", " directory disk vm ", ONE_PATH, image_snap_delete, NULL },
	{ "grow", "SIZE", " directory disk vm format dry-run ", ONE_PATH, image_grow, NULL },
};

static const char summary[] =
	"Commands:\n"
	"  info IMAGE                what its header says\n"
	"  check IMAGE               may QEMU open it? As deploy asks, of --format\n"
	"  create PATH               a new image of --format and --size, or on --backing\n"
	"  resize PATH SIZE          larger; with --shrink smaller\n"
	"  convert FROM TO           a copy of --format; backing files become part of it\n"
	"  import FILE|URL TO        the same of a file from outside: no backing file\n"
	"  fetch URL TO              rbd://FSID/POOL/IMAGE/SNAP, out of Ceph, as a file\n"
	"  remove PATH               an image that no program has open; a raw one by --format\n"
	"  (PATH and TO: a file, the logical volume lvm:GROUP/NAME, or rbd:POOL/IMAGE in Ceph)\n"
	"  prepare VM.xml            all disks of a VM document in --directory, or none\n"
	"  dispose VM.xml            removes what prepare made there, and nothing else\n"
	"  send FILE                 to standard output; with --disk a disk of a VM\n"
	"  receive FILE              makes a file of what send writes, whole or not at all\n"
	"  send VM.xml --all         the whole directory of a VM, which stays\n"
	"  receive --all             makes it, whole or not at all\n"
	"  state VM.xml              how far a move of that directory has come here\n"
	"  leave VM.xml              the end of a move where it came from: empties the directory\n"
	"  keep VM.xml               the end of a move where it went to\n"
	"  adopt VM.xml              the same of a VM that runs: what has come is its own\n"
	"  abandon VM.xml            it has not come: removes what was received for it\n"
	"  snap-create NUMBER        a snapshot of a disk of a VM, by --disk; also snap-revert\n"
	"                            and snap-delete\n"
	"  grow SIZE                 resize of a disk of a VM, by --disk\n"
	"\n"
	"Sizes are bytes, or have K, M, G or T behind them.";

static const char help_end[] =
	"Exit status: 0 done, 1 failed, 2 wrong usage.\n"
	"\n"
	"Example:\n"
	"  kvm-image import cloud.vmdk disk.0 --format qcow2\n"
	"  kvm-image prepare vm.xml --directory /var/lib/one/datastores/0/7";

/* Those of the commands of a move, and of snapshots. */
static void add_move_options(GOptionContext *context, struct image_options *o)
{
	/* clang-format off */
	const GOptionEntry entries[] = {
		{ "move", 0, 0, G_OPTION_ARG_FILENAME, &o->move, "Which move it is", "UUID" },
		{ "token", 0, 0, G_OPTION_ARG_FILENAME, &o->token,
		  "What receive --all said of the move's destination", "UUID" },
		{ "volumes", 0, 0, G_OPTION_ARG_FILENAME, &o->volumes,
		  "Does this host see them?", "VOLUME=ID,…" },
		{ "running", 0, 0, G_OPTION_ARG_NONE, &o->running,
		  "The VM runs: another program moves what it writes to", NULL },
		{ "snapshot", 0, 0, G_OPTION_ARG_FILENAME, &o->snapshot,
		  "Of the disk that one, not what it is now", "NUMBER" },
		{ "seen", 0, 0, G_OPTION_ARG_NONE, &o->seen,
		  "The destination sees the VM's logical volumes: they are not sent", NULL },
		{ "shared", 0, 0, G_OPTION_ARG_NONE, &o->shared,
		  "The source has the same directory: fail where it has not", NULL },
		{ 0 }
	};
	/* clang-format on */

	g_option_context_add_main_entries(context, entries, NULL);
}

static GOptionContext *image_options_context(struct image_options *o)
{
	/* clang-format off */
	const GOptionEntry entries[] = {
		{ "format", 'f', 0, G_OPTION_ARG_FILENAME, &o->format,
		  "The image's format: raw, qcow2…", "FORMAT" },
		{ "size", 's', 0, G_OPTION_ARG_FILENAME, &o->size,
		  "Its virtual size (default: the backing file's)", "SIZE" },
		{ "backing", 'b', 0, G_OPTION_ARG_FILENAME, &o->backing,
		  "The file that it is an overlay of, in a datastore or beside it", "FILE" },
		{ "backing-format", 'F', 0, G_OPTION_ARG_FILENAME, &o->backing_format,
		  "That file's format", "FORMAT" },
		{ "preallocate", 0, 0, G_OPTION_ARG_FILENAME, &o->preallocate,
		  "off, metadata, falloc or full (off)", "WHAT" },
		{ "from", 0, 0, G_OPTION_ARG_FILENAME, &o->from,
		  "The format of the image that is read: raw, qcow2, qed or vmdk", "FORMAT" },
		{ "checksum", 0, 0, G_OPTION_ARG_FILENAME, &o->checksum,
		  "That it must have", "sha256:HEX" },
		{ "max-size", 0, 0, G_OPTION_ARG_FILENAME, &o->max_size,
		  "Bytes that are downloaded at most (default: what there is room for)", "SIZE" },
		{ "directory", 'd', 0, G_OPTION_ARG_FILENAME, &o->directory,
		  "The VM's: made if it is not there", "DIR" },
		{ "datastore", 0, 0, G_OPTION_ARG_FILENAME, &o->datastore,
		  "Its datastore, with STORAGE (default: the document's, or ds.xml)", "FILE" },
		{ "disk", 0, 0, G_OPTION_ARG_FILENAME, &o->disk,
		  "That disk alone, which has a record of its own", "NUMBER" },
		{ "vm", 0, 0, G_OPTION_ARG_FILENAME, &o->vm,
		  "The VM that it must have been made for", "ID" },
		{ "received", 0, 0, G_OPTION_ARG_NONE, &o->received,
		  "Its SOURCE was received: .disk.NUMBER.source in the directory", NULL },
		{ "all", 0, 0, G_OPTION_ARG_NONE, &o->all,
		  "Each disk that was made alone, and the directory", NULL },
		{ "shrink", 0, 0, G_OPTION_ARG_NONE, &o->shrink,
		  "Cut off what lies behind the new size", NULL },
		{ "force", 0, 0, G_OPTION_ARG_NONE, &o->force,
		  "Replace a file that is there", NULL },
		{ "dry-run", 'n', 0, G_OPTION_ARG_NONE, &o->dry_run,
		  "Check all, print the command, change nothing", NULL },
		{ "json", 0, 0, G_OPTION_ARG_NONE, &o->json, "Print one JSON object", NULL },
		{ "kvmrc", 0, 0, G_OPTION_ARG_FILENAME, &o->kvmrc,
		  "The kvmrc with IMAGE_BACKING_PATHS, VMDK_ALLOWED_TYPES and QEMU_IMG", "FILE" },
		{ "version", 'V', 0, G_OPTION_ARG_NONE, &o->version, "Print the version", NULL },
		{ G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->operands, NULL, NULL },
		{ 0 }
	};
	/* clang-format on */
	GOptionContext *context = g_option_context_new("COMMAND OPERAND…");

	g_option_context_set_summary(context, summary);
	g_option_context_set_description(context, help_end);
	g_option_context_add_main_entries(context, entries, NULL);
	add_move_options(context, o);
	program_add_help(context, &o->help);

	return context;
}

static const struct command *find_command(const struct image_options *o, GError **error)
{
	const char *name = o->operands ? o->operands[0] : NULL;

	for (size_t i = 0; name && i < G_N_ELEMENTS(commands); i++)
		if (g_str_equal(commands[i].name, name))
			return &commands[i];

	if (name)
		vmm_fail(error, VMM_ERROR_USAGE, "there is no command %s", name);
	else
		vmm_fail(error, VMM_ERROR_USAGE, "no command is given");

	return NULL;
}

static bool check_option(const struct command *c, const char *name, bool is_given, GError **error)
{
	g_autofree char *word = g_strdup_printf(" %s ", name);

	if (!is_given || strstr(c->options, word))
		return true;

	return vmm_fail(error, VMM_ERROR_USAGE, "%s has no option --%s", c->name, name);
}

/* As of a variable that is not set. An empty path would be the directory that one is in. */
static bool check_texts(const struct image_options *o, GError **error)
{
	const struct {
		const char *name, *text;
	} given[] = {
		{ "format", o->format }, { "size", o->size }, { "backing", o->backing },
		{ "backing-format", o->backing_format }, { "preallocate", o->preallocate },
		{ "from", o->from }, { "checksum", o->checksum }, { "directory", o->directory },
		{ "datastore", o->datastore }, { "max-size", o->max_size }, { "disk", o->disk },
		{ "vm", o->vm }, { "kvmrc", o->kvmrc },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(given); i++)
		if (given[i].text && !*given[i].text)
			return vmm_fail(error, VMM_ERROR_USAGE, "--%s is empty", given[i].name);

	return true;
}

static bool check_options(const struct command *c, const struct image_options *o, GError **error)
{
	const struct {
		const char *name;
		bool is_given;
	} given[] = {
		{ "format", o->format }, { "size", o->size }, { "backing", o->backing },
		{ "backing-format", o->backing_format }, { "preallocate", o->preallocate },
		{ "shrink", o->shrink }, { "force", o->force }, { "dry-run", o->dry_run },
		{ "from", o->from }, { "checksum", o->checksum }, { "directory", o->directory },
		{ "datastore", o->datastore }, { "max-size", o->max_size }, { "disk", o->disk },
		{ "vm", o->vm }, { "received", o->received }, { "all", o->all },
		{ "move", o->move }, { "token", o->token }, { "volumes", o->volumes },
		{ "seen", o->seen }, { "snapshot", o->snapshot },
		{ "running", o->running }, { "shared", o->shared },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(given); i++)
		if (!check_option(c, given[i].name, given[i].is_given, error))
			return false;

	return check_texts(o, error);
}

/* What is neither a file nor a volume: qemu-img would take it for a protocol. */
static bool check_operand(const char *operand, bool may_be_volume, GError **error)
{
	bool is_strange = strstr(operand, "://") != NULL;

	if (!*operand)
		return vmm_fail(error, VMM_ERROR_USAGE, "an operand is empty");
	if (volume_is(operand) ? may_be_volume : !is_strange)
		return true;

	vmm_fail(error, VMM_ERROR_CONFIG, "%s: only files are supported there", operand);
	vmm_error_set_hint(error, "give a path; ./%s if it is one", operand);

	return false;
}

static guint operands_wanted(const struct command *c, const struct image_options *o)
{
	switch (c->operands) {
	case FILE_OR_DISK:
		return o->disk ? 0 : 1;
	case FILE_OR_ALL:
		return o->all ? 0 : 1;
	case ONE_PATH:
		return 1;
	default:
		return 2;
	}
}

static bool check_operands(const struct command *c, const struct image_options *o, GError **error)
{
	char **operands = o->operands + 1;
	guint n = g_strv_length(operands);

	if (n != operands_wanted(c, o))
		return vmm_fail(error, VMM_ERROR_USAGE, "usage: kvm-image %s %s", c->name,
				c->usage);
	if (!n)
		return true;
	if (c->operands == URL_AND_PATH)
		return check_operand(operands[1], false, error);
	if (c->operands == URL_OR_PATH && image_is_url(operands[0]))
		return check_operand(operands[1], true, error);
	if (!check_operand(operands[0], c->run_volume, error))
		return false;

	return n == 1 || c->operands == PATH_AND_SIZE || check_operand(operands[1], true, error);
}

/* That of the set we are of, which actions and other hosts name though it may be missing. */
static bool is_kvmrc_of_set(const char *path)
{
	static const char end[] = "/" KVMRC;
	g_autofree char *set = conf_path_remotes("");
	g_autofree char *named = NULL;
	struct stat a, b;

	if (!g_str_has_suffix(path, end))
		return false;

	named = g_strndup(path, strlen(path) - strlen(end));
	if (stat(named, &a) < 0 || stat(set, &b) < 0)
		return false;

	return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static ConfKvmrc *load_kvmrc(const struct image_options *o, GError **error)
{
	g_autofree char *standard = conf_path_var("remotes/" KVMRC);

	if (o->kvmrc && is_kvmrc_of_set(o->kvmrc))
		return conf_kvmrc_load(o->kvmrc);
	if (o->kvmrc)
		return conf_kvmrc_load_named(o->kvmrc, error);
	/* A front-end that serves no KVM hosts has none. */
	if (access(standard, F_OK) < 0)
		return conf_kvmrc_load("/dev/null");

	return conf_kvmrc_load(standard);
}

static bool run_command(const struct image_options *o, struct image_job *job, GError **error)
{
	const struct command *c = find_command(o, error);
	g_autoptr(ConfKvmrc) rc = NULL;

	if (!c)
		return false;
	if (!check_options(c, o, error))
		return false;
	if (!check_operands(c, o, error))
		return false;

	rc = load_kvmrc(o, error);
	if (!rc)
		return false;
	for (const char *const *w = conf_kvmrc_warnings(rc); *w; w++)
		fprintf(stderr, "kvm-image: warning: %s\n", *w);
	job->rc = rc;
	job->path = o->operands[1];
	job->to = job->path ? o->operands[2] : NULL;

	if (c->run_volume && volume_is(job->path))
		return c->run_volume(job, error);

	return c->run(job, error);
}

/* As actions: {"outcome", "error"}; what was done is there beside the outcome. */
static void print_json(const struct image_job *job, const GError *error)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "outcome", json_object_new_string(error ? "failed" : "done"));
	if (error)
		json_object_object_add(o, "error",
				       error_object(error, vmm_error_retry_safe(error)));
	json_object_object_foreach(job->result, name, value) {
		json_object_object_add(o, name, json_object_get(value));
	}

	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

static bool run_job(const struct image_options *o, GError **error)
{
	struct image_job job = { .o = o, .result = json_object_new_object(),
				 .text = g_string_new(NULL) };
	g_autoptr(GError) cause = NULL;
	bool ok = run_command(o, &job, &cause);

	rbd_session_close();
	if (o->json)
		print_json(&job, cause);
	else if (ok)
		fputs(job.text->str, stdout);
	json_object_put(job.result);
	g_string_free(job.text, TRUE);
	if (!ok)
		return vmm_pass(error, &cause);

	return true;
}

static void free_options(struct image_options *o)
{
	char *texts[] = { o->format, o->from, o->size, o->backing, o->backing_format,
			  o->preallocate, o->checksum, o->kvmrc, o->directory,
			  o->datastore, o->max_size, o->disk, o->vm, o->move, o->token,
			  o->volumes, o->snapshot };

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		g_free(texts[i]);
	g_strfreev(o->operands);
}

int main(int argc, char **argv)
{
	struct image_options o = { 0 };
	g_autoptr(GOptionContext) context = NULL;
	g_autoptr(GError) error = NULL;

	program_open_descriptors();
	g_log_writer_default_set_use_stderr(TRUE);
	signal(SIGPIPE, SIG_IGN);
	if (transfer_is(argv[1]))
		return transfer_main(argv + 1);
	if (rbd_service_is(argv[1]))
		return rbd_service_main(argv + 1);

	context = image_options_context(&o);
	if (!g_option_context_parse(context, &argc, &argv, &error)) {
		error_object_print(argv, error);
		return program_fail("kvm-image", error);
	}

	if (o.help)
		program_print_help(context);
	else if (o.version)
		puts("kvm-image " VMM_VERSION);
	else
		run_job(&o, &error);
	free_options(&o);

	return error ? program_fail("kvm-image", error) : program_end("kvm-image", 0, 1);
}
