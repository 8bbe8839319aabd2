#!/usr/bin/env bats
# Random actions on one VM with random kills, against a model of it: ROUNDS=1000 SEED=2 for more, and others.
bats_require_minimum_version 1.5.0
load lab
load action

setup_file() {
	action_setup_file 2
}

@test "whatever is killed when: one live copy, nothing lost, and what was said is true" {
	settings SHUTDOWN_TIMEOUT=1 FORCE_DESTROY=yes MIGRATE_OPTIONS=--unsafe QEMU_PROTOCOL=qemu+tcp
	on mkdir -p "$(directory 90)"
	lab_disk node1 0/90/disk.0 8M
	lab_disk node1 0/90/disk.1 8M
	deaf_xml 90 "<controller type='scsi' model='virtio-scsi'/><disk type='file'><driver name='qemu' type='qcow2'/><source file='$(directory 90)/disk.0'/><target dev='vda' bus='virtio'/></disk>" >"$BATS_TEST_TMPDIR/xml"
	run "$LAB_TOP/tests/tools/rounds" "$LAB" "$ACTIONS" "$LAB_SHARED" "$BATS_TEST_TMPDIR/xml" "${ROUNDS:-30}" "${SEED:-1}"
	echo "$output"
	assert_success
}
