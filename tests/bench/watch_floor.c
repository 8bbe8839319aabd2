/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch_floor URI SECONDS STATES FIGURES - the bulk calls of a monitoring agent and nothing else:
 * states each STATES seconds, with the counters of disks and interfaces each FIGURES seconds.
 */
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int list(virConnectPtr conn, unsigned stats)
{
	virDomainStatsRecordPtr *records = NULL;
	int n = virConnectGetAllDomainStats(conn, stats, &records,
					    VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE |
					    VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);
	char path[64], line[1024];

	for (int i = 0; i < n && stats != VIR_DOMAIN_STATS_STATE; i++) {
		FILE *file;

		snprintf(path, sizeof(path), "/run/libvirt/qemu/%s.pid",
			 virDomainGetName(records[i]->dom));
		file = fopen(path, "re");
		if (file && fgets(line, sizeof(line), file)) {
			snprintf(path, sizeof(path), "/proc/%ld/stat", strtol(line, NULL, 10));
			fclose(file);
			file = fopen(path, "re");
			if (file && !fgets(line, sizeof(line), file))
				n = -1;
		}

		if (file)
			fclose(file);
	}

	if (records)
		virDomainStatsRecordListFree(records);
	return n;
}

int main(int argc, char **argv)
{
	virConnectPtr conn = argc == 5 ? virConnectOpenReadOnly(argv[1]) : NULL;
	long seconds = argc == 5 ? strtol(argv[2], NULL, 10) : 0;

	for (long t = 0; conn && t < seconds; t++) {
		unsigned stats = 0;

		if (t % strtol(argv[3], NULL, 10) == 0)
			stats |= VIR_DOMAIN_STATS_STATE;
		if (t % strtol(argv[4], NULL, 10) == 0)
			stats |= VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_INTERFACE |
				 VIR_DOMAIN_STATS_BLOCK;
		if (stats && list(conn, stats) < 0)
			return 1;
		sleep(1);
	}

	return conn ? 0 : 1;
}
