# SPDX-License-Identifier: Apache-2.0
# bats file_tags=fast
load helper
load node

@test "snapshot_create: prints the name, and its file is in the VM's directory" {
	action snapshot_create one-5 3 5 host
	assert_success
	assert_output snap-3
	[ "$(stat -c %a "$BATS_FILE_TMPDIR/file/0/5/snap-3.xml")" = 600 ]
	grep -q '<name>snap-3</name>' "$BATS_FILE_TMPDIR/file/0/5/snap-3.xml"
	# The test driver has forgotten it by now, as a libvirtd whose VM was started again.
	action snapshot_create one-5 3 5 host
	assert_success
	[[ $stderr == *'domain one-5 has snapshot snap-3 already' ]]
	action snapshot_delete one-5 snap-3 5 host
	assert_success
	never test -e "$BATS_FILE_TMPDIR/file/0/5/snap-3.xml"
}

@test "snapshot_create: one whose file cannot be written is not kept" {
	rm -rf "$BATS_FILE_TMPDIR/file/0"
	mkdir -p "$BATS_FILE_TMPDIR/file"
	touch "$BATS_FILE_TMPDIR/file/0"
	action snapshot_create one-5 3 5 host
	assert_failure 1
	[[ $(error_message) == "snapshot_create: cannot make directory $BATS_FILE_TMPDIR/file/0/5: "* ]]
	rm "$BATS_FILE_TMPDIR/file/0"
}

@test "snapshot_create: the id is a number" {
	local id
	for id in x -1 1/2 ''; do
		action snapshot_create one-5 "$id" 5 host
		assert_failure 1
		[[ $(error_message) == "snapshot_create: '$id' is not a number from 0 to 2147483647 [input] (hint: SNAPSHOT_ID, "* ]]
	done
}

@test "snapshot_delete succeeds and snapshot_revert fails when there is no such snapshot" {
	action snapshot_revert one-5 snap-1 5 host
	assert_failure 1
	[ "$(error_message)" = 'snapshot_revert: domain one-5 has no snapshot snap-1 [not-found]' ]
	action snapshot_delete one-5 snap-1 5 host
	assert_success
	[[ $stderr == *'domain one-5 has no snapshot snap-1 already' ]]
	action snapshot_delete one-5 ../snap-1 5 host
	assert_failure 2
	[[ $(error_message) == "snapshot_delete: '../snap-1' is not the name of a snapshot [usage]"* ]]
}

@test "snapshots: --dry-run" {
	action snapshot_create -n one-5 3
	assert_output 'would make snapshot snap-3 of domain one-5'
	action snapshot_delete -n one-5 snap-3
	assert_output 'would delete snapshot snap-3 of domain one-5'
	action snapshot_revert -n one-5 snap-3
	assert_failure 1
}

@test "snapshots: an unknown VM" {
	local a
	for a in snapshot_create snapshot_revert snapshot_delete; do
		action $a nope 3
		assert_failure 1
		[ "$(error_message)" = "$a: cannot find domain nope: Domain not found [not-found]" ]
	done
}

@test "snapshot_delete: the VM's directory is where the metadata of LIBVIRT_MD_URI say" {
	mkdir -p remotes/vmm/kvm remotes/etc/vmm/kvm
	cp "$REMOTES/snapshot_delete" remotes/vmm/kvm/
	echo 'LIBVIRT_MD_URI=http://example.org/other' >remotes/etc/vmm/kvm/kvmrc
	run --separate-stderr remotes/vmm/kvm/snapshot_delete one-5 snap-1
	assert_failure 1
	[[ $(error_message) == "snapshot_delete: cannot read 'system_datastore' from domain one-5 [not-found]"* ]]
}

@test "snapshot_delete: a name that is none of ours is no file in the VM's directory" {
	local file=$BATS_FILE_TMPDIR/file/0/5/vm.xml
	mkdir -p "${file%/*}"
	echo '<VM/>' >"$file"
	action snapshot_delete one-5 vm 5 host
	assert_success
	[ "$(cat "$file")" = '<VM/>' ]
}
