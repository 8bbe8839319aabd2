# SPDX-License-Identifier: Apache-2.0
# hosts_away.bats - what a host did whose way broke is found out; what it may still run ends before anything else runs
# there.
# bats file_tags=once
load helper
load driver
load lost

@test "a clock that is set while a step runs does not change how old its request is for the host" {
	local by since
	PRELOAD=$(preload_for "$DRIVER" set_clock)
	export FAKE_CLOCK_SET=$PWD/set
	printf '#!/bin/bash\nLD_PRELOAD="%s" exec "%s" "$@"\n' "$PRELOAD" "$DRIVER" >bin/driver
	chmod +x bin/driver
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	stub rem/vmm/kvm/outcome 'echo "$VMM_REQUEST_AGE" >"$ONE_LOCATION/age"; echo "not-done it runs"'
	stub rem/vmm/kvm/save 'until [ -e "$ONE_LOCATION/old" ]; do sleep 0.02; done; pkill -KILL -f "$ONE_LOCATION/rem/vmm/relay"; sleep 0.3'
	configure 'transport = "relay"; wait_s: { save = 20; };'
	for by in 7200 -7200; do
		rm -f set old
		: >calls
		DRIVER=$PWD/bin/driver start
		send "$(request SAVE 306)"
		wait_for grep -q kvm/save calls
		echo $by >set
		since=$(cut -d . -f 1 /proc/uptime)
		wait_for eval "[ \$((\$(cut -d . -f 1 /proc/uptime) - $since)) -ge 2 ]"
		touch old
		expect '^SAVE FAILURE 306 .*it was not done'
		[ "$(cat age)" -ge 1 ]
		[ "$(cat age)" -lt 600 ]
		finish
	done
}

# The way to the host breaks in the middle of ACTION, whose script is SCRIPT; the host comes back, and says ANSWER.
broken_way() {	# ACTION SCRIPT ANSWER
	stub "rem/vmm/kvm/$2" 'pkill -KILL -f "$ONE_LOCATION/rem/vmm/relay"; sleep 0.3'
	stub rem/vmm/kvm/outcome "echo '$3'"
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	configure 'transport = "relay"; wait_s: { save = 20; };'
	start
	send "$(request "$1" 306)"
	wait_for grep -q "kvm/$2" calls
}

@test "a way that breaks in the middle: the host is asked, and what it says is the answer" {
	broken_way SAVE save 'done'
	expect '^LOG W 306 save: .* broke .*: the host says that it was done$'
	expect '^SAVE SUCCESS 306'
	grep -q 'kvm/outcome save one-306 .* 306 host-a' calls
	finish
	broken_way SAVE save 'not-done it runs'
	expect '^SAVE FAILURE 306 .* broke .*: it was not done: it runs$'
	finish
	broken_way SAVE save 'unknown nobody can tell'
	expect '^SAVE FAILURE 306 outcome unknown: .* broke .*: nobody can tell$'
	finish
}

# An action that could not tell has waited already: a host that does not know either is asked for 5 s more.
@test "what libvirt is still at work on is waited for, as long as the step may take" {
	stub rem/vmm/kvm/save 'exit 3'
	stub rem/vmm/kvm/outcome 'echo >>"$ONE_LOCATION/asked"; [ $(wc -l <"$ONE_LOCATION/asked") -gt 4 ] && echo done || echo "in-progress it is saved"'
	start
	send "$(request SAVE 306)"
	expect '^SAVE SUCCESS 306'
	[ "$(wc -l <asked)" -eq 5 ]
	configure 'wait_s: { save = 1; };'
	finish
	rm asked
	start
	send "$(request SAVE 306)"
	expect '^SAVE FAILURE 306 outcome unknown: .*: it is saved$'
	finish
}

@test "a migration that was done but for its end is run again, once, to finish it" {
	for s in premigrate postmigrate failmigrate; do stub "var/remotes/tm/qcow2/$s"; done
	for a in pre post clean; do stub "rem/vnm/bridge/$a"; done
	# What ssh runs on the host is killed with it.
	stub rem/vmm/kvm/migrate 'echo "age $VMM_REQUEST_AGE" >>"$ONE_LOCATION/ages"; [ -e "$ONE_LOCATION/whole" ] || { kill -KILL $PPID; sleep 0.3; }'
	stub rem/vmm/kvm/outcome 'echo "finish the VM is on host-a"'
	start
	send "$(request MIGRATE 306)"
	expect '^LOG W 306 migrate: .*: running it again$'
	expect '^MIGRATE FAILURE 306 outcome unknown: .*: the VM is on host-a$'
	[ "$(grep -c 'kvm/migrate ' calls)" -eq 2 ]
	# Run again it learns how long ago it was asked for.
	[ "$(sed 's/[0-9][0-9]*$/N/' ages)" = $'age \nage N' ]
	never grep -qE 'failmigrate|clean' calls
	stub rem/vmm/kvm/outcome 'touch "$ONE_LOCATION/whole"; echo "finish the VM is on host-a"'
	send "$(request MIGRATE 307)"
	expect '^MIGRATE SUCCESS 307'
	[ "$(grep -c 'kvm/migrate ' calls)" -eq 4 ]
	finish
}

@test "a host that went away in the middle is waited for before the reply is unknown" {
	breaks_the_way rem/vmm/kvm/save
	stub rem/vmm/kvm/outcome 'echo done'
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	configure 'transport = "relay"; hosts: { retry_s = 1; };'
	start
	send "$(request SAVE 306)"
	wait_for test -e no-ssh-host-a
	send "$(request REBOOT 307 host-b)"
	expect '^REBOOT SUCCESS 307'
	sleep 2
	never grep -q '^SAVE' out
	rm no-ssh-host-a
	expect '^SAVE SUCCESS 306'
	finish
}

@test "a host that stays away is unknown, after wait_s" {
	breaks_the_way rem/vmm/kvm/save
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	configure 'transport = "relay"; wait_s: { save = 1; };'
	start
	send "$(request SAVE 306)"
	expect '^SAVE FAILURE 306 outcome unknown: the connection to host-a broke'
	finish
}

@test "a revert whose end nobody heard is not run again: it would take back what the guest wrote since" {
	stub rem/vmm/kvm/snapshot_revert 'touch "$ONE_LOCATION/begun"; sleep 30'
	start
	send "$(request SNAPSHOTREVERT 306)"
	wait_for test -e begun
	crash
	start
	expect '^SNAPSHOTREVERT FAILURE 306 outcome unknown: the driver ended while SNAPSHOTREVERT was running$'
	[ "$(grep -c kvm/snapshot_revert calls)" -eq 1 ]
	finish
}

@test "a host that was away when the driver started is left by the earlier driver's steps before anything runs there" {
	local way
	configure 'transport = "ssh"; hosts: { retry_s = 1; };'
	stub rem/vmm/kvm/shutdown '[ -e "$ONE_LOCATION/second" ] || { touch "$ONE_LOCATION/second"; sleep 998.5; }'
	stub rem/vmm/kvm/reset 'touch "$ONE_LOCATION/begun"; sleep 998.6'
	stub rem/vmm/kvm/reboot 'pgrep -f "^sleep 998[.]6" >"$ONE_LOCATION/beside" || true'
	start
	send "$(request SHUTDOWN 306; request RESET 307)"
	wait_for sleeps 998.5
	wait_for sleeps 998.6
	touch no-ssh-host-a
	crash
	start
	expect '^RESET FAILURE 307 outcome unknown'
	sleeps 998.5
	rm no-ssh-host-a
	expect '^SHUTDOWN SUCCESS 306'
	never sleeps 998.5
	send "$(request REBOOT 308)"
	expect '^REBOOT SUCCESS 308'
	[ ! -s beside ]
	finish
}

@test "a host that stays away while drivers come and go is left by all their steps before anything runs there" {
	local name
	configure 'transport = "ssh"; wait_s: { reset = 1; }; hosts: { retry_s = 1; };'
	stub rem/vmm/kvm/reset 'touch "$ONE_LOCATION/begun"; sleep 998.6'
	stub rem/vmm/kvm/reboot 'pgrep -f "^sleep 998[.]6" >"$ONE_LOCATION/beside" || true'
	start
	send "$(request RESET 307)"
	wait_for sleeps 998.6
	touch no-ssh-host-a
	crash
	for name in second third; do
		start
		[ "$name" = third ] || expect '^RESET FAILURE 307 outcome unknown'
		wait_for journal_has ' host host-a: what was begun there may still run, and is ended before anything else begins there, for '
		journal_has '0 not ended'
		[ "$name" = third ] || crash
	done
	"$DRIVER" --journal --json | jq -e '.journals[0].suspect_hosts[0] | .host == "host-a" and .age_s < 600 and .since != ""'
	sleeps 998.6
	rm no-ssh-host-a
	send "$(request REBOOT 308)"
	expect '^REBOOT SUCCESS 308'
	[ ! -s beside ]
	wait_for eval '! journal_has host-a'
	finish
}

# An ssh whose end the host does not hear of, as when the network between is cut.
deaf_hosts() {
	sed -i 's|^exec bash -c.*|case $* in *"relay --driver"*) setsid -w bash -c "$*" < <(setsid bash -c "cat; exec sleep 998.1") ;; *) setsid -w bash -c "$*" ;; esac|' bin/ssh
}

# RESET of VM 306 runs on a host that goes away, and is cancelled. REBOOT says in "beside" whether it still runs.
cancel_while_away() {
	deaf_hosts
	configure 'transport = "ssh"; ssh: { multiplex = false; }; hosts: { retry_s = 1; };'
	stub rem/vmm/kvm/reset 'touch "$ONE_LOCATION/begun"; sleep 998.2'
	stub rem/vmm/kvm/reboot 'pgrep -f "^sleep 998[.]2" >"$ONE_LOCATION/beside" || true'
	start
	send "$(request RESET 306)"
	wait_for sleeps 998.2
	touch no-ssh-host-a
	send 'DRIVER_CANCEL  306 '
	expect 'Driver command for 306 cancelled'
}

@test "a cancelled step whose host is away when its driver is killed is ended by the next driver before anything runs there" {
	cancel_while_away
	wait_for journal_has ' host host-a: what was begun there may still run'
	crash
	start
	sleeps 998.2
	rm no-ssh-host-a
	send "$(request REBOOT 306)"
	expect '^REBOOT SUCCESS 306'
	[ ! -s beside ]
	finish
}

@test "what an earlier driver left on the host that a VM was moving to is ended there, too" {
	mkdir -p var/remotes/tm/qcow2
	for a in premigrate failmigrate; do stub "var/remotes/tm/qcow2/$a"; done
	for v in bridge 802.1Q; do stub rem/vnm/$v/pre 'pgrep -f "^sleep 998[.]7" >>"$ONE_LOCATION/beside"; [ -e "$ONE_LOCATION/second" ] || { touch "$ONE_LOCATION/second"; sleep 998.7; }'; done
	start
	send "$(request MIGRATE 306 host-b)"
	wait_for sleeps 998.7
	touch no-ssh-host-b
	crash
	start
	expect '^MIGRATE FAILURE 306'
	[ "$(grep -c /vnm/.*/pre calls)" -eq 3 ]
	[ ! -s beside ]
	finish
}

@test "DRIVER_CANCEL of a step whose host is away: it is ended when the host is back, before anything runs there" {
	cancel_while_away
	wait_for journal_has '0 not ended'
	rm no-ssh-host-a
	send "$(request REBOOT 306)"
	expect '^REBOOT SUCCESS 306'
	[ ! -s beside ]
	finish
}

@test "a host that does not hear that the way to its relay broke: the steps of that end before anything runs there" {
	deaf_hosts
	configure 'transport = "relay"; hosts: { retry_s = 1; };'
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	stub rem/vmm/kvm/reset 'touch "$ONE_LOCATION/begun"; sleep 998.2'
	stub rem/vmm/kvm/reboot 'pgrep -f "^sleep 998[.]2" >"$ONE_LOCATION/beside" || true'
	start
	send "$(request RESET 306)"
	wait_for sleeps 998.2
	pkill -KILL -f "$ONE_LOCATION/bin/ssh .* host-a "
	expect '^RESET FAILURE 306 outcome unknown'
	send "$(request REBOOT 306)"
	expect '^REBOOT SUCCESS 306'
	[ ! -s beside ]
	finish
}

@test "a step whose connection broke does not run beside its repetition" {
	deaf_hosts
	configure 'transport = "ssh"; ssh: { multiplex = false; };'
	for v in bridge 802.1Q; do stub rem/vnm/$v/clean 'pgrep -f "^sleep 998[.]2" >>"$ONE_LOCATION/beside"; [ -e "$ONE_LOCATION/begun" ] || { touch "$ONE_LOCATION/begun"; sleep 998.2; }; true'; done
	start
	send "$(request SHUTDOWN 306)"
	wait_for sleeps 998.2
	pkill -KILL -f "$ONE_LOCATION/bin/ssh .* host-a .*/clean"
	expect '^SHUTDOWN SUCCESS 306'
	[ ! -s beside ]
	finish
}
