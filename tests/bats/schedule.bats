# SPDX-License-Identifier: Apache-2.0
# schedule.bats - who runs when: order, overtaking, hosts that do not answer, what is tried again.
load helper
load driver

setup() {
	driver_setup
	for a in pre post clean; do stub "rem/vnm/802.1Q/$a"; done
}

# A host whose ssh hangs as long as the file hang-HOST is there.
freezable() {
	sed -i 's|^shift$|shift; echo "$ON_HOST" >>"$ONE_LOCATION/connected"; while [ -e "$ONE_LOCATION/hang-$ON_HOST" ]; do sleep 0.05; done|' bin/ssh
}

@test "CANCEL overtakes a waiting SHUTDOWN of the same VM, but no other's" {
	stub rem/vmm/kvm/reset 'until [ -e go ]; do sleep 0.02; done'
	start '-t 15 kvm'
	send "$(request RESET 7)"
	wait_for grep -q reset calls
	send "$(request SHUTDOWN 306)"
	send "$(request SHUTDOWN 307)"
	send "$(request CANCEL 307)"
	touch var/go
	expect '^SHUTDOWN SUCCESS 307 -$'
	finish
	[ "$(awk '/kvm\/(shutdown|cancel)/ { print $2, $5 }' calls | sed 's|rem/vmm/kvm/||' | tr '\n' ' ')" = \
		'shutdown 306 cancel 307 shutdown 307 ' ]
}

@test "a VM's actions keep their order also without -p and on two hosts" {
	stub rem/vmm/kvm/reset 'until [ -e go ]; do sleep 0.02; done'
	start '-t 15 kvm'
	send "$(request RESET 306 host-a)"
	send "$(request REBOOT 306 host-b)"
	send "$(request REBOOT 9 host-b)"
	expect '^REBOOT SUCCESS 9 -$'
	never grep -q '^REBOOT SUCCESS 306' out
	touch var/go
	expect '^REBOOT SUCCESS 306 -$'
	finish
}

@test "without -p a MIGRATE holds its source and not its destination; no host waits for another" {
	mkdir -p var/remotes/tm/qcow2
	for s in premigrate postmigrate failmigrate; do stub "var/remotes/tm/qcow2/$s"; done
	stub rem/vmm/kvm/migrate 'until [ -e go ]; do sleep 0.02; done'
	stub rem/vmm/kvm/reboot 'until [ -e go ]; do sleep 0.02; done'
	start '-t 2 kvm'
	send "$(request MIGRATE 1 host-b)"
	send "$(request RESET 2 host-b)"
	wait_for grep -q kvm/migrate calls
	send "$(request RESET 3 host-a)"
	expect '^RESET SUCCESS 3 '
	never grep -q '^RESET .* 2 ' out
	touch var/go
	expect '^MIGRATE SUCCESS 1 '
	expect '^RESET SUCCESS 2 '
	rm var/go
	many REBOOT 11 13 host-a >lines
	many RESET 14 14 host-b >>lines
	cat lines >&9
	expect '^RESET SUCCESS 14 '
	wait_for grep -q kvm/reboot calls
	[ "$(grep -c kvm/reboot calls)" -eq 1 ]
	touch var/go
	for id in 11 12 13; do expect "^REBOOT SUCCESS $id "; done
	finish
	[ "$(awk '/kvm.reboot/ { print $5 }' calls | paste -sd ' ')" = '11 12 13' ]
}

@test "limits.host: limits the actions on one host, and delays no other host" {
	configure 'limits: { host = 2; };'
	stub rem/vmm/kvm/reset '[ "$ON_HOST" = host-b ] || until [ -e go ]; do sleep 0.02; done'
	start
	for id in 1 2 3; do send "$(request RESET $id host-a)"; done
	send "$(request RESET 4 host-b)"
	expect '^RESET SUCCESS 4 -$'
	wait_for eval '[ "$(grep -c host-a calls)" -eq 2 ]'
	touch var/go
	expect '^RESET SUCCESS 3 -$'
	finish
}

@test "a frozen host: the others' actions do not wait, and its own continue when it is back" {
	freezable
	touch hang-host-a
	configure 'timeout_s: { reset = 600; }; ssh: { multiplex = false; };'
	start '-t 4 kvm -p'
	paste -d '\n' <(many RESET 1 40 host-a) <(many RESET 101 140 host-b) >lines
	cat lines >&9
	for id in {101..140}; do expect "^RESET SUCCESS $id -\$"; done
	[ "$(grep -c '^RESET ' out)" -eq 40 ]
	rm hang-host-a
	for id in {1..40}; do expect "^RESET SUCCESS $id -\$"; done
	finish
	never grep -q '^LOG W -1 ' out
}

@test "a host whose relay is frozen: the others' actions do not wait, and its own continue when it is back" {
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	configure 'transport = "relay"; timeout_s: { reset = 600; };'
	start '-t 2 kvm -p'
	send "$(request REBOOT 99 host-a)"
	expect '^REBOOT SUCCESS 99'
	pkill -STOP -f "$PWD/rem/vmm/relay"
	paste -d '\n' <(many RESET 1 20 host-a) <(many REBOOT 101 120 host-b) >lines
	cat lines >&9
	for id in {101..120}; do expect "^REBOOT SUCCESS $id "; done
	never grep -q '^RESET' out
	pkill -CONT -f "$PWD/rem/vmm/relay"
	for id in {1..20}; do expect "^RESET SUCCESS $id "; done
	finish
	never grep -q '^LOG W -1 ' out
}

# Milliseconds until a line of output matches.
until_line() {	# BEGIN PATTERN
	expect "$2" >&2
	echo $(((${EPOCHREALTIME/./} - $1) / 1000))
}

@test "hosts that never answer: all their actions end by the deadline of the first, then they are down" {
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	freezable
	configure 'transport = "relay"; timeout_s: { reset = 3; }; hosts: { retry_s = 3600; };'
	start '-t 4 kvm -p'
	send "$(request REBOOT 99 host-a)"
	expect '^REBOOT SUCCESS 99'
	pkill -STOP -f "$PWD/rem/vmm/relay"
	touch hang-host-c
	paste -d '\n' <(many RESET 1 20 host-a) <(many RESET 101 120 host-c) >lines
	local begin=${EPOCHREALTIME/./} one all
	cat lines >&9
	one=$(until_line "$begin" '^RESET FAILURE 1 ')
	wait_for eval '[ "$(grep -c "^RESET FAILURE" out)" -eq 40 ]'
	all=$(((${EPOCHREALTIME/./} - begin) / 1000))
	for id in {1..20} {101..120}; do expect "^RESET FAILURE $id "; done
	[ "$all" -le $((2 * one)) ]
	grep -q '^RESET FAILURE 1 outcome unknown: .*/kvm/reset did not end within 3 s' out
	grep -q '^RESET FAILURE 101 Error connecting to host-c: no connection in time' out
	grep -q '^RESET FAILURE 20 Error connecting to host-a: host-a did not answer .* times in a row, .*last: a step did not end in time' out
	pkill -CONT -f "$PWD/rem/vmm/relay"
	rm hang-host-c
	finish
	[ "$(grep -c '^LOG W -1 one_vmm_exec: host host-[ac] is down$' out)" -eq 2 ]
	[ "$(grep -c '^LOG . -1 one_vmm_exec: host' out)" -eq 2 ]
}

@test "-t counts what works on the front-end, not what is on hosts; one that waits for a place can be cancelled" {
	stub var/remotes/tm/qcow2/context 'until [ -e go ]; do sleep 0.02; done'
	stub rem/vmm/kvm/reset 'until [ -e go ]; do sleep 0.02; done'
	start '-t 2 kvm -p'
	many RESET 1 2 host-a >lines
	many RESET 3 4 host-b >>lines
	cat lines >&9
	wait_for eval '[ "$(grep -c kvm/reset calls)" -eq 4 ]'
	for id in 11 12 13 14; do send "$(deploy_request $id HOST=host-c$id)"; done
	wait_for eval '[ "$(grep -c tm/qcow2/context calls)" -eq 2 ]'
	send "$(request REBOOT 5 host-d)"
	expect '^REBOOT SUCCESS 5 '
	[ "$(grep -c tm/qcow2/context calls)" -eq 2 ]
	send 'DRIVER_CANCEL  13 '
	send "$(request REBOOT 13 host-d)"
	expect '^REBOOT SUCCESS 13 '
	touch var/go
	for id in 11 12 14; do expect "^DEPLOY SUCCESS $id "; done
	for id in 1 2 3 4; do expect "^RESET SUCCESS $id "; done
	finish
	never grep -q '^DEPLOY .* 13 ' out
	[ "$(grep -c tm/qcow2/context calls)" -eq 3 ]
}

@test "a relay that works, but is slow to end a step, is waited for: nothing is run beside it" {
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	configure 'transport = "relay"; timeout_s: { reset = 1; };'
	stub rem/vmm/kvm/reset 'trap "" TERM; sleep 0.7; touch still; sleep 961.5'
	stub rem/vmm/kvm/reboot 'pgrep -f "^/bin/bash $ONE_LOCATION/rem/vmm/kvm/reset " && exit 1; exit 0'
	start
	send "$(request RESET 1)"
	send "$(request REBOOT 1)"
	expect '^RESET FAILURE 1 outcome unknown: .*/kvm/reset did not end within 1 s$'
	expect '^REBOOT SUCCESS 1 '
	finish
}

@test "a host that is down is probed by one action, the others fail at once; then it is up again" {
	freezable
	configure 'hosts: { retry_s = 3600; failures = 2; };'
	touch no-ssh-host-a
	start
	send "$(request RESET 1)"
	expect '^RESET FAILURE 1 Error connecting to host-a: ssh: connect to host'
	send "$(request RESET 2)"
	expect '^RESET FAILURE 2 Error connecting to host-a: ssh: connect to host'
	send "$(request RESET 3)"
	expect '^RESET FAILURE 3 Error connecting to host-a: host-a did not answer 2 times in a row, it is tried again soon \(last: ssh: connect to host host-a port 22: No route to host\)$'
	finish
	configure 'hosts: { retry_s = 0; failures = 2; };'
	start
	for id in 1 2; do
		send "$(request RESET $id)"
		expect "^RESET FAILURE $id Error connecting"
	done
	touch hang-host-a
	rm no-ssh-host-a
	: >connected
	send "$(request RESET 3)"
	wait_for grep -q host-a connected
	send "$(request RESET 4)"
	expect '^RESET FAILURE 4 Error connecting to host-a: host-a did not answer 2 times in a row, it is tried again now '
	never grep -q '^RESET .* 3 ' out
	rm hang-host-a
	expect '^RESET SUCCESS 3 '
	expect '^LOG I -1 one_vmm_exec: host host-a is up again$'
	send "$(request RESET 5)"
	expect '^RESET SUCCESS 5 '
	finish
	[ "$(grep -c '^LOG W -1 one_vmm_exec: host host-a is down$' out)" -eq 1 ]
}

@test "a network clean-up that failed is tried again, and that it is done is logged" {
	configure 'clean: { pause_s = 1; };'
	stub rem/vnm/bridge/clean '[ -e up ] || { echo "ovs is down" >&2; exit 1; }'
	start
	send "$(request SHUTDOWN 306)"
	expect '^SHUTDOWN SUCCESS 306 -$'
	expect '^LOG E 306 net-clean, tried again: .*ovs is down \(2 tries are left\)$'
	touch var/up
	expect '^LOG I 306 net-clean, tried again: done$'
	finish
}

@test "a clean-up is not tried again when something else was asked for its VM" {
	local line
	configure "clean: { pause_s = $((1 + PACE)); };"
	stub rem/vnm/bridge/clean 'exit 1'
	line=$(deploy_request 306)
	start
	send "$(request SHUTDOWN 306)"
	expect '^SHUTDOWN SUCCESS 306 -$'
	send "$line"
	expect '^DEPLOY SUCCESS 306 '
	send "$(request SHUTDOWN 307)"
	expect '^LOG E 307 net-clean, tried again'
	never grep -q 'E 306 net-clean, tried' out
	finish
}

@test "two thousand actions on 200 hosts, some fail, wait or are killed: each is answered once, in order" {
	configure 'transport = "relay"; journal: { on = false; };'
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	cat >rem/vmm/kvm/reboot <<-EOF
	#!/bin/sh
	echo "start \$ON_HOST \$3" >>$PWD/order
	case \$3 in *1) sleep 0.0\${3%1} ;; *2) fail=1 ;; esac
	echo "end \$ON_HOST \$3" >>$PWD/order
	case \$3 in *3) kill -KILL \$\$ ;; esac
	exit \${fail:-0}
	EOF
	run "$TOP/tests/tools/flood" "$DRIVER" '-t 15 kvm' "$DATA/messages/REBOOT.msg" 2000 200 order
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *'replies 2000 failures 400 '*'order ok'* ]]
	[ "$(sed -n 's/.*descriptors //p' <<<"$output")" -lt 850 ]
}

@test "many VMs on 200 hosts, connections that fail or are killed: each answer once, each VM in order, nothing left" {
	configure 'transport = "relay"; hosts: { failures = 1000; }; ssh: { idle_s = 1; };'
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	# Not by exec: one that is killed leaves the far end alone, as a lost connection does.
	sed -i 's|^exec bash -c|[ $((RANDOM % 20)) -gt 0 ] \|\| exit 255; bash -c|' bin/ssh
	cat >rem/vmm/kvm/reboot <<-EOF
	#!/bin/sh
	echo "start \$1 \$3" >>$PWD/order
	case \$1 in *1) sleep 0.0\$((\$1 / 10 % 10)) ;; *2) exit 1 ;; *3) kill -KILL \$\$ ;; esac
	EOF
	run "$TOP/tests/tools/flood" "$DRIVER" '-t 15 -p kvm' "$DATA/messages/REBOOT.msg" "${FLOOD:-1000}" 200 order 400
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *' descriptors 0'*'order ok of '* ]]
	[[ $BUILD == */[at]san ]] || [ "$(sed -n 's/.*hwm_kib \([0-9]*\) .*/\1/p' <<<"$output")" -lt 32768 ]
}

@test "DRIVER_CANCEL of two actions of one VM: ends the running one, then the waiting one" {
	stub rem/vmm/kvm/reset 'exec sleep 972.5'
	start
	send "$(request RESET 1)"
	send "$(request REBOOT 1)"
	wait_for sleeps 972.5
	send 'DRIVER_CANCEL  1 '
	expect '^REBOOT SUCCESS 1 -$'
	finish
	never grep -q '^RESET' out
}
