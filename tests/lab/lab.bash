# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# lab.bash - for suites that need real libvirt nodes and guests. A suite calls lab_up in setup_file
# and lab_down in teardown_file; it gets a lab of its own, which ends with bats however that ends.
# In the XML and in the nodes' paths nothing depends on where the lab's state is.

LAB_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LAB=$LAB_TOP/scripts/lab
# What ls and sort say is the same for all who run them.
export LC_ALL=C
# shellcheck disable=SC1091
. "$LAB_TOP/tests/tools/late.bash"
# shellcheck disable=SC1091
. "$LAB_TOP/tests/tools/preload.bash"
# Guests write their console here; the directory is the same in all nodes.
LAB_SHARED=/var/lib/one/shared
LAB_GUEST=/var/lib/one/guest

# lab_up [NODES]
lab_up() {
	export VMM_LAB=$BATS_FILE_TMPDIR/lab LAB_VIRTTYPE
	# Whoever waits for bats must not be a child that bats waits for.
	setsid "$LAB_TOP/tests/lab/down-after" "$BATS_ROOT_PID" </dev/null >/dev/null 2>&1 3>&- 4>&- &
	"$LAB" up "${1:-2}" || return
	LAB_VIRTTYPE=$("$LAB" virttype)
}

lab_down() {
	"$LAB" down
}

# lab_exec NODE COMMAND...
lab_exec() {
	"$LAB" exec "$@"
}

# lab_virsh NODE ARGUMENT...
lab_virsh() {
	"$LAB" exec "$1" virsh -q -c qemu:///system "${@:2}"
}

# lab_console NAME: the file with all that the guest said on its serial console.
lab_console() {
	echo "$LAB_SHARED/$1.console"
}

# lab_serial NAME: the device for a domain's XML (or a VM document's RAW) that writes this file.
lab_serial() {
	echo "<serial type='file'><source path='$(lab_console "$1")' append='on'/></serial>"
}

# lab_guest_xml NAME [DEVICES [CMDLINE [MACHINE]]]: a small domain that boots the lab's guest: 192 MiB,
# one of two vCPUs, agent, virtio-scsi, a NIC on br0. DEVICES is XML to add, CMDLINE kernel words.
lab_guest_xml() {
	cat <<-END
		<domain type='$LAB_VIRTTYPE'><name>$1</name>
		<memory unit='MiB'>192</memory><vcpu current='1'>2</vcpu>
		<os><type arch='x86_64' machine='${4:-pc}'>hvm</type>
		<kernel>$LAB_GUEST/vmlinuz</kernel><initrd>$LAB_GUEST/initrd.img</initrd>
		<cmdline>console=ttyS0 quiet lab.name=$1 ${3:-}</cmdline></os>
		<features><acpi/><apic/></features>
		<devices><emulator>/usr/bin/qemu-kvm-one</emulator>
		<controller type='scsi' model='virtio-scsi'/>
		<interface type='bridge'><source bridge='br0'/><model type='virtio'/></interface>
		$(lab_serial "$1")
		<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
		${2:-}
		</devices></domain>
	END
}

# lab_create NODE: starts the domain whose XML is on stdin.
lab_create() {
	"$LAB" exec "$1" virsh -q -c qemu:///system create /dev/stdin
}

# lab_until NODE SECONDS COMMAND...: repeats the command in the node until it succeeds, at most for
# SECONDS as late() has them; what it printed then is printed, and after the time what it printed last.
lab_until() {
	# shellcheck disable=SC2016
	LATE=$(declare -f late) LATE_PACE=$LATE_PACE "$LAB" exec "$1" bash -c '
		eval "$LATE"
		begin=$SECONDS limit=$1; shift
		until out=$("$@" 2>&1); do
			! late "$begin" "$limit" || { echo "late: $*: $out"; exit 1; }
			sleep 0.1
		done
		[ -z "$out" ] || printf "%s\n" "$out"' lab_until "$2" "${@:3}"
}

# lab_wait_console NODE NAME MARKER [SECONDS [TIMES]]: waits until the console has MARKER (TIMES
# times: after a reboot LAB-READY comes a second time) and prints the line it was last in, from there on.
lab_wait_console() {
	# shellcheck disable=SC2016
	lab_until "$1" "${4:-30}" bash -c 'lines=$(grep -a -o -e "$2.*" "$1") && [ $(wc -l <<<"$lines") -ge "$3" ] && tail -n 1 <<<"$lines"' \
		- "$(lab_console "$2")" "$3" "${5:-1}"
}

# lab_wait_agent NODE NAME [SECONDS]: the agent answers a moment after LAB-READY.
lab_wait_agent() {
	lab_until "$1" "${3:-30}" virsh -q -c qemu:///system qemu-agent-command "$2" '{"execute":"guest-ping"}' >/dev/null
}

# lab_wait_gone NODE NAME [SECONDS]: until libvirt knows no such domain.
lab_wait_gone() {
	# shellcheck disable=SC2016
	lab_until "$1" "${3:-20}" bash -c '! virsh -q -c qemu:///system domid "$1"' - "$2" >/dev/null
}

# lab_start_guest NODE NAME [DEVICES [CMDLINE [MACHINE]]]: starts a guest; returns when its agent answers.
lab_start_guest() {
	lab_guest_xml "${@:2}" | lab_create "$1" && lab_wait_console "$1" "$2" LAB-READY && lab_wait_agent "$1" "$2"
}

# lab_in_guest NODE NAME COMMAND: runs a shell command in the guest through its agent, prints what it
# printed, and returns its exit status.
lab_in_guest() {
	local node=$1 name=$2 pid answer
	pid=$(lab_agent "$node" "$name" guest-exec \
		"$(jq -nc --arg c "$3" '{path: "/bin/sh", arg: ["-c", $c], "capture-output": true}')" | jq .pid) || return
	until answer=$(lab_agent "$node" "$name" guest-exec-status "{\"pid\": $pid}") && [ "$(jq .exited <<<"$answer")" = true ]; do
		[ -n "$answer" ] || return 1
		sleep 0.1
	done
	jq -rj '."out-data" // "" | @base64d' <<<"$answer"
	jq -rj '."err-data" // "" | @base64d' <<<"$answer" >&2
	return "$(jq '.exitcode // 1' <<<"$answer")"
}

# lab_agent NODE NAME COMMAND [ARGUMENTS]: one command of the agent's protocol; prints its answer.
lab_agent() {
	local args=${4:-null}
	lab_virsh "$1" qemu-agent-command "$2" \
		"$(jq -nc --arg c "$3" --argjson a "$args" '{execute: $c} + if $a then {arguments: $a} else {} end')" | jq -c .return
}

# lab_disk NODE FILE SIZE [FORMAT]: makes an empty image; a relative FILE is in the shared directory.
lab_disk() {
	local file=$2
	[[ $file == /* ]] || file=$LAB_SHARED/$file
	"$LAB" exec "$1" qemu-img create -q -f "${4:-qcow2}" "$file" "$3"
}

# lab_logs: the last errors of both libvirtds and the last words of every QEMU.
lab_logs() {
	local node
	for node in node1 node2; do
		echo "--- $node"
		"$LAB" exec $node sh -c 'cd /var/log/libvirt && grep " error : " libvirtd.log | tail -n 5; tail -n 3 qemu/*.log'
	done
}

# lab_clean: ends the guests of all nodes, for a teardown; brings a libvirtd back that a test ended.
# After a failed test it prints the logs first.
lab_clean() {
	local node name
	[ -n "${BATS_TEST_COMPLETED:-}" ] || lab_logs 2>&1
	for node in node1 node2; do
		"$LAB" svc $node start 2>/dev/null || continue
		for name in $(lab_virsh $node list --name); do
			lab_virsh $node destroy "$name" >/dev/null 2>&1
		done
		for name in $(lab_virsh $node list --all --name); do
			lab_virsh $node undefine "$name" --managed-save --snapshots-metadata --nvram >/dev/null 2>&1
		done
	done
	return 0
}
