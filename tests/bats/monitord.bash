# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# monitord.bash - for suites that receive what a host sends to monitord: tests/tools/monitord, and start messages for it.

# receiver [KEY]: starts one; its messages are in ./messages.
receiver() {
	: >messages
	"$TOP/tests/tools/monitord" port messages "$@" 3>&- &
	RECEIVER=$!
	until [ -e port ]; do kill -0 "$RECEIVER" && sleep 0.05; done
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
	local end=$((SECONDS + 20 * PACE))
	until jq -ers "$1" messages; do
		[ $SECONDS -lt $end ] || { cat messages; return 1; }
		sleep 0.05
	done
}
