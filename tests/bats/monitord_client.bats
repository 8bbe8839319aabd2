# SPDX-License-Identifier: Apache-2.0
# bats file_tags=fast,once
load helper
load node
load monitord

teardown() {
	end_receiver
}

client() {
	run --separate-stderr -- "$BUILD/remotes/im/monitord-client" "$@"
}

# once SET ARGUMENT...: makes SET of the invented node and sends it to the receiver.
once() {
	start_message "${key:-}" >start
	run --separate-stderr -- "$BUILD/remotes/im/monitord-client" --once "$1" kvm 7 node1 "${@:2}" <start
	assert_success
}

# Unpacks a file of tests/data/monitor into ./root.
unpack() {
	awk '/^== / { file = "root/" $2; dir = file; sub("/[^/]*$", "", dir); system("mkdir -p " dir); next } { print >file }' \
		"$DATA/monitor/$1.tree"
}

# many NUMBER NAME: an invented node with as many domains.
many() {
	{
		echo '<node>'
		seq -f "<domain type='test'><name>$2%g</name><memory>65536</memory><os><type arch='x86_64'>hvm</type></os></domain>" "$1"
		echo '</node>'
	} >many.xml
}

keys() {
	openssl genrsa -out private 2048 2>/dev/null
	openssl rsa -in private -RSAPublicKey_out -out public 2>/dev/null
	key=public
}

@test "a host's usage and what it is, from fixed files" {
	unpack two-nodes
	client --once host/monitor --print --sysroot root
	assert_success
	assert_output "$(<"$DATA/monitor/two-nodes.monitor")"
	client --once host/system --print --sysroot root --datastores none
	assert_success
	assert_output "$(<"$DATA/monitor/two-nodes.system")"
}

@test "datastores that the host keeps: those with a driver's name" {
	mkdir -p root ds/0 ds/1 ds/100 ds/x
	echo ssh | tee ds/0/.monitor ds/x/.monitor >/dev/null
	: >ds/1/.monitor
	client --once host/system --print --sysroot root --datastores ds
	assert_success
	assert_line --regexp '^DS_LOCATION_USED_MB=[0-9]+$'
	assert_line --regexp '^DS_LOCATION_TOTAL_MB=[1-9][0-9]*$'
	assert_line --regexp '^DS_LOCATION_FREE_MB=[0-9]+$'
	assert_line --regexp '^DS = \[ ID = 0, USED_MB = [0-9]+, TOTAL_MB = [0-9]+, FREE_MB = [0-9]+ \]$'
	[ "$(grep -c '^DS = ' <<<"$output")" -eq 1 ]
}

# sizes DRIVER LINE...: that driver's script of these lines, in a set of its own.
sizes() {
	[ -d set ] || set_of_agent
	mkdir -p "set/tm/$1"
	printf '%s\n' '#!/bin/sh' "${@:2}" >"set/tm/$1/monitor_ds"
	chmod +x "set/tm/$1/monitor_ds"
}

# What is said of VM 7's disks.
disks() {
	run --separate-stderr -- "$PWD/set/im/monitord-client" --once vm/monitor --print --datastores ds
	assert_success
	sed -n 's/^VM = \[ ID="7", MONITOR="\(.*\)"\]$/\1/p' <<<"$output" | base64 -d
}

@test "disks of VMs in datastores: OpenNebula's scripts are answered, others are run, those that fail left out" {
	mkdir -p ds/100/7/disk.0.snap ds/100/8 ds/101/7 ds/102/7 ds/103/7 'ds/104/7'
	head -c 2500000 /dev/zero >ds/100/7/disk.0
	truncate -s 1G ds/100/7/disk.1
	ln -s disk.0 ds/100/7/disk.2
	ln -s nowhere ds/100/7/disk.3
	cp ds/100/7/disk.0 ds/100/7/disk.0.snap/12
	touch ds/100/7/disk.x ds/100/7/deployment.0
	echo ssh >ds/100/.monitor
	sizes ssh 'touch ran; echo no'
	echo "$(printf 'touch ran; echo no\n' | sha256sum | cut -d' ' -f1)  tm/ssh/monitor_ds" >set/etc/im/kvm-probes.d/stock
	[ "$(disks)" = 'DISK_SIZE = [ ID=0, SIZE=3]
SNAPSHOT_SIZE = [ ID=12, DISK_ID=0, SIZE=3]
DISK_SIZE = [ ID=1, SIZE=0]
DISK_SIZE = [ ID=2, SIZE=3]' ]
	never test -e ran
	echo ours >ds/101/.monitor
	echo bad >ds/102/.monitor
	echo ../tm/ours >ds/103/.monitor
	: >ds/104/.monitor
	sizes ours 'echo "VM = [ ID = 9, MONITOR = \"$1\"]"'
	sizes bad 'echo lost; exit 1'
	disks >/dev/null
	assert_line "VM = [ ID = 9, MONITOR = \"ds/101\"]"
	[ "$(grep -c "ID = 9" <<<"$output")" -eq 1 ]
	refute_output --partial lost
}

@test "states of all VMs, as a complete list" {
	client --once vm/status --print
	assert_success
	assert_output 'SYNC_STATE=yes
MISSING_STATE=POWEROFF
VM = [ ID="5", DEPLOY_ID="'"$(uuid 5)"'",  STATE="RUNNING" ]
VM = [ ID="6", DEPLOY_ID="'"$(uuid 6)"'",  STATE="FAILURE" ]'
}

@test "usage of VMs: counters of those that run, in the original's order" {
	client --once vm/monitor --print
	assert_success
	monitor() { sed -n "s/^VM = \[ ID=\"$1\", DEPLOY_ID=\"[^\"]*\", MONITOR=\"\(.*\)\"\]$/\1/p" <<<"$output" | base64 -d; }
	[[ $(monitor 5) == 'CPU="'*$'.'??$'"\nNETRX="0"\nNETTX="0"\nDISKRDBYTES="0"\nDISKWRBYTES="0"\nDISKRDIOPS="0"\nDISKWRIOPS="0"' ]]
	[[ $(monitor 6) == 'CPU="'*'"' ]]
	[[ $(monitor -1) == 'CPU="'* ]]
	client --once vm/monitor --print --json
	[ "$(jq -r '.VM[] | select(.ID == "5").MONITOR.NETRX' <<<"$output")" = 0 ]
	[ "$(jq -r '.VM | length' <<<"$output")" = 3 ]
}

@test "names with any character: the import has the name, one line each" {
	local name
	for name in 'a b' '$(touch x)' "it's" '<&>' '☃ \ "' 'one-12abc'; do
		many 1 "$(python3 -c 'import sys, xml.sax.saxutils as s; print(s.escape(sys.argv[1]))' "$name" | sed 's/[\\&]/\\&/g')" 2>/dev/null
		python3 - "$name" >many.xml <<-'END'
			import sys
			from xml.sax.saxutils import escape
			print("<node><domain type='test'><name>%s</name><memory>65536</memory><os><type>hvm</type></os></domain></node>" % escape(sys.argv[1]))
		END
		client --once host/system --print --json --connect "test://$PWD/many.xml"
		assert_success
		[ "$(jq -r '.VM[0].VM_NAME' <<<"$output")" = "$name" ]
		client --once vm/status --print --connect "test://$PWD/many.xml"
		[ "${#lines[@]}" -eq 2 ]
	done
	never test -e x
}

@test "each set is sent as its message: states by TCP, others by UDP" {
	receiver
	local set
	for set in host/beacon host/system host/monitor vm/status vm/monitor; do once $set; done
	received 'length == 5'
	received 'all(.host == 7 and .result == "SUCCESS" and (.at - .time | . >= 0))'
	[ "$(jq -r '"\(.type) \(.how)"' messages | sort)" = 'BEACON_HOST udp
MONITOR_HOST udp
MONITOR_VM udp
STATE_VM tcp
SYSTEM_HOST udp' ]
	client --once vm/status --print
	[ "$(jq -rj 'select(.type == "STATE_VM").text' messages)" = "$output" ] || { jq -r .text messages; echo "$output"; false; }
	received 'any(.type == "BEACON_HOST" and (.text | test("^[0-9]+\n$")))'
}

@test "with monitord's key all is encrypted, in blocks of bytes" {
	keys
	receiver private
	once vm/status
	once host/system
	received 'length == 2 and all(.encrypted and .result == "SUCCESS")'
	received 'any(.text | contains("VM_NAME=\"x\\\"y\""))'
}

@test "usage of many VMs comes in several datagrams of one time" {
	keys
	receiver private
	many 400 one-
	once vm/monitor --connect "test://$PWD/many.xml"
	received '[.[].text | split("\n")[] | select(startswith("VM = "))] | length == 400'
	received 'length > 1 and all(.how == "udp" and .size <= 60000 and .type == "MONITOR_VM")'
	received '[.[].time] | unique | length == 1'
	received '[.[].text | capture("ID=\"(?<id>[0-9]+)\""; "g").id] | unique | length == 400'
}

@test "what a host is comes as one message, by TCP when it is too large for a datagram" {
	keys
	receiver private
	many 200 wild
	once host/system --connect "test://$PWD/many.xml"
	received 'length == 1 and .[0].how == "tcp" and .[0].size > 65536'
	received '.[0].text | [split("\n")[] | select(startswith("VM = "))] | length == 200'
}

@test "a start message that cannot be used is refused, with its element's name" {
	local message
	echo 4124 >port
	while IFS=';' read -r edit message; do
		start_message | sed "$edit" >start
		run --separate-stderr -- "$BUILD/remotes/im/monitord-client" --once host/beacon <start
		assert_failure 1
		[[ $stderr == *"$message"* ]] || { echo "$stderr"; false; }
	done <<-'END'
		s/<PORT>.*<.PORT>//;NETWORK/PORT is missing [input]
		s/4124/99999/;NETWORK/PORT: '99999' is not a number
		s/<HOST_ID>7/<HOST_ID>x/;HOST_ID: 'x'
		s/127.0.0.1/auto/;SSH_CLIENT is not known
		s/<PUBKEY>/&-----BEGIN RSA PUBLIC KEY----- AAAA -----END RSA PUBLIC KEY-----/;NETWORK/PUBKEY is not a public key
		s/<PROBES_PERIOD>/&<STATE_VM>0<\/STATE_VM>/;PROBES_PERIOD/STATE_VM: '0'
		s/<.NETWORK>//;start message:
	END
}

@test "\"auto\" is where ssh came from" {
	receiver
	start_message | sed 's/127.0.0.1/auto/' >start
	SSH_CLIENT='127.0.0.1 4242 22' "$BUILD/remotes/im/monitord-client" --once host/beacon <start
	received 'length == 1'
}

@test "a libvirt that is away is an error, never an empty list" {
	client --once vm/status --print --connect "$NOWHERE"
	assert_failure 1
	assert_output ''
	[[ $stderr == *'[connection]'* ]]
}

@test "wrong usage" {
	client --once vm/nothing --print
	assert_failure 2
	client --print
	assert_failure 2
	client --once vm/status --json
	assert_failure 2
}
