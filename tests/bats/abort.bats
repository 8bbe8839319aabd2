# SPDX-License-Identifier: Apache-2.0
# abort.bats - save, restore and migrate get the time to take back what they did, however they are ended; others do not.
# bats file_tags=once
load helper
load driver

# A script that needs a while after SIGTERM: it says when it runs, and when it was done in time.
slow_to_end() {	# PATH [SECONDS]
	stub "$1" 'exec 2>/dev/null; echo $$ >"$ONE_LOCATION/pid.${0##*/}"; trap "sleep '"${2:-2}"' 3>&-; touch \"\$ONE_LOCATION/taken-back.${0##*/}\"; exit 1" TERM; while :; do sleep 0.05; done'
}

setup() {
	driver_setup
	for a in pre post clean; do stub "rem/vnm/802.1Q/$a"; done
	for s in premigrate failmigrate postmigrate; do stub "var/remotes/tm/qcow2/$s"; done
	for s in save restore migrate reset; do slow_to_end "rem/vmm/kvm/$s"; done
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	# As with a real one, the far end is none of the driver's processes.
	sed -i 's|^exec bash -c|exec setsid --wait bash -c|' bin/ssh
}

gone() { never kill -0 "$(cat "$1")" 2>/dev/null; }

@test "a time limit, by ssh, relay and here: save, restore, migrate end by themselves; reset is killed" {
	mkdir -p var/remotes/vmm/kvm
	for s in save restore migrate; do slow_to_end "var/remotes/vmm/kvm/$s"; done
	for way in ssh relay here; do
		rm -f taken-back.* pid.*
		configure "transport = \"${way/here/ssh}\";"
		# Each has said when to end it by then.
		local options="-w $((1 + PACE)) kvm -p"
		[ "$way" = here ] && options="-l save,restore,migrate $options"
		start "$options"
		send "$(request SAVE 1)"
		send "$(request RESTORE 2)"
		send "$(request MIGRATE 3)"
		send "$(request RESET 4)"
		expect '^RESET FAILURE 4 outcome unknown: .* did not end within [0-9]+ s'
		for action in 'SAVE FAILURE 1' 'RESTORE FAILURE 2' 'MIGRATE FAILURE 3'; do expect "^$action "; done
		for s in save restore migrate; do [ -e "taken-back.$s" ]; done
		[ ! -e taken-back.reset ]
		finish
	done
}

@test "DRIVER_CANCEL: save gets time to end by itself, and the VM's next action waits for it" {
	for way in ssh relay; do
		rm -f taken-back.* pid.*
		configure "transport = \"$way\";"
		stub rem/vmm/kvm/reboot '[ -e "$ONE_LOCATION/taken-back.save" ]'
		start
		send "$(request SAVE 1)"
		wait_for test -s pid.save
		send 'DRIVER_CANCEL  1 '
		send "$(request REBOOT 1)"
		expect '^REBOOT SUCCESS 1 '
		finish
	done
}

@test "the driver is killed: the next one waits until save has undone what it did" {
	for way in ssh relay; do
		rm -f taken-back.* pid.*
		configure "transport = \"$way\";"
		start
		send "$(request SAVE 1)"
		wait_for test -s pid.save
		kill -KILL "$driver_pid"
		wait "$driver_pid" 2>/dev/null || true
		exec 9>&-
		start
		expect '^SAVE FAILURE 1 '
		[ -e taken-back.save ]
		wait_for gone pid.save
		finish
	done
}

@test "timeout_s.abort: an action that needs longer is killed" {
	configure 'transport = "relay"; timeout_s: { abort = 1; };'
	slow_to_end rem/vmm/kvm/save 60
	start '-w 1 kvm -p'
	send "$(request SAVE 1)"
	expect '^SAVE FAILURE 1 outcome unknown: .* did not end within 1 s'
	[ ! -e taken-back.save ]
	gone pid.save
	finish
}
