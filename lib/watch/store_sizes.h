/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_sizes.h - the sizes of VMs' disks in the datastores of a host, as OpenNebula's
 * monitor_ds_vm.rb has them: by the script monitor_ds of each datastore's driver.
 *
 * Source: docs/monitoring.md, "Sizes in datastores".
 */
#ifndef WATCH_STORE_SIZES_H
#define WATCH_STORE_SIZES_H

#include "monitor/fields.h"
#include "watch/watch_place.h"

/*
 * Adds what the driver of each datastore says: here, if its script is OpenNebula's own, else by
 * running it. One that fails is left out, as in the original. A file system that hangs costs some
 * seconds, once, and all sizes until it is back. One thread at a time.
 */
void store_sizes_add(Fields *out, const struct watch_place *place);

#endif
