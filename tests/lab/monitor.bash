# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154
# monitor.bash - for suites of the monitoring agent: it runs in node1 of a lab, beside a receiver.
IM=/var/tmp/one/im
PERIODS='<STATE_VM>1</STATE_VM><BEACON_HOST>1</BEACON_HOST><MONITOR_VM>2</MONITOR_VM><MONITOR_HOST>2</MONITOR_HOST>'
TOP=$LAB_TOP
CLOCK=()	# variables of the agent's environment

# MONITOR_NODES: of the lab [1]
setup_file() {
	action_setup_file "${MONITOR_NODES:-1}"
	on mkdir -p /var/tmp/one/etc/im/kvm-probes.d
}

setup() {
	HOST=$((100000 + BATS_ROOT_PID % 900000))	# its files in /tmp are the machine's
	cd "$BATS_TEST_TMPDIR" || return
	missing 3
}

teardown() {
	control stop </dev/null
	on sh -c 'if mountpoint -q /var/tmp/one_db; then umount /var/tmp/one_db; fi'
	on rm -f "/var/tmp/one_db/states-$HOST"	# VMs of this test are none of the next one's
	[ -z "${RECEIVER:-}" ] || kill "$RECEIVER" 2>/dev/null || true
	on pkill -CONT libvirtd
	on pkill -CONT qemu-system
	[ -n "${BATS_TEST_COMPLETED:-}" ] || tail -n 40 messages
	lab_clean
}

# missing TIMES [AT_ONCE]: for how many periods a VM must be missing until it is off.
missing() {
	printf ':obsolete: 720\n:times_missing: %s\n:poweroff_at_once: %s\n' "$1" "${2:-no}" |
		on tee /var/tmp/one/etc/im/kvm-probes.d/probe_db.conf >/dev/null
}

# As OpenNebula's run_monitord_client runs it.
control() {
	on env -C $IM/kvm.d "${CLOCK[@]}" ./monitord-client_control.sh "$@" kvm "$HOST" node1
}

# agent [PERIODS]: a receiver in the node, and the agent that sends to it; its answer is in ./answer.
agent() {
	: >messages
	on "$TOP/tests/tools/monitord" "$PWD/port" "$PWD/messages" >receiver.log 2>&1 3>&- &
	RECEIVER=$!
	wait_for test -e port
	start_message "" "${1:-$PERIODS<SYNC_STATE_VM>3600</SYNC_STATE_VM>}" | sed "s/<HOST_ID>7/<HOST_ID>$HOST/" >start
	control <start >answer
}

# answered ELEMENT: what the answer to the start message has in it.
answered() {
	sed -n "s|.*<$1>\(.*\)</$1>.*|\1|p" answer | base64 -d
}

# first TYPE: the first set of that type, in the answer or, when it was not ready then, behind it.
first() {
	if grep -q "<$1>" answer; then
		answered "$1"
	else
		received "[.[] | select(.type == \"$1\")] | first.text"
	fi
}

# told NUMBER STATE: monitord's last word on the VM is STATE, now or soon.
told() {
	received "[.[] | select(.type == \"STATE_VM\" and .result == \"SUCCESS\").text | split(\"\n\")[] | select(test(\"ID=\\\"$1\\\",\"))] |
		last | (. != null and contains(\"STATE=\\\"$2\\\"\"))" >/dev/null
}

# told_all NUMBER: all that monitord was told of that VM, in order; UNKNOWN changes nothing.
told_all() {
	jq -rs "[.[] | select(.type == \"STATE_VM\" and .result == \"SUCCESS\").text | split(\"\n\")[] |
		capture(\"ID=\\\"$1\\\",.*STATE=\\\"(?<s>[A-Z]+)\\\"\").s | select(. != \"UNKNOWN\")] | join(\" \")" messages | tr ' ' '\n' | uniq | tr '\n' ' '
}

# never_told WORD: no state that was ever sent has it.
never_told() {
	never grep -q "STATE_VM.*STATE=..\"$1" messages
	never grep -q "STATE_VM.*$1" <(jq -r 'select(.type == "STATE_VM").text' messages | grep -v MISSING_STATE | sed 's/^/STATE_VM /')
}

# Waits for N more messages of TYPE.
more() {	# TYPE N
	local before
	before=$(jq -s "map(select(.type == \"$1\")) | length" messages)
	received "map(select(.type == \"$1\")) | length >= $before + $2" >/dev/null
}

usage_of() {	# NUMBER: the last usage of that VM
	jq -rs "[.[] | select(.type == \"MONITOR_VM\").text | split(\"\n\")[] | select(test(\"ID=\\\"$1\\\",\"))] | last" messages |
		sed 's/.*MONITOR="\(.*\)"\]/\1/' | base64 -d
}

told_now() {
	[[ $(jq -r 'select(.type == "STATE_VM").text' messages | grep "ID=\"$1\"" | tail -n 1) == *"\"$2\""* ]]
}

# with_disk NUMBER: a guest whose QEMU is asked for figures.
with_disk() {
	on mkdir -p "$(directory "$1")"
	on truncate -s 1M "$(directory "$1")/disk.0"
	deploy_deaf "$1" "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='$(directory "$1")/disk.0'/><target dev='vda' bus='virtio'/></disk>"
}
