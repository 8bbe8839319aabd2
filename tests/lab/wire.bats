# SPDX-License-Identifier: Apache-2.0
# wire.bats - each message of oned that a lab can serve, through one_vmm_exec, with real ssh, libvirt and a
# guest, between two nodes: by relay, and again with transport "direct".
load ../bats/helper
load lab
load driver

setup_file() {
	load ../bats/helper
	load lab
	load driver
	export BUILD
	lab_up 2
	driver_install node1 node2
	for node in node1 node2; do
		lab_exec $node mkdir -p "$LAB_SHARED/113" /var/lib/one/datastores
		lab_exec $node rm -rf /var/lib/one/datastores/113
		lab_exec $node ln -s "$LAB_SHARED/113" /var/lib/one/datastores/113
		printf '%s\n' 'MIGRATE_OPTIONS=--unsafe' QEMU_PROTOCOL=qemu+tcp | lab_exec $node tee /var/tmp/one/etc/vmm/kvm/kvmrc >/dev/null
	done
}

# answer ACTION REPLY [ELEMENT=TEXT]...: sends the action for VM $id on $node and waits for that reply.
answer() {
	local dir=$DRIVER_VM_DIR/$id
	driver_request "$1" "$id" "$node" "DEPLOY_ID=$(uuid_of "$id")" "VM/DEPLOY_ID=$(uuid_of "$id")" "${@:3}" >line
	cat line >&9
	driver_expect "^$1 [A-Z]* $id( |\$)"
	grep -aqE "^$1 ${2/ / $id }\$" out || { grep -a "^LOG\|^$1" out | tail -20; cat err; return 1; }
}

disks() { lab_virsh "$node" domblklist "one-$id" | awk '{ print $1 }' | paste -sd ' '; }

context_of() { echo "TM_COMMAND=CONTEXT qcow2 /etc/hostname $node:$DRIVER_VM_DIR/$id/disk.1 $id 113"; }

# All of a VM's life.
live() {	# ID NODE OTHER-NODE
	local id=$1 node=$2 other=$3 dir=$DRIVER_VM_DIR/$1
	local context=(VM/TEMPLATE/CONTEXT/DISK_ID=1 VM/TEMPLATE/CONTEXT/TARGET=hda DATASTORE/ID=113 DATASTORE/BASE_PATH=/var/lib/one/datastores/113 VM/TEMPLATE/VCPU=1 VM/TEMPLATE/VCPU_MAX=2
		VM/TEMPLATE/MEMORY_MAX=256 VM/TEMPLATE/MEMORY_RESIZE_MODE=BALLOONING)
	driver_prepare "$id" "$node" "${context[@]}"
	driver_start
	answer DEPLOY "SUCCESS $(uuid_of "$id")" "${context[@]}" "$(context_of)"
	lab_wait_console "$node" "one-$id" LAB-READY
	lab_wait_agent "$node" "one-$id"

	DRIVER_MESSAGE=EXEC answer EXEC 'SUCCESS .*' VM/TEMPLATE/QEMU_GA_EXEC/COMMAND="/bin/sh -c 'echo marker >/run/marker'"
	lab_in_guest "$node" "one-$id" 'until [ -e /run/marker ]; do sleep 0.1; done'
	DRIVER_MESSAGE=EXEC answer EXEC_CANCEL 'SUCCESS.*'

	local disk=(DISK_TARGET_PATH="$dir/disk.2" "TM_COMMAND=CLONE.qcow2 qcow2 fe:/img $node:$dir/disk.2 $id 113"
		"TM_COMMAND_ROLLBACK=DELETE.qcow2 qcow2 $node:$dir/disk.2 $id 113")
	DRIVER_MESSAGE=ATTACHDISK answer ATTACHDISK 'SUCCESS .*' "${disk[@]}"
	[[ " $(disks) " == *' sdc '* ]]
	DRIVER_MESSAGE=RESIZEDISK answer RESIZEDISK 'SUCCESS .*' "VM/TEMPLATE/DISK[RESIZE='YES']/TARGET=sdc" \
		"VM/TEMPLATE/DISK[RESIZE='YES']/DISK_ID=2" "VM/TEMPLATE/DISK[RESIZE='YES']/SIZE=96" \
		"TM_COMMAND=RESIZE qcow2 $node:$dir/disk.2 96 $id 113"
	[ "$(lab_virsh "$node" domblkinfo "one-$id" sdc | awk '/Capacity/ { print $2 }')" = $((96 << 20)) ]
	DRIVER_MESSAGE=DISKSNAPSHOTCREATE answer DISKSNAPSHOTCREATE 'SUCCESS.*' "TM_COMMAND=SNAP_CREATE qcow2 $node:$dir/disk.2 0 $id 113"
	DRIVER_MESSAGE=BACKUP answer BACKUP 'SUCCESS snap 64 raw' DATASTORE/DS_MAD=rsync
	DRIVER_MESSAGE=BACKUPCANCEL answer BACKUPCANCEL 'SUCCESS.*' DATASTORE/DS_MAD=rsync
	DRIVER_MESSAGE=SNAPSHOTCREATE answer SNAPSHOTCREATE 'SUCCESS snap-0'
	DRIVER_MESSAGE=SNAPSHOTREVERT answer SNAPSHOTREVERT 'SUCCESS .*'
	DRIVER_MESSAGE=SNAPSHOTREVERT answer SNAPSHOTDELETE 'SUCCESS .*'
	[ -z "$(lab_virsh "$node" snapshot-list --name "one-$id")" ]
	DRIVER_MESSAGE=ATTACHDISK answer DETACHDISK 'SUCCESS .*' "${disk[@]}" "TM_COMMAND=DELETE.qcow2 qcow2 $node:$dir/disk.2 $id 113"
	[[ " $(disks) " != *' sdc '* ]]
	never lab_exec "$node" test -e "$dir/disk.2"

	DRIVER_MESSAGE=ATTACHNIC answer ATTACHNIC 'SUCCESS .*' "${context[@]}" "$(context_of)" DISK_TARGET_PATH="$dir/disk.1"
	lab_virsh "$node" domiflist "one-$id" | grep -q 02:00:0a:01:00:42
	DRIVER_MESSAGE=UPDATENIC answer UPDATENIC 'SUCCESS .*'
	DRIVER_MESSAGE=UPDATESG answer UPDATESG 'SUCCESS .*'
	DRIVER_MESSAGE=ATTACHNIC answer DETACHNIC 'SUCCESS .*' "${context[@]}" "$(context_of)" DISK_TARGET_PATH="$dir/disk.1"
	[[ $(lab_virsh "$node" domiflist "one-$id") != *02:00:0a:01:00:42* ]]
	answer UPDATECONF 'SUCCESS.*' "${context[@]}" "$(context_of)" DISK_TARGET_PATH="$dir/disk.1"
	answer RESIZE 'SUCCESS .*' VM/TEMPLATE/VCPU=2 VM/TEMPLATE/MEMORY=192 VM/TEMPLATE/MEMORY_RESIZE_MODE=BALLOONING
	[ "$(lab_virsh "$node" vcpucount "one-$id" --live --active)" = 2 ]

	answer MIGRATE 'SUCCESS .*' MIGR_HOST="$other" "TM_COMMAND=MIGRATE qcow2 $node $other $dir $id 113" "${context[@]}"
	[ "$(lab_virsh "$other" domstate "one-$id")" = running ]
	[ -z "$(lab_virsh "$node" list --all --name)" ]
	node=$other
	lab_wait_agent "$node" "one-$id"
	lab_in_guest "$node" "one-$id" 'cat /run/marker'

	answer SAVE 'SUCCESS .*' CHECKPOINT_FILE="$dir/checkpoint" "${context[@]}"
	[ -z "$(lab_virsh "$node" list --all --name)" ]
	answer RESTORE 'SUCCESS .*' CHECKPOINT_FILE="$dir/checkpoint" "${context[@]}"
	lab_wait_agent "$node" "one-$id"
	[ "$(lab_in_guest "$node" "one-$id" 'cat /run/marker')" = marker ]
	answer POLL 'SUCCESS STATE=a .*'
	answer SHUTDOWN 'SUCCESS -'
	answer CLEANUP 'SUCCESS.*' "TM_COMMAND=DELETE qcow2 $node:$dir/disk.1 $id 113"
	[ -z "$(lab_virsh "$node" list --all --name)" ]
	never lab_exec "$node" test -e "$dir/disk.1"
}

@test "by relay: deploy, program, disk, snapshots, network, context, size, to the other node, to a file and back, end" {
	live 1 node1 node2
	driver_stop
}

@test "a libvirtd that hangs delays no other host: what is asked of it ends by its deadline" {
	local i begin
	lab_exec fe sed -i "s/poll = 120;/poll = $((8 * PACE));/; s/retry_s = .*/retry_s = 1;/" /etc/one/vmm_exec/vmm_exec.cfg
	driver_start
	for i in 10 20; do
		driver_send "$(driver_request POLL $i "node${i%0}" "DEPLOY_ID=$(uuid_of $i)")"
		driver_expect "^POLL SUCCESS $i STATE=-"
	done
	: >lines
	for i in $(seq 30); do
		driver_request POLL $((200 + i)) node2 "DEPLOY_ID=$(uuid_of $((200 + i)))" >>lines
		driver_request POLL $((100 + i)) node1 "DEPLOY_ID=$(uuid_of $((100 + i)))" >>lines
	done
	lab_exec node2 pkill -STOP libvirtd
	cat lines >&9
	for i in $(seq 30); do
		driver_expect "^POLL FAILURE $((200 + i)) "
	done
	lab_exec node2 pkill -CONT libvirtd
	[ "$(grep -a '^POLL SUCCESS 1.. STATE=-' out | sort -u | wc -l)" -eq 30 ]
	[ "$(grep -a '^POLL' out | tail -n 60 | awk 'NR <= 30 && $3 >= 200' | wc -l)" -eq 0 ]
	begin=$SECONDS
	until grep -aq '^POLL SUCCESS 21 ' out; do
		never late "$begin" 20
		driver_send "$(driver_request POLL 21 node2 "DEPLOY_ID=$(uuid_of 21)")"
		sleep 1
	done
	driver_stop
}

@test "the same with transport direct: only what needs files goes to the nodes, and says so" {
	lab_exec fe sh -c 'echo "host: ( { name = \"*\"; transport = \"direct\"; uri = \"qemu+tcp://%h/system\"; } );" >>/etc/one/vmm_exec/vmm_exec.cfg'
	for node in node1 node2; do
		lab_exec $node sh -c 'cd /var/tmp/one/vmm/kvm && mkdir -p /run/kept && mv shutdown detach_disk attach_nic detach_nic resize exec poll /run/kept'
	done
	live 2 node2 node1
	for step in deploy attach_disk resize_disk SNAPSHOT{CREATE,REVERT,DELETE} migrate save restore; do
		grep -q "^LOG I 2 $step needs files of node[12]: it goes by relay or ssh\$" out
	done
	[ "$(grep -c 'needs files of' out)" -eq 9 ]
	driver_stop
}
