/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver_settings.h - what the driver reads before its first line from oned: arguments,
 * configuration files, directories.
 *
 * Source: docs/facts/protocol.md 1, 2 and 6.1.
 */
#ifndef ONE_VMM_EXEC_DRIVER_SETTINGS_H
#define ONE_VMM_EXEC_DRIVER_SETTINGS_H

#include "conf/cfg.h"
#include "driver_options.h"

struct driver_settings {
	struct driver_options options;
	ConfCfg *cfg;
	char *cfg_path;		/* vmm_exec.cfg, which CFG was read from if it is there */
	char *local_dir;	/* the scripts here: /var/lib/one/remotes */
	char *remote_dir;	/* and on hosts: /var/tmp/one */
	int script_nice;	/* PRIORITY: of the scripts here, not of ssh and ourselves */
	char **local_networks;	/* VNMAD_LOCAL_ACTIONS: "elastic-post", … */
	char **live_snapshots;	/* LIVE_DISK_SNAPSHOTS: "kvm-qcow2", … */
};

/*
 * Reads everything, and sets the environment and directory that oned's scripts expect; does neither
 * if options.printed_and_done. Call it once, before any thread or child.
 */
bool driver_settings_load(int argc, char **argv, struct driver_settings *ret, GError **error);

/*
 * Reads vmm_exec.cfg again, as conf_cfg_update() does. False: it is wrong, or not there any more,
 * and nothing has changed.
 */
bool driver_settings_reload(struct driver_settings *settings, GPtrArray *changed, GPtrArray *later,
			    GError **error);

void driver_settings_clear(struct driver_settings *settings);

#endif
