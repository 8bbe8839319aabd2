# SPDX-License-Identifier: Apache-2.0
# monitor_faults.bats - what monitord is told while something hangs, ends or is away. make monitor-faults runs it.
bats_require_minimum_version 1.5.0
load lab
load action
load ../bats/monitord
load monitor

@test "start: OpenNebula's own agent is ended" {
	printf 'import time\ntime.sleep(1000)\n' | on tee $IM/kvm.d/monitord-client.rb >/dev/null
	on env -C / setsid python3 $IM/kvm.d/monitord-client.rb kvm "$HOST" node1 >/dev/null 2>&1 3>&- &
	lab_until node1 10 pgrep -f "monitord-client.rb kvm $HOST node1" >old
	agent
	never on test -e "/proc/$(head -n 1 old)"
	more BEACON_HOST 1
	on rm $IM/kvm.d/monitord-client.rb
}

@test "start: without libvirt it fails, and says why" {
	"$LAB" svc node1 stop
	run --separate-stderr agent
	assert_failure
	[[ $stderr == *'cannot watch this host'*'[connection]'* ]]
	never on test -e "/tmp/one-monitord-$HOST.pid"
	"$LAB" svc node1 start
}

@test "start: with a full /var/tmp the host is watched, and says what it cannot write" {
	on mkdir -p /var/tmp/one_db
	on mount -t tmpfs -o size=64k,mode=755 none /var/tmp/one_db
	on sh -c 'dd if=/dev/zero of=/var/tmp/one_db/full bs=4k 2>/dev/null || true'
	deploy_deaf 1
	agent
	[[ $(answered STATE_VM) == *'ID="1"'*RUNNING* ]]
	lab_virsh node1 suspend one-1
	told 1 SUSPENDED
	received 'any(.type == "SYSTEM_HOST" and (.text | contains("MONITOR_ERROR=\"cannot write /var/tmp/one_db/.monitor_client.pid: No space left on device")))' >/dev/null
	on rm /var/tmp/one_db/full
	lab_until node1 20 grep -q . /var/tmp/one_db/.monitor_client.pid
	lab_until node1 20 grep -q "^1 " "/var/tmp/one_db/states-$HOST"
	control stop </dev/null
	on umount /var/tmp/one_db
}

@test "a guest that ends by itself is off at once, if probe_db.conf wants it so; one that was destroyed is not" {
	missing 1000 yes
	deaf_xml 1 | lab_create node1
	deaf_xml 2 | lab_create node1
	agent
	on kill -9 "$(qemu_pid 1)"
	told 1 POWEROFF
	lab_virsh node1 destroy one-2
	more BEACON_HOST 3
	never told_now 2 POWEROFF
}

@test "the state of a VM that an action works on is not reported until the action ends" {
	local lock
	missing 2 yes
	deaf_xml 1 | lab_create node1
	agent
	lock=/run/one/vm-locks/$(printf one-1 | sha256sum | cut -d' ' -f1)
	on install -d -m 700 /run/one /run/one/vm-locks
	on flock "$lock" sh -c 'until [ -e /run/free ]; do sleep 0.1; done' 3>&- &
	lab_until node1 10 sh -c "! flock -n $lock true"
	lab_virsh node1 destroy one-1
	more BEACON_HOST 5
	never_told POWEROFF
	deaf_xml 2 | lab_create node1
	told 2 RUNNING
	on touch /run/free
	told 1 POWEROFF
	on rm -f /run/free
}

@test "the passphrase of a TPM leaves libvirt when its guest has ended by itself, and no other one does" {
	local n lock
	secret() {	# NUMBER DESCRIPTION [USAGE]
		printf "<secret ephemeral='yes' private='yes'><description>%s</description><uuid>%s</uuid><usage type='vtpm'><name>%s-%s</name></usage></secret>" \
			"$2" "$(uuid "$1")" "${3:-vmmexec-tpm}" "$(uuid "$1")" | on tee /run/secret.xml >/dev/null
		lab_virsh node1 secret-define /run/secret.xml
	}
	has_secret() {	# NUMBER
		lab_virsh node1 secret-list | grep -q "$(uuid "$1")"
	}
	for n in 1 2 3; do
		on mkdir -p "$(directory $n)"
		on tee "$(directory $n)/vm.xml" >/dev/null <<<"<VM><ID>$n</ID><TEMPLATE><TPM><MODEL>tpm-crb</MODEL><SECRET_MODE>user</SECRET_MODE></TPM></TEMPLATE></VM>"
		deaf_xml $n "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>" | sed "s|machine='pc'|machine='q35'|" | deploy_xml $n
		has_secret $n
	done
	deaf_xml 4 | on tee /run/defined.xml >/dev/null
	lab_virsh node1 define /run/defined.xml
	secret 4 'started one-4'
	secret 5 'starting one-5'
	secret 6 'started one-6'
	secret 7 'started one-7' another
	lock=/run/one/vm-locks/$(printf one-6 | sha256sum | cut -d' ' -f1)
	on flock "$lock" sh -c 'until [ -e /run/free ]; do sleep 0.1; done' 3>&- &
	lab_until node1 10 sh -c "! flock -n $lock true"
	lab_virsh node1 suspend one-2
	agent
	for n in 1 2 3 4 5 6 7; do has_secret $n; done
	on kill -KILL "$(qemu_pid 1)"
	lab_wait_gone node1 one-1
	on kill -USR1 "$(on cat "/tmp/one-monitord-$HOST.pid")"
	n=$SECONDS
	while has_secret 1; do ! late "$n" 20 || return 1; sleep 0.1; done
	for n in 2 3 4 5 6 7; do has_secret $n; done
	on touch /run/free
	lab_until node1 10 flock -n "$lock" true
	on kill -USR1 "$(on cat "/tmp/one-monitord-$HOST.pid")"
	n=$SECONDS
	while has_secret 6; do ! late "$n" 20 || return 1; sleep 0.1; done
	for n in 2 3 4 5 7; do has_secret $n; done
	on rm -f /run/free
	lab_virsh node1 undefine one-4
	for n in 4 5 7; do lab_virsh node1 secret-undefine "$(uuid $n)"; done
	for n in 1 2 3; do on rm -r "$(directory $n)"; done
}

@test "libvirtd hangs: the host's own sets go on, nothing is off" {
	deploy_deaf 1
	agent
	on pkill -STOP -x libvirtd
	more BEACON_HOST 3
	more MONITOR_HOST 1
	never_told POWEROFF
	on pkill -CONT -x libvirtd
	lab_virsh node1 suspend one-1
	told 1 SUSPENDED
}

@test "a wild guest of any name is told at once, and no state of it" {
	agent
	deaf_xml 1 | sed 's|<name>one-1<|<name>a "b" $(id) é<|' | lab_create node1
	received 'any(.type == "SYSTEM_HOST" and (.text | contains("VM_NAME=\"a \\\"b\\\" $(id) é\"")))'
	lab_virsh node1 destroy 'a "b" $(id) é'
	received '[.[] | select(.type == "SYSTEM_HOST")] | last.text | contains("VM_NAME") | not'
	never grep -q 'ID=..-1..,.*STATE=' messages
}

@test "monitord is away and back: it is told what is true then" {
	local port
	deploy_deaf 1
	agent
	port=$(cat port)
	on pkill -f "tools/monitord $PWD/port"
	lab_virsh node1 suspend one-1
	deploy_deaf 2
	on env PORT="$port" "$TOP/tests/tools/monitord" "$PWD/port" "$PWD/messages" >receiver.log 2>&1 3>&- &
	RECEIVER=$!
	told 1 SUSPENDED
	told 2 RUNNING
}

@test "a VM that starts and ends again and again is never off while it comes back in time" {
	local i
	missing 3 yes
	agent
	for i in $(seq 10); do
		deaf_xml 1 | lab_create node1
		lab_virsh node1 destroy one-1
	done
	deaf_xml 1 | lab_create node1
	told 1 RUNNING
	never_told POWEROFF
}

# lock_of NUMBER: the file that an action holds while it works on that VM.
lock_of() {
	echo "/run/one/vm-locks/$(printf 'one-%s' "$1" | sha256sum | cut -d' ' -f1)"
}

# CYCLES=20, GUESTS=4; make monitor-faults takes 100 of 20 guests.
@test "VMs start and end again and again while an action holds them: nothing is told until it ends, and then the truth" {
	local guests=${GUESTS:-4} i n
	missing 2 yes
	agent
	for ((n = 1; n <= guests; n++)); do deaf_xml "$n" | lab_create node1; done
	for ((n = 1; n <= guests; n++)); do told "$n" RUNNING; done
	on install -d -m 700 /run/one /run/one/vm-locks
	for ((n = 1; n <= guests; n++)); do
		on flock "$(lock_of "$n")" sh -c 'until [ -e /run/free ]; do sleep 0.1; done' 3>&- &
		lab_until node1 10 sh -c "! flock -n $(lock_of "$n") true"
	done
	: >messages
	for ((i = 0; i < ${CYCLES:-20}; i++)); do
		n=$((1 + i % guests))
		lab_virsh node1 destroy "one-$n"
		deaf_xml "$n" | lab_create node1
	done
	for ((n = 1; n <= guests; n += 2)); do lab_virsh node1 destroy "one-$n"; done
	more BEACON_HOST 4
	for ((n = 1; n <= guests; n++)); do [ -z "$(told_all "$n" | xargs)" ] || { told_all "$n"; return 1; }; done
	on touch /run/free
	for ((n = 1; n <= guests; n += 2)); do told "$n" POWEROFF; done
	more BEACON_HOST 3
	for ((n = 2; n <= guests; n += 2)); do never told_now "$n" POWEROFF; done
	on rm -f /run/free
}

# How many connections the agent has to libvirtd.
connections() {
	on ss -Hxp | grep '^u_str' | grep -c "pid=$(on cat "/tmp/one-monitord-$HOST.pid"),"
}

is_as_before() {	# N
	[ "$(connections)" -le "$1" ]
}

@test "QEMUs hang together: the connections given up for their calls are closed when these return" {
	local n before
	for n in 1 2 3 4; do with_disk $n; done
	agent
	until [[ $(usage_of 4) == *NETRX=* ]]; do more MONITOR_VM 1; done
	before=$(connections)
	[ "$before" -ge 2 ]
	for n in 1 2 3; do on kill -STOP "$(qemu_pid $n)"; done
	for n in 1 2 3; do until [[ $(usage_of $n) == *MONITOR_ERROR=* ]]; do more MONITOR_VM 1; done; done
	[ "$(connections)" -gt "$before" ]
	for n in 1 2 3; do on kill -CONT "$(qemu_pid $n)"; done
	for n in 1 2 3; do until [[ $(usage_of $n) == *NETRX=* ]]; do more MONITOR_VM 1; done; done
	n=$SECONDS
	until is_as_before "$before"; do ! late "$n" 20 || return 1; sleep 0.2; done
}

@test "QEMUs hang one after the other: the usage of all others goes on" {
	local n
	for n in 1 2 3 4 5 6 7 8; do with_disk $n; done
	agent
	for n in 1 2 3 4 5 6 7; do
		on kill -STOP "$(qemu_pid $n)"
		until [[ $(usage_of $n) == *MONITOR_ERROR=* ]]; do more MONITOR_VM 1; done
		[[ $(usage_of 8) == *NETRX=* ]]
	done
	more MONITOR_VM 2
	[[ $(usage_of 8) == *NETRX=* ]]
	# What the host is goes on, too: asked for, and when a wild guest comes, whose QEMU then hangs as well.
	: >messages
	on kill -USR1 "$(on cat "/tmp/one-monitord-$HOST.pid")"
	received 'any(.type == "SYSTEM_HOST" and .result == "SUCCESS" and (.text | contains("KVM_CPU_MODELS=")))'
	deaf_xml 9 | sed 's|<name>one-9<|<name>wild<|' | lab_create node1
	received 'any(.type == "SYSTEM_HOST" and .result == "SUCCESS" and (.text | contains("VM_NAME=\"wild\"")))'
	on kill -STOP "$(on cat /run/libvirt/qemu/wild.pid)"
	: >messages
	on kill -USR1 "$(on cat "/tmp/one-monitord-$HOST.pid")"
	received 'any(.type == "SYSTEM_HOST" and .result == "SUCCESS" and (.text | contains("VM_NAME=\"wild\"")))'
	never grep -q '"type": "SYSTEM_HOST", "result": "FAILURE"' messages
	on kill -CONT "$(on cat /run/libvirt/qemu/wild.pid)"
	for n in 1 2 3 4 5 6 7; do on kill -CONT "$(qemu_pid $n)"; done
	for n in 1 7; do until [[ $(usage_of $n) == *NETRX=* ]]; do more MONITOR_VM 1; done; done
}
