# SPDX-License-Identifier: Apache-2.0
# limits.bats - each key of group limits: a request above a limit is answered, and the driver continues.
# (line_bytes: one_vmm_exec.bats; host: schedule.bats.)
load helper
load driver

held() {	# what waits until go is there
	stub rem/vmm/kvm/reset 'until [ -e go ]; do sleep 0.02; done'
}

@test "limits.queue: an action above the limit fails at once" {
	configure 'limits: { queue = 3; };'
	held
	start '-t 1 kvm'
	send "$(request RESET 1)"
	wait_for grep -q reset calls
	many RESET 2 6 >lines
	cat lines >&9
	expect '^RESET FAILURE 5 too many actions wait already \(limits.queue\)$'
	expect '^RESET FAILURE 6 too many actions wait already'
	touch var/go
	for id in {1..4}; do expect "^RESET SUCCESS $id "; done
	finish
}

@test "limits.waiting_bytes: large documents do not fill the memory; there is room again when they have run" {
	configure 'limits: { waiting_bytes = 65536; };'
	held
	start '-t 1 kvm'
	send "$(request RESET 1)"
	wait_for grep -q reset calls
	many RESET 2 30 >lines
	cat lines >&9
	expect '^RESET FAILURE 30 too large actions wait already \(limits.waiting_bytes\)$'
	[ "$(grep -c '^RESET FAILURE' out)" -lt 29 ]
	send 'DRIVER_CANCEL  2 '
	touch var/go
	expect '^RESET SUCCESS 3 '
	wait_for eval '[ $(($(grep -c "^RESET" out) + 1)) -eq 30 ]'
	send "$(request RESET 40)"
	expect '^RESET SUCCESS 40 '
	finish
}

@test "limits.children: idle connections are closed before there are more processes" {
	configure 'transport = "relay"; limits: { children = 4; };'
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	start '-t 2 kvm -p'
	for host in {1..12}; do many RESET "$host" "$host" "host-$host"; done >lines
	cat lines >&9
	for id in {1..12}; do expect "^RESET SUCCESS $id "; done
	[ "$(pgrep -cP "$driver_pid")" -le 6 ]
	finish
}

@test "limits.descriptors: with few of them actions wait for their turn, none fails for want of one" {
	configure 'limits: { descriptors = 64; };'
	mkdir -p var/remotes/vmm/kvm
	stub var/remotes/vmm/kvm/reset 'echo >>"$ONE_LOCATION/at-work"; until [ -e go ]; do sleep 0.02; done'
	start '-l reset -t 60 kvm -p'
	[ "$(awk '/^Max open files/ { print $4 }' "/proc/$driver_pid/limits")" = 64 ]
	many RESET 1 40 >lines
	cat lines >&9
	wait_for eval '[ "$(wc -l <at-work)" -ge 3 ]'
	touch var/go
	for id in {1..40}; do expect "^RESET SUCCESS $id "; done
	finish
}

@test "24 descriptors in all: idle connections make room, by relay and ssh; twelve hosts and a DEPLOY work" {
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	printf '#!/bin/bash\nulimit -n 24\nexec "%s" "$@"\n' "$DRIVER" >driver
	chmod +x driver
	DRIVER=$PWD/driver
	for way in relay ssh; do
		configure "transport = \"$way\";"
		start '-t 15 kvm -p'
		[ "$(awk '/^Max open files/ { print $5 }' "/proc/$driver_pid/limits")" = 24 ]
		for host in {1..12}; do many RESET "$host" "$host" "host-$host"; done >lines
		cat lines >&9
		for id in {1..12}; do expect "^RESET SUCCESS $id "; done
		send "$(deploy_request 306)"
		expect '^DEPLOY SUCCESS 306 '
		cat lines >&9
		for id in {1..12}; do wait_for eval "[ \"\$(grep -c '^RESET SUCCESS $id ' out)\" -eq 2 ]"; done
		never grep -q 'Too many open files' out err
		finish
	done
}

@test "limits.output_bytes, limits.info_bytes: the middle of too long an output is left out" {
	configure 'limits: { output_bytes = 8192; info_bytes = 128; };'
	stub rem/vmm/kvm/reset '{ echo first cause; yes | head -c 3000000; echo last word; } >&2; exit 1'
	stub rem/vmm/kvm/poll 'yes x | head -c 3000000'
	start
	send "$(request RESET 1)"
	expect '^RESET FAILURE 1 first cause.*last word$'
	send "$(request POLL 2)"
	expect '^POLL SUCCESS 2 x x '
	finish
	[ "$(grep -a '^RESET' out | wc -c)" -le 150 ]
	[ "$(grep -a '^POLL' out | wc -c)" -le 150 ]
	[ "$(wc -c <out)" -lt 30000 ]
}

@test "hosts.silent_s of an earlier version's file does no harm" {
	configure 'hosts: { silent_s = 3; failures = 2; };'
	start
	send "$(request RESET 1)"
	expect '^RESET SUCCESS 1 '
	finish
}
