# SPDX-License-Identifier: Apache-2.0
# ssh.bats - the way to the hosts: one shared connection, renewed when it dies, nothing guessed.
load helper
load driver

@test "one connection a host is opened, and all steps are its sessions" {
	export SSH_LOG=$PWD/ssh.log
	start
	send "$(deploy_request 306)"
	expect '^DEPLOY SUCCESS'
	send "$(request RESET 1)"
	expect '^RESET SUCCESS'
	finish
	[ "$(grep -c 'ControlMaster=yes' ssh.log)" -eq 1 ]
	[ "$(grep -c 'ControlMaster=no' ssh.log)" -eq 7 ]
	never grep -q 'ControlPath=none' ssh.log
	never grep -q 'ForwardAgent=yes' ssh.log
}

@test "-d: delegated actions get a connection of their own that lends the keys" {
	export SSH_LOG=$PWD/ssh.log
	start '-d reset,migrate kvm'
	send "$(request RESET 1)"
	expect '^RESET SUCCESS'
	finish
	[ "$(grep -c . ssh.log)" -eq 1 ]
	grep -q 'ForwardAgent=yes.*ControlMaster=no.*ControlPath=none' ssh.log
}

@test "a host that cannot be reached: the reply says so and what ssh said; others continue" {
	touch no-ssh-host-a
	start '-t 15 kvm'
	send "$(request RESET 1 host-a)"
	send "$(request RESET 2 host-b)"
	expect '^RESET SUCCESS 2 -$'
	expect '^RESET FAILURE 1 Error connecting to host-a: ssh: connect to host host-a port 22: No route to host$'
	rm no-ssh-host-a
	send "$(request RESET 3 host-a)"
	expect '^RESET SUCCESS 3 -$'
	finish
}

@test "a host that cannot be reached: a failed DEPLOY undoes nothing that was not done" {
	touch no-ssh-host-a
	start
	send "$(deploy_request 306)"
	expect '^DEPLOY FAILURE 306 bridge: Error connecting to host-a'
	finish
	[ "$(called)" = context ]
}

@test "a connection that dies while a script runs: its outcome is unknown, the next one works" {
	stub rem/vmm/kvm/reset 'touch "$ONE_LOCATION/began"; sleep 966.5'
	start
	send "$(request RESET 1)"
	wait_for test -e began
	kill -KILL $(ours 'bin/ssh.*-- host-a .*vmm/kvm/reset' || ours 'bash -c echo "vmmexec')
	kill -KILL $(ours 'exec cat >/dev/null') || true
	expect '^RESET FAILURE 1 outcome unknown: '
	stub rem/vmm/kvm/reset
	send "$(request RESET 2)"
	expect '^RESET SUCCESS 2 -$'
	finish
}

@test "more at a time than ssh.sessions: some a second get connections of their own, the others wait for a session" {
	configure 'transport = "ssh"; ssh: { sessions = 2; };'
	export SSH_LOG=$PWD/ssh.log
	stub rem/vmm/kvm/reset 'until [ -e go ]; do sleep 0.02; done'
	start '-t 40 kvm -p'
	send "$(request REBOOT 99)"
	expect '^REBOOT SUCCESS 99 '
	many RESET 1 30 >lines
	begin=${EPOCHREALTIME/./}
	cat lines >&9
	sleep 1
	alone=$(grep -c 'ControlPath=none' ssh.log) || true
	# Four a second.
	[ "$alone" -le $((2 + (${EPOCHREALTIME/./} - begin) / 250000)) ]
	send 'DRIVER_CANCEL  30 '
	touch var/go
	for id in {1..29}; do expect "^RESET SUCCESS $id "; done
	never grep -q '^RESET .* 30 ' out
	finish
}

@test "a master that died while idle is replaced" {
	start
	send "$(request RESET 1)"
	expect '^RESET SUCCESS 1 -$'
	pkill -KILL -x -P "$driver_pid" cat
	send "$(request RESET 2)"
	expect '^RESET SUCCESS 2 -$'
	finish
}

@test "the driver's end is the connections' end, and no socket stays" {
	mkdir tmp
	configure "ssh: { control_dir = \"$PWD/tmp\"; };"
	start
	send "$(request RESET 1)"
	expect '^RESET SUCCESS 1 -$'
	[ -n "$(ls tmp)" ]
	finish
	[ -z "$(ls tmp)" ]
	wait_for never ours '^cat'
}

@test "an idle connection is closed after ssh.idle_s" {
	configure "ssh: { idle_s = $((1 + PACE)); };"
	start
	send "$(request RESET 1)"
	expect '^RESET SUCCESS 1 -$'
	[ -n "$(pgrep -P "$driver_pid")" ]
	wait_for eval '! pgrep -P "$driver_pid"'
	send "$(request RESET 2)"
	expect '^RESET SUCCESS 2 -$'
	finish
}

@test "a step that begins while the idle connection is being closed goes over the next one" {
	configure "ssh: { idle_s = $((1 + PACE)); };"
	# It takes a while to end, and serves no session then.
	mv bin/ssh bin/plain-ssh
	cat >bin/ssh <<-'EOF'
	#!/bin/bash
	case "$*" in
	*ControlMaster=yes*) ;;
	*ControlPath=none*) exec plain-ssh "$@" ;;
	*) [ ! -e "$ONE_LOCATION/closing" ] || exit 255; exec plain-ssh "$@" ;;
	esac
	rm -f "$ONE_LOCATION/closing"
	trap 'touch "$ONE_LOCATION/closing"; sleep 5' TERM
	plain-ssh "$@" <&0 &
	wait
	EOF
	chmod +x bin/ssh
	step_while_closing
	finish
}

# The host begins the step only when its ssh has ended already: what that sent had arrived.
begins_late() {
	mv bin/ssh bin/plain-ssh
	cat >bin/ssh <<-'EOF'
	#!/bin/bash
	[[ $* == *kvm/reset* ]] || exec plain-ssh "$@"
	cat >"$ONE_LOCATION/input"
	printf '%q ' "$@" >"$ONE_LOCATION/words"
	setsid bash -c 'sleep 0.5; eval "exec plain-ssh $(cat "$ONE_LOCATION/words")"' <"$ONE_LOCATION/input" >/dev/null 2>&1 &
	touch "$ONE_LOCATION/sent"
	sleep 60
	EOF
	chmod +x bin/ssh
	stub rem/vmm/kvm/reset 'sleep 3; touch "$ONE_LOCATION/done"'
}

@test "DRIVER_CANCEL, or the end of its time, before the host says that a step has begun: it ends there all the same" {
	local line
	line=$(request REBOOT 306)
	begins_late
	start
	send "$(request RESET 306)"
	wait_for test -e sent
	send 'DRIVER_CANCEL  306 '
	send "$line"
	expect '^REBOOT SUCCESS 306'
	sleep 5
	[ ! -e done ]
	rm sent
	finish
	start '-w 1 -r 0 kvm'
	send "$(request RESET 307)"
	wait_for test -e sent
	expect '^RESET FAILURE 307 outcome unknown: '
	sleep 5
	[ ! -e done ]
	finish
}

@test "ssh.multiplex = false: a connection for each step" {
	export SSH_LOG=$PWD/ssh.log
	configure 'ssh: { multiplex = false; };'
	start
	send "$(request RESET 1)"
	expect '^RESET SUCCESS 1 -$'
	finish
	never grep -q 'ControlMaster=yes' ssh.log
}
