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
	# The host was away for long: what counts is that it is younger than the request.
	on touch -d '1 hour ago' "$(directory 6)/checkpoint"
	AGE=3700 ask save 6
	assert_output 'done'
	AGE=3500 ask save 6
	assert_regex "$output" '^not-done the VM is gone'
	on touch "$(directory 6)/checkpoint"
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
	assert_output 'repeat the VM still has the device, which its guest may release later'
	ask attach_nic 7 "${request/02:00:c0:a8:00:07/02:00:c0:a8:00:08}"
	assert_output 'not-done the VM does not have the device'
	local pci="<VMM_DRIVER_ACTION_DATA><VM><ID>7</ID><TEMPLATE><PCI><ATTACH>YES</ATTACH><DOMAIN>0000</DOMAIN><BUS>0a</BUS><SLOT>00</SLOT><FUNCTION>1</FUNCTION></PCI></TEMPLATE></VM></VMM_DRIVER_ACTION_DATA>"
	ask attach_nic 7 "$pci"
	assert_output 'not-done the VM does not have the device'
	ask detach_nic 7 "$pci"
	assert_output 'done'
	ask snapshot_create 7 "$request"
	assert_output not-done
	ask snapshot_delete 7 "$request"
	assert_output 'done'
	ask reset 7
	assert_regex "$output" '^unknown '
	run on "$ACTIONS/outcome" nonsense "$(uuid 7)" x 7 </dev/null
	assert_failure 2
}

# cut NUMBER ACTION ARGUMENT...: QEMU hangs when the action's call reaches it, and the action is killed; libvirt
# goes on when QEMU does. stdin is $request.
cut() {
	local number=$1 guest="guest=[o]ne-$1," job qemu
	qemu=$(qemu_pid "$number" 2>/dev/null) || true
	on sh -c "until pkill -STOP -f '$guest'; do :; done" 3>&- &
	[ -z "$qemu" ] || wait $!
	on "$ACTIONS/$2" "${@:3}" <<<"${request:-}" >/dev/null 2>&1 3>&- &
	job=$!
	case ${qemu:+$2} in
	'') lab_until node1 20 pgrep -f "$guest" ;;	# libvirt makes it
	cancel) lab_until node1 20 grep "^ShdPnd:.*[4-7c-f]...$" "/proc/$qemu/status" ;;	# SIGTERM
	*) reached "$number" ;;
	esac
	on pkill -KILL -f "$ACTIONS/$2 "
	wait "$job" || true
}

# asked NUMBER ACTION ANSWER: that is the answer when QEMU goes on while it is asked for.
asked() {
	(sleep 2; on pkill -CONT -f "guest=[o]ne-$1,") 3>&- &
	ask "$2" "$1" "${request:-}"
	wait $!
	[[ $output == "$3"* ]] || { echo "$2: $output"; return 1; }
}

@test "killed while libvirt was at work for it: what comes of that is waited for" {
	local request="<VMM_DRIVER_ACTION_DATA><VM><ID>12</ID><TEMPLATE><NIC><ATTACH>YES</ATTACH><NIC_ID>0</NIC_ID><MODEL>virtio</MODEL><BRIDGE>br0</BRIDGE><MAC>02:00:c0:a8:00:0c</MAC></NIC></TEMPLATE></VM></VMM_DRIVER_ACTION_DATA>" wrong=0 disk
	deploy_deaf 12
	cut 12 attach_nic "$(uuid 12)" 02:00:c0:a8:00:0c br0 virtio bridge one-12-0 12 node1
	asked 12 attach_nic 'done' || wrong=1
	# As an undo does it: no file may be removed that QEMU will open in a moment.
	disk=$(directory 12)/disk.1
	request="<VMM_DRIVER_ACTION_DATA><DISK_TARGET_PATH>$disk</DISK_TARGET_PATH><VM><ID>12</ID><TEMPLATE><DISK><ATTACH>YES</ATTACH><DISK_ID>1</DISK_ID><TYPE>FILE</TYPE><DRIVER>raw</DRIVER><TARGET>vda</TARGET></DISK></TEMPLATE></VM></VMM_DRIVER_ACTION_DATA>"
	on truncate -s 1M "$disk"
	cut 12 attach_disk "$(uuid 12)" "$disk" vda 1 12 node1
	(sleep 2; on pkill -CONT -f "guest=[o]ne-12,") 3>&- &
	act detach_disk "$(uuid 12)" "$disk" vda 1 12 node1
	wait $!
	[ "$status" -ne 0 ]	# its guest never releases what it has
	request=''
	act save "$(uuid 12)" "$(directory 12)/checkpoint" node1 12 node1
	cut 12 restore "$(directory 12)/checkpoint" node1 "$(uuid 12)" 12 node1
	asked 12 restore 'done' || wrong=1
	cut 12 save "$(uuid 12)" "$(directory 12)/checkpoint" node1 12 node1
	asked 12 save 'done' || wrong=1
	deploy_deaf 13
	cut 13 cancel "$(uuid 13)" node1 13 node1
	asked 13 cancel 'done' || wrong=1
	request=$(deaf_xml 14)
	cut 14 deploy "$(directory 14)/deployment.0" node1 14 node1
	request=''
	asked 14 deploy 'done' || wrong=1
	[ $wrong = 0 ]
}

@test "attach_disk: another disk at its target is not the one that was to be attached" {
	local directory request
	directory=$(directory 9)
	request="<VMM_DRIVER_ACTION_DATA><DISK_TARGET_PATH>$directory/disk.1</DISK_TARGET_PATH><VM><ID>9</ID><TEMPLATE><DISK><ATTACH>YES</ATTACH><DISK_ID>1</DISK_ID><TYPE>FILE</TYPE><DRIVER>raw</DRIVER><TARGET>vda</TARGET></DISK></TEMPLATE></VM></VMM_DRIVER_ACTION_DATA>"
	on mkdir -p "$directory"
	lab_disk node1 0/9/other 16M raw
	deploy_deaf 9 "<disk type='file' device='disk'><source file='$directory/other'/><target dev='vda' bus='virtio'/></disk>"
	ask attach_disk 9 "$request"
	assert_output 'not-done the VM has another disk vda'
	on ln -s other "$directory/disk.1"
	ask attach_disk 9 "$request"
	assert_output 'done'
	on rm "$directory/disk.1"
	lab_disk node1 0/9/disk.1 16M raw
	ask attach_disk 9 "$request"
	assert_output 'not-done the VM has another disk vda'
	ask attach_disk 9 "${request/<TYPE>FILE/<SOURCE>one/one-3</SOURCE><TYPE>RBD}"
	assert_output 'not-done the VM has another disk vda'
	ask detach_disk 9 "$request"
	assert_output 'repeat the VM still has the device, which its guest may release later'
}

@test "snapshot_revert: what was done is not done again, which would take from the guest what it wrote since" {
	local request="<VMM_DRIVER_ACTION_DATA><VM><ID>10</ID><TEMPLATE><SNAPSHOT><ACTIVE>YES</ACTIVE><HYPERVISOR_ID>snap-0</HYPERVISOR_ID></SNAPSHOT></TEMPLATE></VM></VMM_DRIVER_ACTION_DATA>"
	on mkdir -p "$(directory 10)"
	lab_disk node1 0/10/disk.0 64M qcow2
	deploy_deaf 10 "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$(directory 10)/disk.0'/><target dev='vda' bus='virtio'/></disk>"
	act snapshot_create "$(uuid 10)" 0 10 node1
	assert_success
	sleep 3
	AGE=1 ask snapshot_revert 10 "$request"
	assert_output not-done
	begin=$SECONDS
	act snapshot_revert "$(uuid 10)" snap-0 10 node1
	assert_success
	AGE=$((SECONDS - begin + 1)) ask snapshot_revert 10 "$request"
	assert_output 'done'
	AGE=$((SECONDS - begin + 1)) ask snapshot_revert 10 "${request/snap-0/snap-1}"
	assert_regex "$output" '^unknown '
	ask snapshot_revert 10 "$request"
	assert_regex "$output" '^unknown '
	lab_virsh node1 destroy one-10
	AGE=$((SECONDS - begin + 1)) ask snapshot_revert 10 "$request"
	assert_output not-done
}

@test "snapshots: what was killed before its file was written, or removed, is done again to its end" {
	local request="<VMM_DRIVER_ACTION_DATA><VM><ID>15</ID><TEMPLATE><SNAPSHOT><ACTIVE>YES</ACTIVE><SNAPSHOT_ID>0</SNAPSHOT_ID><HYPERVISOR_ID>snap-0</HYPERVISOR_ID></SNAPSHOT></TEMPLATE></VM></VMM_DRIVER_ACTION_DATA>" file
	file=$(directory 15)/snap-0.xml
	on mkdir -p "$(directory 15)"
	lab_disk node1 0/15/disk.0 64M qcow2
	deploy_deaf 15 "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$(directory 15)/disk.0'/><target dev='vda' bus='virtio'/></disk>"
	act snapshot_create "$(uuid 15)" 0 15 node1
	assert_success
	ask snapshot_create 15 "$request"
	assert_output 'done snap-0'
	# Without it the VM's next start would not know the snapshot that oned has.
	on mv "$file" "$file.kept"
	ask snapshot_create 15 "$request"
	assert_output "finish $file is not written yet"
	act snapshot_create "$(uuid 15)" 0 15 node1
	assert_success
	assert_output snap-0
	ask snapshot_create 15 "$request"
	assert_output 'done snap-0'
	# Only libvirt has forgotten it: the images and the file have it.
	lab_virsh node1 snapshot-delete one-15 snap-0 --metadata
	ask snapshot_delete 15 "$request"
	assert_output repeat
	act snapshot_delete "$(uuid 15)" snap-0 15 node1
	assert_success
	ask snapshot_delete 15 "$request"
	assert_output 'done'
	[ -z "$(on qemu-img snapshot -U -l "$(directory 15)/disk.0")" ]
}

@test "a VM that ran already when its DEPLOY came is ended by no undo: neither of that DEPLOY nor of an earlier one" {
	local mark
	deaf_xml 11 | on env VMM_DEPLOYMENT=$MARK "$ACTIONS/deploy" "$(directory 11)/deployment.0" node1 11 node1
	for mark in $OTHER $OTHER; do
		deaf_xml 11 | on env VMM_DEPLOYMENT=$mark "$ACTIONS/deploy" "$(directory 11)/deployment.0" node1 11 node1
	done
	DEPLOYMENT=$OTHER ID=$OTHER ask deploy 11
	assert_output "done $(uuid 11)"
	for mark in $OTHER $MARK; do
		run --separate-stderr on env VMM_DEPLOYMENT=$mark "$ACTIONS/cancel" "$(uuid 11)" node1 11 node1
		assert_failure 1
		assert_regex "$(error_message)" '\[exists\]'
	done
	run state 11
	assert_output running
	# One whose deploy ran twice is that DEPLOY's own.
	for mark in $MARK $MARK; do
		deaf_xml 12 | on env VMM_DEPLOYMENT=$mark "$ACTIONS/deploy" "$(directory 12)/deployment.0" node1 12 node1
	done
	run --separate-stderr on env VMM_DEPLOYMENT=$MARK "$ACTIONS/cancel" "$(uuid 12)" node1 12 node1
	assert_success
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
