# SPDX-License-Identifier: Apache-2.0
# undo.bats - an undo or a clean-up ends and removes only what its own action made, and only as long as nothing else
# was begun.
# bats file_tags=once
load helper
load driver
load lost

@test "an undo ends only the domain that its own DEPLOY made: it is given that UUID, and no name" {
	stub rem/vmm/kvm/deploy 'echo "$VMM_DEPLOYMENT" >"$ONE_LOCATION/uuid"; kill -KILL $$'
	stub rem/vmm/kvm/cancel 'echo "$VMM_DEPLOYMENT" >"$ONE_LOCATION/undone"'
	start
	send "$(deploy_request 306)"
	expect '^DEPLOY FAILURE 306 outcome unknown'
	[[ $(cat uuid) =~ ^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$ ]]
	[ "$(cat uuid)" = "$(cat undone)" ]
	grep -q "kvm/cancel $(cat uuid) " calls
	send "$(deploy_request 307)"
	expect '^DEPLOY FAILURE 307 outcome unknown'
	never grep -q "$(sort -u uuid)" <(grep 'cancel.* 306 ' calls)
	finish
}

@test "an undo of an attach takes the disk of its own request only; DETACHDISK takes what it is asked for" {
	stub var/remotes/tm/qcow2/clone
	stub var/remotes/tm/qcow2/delete
	stub rem/vmm/kvm/attach_disk 'kill -KILL $$'
	stub rem/vmm/kvm/detach_disk 'echo "${VMM_OWN_DEVICE:-no}" >>"$ONE_LOCATION/own"'
	start
	send "$(request ATTACHDISK 306)"
	expect '^ATTACHDISK FAILURE 306 outcome unknown'
	[ "$(cat own)" = yes ]
	cmp stdin.attach_disk stdin.detach_disk
	send "$(request DETACHDISK 306)"
	expect '^DETACHDISK SUCCESS 306'
	[ "$(cat own)" = $'yes\nno' ]
	finish
}

@test "every undo says what proves that it may end or remove something" {
	"$DRIVER" --plans >plans
	[ "$(wc -l <plans)" -gt 60 ]
	# What ends, detaches, cleans or rolls back, when it is an undo (plans in lower case).
	run awk '$1 ~ /^[a-z]/ && $2 ~ /^(cancel|shutdown|detach_|clean|tm_detach|tm_failmigrate|postbackup)/ && $NF == "none"' plans
	[ -z "$output" ]
	# Each plan that is named as an undo is there.
	for plan in $(grep -oE '(undo|unknown|later) [a-z+-]+' plans | awk '$2 != "-" { print $2 }' | sort -u); do
		grep -q "^$plan " plans
	done
	# A domain is ended by an undo only with its deployment's mark.
	[ "$(awk '$1 ~ /^[a-z]/ && $2 == "cancel" { print $NF }' plans | sort -u)" = deployment ]
}

@test "RESTORE: a network step that fails leaves the VM running, and is tried again" {
	configure 'clean: { pause_s = 1; };'
	mkdir -p ds
	stub rem/vmm/kvm/restore 'echo one-306'
	stub rem/vnm/bridge/post '[ -e "$ONE_LOCATION/good" ] || { echo "cannot set the VLAN" >&2; exit 1; }'
	start
	send "$(request RESTORE 306 - CHECKPOINT_FILE=$PWD/ds/checkpoint)"
	expect '^RESTORE SUCCESS 306'
	expect '^LOG E 306 post: bridge: cannot set the VLAN \(the restore itself was done\)$'
	never grep -q kvm/cancel calls
	# What neither ends nor moves the VM does not keep it from being tried again.
	send "$(request REBOOT 306)"
	expect '^REBOOT SUCCESS 306'
	touch good
	expect '^LOG I 306 net-post, tried again: done$'
	wait_for journal_has '0 not ended'
	finish
}

@test "a clean-up that is to be tried again is tried by the next driver, however this one ends" {
	local how
	for v in bridge 802.1Q; do stub rem/vnm/$v/clean '[ -e "$ONE_LOCATION/good" ]'; done
	for how in kill finalize; do
		rm -f good
		configure 'clean: { pause_s = 600; };'
		start
		send "$(request SHUTDOWN 306; request SHUTDOWN 307)"
		expect '^SHUTDOWN SUCCESS 306'
		expect '^SHUTDOWN SUCCESS 307'
		wait_for journal_has 'VM 306 net-clean: waits'
		# The one of a VM that is deployed meanwhile is void.
		send "$(deploy_request 307)"
		expect '^DEPLOY SUCCESS 307'
		end_by "$how"
		touch good
		: >calls
		configure 'clean: { pause_s = 1; };'
		start
		expect '^LOG I 306 net-clean, tried again: done$'
		wait_for journal_has '0 not ended'
		[ "$(grep -c /clean calls)" -eq 2 ]
		never grep -qE '^(SHUTDOWN|DEPLOY)' out
		finish
	done
}

@test "what belongs to a VM's network is not removed where the VM runs" {
	stub rem/vmm/kvm/deploy 'echo "another one-306 runs [exists]" >&2; exit 1'
	stub rem/vmm/kvm/outcome 'echo "not-done the VM runs here"'
	start
	send "$(deploy_request 306)"
	expect '^DEPLOY FAILURE 306 another one-306 runs'
	grep -q '^LOG W 306 clean: the VM runs on host-a: what belongs to it there is left alone' out
	never grep -q '/clean' calls
	finish
}

# A SHUTDOWN of VM 306 whose clean-up fails, and is tried again after PAUSE seconds.
clean_later() {	# PAUSE
	configure "clean: { pause_s = $1; };"
	for v in bridge 802.1Q; do stub rem/vnm/$v/clean 'touch "$ONE_LOCATION/cleaning"; while [ -e "$ONE_LOCATION/slow" ]; do sleep 0.05; done; exit 1'; done
	start
	send "$(request SHUTDOWN 306)"
	expect '^SHUTDOWN SUCCESS 306'
	rm cleaning
}

@test "DRIVER_CANCEL means the request, not the clean-up that is tried again before it" {
	clean_later $((1 + PACE))
	touch slow
	wait_for test -e cleaning
	send "$(request REBOOT 306)"
	send 'DRIVER_CANCEL  306 '
	expect 'Driver command for 306 cancelled'
	rm slow
	send "$(request RESET 306)"
	expect '^RESET SUCCESS 306'
	never grep -q 'kvm/reboot' calls
	never grep -q '^REBOOT' out
	finish
}

@test "a clean-up that fails while the VM's next request waits is not tried again after that" {
	clean_later $((1 + PACE))
	touch slow
	wait_for test -e cleaning
	send "$(deploy_request 306)"
	wait_for journal_has 'VM 306 DEPLOY: waits'
	rm slow
	expect '^DEPLOY SUCCESS 306'
	wait_for journal_has '0 not ended'
	[ "$(tail -n 1 calls | awk '{ n = split($2, p, "/"); print p[n] }')" = post ]
	finish
}

@test "DETACHNIC: a clean-up of the network that is tried again cleans what belongs to the NIC, though the VM runs" {
	configure 'clean: { pause_s = 1; };'
	for s in detach_nic prereconfigure reconfigure; do stub rem/vmm/kvm/$s; done
	stub rem/vmm/kvm/outcome 'echo "not-done it runs"'
	for v in bridge 802.1Q; do stub rem/vnm/$v/clean '[ -e "$ONE_LOCATION/good" ]'; done
	start
	send "$(request DETACHNIC 306)"
	expect '^DETACHNIC SUCCESS 306'
	touch good
	: >calls
	expect '^LOG I 306 nic-clean, tried again: done$'
	grep -q /clean calls
	never grep -q kvm/outcome calls
	wait_for journal_has '0 not ended'
	finish
}

@test "a clean-up that is due while the driver ends is not begun" {
	local line
	stub rem/vmm/kvm/reset 'sleep 30'
	line=$(request RESET 307)
	# The driver waits 5 s for what runs: the clean-up is due in these.
	clean_later 4
	send "$line"
	wait_for grep -q kvm/reset calls
	finish
	[ ! -e cleaning ]
}

@test "an undo waits for its host, also if only the answer was lost" {
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	configure 'transport = "relay"; hosts: { retry_s = 1; };'
	stub rem/vmm/kvm/deploy 'echo broken >&2; exit 1'
	stub rem/vmm/kvm/outcome '[ -e "$ONE_LOCATION/twice" ] || { touch "$ONE_LOCATION/twice"; kill -KILL $PPID; sleep 0.2; }; echo done'
	start
	send "$(deploy_request 306)"
	expect '^DEPLOY FAILURE 306 broken$'
	grep -q /clean calls
	finish
	: >calls
	stub rem/vmm/kvm/deploy 'echo 11111111-2222-4333-8444-555555555555'
	breaks_the_way rem/vnm/bridge/post
	start
	send "$(deploy_request 307)"
	wait_for test -e no-ssh-host-a
	stub rem/vnm/bridge/post 'exit 1'
	sleep 1
	never grep -q '^DEPLOY' out
	rm no-ssh-host-a
	expect '^DEPLOY FAILURE 307 bridge: .* failed with status 1$'
	grep -q 'kvm/cancel 11111111-2222-4333-8444-555555555555 ' calls
	finish
}

@test "an undo whose host stays away is given up, after one time of waiting" {
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	configure 'transport = "relay"; hosts: { retry_s = 1; }; wait_s: { network = 1; cancel = 1000; };'
	stub rem/vmm/kvm/deploy 'echo 11111111-2222-4333-8444-555555555555'
	breaks_the_way rem/vnm/bridge/post
	start
	send "$(deploy_request 306)"
	expect '^DEPLOY FAILURE 306 outcome unknown: .*; undoing it failed: cancel: .*; the VM may be running on host-a$'
	finish
}

@test "a proof of absence holds for one command: after a wait for the host, or a lost answer, it is asked for again" {
	configure 'transport = "ssh"; ssh: { multiplex = false; }; hosts: { retry_s = 1; };'
	stub rem/vmm/kvm/outcome 'if [ -e "$ONE_LOCATION/runs" ]; then echo "not-done it runs"; else echo done; fi; [ ! -e "$ONE_LOCATION/go-away" ] || touch "$ONE_LOCATION/no-ssh-host-a"'
	stub rem/vmm/kvm/deploy 'echo broken >&2; exit 1'
	touch go-away
	start
	send "$(deploy_request 306)"
	expect '^LOG I 306 Command execution fail .*/clean'
	rm go-away
	touch runs
	rm no-ssh-host-a
	expect '^DEPLOY FAILURE 306 broken$'
	never grep -q '/clean' calls
	# The answer of the first network's clean is lost: neither it nor the second one is run.
	for v in bridge 802.1Q; do stub rem/vnm/$v/clean 'touch "$ONE_LOCATION/runs"; kill -KILL $PPID'; done
	for action in DEPLOY SHUTDOWN; do
		rm runs
		: >calls
		[ $action = DEPLOY ] && send "$(deploy_request 307)" || send "$(request SHUTDOWN 307)"
		expect "^$action .* 307"
		[ "$(grep -c '/clean' calls)" -eq 1 ]
	done
	# Nor is the second one if the VM came between the two.
	for v in bridge 802.1Q; do stub rem/vnm/$v/clean 'touch "$ONE_LOCATION/runs"'; done
	rm runs
	: >calls
	send "$(deploy_request 308)"
	expect '^DEPLOY FAILURE 308 broken$'
	[ "$(grep -c '/clean' calls)" -eq 1 ]
	finish
}

# A DEPLOY of VM 306 on host-b by which its clean-up on host-a stays due. HOW: cancelled while it waits, refused, or not begun.
deploy_in_vain() {	# HOW
	case $1 in
	cancelled)
		send "$(request RESET 307 host-b)"
		wait_for grep -q kvm/reset calls
		send "$(deploy_request 306 HOST=host-b)"
		wait_for journal_has 'VM 306 DEPLOY: waits'
		send 'DRIVER_CANCEL  306 '
		touch go
		expect '^RESET SUCCESS 307' ;;
	refused)
		send "$(deploy_request 306 "LOCAL_DEPLOYMENT_FILE=$PWD/none")"
		expect '^DEPLOY FAILURE 306' ;;
	not-begun)
		touch no-ssh-host-b
		send "$(deploy_request 306 HOST=host-b)"
		expect '^DEPLOY FAILURE 306' ;;
	esac
}

@test "a clean-up of a VM stays due until its next request has begun" {
	local how
	stub rem/vmm/kvm/reset 'until [ -e "$ONE_LOCATION/go" ]; do sleep 0.02; done'
	configure "clean: { pause_s = $((2 + 2 * PACE)); };"
	for how in cancelled refused not-begun; do
		rm -f go good no-ssh-host-b
		for v in bridge 802.1Q; do stub rem/vnm/$v/clean '[ -e "$ONE_LOCATION/good" ]'; done
		start '-t 1 -r 0 kvm'
		send "$(request SHUTDOWN 306)"
		expect '^SHUTDOWN SUCCESS 306'
		touch good
		deploy_in_vain $how
		never grep -q '^DEPLOY SUCCESS' out
		expect '^LOG I 306 net-clean, tried again: done$'
		wait_for journal_has '0 not ended'
		finish
	done
}

@test "a clean-up that became due while the VM's next request waited is void once that begins" {
	local next
	stub rem/vmm/kvm/reset 'until [ -e "$ONE_LOCATION/go" ]; do sleep 0.02; done'
	configure "clean: { pause_s = 1; };"
	for v in bridge 802.1Q; do stub rem/vnm/$v/clean 'exit 1'; done
	start '-t 1 -r 0 kvm'
	next=$(deploy_request 306)	# which takes as long as the pause, on a busy machine
	send "$(request RESET 307)"
	send "$(request SHUTDOWN 306 host-b)"
	send "$next"
	expect '^SHUTDOWN SUCCESS 306'
	sleep $((2 + PACE))
	touch go
	expect '^DEPLOY SUCCESS 306'
	wait_for journal_has '0 not ended'
	never grep -q 'net-clean, tried again' out
	finish
}

@test "DRIVER_CANCEL means the action that runs, not the one before it whose end goes to disk" {
	faulty_disk
	stub rem/vmm/kvm/reset 'until [ -e "$ONE_LOCATION/go" ]; do sleep 0.02; done'
	start_on_faulty_disk
	send "$(request RESET 306)"
	wait_for grep -q kvm/reset calls
	send "$(request REBOOT 306)"
	wait_for journal_has 'VM 306 REBOOT: waits'
	echo hang >fault
	touch go
	expect 'Successfully execute virtualization driver operation: reset'
	send 'DRIVER_CANCEL  306 '
	expect 'Driver command for 306 cancelled'
	rm fault
	expect '^RESET SUCCESS 306'
	wait_for journal_has '0 not ended'
	never grep -q kvm/reboot calls
	never grep -q '^REBOOT' out
	finish
}

@test "a clean-up that was being tried again when the driver was killed ends before the VM's next request" {
	clean_later 1
	touch slow
	wait_for test -e cleaning
	crash
	configure 'clean: { pause_s = 600; };'
	stub rem/vnm/bridge/pre 'pgrep -f "$ONE_LOCATION/rem/vnm/[^ ]*/clean" >"$ONE_LOCATION/beside" || true'
	start
	send "$(deploy_request 306)"
	expect '^DEPLOY SUCCESS 306'
	[ ! -s beside ]
	finish
}

@test "an action that the next driver continues keeps the clean-up that it left itself" {
	for v in bridge 802.1Q; do
		stub rem/vnm/$v/clean '[ -e "$ONE_LOCATION/good" ]'
		stub rem/vnm/$v/post '[ -e "$ONE_LOCATION/good" ] || { touch "$ONE_LOCATION/posting"; sleep 998.7; }'
	done
	for v in premigrate postmigrate; do stub var/remotes/tm/qcow2/$v; done
	stub rem/vmm/kvm/migrate
	configure 'clean: { pause_s = 600; };'
	start
	send "$(request MIGRATE 306)"
	wait_for test -e posting
	wait_for journal_has 'VM 306 net-clean: waits'
	crash
	touch good
	configure 'clean: { pause_s = 1; };'
	start
	expect '^MIGRATE SUCCESS 306'
	expect '^LOG I 306 net-clean, tried again: done$'
	finish
}
