#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Snapshots on a real libvirtd with a real guest: memory and disks go back together, and no VM is lost.
bats_require_minimum_version 1.5.0
load lab
load action

setup_file() {
	action_setup_file
}

setup() {
	settings VIRSH_RETRIES=2
}

# disk NUMBER [NAME [FORMAT]]: XML of a new disk in the VM's directory.
disk() {
	local name=${2:-disk.0} format=${3:-qcow2} letter=a
	[ "$name" = disk.0 ] || letter=b
	on mkdir -p "$(directory "$1")"
	lab_disk node1 "0/$1/$name" 64M "$format"
	echo "<disk type='file' device='disk'><driver name='qemu' type='$format'/><source file='$(directory "$1")/$name'/><target dev='vd$letter' bus='virtio'/></disk>"
}

deaf() {	# NUMBER
	deploy_deaf "$1" "$(disk "$1")"
}

listed() {	# NUMBER
	lab_virsh node1 snapshot-list "one-$1" --name | xargs
}

in_image() {	# NUMBER
	on qemu-img snapshot -U -l "$(directory "$1")/disk.0" | awk 'NR > 2 { print $2 }' | xargs
}

@test "snapshots: memory goes back, also to one that libvirt has forgotten; each is made and deleted once" {
	start node1 1 "$(disk 1)<graphics type='vnc' port='-1' passwd='pass-1'/>"
	lab_in_guest node1 one-1 'echo first >/run/mark'
	act snapshot_create "$(uuid 1)" 0 1 node1
	assert_success
	assert_output snap-0
	run on stat -c %a "$(directory 1)/snap-0.xml"
	assert_output 600
	on grep -q "passwd=['\"]pass-1" "$(directory 1)/snap-0.xml"
	act snapshot_create "$(uuid 1)" 0 1 node1
	assert_success
	assert_output snap-0
	assert_regex "$stderr" 'has snapshot snap-0 already'
	lab_in_guest node1 one-1 'echo second >/run/mark'
	act snapshot_create "$(uuid 1)" 1 1 node1
	assert_success
	[ "$(listed 1)" = 'snap-0 snap-1' ]
	# As after a start: libvirt knows them from the files only.
	lab_virsh node1 snapshot-delete one-1 snap-1 --metadata
	lab_virsh node1 snapshot-delete one-1 snap-0 --metadata
	act snapshot_revert "$(uuid 1)" snap-0 1 node1
	assert_success
	assert_output ''
	lab_wait_agent node1 one-1
	run lab_in_guest node1 one-1 'cat /run/mark'
	assert_output first
	[ "$(listed 1)" = 'snap-0 snap-1' ]
	# The parent is deleted: what the child's file says is true afterwards.
	on grep -q '<parent>' "$(directory 1)/snap-1.xml"
	act snapshot_delete "$(uuid 1)" snap-0 1 node1
	assert_success
	never on grep -q '<parent>' "$(directory 1)/snap-1.xml"
	never on test -e "$(directory 1)/snap-0.xml"
	[ "$(listed 1) $(in_image 1)" = 'snap-1 snap-1' ]
	act snapshot_delete "$(uuid 1)" snap-0 1 node1
	assert_success
	assert_regex "$stderr" 'has no snapshot snap-0 already'
	act snapshot_revert "$(uuid 1)" snap-1 1 node1
	assert_success
	lab_wait_agent node1 one-1
	run lab_in_guest node1 one-1 'cat /run/mark'
	assert_output second
}

@test "snapshot_revert: what the VM got since is not taken from it: it is refused, and says what to detach" {
	local id options n disks=
	deaf 9
	act snapshot_create one-9 0 9 node1
	assert_success
	on qemu-img create -q -f qcow2 "$(directory 9)/disk.3" 4M
	lab_virsh node1 attach-disk one-9 "$(directory 9)/disk.3" vdb --subdriver qcow2 --live
	lab_virsh node1 attach-interface one-9 bridge br0 --mac 02:00:0a:00:00:21 --live
	id=$(lab_virsh node1 domid one-9)
	for options in '' --dry-run; do
		# shellcheck disable=SC2086
		act snapshot_revert $options one-9 snap-0 9 node1
		assert_failure 1
		assert_regex "$(error_message)" '^snapshot_revert: cannot revert to snapshot snap-0: it was made without what the VM has now: (disk vdb \(disk.3\), NIC 02:00:0a:00:00:21|NIC 02:00:0a:00:00:21, disk vdb \(disk.3\)) \[refused\] \(hint: detach that first'
	done
	[ "$(lab_virsh node1 domid one-9)" = "$id" ]
	lab_virsh node1 detach-interface one-9 bridge --mac 02:00:0a:00:00:21 --live || true
	lab_virsh node1 domblklist one-9 | grep -q vdb
	act cancel one-9
	# A device that the VM was started with is not in the snapshot.
	for n in 0 3; do
		disks+="<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$(directory 9)/disk.$n'/><target dev='vd$([ $n = 0 ] && echo a || echo b)' bus='virtio'/></disk>"
	done
	deploy_deaf 9 "$disks"
	act snapshot_create one-9 1 9 node1
	assert_success
	act snapshot_revert one-9 snap-0 9 node1
	assert_failure 1
	assert_regex "$(error_message)" 'disk vdb'
	act snapshot_revert one-9 snap-1 9 node1
	assert_success
	lab_virsh node1 domblklist one-9 | grep -q vdb
}

@test "snapshot_revert: a snapshot that is not there, or not in an image, leaves the VM alone" {
	deaf 2
	act snapshot_create one-2 0 2 node1
	assert_success
	act snapshot_revert one-2 snap-9
	assert_failure 1
	assert_regex "$(error_message)" '^snapshot_revert: domain one-2 has no snapshot snap-9 \[not-found\]'
	# The image has lost it, and libvirt does not know.
	lab_virsh node1 qemu-monitor-command one-2 --hmp 'delvm snap-0'
	[ "$(in_image 2)" = '' ]
	act snapshot_revert one-2 snap-0
	assert_failure 1
	assert_regex "$(error_message)" '^snapshot_revert: cannot revert to snapshot snap-0: disk vda does not hold it \[refused\] \(hint: the VM would be lost'
	[ "$(state 2)" = running ]
	act snapshot_delete one-2 snap-0
	assert_success
	# A disk of then is not there any more.
	act snapshot_create one-2 1 2 node1
	assert_success
	on sed -i 's/disk\.0/disk.7/' "$(directory 2)/snap-1.xml"
	lab_virsh node1 snapshot-delete one-2 snap-1 --metadata
	act snapshot_revert one-2 snap-1
	assert_failure 1
	assert_regex "$(error_message)" 'disk vda is not where it was then \[refused\]'
	[ "$(state 2)" = running ]
}

@test "snapshot_revert: a file in the VM's directory that names a program or a file that the VM lacks is not a snapshot" {
	local file change
	deaf 21
	act snapshot_create one-21 0 21
	assert_success
	file=$(directory 21)/snap-0.xml
	on cp "$file" /var/lib/one/local/good.xml
	on sh -c "printf '#!/bin/sh\ntouch /var/lib/one/local/owned\nexec /usr/bin/qemu-kvm-one \"\$@\"\n' >/var/lib/one/local/evil; chmod +x /var/lib/one/local/evil"
	for change in 's|<emulator>[^<]*|<emulator>/var/lib/one/local/evil|' "s|<source file='[^']*'|<source file='/etc/shadow'|" \
		"s|<source file='[^']*'|<source file='$(directory 22)/disk.0'|" \
		"s|<memory snapshot='internal'|<memory snapshot='external' file='/etc/shadow'|" \
		"s|<disk name='vda' snapshot='internal'/>|<disk name='vda' snapshot='external' type='file'><source file='/etc/shadow'/></disk>|" \
		"s|</devices>|<interface type='ethernet'><script path='touch'/></interface></devices>|" \
		"s|</domain>|<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><qemu:arg value='-s'/></qemu:commandline></domain>|" \
		"s|<emulator>[^<]*|<emulator>$(directory 21)/disk.0|" \
		"s|</domain>|<seclabel type='static' model='dac' relabel='yes'><label>+0:+0</label></seclabel></domain>|" \
		"s|</devices>|<rng model='virtio'><backend model='random'>/var/lib/one/local/evil</backend></rng></devices>|" \
		"s|</devices>|<serial type='pty'><log file='/var/lib/one/local/owned' append='on'/></serial></devices>|" \
		"s|</devices>|<channel type='unix'><source mode='connect' path='/run/libvirt/libvirt-sock'/><target type='virtio' name='x'/></channel></devices>|" \
		"s|</devices>|<serial type='tcp'><source mode='connect' host='192.0.2.1' service='4444'/></serial></devices>|" \
		"s|</devices>|<interface type='direct'><source dev='eth0'/></interface></devices>|" \
		"s|</devices>|<disk type='network' device='disk'><source protocol='nbd' name='x'><host name='192.0.2.1'/></source><target dev='vdz' bus='virtio'/></disk></devices>|" \
		"s|</os>|<loader readonly='yes' type='pflash'>/usr/share/seabios/bios-256k.bin</loader><nvram>/var/lib/one/local/evil</nvram></os>|" \
		"s|</devices>|<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0' bus='0' slot='1' function='0'/></source></hostdev></devices>|" \
		"s|<disk name='vda' snapshot='internal'/>|<disk name='vda' snapshot='external' type='network'><source protocol='nbd' name='x'><host name='192.0.2.1'/></source></disk>|"; do
		on sh -c "sed \"$change\" /var/lib/one/local/good.xml >$file"
		never on cmp -s /var/lib/one/local/good.xml "$file"
		echo "$change"
		lab_virsh node1 snapshot-delete one-21 snap-0 --metadata
		act snapshot_revert one-21 snap-0 21
		assert_failure 1
		assert_regex "$stderr" 'names something that domain one-21 lacks'
		[ -z "$(listed 21)" ]
		[ "$(state 21)" = running ]
		on cp /var/lib/one/local/good.xml "$file"
		act snapshot_revert one-21 snap-0 21
		assert_success
	done
	never on test -e /var/lib/one/local/owned
}

@test "snapshot_revert: a VM with much of its own is reverted after a new start, a NIC that was detached comes back, the metadata stay" {
	local devices
	devices="$(disk 24)<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng><graphics type='vnc' port='-1' passwd='pass-1'/>
		<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel><serial type='pty'><log file='$(directory 24)/log'/></serial>
		<interface type='bridge'><source bridge='br0'/><mac address='02:00:0a:00:00:24'/><target dev='one-24-0'/></interface>"
	deaf_xml 24 "$devices" | sed "s|</domain>|<clock offset='timezone' timezone='Europe/Berlin'/><seclabel type='none' model='dac'/><qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><qemu:arg value='-device'/><qemu:arg value='pvpanic'/></qemu:commandline></domain>|" | deploy_xml 24
	act snapshot_create one-24 0 24
	assert_success
	# The file is what is known after a start; another VM's directory in it is nobody's order.
	lab_virsh node1 snapshot-delete one-24 snap-0 --metadata
	on sed -i '/system_datastore/s|/24\b|/25|' "$(directory 24)/snap-0.xml"
	on grep -q "$(directory 25)" "$(directory 24)/snap-0.xml"
	act snapshot_revert one-24 snap-0 24
	assert_success
	[[ $(lab_virsh node1 dumpxml one-24) != *"$(directory 25)"* ]]
	lab_virsh node1 dumpxml one-24 | grep -q "system_datastore.*$(directory 24)\b"
	# Started without its NIC.
	act cancel one-24
	deaf_xml 24 "${devices%<interface*}" | sed "s|</domain>|<clock offset='timezone' timezone='Europe/Berlin'/><seclabel type='none' model='dac'/><qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><qemu:arg value='-device'/><qemu:arg value='pvpanic'/></qemu:commandline></domain>|" | deploy_xml 24
	act snapshot_revert one-24 snap-0 24
	assert_success
	lab_virsh node1 domiflist one-24 | grep -q 02:00:0a:00:00:24
}

@test "snapshot_create: a snapshot that was deleted outside libvirt, of which only the file is left, is created again" {
	deaf 17
	act snapshot_create one-17 0 17 node1
	assert_success
	lab_virsh node1 snapshot-delete one-17 snap-0
	on test -e "$(directory 17)/snap-0.xml"
	act snapshot_create one-17 0 17 node1
	assert_success
	assert_output snap-0
	assert_regex "$stderr" 'disk vda does not hold it; making it again'
	[ "$(listed 17) $(in_image 17)" = 'snap-0 snap-0' ]
}

@test "snapshot_create: a raw disk is refused in libvirt's words" {
	deploy_deaf 3 "$(disk 3)$(disk 3 disk.1 raw)"
	act snapshot_create one-3 0 3 node1
	assert_failure 1
	assert_regex "$(error_message)" '^snapshot_create: cannot make snapshot snap-0 of domain one-3: .*unsupported for storage type raw.*\[incompatible\]'
	[ "$(state 3)" = running ]
}

@test "snapshot_create: a snapshot whose file cannot be written is not kept" {
	deaf 4
	on mkdir "$(directory 4)/snap-0.xml"
	act snapshot_create one-4 0 4 node1
	assert_failure 1
	assert_regex "$(error_message)" 'snap-0.xml: Is a directory'
	[ "$(listed 4)$(in_image 4)" = '' ]
}

@test "snapshot_create: asked once more, it removes no snapshot that it has not made" {
	local file
	file=$(directory 23)/snap-0.xml
	deaf 23
	act snapshot_create one-23 0 23 node1
	assert_success
	on sh -c "rm '$file'; mkdir '$file'"
	act snapshot_create one-23 0 23 node1
	assert_failure 1
	assert_regex "$(error_message)" "snap-0.xml"
	[ "$(listed 23)" = snap-0 ]
	[ "$(in_image 23)" = snap-0 ]
	on rmdir "$file"
	act snapshot_create one-23 0 23 node1
	assert_success
	on test -s "$file"
}

@test "snapshot_create: libvirtd is killed in the middle: the guest continues, no snapshot is left over, and the next call works" {
	local after
	deaf 5
	for after in 0.1 0.2 0.3; do
		on "$ACTIONS/snapshot_create" one-5 5 5 node1 >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" &
		sleep $after
		"$LAB" svc node1 crash
		"$LAB" svc node1 start
		ended $!
		echo "after $after: status $status: $(cat "$BATS_TEST_TMPDIR/err")"
		[ "$(state 5)" = running ]
		if [ "$status" -ne 0 ]; then
			[ "$status" -eq 1 ]
			[ "$(listed 5)$(in_image 5)" = '' ]
			act snapshot_create one-5 5 5 node1
			assert_success
		fi
		[ "$(listed 5) $(in_image 5)" = 'snap-5 snap-5' ]
		act snapshot_delete one-5 snap-5 5 node1
		assert_success
		[ "$(listed 5)$(in_image 5)" = '' ]
	done
}

@test "snapshot_create: a guest that an older, killed one left paused is resumed" {
	deaf 6
	on bash -c "$ACTIONS/snapshot_create one-6 0 & pid=\$!; sleep 0.1; kill -KILL \$pid \$(pidof libvirtd)" || true
	"$LAB" svc node1 start
	act snapshot_create one-6 1 6 node1
	assert_success
	[ "$(state 6)" = running ]
}

@test "snapshot_create: QEMU is killed in the middle; we are killed in the middle" {
	deaf 7
	# It stands still, so that it cannot be done before.
	on kill -STOP "$(qemu_pid 7)"
	on "$ACTIONS/snapshot_create" one-7 0 7 node1 2>"$BATS_TEST_TMPDIR/err" &
	reached 7
	on kill -KILL "$(qemu_pid 7)"
	ended $!
	cat "$BATS_TEST_TMPDIR/err"
	[ "$status" -eq 1 ]
	deaf 8
	on kill -STOP "$(qemu_pid 8)"
	on "$ACTIONS/snapshot_create" one-8 0 8 node1 2>"$BATS_TEST_TMPDIR/err" &
	reached 8
	on pkill -KILL -x snapshot_create
	on kill -CONT "$(qemu_pid 8)"
	act snapshot_create one-8 0 8 node1
	assert_success
	assert_output snap-0
	[ "$(listed 8) $(in_image 8)" = 'snap-0 snap-0' ]
}

@test "snapshot_create: a full disk: reported, and the guest continues" {
	on mkdir -p "$(directory 9)"
	on mount -t tmpfs -o size=2m tmpfs "$(directory 9)"
	start node1 9 "$(disk 9)"
	act snapshot_create one-9 0 9 node1
	assert_failure 1
	echo "$(error_message)"
	[ "$(state 9)" = running ]
	[ "$(listed 9)" = '' ]
	lab_virsh node1 destroy one-9
	on umount "$(directory 9)"
}

@test "snapshot_revert: a VM whose image leads out of the datastores by now is left as it is" {
	local base
	base=$(directory 31)/base
	on mkdir -p "$(directory 31)"
	lab_disk node1 0/31/base 8M
	on qemu-img create -q -f qcow2 -b "$base" -F qcow2 "$(directory 31)/disk.0"
	deploy_deaf 31 "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$(directory 31)/disk.0'/><target dev='vda' bus='virtio'/></disk>"
	act snapshot_create "$(uuid 31)" 0 31 node1
	assert_success
	on mv "$base" "$base.kept"
	on qemu-img create -q -u -f qcow2 -b /etc/passwd -F raw "$base" 8M
	act snapshot_revert "$(uuid 31)" snap-0 31 node1
	assert_failure 1
	assert_regex "$(error_message)" "disk vda: $base is backed by /etc/passwd, .* \\[refused\\]"
	[ "$(state 31)" = running ]
	on mv "$base.kept" "$base"
	act snapshot_revert "$(uuid 31)" snap-0 31 node1
	assert_success
}

@test "snapshot_revert: the image of a disk that comes back is looked at, too" {
	deploy_deaf 32 "$(disk 32)$(disk 32 disk.1)"
	act snapshot_create one-32 0 32 node1
	assert_success
	act cancel one-32
	deploy_deaf 32 "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$(directory 32)/disk.0'/><target dev='vda' bus='virtio'/></disk>"
	on qemu-img rebase -u -b /etc/passwd -F raw "$(directory 32)/disk.1"
	act snapshot_revert one-32 snap-0 32 node1
	assert_failure 1
	assert_regex "$(error_message)" "disk vdb: $(directory 32)/disk.1 is backed by /etc/passwd, .* \\[refused\\]"
	[ "$(state 32)" = running ]
	on qemu-img rebase -u -b '' "$(directory 32)/disk.1"
	act snapshot_revert one-32 snap-0 32 node1
	assert_success
	assert_regex "$stderr" 'brings back what was detached since: disk vdb'
}

@test "snapshot_revert: a disk that would come back and is another VM's by now costs neither VM anything" {
	local id
	deploy_deaf 34 "$(disk 34)$(disk 34 disk.1)"
	act snapshot_create one-34 0 34 node1
	assert_success
	act cancel one-34
	deploy_deaf 34 "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$(directory 34)/disk.0'/><target dev='vda' bus='virtio'/></disk>"
	deploy_deaf 35 "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='$(directory 34)/disk.1'/><target dev='vda' bus='virtio'/></disk>"
	id=$(lab_virsh node1 domid one-34)
	act snapshot_revert one-34 snap-0 34 node1
	assert_failure 1
	assert_regex "$(error_message)" '^snapshot_revert: cannot revert to snapshot snap-0: disk vdb would come back, and another QEMU has its image .*/34/disk.1 open \[busy\] \(hint: '
	[ "$(lab_virsh node1 domid one-34)" = "$id" ]
	[ "$(state 35)" = running ]
	act cancel one-35
	act snapshot_revert one-34 snap-0 34 node1
	assert_success
}

@test "snapshot_delete: another one's snapshot, called as a file of the VM, takes nothing from that" {
	deaf 33
	on sh -c "echo '<VM/>' >$(directory 33)/vm.xml"
	lab_virsh node1 snapshot-create-as one-33 vm
	act snapshot_create one-33 0 33 node1
	assert_success
	act snapshot_delete one-33 snap-0 33 node1
	assert_success
	[ "$(on cat "$(directory 33)/vm.xml")" = '<VM/>' ]
	act snapshot_delete one-33 vm 33 node1
	assert_success
	[ "$(on cat "$(directory 33)/vm.xml")" = '<VM/>' ]
	[ -z "$(listed 33)" ]
}
