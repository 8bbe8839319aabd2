# SPDX-License-Identifier: Apache-2.0
# bats file_tags=fast
# The agent between its starts: what it remembers, and how it becomes its new self.
load helper
load node
load monitord

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	set_of_agent
	printf ':times_missing: 2\n' >"$SET/etc/im/kvm-probes.d/probe_db.conf"
	# The agent goes by the locks of VMs, which all suites share, and others act on one-5 and one-6 meanwhile.
	sed 's/one-\([56]\)/one-78\1/' "$BATS_FILE_TMPDIR/node.xml" >node.xml
	echo "LIBVIRT_URI=test://$PWD/node.xml" >"$SET/etc/vmm/kvm/kvmrc"
}

teardown() {
	end_agent
	end_receiver
	[ -n "${BATS_TEST_COMPLETED:-}" ] || cat messages errors
}

# The node without domain one-786.
lose_786() {
	python3 - <<-'END'
		import re
		text = open("node.xml").read()
		open("node.xml", "w").write("".join(d for d in re.split("(?=<domain |</node>)", text) if "one-786" not in d))
	END
}

# Another file in its place, as a sync puts it there.
replace() {	# FILE, with stdin
	cat >"$SET/$1.new"
	chmod --reference="$SET/$1" "$SET/$1.new"
	mv "$SET/$1.new" "$SET/$1"
}

is_renewed() {
	[ "/proc/$AGENT/exe" -ef "$SET/im/monitord-client" ]
}

@test "a VM that ends while no agent runs is not missed at the next start, and off when it was missing for long" {
	agent
	[[ $(answered) == *'ID="785"'*'ID="786"'* ]]
	wait_for grep -qs '^786 ' db/states-7
	end_agent
	lose_786
	start_agent
	[[ $(answered) == *'ID="785"'*'STATE="RUNNING"'*'ID="786"'*'STATE="UNKNOWN"'* ]]
	received 'any(.type == "STATE_VM" and (.text | contains("ID=\"786\"") and contains("STATE=\"POWEROFF\"")))'
	never grep -q 'ID="785".*POWEROFF' <(jq -r 'select(.type == "STATE_VM").text' messages)
}

@test "a file that other users can write to is not used" {
	mkdir -p db
	echo "789 $(uuid 9)" >db/states-7
	chmod 666 db/states-7
	agent
	states=$(answered)
	[[ $states == *'ID="785"'* && $states != *'ID="789"'* ]]
	end_agent
	rm -f db/states-7
	echo "789 $(uuid 9)" >db/other
	ln -s other db/states-7
	start_agent
	states=$(answered)
	[[ $states == *'ID="785"'* && $states != *'ID="789"'* ]]
	end_agent
	rm -f db/states-7
	printf '789 %s\n789\nx y\n-1 %s\n10 short\n' "$(uuid 9)" "$(uuid 9)" >db/states-7
	start_agent
	[ "$(answered | grep -c 'STATE="UNKNOWN"')" -eq 1 ]
}

@test "after a sync the agent is its new self, with its id and what it knew, and answers no start again" {
	agent
	before=$(cat answer)
	is_renewed
	# It looks now and then: not before it was seen that there is something to be renewed.
	kill -STOP "$AGENT"
	replace im/monitord-client <"$SET/im/monitord-client"
	never is_renewed
	kill -CONT "$AGENT"
	wait_for is_renewed
	: >messages
	lose_786
	wait_for grep -qx "$AGENT" db/.monitor_client.pid
	[ "$(tr '\0' ' ' <"/proc/$AGENT/cmdline")" = "$SET/im/kvm.d/monitord-client.rb kvm 7 node1 --directory $PWD/db " ]
	received 'any(.type == "MONITOR_HOST" and .host == 7 and .result == "SUCCESS")'
	[ "$(cat answer)" = "$before" ]
	kill -USR1 "$AGENT"
	received 'any(.type == "SYSTEM_HOST")'
	kill -0 "$AGENT"
}

@test "a sync that puts a whole new set in place renews the agent, too" {
	agent
	cp -a set next
	mv set old
	mv next set
	rm -r old
	wait_for is_renewed
	: >messages
	received 'any(.type == "MONITOR_HOST" and .result == "SUCCESS")'
}

@test "what its threads report before it is ready is handled once it is" {
	receiver
	write_start
	# From the third one on, each new thread is busy for a while before its creator continues.
	ASAN_OPTIONS=detect_leaks=0 strace -f -qq -I 2 -o strace.log -e trace=clone,clone3 -e inject=clone,clone3:delay_exit=300000:when=3+ \
		"$SET/im/monitord-client" kvm 7 node1 --directory "$PWD/db" <start >answer 2>errors 3>&- &
	AGENT=$!
	has_answered
	[[ $(answered) == *'ID="785"'*'ID="786"'* ]]
	received '[.[] | select(.type == "MONITOR_HOST")] | length >= 3'
	grep -q '(DELAYED)' strace.log
}

@test "OpenNebula's files in place of ours: the agent goes on until OpenNebula's control script ends it, which finds it" {
	agent
	rm "$SET/im/monitord-client"
	: >messages
	received '[.[] | select(.type == "MONITOR_HOST")] | length >= 3'
	[ "$(ps axuww | grep "$SET/im/kvm.d/monitord-client.rb kvm 7 node1" | grep -v grep | awk '{ print $2 }')" = "$AGENT" ]
}

@test "a new program that does not work leaves the old one at work, until one comes that does" {
	agent
	cp "$SET/im/monitord-client" good
	printf '#!/bin/sh\ntouch %s/tried; exit 1\n' "$PWD" | replace im/monitord-client
	wait_for test -e tried
	: >messages
	received '[.[] | select(.type == "MONITOR_HOST")] | length >= 3'
	kill -0 "$AGENT"
	replace im/monitord-client <good
	wait_for is_renewed
}

@test "new settings are taken over after a sync, unless they are wrong" {
	agent
	answered >/dev/null	# the first states, which are a complete list, have come
	printf ':times_missing: nonsense\n' | replace etc/im/kvm-probes.d/probe_db.conf
	: >messages
	received '[.[] | select(.type == "MONITOR_HOST")] | length >= 5'
	never grep -q SYNC_STATE messages
	kill -0 "$AGENT"
	printf ':times_missing: 1\n' | replace etc/im/kvm-probes.d/probe_db.conf
	received 'any(.type == "STATE_VM" and (.text | startswith("SYNC_STATE=yes")))'
	kill -0 "$AGENT"
}

# With $PWD/db on a disk whose state is in disk.state.
start_on_disk() {
	ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD=$BUILD/tests/fake/disk.so MODEL_DISK=$PWD/db MODEL_DISK_STATE=$PWD/disk.state start_agent
}

# The last SYSTEM_HOST has FILTER's text, now or soon.
host_says() {	# FILTER
	received "[.[] | select(.type == \"SYSTEM_HOST\" and .result == \"SUCCESS\").text] | last | . != null and ($1)" >/dev/null
}

@test "a full disk: the agent starts and reports, says which files it cannot write, and writes them when there is room" {
	mkdir db
	receiver
	echo full >disk.state
	start_on_disk
	[[ $(answered) == *'ID="785"'*'ID="786"'* ]]
	grep -qxF "monitord-client: cannot write $PWD/db/.monitor_client.pid: No space left on device" errors
	host_says "contains(\"MONITOR_ERROR=\\\"cannot write $PWD/db/.monitor_client.pid: No space left on device; cannot write $PWD/db/states-7: No space left on device\")"
	: >disk.state
	wait_for grep -qsx "$AGENT" db/.monitor_client.pid
	wait_for grep -qs '^786 ' db/states-7
	host_says "contains(\"$PWD/db\") | not"
}

@test "a directory that others can write to, and a file in it that is a link: nothing is kept there, and the agent runs" {
	mkdir db
	chmod 777 db
	agent
	grep -qxF "monitord-client: cannot keep anything in $PWD/db: it is not ours alone" errors
	received 'any(.type == "MONITOR_HOST" and .result == "SUCCESS")' >/dev/null
	host_says "contains(\"MONITOR_ERROR=\\\"cannot keep anything in $PWD/db: it is not ours alone\\\"\")"
	[ -z "$(ls -A db)" ]
	end_agent
	chmod 755 db
	echo mine >other
	ln -s "$PWD/other" db/.monitor_client.pid
	start_agent
	grep -qxF "monitord-client: cannot write $PWD/db/.monitor_client.pid: Too many levels of symbolic links" errors
	[ "$(cat other)" = mine ]
}

@test "an agent does not start while another one holds its pid file" {
	agent
	run "$SET/im/monitord-client" kvm 7 node1 --directory "$PWD/db" <start
	assert_failure 1
	assert_output --partial "another agent runs: it has locked $PWD/db/.monitor_client.pid [busy]"
}

@test "control: the agent starts although /tmp is full" {
	local id=$((700000 + BATS_ROOT_PID % 100000))
	cp "$BUILD/remotes/im/kvm.d/monitord-client_control.sh" "$SET/im/kvm.d"
	receiver
	start_message | sed "s/<HOST_ID>7/<HOST_ID>$id/" >start
	echo full >disk.state
	cd "$SET/im/kvm.d"
	run env ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD="$BUILD/tests/fake/disk.so" MODEL_DISK=/tmp MODEL_DISK_STATE="$BATS_TEST_TMPDIR/disk.state" \
		./monitord-client_control.sh kvm $id node1 --directory "$BATS_TEST_TMPDIR/db" <"$BATS_TEST_TMPDIR/start" 3>&-
	./monitord-client_control.sh stop kvm $id node1 --directory "$BATS_TEST_TMPDIR/db"
	cd "$BATS_TEST_TMPDIR"
	assert_success
	assert_line "monitord-client_control.sh: the agent runs, but cannot write /tmp/one-monitord-$id.pid: No space left on device"
	assert_output --partial '</MONITOR_MESSAGES>'
}

# bats test_tags=root
@test "control: another user's process with the agent's command line does not keep the agent away, nor is it ended" {
	local id=$((800000 + BATS_ROOT_PID % 100000)) open other
	open=$(mktemp -d)	# where each user may look
	chmod 777 "$open"
	cp "$BUILD/remotes/im/kvm.d/monitord-client_control.sh" "$open"
	# With a script called kvm, python's own words are those of the agent.
	printf 'import time\nopen("ready", "w").close()\ntime.sleep(600)\n' >"$open/kvm"
	(cd "$open" && exec python3 -c 'import os, sys
os.setgroups([]); os.setgid(12345); os.setuid(12345)
os.execv("/usr/bin/python3", sys.argv[1:])' "$open/monitord-client.rb" kvm $id node1) 3>&- &
	other=$!
	wait_for test -e "$open/ready"
	run --separate-stderr setpriv --reuid 65534 --regid 65534 --clear-groups sh -c 'cd "$1" && shift && exec "$@"' - "$open" \
		./monitord-client_control.sh stop kvm $id node1
	kill "$other"
	rm -r "$open"
	[ "$status" -eq 0 ] || { echo "$status $stderr"; return 1; }
}
