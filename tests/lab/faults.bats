#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What dies when, and what becomes of it: tests/lab/FAULTS.md says which test has which cell; here are those that no other suite has.
bats_require_minimum_version 1.5.0
load lab
load action
load ../bats/fail

BUILD=${BUILD:-$LAB_TOP/build/release}
REMOTES=$ACTIONS
FAIL_ON="$LAB exec node1"
DEADLINE=60

setup_file() {
	action_setup_file 2
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	settings MIGRATE_OPTIONS=--unsafe QEMU_PROTOCOL=qemu+tcp VIRSH_RETRIES=1
}

file() {	# NUMBER
	echo "$(directory "$1")/checkpoint"
}

request() {	# NUMBER
	echo "<VM><ID>$1</ID><TEMPLATE><VCPU>1</VCPU><DISK><ATTACH>YES</ATTACH><DISK_ID>3</DISK_ID><TYPE>FILE</TYPE><DRIVER>raw</DRIVER><TARGET>vdb</TARGET></DISK></TEMPLATE></VM>"
}

# deaf NUMBER: one with a disk that can hold snapshots, and one to attach.
deaf() {
	on mkdir -p "$(directory "$1")"
	lab_disk node1 "0/$1/disk.0" 16M
	on truncate -s 1M "$(directory "$1")/disk.3"
	deploy_deaf "$1" "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$(directory "$1")/disk.0'/><target dev='vda' bus='virtio'/></disk>"
}

# do_it NAME NUMBER [OPTION...]: one of the five, on that VM.
do_it() {
	local arguments
	case $1 in
	save) arguments=("one-$2" "$(file "$2")" node1 "$2" node1) ;;
	restore) arguments=("$(file "$2")" node1 "$(uuid "$2")" "$2" node1) ;;
	attach_disk) arguments=("one-$2" "$(directory "$2")/disk.3" vdb 3 x "$2" node1) ;;
	snapshot_create) arguments=("one-$2" 0 "$2" node1) ;;
	migrate) arguments=("one-$2" node2 node1 "$2" node1) ;;
	esac
	run --separate-stderr on "$ACTIONS/$1" "${@:3}" "${arguments[@]}" < <([ "$1" != attach_disk ] || request "$2")
	echo "$1: $status: $stderr"
}

has_disk() {	# NUMBER
	lab_virsh "${2:-node1}" domblklist "one-$1" | grep -q '^ vdb '
}

# where NUMBER: the nodes that it runs on.
where() {
	local node
	for node in node1 node2; do
		[ "$(lab_virsh $node domstate "one-$1" 2>/dev/null)" != running ] || echo -n $node
	done
}

@test "libvirtd is not there when they begin: nothing is done, and the next call does it" {
	local action
	deaf 1
	deaf 2
	do_it save 2
	assert_success
	"$LAB" svc node1 stop
	for action in save attach_disk snapshot_create migrate; do
		do_it $action 1
		assert_failure 1
		assert_regex "$(error_message)" "^$action: cannot connect .*\\[connection\\]"
	done
	do_it restore 2
	assert_failure 1
	assert_regex "$(error_message)" '^restore: cannot connect .*\[connection\]'
	on test -s "$(file 2)"
	"$LAB" svc node1 start
	[ "$(state 1)" = running ]
	do_it restore 2
	assert_success
	[ "$(state 2)" = running ]
	do_it attach_disk 1
	assert_success
}

@test "QEMU is dead when they begin, or dies as soon as they are done: it is reported, and the memory is where it was" {
	local action
	deaf 3
	do_it attach_disk 3
	assert_success
	on kill -KILL "$(qemu_pid 3)"
	lab_wait_gone node1 one-3
	for action in save attach_disk snapshot_create migrate; do
		do_it $action 3
		assert_failure 1
		assert_regex "$(error_message)" "^$action: .*\\[not-found\\]"
	done
	never on test -e "$(file 3)"
	deaf 4
	do_it save 4
	on cp "$(file 4)" "$(file 4).copy"
	do_it restore 4
	assert_success
	on kill -KILL "$(qemu_pid 4)"
	lab_wait_gone node1 one-4
	do_it restore 4
	assert_failure 1
	assert_regex "$(error_message)" '^restore: there is no checkpoint .*\[not-found\]'
}

@test "we are killed when they are about to be done, and after each further call: the next call does what is left" {
	runs() { [ "$(state 5)" = running ]; }
	before() {
		on rm -f "$(file 5)"
		runs || deaf 5
	}
	after() { never runs && on test -s "$(file 5)"; }
	kill_each virDomainSaveFlags save one-5 "$(file 5)" node1 5 node1
	before() { ! runs || do_it save 5 >/dev/null; }
	after() { runs && never on test -e "$(file 5)"; }
	kill_each virDomainRestoreFlags restore "$(file 5)" node1 "$(uuid 5)" 5 node1
	before() {
		! has_disk 5 || act cancel one-5
		runs || deaf 5
	}
	after() { has_disk 5; }
	REQUEST=$(request 5) kill_each virDomainAttachDeviceFlags attach_disk one-5 "$(directory 5)/disk.3" vdb 3 x 5 node1
	act cancel one-5
	deaf 5
	before() {
		lab_virsh node1 snapshot-delete one-5 snap-0 2>/dev/null || true
		on rm -f "$(directory 5)/snap-0.xml"
	}
	after() { [ "$(lab_virsh node1 snapshot-list one-5 --name | xargs)" = snap-0 ] && on test -s "$(directory 5)/snap-0.xml"; }
	kill_each virDomainSnapshotCreateXML snapshot_create one-5 0 5 node1
	act cancel one-5
}

@test "migrate: we are killed when it is about to be done, and after each further call: one copy runs" {
	before() {
		[ "$(where 6)" != node1 ] || return 0
		lab_virsh node2 destroy one-6 2>/dev/null || true
		deaf_xml 6 | lab_create node1
	}
	after() { [ "$(where 6)" = node2 ]; }
	kill_each virDomainMigrate3 migrate one-6 node2 node1 6 node1
}

@test "the connection is cut in the middle: the answer is true, and the next call repairs" {
	local action number
	local -A numbers=([attach_disk]=7 [snapshot_create]=8 [save]=9) pids
	for action in "${!numbers[@]}"; do
		number=${numbers[$action]}
		deaf "$number"
		on kill -STOP "$(qemu_pid "$number")"
		do_it "$action" "$number" --connect qemu+ssh://node1/system >"$action.out" 2>&1 &
		pids[$action]=$!
	done
	lab_until node1 20 sh -c '[ $(pgrep -fc "^ssh .* node1 ") -ge 3 ]'
	sleep 2
	on pkill -KILL -f '^ssh .* node1 '
	# Libvirt is still at work when they look on a new connection: it is not over yet.
	lab_until node1 20 sh -c 'pgrep -f "^ssh .* node1 "' >/dev/null
	sleep 3
	for number in "${numbers[@]}"; do on kill -CONT "$(qemu_pid "$number")"; done
	for action in "${!numbers[@]}"; do
		number=${numbers[$action]}
		wait "${pids[$action]}"
		cat "$action.out"
		case $action:$(sed -n "s/^$action: \([0-9]*\): .*/\1/p" "$action.out") in
		attach_disk:0) has_disk 7 ;;
		attach_disk:1) never has_disk 7 ;;
		snapshot_create:0) lab_virsh node1 snapshot-info one-8 snap-0 ;;
		snapshot_create:1) never lab_virsh node1 snapshot-info one-8 snap-0 ;;
		save:0) never state 9 && on test -s "$(file 9)" ;;
		save:1) [ "$(state 9)" = running ] && never on test -e "$(file 9)" ;;
		*:3) grep -q 'the outcome is unknown' "$action.out" ;;
		*) false ;;
		esac
		do_it "$action" "$number"
		assert_success
	done
	has_disk 7
	[ "$(state 8)" = running ]
	lab_virsh node1 snapshot-info one-8 snap-0
	never state 9
	# In the middle of a restore, or shortly before or after.
	do_it restore 9 --connect qemu+ssh://node1/system >restore.out 2>&1 &
	lab_until node1 10 pgrep -f '^ssh .* node1 ' >/dev/null
	lab_until node1 10 sh -c 'test -s /run/libvirt/qemu/one-9.pid || ! pgrep -x restore' >/dev/null
	on pkill -KILL -f '^ssh .* node1 ' || true
	wait $!
	cat restore.out
	[ "$(state 9)" = running ] || on test -s "$(file 9)"
	do_it restore 9
	assert_success
	[ "$(state 9)" = running ]
	never on test -e "$(file 9)"
}

@test "migrate: the connection to the other host is cut in the middle: the VM stays, and goes the next time" {
	deaf_xml 10 | sed 's|<memory unit=.MiB.>64|<memory unit="MiB">256|' | lab_create node1
	settings 'MIGRATE_OPTIONS="--unsafe --bandwidth 1"' QEMU_PROTOCOL=qemu+ssh
	do_it migrate 10 >migrate.out 2>&1 &
	lab_until node1 20 sh -c 'virsh -q -c qemu:///system domjobinfo one-10 | grep -qi remaining' >/dev/null
	on pkill -KILL -f '^ssh .* node2 '
	wait $!
	cat migrate.out
	grep -q '^migrate: 1:' migrate.out
	grep -q '^migrate: cannot migrate domain one-10: .*\[connection\]' migrate.out
	[ "$(where 10)" = node1 ]
	settings MIGRATE_OPTIONS=--unsafe QEMU_PROTOCOL=qemu+tcp
	do_it migrate 10
	assert_success
	[ "$(where 10)" = node2 ]
}

@test "migrate: the other host's disk gets full in the middle: the VM stays, and goes when there is room" {
	local local=/var/lib/one/local/0
	on mkdir -p $local/11
	on qemu-img create -q -f raw $local/11/disk.0 8M
	on dd if=/dev/urandom of=$local/11/disk.0 bs=1M count=3 conv=notrunc status=none
	lab_exec node2 mkdir -p $local/11
	lab_exec node2 mount -t tmpfs -o size=10m tmpfs $local/11
	deaf_xml 11 "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='$local/11/disk.0'/><target dev='vda' bus='virtio'/></disk>" |
		sed "s|$(directory 11)|$local/11|" | lab_create node1
	echo "<VMM_DRIVER_ACTION_DATA><DISK_TARGET_PATH>$local/11</DISK_TARGET_PATH><VM><ID>11</ID><TEMPLATE/></VM>
		<DATASTORE><BASE_PATH>$local</BASE_PATH><TEMPLATE><SHARED>NO</SHARED></TEMPLATE></DATASTORE></VMM_DRIVER_ACTION_DATA>" >document
	# What brings the small files fills it, after the room was looked at. (Newer QEMUs leave no holes in the copy.)
	printf '%s\n' '#!/bin/sh' "ssh node2 dd if=/dev/zero of=$local/11/fill bs=1M count=9 >&2" 'exec rsync "$@"' | on sh -c 'cat >/run/rsync; chmod +x /run/rsync'
	on touch $local/11/context
	settings MIGRATE_OPTIONS=--unsafe QEMU_PROTOCOL=qemu+tcp RSYNC=/run/rsync
	run --separate-stderr on "$ACTIONS/migrate" one-11 node2 node1 11 node1 <document
	echo "$stderr"
	assert_failure 1
	[ "$(where 11)" = node1 ]
	lab_exec node2 rm -f $local/11/fill
	settings MIGRATE_OPTIONS=--unsafe QEMU_PROTOCOL=qemu+tcp
	run --separate-stderr on "$ACTIONS/migrate" one-11 node2 node1 11 node1 <document
	echo "$stderr"
	assert_success
	[ "$(where 11)" = node2 ]
	act cancel one-11 --connect qemu+tcp://node2/system
	lab_exec node2 umount $local/11
}

@test "the disk is full when they begin: actions that write nothing succeed" {
	deaf 12
	do_it save 12
	on mkdir -p /var/lib/one/local/full
	on mount -t tmpfs -o size=20m tmpfs /var/lib/one/local/full
	on mkdir /var/lib/one/local/full/12
	on mv "$(file 12)" /var/lib/one/local/full/12/checkpoint
	on sh -c 'cat /dev/zero >/var/lib/one/local/full/rest 2>/dev/null' || true
	act restore /var/lib/one/local/full/12/checkpoint node1 "$(uuid 12)" 12 node1
	assert_success
	[ "$(state 12)" = running ]
	never on test -e /var/lib/one/local/full/12/checkpoint
	act cancel one-12
	on umount /var/lib/one/local/full
}
