/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/number.h"
#include "base/program.h"
#include "base/text.h"
#include "transfer_host.h"
#include "transfer_move.h"
#include "transfer_vm.h"

#define DRIVER "kvm_image"

enum { MIB_SHIFT = 20, MAX_WORDS = 12, CONTEXT_OPERANDS = 4 };

/* States of a VM that runs: LCM_STATE of docs/facts/images.md 8. */
#define NO_SNAPSHOT "-1"
#define HOTPLUG_SAVEAS "26"
#define DISK_RESIZE "62"

/* STATE and LCM_STATE of one that runs, is powered off or is suspended. */
#define ACTIVE "3"
#define RUNNING "3"
#define POWEROFF "8"
#define SUSPENDED "5"

/* One call of an action that is about one place on a host. */
struct transfer {
	const char *action;
	struct transfer_place place;
	struct transfer_vm vm;
	const TmplAttr *disk;		/* NULL: the whole directory */
};

static bool fail_operand(const char *name, const char *value, const char *wanted, GError **error)
{
	return vmm_fail(error, VMM_ERROR_INPUT, "%s = '%s', but oned's document of the VM says "
			"'%s'", name, value, wanted);
}

/* Reads the place, and what oned says of it; DISK: it must be a disk. */
static bool begin(struct transfer *t, const char *operand, const char *vm, bool disk,
		  GError **error)
{
	if (!transfer_place_parse(&t->place, operand, vm, error))
		return false;
	if (disk && !t->place.disk)
		return vmm_fail(error, VMM_ERROR_INPUT, "operand '%s' is not a disk", operand);
	if (!transfer_vm_ask(&t->vm, vm, t->place.datastore, error))
		return false;
	if (!disk)
		return true;

	t->disk = transfer_vm_disk(&t->vm, t->place.disk, error);

	return t->disk != NULL;
}

/* WORDS (NULL-terminated), with --json, on the host of the place. */
static bool run_there(const struct transfer *t, const char *const *words, GBytes *input,
		      GError **error)
{
	const struct transfer_call call = { .host = transfer_place_host(&t->place),
					    .words = words, .input = input };

	return transfer_host_run(&call, error);
}

static bool prepare_disk(const struct transfer *t, bool received, GError **error)
{
	const char *const words[] = { "prepare", "-", "--json", "--directory", t->place.directory,
				      "--disk", t->place.disk, received ? "--received" : NULL,
				      NULL };

	return run_there(t, words, t->vm.document, error);
}

/*
 * A persistent image is written back as the disk was: a disk of another format would change the
 * image's format.
 */
static bool check_format(const struct transfer *t, GError **error)
{
	const char *format = transfer_vm_text(t->disk, "FORMAT");
	const char *driver = transfer_vm_driver(t->disk);
	bool is_copied_back = !g_str_equal(transfer_vm_text(t->disk, "CLONE"), "YES");
	bool is_cdrom = g_str_equal(transfer_vm_text(t->disk, "TYPE"), "CDROM");

	if (!is_copied_back || is_cdrom || !*format || g_str_equal(format, driver))
		return true;

	return vmm_fail(error, VMM_ERROR_CONFIG, "disk.%s: DRIVER = '%s', but its persistent image "
			"has FORMAT = '%s'", t->place.disk, driver, format);
}

/* Snapshots of an image lie beside it, and only drivers that made them know which one is meant. */
static bool check_no_snapshots(const char *image, GError **error)
{
	g_autofree char *directory = g_strconcat(image, ".snap", NULL);

	if (access(directory, F_OK) < 0 && errno == ENOENT)
		return true;

	return vmm_fail(error, VMM_ERROR_CONFIG, "%s has snapshots, which TM_MAD " DRIVER " does "
			"not know", image);
}

/* Brings IMAGE, a file of this machine, to where prepare takes it for the disk's SOURCE. */
static bool send_image(const struct transfer *t, const char *image, GError **error)
{
	g_autofree char *path = g_strdup_printf("%s/.disk.%s.source", t->place.directory,
						t->place.disk);
	const char *format = transfer_vm_text(t->disk, "FORMAT");
	const char *const send[] = { "send", image, *format ? "--format" : NULL, format, NULL };
	const char *const receive[] = { "receive", path, "--json", "--directory",
					t->place.directory, "--force", NULL };
	const struct transfer_call from = { .words = send };
	const struct transfer_call to = { .host = transfer_place_host(&t->place),
					  .words = receive };

	if (!check_no_snapshots(image, error))
		return false;

	return transfer_host_pipe(&from, &to, NULL, error);
}

/* clone, ln: FE:SOURCE HOST:DIRECTORY/disk.N VM DATASTORE */
static bool copy_image(struct transfer *t, char **operands, GError **error)
{
	g_autofree char *image = transfer_place_image(operands[0], error);
	const char *source;

	if (!image)
		return false;
	if (!begin(t, operands[1], operands[2], true, error))
		return false;
	if (!transfer_vm_check(&t->vm, &t->place, error) || !check_format(t, error))
		return false;
	source = transfer_vm_text(t->disk, "SOURCE");
	if (!g_str_equal(source, image))
		return fail_operand("SOURCE", image, source, error);
	if (!g_path_is_absolute(image))
		return prepare_disk(t, false, error);

	if (!send_image(t, image, error))
		return false;

	return prepare_disk(t, true, error);
}

static bool make_disk(struct transfer *t, const char *size, const char *format, GError **error)
{
	const char *wanted = transfer_vm_text(t->disk, "SIZE");
	const char *driver = transfer_vm_driver(t->disk);

	if (!transfer_vm_check(&t->vm, &t->place, error))
		return false;
	if (!g_str_equal(size, wanted))
		return fail_operand("SIZE", size, wanted, error);
	if (format && !g_str_equal(format, driver))
		return fail_operand("FORMAT", format, driver, error);

	return prepare_disk(t, false, error);
}

/* mkimage: SIZE FORMAT HOST:DIRECTORY/disk.N VM DATASTORE */
static bool make_image(struct transfer *t, char **operands, GError **error)
{
	return begin(t, operands[2], operands[3], true, error) &&
	       make_disk(t, operands[0], operands[1], error);
}

/* mkswap: SIZE HOST:DIRECTORY/disk.N VM DATASTORE */
static bool make_swap(struct transfer *t, char **operands, GError **error)
{
	return begin(t, operands[1], operands[2], true, error) &&
	       make_disk(t, operands[0], NULL, error);
}

/* The state of a VM on which oned does nothing now; NULL: an action of oned is in progress. */
static const char *idle_state(const TmplVm *vm)
{
	const char *state = tmpl_vm_header(vm, "STATE");

	if (g_str_equal(state, POWEROFF))
		return "is powered off";
	if (g_str_equal(state, SUSPENDED))
		return "is suspended";
	if (!g_str_equal(state, ACTIVE) || !g_str_equal(tmpl_vm_header(vm, "LCM_STATE"), RUNNING))
		return NULL;

	return "runs";
}

/*
 * Refuses a line that arrives late: meanwhile the VM may have left that host, come to it again, got
 * another disk of that number, or written to it.
 */
static bool check_in_time(const struct transfer *t, const char *what, GError **error)
{
	const char *is = idle_state(t->vm.vm);
	const char *dot = t->place.disk ? "/disk." : "";

	return !is || vmm_fail(error, VMM_ERROR_REFUSED, "oned says that VM %s %s: %s%s%s is not "
			       "%s", tmpl_vm_header(t->vm.vm, "ID"), is, t->place.directory, dot,
			       text_or(t->place.disk, ""), what);
}

/* delete: HOST:DIRECTORY[/disk.N] VM DATASTORE */
static bool delete_disks(struct transfer *t, char **operands, GError **error)
{
	const char *words[MAX_WORDS] = { "dispose", "-", "--json", "--directory" };
	int n = 4;

	if (!begin(t, operands[0], operands[1], false, error))
		return false;
	if (!check_in_time(t, "removed", error))
		return false;

	words[n++] = t->place.directory;
	words[n++] = t->place.disk ? "--disk" : "--all";
	words[n++] = t->place.disk;

	return run_there(t, words, t->vm.document, error);
}

/* resize: HOST:DIRECTORY/disk.N SIZE VM DATASTORE */
static bool resize_disk(struct transfer *t, char **operands, GError **error)
{
	g_autofree char *bytes = NULL;
	guint64 mib;

	if (!number_unsigned(operands[1], 1, G_MAXINT64 >> MIB_SHIFT, &mib, NULL))
		return vmm_fail(error, VMM_ERROR_INPUT, "SIZE = '%s' is not a number of MiB",
				operands[1]);
	if (!begin(t, operands[0], operands[2], true, error))
		return false;
	/* The action of a running VM does it. */
	if (g_str_equal(tmpl_vm_header(t->vm.vm, "LCM_STATE"), DISK_RESIZE))
		return true;

	bytes = g_strdup_printf("%" G_GUINT64_FORMAT "M", mib);

	return run_there(t, (const char *const[]){ "grow", bytes, "--json", "--directory",
			 t->place.directory, "--disk", t->place.disk, "--vm", operands[2],
			 "--format", transfer_vm_driver(t->disk), NULL }, NULL, error);
}

/* Brings the disk, or its SNAPSHOT, to IMAGE, a file of this machine; REPLACE one that is there. */
static bool fetch_disk(const struct transfer *t, const char *snapshot, const char *image,
		       bool replace, GError **error)
{
	const char *vm = tmpl_vm_header(t->vm.vm, "ID");
	const char *which = snapshot ? "--snapshot" : NULL, *force = replace ? "--force" : NULL;
	const char *const send[] = { "send", "--directory", t->place.directory, "--disk",
				     t->place.disk, "--vm", vm, "--format",
				     transfer_vm_driver(t->disk), which, snapshot, NULL };
	const char *const receive[] = { "receive", image, "--json", force, NULL };
	const struct transfer_call from = { .host = transfer_place_host(&t->place),
					    .words = send };
	const struct transfer_call to = { .words = receive };

	return transfer_host_pipe(&from, &to, NULL, error);
}

/* mvds: HOST:DIRECTORY/disk.N FE:SOURCE VM DATASTORE. oned deletes the disk afterwards. */
static bool move_to_image(struct transfer *t, char **operands, GError **error)
{
	g_autofree char *image = transfer_place_image(operands[1], error);
	const char *source;

	if (!image)
		return false;
	if (!begin(t, operands[0], operands[2], true, error))
		return false;
	source = transfer_vm_text(t->disk, "SOURCE");
	if (!g_str_equal(source, image))
		return fail_operand("SOURCE", image, source, error);
	if (!g_path_is_absolute(image))
		return true;
	if (g_str_equal(transfer_vm_text(t->disk, "CLONE"), "YES"))
		return vmm_fail(error, VMM_ERROR_REFUSED, "disk.%s is a clone of %s, which other "
				"VMs use: it does not replace it", t->place.disk, image);
	if (!check_format(t, error))
		return false;

	return fetch_disk(t, NULL, image, true, error);
}

static bool check_snapshot(const char *snapshot, GError **error)
{
	guint64 number;

	if (number_unsigned(snapshot, 0, G_MAXINT32, &number, NULL))
		return true;

	return vmm_fail(error, VMM_ERROR_INPUT, "'%s' is not the number of a snapshot", snapshot);
}

/* cpds: HOST:DIRECTORY/disk.N FE:IMAGE SNAPSHOT VM DATASTORE */
static bool copy_to_image(struct transfer *t, char **operands, GError **error)
{
	g_autofree char *image = transfer_place_image(operands[1], error);
	const char *wanted, *snapshot = NULL;

	if (!image)
		return false;
	if (!begin(t, operands[0], operands[3], true, error))
		return false;
	if (!g_path_is_absolute(image))
		return vmm_fail(error, VMM_ERROR_CONFIG, "%s is no file: TM_MAD " DRIVER " saves "
				"disks as files only", image);
	if (!g_str_equal(operands[2], NO_SNAPSHOT))
		snapshot = operands[2];
	if (snapshot && !check_snapshot(snapshot, error))
		return false;
	if (g_str_equal(tmpl_vm_header(t->vm.vm, "LCM_STATE"), HOTPLUG_SAVEAS)) {
		vmm_fail(error, VMM_ERROR_BUSY, "disk.%s of a running VM is not saved",
			 t->place.disk);
		vmm_error_set_hint(error, "power it off first");
		return false;
	}

	wanted = transfer_vm_text(t->disk, "HOTPLUG_SAVE_AS_SOURCE");
	if (*wanted && !g_str_equal(wanted, image))
		return fail_operand("HOTPLUG_SAVE_AS_SOURCE", image, wanted, error);

	return fetch_disk(t, snapshot, image, *wanted != '\0', error);
}

/* mv: HOST:DIRECTORY[/disk.N] HOST:DIRECTORY[/disk.N] VM DATASTORE */
static bool move_vm(struct transfer *t, char **operands, GError **error)
{
	struct transfer_sides s;
	bool ok = transfer_sides_parse(&s, operands[0], operands[1], operands[2], error);

	/* All of a VM moves at once, with its directory: that line follows. */
	if (ok && !s.from.disk && !transfer_place_is_same(&s.from, &s.to)) {
		s.vm = &t->vm;
		ok = transfer_vm_ask(&t->vm, operands[2], s.to.datastore, error) &&
		     transfer_move_run(&s, error);
	}

	transfer_sides_clear(&s);

	return ok;
}

enum { SOURCE, DESTINATION, DIRECTORY, VM, MIGRATE_OPERANDS = 5 };

/* premigrate, postmigrate, failmigrate: HOST HOST DIRECTORY VM DATASTORE [TM_MAD] */
static bool migrate(struct transfer *t, char **operands,
		    bool (*run_it)(const struct transfer_sides *s, GError **error),
		    GError **error)
{
	g_autofree char *from = NULL, *to = NULL;
	struct transfer_sides s = { 0 };
	bool ok;

	if (g_strv_length(operands) < MIGRATE_OPERANDS)
		return vmm_fail(error, VMM_ERROR_USAGE, "usage: %s HOST HOST PATH VM DATASTORE",
				t->action);
	if (g_str_equal(operands[SOURCE], operands[DESTINATION]))
		return true;

	from = g_strconcat(operands[SOURCE], ":", operands[DIRECTORY], NULL);
	to = g_strconcat(operands[DESTINATION], ":", operands[DIRECTORY], NULL);
	ok = transfer_sides_parse(&s, from, to, operands[VM], error);
	s.vm = &t->vm;
	if (ok)
		ok = transfer_vm_ask(&t->vm, operands[VM], s.to.datastore, error) &&
		     run_it(&s, error);
	transfer_sides_clear(&s);

	return ok;
}

static bool before_migration(struct transfer *t, char **operands, GError **error)
{
	return migrate(t, operands, transfer_move_before, error);
}

static bool after_migration(struct transfer *t, char **operands, GError **error)
{
	return migrate(t, operands, transfer_move_after, error);
}

static bool after_failed_migration(struct transfer *t, char **operands, GError **error)
{
	return migrate(t, operands, transfer_move_failed, error);
}

/* snap_create, snap_revert, snap_delete: HOST:DIRECTORY/disk.N SNAPSHOT VM DATASTORE */
static bool begin_snapshot(struct transfer *t, char **operands, GError **error)
{
	if (!check_snapshot(operands[1], error))
		return false;

	return begin(t, operands[0], operands[2], true, error) &&
	       transfer_vm_check(&t->vm, &t->place, error) &&
	       check_in_time(t, "changed, nor are its snapshots", error);
}

static bool run_snapshot(const struct transfer *t, const char *command, char **operands,
			 GError **error)
{
	return run_there(t, (const char *const[]){ command, operands[1], "--json", "--directory",
			 t->place.directory, "--disk", t->place.disk, "--vm", operands[2], NULL },
			 NULL, error);
}

/* Snapshots of a persistent image are the image's: they would have to go where it goes. */
static bool create_snapshot(struct transfer *t, char **operands, GError **error)
{
	if (!begin_snapshot(t, operands, error))
		return false;
	if (!g_str_equal(transfer_vm_text(t->disk, "CLONE"), "NO"))
		return run_snapshot(t, "snap-create", operands, error);

	return vmm_fail(error, VMM_ERROR_CONFIG, "disk.%s is a persistent image, of which TM_MAD "
			DRIVER " makes no snapshots", t->place.disk);
}

static bool revert_to_snapshot(struct transfer *t, char **operands, GError **error)
{
	return begin_snapshot(t, operands, error) &&
	       run_snapshot(t, "snap-revert", operands, error);
}

static bool delete_snapshot(struct transfer *t, char **operands, GError **error)
{
	return begin_snapshot(t, operands, error) &&
	       run_snapshot(t, "snap-delete", operands, error);
}

/* context: FILE… HOST:DIRECTORY/disk.N VM DATASTORE. OpenNebula's script writes through a link. */
static bool check_context(struct transfer *t, char **operands, GError **error)
{
	guint n = g_strv_length(operands);

	if (n < CONTEXT_OPERANDS)
		return vmm_fail(error, VMM_ERROR_USAGE, "usage: context FILE HOST:PATH VM "
				"DATASTORE");
	if (!begin(t, operands[n - 3], operands[n - 2], false, error))
		return false;
	if (!t->place.disk || !transfer_vm_disk(&t->vm, t->place.disk, NULL))
		return true;

	return vmm_fail(error, VMM_ERROR_REFUSED, "oned says that disk.%s is a disk of VM %s: the "
			"medium with its context is not written there", t->place.disk,
			operands[n - 2]);
}

/* What has to be asked of libvirt, kvm-image cannot do. */
static bool refuse_live(struct transfer *t, char **operands G_GNUC_UNUSED, GError **error)
{
	vmm_fail(error, VMM_ERROR_CONFIG, "TM_MAD " DRIVER " has no %s", t->action);
	vmm_error_set_hint(error, "power the VM off first");

	return false;
}

static bool refuse(struct transfer *t, char **operands G_GNUC_UNUSED, GError **error)
{
	return vmm_fail(error, VMM_ERROR_CONFIG, "TM_MAD " DRIVER " has no %s", t->action);
}

enum { ANY = -1 };

static const struct transfer_action {
	const char *name;
	int operands;
	const char *usage;
	bool (*run)(struct transfer *t, char **operands, GError **error);
	const char *stock;	/* the driver whose script of that name does it, after RUN */
} actions[] = {
	{ "clone", 4, "FE:SOURCE HOST:PATH VM DATASTORE", copy_image, NULL },
	{ "ln", 4, "FE:SOURCE HOST:PATH VM DATASTORE", copy_image, NULL },
	{ "mkimage", 5, "SIZE FORMAT HOST:PATH VM DATASTORE", make_image, NULL },
	{ "mkswap", 4, "SIZE HOST:PATH VM DATASTORE", make_swap, NULL },
	{ "delete", 3, "HOST:PATH VM DATASTORE", delete_disks, NULL },
	{ "resize", 4, "HOST:PATH SIZE VM DATASTORE", resize_disk, NULL },
	{ "mvds", 4, "HOST:PATH FE:SOURCE VM DATASTORE", move_to_image, NULL },
	{ "cpds", 5, "HOST:PATH FE:IMAGE SNAPSHOT VM DATASTORE", copy_to_image, NULL },
	{ "mv", 4, "HOST:PATH HOST:PATH VM DATASTORE", move_vm, NULL },
	{ "context", ANY, "", check_context, "ssh" },
	{ "monitor", ANY, "", NULL, "ssh" },
	{ "monitor_ds", ANY, "", NULL, "ssh" },
	{ "premigrate", ANY, "", before_migration, NULL },
	{ "postmigrate", ANY, "", after_migration, NULL },
	{ "failmigrate", ANY, "", after_failed_migration, NULL },
	{ "snap_create", 4, "HOST:PATH SNAPSHOT VM DATASTORE", create_snapshot, NULL },
	{ "snap_create_live", ANY, "", refuse_live, NULL },
	{ "snap_delete", 4, "HOST:PATH SNAPSHOT VM DATASTORE", delete_snapshot, NULL },
	{ "snap_revert", 4, "HOST:PATH SNAPSHOT VM DATASTORE", revert_to_snapshot, NULL },
	{ "prebackup", ANY, "", refuse, NULL },
	{ "prebackup_live", ANY, "", refuse, NULL },
	{ "postbackup", ANY, "", refuse, NULL },
	{ "postbackup_live", ANY, "", refuse, NULL },
	{ "restore", ANY, "", refuse, NULL },
};

static const struct transfer_action *find_action(const char *path)
{
	g_autofree char *name = g_path_get_basename(path);

	for (size_t i = 0; i < G_N_ELEMENTS(actions); i++)
		if (g_str_equal(actions[i].name, name))
			return &actions[i];

	return NULL;
}

bool transfer_is(const char *path)
{
	g_autofree char *directory = path ? g_path_get_dirname(path) : NULL;

	return directory && g_str_has_suffix(directory, "tm/" DRIVER) && find_action(path);
}

/* Becomes the script of OpenNebula's own driver, beside ours. */
static bool become_stock(const struct transfer_action *a, char **argv, GError **error)
{
	g_autofree char *directory = g_path_get_dirname(argv[0]);
	g_autofree char *drivers = g_path_get_dirname(directory);
	g_autofree char *script = g_build_filename(drivers, a->stock, a->name, NULL);

	argv[0] = script;
	execv(script, argv);

	return vmm_fail_errno(error, errno, "cannot run %s", script);
}

static bool run_action(const struct transfer_action *a, char **argv, GError **error)
{
	struct transfer t = { .action = a->name };
	bool ok;

	if (a->operands != ANY && g_strv_length(argv + 1) != (guint)a->operands)
		return vmm_fail(error, VMM_ERROR_USAGE, "usage: %s %s", a->name, a->usage);

	ok = !a->run || a->run(&t, argv + 1, error);
	transfer_place_clear(&t.place);
	transfer_vm_clear(&t.vm);

	return ok && (!a->stock || become_stock(a, argv, error));
}

/* As oned reads it: docs/facts/protocol.md 6.7. */
static int fail_for_oned(const char *action, const GError *error)
{
	g_autofree char *line = vmm_error_line(error);

	fprintf(stderr, "ERROR: %s: %s\nERROR MESSAGE --8<------\n%s: %s\n"
		"ERROR MESSAGE ------>8--\n", action, error->message, action, line);

	return vmm_error_exit_status(error);
}

int transfer_main(char **argv)
{
	const struct transfer_action *a = find_action(argv[0]);
	g_autoptr(GError) error = NULL;

	if (run_action(a, argv, &error))
		return 0;

	return fail_for_oned(a->name, error);
}
