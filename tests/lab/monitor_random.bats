# SPDX-License-Identifier: Apache-2.0
# monitor_random.bats - random events on guests of a node, against a model of what monitord is to be told: each change in
# order, and nothing else. EVENTS=12, GUESTS=4, SEED=1; make monitor-random takes more of them.
bats_require_minimum_version 1.5.0
load lab
load action
load ../bats/monitord
load monitor

# expect GUEST STATE: what monitord is to be told of it next.
expect() {
	state[$1]=$2
	expected[$1]+="$2 "
}

# All that monitord was told of that VM, in order; UNKNOWN changes nothing.
told_all() {
	jq -rs "[.[] | select(.type == \"STATE_VM\" and .result == \"SUCCESS\").text | split(\"\n\")[] |
		capture(\"ID=\\\"$1\\\",.*STATE=\\\"(?<s>[A-Z]+)\\\"\").s | select(. != \"UNKNOWN\")] | join(\" \")" messages | tr ' ' '\n' | uniq | tr '\n' ' '
}

event() {	# GUEST
	local kind=$((RANDOM % 5)) file=/var/lib/one/local/random-$1
	case ${state[$1]} in
	POWEROFF)
		if on test -e "$file" && ((kind % 2)); then
			on virsh -q -c qemu:///system restore --paused "$file"; expect "$1" SUSPENDED
		elif on test -e "$file"; then
			on virsh -q -c qemu:///system restore --running "$file"; expect "$1" RUNNING
		elif ((kind == 3)); then
			deaf_xml "$1" | on virsh -q -c qemu:///system create --paused /dev/stdin; expect "$1" SUSPENDED
		else
			deaf_xml "$1" | lab_create node1; expect "$1" RUNNING
		fi
		on rm -f "$file"
		;;
	RUNNING)
		case $kind in
		0) lab_virsh node1 destroy "one-$1"; expect "$1" POWEROFF ;;
		1) on kill -9 "$(qemu_pid "$1")"; expect "$1" POWEROFF ;;
		2) lab_virsh node1 suspend "one-$1"; expect "$1" SUSPENDED ;;
		3) on kill -TERM "$(qemu_pid "$1")"; expect "$1" POWEROFF ;;	# which takes libvirt a moment
		4) on virsh -q -c qemu:///system save "one-$1" "$file"; expect "$1" POWEROFF ;;
		esac
		;;
	SUSPENDED)
		case $kind in
		0) lab_virsh node1 destroy "one-$1"; expect "$1" POWEROFF ;;
		1) on virsh -q -c qemu:///system save "one-$1" "$file"; expect "$1" POWEROFF ;;
		3) on kill -TERM "$(qemu_pid "$1")"; expect "$1" POWEROFF ;;
		*) lab_virsh node1 resume "one-$1"; expect "$1" RUNNING ;;
		esac
		;;
	esac
}

@test "random events: monitord is told each change, in order, and nothing else" {
	local guests=${GUESTS:-4} i guest
	local -a state expected
	RANDOM=${SEED:-1}
	missing 2 yes
	agent
	for ((guest = 1; guest <= guests; guest++)); do state[guest]=POWEROFF expected[guest]=''; done
	for ((i = 1; i <= ${EVENTS:-12}; i++)); do
		guest=$((1 + RANDOM % guests))
		event $guest
		told $guest "${state[guest]}" || { echo "event $i, SEED=${SEED:-1}: guest $guest"; return 1; }
		if ((i % 40 == 39)); then	# libvirtd dies, and is back
			"$LAB" svc node1 crash
			more BEACON_HOST 1
			"$LAB" svc node1 start
			received '[.[] | select(.type == "STATE_VM")] | last | .result == "SUCCESS" and (.text | startswith("SYNC_STATE=yes"))' >/dev/null
		fi
	done
	for ((guest = 1; guest <= guests; guest++)); do
		run told_all $guest
		[ "$output" = "${expected[guest]}" ] || { echo "guest $guest: told $output; true ${expected[guest]}"; return 1; }
	done
}
