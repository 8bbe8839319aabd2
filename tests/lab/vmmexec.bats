#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# vmmexec on real nodes: a VM's life by hand, without a line of XML.
bats_require_minimum_version 1.5.0
load lab
load action

setup_file() {
	action_setup_file 2
	on mkdir -p "$(directory 1)"
	start node1 1
}

teardown() {
	keep_guests
}

# by_hand OPERAND...: as an administrator on node1.
by_hand() {
	run --separate-stderr on "${BUILD:-$LAB_TOP/build/release}/drivers/vmmexec/vmmexec" "$@"
}

in_guest() {	# COMMAND
	lab_in_guest "${2:-node1}" one-1 "$1"
}

@test "vmmexec: list, show and exec" {
	by_hand list
	assert_success
	assert_line --regexp '^one-1  running +[0-9.]+% +[0-9.]+ MiB '
	by_hand show 1
	assert_line --regexp '^Memory +[0-9.]+ MiB used, 192.0 MiB at most$'
	assert_line --regexp '^NIC .*br0'
	by_hand show 1 --json
	[ "$(jq -r '.vms[0] | (.memory_kib > 1000 and .vcpus == 2 and .uptime_s >= 0)' <<<"$output")" = true ]
	by_hand exec 1 -- echo 'a  b' "\$(id)"
	assert_output "a  b \$(id)"
}

@test "vmmexec: a disk and a NIC come and go, with no XML" {
	on rm -f "$(directory 1)/x.qcow2"
	on qemu-img create -q -f qcow2 "$(directory 1)/x.qcow2" 8M
	by_hand attach-disk one-1 --file "$(directory 1)/x.qcow2"
	assert_success
	by_hand show 1
	assert_line --regexp "^Disk +vda  $(directory 1)/x.qcow2  qcow2  virtio"
	[ "$(in_guest 'for i in $(seq 100); do [ -e /sys/block/vda ] && break; usleep 300000; done; cat /sys/block/vda/size')" = 16384 ]
	by_hand attach-disk 1 --file "$(directory 1)/x.qcow2"
	assert_failure 1
	assert_regex "$stderr" "vmmexec: attach-disk: cannot attach $(directory 1)/x.qcow2 to domain one-1: domain one-1 uses it for its disk vda \\[busy\\]"
	by_hand update-disk 1 vda --limit total_iops_sec=500 --limit read_bytes_sec=50M
	assert_success
	run lab_virsh node1 blkdeviotune one-1 vda
	assert_line --regexp '^total_iops_sec *: 500$'
	assert_line --regexp '^read_bytes_sec *: 52428800$'
	by_hand update-disk 1 vda --limit write_bytes_sec=1M
	assert_success
	run lab_virsh node1 blkdeviotune one-1 vda
	assert_line --regexp '^total_iops_sec *: 0$'
	assert_line --regexp '^write_bytes_sec *: 1048576$'
	by_hand resize-disk 1 vda 16M
	assert_success
	# 16 MiB times 512 is 8 GiB.
	for words in '' --dry-run --json; do
		# shellcheck disable=SC2086
		by_hand resize-disk 1 vda 8193M $words
		assert_failure 1
		assert_regex "$stderr$output" 'cannot make disk vda of domain one-1 so large: 8\.0 GiB is more than 512 times its 16\.0 MiB'
	done
	[ "$(in_guest 'cat /sys/block/vda/size')" = 32768 ]
	by_hand resize-disk 1 vda 8G
	assert_success
	on truncate -s 1M "$(directory 1)/y.img"
	by_hand attach-disk 1 --file "$(directory 1)/y.img" --target vdb
	assert_success
	by_hand resize-disk 1 vdb 1G --large
	assert_success
	[ "$(on stat -c %s "$(directory 1)/y.img")" -eq 1073741824 ]
	by_hand detach-disk 1 vdb
	assert_success
	by_hand detach-disk 1 vda
	assert_success
	by_hand attach-nic 1 --bridge br0 --mac 02:00:00:00:00:77
	assert_success
	by_hand show 1
	assert_line --regexp '^NIC +02:00:00:00:00:77  br0  virtio'
	# The lab's kernel cannot shape traffic; what would be set is told.
	by_hand update-nic 1 02:00:00:00:00:77 --limit inbound_avg_bw=10M --dry-run
	assert_success
	assert_output 'dry-run: would set inbound.average of 02:00:00:00:00:77 to 10240'
	by_hand detach-nic 1 02:00:00:00:00:77
	assert_success
	by_hand show 1
	refute_output --partial 02:00:00:00:00:77
}

@test "vmmexec: resize takes a size" {
	by_hand resize 1 --vcpus 2
	assert_success
	by_hand resize 1 --memory 160M
	assert_success
	lab_until node1 20 sh -c "virsh -q -c qemu:///system dommemstat one-1 | grep -x 'actual $((160 * 1024))'"
}

@test "vmmexec: save to its directory and restore, each with a bar on a terminal" {
	in_guest 'echo here >/run/mark'
	run on script -qec "${BUILD:-$LAB_TOP/build/release}/drivers/vmmexec/vmmexec save 1" /dev/null
	assert_success
	assert_output --regexp "one-1: saved to $(directory 1)/checkpoint.* \([0-9.]+ s\)"
	run state 1
	assert_failure
	by_hand restore "$(directory 1)/checkpoint"
	assert_success
	lab_wait_agent node1 one-1
	[ "$(in_guest 'cat /run/mark')" = here ]
}

@test "restore: tells how much of the checkpoint QEMU has read" {
	local slow=/var/lib/one/slow
	on mkdir -p $slow /var/lib/one/local/slow
	on bindfs --write-rate=40M --read-rate=20M /var/lib/one/local/slow $slow
	on mkdir -p $slow/1
	by_hand save 1 $slow/1/checkpoint
	assert_success
	on umount $slow		# what was written is in the cache of that mount
	# Slow enough for several looks at it, on any machine.
	on bindfs --read-rate=8M /var/lib/one/local/slow $slow
	act restore --json --progress $slow/1/checkpoint
	assert_success
	# The first look may come before QEMU has the file.
	jq -se '[.[] | select(.progress.total_bytes > 0) | .progress] | (length > 1) and all(.total_bytes > 1048576 and .remaining_bytes <= .total_bytes) and
		any(.remaining_bytes < .total_bytes)' <<<"$output"
	[ "$(tail -n 1 <<<"$output" | jq -r .outcome)" = done ]
	lab_wait_agent node1 one-1
	on umount $slow
}

@test "vmmexec: migrate there, and back through ssh" {
	by_hand migrate 1 node2
	assert_success
	by_hand list --names
	assert_output ''
	by_hand list --names --host node2
	assert_output one-1
	by_hand migrate 1 node1 --host node2
	assert_success
	by_hand show 1
	assert_success
	by_hand cancel 1
	assert_success
	by_hand list --names
	assert_output ''
}
