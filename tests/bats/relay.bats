# SPDX-License-Identifier: Apache-2.0
# relay.bats - the relay: all steps of a host over one connection, nothing left behind, and ssh
# where there is none.
load helper
load driver

setup() {
	driver_setup
	for a in pre post clean; do stub "rem/vnm/802.1Q/$a"; done
	configure 'transport = "relay";'
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	export SSH_LOG=$PWD/ssh.log
	: >ssh.log
}

@test "a DEPLOY is one connection and no session, with the same words, input and files as by ssh" {
	start
	send "$(deploy_request 306)"
	expect '^DEPLOY SUCCESS 306 one-306$'
	send "$(request RESET 1)"
	expect '^RESET SUCCESS 1 -$'
	finish
	[ "$(grep -c . ssh.log)" -eq 1 ]
	grep -q -- "-- host-a exec env .* --driver .*'$PWD/rem/vmm/relay' '$PWD/rem'$" ssh.log
	[ "$(called)" = 'context pre deploy post reset' ]
	[ "$(sed -n 3p calls)" = "host-a rem/vmm/kvm/deploy $PWD/ds/113/306/deployment.0 host-a 306 host-a" ]
	[ "$(cat stdin.deploy)" = '<domain/>' ]
	[[ $(cat ds/113/306/vm.xml) == '<VM><ID>306</ID>'*'</VM>' ]]
	[ "$(stat -c %a ds/113/306/vm.xml ds/113/306/ds.xml | tr '\n' ' ')" = '600 600 ' ]
}

@test "a host without a relay gets ssh sessions, and that is logged once" {
	rm rem/vmm/relay
	start
	for id in 1 2 3; do
		send "$(request RESET $id)"
		expect "^RESET SUCCESS $id -\$"
	done
	finish
	[ "$(grep -c 'has no relay of this version' out)" -eq 1 ]
	[ "$(grep -c 'vmm/relay' ssh.log)" -eq 1 ]
}

@test "a relay of another protocol is not used" {
	printf '#!/bin/sh\necho "vmmexec-relay 99 9.9.9"\nexec cat\n' >rem/vmm/relay
	start
	send "$(request RESET 1)"
	expect '^RESET SUCCESS 1 -$'
	finish
	grep -q '^LOG W -1 one_vmm_exec: host host-a has no relay of this version' out
}

@test "another version of the set with the same protocol is used, and named" {
	version=$(rem/vmm/relay --version)
	sed -i "s/${version#relay }/0.0.9/g" rem/vmm/relay
	start
	send "$(request RESET 1)"
	expect '^RESET SUCCESS 1 -$'
	finish
	grep -q '^LOG W -1 one_vmm_exec: host host-a has version 0.0.9 of the set, here is .* (hint: kvm-sync-hosts)' out
}

@test "output of login scripts before the relay starts does no harm" {
	sed -i 's|^exec bash|echo "Welcome to vmmexec"; printf "\\0\\1\\2"; exec bash|' bin/ssh
	start
	send "$(request RESET 1)"
	expect '^RESET SUCCESS 1 -$'
	finish
	[ "$(grep -c . ssh.log)" -eq 1 ]
}

@test "many steps run at once on one host, and a slow one delays no other" {
	stub rem/vmm/kvm/reboot 'until [ -e go ]; do sleep 0.02; done'
	start '-t 50 kvm -p'
	send "$(request RESET 1)"
	expect '^RESET SUCCESS 1 '
	send "$(request REBOOT 2)"
	many RESET 3 40 >lines
	cat lines >&9
	for id in {3..40}; do expect "^RESET SUCCESS $id -\$"; done
	never grep -q '^REBOOT' out
	touch go var/go
	expect '^REBOOT SUCCESS 2 -$'
	finish
	[ "$(grep -c . ssh.log)" -eq 1 ]
}

@test "a megabyte in and out arrives whole" {
	stub rem/vmm/kvm/poll 'md5sum <"$ONE_LOCATION/stdin.poll" | cut -c1-32; head -c 900000 /dev/zero | tr "\0" x >&2'
	start
	request POLL 1 - "VM/USER_TEMPLATE/BIG=$(head -c 100000 /dev/zero | tr '\0' x)" >line
	cat line >&9
	expect "^POLL SUCCESS 1 $(awk '{ print $3 }' line | base64 -d | md5sum | cut -c1-32)\$"
	finish
}

@test "DRIVER_CANCEL: the step is ended with its children, at once and without a reply" {
	stub rem/vmm/kvm/shutdown 'trap "" TERM; sleep 973.5 & wait'
	start
	send "$(request SHUTDOWN 306)"
	wait_for sleeps 973.5
	send 'DRIVER_CANCEL  306 '
	wait_for never sleeps 973.5
	send "$(request RESET 1)"
	expect '^RESET SUCCESS 1 -$'
	finish
	never grep -q '^SHUTDOWN' out
}

@test "-w: a step that takes longer is ended there, and its outcome is unknown" {
	stub rem/vmm/kvm/reset 'sleep 974.5 & wait'
	start '-w 1 kvm'
	send "$(request RESET 1)"
	expect '^RESET FAILURE 1 outcome unknown: .*/vmm/kvm/reset did not end within 1 s'
	wait_for never sleeps 974.5
	finish
}

@test "a relay that is frozen: its step ends by the deadline, a cancelled one within a second" {
	stub rem/vmm/kvm/reset 'exec sleep 975.5'
	start '-w 600 kvm -p'
	send "$(request RESET 1)"
	wait_for sleeps 975.5
	pkill -STOP -f "$PWD/rem/vmm/relay"
	send 'DRIVER_CANCEL  1 '
	send "$(request REBOOT 1)"
	pkill -CONT -f "$PWD/rem/vmm/relay"
	expect '^REBOOT SUCCESS 1 -$'
	finish
}

@test "a broken connection ends the steps on the host; idempotent ones are repeated, the others are unknown" {
	stub rem/vmm/kvm/reset 'exec sleep 976.5'
	stub rem/vmm/kvm/cancel '[ -e again ] || { touch again; exec sleep 976.5; }'
	start
	send "$(request RESET 1)"
	send "$(request CANCEL 2)"
	wait_for eval '[ "$(sleeps 976.5 | wc -l)" -eq 2 ]'
	pkill -KILL -f "$PWD/rem/vmm/relay"
	expect '^RESET FAILURE 1 outcome unknown: the connection to host-a broke while .*/vmm/kvm/reset was running'
	expect '^LOG W 2 cancel: the connection to host-a broke .*: running it again$'
	expect '^CANCEL SUCCESS 2 -$'
	finish
}

# An ssh that is ended continues for a while, as does its command on the host.
slow_to_end() {
	sed -i 's|^exec bash -c.*|trap "touch \"\$ONE_LOCATION/closing\"; sleep 5" TERM\nsetsid bash -c "$*" <\&0 \&\nwait|' bin/ssh
}

@test "a step that begins while its idle connection is being closed goes over the next one" {
	configure "transport = \"relay\"; ssh: { idle_s = $((1 + PACE)); };"
	slow_to_end
	stub rem/vmm/kvm/reset 'sleep 0.7'
	step_while_closing
	[ "$(grep -c 'kvm/reset' calls)" -eq 2 ]
	[ "$(grep -c 'vmm/relay' ssh.log)" -eq 2 ]
	finish
}

@test "a host that cannot be reached is reported as by ssh" {
	touch no-ssh-host-a
	start
	send "$(request RESET 1)"
	expect '^RESET FAILURE 1 Error connecting to host-a: ssh: connect to host host-a port 22: No route to host$'
	rm no-ssh-host-a
	send "$(request RESET 2)"
	expect '^RESET SUCCESS 2 -$'
	finish
}

@test "a script that is not there, or cannot be run, is named" {
	rm rem/vmm/kvm/reset
	printf '#!/nonexistent\n' >rem/vmm/kvm/reboot
	chmod +x rem/vmm/kvm/reboot
	start
	send "$(request RESET 1)"
	expect '^RESET FAILURE 1 .*/rem/vmm/kvm/reset is not on host-a \(hint: '
	send "$(request REBOOT 2)"
	expect '^REBOOT FAILURE 2 .*cannot run .*/rem/vmm/kvm/reboot: No such file'
	finish
}

@test "when the driver ends or is killed, everything that it ran on hosts ends" {
	stub rem/vmm/kvm/reset 'trap "" TERM; sleep 977.5 & wait'
	start
	send "$(request RESET 1)"
	wait_for sleeps 977.5
	kill -KILL "$driver_pid"
	wait_for never sleeps 977.5
	wait_for never pgrep -f "$PWD/rem/vmm/relay"
}

@test "relay: a malformed frame ends it and the steps that it runs" {
	run --separate-stderr "$BUILD/remotes/vmm/relay" <<<'GET / HTTP/1.1'
	[ "$status" -eq 1 ]
	[[ $stderr == 'relay: malformed frame [input]'* ]]
	run --separate-stderr "$BUILD/remotes/vmm/relay" </dev/null
	[ "$status" -eq 0 ]
	[[ $output == 'vmmexec-relay 3 '* ]]
}

@test "it links no libvirt" {
	run readelf -d "$BUILD/remotes/vmm/relay"
	[[ $output != *libvirt* ]]
}

# bats test_tags=root
@test "a set that another user of a host has made is not run there, by a relay or by ssh" {
	local way
	chmod -R a+rwX . "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR/.."
	sed -i 's|^exec bash -c|exec setpriv --reuid 12345 --regid 12345 --clear-groups bash -c|' bin/ssh
	for way in relay ssh; do
		configure "transport = \"$way\";"
		: >calls
		chown -hR 65534 rem
		start
		send "$(request RESET 1)"
		expect "^RESET FAILURE 1 .*/rem/vmm/kvm/reset is not run on host-a: $PWD/rem belongs to another user \\(hint: remove it there, then run kvm-sync-hosts\\)\$"
		send "$(deploy_request 306)"
		expect "^DEPLOY FAILURE 306 .*belongs to another user"
		finish
		[ "$(called)" = context ]
		[ "$way" = ssh ] || grep -q "^LOG W -1 one_vmm_exec: host host-a has a set of which nothing is run: $PWD/rem belongs to another user" out
	done
}

# bats test_tags=root
@test "a set is run that is root's, or its user's; by root one that is oneadmin's, and no other" {
	local way owner
	printf '#!/bin/sh\n[ "$2" != oneadmin ] || { echo 4321; exit; }\nexec /usr/bin/id "$@"\n' >bin/id
	chmod 755 bin/id
	chmod -R a+rwX . "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR/.."
	sed -i 's|^exec bash -c|exec setpriv --reuid $UID_THERE --regid 12345 --clear-groups bash -c|' bin/ssh
	for way in relay ssh; do
		configure "transport = \"$way\";"
		for owner in "12345 0" "12345 12345" "12345 4321" "0 4321"; do
			chown -hR "${owner#* }" rem
			export UID_THERE=${owner% *}
			start
			send "$(request RESET 1)"
			expect '^RESET SUCCESS 1 -$'
			finish
			never grep -q 'LOG W' out
		done
		chown -hR 65534 rem
		start
		send "$(request RESET 1)"
		expect '^RESET FAILURE 1 .*belongs to another user'
		finish
	done
}

# bats test_tags=root
@test "a link that another user has made to a set is not followed" {
	chmod -R a+rwX . "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR/.."
	sed -i 's|^exec bash -c|exec setpriv --reuid 12345 --regid 12345 --clear-groups bash -c|' bin/ssh
	mv rem mine
	chown -R 12345 mine
	ln -s mine rem
	chown -h 65534 rem
	start
	send "$(request RESET 1)"
	expect '^RESET FAILURE 1 .*belongs to another user'
	[ "$(called)" = '' ]
	chown -h 12345 rem
	send "$(request RESET 2)"
	expect '^RESET SUCCESS 2 -$'
	finish
}
