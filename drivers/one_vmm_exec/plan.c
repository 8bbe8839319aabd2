/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include "or_else.h"

#define VMM STEP_VMM
#define VNM STEP_VNM
#define TM STEP_TM

/* clang-format off */
static const struct step deploy[] = {
	{ TM,  "tm_context", .flags = STEP_IF_TM | STEP_IDEMPOTENT },
	{ VNM, "pre", .input = INPUT_NETWORK_VM, .undo = "net-clean",
	  .flags = STEP_FIRST_TO_UNDO | STEP_IDEMPOTENT },
	{ STEP_MKDIR, "mkdir", .undo = "net-clean", .flags = STEP_IDEMPOTENT },
	{ STEP_WRITE, "vm.xml", .input = INPUT_VM, .undo = "net-clean", .flags = STEP_IDEMPOTENT },
	{ STEP_WRITE, "ds.xml", .input = INPUT_DATASTORE, .undo = "net-clean",
	  .flags = STEP_IDEMPOTENT },
	{ VMM, "deploy", .args = "file host", .input = INPUT_DEPLOYMENT, .undo = "net-clean",
	  .undo_unknown = "cancel+net-clean", .flags = STEP_REPLIES | STEP_REPLY_REQUIRED },
	{ VNM, "post", .args = "deployed_id host", .input = INPUT_NETWORK_VM,
	  .undo = "cancel+net-clean", .flags = STEP_IDEMPOTENT },
};

/* The VM is gone after the first step, whatever becomes of its network. */
static const struct step shutdown[] = {
	{ VMM, "shutdown", .args = "deploy_id host", .input = INPUT_REQUEST,
	  .proof = PROOF_DOMAIN, .flags = STEP_CONNECT_OK | STEP_REPLIES | STEP_IDEMPOTENT },
	{ VNM, "clean", .args = "host", .input = INPUT_NETWORK_VM, .later = "net-clean",
	  .proof = PROOF_ABSENT, .flags = STEP_OPTIONAL | STEP_IDEMPOTENT },
};

static const struct step cancel[] = {
	{ VMM, "cancel", .args = "deploy_id host", .input = INPUT_REQUEST,
	  .proof = PROOF_DOMAIN, .flags = STEP_CONNECT_OK | STEP_REPLIES | STEP_IDEMPOTENT },
	{ VNM, "clean", .args = "host", .input = INPUT_NETWORK_VM, .later = "net-clean",
	  .proof = PROOF_ABSENT, .flags = STEP_OPTIONAL | STEP_IDEMPOTENT },
};

static const struct step save[] = {
	{ VMM, "save", .args = "deploy_id checkpoint host", .input = INPUT_REQUEST,
	  .flags = STEP_REPLIES },
	{ VNM, "clean", .args = "host", .input = INPUT_NETWORK_VM, .later = "net-clean",
	  .proof = PROOF_ABSENT, .flags = STEP_OPTIONAL | STEP_IDEMPOTENT },
};

/* A checkpoint is spent once the guest runs from it: no later step ends the guest. */
static const struct step restore[] = {
	{ TM,  "tm_context", .flags = STEP_IF_TM | STEP_IDEMPOTENT },
	{ VNM, "pre", .input = INPUT_NETWORK_VM, .undo = "net-clean",
	  .flags = STEP_FIRST_TO_UNDO | STEP_IDEMPOTENT },
	{ VMM, "restore", .args = "checkpoint host deploy_id", .input = INPUT_REQUEST,
	  .undo = "net-clean", .undo_unknown = "", .flags = STEP_REPLIES },
	{ VNM, "post", .args = "deploy_id host", .input = INPUT_NETWORK_VM, .later = "net-post",
	  .flags = STEP_OPTIONAL | STEP_IDEMPOTENT },
};

/* Once MIGRATE itself has succeeded the VM runs on the target: nothing after it can fail. */
static const struct step migrate[] = {
	{ TM,  "tm_premigrate", .prefix = "PRE", .input = INPUT_VM_BASE64,
	  .undo = "failmigrate", .flags = STEP_IF_TM },
	{ VNM, "pre", .input = INPUT_NETWORK_VM, .undo = "target-clean+failmigrate",
	  .flags = STEP_ON_TARGET | STEP_IF_MOVES | STEP_IDEMPOTENT },
	{ VMM, "migrate", .args = "deploy_id target source", .input = INPUT_REQUEST,
	  .undo = "target-clean+failmigrate", .undo_unknown = "", .flags = STEP_REPLIES },
	{ VNM, "clean", .args = "source", .input = INPUT_NETWORK_VM, .later = "net-clean",
	  .proof = PROOF_ABSENT, .flags = STEP_OPTIONAL | STEP_IF_MOVES | STEP_IDEMPOTENT },
	{ VNM, "post", .args = "deploy_id source", .input = INPUT_NETWORK_VM,
	  .later = "target-post",
	  .flags = STEP_OPTIONAL | STEP_ON_TARGET | STEP_IF_MOVES | STEP_IDEMPOTENT },
	{ TM,  "tm_postmigrate", .prefix = "POST", .input = INPUT_VM_BASE64,
	  .flags = STEP_OPTIONAL | STEP_IF_TM },
};

static const struct step attach_disk[] = {
	{ TM,  .name = "tm_attach" },
	{ VMM, "attach_disk", .args = "deploy_id disk_path disk_target disk_index document",
	  .input = INPUT_REQUEST, .undo = "tm-rollback",
	  .undo_unknown = "detach-disk+tm-rollback", .flags = STEP_REPLIES },
};

static const struct step detach_disk[] = {
	{ VMM, "detach_disk", .args = "deploy_id disk_path disk_target disk_index",
	  .input = INPUT_REQUEST, .flags = STEP_CONNECT_OK | STEP_REPLIES | STEP_IDEMPOTENT },
	{ TM,  .name = "tm_detach" },
};

static const struct step attach_nic[] = {
	{ VNM, "pre", .input = INPUT_NETWORK_VM, .undo = "net-clean",
	  .flags = STEP_FIRST_TO_UNDO | STEP_IDEMPOTENT },
	{ VMM, "attach_nic", .args = "deploy_id mac bridge model vn_mad nic_target",
	  .input = INPUT_REQUEST, .undo = "net-clean", .undo_unknown = "detach-nic+net-clean",
	  .flags = STEP_CONNECT_OK | STEP_REPLIES | STEP_IF_NIC },
	{ VNM, "post", .args = "deploy_id host", .input = INPUT_NETWORK_VM,
	  .undo = "detach-nic+net-clean", .flags = STEP_IDEMPOTENT },
	{ VMM, "prereconfigure", .args = "deploy_id context_target", .input = INPUT_REQUEST,
	  .undo = "detach-nic+net-clean", .flags = STEP_CONNECT_OK | STEP_IDEMPOTENT },
	{ TM,  "tm_context", .undo = "reconfigure+detach-nic+net-clean",
	  .flags = STEP_IF_TM | STEP_IDEMPOTENT },
	{ VMM, "reconfigure", .args = "deploy_id context_target disk_path",
	  .input = INPUT_REQUEST, .undo = "detach-nic+net-clean",
	  .flags = STEP_CONNECT_OK | STEP_IDEMPOTENT },
};

static const struct step detach_nic[] = {
	{ VMM, "detach_nic", .args = "deploy_id mac", .input = INPUT_REQUEST,
	  .flags = STEP_CONNECT_OK | STEP_REPLIES | STEP_IF_NIC | STEP_IDEMPOTENT },
	{ VNM, "clean", .args = "host", .input = INPUT_NETWORK_VM, .later = "nic-clean",
	  .flags = STEP_OPTIONAL | STEP_IDEMPOTENT },
	{ VMM, "prereconfigure", .args = "deploy_id context_target", .input = INPUT_REQUEST,
	  .flags = STEP_CONNECT_OK | STEP_IDEMPOTENT },
	{ TM,  "tm_context", .undo = "reconfigure", .flags = STEP_IF_TM | STEP_IDEMPOTENT },
	{ VMM, "reconfigure", .args = "deploy_id context_target disk_path",
	  .input = INPUT_REQUEST, .flags = STEP_CONNECT_OK | STEP_IDEMPOTENT },
};

static const struct step update_conf[] = {
	{ VMM, "prereconfigure", .args = "deploy_id context_target", .input = INPUT_REQUEST,
	  .flags = STEP_CONNECT_OK | STEP_IDEMPOTENT },
	{ TM,  "tm_context", .undo = "reconfigure", .flags = STEP_IF_TM | STEP_IDEMPOTENT },
	{ VMM, "reconfigure", .args = "deploy_id context_target disk_path",
	  .input = INPUT_REQUEST, .flags = STEP_CONNECT_OK | STEP_IDEMPOTENT },
};

static const struct step cleanup[] = {
	{ VMM, "cancel", .args = "deploy_id host", .input = INPUT_REQUEST,
	  .proof = PROOF_DOMAIN,
	  .flags = STEP_CONNECT_OK | STEP_OPTIONAL | STEP_IF_DEPLOYED | STEP_IDEMPOTENT },
	{ VNM, "clean", .args = "source", .input = INPUT_NETWORK_VM, .later = "net-clean",
	  .proof = PROOF_ABSENT, .flags = STEP_OPTIONAL | STEP_IDEMPOTENT },
	{ VMM, "cancel", .args = "deploy_id host", .input = INPUT_REQUEST,
	  .proof = PROOF_DOMAIN,
	  .flags = STEP_CONNECT_OK | STEP_OPTIONAL | STEP_IF_TARGET | STEP_ON_TARGET |
		   STEP_IDEMPOTENT },
	{ VNM, "clean", .args = "source", .input = INPUT_NETWORK_VM, .later = "target-clean",
	  .proof = PROOF_ABSENT,
	  .flags = STEP_OPTIONAL | STEP_IF_TARGET | STEP_ON_TARGET | STEP_IDEMPOTENT },
	{ TM,  "tm_delete", .flags = STEP_OPTIONAL | STEP_IF_TM | STEP_IDEMPOTENT },
};

static const struct step reboot[] = {
	{ VMM, "reboot", .args = "deploy_id host", .input = INPUT_REQUEST,
	  .flags = STEP_CONNECT_OK | STEP_NO_TRACE | STEP_REPLIES },
};

static const struct step reset[] = {
	{ VMM, "reset", .args = "deploy_id host", .input = INPUT_REQUEST,
	  .flags = STEP_CONNECT_OK | STEP_NO_TRACE | STEP_REPLIES },
};

static const struct step resize_disk[] = {
	{ TM,  .name = "tm_resize" },
	{ VMM, "resize_disk", .args = "deploy_id resized_disk size document host",
	  .input = INPUT_REQUEST, .flags = STEP_REPLIES | STEP_IDEMPOTENT },
};

/*
 * Reverting twice would lose what the guest wrote in between. elastic needs nothing after it: its
 * address stays where it is.
 */
static const struct step snapshot_revert[] = {
	{ VMM, "SNAPSHOTREVERT", .script = "snapshot_revert", .args = "deploy_id hypervisor_id",
	  .input = INPUT_REQUEST },
	{ VNM, "post", .args = "deploy_id host", .input = INPUT_NETWORK_VM,
	  .flags = STEP_NO_ELASTIC | STEP_IDEMPOTENT },
};

static const struct step disk_snapshot_create[] = {
	{ TM,  "tm_snap_create_live", .suffix = "_LIVE" },
};

static const struct step update_sg[] = {
	{ VNM, "update_sg", .args = "deploy_id", .input = INPUT_NETWORK_VM,
	  .flags = STEP_REPLIES | STEP_IDEMPOTENT },
};

static const struct step update_nic[] = {
	{ VNM, "update_nic", .args = "deploy_id network_id", .input = INPUT_VM_BASE64,
	  .flags = STEP_REPLIES | STEP_IDEMPOTENT },
};

static const struct step backup[] = {
	{ TM,  "prebackup", .prefix = "PRE", .suffix = "_LIVE", .suffix_if_live = true,
	  .input = INPUT_VM, .undo = "fail-backup" },
	{ STEP_DS, "backup", .input = INPUT_DATASTORE_DATA, .undo = "fail-backup",
	  .flags = STEP_REPLIES | STEP_REPLY_REQUIRED },
	{ TM,  "postbackup", .prefix = "POST", .suffix = "_LIVE", .suffix_if_live = true,
	  .input = INPUT_VM },
};

static const struct step backup_cancel[] = {
	{ STEP_DS, "backup_cancel", .input = INPUT_VM, .flags = STEP_REPLIES | STEP_IDEMPOTENT },
};

static const struct step poll[] = {
	{ VMM, "poll", .args = "deploy_id host", .input = INPUT_REQUEST,
	  .flags = STEP_CONNECT_OK | STEP_IS_DIRECT | STEP_REPLIES | STEP_IDEMPOTENT },
};

static const struct step snapshot_create[] = {
	{ VMM, "SNAPSHOTCREATE", .script = "snapshot_create", .args = "deploy_id snapshot_id",
	  .input = INPUT_REQUEST,
	  .flags = STEP_IS_DIRECT | STEP_REPLIES | STEP_REPLY_REQUIRED },
};

static const struct step snapshot_delete[] = {
	{ VMM, "SNAPSHOTDELETE", .script = "snapshot_delete", .args = "deploy_id hypervisor_id",
	  .input = INPUT_REQUEST, .flags = STEP_IS_DIRECT | STEP_REPLIES | STEP_IDEMPOTENT },
};

static const struct step resize[] = {
	{ VMM, "resize", .args = "deploy_id", .input = INPUT_REQUEST,
	  .flags = STEP_CONNECT_OK | STEP_IS_DIRECT | STEP_REPLIES | STEP_IDEMPOTENT },
};

static const struct step exec[] = {
	{ VMM, "exec", .args = "command", .optional_arg = "input", .id_first = true,
	  .input = INPUT_REQUEST,
	  .flags = STEP_CONNECT_OK | STEP_NO_TRACE | STEP_IS_DIRECT | STEP_REPLIES },
};

static const struct step exec_cancel[] = {
	{ VMM, "exec_cancel", .input = INPUT_REQUEST,
	  .flags = STEP_CONNECT_OK | STEP_IS_DIRECT | STEP_REPLIES | STEP_IDEMPOTENT },
};

/* What undoes. */
static const struct step net_clean[] = {
	{ VNM, "clean", .args = "host", .input = INPUT_NETWORK_VM, .proof = PROOF_ABSENT,
	  .flags = STEP_IDEMPOTENT },
};

static const struct step cancel_net_clean[] = {
	{ VMM, "cancel", .args = "deployed_id host", .input = INPUT_REQUEST,
	  .proof = PROOF_DEPLOYMENT, .flags = STEP_CONNECT_OK | STEP_IDEMPOTENT },
	{ VNM, "clean", .args = "host", .input = INPUT_NETWORK_VM, .proof = PROOF_ABSENT,
	  .flags = STEP_IDEMPOTENT },
};

static const struct step fail_migrate[] = {
	{ TM,  "tm_failmigrate", .prefix = "FAIL", .input = INPUT_VM_BASE64,
	  .proof = PROOF_TURN, .flags = STEP_IF_TM },
};

static const struct step target_clean[] = {
	{ VNM, "clean", .args = "source", .input = INPUT_NETWORK_VM, .proof = PROOF_ABSENT,
	  .flags = STEP_ON_TARGET | STEP_IDEMPOTENT },
};

static const struct step target_clean_fail_migrate[] = {
	{ VNM, "clean", .args = "host", .input = INPUT_NETWORK_VM,
	  .later = "target-clean", .proof = PROOF_ABSENT,
	  .flags = STEP_ON_TARGET | STEP_IF_MOVES | STEP_OPTIONAL | STEP_IDEMPOTENT },
	{ TM,  "tm_failmigrate", .prefix = "FAIL", .input = INPUT_VM_BASE64,
	  .proof = PROOF_TURN, .flags = STEP_IF_TM },
};

/* These plans end no VM: the network of a running VM that could not be set up is retried. */
static const struct step net_post[] = {
	{ VNM, "post", .args = "deploy_id host", .input = INPUT_NETWORK_VM,
	  .flags = STEP_IDEMPOTENT },
};

static const struct step target_post[] = {
	{ VNM, "post", .args = "deploy_id source", .input = INPUT_NETWORK_VM,
	  .flags = STEP_ON_TARGET | STEP_IDEMPOTENT },
};

static const struct step tm_rollback[] = {
	{ TM,  "tm_detach", .proof = PROOF_TURN, .flags = STEP_ROLLBACK },
};

static const struct step detach_disk_tm_rollback[] = {
	{ VMM, "detach_disk", .args = "deploy_id disk_path disk_target disk_index",
	  .input = INPUT_REQUEST, .proof = PROOF_DEVICE,
	  .flags = STEP_CONNECT_OK | STEP_IDEMPOTENT },
	{ TM,  "tm_detach", .proof = PROOF_TURN, .flags = STEP_ROLLBACK },
};

/* Of the network drivers' own rules: they clean what belongs to the NIC that is attached. */
static const struct step detach_nic_net_clean[] = {
	{ VMM, "detach_nic", .args = "deploy_id mac", .input = INPUT_REQUEST,
	  .proof = PROOF_DEVICE, .flags = STEP_CONNECT_OK | STEP_IF_NIC | STEP_IDEMPOTENT },
	{ VNM, "clean", .args = "host", .input = INPUT_NETWORK_VM, .proof = PROOF_DEVICE,
	  .flags = STEP_IDEMPOTENT },
};

/* The VM that lost the NIC runs on; its next ATTACHNIC makes this void. */
static const struct step nic_clean[] = {
	{ VNM, "clean", .args = "host", .input = INPUT_NETWORK_VM, .proof = PROOF_DEVICE,
	  .flags = STEP_IDEMPOTENT },
};

static const struct step reconfigure_detach_nic_net_clean[] = {
	{ VMM, "reconfigure", .args = "deploy_id context_target disk_path",
	  .input = INPUT_REQUEST, .flags = STEP_CONNECT_OK | STEP_OPTIONAL | STEP_IDEMPOTENT },
	{ VMM, "detach_nic", .args = "deploy_id mac", .input = INPUT_REQUEST,
	  .proof = PROOF_DEVICE, .flags = STEP_CONNECT_OK | STEP_IF_NIC | STEP_IDEMPOTENT },
	{ VNM, "clean", .args = "host", .input = INPUT_NETWORK_VM, .proof = PROOF_DEVICE,
	  .flags = STEP_IDEMPOTENT },
};

static const struct step reconfigure[] = {
	{ VMM, "reconfigure", .args = "deploy_id context_target disk_path",
	  .input = INPUT_REQUEST, .flags = STEP_CONNECT_OK | STEP_IDEMPOTENT },
};

static const struct step fail_backup[] = {
	{ TM,  "postbackup", .prefix = "POST", .suffix = "_LIVE", .suffix_if_live = true,
	  .input = INPUT_VM_FAILED,
	  .proof = PROOF_TURN },
};

#define STEPS(table) .steps = table, .count = G_N_ELEMENTS(table)
#define VOIDS .voids_cleanups = true
#define SNAPSHOT "VM/TEMPLATE/SNAPSHOT[ACTIVE='YES']/"
#define ATTACHED "VM/TEMPLATE/DISK[ATTACH='YES']/TARGET"
#define RESIZED "VM/TEMPLATE/DISK[RESIZE='YES']/"

static const struct plan plans[] = {
	{ "DEPLOY", "DEPLOY", STEPS(deploy), .checks = CHECK_DEPLOYMENT, VOIDS },
	{ "SHUTDOWN", "SHUTDOWN", STEPS(shutdown), VOIDS },
	{ "CANCEL", "CANCEL", STEPS(cancel), VOIDS },
	{ "SAVE", "SAVE", STEPS(save), .needs = "CHECKPOINT_FILE", VOIDS },
	{ "RESTORE", "RESTORE", STEPS(restore), .needs = "CHECKPOINT_FILE", VOIDS },
	{ "MIGRATE", "MIGRATE", STEPS(migrate), .needs = "MIGR_HOST", VOIDS },
	{ "ATTACHDISK", "ATTACH_DISK", STEPS(attach_disk), .needs = "TM_COMMAND " ATTACHED },
	{ "DETACHDISK", "DETACH_DISK", STEPS(detach_disk), .needs = "TM_COMMAND " ATTACHED },
	{ "ATTACHNIC", "ATTACH_NIC", STEPS(attach_nic), .checks = CHECK_NIC, VOIDS },
	{ "DETACHNIC", "DETACH_NIC", STEPS(detach_nic), .checks = CHECK_NIC, VOIDS },
	{ "UPDATECONF", "UPDATE_CONF", STEPS(update_conf) },
	{ "CLEANUP", "CLEANUP", STEPS(cleanup), VOIDS },
	{ "REBOOT", "REBOOT", STEPS(reboot), .reads_head_only = true },
	{ "RESET", "RESET", STEPS(reset), .reads_head_only = true },
	{ "RESIZEDISK", "RESIZE_DISK", STEPS(resize_disk),
	  .needs = "TM_COMMAND " RESIZED "SIZE " RESIZED "DISK_ID" },
	{ "SNAPSHOTREVERT", "SNAPSHOT_REVERT", STEPS(snapshot_revert),
	  .needs = SNAPSHOT "HYPERVISOR_ID" },
	{ "DISKSNAPSHOTCREATE", "DISK_SNAPSHOT_CREATE", STEPS(disk_snapshot_create),
	  .needs = "TM_COMMAND VM/TEMPLATE/DISK[DISK_SNAPSHOT_ACTIVE='YES']/TM_MAD",
	  .checks = CHECK_LIVE_SNAPSHOT },
	{ "UPDATESG", "UPDATE_SG", STEPS(update_sg), .needs = "SECURITY_GROUP_ID",
	  .prefix = "SECURITY_GROUP_ID", VOIDS },
	{ "UPDATENIC", "UPDATE_NIC", STEPS(update_nic), .needs = "VIRTUAL_NETWORK_ID",
	  .prefix = "VIRTUAL_NETWORK_ID", VOIDS },
	{ "BACKUP", "BACKUP", STEPS(backup),
	  .needs = "TM_COMMAND DATASTORE/DS_MAD VM/LCM_STATE" },
	{ "BACKUPCANCEL", "BACKUP_CANCEL", STEPS(backup_cancel),
	  .needs = "TM_COMMAND DATASTORE/DS_MAD" },
	{ "POLL", "POLL", STEPS(poll), .reads_head_only = true },
	{ "SNAPSHOTCREATE", "SNAPSHOT_CREATE", STEPS(snapshot_create),
	  .needs = SNAPSHOT "SNAPSHOT_ID" },
	{ "SNAPSHOTDELETE", "SNAPSHOT_DELETE", STEPS(snapshot_delete),
	  .needs = SNAPSHOT "HYPERVISOR_ID" },
	{ "RESIZE", "RESIZE", STEPS(resize) },
	{ "EXEC", "EXEC", STEPS(exec), .needs = "VM/TEMPLATE/QEMU_GA_EXEC/COMMAND" },
	{ "EXEC_CANCEL", "EXEC_CANCEL", STEPS(exec_cancel) },
	{ "net-clean", NULL, STEPS(net_clean) },
	{ "nic-clean", NULL, STEPS(nic_clean) },
	{ "cancel+net-clean", NULL, STEPS(cancel_net_clean) },
	{ "net-post", NULL, STEPS(net_post) },
	{ "target-post", NULL, STEPS(target_post) },
	{ "failmigrate", NULL, STEPS(fail_migrate) },
	{ "target-clean", NULL, STEPS(target_clean) },
	{ "target-clean+failmigrate", NULL, STEPS(target_clean_fail_migrate) },
	{ "tm-rollback", NULL, STEPS(tm_rollback) },
	{ "detach-disk+tm-rollback", NULL, STEPS(detach_disk_tm_rollback) },
	{ "detach-nic+net-clean", NULL, STEPS(detach_nic_net_clean) },
	{ "reconfigure+detach-nic+net-clean", NULL, STEPS(reconfigure_detach_nic_net_clean) },
	{ "reconfigure", NULL, STEPS(reconfigure) },
	{ "fail-backup", NULL, STEPS(fail_backup) },
};
/* clang-format on */

const struct plan *plan_find(const char *action)
{
	for (size_t i = 0; i < G_N_ELEMENTS(plans); i++)
		if (g_str_equal(plans[i].action, action))
			return &plans[i];
	return NULL;
}

char *plan_script(const struct step *step)
{
	if (step->script)
		return g_strdup(step->script);

	return g_ascii_strdown(step->name, -1);
}

char *plan_key(const struct step *step, const char *group)
{
	g_autofree char *script = NULL;

	switch (step->kind) {
	case STEP_VNM:
		return g_strconcat(group, ".network", NULL);
	case STEP_TM:
		return g_strconcat(group, ".transfer", NULL);
	case STEP_DS:
		return g_strconcat(group, ".datastore", NULL);
	case STEP_MKDIR:
	case STEP_WRITE:
		return g_strconcat(group, ".directory", NULL);
	case STEP_VMM:
		break;
	}

	script = plan_script(step);

	return g_strconcat(group, ".", script, NULL);
}

static const char *const proof_names[] = {
	[PROOF_NONE] = "none", [PROOF_DEPLOYMENT] = "deployment", [PROOF_DOMAIN] = "domain",
	[PROOF_DEVICE] = "device", [PROOF_ABSENT] = "absent", [PROOF_TURN] = "turn",
};

static const char *or_dash(const char *text)
{
	return or_if_empty(text, "-");
}

static void add_name(GPtrArray *names, const char *name)
{
	g_autofree char *lower = g_ascii_strdown(name, -1);

	if (!g_ptr_array_find_with_equal_func(names, lower, g_str_equal, NULL))
		g_ptr_array_add(names, g_steal_pointer(&lower));
}

GPtrArray *plan_local_names(void)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

	for (size_t i = 0; i < G_N_ELEMENTS(plans); i++)
		for (size_t k = 0; k < plans[i].count; k++)
			if (plans[i].steps[k].kind == STEP_VMM)
				add_name(names, plans[i].steps[k].name);

	return names;
}

GPtrArray *plan_delegate_names(void)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

	for (size_t i = 0; i < G_N_ELEMENTS(plans); i++)
		if (plans[i].key)
			add_name(names, plans[i].key);

	return names;
}

void plan_print(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(plans); i++)
		for (size_t k = 0; k < plans[i].count; k++) {
			const struct step *s = &plans[i].steps[k];

			printf("%s %s %s undo %s unknown %s later %s proof %s\n",
			       plans[i].action, s->name, plan_kind_name(s->kind),
			       or_dash(s->undo), or_dash(s->undo_unknown), or_dash(s->later),
			       proof_names[s->proof]);
		}
}

const char *plan_kind_name(enum step_kind kind)
{
	return kind == STEP_VNM ? "network driver" :
	       kind == STEP_TM ? "transfer manager driver" :
	       kind == STEP_DS ? "datastore driver" : "virtualization driver";
}
