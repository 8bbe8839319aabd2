# SPDX-License-Identifier: Apache-2.0
# lvm.bats - kvm-image and real logical volumes, thick and thin. Needs a kernel with device-mapper: "make check-lvm" runs it in
# a guest. TREE has LVM's programs; they see one loop device and nothing else of this machine.
bats_require_minimum_version 1.5.0
load ../bats/helper
load lvm.bash

@test "kvm-image import, convert: each format into a volume; behind the image it is zero, whatever was there" {
	local format free
	free=$(free_bytes)
	for format in raw qcow2 qed vmdk; do
		kvm_image import "$format" "lvm:vg/from-$format" --from "$format"
		done_
		begins_with_image "from-$format" 4194304
	done
	kvm_image convert qcow2 lvm:vg/again --from qcow2 --json
	done_
	[ "$(jq -r '.outcome + " " + .image + " " + (.virtual_size | tostring)' <<<"$output")" = 'done lvm:vg/again 4194304' ]
	kvm_image info lvm:vg/again
	done_
	[[ $output == *'in use: no'*'made by kvm-image: yes'* ]]
	for format in from-raw from-qcow2 from-qed from-vmdk again; do
		kvm_image remove "lvm:vg/$format"
		done_
	done
	[ -z "$(volumes)" ]
	[ "$(free_bytes)" -eq "$free" ]
}

@test "kvm-image create, resize: zeros, larger with zeros, never smaller; the room is looked at before" {
	local free
	kvm_image create lvm:vg/new --size 8M
	done_
	cmp -n 8388608 /dev/vg/new /dev/zero
	printf guest | dd of=/dev/vg/new bs=1 seek=8388600 conv=notrunc status=none
	kvm_image resize lvm:vg/new 12M
	done_
	[ "$(blockdev --getsize64 /dev/vg/new)" -eq 12582912 ]
	[ "$(dd if=/dev/vg/new bs=1 skip=8388600 count=5 status=none)" = guest ]
	cmp <(tail -c 4M /dev/vg/new) <(head -c 4M /dev/zero)
	kvm_image resize lvm:vg/new 4M
	refused input 'a volume is never made smaller'
	kvm_image create lvm:vg/new --size 4M
	refused exists 'lvm:vg/new is there already'
	free=$(free_bytes)
	kvm_image create lvm:vg/huge --size 1G
	refused no-space "it needs 1073741824 bytes, and $free are free in volume group vg"
	kvm_image resize lvm:vg/new 1G
	refused no-space 'are free in volume group vg'
	kvm_image create lvm:none/new --size 4M
	refused not-found 'lvm:none/new: lvs'
	kvm_image remove lvm:vg/new
	done_
	[ -z "$(volumes)" ]
}

@test "kvm-image resize: killed at each step, it has its old size or the new one with zeros, and the next run has no traces" {
	local program size
	mkdir -p bin
	for program in lvcreate lvremove lvextend; do
		kvm_image import raw lvm:vg/disk
		done_
		printf '#!/bin/bash\n%s "$@"\npkill -KILL -x kvm-image\n' "$(type -P "$program")" >"bin/$program"
		chmod +x "bin/$program"
		PATH=$PWD/bin:$PATH kvm_image resize lvm:vg/disk 8M
		[ "$status" -eq 137 ]
		rm "bin/$program"
		size=4194304
		[ "$program" != lvextend ] || size=8388608
		begins_with_image disk "$size"
		kvm_image resize lvm:vg/disk 8M
		done_
		begins_with_image disk 8388608
		[ "$(volumes)" = disk ]
		kvm_image remove lvm:vg/disk
		done_
	done
	[ -z "$(volumes)" ]
}

@test "kvm-image remove: what was in a volume is wiped, as VOLUME_CLEAR says" {
	local bytes block
	block=$(head -c 4096 /dev/zero | tr '\0' P)
	for bytes in "VOLUME_CLEAR=zero:0" "VOLUME_CLEAR_SIZE=1:3145728" "VOLUME_CLEAR=none:4194304"; do
		kvm_image create lvm:vg/secret --size 4M
		done_
		tr '\0' P </dev/zero | dd of=/dev/vg/secret bs=1M count=4 iflag=fullblock oflag=direct status=none
		echo "${bytes%:*}" >rc
		kvm_image remove lvm:vg/secret --kvmrc rc
		done_
		sync
		[ "$(($(LC_ALL=C grep -aoF "$block" disk | wc -l) * 4096))" -eq "${bytes#*:}" ]
	done
	echo VOLUME_CLEAR=shred >rc
	kvm_image create lvm:vg/secret --size 4M
	kvm_image remove lvm:vg/secret --kvmrc rc
	refused config "VOLUME_CLEAR = 'shred': not zero or none"
	kvm_image remove lvm:vg/secret
	done_
	[ -z "$(volumes)" ]
}

@test "kvm-image remove: one that a program has open, or that another program made, is left" {
	kvm_image import raw lvm:vg/disk
	done_
	exec 8</dev/vg/disk
	kvm_image remove lvm:vg/disk
	refused busy 'another program has it open, such as a running guest'
	kvm_image resize lvm:vg/disk 8M
	refused busy 'another program has it open'
	exec 8<&-
	begins_with_image disk 4194304
	lvcreate -q -y -n root -L 4M vg
	kvm_image remove lvm:vg/root
	refused refused 'kvm-image did not make it'
	kvm_image remove lvm:vg/root --dry-run --format raw
	done_
	[ "$(volumes)" = 'disk root' ]
	kvm_image remove lvm:vg/root --format raw
	done_
	kvm_image remove lvm:vg/disk
	done_
	kvm_image remove lvm:vg/disk
	refused not-found 'cannot remove lvm:vg/disk: it is not there'
}

@test "kvm-image: a failure in the middle leaves no volume" {
	local step
	mkdir -p bin
	for step in qemu-img lvrename; do
		printf '#!/bin/sh\necho %s failed >&2\nexit 1\n' "$step" >"bin/$step"
		chmod +x "bin/$step"
		PATH=$PWD/bin:$PATH kvm_image import raw lvm:vg/disk
		[ "$status" -eq 1 ]
		rm "bin/$step"
		[ -z "$(volumes)" ]
	done
}

@test "kvm-image: killed at each step, the next run takes its traces away and makes the volume; so for removal" {
	local program
	mkdir -p bin
	for program in lvcreate qemu-img; do
		printf '#!/bin/bash\n%s "$@"\npkill -KILL -x kvm-image\n' "$(type -P "$program")" >"bin/$program"
		chmod +x "bin/$program"
		PATH=$PWD/bin:$PATH kvm_image import raw lvm:vg/disk
		[ "$status" -eq 137 ]
		rm "bin/$program"
		[ "$(volumes)" = disk.kvm-image ]
		kvm_image import raw lvm:vg/disk
		done_
		begins_with_image disk 4194304
		[ "$(volumes)" = disk ]
		kvm_image remove lvm:vg/disk
		done_
	done
	for program in lvrename lvremove; do
		kvm_image import raw lvm:vg/disk
		done_
		printf '#!/bin/bash\n%s "$@"\npkill -KILL -x kvm-image\n' "$(type -P "$program")" >"bin/$program"
		[ "$program" = lvrename ] || sed -i 2d "bin/$program"
		chmod +x "bin/$program"
		PATH=$PWD/bin:$PATH kvm_image remove lvm:vg/disk
		[ "$status" -eq 137 ]
		rm "bin/$program"
		[ "$(volumes)" = disk.kvm-image ]
		kvm_image remove lvm:vg/disk
		done_
		[ -z "$(volumes)" ]
	done
}

@test "kvm-image: an unfinished volume that another program has open, or that another host makes, is left" {
	lvcreate -q -y --addtag kvm-image.elsewhere -n disk.kvm-image -L 4M vg
	kvm_image import raw lvm:vg/disk
	refused busy 'another program makes or removes lvm:vg/disk now'
	lvchange -q --deltag kvm-image.elsewhere --addtag "kvm-image.$(uname -n)" vg/disk.kvm-image
	exec 8</dev/vg/disk.kvm-image
	kvm_image import raw lvm:vg/disk
	refused busy 'another program makes or removes lvm:vg/disk now'
	exec 8<&-
	kvm_image import raw lvm:vg/disk
	done_
	kvm_image remove lvm:vg/disk
	done_
}

@test "kvm-image: THIN_POOL makes thin volumes, which take what is written and give it back" {
	local used
	lvcreate -q -y --type thin-pool -n pool -L 64M vg
	echo THIN_POOL=pool >rc
	kvm_image create lvm:vg/thin --size 1G --kvmrc rc
	done_
	[[ $stderr == *'warning: lvm:vg/thin gets 1073741824 bytes, more than thin pool vg/pool has in all'* ]]
	[ "$(blockdev --getsize64 /dev/vg/thin)" -eq 1073741824 ]
	kvm_image import raw lvm:vg/image --kvmrc rc
	done_
	begins_with_image image 4194304
	used=$(lvs --noheadings -o data_percent vg/pool)
	kvm_image remove lvm:vg/image --kvmrc rc
	done_
	[ "$(lvs --noheadings -o data_percent vg/pool)" != "$used" ]
	kvm_image resize lvm:vg/thin 2G --kvmrc rc
	done_
	kvm_image remove lvm:vg/thin --kvmrc rc
	done_
	# A thick volume gets zeros when it grows, whatever new ones are.
	lvcreate -q -y -l 100%FREE -n all vg
	tr '\0' S </dev/zero | dd of=/dev/vg/all bs=1M status=none || true
	lvremove -q -y vg/all
	kvm_image create lvm:vg/thick --size 4M
	done_
	kvm_image resize lvm:vg/thick 8M --kvmrc rc
	done_
	cmp -n 8388608 /dev/vg/thick /dev/zero
	kvm_image remove lvm:vg/thick
	done_
	echo THIN_POOL=none >rc
	kvm_image create lvm:vg/thin --size 4M --kvmrc rc
	refused not-found 'volume group vg has no thin pool none'
	lvremove -q -y vg/pool
}

# document ID ELEMENT...: file vm.xml
document() {
	printf '<VM><ID>%s</ID><NAME>x</NAME><TEMPLATE><MEMORY>64</MEMORY>%s</TEMPLATE></VM>' "$1" "${*:2}" >vm.xml
	echo '<DATASTORE><ID>0</ID><TEMPLATE><STORAGE>lvm</STORAGE><VOLUME_GROUP>vg</VOLUME_GROUP></TEMPLATE></DATASTORE>' >vm.ds
}

image() {	# ID SIZE
	echo "<DISK><DISK_ID>$1</DISK_ID><TYPE>BLOCK</TYPE><CLONE>YES</CLONE><SOURCE>$PWD/qcow2</SOURCE><FORMAT>qcow2</FORMAT><SIZE>$2</SIZE></DISK>"
}

empty() {	# ID SIZE [FS]
	echo "<DISK><DISK_ID>$1</DISK_ID><TYPE>fs</TYPE><DISK_TYPE>BLOCK</DISK_TYPE><SIZE>$2</SIZE>${3:+<FS>$3</FS>}</DISK>"
}

prepare() { kvm_image prepare vm.xml --directory vm --datastore vm.ds; }

dispose() { kvm_image dispose vm.xml --directory vm; }

@test "kvm-image prepare: STORAGE = lvm makes a VM's disks as volumes, to which its directory has links" {
	document 7 "$(image 0 8)" "$(empty 1 16 ext4)" "$(empty 2 4)" "<CONTEXT><DISK_ID>3</DISK_ID><TARGET>hda</TARGET></CONTEXT>"
	prepare
	done_
	[ "$(volumes)" = 'lv-one-7-0 lv-one-7-1 lv-one-7-2' ]
	[ "$(readlink vm/disk.0)" = /dev/vg/lv-one-7-0 ]
	begins_with_image lv-one-7-0 8388608
	e2fsck -fn vm/disk.1
	[ "$(blockdev --getsize64 vm/disk.1)" -eq 16777216 ]
	[ -f vm/disk.3 ]
	prepare
	done_
	[[ $output == *'has disk.0: copy raw'*' lvm:vg/lv-one-7-0'* ]]
	exec 8<vm/disk.2
	dispose
	refused busy 'vm/disk.2: another program has it open'
	exec 8<&-
	begins_with_image lv-one-7-0 8388608
	dispose
	done_
	[ ! -e vm ]
	[ -z "$(volumes)" ]
}

@test "kvm-image dispose: a volume that another program put in a disk's place stays, and so do all others" {
	document 7 "$(empty 0 4)" "$(empty 1 4)"
	prepare
	done_
	lvrename -q vg lv-one-7-1 mine
	lvcreate -q -y -n lv-one-7-1 -L 4M vg
	dispose
	refused refused 'vm/disk.1 is not what was made for VM 7: nothing is removed'
	[ "$(volumes)" = 'lv-one-7-0 lv-one-7-1 mine' ]
	lvremove -q -y vg/lv-one-7-1
	dispose
	done_
	[ "$(volumes)" = mine ]
	lvremove -q -y vg/mine
}

@test "kvm-image dispose, remove: killed before it knew its volume, another's volume of that name stays" {
	local way
	document 7 "$(empty 0 4)"
	mkdir -p bin
	for way in dispose 'kvm_image remove lvm:vg/lv-one-7-0'; do
		printf '#!/bin/bash\n%s "$@"\npkill -KILL -x kvm-image\n' "$(type -P lvcreate)" >bin/lvcreate
		chmod +x bin/lvcreate
		PATH=$PWD/bin:$PATH kvm_image prepare vm.xml --directory vm --datastore vm.ds
		[ "$status" -eq 137 ]
		rm bin/lvcreate
		[ "$(volumes)" = lv-one-7-0.kvm-image ]
		lvcreate -q -y -n lv-one-7-0 -L 4M vg
		$way
		[ "$way" = dispose ] || refused refused 'kvm-image did not make it'
		lvs vg/lv-one-7-0
		lvremove -q -y vg/lv-one-7-0
		dispose
		done_
		[ -z "$(volumes)" ]
		rm -rf vm
	done
	# It knew it, and had not given it its name.
	prepare
	done_
	lvrename -q vg lv-one-7-0 lv-one-7-0.kvm-image
	lvcreate -q -y -n lv-one-7-0 -L 4M vg
	prepare
	refused exists 'vm/disk.0 was made already, but is gone or was replaced'
	jq -c '.whole = false' vm/.kvm-image.json >record
	cat record >vm/.kvm-image.json
	dispose
	done_
	[ "$(volumes)" = lv-one-7-0 ]
	lvremove -q -y vg/lv-one-7-0
}

@test "kvm-image prepare: disks that do not all have room leave nothing; killed at each step, its traces go" {
	local program
	document 7 "$(empty 0 100)" "$(empty 1 100)"
	prepare
	refused no-space 'it needs 209715200 bytes'
	[ ! -e vm ]
	document 7 "$(empty 0 4)" "$(image 1 4)"
	mkdir -p bin
	for program in lvcreate lvrename; do
		printf '#!/bin/bash\n%s "$@"\npkill -KILL -x kvm-image\n' "$(type -P "$program")" >"bin/$program"
		chmod +x "bin/$program"
		PATH=$PWD/bin:$PATH kvm_image prepare vm.xml --directory vm --datastore vm.ds
		[ "$status" -eq 137 ]
		rm "bin/$program"
		[ -n "$(volumes)" ]
		dispose
		done_
		[ -z "$(volumes)" ]
		rm -rf vm
	done
}

# sent [OPTION]: file stream, of a move of its own.
sent() {
	MOVE=$(cat /proc/sys/kernel/random/uuid)
	"$KVM_IMAGE" send vm.xml --all --directory here/0/7 --move "$MOVE" "$@" >stream
}

# two_disks: of VM 7, made one by one in here/0/7; the first has an image, the second what a guest wrote.
two_disks() {
	document 7 "$(image 0 8)" "$(empty 1 4)"
	rm -rf here there copy
	mkdir -p here/0
	for disk in 0 1; do
		kvm_image prepare vm.xml --directory here/0/7 --datastore vm.ds --disk $disk
		done_
	done
	printf guest | dd of=/dev/vg/lv-one-7-1 bs=1 seek=3000000 conv=notrunc status=none
}

# uuids: what LVM calls each volume.
uuids() { lvs --noheadings -o lv_name,lv_uuid vg | xargs -n 2 printf 'lvm:vg/%s=%s\n' | paste -sd,; }

# moved [OPTION]: sends here/0/7 to there/0/7, and ends it.
moved() {
	local token
	sent "$@"
	token=$("$KVM_IMAGE" receive --all --directory there/0/7 --vm 7 --json <stream | jq -r .token)
	[ "${#token}" -eq 36 ]
	kvm_image leave vm.xml --directory here/0/7 --move "$MOVE" --token "$token"
}

@test "kvm-image send --all --seen: volumes that both hosts see stay, and are the other directory's" {
	local had
	two_disks
	had=$(uuids)
	mkdir -p bin
	printf '#!/bin/bash\n[[ "$*" == *"-a n"* ]] && exit 5\nexec %s "$@"\n' "$(type -P lvchange)" >bin/lvchange
	chmod +x bin/lvchange
	kvm_image state vm.xml --directory here/0/7 --json
	[ "$(jq -r '.state + " " + .volumes' <<<"$output" | tr ',' '\n' | wc -l)" -eq 2 ]
	kvm_image state vm.xml --directory here/0/7 --volumes "$had" --json
	[ "$(jq -r .sees <<<"$output")" = all ]
	kvm_image state vm.xml --directory here/0/7 --volumes "$had,lvm:vg/none=x" --json
	[ "$(jq -r .sees <<<"$output")" = some ]
	kvm_image state vm.xml --directory here/0/7 --volumes "lvm:vg/lv-one-7-0=x" --json
	[ "$(jq -r .sees <<<"$output")" = none ]
	# A volume that the host does not see is copied, but never over an existing one.
	sent
	run --separate-stderr "$KVM_IMAGE" receive --all --directory there/0/7 --vm 7 <stream
	refused exists 'is there already'
	[ ! -e there/0/7 ]
	# What has come, and is not the destination's yet, does not take them away.
	sent --seen
	"$KVM_IMAGE" receive --all --directory there/0/7 --vm 7 <stream
	kvm_image dispose vm.xml --directory there/0/7 --all
	done_
	[ "$(uuids)" = "$had" ]
	# Nor does a source that was not emptied whole.
	PATH=$PWD/bin:$PATH moved --seen
	[ "$status" -ne 0 ]
	[ "$(jq -r .state here/0/7/.kvm-image.move.json)" = sent ]
	rm bin/lvchange
	cp -a here/0/7 copy
	kvm_image dispose vm.xml --directory here/0/7 --all
	done_
	[ "$(uuids)" = "$had" ]
	kvm_image dispose vm.xml --directory there/0/7 --all
	done_
	[ "$(uuids)" = "$had" ]
	cp -a copy here/0/7
	rm here/0/7/.kvm-image.move.*
	moved --seen
	done_
	[ ! -e here/0/7 ]
	[ "$(uuids)" = "$had" ]
	# The host that it left does not use it any more; here both are one.
	[ ! -e /dev/vg/lv-one-7-0 ]
	lvchange -q -a y vg
	begins_with_image lv-one-7-0 8388608
	kvm_image keep vm.xml --directory there/0/7 --move "$MOVE"
	done_
	[ "$(readlink there/0/7/disk.0)" = /dev/vg/lv-one-7-0 ]
	kvm_image dispose vm.xml --directory there/0/7 --all
	done_
	[ -z "$(volumes)" ]
}

@test "kvm-image receive --all: volumes that the host does not see are copied, bit by bit, with zeros where nothing was" {
	local sums
	lvcreate -q -y -l 100%FREE -n all vg
	tr '\0' S </dev/zero | dd of=/dev/vg/all bs=1M status=none || true
	lvremove -q -y vg/all
	two_disks
	sums=$(sha256sum </dev/vg/lv-one-7-0; sha256sum </dev/vg/lv-one-7-1)
	sent
	# This machine has one group of that name: so the names are free, as on another host.
	lvrename -q vg lv-one-7-0 other-0
	lvrename -q vg lv-one-7-1 other-1
	run --separate-stderr "$KVM_IMAGE" receive --all --directory there/0/7 --vm 7 < <(head -c "$(($(stat -c %s stream) - 20))" stream)
	refused connection 'ends too early'
	[ "$(volumes)" = 'other-0 other-1' ]
	[ ! -e there/0/7 ]
	run --separate-stderr "$KVM_IMAGE" receive --all --directory there/0/7 --vm 7 <stream
	done_
	[ "$(sha256sum </dev/vg/lv-one-7-0; sha256sum </dev/vg/lv-one-7-1)" = "$sums" ]
	kvm_image dispose vm.xml --directory there/0/7 --all
	done_
	[ "$(volumes)" = 'other-0 other-1' ]
	lvremove -q -y vg/other-0 vg/other-1
	rm -rf here
}
