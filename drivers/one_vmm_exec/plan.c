#include "plan.h"

#define PLAN(name, table) { name, table, G_N_ELEMENTS(table) }

/* clang-format off */
static const struct step deploy[] = {
	/* kind       name          script  args     input              undo         if unknown */
	{ STEP_TM,    "tm_context", NULL,   "",      INPUT_NONE,        NULL,        NULL, 0 },
	{ STEP_VNM,   "pre",        NULL,   "",      INPUT_NETWORK_VM,  NULL,        NULL, 0 },
	{ STEP_MKDIR, "mkdir",      NULL,   "",      INPUT_NONE,        "net-clean", NULL, 0 },
	{ STEP_WRITE, "vm.xml",     NULL,   "",      INPUT_VM,          "net-clean", NULL, 0 },
	{ STEP_WRITE, "ds.xml",     NULL,   "",      INPUT_DATASTORE,   "net-clean", NULL, 0 },
	{ STEP_VMM,   "deploy",     NULL,   "%f %h", INPUT_DEPLOYMENT,  "net-clean",
	  "cancel+net-clean", 0 },
	{ STEP_VNM,   "post",       NULL,   "%i %h", INPUT_NETWORK_VM,  "cancel+net-clean",
	  NULL, 0 },
};

/* The VM is gone after the first step, whatever becomes of its network. */
static const struct step shutdown[] = {
	{ STEP_VMM,   "shutdown",   NULL,   "%d %h", INPUT_REQUEST,     NULL, NULL, 0 },
	{ STEP_VNM,   "clean",      NULL,   "%h",    INPUT_NETWORK_VM,  NULL, NULL, STEP_GOES_ON },
};

static const struct step cancel[] = {
	{ STEP_VMM,   "cancel",     NULL,   "%d %h", INPUT_REQUEST,     NULL, NULL, 0 },
	{ STEP_VNM,   "clean",      NULL,   "%h",    INPUT_NETWORK_VM,  NULL, NULL, STEP_GOES_ON },
};

static const struct step reboot[] = {
	{ STEP_VMM,   "reboot",     NULL,   "%d %h", INPUT_REQUEST,     NULL, NULL, 0 },
};

static const struct step reset[] = {
	{ STEP_VMM,   "reset",      NULL,   "%d %h", INPUT_REQUEST,     NULL, NULL, 0 },
};

static const struct step poll[] = {
	{ STEP_VMM,   "poll",       NULL,   "%d %h", INPUT_REQUEST,     NULL, NULL, STEP_IS_QUIET },
};

static const struct step net_clean[] = {
	{ STEP_VNM,   "clean",      NULL,   "%h",    INPUT_NETWORK_VM,  NULL, NULL, 0 },
};

static const struct step cancel_net_clean[] = {
	{ STEP_VMM,   "cancel",     NULL,   "%i %h", INPUT_REQUEST,     NULL, NULL, 0 },
	{ STEP_VNM,   "clean",      NULL,   "%h",    INPUT_NETWORK_VM,  NULL, NULL, 0 },
};

static const struct plan plans[] = {
	PLAN("DEPLOY", deploy),
	PLAN("SHUTDOWN", shutdown),
	PLAN("CANCEL", cancel),
	PLAN("REBOOT", reboot),
	PLAN("RESET", reset),
	PLAN("POLL", poll),
	PLAN("net-clean", net_clean),
	PLAN("cancel+net-clean", cancel_net_clean),
};
/* clang-format on */

const struct plan *plan_find(const char *action)
{
	for (size_t i = 0; i < G_N_ELEMENTS(plans); i++)
		if (g_str_equal(plans[i].action, action))
			return &plans[i];
	return NULL;
}

char *plan_timeout_key(const char *action, const struct step *step)
{
	g_autofree char *lower = NULL;

	switch (step->kind) {
	case STEP_VNM:
		return g_strdup("timeout_s.network");
	case STEP_TM:
		return g_strdup("timeout_s.transfer");
	case STEP_MKDIR:
	case STEP_WRITE:
		return g_strdup("timeout_s.directory");
	case STEP_VMM:
		break;
	}
	lower = g_ascii_strdown(g_str_equal(step->name, "cancel") ? step->name : action, -1);
	return g_strconcat("timeout_s.", lower, NULL);
}

const char *plan_kind_name(enum step_kind kind)
{
	return kind == STEP_VNM ? "network driver" :
	       kind == STEP_TM ? "transfer manager driver" : "virtualization driver";
}
