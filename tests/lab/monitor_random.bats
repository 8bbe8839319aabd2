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

# told_after GUEST SINCE: ms from then until monitord was told of it last; 0: it was before.
told_after() {
	tail -n 200 messages | jq -rs "[.[] | select(.type == \"STATE_VM\" and (.text | test(\"ID=\\\"$1\\\",\")))] | last.at * 1000 - $2 | floor | if . < 0 then 0 else . end"
}

# figures FILE: how many, the median, and the longest.
figures() {
	sort -n "$1" | awk '{ v[NR] = $1 } END { if (NR) printf "%d, median %d ms, 99 %% %d ms, longest %d ms", NR, v[int((NR + 1) / 2)], v[int(NR * 0.99 + 0.5)], v[NR] }'
}

event() {	# GUEST; WHEN: whether libvirt says why a guest is off, or it must be missing for some periods
	local kind=$((RANDOM % 5)) file=/var/lib/one/local/random-$1
	when=at_once
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
		0) lab_virsh node1 destroy "one-$1"; when=missing; expect "$1" POWEROFF ;;
		1) on kill -9 "$(qemu_pid "$1")"; expect "$1" POWEROFF ;;
		2) lab_virsh node1 suspend "one-$1"; expect "$1" SUSPENDED ;;
		3) on kill -TERM "$(qemu_pid "$1")"; expect "$1" POWEROFF ;;	# which takes libvirt a moment
		4) on virsh -q -c qemu:///system save "one-$1" "$file"; when=missing; expect "$1" POWEROFF ;;
		esac
		;;
	SUSPENDED)
		case $kind in
		0) lab_virsh node1 destroy "one-$1"; when=missing; expect "$1" POWEROFF ;;
		1) on virsh -q -c qemu:///system save "one-$1" "$file"; when=missing; expect "$1" POWEROFF ;;
		3) on kill -TERM "$(qemu_pid "$1")"; expect "$1" POWEROFF ;;
		*) lab_virsh node1 resume "one-$1"; expect "$1" RUNNING ;;
		esac
		;;
	esac
}

@test "random events: monitord is told each change, in order, and nothing else" {
	local guests=${GUESTS:-4} i guest when since
	local -a state expected
	touch at_once missing
	RANDOM=${SEED:-1}
	missing 2 yes
	agent
	for ((guest = 1; guest <= guests; guest++)); do state[guest]=POWEROFF expected[guest]=''; done
	for ((i = 1; i <= ${EVENTS:-12}; i++)); do
		guest=$((1 + RANDOM % guests))
		event $guest
		since=$(date +%s%3N)
		told $guest "${state[guest]}" || { echo "event $i, SEED=${SEED:-1}: guest $guest"; return 1; }
		told_after $guest "$since" >>$when
		if ((i % 40 == 39)); then	# libvirtd dies, and is back
			"$LAB" svc node1 crash
			more BEACON_HOST 1
			"$LAB" svc node1 start
			received '[.[] | select(.type == "STATE_VM")] | last | .result == "SUCCESS" and (.text | startswith("SYNC_STATE=yes"))' >/dev/null
		fi
	done
	echo "# told after the change: $(figures at_once); off by being missing for two periods of 1 s: $(figures missing)" >&3
	for ((guest = 1; guest <= guests; guest++)); do
		run told_all $guest
		[ "$output" = "${expected[guest]}" ] || { echo "guest $guest: told $output; true ${expected[guest]}"; return 1; }
	done
}
