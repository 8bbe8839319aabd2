# SPDX-License-Identifier: Apache-2.0
# monitor.bats - the monitoring agent on a node with guests: what monitord is told is what is true.
bats_require_minimum_version 1.5.0
load lab
load action
load ../bats/monitord
load monitor

# has_gone PID: init may not have taken its status yet.
has_gone() { lab_until node1 5 sh -c "! [ -e /proc/$1 ]"; }

@test "start: all sets come at once, the files have the process; a second start replaces the first; stop ends it" {
	local first second
	deploy_deaf 1
	agent
	[[ $(first SYSTEM_HOST) == *KVM_CPU_MODELS=* ]]
	# From host_check of the set.
	[[ $(first SYSTEM_HOST) == *'KVM_CHECK="'[a-z]* ]]
	[[ $(first SYSTEM_HOST) == *'VHOST_NET="'[a-z]* ]]
	[[ $(answered STATE_VM) == SYNC_STATE=yes$'\n'*'ID="1"'*'STATE="RUNNING"'* ]]
	[[ $(first MONITOR_HOST) == *FREECPU=* ]]
	[[ $(first MONITOR_VM | sed 's/.*MONITOR="\(.*\)"\]/\1/' | base64 -d) == *CPU=*MEMORY=*DISKRDBYTES=* ]]
	first=$(on cat "/tmp/one-monitord-$HOST.pid")
	[ "$first" = "$(on cat /var/tmp/one_db/.monitor_client.pid)" ]
	[ "$(on cat "/proc/$first/cmdline" | tr '\0' ' ')" = "$IM/kvm.d/monitord-client.rb kvm $HOST node1 " ]
	more BEACON_HOST 2
	control <start >answer
	second=$(on cat "/tmp/one-monitord-$HOST.pid")
	[ "$second" != "$first" ]
	has_gone "$first"
	on kill -USR1 "$second"
	received 'any(.type == "SYSTEM_HOST")'
	control stop </dev/null
	has_gone "$second"
	never on test -e "/tmp/one-monitord-$HOST.pid"
}

@test "states are reported as they change: paused, running, off, new" {
	deploy_deaf 1
	agent
	lab_virsh node1 suspend one-1
	told 1 SUSPENDED
	lab_virsh node1 resume one-1
	told 1 RUNNING
	deploy_deaf 2
	told 2 RUNNING
	on kill -9 "$(qemu_pid 2)"
	told 2 POWEROFF
	told 1 RUNNING
}

@test "libvirtd dies and comes back: no VM is reported as off, and all states are reported anew" {
	local pid before
	deploy_deaf 1
	deploy_deaf 2
	agent
	"$LAB" svc node1 crash
	received 'any(.type == "STATE_VM" and .result == "FAILURE")'
	more BEACON_HOST 5
	"$LAB" svc node1 start
	received '[.[] | select(.type == "STATE_VM" and .result == "SUCCESS" and (.text | startswith("SYNC_STATE=yes")))] | length > 0'
	received 'any(.type == "SYSTEM_HOST" and .result == "SUCCESS")'
	never_told POWEROFF
	lab_virsh node1 suspend one-2
	told 2 SUSPENDED
	told 1 RUNNING
	never_told POWEROFF
	# A lost connection leaves nothing behind.
	pid=$(on cat "/tmp/one-monitord-$HOST.pid")
	before=$(on sh -c "ls /proc/$pid/fd | wc -l")
	: >messages
	"$LAB" svc node1 crash
	received 'any(.type == "STATE_VM" and .result == "FAILURE")' >/dev/null
	"$LAB" svc node1 start
	received 'any(.type == "SYSTEM_HOST" and .result == "SUCCESS")' >/dev/null
	lab_until node1 10 sh -c "[ \$(ls /proc/$pid/fd | wc -l) -le $before ]"
}

@test "a paused guest stays paused for monitord while it is saved, restored, created and ended" {
	deaf_xml 1 | on virsh -q -c qemu:///system create --paused /dev/stdin
	agent
	[[ $(answered STATE_VM) == *'ID="1"'*'STATE="SUSPENDED"'* ]]
	on virsh -q -c qemu:///system save one-1 /var/lib/one/local/one-1.save
	told 1 POWEROFF
	on virsh -q -c qemu:///system restore --paused /var/lib/one/local/one-1.save
	told 1 SUSPENDED
	lab_virsh node1 destroy one-1
	told 1 POWEROFF
	never_told RUNNING
	on rm /var/lib/one/local/one-1.save
}

@test "a QEMU hangs: states and usage of all others are on time, that one is marked" {
	with_disk 1
	with_disk 2
	agent
	on kill -STOP "$(qemu_pid 1)"
	lab_virsh node1 suspend one-2
	told 2 SUSPENDED
	lab_virsh node1 resume one-2
	told 2 RUNNING
	received 'any(.type == "MONITOR_VM")'
	until [[ $(usage_of 1) == *MONITOR_ERROR=* ]]; do more MONITOR_VM 1; done
	[[ $(usage_of 1) != *NETRX=* ]]
	until [[ $(usage_of 2) == *NETRX=* ]]; do more MONITOR_VM 1; done
	on kill -CONT "$(qemu_pid 1)"
	until [[ $(usage_of 1) == *NETRX=* ]]; do more MONITOR_VM 1; done
	never_told POWEROFF
}
