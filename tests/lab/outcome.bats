#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# outcome on a real libvirtd: what it says of an action whose end nobody heard is what is true; and
# the mark by which a DEPLOY's own domain is known.
bats_require_minimum_version 1.5.0
load lab
load action

MARK=aaaaaaaa-0000-4000-8000-000000000001
OTHER=aaaaaaaa-0000-4000-8000-000000000002

setup_file() {
	action_setup_file
}

# ask ACTION NUMBER [REQUEST]: with $AGE and $DEPLOYMENT in its environment.
ask() {
	run --separate-stderr on env ${AGE:+VMM_REQUEST_AGE=$AGE} ${DEPLOYMENT:+VMM_DEPLOYMENT=$DEPLOYMENT} \
		"$ACTIONS/outcome" "$1" "${ID:-$(uuid "$2")}" "$(directory "$2")/checkpoint" "$2" node1 <<<"${3:-}"
	assert_success
}

deploy_marked() {	# NUMBER MARK
	deaf_xml "$1" | sed 's|<uuid>[^<]*</uuid>||' |
		on env VMM_DEPLOYMENT="$2" "$ACTIONS/deploy" "$(directory "$1")/deployment.0" node1 "$1" node1
}

mark_of() {	# NUMBER
	lab_virsh node1 metadata "one-$1" urn:vmmexec:deployment 2>/dev/null | grep -oE '[0-9a-f-]{36}'
}

@test "deploy gives its domain the mark of its DEPLOY, and the undo of that ends no other" {
	run --separate-stderr deploy_marked 1 $MARK
	assert_output $MARK
	[ "$(mark_of 1)" = $MARK ]
	DEPLOYMENT=$MARK ID=$MARK ask deploy 1
	assert_output "done $MARK"
	run --separate-stderr on env VMM_DEPLOYMENT=$OTHER "$ACTIONS/cancel" $MARK node1 1 node1
	assert_failure 1
	assert_regex "$(error_message)" 'was made by another deployment than .* \[exists\]'
	run state 1
	assert_output running
	run --separate-stderr on env VMM_DEPLOYMENT=$MARK "$ACTIONS/cancel" $MARK node1 1 node1
	assert_success
	DEPLOYMENT=$MARK ID=$MARK ask deploy 1
	assert_output not-done
}

@test "a VM that was deployed again is not taken for the one of an earlier DEPLOY" {
	deaf_xml 2 | on env VMM_DEPLOYMENT=$MARK "$ACTIONS/deploy" "$(directory 2)/deployment.0" node1 2 node1
	lab_virsh node1 destroy one-2
	DEPLOYMENT=$MARK ID=$MARK ask deploy 2
	assert_output not-done
	deaf_xml 2 | on env VMM_DEPLOYMENT=$OTHER "$ACTIONS/deploy" "$(directory 2)/deployment.0" node1 2 node1
	# The template gives it the same UUID; the mark tells them apart.
	DEPLOYMENT=$MARK ID=$MARK ask deploy 2
	assert_output not-done
	DEPLOYMENT=$OTHER ID=$OTHER ask deploy 2
	assert_output "done $(uuid 2)"
	run --separate-stderr on env VMM_DEPLOYMENT=$MARK "$ACTIONS/cancel" "$(uuid 2)" node1 2 node1
	assert_failure 1
	run state 2
	assert_output running
}

@test "a mark that the domain's XML brings is not taken over" {
	deaf_xml 3 | sed "s|<metadata>|&<vmmexec:deployment xmlns:vmmexec='urn:vmmexec:deployment' id='$OTHER'/>|" |
		on env VMM_DEPLOYMENT=$MARK "$ACTIONS/deploy" "$(directory 3)/deployment.0" node1 3 node1
	[ "$(mark_of 3)" = $MARK ]
	run lab_virsh node1 dumpxml one-3
	refute_output --partial $OTHER
}

@test "cancel and shutdown: a VM that is gone succeeds; one that was started after the request is left alone" {
	deploy_deaf 4
	AGE=0 ask cancel 4
	assert_output not-done
	AGE=3600 ask cancel 4
	assert_regex "$output" '^refused domain one-4 was started after the request'
	AGE=3600 ask shutdown 4
	assert_regex "$output" '^refused '
	lab_virsh node1 destroy one-4
	AGE=3600 ask shutdown 4
	assert_output 'done'
	ask absent 4
	assert_output 'done'
}

@test "absent: the VM runs here under whatever identity" {
	deploy_deaf 5
	ID=$OTHER ask absent 5
	assert_output --partial 'not-done'
	ID=one-5 ask absent 5
	assert_output --partial 'not-done'
}

@test "save and restore: the checkpoint, and whether the guest runs, say what was done" {
	deploy_deaf 6
	ask save 6
	assert_output not-done
	act save "$(uuid 6)" "$(directory 6)/checkpoint" node1 6 node1
	assert_success
	ask save 6
	assert_output 'done'
	ask restore 6
	assert_output not-done
	act restore "$(directory 6)/checkpoint" node1 "$(uuid 6)" 6 node1
	assert_success
	ask restore 6
	assert_output 'done'
	lab_virsh node1 destroy one-6
	ask save 6
	assert_regex "$output" '^not-done the VM is gone'
}

@test "attach and snapshot: the live domain says what was done" {
	local request="<VMM_DRIVER_ACTION_DATA><VM><ID>7</ID><TEMPLATE><NIC><ATTACH>YES</ATTACH><MAC>02:00:c0:a8:00:07</MAC></NIC><SNAPSHOT><ACTIVE>YES</ACTIVE><SNAPSHOT_ID>0</SNAPSHOT_ID><HYPERVISOR_ID>snap-0</HYPERVISOR_ID></SNAPSHOT></TEMPLATE></VM></VMM_DRIVER_ACTION_DATA>"
	deploy_deaf 7 "<interface type='user'><mac address='02:00:c0:a8:00:07'/><model type='virtio'/></interface>"
	ask attach_nic 7 "$request"
	assert_output 'done'
	ask detach_nic 7 "$request"
	assert_output not-done
	ask snapshot_create 7 "$request"
	assert_output not-done
	ask snapshot_delete 7 "$request"
	assert_output 'done'
	ask reset 7
	assert_regex "$output" '^unknown '
	run on "$ACTIONS/outcome" nonsense "$(uuid 7)" x 7 </dev/null
	assert_failure 2
}

@test "without libvirt the outcome is unknown" {
	deploy_deaf 8
	"$LAB" svc node1 crash
	run --separate-stderr on "$ACTIONS/outcome" cancel "$(uuid 8)" x 8 node1 </dev/null
	assert_failure 1
	assert_regex "$(error_message)" '^outcome: .*\[connection\]'
	"$LAB" svc node1 start
	ask cancel 8
	assert_output not-done
}
