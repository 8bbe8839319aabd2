#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The state of a virtual TPM, and UEFI variables: however a VM ends or moves, the newest is there when it starts again.
bats_require_minimum_version 1.5.0
load lab
load action
load ../bats/fail

setup_file() {
	action_setup_file 2
	local node
	for node in node1 node2; do
		lab_exec $node sh -c 'mkdir -p /usr/libexec/vmmexec && cat >/usr/libexec/vmmexec/vtpm_setup && chmod 755 /usr/libexec/vmmexec/vtpm_setup' <"${BUILD:-$LAB_TOP/build/release}/remotes/vtpm_setup"
	done
}

setup() {
	settings SHUTDOWN_TIMEOUT=1 FORCE_DESTROY=yes MIGRATE_OPTIONS=--unsafe QEMU_PROTOCOL=qemu+tcp
}

TPM="<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>"

place() {	# NUMBER
	echo "/var/lib/libvirt/swtpm/$(uuid "$1")/tpm2/tpm2-00.permall"
}

copy() {	# NUMBER
	echo "$(directory "$1")/tpm/tpm2-00.permall"
}

ref() {
	echo "$LAB_SHARED/ref-$1"
}

# is_same NODE FILE NUMBER: the state in FILE is of the TPM whose state the reference has. Its seeds, some thousand
# bytes, stay for ever; what each start changes is some ten.
is_same() {
	[ "$(lab_exec "$1" sh -c "cmp -l $2 $(ref "$3") | wc -l")" -lt 200 ] && lab_exec "$1" test -s "$2"
}

# remember NODE NUMBER: the TPM of that VM, which runs, is the one to compare with.
remember() {
	lab_exec "$1" cp "$(place "$2")" "$(ref "$2")"
}

tpm_xml() {	# NUMBER [TPM]
	deaf_xml "$1" "${2:-$TPM}" | sed "s|machine='pc'|machine='q35'|"
}

deploy_tpm() {	# NUMBER [TPM]
	on mkdir -p "$(directory "$1")"
	tpm_xml "$@" | deploy_xml "$1"
}

@test "vtpm: its state survives cancel, shutdown, QEMU's death, and is in the VM's directory after each stop" {
	local how last
	deploy_tpm 1
	run lab_virsh node1 dumpxml one-1
	assert_output --partial "persistent_state='yes'"
	remember node1 1
	deploy_tpm 2
	never is_same node1 "$(place 2)" 1
	for how in cancel shutdown; do
		act $how one-1 node1 1 node1
		assert_success
		refute_regex "$stderr" TPM
		never on test -e "$(place 1)"
		run on stat -c %a "$(copy 1)"
		assert_output 600
		is_same node1 "$(copy 1)" 1
		deploy_tpm 1
		is_same node1 "$(place 1)" 1
	done
	# QEMU dies: libvirt keeps it, and the next start takes that, not the older copy of another TPM.
	on sh -c "cat $(place 2) >$(copy 1); touch -d 2001-01-01 $(copy 1)"
	on kill -KILL "$(qemu_pid 1)"
	lab_wait_gone node1 one-1
	deploy_tpm 1
	is_same node1 "$(place 1)" 1
	act cancel one-1 node1 1 node1
	assert_success
	is_same node1 "$(copy 1)" 1
	# A cancel of a VM that has ended already copies the state to the directory, too.
	deploy_tpm 1
	on kill -KILL "$(qemu_pid 1)"
	lab_wait_gone node1 one-1
	for how in cancel shutdown; do
		last=$(on sha256sum "$(place 1)" | cut -d' ' -f1)
		run on "$ACTIONS/$how" "$(uuid 1)" node1 1 node1 <<<"<VMM_DRIVER_ACTION_DATA><REMOTE_DEPLOYMENT_FILE>$(directory 1)/deployment.0</REMOTE_DEPLOYMENT_FILE></VMM_DRIVER_ACTION_DATA>"
		assert_success
		run on sha256sum "$(copy 1)"
		assert_output --partial "$last"
		never on test -e "$(place 1)"
		[ $how = shutdown ] || on /usr/libexec/vmmexec/vtpm_setup recover "$(uuid 1)" "$(directory 1)"
	done
}

@test "vtpm: it goes along with save and restore, with migration, and to another host after the stop" {
	deploy_tpm 3
	remember node1 3
	act save one-3 "$(directory 3)/checkpoint" node1 3 node1
	assert_success
	is_same node1 "$(copy 3)" 3
	act restore "$(directory 3)/checkpoint" node1 "$(uuid 3)" 3 node1
	assert_success
	is_same node1 "$(place 3)" 3
	act migrate one-3 node2 node1 3 node1
	assert_success
	is_same node2 "$(place 3)" 3
	# As after a kill right behind the move: outcome says to run migrate again, and that run notes where the state is.
	on ln -sfn node1 "$(directory 3)/tpm/.host"
	run lab_exec node1 "$ACTIONS/outcome" migrate "$(uuid 3)" - 3 node1 <<<"<VMM_DRIVER_ACTION_DATA><HOST>node1</HOST><MIGR_HOST>node2</MIGR_HOST><VM><ID>3</ID></VM></VMM_DRIVER_ACTION_DATA>"
	assert_output --regexp '^finish the VM is on node2, '
	act migrate one-3 node2 node1 3 node1
	assert_success
	[ "$(on readlink "$(directory 3)/tpm/.host")" = node2 ]
	run lab_exec node2 "$ACTIONS/cancel" one-3 node2 3 node2 </dev/null
	assert_success
	is_same node1 "$(copy 3)" 3
	# A host where an older one of this VM was left, as if it had died: the newer one counts.
	deploy_tpm 4
	on sh -c "mkdir -p $(dirname "$(place 3)"); cat $(place 4) >$(place 3); touch -d 2001-01-01 $(place 3)"
	deploy_tpm 3
	is_same node1 "$(place 3)" 3
}

@test "vtpm: state that a failed restore or migration leaves on a host is ignored" {
	deploy_tpm 9
	remember node1 9
	# libvirt makes an empty TPM for what comes in; on this host, and on the other one.
	empty() {	# NODE
		lab_exec "$1" sh -c "mkdir -p $(dirname "$(place 9)") && head -c 1315 /dev/urandom >$(place 9)"
	}
	empty node2
	act cancel one-9 node1 9 node1
	assert_success
	run --separate-stderr lab_exec node2 "$ACTIONS/deploy" "$(directory 9)/deployment.0" node2 9 node2 < <(tpm_xml 9)
	assert_success
	is_same node2 "$(place 9)" 9
	run --separate-stderr lab_exec node2 "$ACTIONS/save" one-9 "$(directory 9)/checkpoint" node2 9 node2 </dev/null
	assert_success
	empty node1
	on mv "$(directory 9)/checkpoint" "$(directory 9)/checkpoint.restoring"
	deploy_tpm 9
	is_same node1 "$(place 9)" 9
}

@test "vtpm: it moved, the mover died before it noted that, and the guest ended there: the next start finds it" {
	local n
	on mkdir -p "$(directory 20)"
	tpm_xml 20 | deploy_xml 20
	mover_dies 20
	[ "$(on readlink "$(directory 20)/tpm/.host" "$(directory 20)/tpm/.host.to")" = $'node1\nnode2' ]
	act migrate one-20 node2 node1 20 node1
	assert_success
	[ "$(on readlink "$(directory 20)/tpm/.host")" = node2 ]
	never on test -L "$(directory 20)/tpm/.host.to"
	# It dies a moment later, when nothing is left at node1.
	for n in 21 22; do
		deploy_tpm $n
		remember node1 $n
		act migrate one-$n node2 node1 $n node1
		assert_success
		on ln -sfn node1 "$(directory $n)/tpm/.host"
		on ln -s node2 "$(directory $n)/tpm/.host.to"
		lab_exec node2 pkill -KILL -f "guest=one-$n,"
		lab_wait_gone node2 one-$n
	done
	deploy_tpm 21
	is_same node1 "$(place 21)" 21
	never on test -L "$(directory 21)/tpm/.host.to"
	run --separate-stderr lab_exec node2 "$ACTIONS/deploy" "$(directory 22)/deployment.0" node2 22 node2 < <(tpm_xml 22)
	assert_success
	is_same node2 "$(place 22)" 22
	# A move that did not take place has left an empty one there.
	deploy_tpm 23
	remember node1 23
	on ln -s node2 "$(directory 23)/tpm/.host.to"
	lab_exec node2 sh -c "mkdir -p $(dirname "$(place 23)") && head -c 1315 /dev/urandom >$(place 23)"
	on kill -KILL "$(qemu_pid 23)"
	lab_wait_gone node1 one-23
	run --separate-stderr lab_exec node2 "$ACTIONS/deploy" "$(directory 23)/deployment.0" node2 23 node2 < <(tpm_xml 23)
	assert_success
	is_same node2 "$(place 23)" 23
	# One that fails, and one whose end another asks for, leave no note of it.
	deploy_tpm 24
	settings MIGRATE_OPTIONS=--unsafe QEMU_PROTOCOL=qemu+tcp
	act migrate one-24 node1 node1 24 node1
	assert_failure
	never on test -L "$(directory 24)/tpm/.host.to"
	on ln -s node2 "$(directory 24)/tpm/.host.to"
	run --separate-stderr on "$ACTIONS/outcome" migrate "$(uuid 24)" - 24 node1 <<<"<VMM_DRIVER_ACTION_DATA><HOST>node1</HOST><MIGR_HOST>node2</MIGR_HOST><VM><ID>24</ID></VM></VMM_DRIVER_ACTION_DATA>"
	assert_output not-done
	never on test -L "$(directory 24)/tpm/.host.to"
	act cancel one-24 node1 24 node1
	assert_success
}

@test "vtpm: a restore that is refused leaves the notes of where the state is" {
	deploy_tpm 25
	act save one-25 "$(directory 25)/checkpoint" node1 25 node1
	assert_success
	on cp "$(directory 25)/checkpoint" "$(directory 25)/kept"
	on ln -s node2 "$(directory 25)/tpm/.host.to"
	act restore "$(directory 25)/checkpoint" node1 "$(uuid 25)" 25 node1
	assert_success
	never on test -L "$(directory 25)/tpm/.host.to"
	on kill -KILL "$(qemu_pid 25)"
	lab_wait_gone node1 one-25
	on ln -s node2 "$(directory 25)/tpm/.host.to"
	on mv "$(directory 25)/kept" "$(directory 25)/checkpoint"
	act restore "$(directory 25)/checkpoint" node1 "$(uuid 25)" 25 node1
	assert_failure 1
	assert_regex "$(error_message)" 'a guest ran from it already'
	[ "$(on readlink "$(directory 25)/tpm/.host" "$(directory 25)/tpm/.host.to")" = $'node1\nnode2' ]
}

@test "vtpm: a guest that ended by itself left it on its host: another host fetches it from there, or does not start the VM" {
	deploy_tpm 7
	remember node1 7
	on kill -KILL "$(qemu_pid 7)"
	lab_wait_gone node1 one-7
	never on test -e "$(copy 7)"
	deploy_on() {	# NODE OF_HOST
		run --separate-stderr lab_exec "$1" "$ACTIONS/deploy" "$(directory 7)/deployment.0" "$1" 7 "$1" < <(tpm_xml 7)
		echo "$stderr"
	}
	# It cannot be asked.
	settings SHUTDOWN_TIMEOUT=1 FORCE_DESTROY=yes QEMU_PROTOCOL=qemu+tcp SSH=/bin/false
	deploy_on node2
	assert_failure 1
	assert_regex "$(error_message)" "^deploy: the TPM's newest state may be on host node1: .*\\(hint: if that host is lost, remove $(directory 7)/tpm/.host"
	never lab_exec node2 test -e "$(place 7)"
	settings SHUTDOWN_TIMEOUT=1 FORCE_DESTROY=yes QEMU_PROTOCOL=qemu+tcp MIGRATE_OPTIONS=--unsafe
	deploy_on node2
	assert_success
	is_same node2 "$(place 7)" 7
	run on ls /var/tmp
	refute_output --partial vmmexec-tpm
	# It moves, and its guest ends where it came to.
	run --separate-stderr lab_exec node2 "$ACTIONS/migrate" one-7 node1 node2 7 node2 </dev/null
	assert_success
	run on readlink "$(directory 7)/tpm/.host"
	assert_output node1
	on kill -KILL "$(qemu_pid 7)"
	lab_wait_gone node1 one-7
	deploy_on node2
	assert_success
	is_same node2 "$(place 7)" 7
	# What the link says is no order.
	run --separate-stderr lab_exec node2 "$ACTIONS/cancel" one-7 node2 7 node2 </dev/null
	assert_success
	never on test -L "$(directory 7)/tpm/.host"
	on ln -s -- '-oProxyCommand=touch /run/hit' "$(directory 7)/tpm/.host"
	deploy_on node1
	assert_failure 1
	assert_regex "$(error_message)" 'is not a host name'
	never on test -e /run/hit
}

@test "vtpm: if the state cannot be copied the VM is neither ended nor started, unless kvmrc says so" {
	local how
	deploy_tpm 5
	remember node1 5
	on sh -c "mv $(directory 5)/tpm $(directory 5)/no 2>/dev/null; : >$(directory 5)/tpm"
	for how in cancel shutdown; do
		act $how one-5 node1 5 node1
		assert_failure 1
		assert_regex "$(error_message)" "^$how: cannot backup the TPM's state of domain $(uuid 5): .*\\(hint: .*REQUIRE_TPM_STATE=no"
		[ "$(state 5)" = running ]
	done
	on rm "$(directory 5)/tpm"
	act cancel one-5 node1 5 node1
	assert_success
	is_same node1 "$(copy 5)" 5
	on sh -c "mv $(copy 5) $(copy 5).kept; ln -s /etc/passwd $(copy 5)"
	run --separate-stderr deploy_tpm 5
	assert_failure 1
	assert_regex "$(error_message)" "^deploy: cannot replace the TPM's state"
	run state 5
	assert_failure
	on mv "$(copy 5).kept" "$(copy 5)"
	deploy_tpm 5
	is_same node1 "$(place 5)" 5
	settings SHUTDOWN_TIMEOUT=1 FORCE_DESTROY=yes REQUIRE_TPM_STATE=no
	on sh -c "rm -r $(directory 5)/tpm; : >$(directory 5)/tpm"
	act cancel one-5 node1 5 node1
	assert_success
	assert_regex "$stderr" "WARN: cancel: cannot backup the TPM's state"
	is_same node1 "$(place 5)" 5
}

@test "vtpm: one that libvirt was not told to keep, of an older deployment, is copied before its end" {
	on mkdir -p "$(directory 6)"
	tpm_xml 6 "<tpm model='tpm-tis'><backend type='emulator' version='1.2'/></tpm>" | lab_create node1
	on cp "/var/lib/libvirt/swtpm/$(uuid 6)/tpm1.2/tpm-00.permall" "$(ref 6)"
	act cancel one-6 node1 6 node1
	assert_success
	never on test -e "/var/lib/libvirt/swtpm/$(uuid 6)/tpm1.2/tpm-00.permall"
	is_same node1 "$(directory 6)/tpm/tpm-00.permall" 6
	deploy_tpm 6 "<tpm model='tpm-tis'><backend type='emulator' version='1.2'/></tpm>"
	is_same node1 "/var/lib/libvirt/swtpm/$(uuid 6)/tpm1.2/tpm-00.permall" 6
}

@test "vtpm: SECRET_MODE encrypts the state; the passphrase is made, goes with the VM and leaves libvirt with it" {
	local kept
	deploy_secret() {	# NODE MODE
		lab_exec "$1" mkdir -p "$(directory 10)"
		lab_exec "$1" tee "$(directory 10)/vm.xml" >/dev/null <<<"<VM><ID>10</ID><TEMPLATE><TPM><MODEL>tpm-crb</MODEL><SECRET_MODE>$2</SECRET_MODE></TPM></TEMPLATE></VM>"
		run --separate-stderr lab_exec "$1" "$ACTIONS/deploy" "$(directory 10)/deployment.0" "$1" 10 "$1" < <(tpm_xml 10)
		echo "$stderr"
	}
	secret() {	# NODE: what libvirt has; nothing: it has none
		lab_virsh "$1" secret-dumpxml "$(uuid 10)" 2>/dev/null | grep -o "<secret .*>"
	}
	described() {	# NODE: whether the agent may take it away
		lab_virsh "$1" secret-dumpxml "$(uuid 10)" | grep -o "<description>.*"
	}
	is_encrypted() {	# NODE FILE: bit 0 of the flags in swtpm's header
		local flags
		flags=$(lab_exec "$1" od -An -tu1 -j5 -N1 "$2")
		[ $((flags & 1)) -eq 1 ]
	}
	deploy_tpm 11
	never is_encrypted node1 "$(place 11)"
	deploy_secret node1 user
	assert_success
	is_encrypted node1 "$(place 10)"
	[ "$(secret node1)" = "<secret ephemeral='yes' private='yes'>" ]
	[ "$(described node1)" = '<description>started one-10</description>' ]
	run on stat -c %a "$(directory 10)/tpm/secret"
	assert_output 600
	kept=$(on cat "$(directory 10)/tpm/secret")
	[[ $kept =~ ^user\ [A-Za-z0-9+/=]{44}$ ]]
	never on grep -qrF "${kept#user }" /etc/libvirt "$(directory 10)/deployment.0"
	# libvirtd forgets it at its end; what starts a new QEMU gives it again.
	"$LAB" svc node1 restart
	[ -z "$(secret node1)" ]
	act save one-10 "$(directory 10)/checkpoint" node1 10 node1
	assert_success
	act restore "$(directory 10)/checkpoint" node1 "$(uuid 10)" 10 node1
	assert_success
	[ "$(described node1)" = '<description>started one-10</description>' ]
	# A migration that fails before it begins leaves none at the destination.
	run --separate-stderr lab_exec node1 env LD_PRELOAD="$(preload_for "$BUILD/remotes/vmm/kvm/migrate" fail)" VMM_FAIL_AT=virDomainSetMetadata VMM_FAIL_HOW=refuse VMM_FAIL_CODE=29 \
		"$ACTIONS/migrate" one-10 node2 node1 10 node1 </dev/null
	assert_failure 1
	[ -z "$(secret node2)" ]
	[ -n "$(secret node1)" ]
	act migrate one-10 node2 node1 10 node1
	assert_success
	[ -z "$(secret node1)" ]
	is_encrypted node2 "$(place 10)"
	[ "$(described node2)" = '<description>started one-10</description>' ]
	[ "$(secret node2)" = "<secret ephemeral='yes' private='yes'>" ]
	run lab_exec node2 "$ACTIONS/cancel" one-10 node2 10 node2 </dev/null
	assert_success
	[ -z "$(secret node2)" ]
	is_encrypted node1 "$(copy 10)"
	# The other mode has the same passphrase, and libvirt keeps it itself.
	deploy_secret node1 host
	assert_success
	[ "$(secret node1)" = "<secret ephemeral='no' private='no'>" ]
	[ "$(lab_virsh node1 secret-get-value --plain "$(uuid 10)")" = "${kept#user }" ]
	act cancel one-10 node1 10 node1
	assert_success
	[ -z "$(secret node1)" ]
	# Another passphrase is not that of this TPM; and what fails leaves none.
	on sed -i 's/ ..../ AAAA/' "$(directory 10)/tpm/secret"
	deploy_secret node1 user
	assert_failure 1
	[ -z "$(secret node1)" ]
	deploy_secret node1 often
	assert_failure 1
	assert_regex "$(error_message)" "^deploy: TPM/SECRET_MODE = 'often': not one of none, host, user \\[input\\]"
}

@test "nvram: it outlives its domain, and is one file when a running VM goes to another datastore" {
	local from=/var/lib/one/local/0/8 to=/var/lib/one/local/112/8 far=/var/lib/one/local/113
	local os="<loader readonly='yes' type='pflash'>/run/code.fd</loader><nvram>$from/VARS.fd</nvram>"
	DIRECTORY=/var/lib/one/local
	on sh -c "cp /usr/share/seabios/bios-256k.bin /run/code.fd; mkdir -p $from $far; truncate -s 64K $from/VARS.fd; echo stored | dd of=$from/VARS.fd conv=notrunc status=none; qemu-img create -q -f qcow2 $from/disk.0 4M"
	nvram_xml() {
		deaf_xml 8 "<disk type='file'><driver name='qemu' type='qcow2'/><source file='$from/disk.0'/><target dev='vda' bus='virtio'/></disk>" | sed "s|</type></os>|</type>$os</os>|"
	}
	nvram_xml | deploy_xml 8
	act cancel one-8 node1 8 node1
	assert_success
	run on head -n 1 $from/VARS.fd
	assert_output stored
	nvram_xml | deploy_xml 8
	move() {	# TO
		run --separate-stderr on "$ACTIONS/migrate" one-8 node1 node1 8 node1 <<<"<VMM_DRIVER_ACTION_DATA><DISK_TARGET_PATH>$1</DISK_TARGET_PATH><VM><ID>8</ID><TEMPLATE/></VM><DATASTORE><BASE_PATH>/var/lib/one/local/0</BASE_PATH><TEMPLATE><SHARED>NO</SHARED></TEMPLATE></DATASTORE></VMM_DRIVER_ACTION_DATA>"
		echo "$stderr"
	}
	on mount -t tmpfs none $far
	move $far/8
	assert_failure 1
	assert_regex "$(error_message)" "its UEFI variables $from/VARS.fd stay open.*\\(hint: move the VM powered off"
	never on test -e $far/8
	[ "$(state 8)" = running ]
	on umount $far
	move $to
	assert_success
	run on sh -c "stat -c %i $from/VARS.fd $to/VARS.fd | uniq | wc -l"
	assert_output 1
}
