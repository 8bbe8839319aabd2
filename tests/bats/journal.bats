# SPDX-License-Identifier: Apache-2.0
# journal.bats - a driver that is killed is followed by one that knows what was at work: what still
# runs is ended, what is half done is finished or undone, and each request is answered once.
load helper
load driver

setup() {
	driver_setup
	for a in pre post clean; do stub "rem/vnm/802.1Q/$a"; done
}

crash() {
	kill -KILL "$driver_pid"
	wait "$driver_pid" 2>/dev/null || true
	exec 9>&-
	driver_pid=
}

# noted PATTERN: a line of the running driver's notes.
noted() { grep -q -- "$1" $(readlink /proc/"$driver_pid"/fd/* | grep '[.]notes$'); }

# journal_has TEXT: what the driver prints of its journals.
journal_has() { "$DRIVER" --journal | grep -qF -- "$1"; }

@test "a step that may be repeated is, by ssh and by relay: what the old driver ran is ended first" {
	for way in ssh relay; do
		configure "transport = \"$way\";"
		cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
		rm -f var/second
		: >calls
		stub rem/vmm/kvm/shutdown '[ -e second ] || { touch second; sleep 981.5; touch alive; }'
		start
		send "$(request SHUTDOWN 306)"
		wait_for sleeps 981.5
		crash
		start
		expect '^SHUTDOWN SUCCESS 306 -$'
		expect '^LOG W 306 SHUTDOWN: the driver ended while shutdown was running$'
		never sleeps 981.5
		[ "$(called)" = 'shutdown shutdown clean clean' ]
		finish
	done
}

@test "a deploy in progress is undone, and oned gets its reply" {
	stub rem/vmm/kvm/deploy 'sleep 982.5; echo one-306'
	start
	send "$(deploy_request 306)"
	wait_for sleeps 982.5
	crash
	start
	expect '^DEPLOY FAILURE 306 outcome unknown: the driver ended while deploy was running; it was undone if host-a made domain [0-9a-f-]{36}: its scripts cannot say '
	never sleeps 982.5
	[ "$(called)" = 'context pre deploy cancel clean' ]
	finish
}

@test "a deploy whose network was being set up after it continues with the id that deploy printed" {
	stub rem/vmm/kvm/deploy 'echo some-uuid'
	stub rem/vnm/bridge/post '[ -e second ] || { touch second; sleep 983.5; }'
	start
	send "$(deploy_request 306)"
	wait_for sleeps 983.5
	crash
	start
	expect '^DEPLOY SUCCESS 306 some-uuid$'
	[ "$(tail -1 calls)" = 'host-a rem/vnm/bridge/post some-uuid host-a' ]
	[ "$(grep -c kvm/deploy calls)" -eq 1 ]
	finish
}

@test "a transfer in progress here is ended, not left alone beside the next" {
	stub var/remotes/tm/qcow2/context '[ -e second ] || { touch second; sleep 984.5; }'
	start
	send "$(deploy_request 306)"
	wait_for sleeps 984.5
	crash
	sleeps 984.5
	start
	expect '^DEPLOY SUCCESS 306 one-306$'
	never sleeps 984.5
	finish
}

@test "what had not begun is answered, and not run" {
	stub rem/vmm/kvm/reset 'sleep 985.5'
	start '-t 1 kvm'
	send "$(request RESET 1)"
	send "$(request REBOOT 2)"
	wait_for sleeps 985.5
	wait_for journal_has 'VM 2 REBOOT: waits'
	crash
	stub rem/vmm/kvm/reset
	start
	expect '^REBOOT FAILURE 2 not started: the driver was restarted$'
	expect '^RESET FAILURE 1 outcome unknown: the driver ended while reset was running$'
	never grep -q 'kvm/reboot' calls
	finish
	[ "$(grep -c '^RE' out)" -eq 2 ]
	start
	send "$(request RESET 3)"
	expect '^RESET SUCCESS 3 -$'
	finish
	[ "$(grep -c '^RE' out)" -eq 1 ]
}

@test "without an INIT, requests that the driver before left are answered too, and block nothing for good" {
	stub rem/vmm/kvm/reset 'sleep 985.6'
	start '-t 1 kvm'
	send "$(request RESET 1)"
	wait_for sleeps 985.6
	crash
	stub rem/vmm/kvm/reset
	INIT='' start '-t 1 kvm'
	send "$(request REBOOT 1)"
	send "$(request REBOOT 2)"
	expect '^RESET FAILURE 1 outcome unknown: the driver ended while reset was running$'
	expect '^REBOOT SUCCESS 1 -$'
	expect '^REBOOT SUCCESS 2 -$'
	finish
}

@test "nothing follows the answer to INIT at once" {
	stub rem/vmm/kvm/reset 'sleep 986.5'
	start
	send "$(request RESET 1)"
	wait_for sleeps 986.5
	crash
	[ "$({ printf 'INIT\n'; sleep 0.5; } | "$DRIVER" kvm 2>&- | dd bs=4096 count=1 2>/dev/null)" = 'INIT SUCCESS - -' ]
}

# bats test_tags=root
@test "--journal: a directory that may not be read is an error, not one without journals" {
	start
	finish
	chmod 700 var/vmm_exec
	chmod 755 . "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR/.."
	for words in '--journal' '--journal kvm' '--journal --json'; do
		# shellcheck disable=SC2086
		run --separate-stderr setpriv --reuid 65534 --regid 65534 --clear-groups "$DRIVER" $words
		[ "$status" -eq 1 ]
		[ "$stderr" = "one_vmm_exec: cannot read the journals in $PWD/var/vmm_exec: Permission denied [permission] (hint: run it as oneadmin)" ]
	done
	jq -e '.outcome == "failed" and .error.class == "permission"' <<<"$output"
}

@test "--journal: waiting and running actions, for people, for programs, and followed" {
	run "$DRIVER" --journal
	[ "$status" -eq 0 ]
	[ "$output" = 'no journal' ]
	stub rem/vmm/kvm/reset 'sleep 987.5'
	start '-t 1 kvm'
	send "$(request RESET 1)"
	send "$(request REBOOT 2)"
	wait_for sleeps 987.5
	wait_for journal_has 'VM 1 RESET: step 1'
	wait_for journal_has 'VM 2 REBOOT: waits'
	run "$DRIVER" --journal
	[ "$status" -eq 0 ]
	[[ $output == *'.db: 2 not ended'* ]]
	[[ $output =~ ' VM 1 RESET: step 1 of RESET (reset), host host-a, for '[0-9]+' s' ]]
	[[ $output =~ ' VM 2 REBOOT: waits, host host-a, for '[0-9]+' s' ]]
	"$DRIVER" --journal --json >journal.json
	[ "$(jq -c '.journals[0].requests[] | [.vm, .action, .state, .step_name, .host, (.age_s | type), (.accepted | length)]' journal.json)" = \
		$'[1,"RESET","running","reset","host-a","number",20]\n[2,"REBOOT","waiting",null,"host-a","number",20]' ]
	"$DRIVER" --journal --follow >followed 3>&- & follower=$!
	wait_for grep -q 'VM 2 REBOOT: waits' followed
	[ "$(stat -c %a var/vmm_exec/* | sort -u)" = 600 ]
	send 'DRIVER_CANCEL  1 '
	expect '^REBOOT SUCCESS 2'
	wait_for journal_has '0 not ended'
	wait_for grep -q '0 not ended' followed
	kill $follower
	[ "$(grep -c 'VM 2 REBOOT: waits' followed)" -eq 1 ]
	run -255 "$DRIVER" --json kvm </dev/null
	finish
}

@test "--journal --follow waits for a journal that is just being made, and ends if it stays unreadable" {
	local since
	mkdir -p var/vmm_exec
	: >var/vmm_exec/kvm-new.db
	"$DRIVER" --journal --follow >followed 2>why 3>&- & follower=$!
	since=$(cut -d . -f 1 /proc/uptime)
	wait_for eval "[ \$((\$(cut -d . -f 1 /proc/uptime) - $since)) -ge 2 ]"
	rm var/vmm_exec/kvm-new.db
	wait_for grep -q 'no journal' followed
	: >var/vmm_exec/kvm-new.db
	status=0
	wait $follower || status=$?
	[ "$status" -eq 1 ]
	grep 'cannot read .*kvm-new.db: no such table' why
}

@test "it is bounded: what has ended is dropped, what has not stays" {
	stub rem/vmm/kvm/reset 'until [ -e go ]; do sleep 0.02; done'
	start
	send "$(request RESET 1)"
	wait_for grep -q reset calls
	size=$(cat var/vmm_exec/* | wc -c)
	for id in {2..40}; do
		send "$(request REBOOT $id)"
		expect "^REBOOT SUCCESS $id "
	done
	[ "$(cat var/vmm_exec/* | wc -c)" -lt $((size + 200000)) ]
	wait_for journal_has '1 not ended'
	journal_has 'VM 1 RESET'
	touch var/go
	finish
}

@test "a journal of rubbish, or none at all, does no harm" {
	start
	finish
	for file in var/vmm_exec/*.db; do head -c 100000 /dev/urandom >"$file"; done
	start
	send "$(request RESET 1)"
	expect '^RESET SUCCESS 1 -$'
	expect '^LOG E -1 one_vmm_exec: the journal was damaged'
	[ -e "$(echo var/vmm_exec/*.damaged)" ]
	finish
	rm -rf var/vmm_exec
	: >var/vmm_exec
	start
	send "$(request RESET 2)"
	expect '^RESET SUCCESS 2 -$'
	expect '^LOG E -1 one_vmm_exec: the journal cannot be written: what is at work is kept in memory .*var/vmm_exec'
	finish
}

@test "without a directory in memory either, it says that there is no journal, and answers what waits before it ends" {
	configure "transport = \"ssh\"; journal: { dir = \"$PWD/file/j\"; spare_dir = \"$PWD/file/m\"; };"
	: >file
	stub rem/vmm/kvm/reset 'touch "$ONE_LOCATION/begun"; sleep 60'
	start '-t 1 -r 0 kvm -p'
	expect '^LOG E -1 one_vmm_exec: no journal: cannot open .*Not a directory'
	grep -q 'no journal' err
	send "$(request RESET 306)"
	send "$(request REBOOT 307)"
	wait_for test -e begun
	finish
	grep -q '^REBOOT FAILURE 307 not begun: the driver ends$' out
	grep -q '^RESET FAILURE 306 outcome unknown: the driver ended while it was running$' out
}

@test "a reply that was written is not repeated, wherever the driver before had its notes" {
	local dirs=("$PWD/one" "$PWD/two" '') before after
	mkdir -m 700 one two
	mkfifo pipe
	for before in "${dirs[@]}"; do
		for after in "${dirs[@]}"; do
			configure "transport = \"ssh\"; journal: { spare_dir = \"$before\"; };"
			rm -f in
			mkfifo in
			exec 8<>pipe
			"$DRIVER" '-t 15 -r 0 kvm -p' <in >pipe 2>err 3>&- 8>&- &
			driver_pid=$!
			exec 9>in
			send "$(request RESET 306)"
			wait_for noted '^sent'
			crash
			exec 8>&-
			configure "transport = \"ssh\"; journal: { spare_dir = \"$after\"; };"
			start
			send "$(request RESET 307)"
			expect '^RESET SUCCESS 307 -$'
			never grep '^RESET SUCCESS 306' out
			finish
		done
	done
}

@test "killed at random moments of a busy run: hosts, journal and answers agree, no VM is made twice" {
	run "$TOP/tests/tools/crash" "$DRIVER" "$BUILD/remotes/vmm/relay" "$DATA/messages" 5
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *' 5 kills, '*' faults: none' ]]
}

@test "drivers that are started alike have a journal each, and so have those of another kind" {
	local args fd fds=() pids=()
	start
	for args in '-t 15 -r 0 kvm -p' '-t 15 kvm' '--name other kvm -p'; do
		rm -f other.in
		mkfifo other.in
		"$DRIVER" "$args" <other.in >/dev/null 2>"err.${#pids[@]}" 3>&- 9>&- &
		pids+=($!)
		exec {fd}>other.in
		fds+=("$fd")
		echo INIT >&"$fd"
	done
	wait_for eval '[ "$(echo var/vmm_exec/*.db | wc -w)" -eq 4 ]'
	# Those that were started later hold these, too, and end first.
	for fd in "${fds[@]}"; do exec {fd}>&-; done
	wait "${pids[@]}" || true
	never grep -q 'no journal' err.*
	[ -e var/vmm_exec/other.db ]
	finish
}

@test "what a killed driver was just starting may hold its journal for a moment: the next driver waits for it" {
	stub rem/vmm/kvm/reset '[ -e "$ONE_LOCATION/second" ] || { touch "$ONE_LOCATION/second"; sleep 984.5; }'
	configure "transport = \"ssh\"; journal: { spare_dir = \"$PWD/memory\"; };"
	mkdir -m 700 memory
	for lock in memory var/vmm_exec; do
		rm -f second
		start
		send "$(request RESET 306)"
		wait_for sleeps 984.5
		wait_for journal_has 'step 1 of RESET'
		crash
		rm -f held
		flock "$(echo "$lock"/*.lock)" sh -c 'touch held; exec sleep 1.5' 3>&- &
		wait_for test -e held
		start
		expect '^RESET FAILURE 306 outcome unknown: the driver ended while reset was running$'
		finish
		wait
		[ "$(ls var/vmm_exec/*.db | wc -l)" -eq 1 ]
	done
}

@test "a driver takes up its own journal, whatever is in progress in another's" {
	stub rem/vmm/kvm/reset '[ -e second ] || { touch second; sleep 988.5; }'
	start '-t 15 kvm -p'
	send "$(request RESET 1)"
	wait_for sleeps 988.5
	crash
	start '-t 15 -l reboot kvm -p'
	stub var/remotes/vmm/kvm/reboot
	send "$(request REBOOT 2)"
	expect '^REBOOT SUCCESS 2'
	sleep 2
	never grep -q '^RESET' out
	finish
	start '-t 3 -w 100 kvm -p'
	expect '^RESET FAILURE 1 outcome unknown'
	finish
}
