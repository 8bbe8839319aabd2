# SPDX-License-Identifier: Apache-2.0
# lvm_kills.bats - kvm-image killed KILLS times at random moments while it makes, fills, grows and removes real logical volumes, and
# the disks of a VM: each is the old or the new one, room is given back, and another's volume stays. "make kills-lvm" runs it
# in a guest; SEED repeats a run.
bats_require_minimum_version 1.5.0
load ../bats/helper
load lvm.bash

# fault TEXT...: notes what is wrong, with the round.
fault() { echo "round $round ($what): $*; volumes: $(volumes)" | tee -a faults; }

image() { "$KVM_IMAGE" "$@" >said 2>&1; }

now_ms() { echo $(($(date +%s%N) / 1000000)); }

# killed OPERAND...: runs it in a session, and kills it at a random moment of the time that such a call takes.
killed() {
	local pid moment begun
	moment=$((RANDOM % (took + took / 8 + 1)))
	begun=$(now_ms)
	setsid "$KVM_IMAGE" "$@" >said 2>&1 &
	pid=$!
	sleep "$((moment / 1000)).$(printf '%03d' $((moment % 1000)))"
	if kill -KILL "$pid" 2>/dev/null; then kills=$((kills + 1)); else took=$((($(now_ms) - begun + took) / 2)); fi
	wait "$pid" 2>/dev/null || true
	# A change of LVM's metadata that has begun ends first.
	while pgrep -s "$pid" >/dev/null; do sleep 0.1; done
}

# nothing_else NAME...: no other volume, and the other's is whole.
nothing_else() {
	[ "$(volumes)" = "$*" ] || fault "not '$*'"
	cmp -s -n 4194304 /dev/vg/other pattern || fault "another's volume was changed"
}

try_import() {
	killed import qcow2 lvm:vg/disk --from qcow2
	[ ! -e /dev/vg/disk ] || begins_with_image disk 4194304 || fault 'a half image has its name'
	[ -e /dev/vg/disk ] || image import qcow2 lvm:vg/disk --from qcow2 || fault "$(cat said)"
	begins_with_image disk 4194304 || fault 'the next run makes no image'
	nothing_else disk other
	try_remove
}

try_remove() {
	killed remove lvm:vg/disk
	[ ! -e /dev/vg/disk ] || begins_with_image disk "$(blockdev --getsize64 /dev/vg/disk)" || fault 'a volume that is there was wiped'
	image remove lvm:vg/disk || grep -q 'not-found' said || fault "$(cat said)"
}

try_create() {
	killed create lvm:vg/disk --size 8M
	[ ! -e /dev/vg/disk ] || cmp -s -n 8388608 /dev/vg/disk /dev/zero || fault 'a volume has what was there before'
	[ -e /dev/vg/disk ] || image create lvm:vg/disk --size 8M || fault "$(cat said)"
	image remove lvm:vg/disk || fault "$(cat said)"
}

try_resize() {
	local size
	image import raw lvm:vg/disk || fault "$(cat said)"
	killed resize lvm:vg/disk 8M
	size=$(blockdev --getsize64 /dev/vg/disk)
	[ "$size" -eq 4194304 ] || [ "$size" -eq 8388608 ] || fault "$size bytes"
	begins_with_image disk "$size" || fault 'what was in it is gone, or what was there before is seen'
	image resize lvm:vg/disk 8M || fault "$(cat said)"
	begins_with_image disk 8388608 || fault 'the next run does not make it whole'
	nothing_else disk other
	image remove lvm:vg/disk || fault "$(cat said)"
}

try_prepare() {
	killed prepare vm.xml --directory vm --datastore vm.ds
	image prepare vm.xml --directory vm --datastore vm.ds || fault "$(cat said)"
	begins_with_image lv-one-7-0 8388608 || fault 'disk.0 is not its image'
	nothing_else lv-one-7-0 lv-one-7-1 other
	killed dispose vm.xml --directory vm
	image dispose vm.xml --directory vm || fault "$(cat said)"
	[ ! -e vm ] || [ -z "$(ls -A vm)" ] || fault "dispose leaves $(ls -A vm)"
	rm -rf vm
}

@test "kvm-image: killed at random moments, volumes are the old or the new ones, and another's stays" {
	local round free took kills=0 what
	RANDOM=${SEED:-1}
	lvcreate -q -y -n other -L 4M vg
	tr '\0' O </dev/zero | head -c 4M >pattern
	cat pattern >/dev/vg/other
	cat >vm.xml <<-END
		<VM><ID>7</ID><NAME>x</NAME><TEMPLATE>
		<DISK><DISK_ID>0</DISK_ID><TYPE>BLOCK</TYPE><CLONE>YES</CLONE><SOURCE>$PWD/qcow2</SOURCE><FORMAT>qcow2</FORMAT><SIZE>8</SIZE></DISK>
		<DISK><DISK_ID>1</DISK_ID><TYPE>fs</TYPE><DISK_TYPE>BLOCK</DISK_TYPE><SIZE>4</SIZE></DISK></TEMPLATE></VM>
	END
	echo '<DATASTORE><ID>0</ID><TEMPLATE><STORAGE>lvm</STORAGE><VOLUME_GROUP>vg</VOLUME_GROUP></TEMPLATE></DATASTORE>' >vm.ds
	free=$(free_bytes)
	took=$(now_ms)
	image import raw lvm:vg/disk
	took=$(($(now_ms) - took))
	image remove lvm:vg/disk
	: >faults
	for ((round = 1; kills < ${KILLS:-200} && round < 10 * ${KILLS:-200}; round++)); do
		case $((round % 4)) in
		0) what=create && try_create ;;
		1) what=import && try_import ;;
		2) what=resize && try_resize ;;
		3) what=prepare && try_prepare ;;
		esac
		nothing_else other
		[ "$(free_bytes)" -eq "$free" ] || fault "$(free_bytes) bytes are free, not $free"
		[ ! -s faults ]
	done
	echo "# seed ${SEED:-1}: $((round - 1)) rounds, $kills times killed" >&3
	[ "$kills" -ge "${KILLS:-200}" ]
	lvremove -q -y vg/other
}
