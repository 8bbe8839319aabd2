# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# monitord.bash - for suites that receive what a host sends to monitord: tests/tools/monitord, and start messages for it.

# receiver [KEY]: starts one; its messages are in ./messages.
receiver() {
	: >messages
	rm -f port	# of the one before
	"$TOP/tests/tools/monitord" port messages "$@" 3>&- &
	RECEIVER=$!
	wait_for test -e port
}

end_receiver() {
	[ -z "${RECEIVER:-}" ] || kill "$RECEIVER" 2>/dev/null || true
}

# start_message [PUBLIC_KEY [PERIODS]]: the document for it, on one line as OpenNebula's scripts pass it on.
start_message() {
	local key
	key=$([ -z "${1:-}" ] || tr '\n' ' ' <"$1")
	echo "<MONITOR_CONFIGURATION><NETWORK><MONITOR_ADDRESS>127.0.0.1</MONITOR_ADDRESS><PORT>$(cat port)</PORT>" \
		"<PUBKEY>$key</PUBKEY></NETWORK><PROBES_PERIOD>${2:-}</PROBES_PERIOD><HOST_ID>7</HOST_ID></MONITOR_CONFIGURATION>"
}

# received FILTER: prints what jq's FILTER makes of the list of messages, waiting until it is neither false nor null.
received() {
	local begin=$SECONDS
	until jq -ers "$1" messages; do
		! late "$begin" 20 || { cat messages; return 1; }
		sleep 0.05
	done
}

# The agent of set_of_agent, with a receiver; its answer is in ./answer. It ends with the test.
agent() {
	receiver
	start_agent
}

start_agent() {
	: >messages
	rm -f answer errors	# of the agent before
	write_start
	(exec -a "$SET/im/kvm.d/monitord-client.rb" "$SET/im/monitord-client" kvm 7 node1 --directory "$PWD/db") <start >answer 2>errors 3>&- &
	AGENT=$!
	has_answered
}

# The start message, in ./start.
write_start() {
	start_message "" '<STATE_VM>1</STATE_VM><MONITOR_HOST>1</MONITOR_HOST><MONITOR_VM>1</MONITOR_VM>' >start
}

# Waits until it has.
has_answered() {
	local begin=$SECONDS
	until grep -q '</MONITOR_MESSAGES>' answer; do
		kill -0 $AGENT 2>/dev/null && ! late "$begin" 20 || return 1
		sleep 0.05
	done
}

end_agent() {
	[ -z "${AGENT:-}" ] || { kill "$AGENT" && wait "$AGENT"; } 2>/dev/null || true
}

# The states in the answer or, where libvirt was slow, the first ones behind it.
answered() {
	if grep -q '<STATE_VM>' answer; then
		sed -n 's|.*<STATE_VM>\(.*\)</STATE_VM>.*|\1|p' answer | base64 -d
	else
		received '[.[] | select(.type == "STATE_VM")] | first.text'
	fi
}

# set_of_agent: makes a set below ./set that has the agent.
set_of_agent() {
	SET=$PWD/set
	mkdir -p "$SET/im/kvm.d" "$SET/etc/vmm/kvm" "$SET/etc/im/kvm-probes.d"
	cp "$BUILD"/remotes/im/{monitord-client,kvm-probes} "$SET/im"
	echo "LIBVIRT_URI=$LIBVIRT_URI" >"$SET/etc/vmm/kvm/kvmrc"
}
