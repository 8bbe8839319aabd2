#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Random actions on one VM with random kills, against a model of it: ROUNDS=1000 SEED=2 for more, and others.
bats_require_minimum_version 1.5.0
load lab
load action

setup_file() {
	local node
	action_setup_file 2
	for node in node1 node2; do
		lab_exec $node sh -c 'mkdir -p /usr/libexec/vmmexec && cat >/usr/libexec/vmmexec/vtpm_setup && chmod 755 /usr/libexec/vmmexec/vtpm_setup' <"${BUILD:-$LAB_TOP/build/release}/remotes/vtpm_setup"
	done
}

# rounds NUMBER [XML of <os>]: with a vTPM, a disk that can hold snapshots, and one to attach.
rounds() {
	settings SHUTDOWN_TIMEOUT=1 FORCE_DESTROY=yes MIGRATE_OPTIONS=--unsafe QEMU_PROTOCOL=qemu+tcp
	on mkdir -p "$(directory 90)"
	lab_disk node1 0/90/disk.0 8M
	lab_disk node1 0/90/disk.1 8M
	deaf_xml 90 "<controller type='scsi' model='virtio-scsi'/><tpm model='tpm-tis'><backend type='emulator' version='2.0'/></tpm><disk type='file'><driver name='qemu' type='qcow2'/><source file='$(directory 90)/disk.0'/><target dev='vda' bus='virtio'/></disk>" |
		sed "s|</type></os>|</type>${2:-}</os>|" >"$BATS_TEST_TMPDIR/xml"
	run "$LAB_TOP/tests/tools/rounds" "$LAB" "$ACTIONS" "$LAB_SHARED" "$BATS_TEST_TMPDIR/xml" "$1" "${SEED:-1}"
	echo "$output"
	assert_success
}

@test "random actions with random kills: one running copy, nothing lost, every answer true" {
	rounds "${ROUNDS:-18}"
}

@test "with UEFI variables as well" {
	on sh -c "rm -rf $(directory 90); mkdir -p $(directory 90); cp /usr/share/seabios/bios-256k.bin $(directory 90)/code.fd; truncate -s 64K $(directory 90)/VARS.fd"
	rounds "${ROUNDS:-12}" "<loader readonly='yes' type='pflash'>$(directory 90)/code.fd</loader><nvram>$(directory 90)/VARS.fd</nvram>"
}
