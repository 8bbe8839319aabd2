# SPDX-License-Identifier: Apache-2.0
# monitor_moves.bats - what monitord is told of guests that migrate from and to its host.
bats_require_minimum_version 1.5.0
load lab
load action
load ../bats/monitord
load monitor
MONITOR_NODES=2

# move FROM TO NUMBER: as the dispatcher has the action do it.
move() {
	run --separate-stderr lab_exec "$1" "$ACTIONS/migrate" "one-$3" "$2" "$1" "$3" "$1" </dev/null
	[ "$status" -eq 0 ] || { echo "$stderr"; return 1; }
}

@test "a guest that comes from another host is at once what it was, and never anything else" {
	settings 'MIGRATE_OPTIONS=--unsafe' QEMU_PROTOCOL=qemu+tcp
	missing 2
	deaf_xml 1 | lab_create node2
	deaf_xml 2 | lab_exec node2 virsh -q -c qemu:///system create --paused /dev/stdin
	agent
	move node2 node1 1
	told 1 RUNNING
	lab_virsh node2 migrate --unsafe one-2 qemu+tcp://node1/system
	told 2 SUSPENDED
	more BEACON_HOST 2
	[ "$(told_all 1 | xargs)" = RUNNING ]
	[ "$(told_all 2 | xargs)" = SUSPENDED ]
}

@test "a guest that goes to another host is never paused, and is off here only when it is gone" {
	settings 'MIGRATE_OPTIONS=--unsafe' QEMU_PROTOCOL=qemu+tcp
	missing 2 yes
	for n in 1 2; do deaf_xml $n | lab_create node1; done
	agent
	# One that cannot be moved stays what it is.
	run lab_virsh node1 migrate --live --unsafe one-2 qemu+tcp://nowhere/system
	[ "$status" -ne 0 ]
	move node1 node2 1
	told 1 POWEROFF
	more BEACON_HOST 2
	never told_now 2 POWEROFF
	never_told SUSPENDED
	# It comes back, and is running at once.
	move node2 node1 1
	told 1 RUNNING
	never_told SUSPENDED
}
