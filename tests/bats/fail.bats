# SPDX-License-Identifier: Apache-2.0
# bats file_tags=once
load helper
load node
load fail

# Each call of libvirt fails once, in each action that libvirt's own test driver can do: no crash, no
# leak (with a sanitizer), a message, and a status that is true.

before() { rm -rf "$BATS_FILE_TMPDIR/file" vm 0; }
after() { :; }

every_way() {	# NAME ARGUMENT...
	local how
	for how in refuse after; do
		fail_each $how "$@"
	done
}

@test "fail: reboot, reset, cancel, shutdown, poll" {
	every_way reboot one-5
	every_way reset one-5
	every_way cancel one-5 host 5
	every_way cancel "$(uuid 5)"
	every_way shutdown one-5
	# It takes a second each.
	fail_each refuse poll -t
	fail_each after poll one-5
}

@test "fail: deploy" {
	REQUEST="<domain type='test'><name>one-9</name><uuid>$(uuid 9)</uuid><memory>65536</memory><os><type>hvm</type></os></domain>"
	every_way deploy "$PWD/vm/deployment.0" host 9
}

@test "fail: deploy of a VM whose CPU is looked at when it runs" {
	REQUEST="<domain type='test'><name>one-9</name><uuid>$(uuid 9)</uuid><memory>65536</memory><os><type>hvm</type></os>
		<cpu mode='custom'><model>Haswell</model><feature policy='require' name='pcid'/></cpu></domain>"
	before() {
		rm -rf vm
		mkdir vm
		echo '<VM><ID>9</ID><TEMPLATE><CPU_MODEL><MODEL>Haswell</MODEL><FEATURES>pcid</FEATURES></CPU_MODEL></TEMPLATE></VM>' >vm/vm.xml
	}
	# The test driver forgets the domain with the connection.
	ALSO=not-found every_way deploy "$PWD/vm/deployment.0" host 9
	grep -qx virDomainGetXMLDesc fail.log
}

# The file is there when it was done, and only then; what is no whole one has no such name.
after_save() {
	if [ "$status" -eq 0 ]; then
		[ -s 0/5/checkpoint ]
	elif [ "$status" -eq 1 ]; then
		never test -e 0/5/checkpoint
	fi
}

@test "fail: save" {
	after() { after_save; }
	every_way save one-5 "$PWD/0/5/checkpoint" host 5 host
}

@test "fail: restore" {
	before() { mkdir -p 0/5 && cp checkpoint 0/5/; }
	# Whatever happens: the VM has been proved to run, or its memory is still there.
	after() {
		[ "$status" -eq 0 ] || [ -s 0/5/checkpoint ] || { [ "$status" -eq 3 ] && [ -s 0/5/checkpoint.restoring ]; } || return
		rm -f 0/5/checkpoint.restoring 0/5/.checkpoint.spent
	}
	action save one-5 "$PWD/checkpoint" host 5 host
	assert_success
	echo '<node/>' >node.xml
	LIBVIRT_URI=test://$PWD/node.xml every_way restore "$PWD/0/5/checkpoint" host one-5 5 host
}

@test "fail: snapshot_create" {
	after() { [ "$status" -ne 0 ] || [ -s "$BATS_FILE_TMPDIR/file/0/5/snap-1.xml" ]; }
	every_way snapshot_create one-5 1 5 host
}

@test "fail: snapshot_revert, snapshot_delete" {
	action snapshot_create one-5 1 5 host
	cp "$BATS_FILE_TMPDIR/file/0/5/snap-1.xml" .
	before() { mkdir -p "$BATS_FILE_TMPDIR/file/0/5" && cp snap-1.xml "$BATS_FILE_TMPDIR/file/0/5/"; }
	after() { [ -s "$BATS_FILE_TMPDIR/file/0/5/snap-1.xml" ]; }
	every_way snapshot_revert one-5 snap-1
	# Its file goes only when it has gone itself.
	after() { [ "$status" -ne 0 ] || never test -e "$BATS_FILE_TMPDIR/file/0/5/snap-1.xml"; }
	every_way snapshot_delete one-5 snap-1
}

@test "an action that has its answer gives it, although libvirt does not answer its goodbye" {
	local call a
	for call in virConnectDomainEventDeregisterAny virConnectClose; do
		for a in cancel shutdown; do
			run --separate-stderr env LD_PRELOAD="$(preload_for "$REMOTES/$a" fail)" VMM_FAIL_HOW=hang VMM_FAIL_AT=$call "$REMOTES/$a" --deadline 20 one-5
			assert_success
		done
	done
}

# What a libvirtd that was killed in a save or a snapshot leaves: paused for that, and nobody does it any more.
@test "a guest left paused by a job that no longer exists is resumed before a save or snapshot" {
	local reason
	mkdir -p "$BATS_FILE_TMPDIR/file/0/6"
	for reason in 3 9; do
		rm -f fail.log
		run --separate-stderr env LD_PRELOAD="$(preload_for "$REMOTES/snapshot_create" fail)" VMM_FAIL_LOG="$PWD/fail.log" VMM_FAIL_REASON=$reason "$REMOTES/snapshot_create" one-6 1 6 host
		assert_success
		assert_output snap-1
		[ "$(grep -nx 'virDomainResume' fail.log | cut -d: -f1)" -lt "$(grep -nx 'virDomainSnapshotCreateXML' fail.log | cut -d: -f1)" ]
	done
	# One that its user paused stays so.
	run --separate-stderr env LD_PRELOAD="$(preload_for "$REMOTES/snapshot_create" fail)" VMM_FAIL_LOG="$PWD/user.log" VMM_FAIL_REASON=1 "$REMOTES/snapshot_create" one-6 2 6 host
	assert_success
	never grep -x virDomainResume user.log
	# And nobody says that it was done when it cannot be resumed.
	rm -f "$BATS_FILE_TMPDIR/file/0/6"/*
	run --separate-stderr env LD_PRELOAD="$(preload_for "$REMOTES/snapshot_create" fail)" VMM_FAIL_REASON=9 VMM_FAIL_HOW=refuse VMM_FAIL_CODE=29 VMM_FAIL_AT=virDomainResume "$REMOTES/snapshot_create" one-6 1 6 host
	assert_failure 1
	[[ $(error_message) == *'cannot resume domain one-6: injected [permission]'* ]]
}

@test "fail: resize, update_nic" {
	sed "s|<name>one-5|<currentMemory unit='KiB'>65536</currentMemory>&|
		s|<devices>|&<interface type='bridge'><source bridge='b'/><mac address='02:00:00:00:00:01'/></interface>|" "$BATS_FILE_TMPDIR/node.xml" >node.xml
	export LIBVIRT_URI=test://$PWD/node.xml
	REQUEST='<VM><ID>5</ID><TEMPLATE><MEMORY>48</MEMORY></TEMPLATE></VM>' every_way resize one-5 5 host
	REQUEST='<VM><ID>5</ID><TEMPLATE><NIC><NETWORK_ID>4</NETWORK_ID><BRIDGE>b</BRIDGE><MAC>02:00:00:00:00:01</MAC><INBOUND_AVG_BW>100</INBOUND_AVG_BW></NIC></TEMPLATE></VM>' every_way update_nic one-5 4 5 host
}
