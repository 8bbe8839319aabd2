# SPDX-License-Identifier: Apache-2.0
# bats file_tags=fast
load helper
load node

FILE() {
	echo "$PWD/0/5/checkpoint"
}

# A program that writes its arguments, a line each call, to the file "calls", and then runs a line of shell.
fake() {	# NAME SHELL
	mkdir -p bin
	printf '#!/bin/bash\necho "%s $*" >>%q\n%s\n' "$1" "$PWD/calls" "$2" >"bin/$1"
	chmod 755 "bin/$1"
	PATH=$PWD/bin:$PATH
}

request() {	# TM_MAD [TEMPLATE]
	echo "<VMM_DRIVER_ACTION_DATA><VM><ID>5</ID><TEMPLATE/></VM><DATASTORE><TM_MAD>$1</TM_MAD><TEMPLATE>${2:-}</TEMPLATE></DATASTORE></VMM_DRIVER_ACTION_DATA>"
}

@test "save: a running VM's memory is in the file, which only we may read" {
	action save one-5 "$(FILE)" host 5 host
	assert_success
	[ -z "$output" ]
	[ "$(stat -c %a 0/5/checkpoint)" = 600 ]
	[ "$(ls 0/5)" = checkpoint ]
}

@test "save: a VM that is off, and one that is unknown, fail" {
	action save one-7 "$(FILE)"
	assert_failure 1
	[ "$(error_message)" = 'save: cannot save domain one-7: it is not running [refused]' ]
	action save nope "$(FILE)"
	assert_failure 1
	[ "$(error_message)" = 'save: cannot find domain nope: Domain not found [not-found]' ]
	never test -e 0
}

@test "save: a path that is not a regular file is not touched; a relative one is misuse" {
	mkdir -p "$(FILE)"
	action save one-5 "$(FILE)"
	assert_failure 1
	[[ $(error_message) == "save: checkpoint $(FILE): something that is no regular file"*"[input]" ]]
	[ "$(ls 0/5)" = checkpoint ]
	action save one-5 checkpoint
	assert_failure 2
}

@test "save: a disk or another file that is no checkpoint is not put aside for one; an older checkpoint is" {
	mkdir -p 0/5
	echo precious >0/5/disk.0
	action save one-5 "$PWD/0/5/disk.0"
	assert_failure 1
	[ "$(error_message)" = "save: cannot save to $PWD/0/5/disk.0: that file is no checkpoint [exists] (hint: name a file that is not there)" ]
	[ "$(ls 0/5)" = disk.0 ] && [ "$(cat 0/5/disk.0)" = precious ]
	action save one-5 "$PWD/0/5/mine"
	assert_success
	action save one-5 "$PWD/0/5/mine"
	assert_success
	[[ $stderr == *"an older checkpoint is now $PWD/0/5/mine."* ]]
	echo old >"$(FILE)"
	action save one-5 "$(FILE)"
	assert_success
}

@test "save: --dry-run" {
	action save --dry-run one-5 "$(FILE)"
	assert_success
	assert_output "would save domain one-5 to $(FILE)"
	never test -e 0
}

@test "save: an invalid request is refused before anything is done" {
	run --separate-stderr "$REMOTES/save" one-5 "$(FILE)" host 5 host <<<'<a><b>'
	assert_failure 1
	[[ $(error_message) == 'save: stdin:'*'[input]' ]]
	never test -e 0
}

@test "save: the caches are dropped afterwards if kvmrc says so" {
	mkdir -p remotes/vmm/kvm remotes/etc/vmm/kvm
	fake sudo :
	cp "$REMOTES/save" remotes/vmm/kvm/
	echo CLEANUP_MEMORY_ON_STOP=yes >remotes/etc/vmm/kvm/kvmrc
	run --separate-stderr remotes/vmm/kvm/save one-5 "$(FILE)"
	assert_success
	wait_for test -s calls
	[ "$(cat calls)" = 'sudo -n /usr/sbin/sysctl vm.drop_caches=3 vm.compact_memory=1' ]
}

@test "save: a checkpoint of a VM on Ceph goes into its pool, an older one there is replaced" {
	local rbd='--id libvirt --conf /etc/ceph/x.conf' image=ssd/one-sys-5-checkpoint
	# shellcheck disable=SC2016
	fake rbd '[[ $* == *" import "* ]] && { f=("$@"); cat "${f[-2]}" >rbd.stored; }; exit 0'
	request ceph '<CEPH_USER>libvirt</CEPH_USER><CEPH_CONF>/etc/ceph/x.conf</CEPH_CONF><POOL_NAME>ssd</POOL_NAME>' >request
	run --separate-stderr "$REMOTES/save" one-5 "$(FILE)" host 5 host <request
	assert_success
	never test -e "$(FILE)"
	[ -s rbd.stored ]
	diff calls - <<-END
		rbd $rbd rm --no-progress $image.part
		rbd $rbd import --no-progress --image-format 2 $(FILE) $image.part
		rbd $rbd rm --no-progress $image
		rbd $rbd rename $image.part $image
		rbd $rbd rm --no-progress $image.restoring
	END
}

@test "save: the datastore's own program gets our operands, our stdin and what kvmrc exports" {
	mkdir -p remotes/vmm/kvm remotes/etc/vmm/kvm
	cp "$REMOTES/save" remotes/vmm/kvm/
	printf '%s\n' 'export LANG=C.UTF-8 MINE="a b"' 'NOT_MINE=1' >remotes/etc/vmm/kvm/kvmrc
	# shellcheck disable=SC2016
	printf '#!/bin/sh\necho "$* | $LANG | $MINE | ${NOT_MINE:-}" >%q; cat >>%q\n' "$PWD/seen" "$PWD/seen" >remotes/vmm/kvm/save.test
	chmod 755 remotes/vmm/kvm/save.test
	run --separate-stderr remotes/vmm/kvm/save one-5 "$(FILE)" host 5 host < <(request test)
	assert_success
	{ echo "one-5 $(FILE) host 5 host | C.UTF-8 | a b | "; request test; } | diff seen -
	# An invalid name never becomes the path of a program.
	rm seen
	run --separate-stderr remotes/vmm/kvm/save one-5 "$(FILE)" host 5 host < <(request ../kvm/save.test)
	assert_success
	never test -e seen
}

@test "save.ceph: a pool that does not take it: the checkpoint stays, with the reason" {
	fake rbd 'echo "rbd: error opening pool" >&2; exit 2'
	mkdir -p 0/5
	echo memory >"$(FILE)"
	run --separate-stderr "$REMOTES/save.ceph" one-5 "$(FILE)" host 5 host < <(request ceph)
	assert_failure 1
	[[ $(error_message) == "save.ceph: cannot import checkpoint $(FILE) into one/one-sys-5-checkpoint: rbd failed with status 2: rbd: error opening pool [internal]"* ]]
	[ "$(cat "$(FILE)")" = memory ]
}

@test "restore.ceph: the checkpoint is copied from the pool, readable by its owner only; an existing file is used" {
	# shellcheck disable=SC2016
	fake rbd 'f=("$@"); echo memory >"${f[-1]}"'
	run --separate-stderr "$REMOTES/restore.ceph" "$(FILE)" host one-5 5 host < <(request ceph '<POOL_NAME>a</POOL_NAME>')
	assert_success
	[ "$(stat -c '%a %s' "$(FILE)")" = '600 7' ]
	[ "$(cat calls)" = "rbd export --no-progress a/one-sys-5-checkpoint $(FILE).fetched" ]
	rm calls
	run --separate-stderr "$REMOTES/restore.ceph" "$(FILE)" host one-5 5 host < <(request ceph)
	assert_success
	never test -e calls
}

@test "restore.ceph: pool and id are checked; rbd's words and the site's pool are those of the settings" {
	fake rbd 'exit 1'
	fake other 'exit 1'
	run --separate-stderr "$REMOTES/restore.ceph" "$(FILE)" host one-5 5 host < <(request ceph '<POOL_NAME>a/../b</POOL_NAME>')
	assert_failure 1
	[[ $(error_message) == "restore.ceph: POOL_NAME: 'a/../b' is not the name of a pool [input]"* ]]
	run --separate-stderr "$REMOTES/restore.ceph" "$(FILE)" host one-5 '../5' host < <(request ceph)
	assert_failure 2
	never test -e calls
	mkdir -p remotes/vmm/kvm remotes/etc/vmm/kvm remotes/etc/datastore/ceph
	cp "$REMOTES/restore.ceph" remotes/vmm/kvm/
	echo 'RBD="other --x"' >remotes/etc/vmm/kvm/kvmrc
	echo 'POOL_NAME=site' >remotes/etc/datastore/ceph/ceph.conf
	run --separate-stderr remotes/vmm/kvm/restore.ceph "$(FILE)" host one-5 5 host < <(request ceph)
	assert_failure 1
	[ "$(head -n 1 calls)" = "other --x export --no-progress site/one-sys-5-checkpoint $(FILE).fetched" ]
	never test -e "$(FILE)"
}

@test "restore: a saved VM runs, and its checkpoint is removed; a running VM is not touched" {
	action save one-5 "$(FILE)" host 5 host
	# The test driver has forgotten what the save did to one-5.
	action restore "$(FILE)" host one-5 5 host
	assert_failure 1
	[[ $(error_message) == "restore: cannot restore domain one-5 from $(FILE): it is running [exists]"* ]]
	[ -e "$(FILE)" ]
	echo '<node/>' >node.xml
	action restore -c "test://$PWD/node.xml" --dry-run "$(FILE)" host one-5 5 host
	assert_output "would restore domain one-5 from $(FILE)"
	[ -e "$(FILE)" ]
	action restore -c "test://$PWD/node.xml" "$(FILE)" host one-5 5 host
	assert_success
	[ -z "$output" ]
	never test -e "$(FILE)"
}

@test "restore: a device of the host is refused unless the VM's own deployment file has it; it is named" {
	local hostdev="<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0x0000' bus='0x0a' slot='0x00' function='0x1'/></source></hostdev>"
	sed "0,/<devices>/s|<devices>|&$hostdev|" "${LIBVIRT_URI#test://}" >host.xml
	LIBVIRT_URI=test://$PWD/host.xml action save one-5 "$(FILE)" host 5 host
	assert_success
	echo '<node/>' >node.xml
	export LIBVIRT_URI=test://$PWD/node.xml
	refused() {
		action restore "$(FILE)" host one-5 5 host
		assert_failure 1
		[[ $(error_message) == "restore: cannot use checkpoint $(FILE): its domain has 'domain/devices/hostdev:"*"domain.host_devices in vmm_exec.cfg allows [refused] (hint: "* ]]
		[ -e "$(FILE)" ]
	}
	refused
	# Of another VM, and with another device.
	echo "<domain type='kvm'><name>one-6</name><devices>$hostdev</devices></domain>" >0/5/deployment.0
	refused
	echo "<domain type='kvm'><name>one-5</name><devices>${hostdev/0x0a/0x0b}</devices></domain>" >0/5/deployment.0
	refused
	# One that others could have written.
	echo "<domain type='kvm'><name>one-5</name><devices>$hostdev</devices></domain>" >0/5/deployment.0
	chmod 666 0/5/deployment.0
	refused
	chmod 600 0/5/deployment.0
	action restore "$(FILE)" host one-5 5 host
	assert_success
	never test -e "$(FILE)"
}

@test "restore: a USB device of the deployment file is known, also with the address at which it was" {
	local device="<vendor id='0x0781'/><product id='0x5567'/>" hostdev
	hostdev="<hostdev mode='subsystem' type='usb' managed='yes'><source>$device<address bus='1' device='7'/></source></hostdev>"
	sed "0,/<devices>/s|<devices>|&$hostdev|" "${LIBVIRT_URI#test://}" >host.xml
	LIBVIRT_URI=test://$PWD/host.xml action save one-5 "$(FILE)" host 5 host
	assert_success
	echo '<node/>' >node.xml
	export LIBVIRT_URI=test://$PWD/node.xml
	deployed() { echo "<domain type='kvm'><name>one-5</name><devices><hostdev mode='subsystem' type='usb'><source>$1</source></hostdev></devices></domain>" >0/5/deployment.0; }
	deployed "${device/0781/0782}"
	action restore "$(FILE)" host one-5 5 host
	assert_failure 1
	[[ $(error_message) == *"domain.host_devices in vmm_exec.cfg allows [refused]"* ]]
	deployed "<address bus='1' device='7'/>"
	action restore "$(FILE)" host one-5 5 host
	assert_failure 1
	deployed "$device"
	action restore "$(FILE)" host one-5 5 host
	assert_success
}

@test "restore: an image that leads out of the datastores is refused, and the checkpoint stays" {
	qemu-img create -q -f qcow2 image 1M
	sed "/<name>one-5</,/<devices>/s|<devices>|&<disk type='file' device='disk'><driver type='qcow2'/><source file='$PWD/image'/><target dev='vda'/></disk>|" \
		"$BATS_FILE_TMPDIR/node.xml" >node.xml
	action save -c "test://$PWD/node.xml" one-5 "$(FILE)" host 5 host
	assert_success
	echo '<node/>' >node.xml
	qemu-img create -q -u -f qcow2 -b /etc/passwd -F raw image 1M
	action restore -c "test://$PWD/node.xml" "$(FILE)" host one-5 5 host
	assert_failure 1
	[[ $(error_message) == "restore: disk vda: $PWD/image is backed by /etc/passwd, which is not in a datastore of the VM [refused] "* ]]
	[ -e "$(FILE)" ]
	qemu-img create -q -f qcow2 image 1M
	touch -d '1 hour ago' image	# as if no guest had used it since
	action restore -c "test://$PWD/node.xml" "$(FILE)" host one-5 5 host
	assert_success
}

@test "restore: a checkpoint is used once, by whatever way it comes back" {
	local empty
	action save one-5 "$(FILE)" host 5 host
	echo '<node/>' >node.xml
	empty=test://$PWD/node.xml
	ln "$(FILE)" link
	cp "$(FILE)" copy
	action restore -c "$empty" "$(FILE)" host one-5 5 host
	assert_success
	[ "$(ls 0/5)" = '' ]
	# The test driver has forgotten the VM: as if it had run and ended.
	for way in link copy; do
		mv $way "$(FILE)"
		action restore -c "$empty" "$(FILE)" host one-5 5 host
		assert_failure 1
		[[ $(error_message) == "restore: cannot restore domain one-5 from $(FILE): a guest ran from it already [refused] (hint: "* ]]
		[ -s "$(FILE)" ]
		action save one-9 "$(FILE)" host 9 host
		assert_failure 1
	done
	# It runs: the file is no other one, and goes.
	action restore "$(FILE)" host one-5 5 host
	assert_success
	never test -e "$(FILE)"
	# A new one of the same VM is another one.
	action save one-5 "$(FILE)" host 5 host
	action restore -c "$empty" "$(FILE)" host one-5 5 host
	assert_success
}

@test "restore: a checkpoint that a restore had begun to use: the times of its disks decide" {
	local empty
	echo '<node/>' >node.xml
	empty=test://$PWD/node.xml
	domain() {
		echo "<node><domain type='test'><name>one-5</name><uuid>$(uuid 5)</uuid><memory>65536</memory><os><type>hvm</type></os><devices>$1</devices></domain></node>"
	}
	begun() {	# DEVICES
		rm -rf 0
		mkdir -p 0/5
		echo disk >0/5/disk.0
		domain "$1" >own.xml
		action save -c "test://$PWD/own.xml" one-5 "$(FILE)" host 5 host
		assert_success
		mv "$(FILE)" "$(FILE).restoring"
	}
	begun "<disk type='file'><source file='$PWD/0/5/disk.0'/><target dev='vda'/></disk>"
	action restore -c "$empty" "$(FILE)" host one-5 5 host
	assert_success
	[[ $stderr == *'did not end, and its guest never ran: it is restored again'* ]]
	[ "$(ls 0/5)" = disk.0 ]
	begun "<disk type='file'><source file='$PWD/0/5/disk.0'/><target dev='vda'/></disk>"
	echo newer >0/5/disk.0
	action restore -c "$empty" "$(FILE)" host one-5 5 host
	assert_failure 1
	[[ $(error_message) == "restore: cannot restore domain one-5 from $(FILE): a guest ran from it already [refused] (hint: disk vda ($PWD/0/5/disk.0) was written since: "* ]]
	# Its name alone makes it no other one.
	ln "$(FILE).restoring" "$(FILE)"
	action restore -c "$empty" "$(FILE)" host one-5 5 host
	assert_failure 1
	rm "$(FILE)"
	mv "$(FILE).restoring" "$(FILE)"
	action restore -c "$empty" "$(FILE)" host one-5 5 host
	assert_failure 1
	[[ $(error_message) == "restore: cannot restore domain one-5 from $(FILE): disk vda ($PWD/0/5/disk.0) was written after it [refused] (hint: "*"touch $(FILE)"* ]]
	touch "$(FILE)"
	action restore -c "$empty" "$(FILE)" host one-5 5 host
	assert_success
	# No disk that would tell: a medium, one of several VMs, none.
	begun "<disk type='file' device='cdrom'><source file='$PWD/0/5/disk.0'/><target dev='hda'/></disk><disk type='file'><source file='$PWD/0/5/disk.0'/><target dev='vda'/><shareable/></disk>"
	action restore -c "$empty" "$(FILE)" host one-5 5 host
	assert_failure 1
	[[ $(error_message) == *': a restore of it did not end, and it is unknown whether its guest has run since [refused] (hint: if it certainly did not, rename '* ]]
	[ -s "$(FILE).restoring" ]
	# It runs.
	action restore "$(FILE)" host one-5 5 host
	assert_success
	[ "$(ls 0/5)" = disk.0 ]
}

@test "restore: in a Ceph pool too a checkpoint is used once" {
	local image=one/one-sys-5-checkpoint
	# shellcheck disable=SC2016
	fake rbd 'f=("$@"); case $1 in rename) mv "pool/${f[-2]##*/}" "pool/${f[-1]##*/}" ;; rm) rm -f "pool/${f[-1]##*/}" ;; info) test -e "pool/${f[-1]##*/}" ;; export) cp "pool/${f[-2]##*/}" "${f[-1]}" ;; esac'
	mkdir -p pool
	echo '<node/>' >node.xml
	action save one-5 "$(FILE)" host 5 host
	mv "$(FILE)" pool/one-sys-5-checkpoint
	run --separate-stderr "$REMOTES/restore" -c "test://$PWD/node.xml" "$(FILE)" host one-5 5 host < <(request ceph)
	assert_success
	[ "$(ls pool 0/5)" = $'0/5:\n\npool:' ]
	grep -q "rbd rename $image $image.restoring" calls
	# One that was killed, on whichever host.
	action save one-5 "$(FILE)" host 5 host
	mv "$(FILE)" pool/one-sys-5-checkpoint.restoring
	run --separate-stderr "$REMOTES/restore" -c "test://$PWD/node.xml" "$(FILE)" host one-5 5 host < <(request ceph)
	assert_failure 1
	[[ $(error_message) == *"cannot export checkpoint $image: "*"rbd rename $image.restoring to $image"* ]]
	# One that fails gives it back.
	mv pool/one-sys-5-checkpoint.restoring pool/one-sys-5-checkpoint
	echo "<node><domain type='test'><name>one-6</name><uuid>$(uuid 5)</uuid><memory>1</memory><os><type>hvm</type></os></domain></node>" >node.xml
	run --separate-stderr "$REMOTES/restore" -c "test://$PWD/node.xml" "$(FILE)" host one-5 5 host < <(request ceph)
	assert_failure 1
	[ "$(ls pool)" = one-sys-5-checkpoint ]
	[ -s "$(FILE)" ]
}

@test "restore: a running VM whose checkpoint is gone succeeds" {
	action restore "$(FILE)" host one-5 5 host
	assert_success
	[[ $stderr == *'domain one-5 runs already'* ]]
}

@test "restore: no file, and none that could be one" {
	action restore "$(FILE)" host one-9 9 host
	assert_failure 1
	[[ $(error_message) == "restore: there is no checkpoint $(FILE) [not-found]"* ]]
	mkdir -p "$(FILE)"
	action restore "$(FILE)" host one-9 9 host
	assert_failure 1
	[[ $(error_message) == "restore: checkpoint $(FILE) is no regular file [input]"* ]]
}
