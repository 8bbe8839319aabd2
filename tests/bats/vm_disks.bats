# SPDX-License-Identifier: Apache-2.0
# bats file_tags=fast,once
# vm_disks.bats - kvm-image makes all disks of a VM document, or none, and removes nothing but these.
load helper

KVM_IMAGE=$BUILD/drivers/kvm_image/kvm-image
export ONE_LOCATION=$BATS_TEST_TMPDIR

kvm_image() {
	run --separate-stderr -- "$KVM_IMAGE" "$@"
}

setup() {
	mkdir "$BATS_TEST_TMPDIR/work"
	cd "$BATS_TEST_TMPDIR/work" || return
	head -c 300000 /dev/urandom >base
	truncate -s 3M base
	qemu-img convert -f raw -O qcow2 base base.qcow2
	sums=$(sha256sum base base.qcow2)
}

# disk NAME=TEXT...: a DISK of a document.
disk() {
	local pair
	printf '<DISK>'
	for pair; do printf '<%s>%s</%s>' "${pair%%=*}" "${pair#*=}" "${pair%%=*}"; done
	printf '</DISK>'
}

# document ID ELEMENT...: file vm.xml
document() {
	printf '<VM><ID>%s</ID><NAME>x</NAME><TEMPLATE><MEMORY>64</MEMORY>' "$1" >vm.xml
	printf '%s' "${@:2}" '</TEMPLATE></VM>' >>vm.xml
}

copy() {	# ID [NAME=TEXT...]
	disk DISK_ID="$1" TYPE=FILE CLONE=YES SOURCE="$PWD/base" FORMAT=raw DRIVER=raw "${@:2}"
}

# One disk of each kind that is made of files.
all_kinds() {
	document 7 "$(copy 0 SIZE=8)" \
		"$(disk DISK_ID=1 TYPE=FILE CLONE=YES SOURCE="$PWD/base.qcow2" FORMAT=qcow2 DRIVER=qcow2 SIZE=3 ORIGINAL_SIZE=3)" \
		"$(disk DISK_ID=2 TYPE=FILE CLONE=NO SOURCE="$PWD/base" DRIVER=raw SIZE=3)" \
		"$(disk DISK_ID=3 TYPE=swap SIZE=2 DRIVER=raw)" \
		"$(disk DISK_ID=4 TYPE=fs SIZE=16 DRIVER=qcow2 FS=ext4)" \
		"$(disk DISK_ID=5 TYPE=fs SIZE=1024 DRIVER=qcow2)" \
		"$(disk DISK_ID=6 TYPE=CDROM CLONE=YES SOURCE="$PWD/base" DRIVER=qcow2)" \
		"$(disk DISK_ID=7 TYPE=RBD CLONE=NO SOURCE=one/one-1)" \
		"<CONTEXT><DISK_ID>8</DISK_ID><TARGET>hda</TARGET><WORD>it's \$(x)</WORD></CONTEXT>"
}

prepare() {
	kvm_image prepare vm.xml --directory vm "$@"
}

dispose() {
	kvm_image dispose vm.xml --directory vm "$@"
}

# done_: the last run succeeded.
done_() {
	[ "$status" -eq 0 ] || { echo "$stderr"; return 1; }
}

# refused CLASS TEXT
refused() {
	[ "$status" -eq 1 ] || { echo "status $status: $output $stderr"; return 1; }
	[[ $stderr == *"$2"*"[$1]"* ]] || { echo "$stderr"; return 1; }
}

sources_are_whole() {
	[ "$(sha256sum base base.qcow2)" = "$sums" ]
}

size() {
	qemu-img info -f "$1" --output=json "$2" | jq '."virtual-size"'
}

@test "kvm-image prepare: images, links, file systems, swap and context, as the document says" {
	all_kinds
	prepare
	done_
	[ "$(ls -A vm | tr '\n' ' ')" = '.kvm-image.json disk.0 disk.1 disk.2 disk.3 disk.4 disk.5 disk.6 disk.8 vm.xml ' ]
	cmp base <(head -c 3M vm/disk.0)
	[ "$(stat -c '%s %a' vm/disk.0)" = '8388608 600' ]
	[ "$(stat -c %b vm/disk.0)" -lt 2048 ]
	qemu-img compare -q -f raw -F qcow2 base vm/disk.1
	[ "$(size qcow2 vm/disk.1)" -eq 3145728 ]
	[ "$(readlink vm/disk.2)" = "$PWD/base" ]
	[ "$(dd if=vm/disk.3 bs=1 skip=4086 count=10 status=none)" = SWAPSPACE2 ]
	[ "$(size qcow2 vm/disk.4)" -eq 16777216 ]
	qemu-img convert -f qcow2 -O raw vm/disk.4 fs
	e2fsck -fn fs
	[ "$(size qcow2 vm/disk.5)" -eq 1073741824 ]
	cmp base vm/disk.6
	cmp vm.xml vm/vm.xml
	[ "$(stat -c %a vm/vm.xml vm/.kvm-image.json vm/disk.8 | sort -u)" = 600 ]
	sources_are_whole
}

@test "kvm-image prepare: the context medium has the label and the variables that guests look for" {
	document 7 "<CONTEXT><DISK_ID>8</DISK_ID><TARGET>hda</TARGET><WORD>it's \$(touch x) \"&amp;\"</WORD></CONTEXT>"
	prepare
	done_
	[ "$(dd if=vm/disk.8 bs=1 skip=32808 count=8 status=none)" = 'CONTEXT ' ]
	xorriso -osirrox on -indev vm/disk.8 -extract /context.sh context.sh 2>/dev/null
	(
		. ./context.sh
		[ "$WORD" = "it's \$(touch x) \"&\"" ] && [ "$TARGET" = hda ] && [ ! -e x ]
	)
	dispose
	done_
	document 7 '<CONTEXT><DISK_ID>8</DISK_ID><TARGET>hda</TARGET><A.B>1</A.B></CONTEXT>'
	prepare
	refused input 'CONTEXT/A.B is no name of a variable'
	document 7 '<CONTEXT><DISK_ID>8</DISK_ID><TARGET>hda</TARGET><FILES_DS>x</FILES_DS></CONTEXT>'
	prepare
	refused config 'FILES and FILES_DS are not put on the medium here'
	[ ! -e vm ]
}

@test "kvm-image dispose: what prepare made goes, and the directory with it; twice is no error" {
	all_kinds
	dispose
	done_
	prepare
	done_
	dispose --dry-run
	done_
	[ -e vm/disk.0 ]
	dispose
	done_
	[ ! -e vm ]
	dispose
	done_
	mkdir vm
	prepare
	touch vm/mine
	dispose
	done_
	[ "$(ls -A vm)" = mine ]
	sources_are_whole
}

@test "kvm-image prepare: the same again succeeds and changes nothing; other disks or another VM do not" {
	document 7 "$(copy 0)" "$(disk DISK_ID=1 TYPE=fs SIZE=1)"
	prepare --json
	[ "$(jq -c '[.outcome, .made]' <<<"$output")" = '["done",true]' ]
	echo changed | dd of=vm/disk.0 conv=notrunc status=none
	prepare --json
	[ "$(jq -c '[.outcome, .made]' <<<"$output")" = '["done",false]' ]
	[ "$(head -c 7 vm/disk.0)" = changed ]
	document 7 "$(copy 0)" "$(disk DISK_ID=1 TYPE=fs SIZE=2)"
	prepare
	refused exists 'has disks of VM 7 already, with another disk.1'
	document 7 "$(copy 0)"
	prepare
	refused exists 'has 2 disks of VM 7 already, not 1'
	document 8 "$(copy 0)" "$(disk DISK_ID=1 TYPE=fs SIZE=1)"
	prepare
	refused exists 'has the disks of VM 7'
	dispose
	refused refused 'has the disks of VM 7, not of VM 8'
	[ -e vm/disk.0 ] && [ -e vm/disk.1 ]
}

@test "kvm-image dispose: a file that somebody put in a disk's place stays, and so does all else" {
	document 7 "$(copy 0)" "$(copy 1)"
	prepare
	done_
	mv vm/disk.1 old
	cp old vm/disk.1
	dispose
	refused refused "vm/disk.1 is not what was made for VM 7: nothing is removed"
	[ -e vm/disk.0 ]
	mv vm/disk.1 mine
	dispose
	done_
	[ ! -e vm ] && [ -e mine ] && [ -e old ]
}

@test "kvm-image dispose: a disk that a guest has open stays, and so do all others" {
	document 7 "$(copy 0)" "$(disk DISK_ID=1 TYPE=fs SIZE=1 DRIVER=qcow2)"
	prepare
	done_
	coproc HOLD { exec qemu-io -f qcow2 vm/disk.1; }
	echo 'read 0 512' >&"${HOLD[1]}"
	read -r _ <&"${HOLD[0]}"
	dispose
	refused busy 'vm/disk.1: another program has it open'
	[ -e vm/disk.0 ] && [ -e vm/disk.1 ]
	kill "$HOLD_PID"
	wait "$HOLD_PID" || true
	dispose
	done_
	[ ! -e vm ]
}

@test "kvm-image dispose: a record that another user can write, or that names other files, is not followed" {
	document 7 "$(copy 0)"
	prepare
	echo precious >precious
	chmod 666 vm/.kvm-image.json
	dispose
	refused refused 'is not what kvm-image wrote for this user'
	chmod 600 vm/.kvm-image.json
	sed -i 's|"name": *"disk.0"|"name":"../precious"|' vm/.kvm-image.json
	grep -q precious vm/.kvm-image.json
	dispose
	refused refused 'is not what kvm-image wrote for this user'
	rm vm/.kvm-image.json
	dispose
	done_
	[ -e vm/disk.0 ] && [ -e precious ]
}

# bats test_tags=root
@test "kvm-image prepare: a missing program is named, with its package" {
	document 7 "$(disk DISK_ID=0 TYPE=fs SIZE=16 DRIVER=raw FS=ext4)"
	# shellcheck disable=SC2016
	run --separate-stderr unshare --mount sh -c 'mount --bind /dev/null "$(readlink -f "$(command -v mkfs.ext4)")" && exec "$@"' sh \
		"$KVM_IMAGE" prepare vm.xml --directory vm
	refused config 'cannot run mkfs.ext4 for '
	[[ $stderr == *'(hint: install e2fsprogs)'* ]]
	[ ! -e vm/disk.0 ]
}

@test "kvm-image prepare: one disk that cannot be made, and none is" {
	local wrong
	for wrong in "$(copy 1 SIZE=2)" "$(disk DISK_ID=1 TYPE=FILE CLONE=YES SOURCE="$PWD/none" SIZE=2)" \
		"$(disk DISK_ID=1 TYPE=FILE CLONE=NO SOURCE="$PWD/none")" "$(copy 0)" "$(copy x)" \
		"$(disk DISK_ID=1 TYPE=fs)" "$(disk DISK_ID=1 TYPE=fs SIZE=1 DRIVER=vdi)" "$(disk DISK_ID=1 TYPE=fs SIZE=1 FS=ntfs)" \
		"$(disk DISK_ID=1 TYPE=RBD CLONE=YES SOURCE=a/b)" "$(disk DISK_ID=1 TYPE=FILE CLONE=YES SOURCE=base)" \
		"$(disk DISK_ID=1 TYPE=swap SIZE=1 DISK_TYPE=RBD)" "$(disk DISK_ID=1 TYPE=FILE CLONE=YES SOURCE="$PWD/base" FORMAT=vmdk)" "$(disk DISK_ID=1 TYPE=fs SIZE=1 FS=xfs)"; do
		document 7 "$(copy 0)" "$wrong"
		prepare
		[ "$status" -eq 1 ] || { echo "$wrong: $status $output"; return 1; }
		[ ! -e vm ]
	done
	mkdir vm
	echo mine >vm/disk.1
	document 7 "$(copy 0)" "$(copy 1)"
	prepare
	refused exists 'vm/disk.1 is there already'
	[ "$(ls -A vm)" = disk.1 ]
	sources_are_whole
}

@test "kvm-image prepare: an image that leads elsewhere is refused, and nothing elsewhere is opened" {
	qemu-img create -q -u -f qcow2 -b /etc/passwd -F raw evil 1M
	document 7 "$(copy 0)" "$(disk DISK_ID=1 TYPE=FILE CLONE=YES SOURCE="$PWD/evil" FORMAT=qcow2 DRIVER=raw)"
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 strace -f -o calls -e trace=open,openat,connect \
		"$KVM_IMAGE" prepare vm.xml --directory vm 2>said && return 1
	grep -q 'disk.1: .*is backed by /etc/passwd, which is not in a datastore of the VM \[refused\]' said
	never grep '"/etc/passwd"' calls
	[ ! -e vm ]
}

@test "kvm-image prepare: killed at each step, the next run takes its traces away and makes all" {
	local step n=0
	document 7 "$(copy 0)" "$(disk DISK_ID=1 TYPE=fs SIZE=1 DRIVER=qcow2)" "$(copy 2)"
	export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
	for step in flock fchmod rename renameat2 fsync; do
		for which in 1 3; do
			run strace -o /dev/null -e trace="$step" -e inject="$step:signal=KILL:when=$which" \
				"$KVM_IMAGE" prepare vm.xml --directory vm
			[ "$status" -ne 0 ] || { dispose; continue; }
			n=$((n + 1))
			prepare
			done_
			[ "$(ls -A vm | tr '\n' ' ')" = '.kvm-image.json disk.0 disk.1 disk.2 vm.xml ' ]
			cmp base vm/disk.0
			cmp base vm/disk.2
			dispose
			done_
		done
	done
	[ "$n" -gt 6 ]
	rm -rf vm
	sources_are_whole
}

@test "kvm-image dispose: killed at each step, the next run goes on" {
	local which
	document 7 "$(copy 0)" "$(copy 1)"
	export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
	for which in 1 2 3 4 5; do
		prepare
		done_
		run strace -o /dev/null -e trace=unlink -e inject="unlink:signal=KILL:when=$which" \
			"$KVM_IMAGE" dispose vm.xml --directory vm
		dispose
		done_
		[ ! -e vm/disk.0 ] && [ ! -e vm/.kvm-image.json ]
		rm -rf vm
	done
}

@test "kvm-image prepare and dispose: on NFS all is made, and nothing of it is left, not even the directory" {
	local how
	export ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD=$BUILD/tests/fake/nfs.so
	for how in files overlays; do
		if [ $how = files ]; then
			all_kinds
			prepare
		else
			document 7 "$(overlay 0 SIZE=8)" "$(overlay 3)"
			store STORAGE=qcow2
			prepare --datastore vm.ds
		fi
		done_
		[ -e vm/disk.0 ] && [ -e vm/disk.3 ]
		dispose
		done_
		[ ! -e vm ] || { ls -A vm; return 1; }
	done
	[ "$(bases)" -eq 0 ]
	document 7 "$(copy 0)" '<CONTEXT><DISK_ID>8</DISK_ID><TARGET>hda</TARGET><A-B>x</A-B></CONTEXT>'
	prepare
	refused input 'is no name of a variable'
	[ ! -e vm ] || { ls -A vm; return 1; }
	sources_are_whole
}

@test "kvm-image: a disk is known on NFS, whether that says when it was born or not, and another file with its number is not it" {
	local before after
	document 7 "$(copy 0)"
	export ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD=$BUILD/tests/fake/nfs.so
	# Another kernel, or another host of the same directory.
	for before in NFS_BIRTH=1 NFS_X=1; do
		for after in NFS_BIRTH=1 NFS_X=1; do
			export "${before?}"
			prepare
			done_
			unset NFS_BIRTH
			export "${after?}"
			prepare
			done_
			dispose
			done_
			[ ! -e vm ]
			unset NFS_BIRTH
		done
	done
	# Its inode number is all that is the same; that it is the disk is no more than possible.
	NFS_INODE=5 prepare
	done_
	mv vm/disk.0 old
	cp old vm/disk.0
	NFS_INODE=5 dispose
	refused refused 'vm/disk.0 is not what was made for VM 7'
	mv old vm/disk.0
	NFS_MOUNT=1 NFS_INODE=5 dispose
	refused refused 'vm/disk.0 is not what was made for VM 7'
	NFS_INODE=5 dispose
	done_
	[ ! -e vm ]
}

@test "kvm-image prepare: two at once in one directory do not disturb each other" {
	mkdir vm
	exec 9>vm/.kvm-image.lock
	flock 9
	document 7 "$(copy 0)"
	prepare
	refused busy 'another kvm-image works in'
	dispose
	refused busy 'another kvm-image works in'
	exec 9>&-
	prepare
	done_
}

@test "kvm-image prepare: a dry run says what would be made and makes nothing; the document may come on stdin" {
	document 7 "$(copy 0 SIZE=8)"
	prepare --dry-run
	done_
	[ "$output" = "would make disk.0: copy raw - $PWD/base 8388608" ]
	[ ! -e vm ]
	kvm_image prepare vm.xml --directory none/vm --dry-run
	refused not-found 'cannot make'
	run --separate-stderr -- "$KVM_IMAGE" prepare - -d vm <vm.xml
	done_
	cmp base <(head -c 3M vm/disk.0)
	# As what it stands for: that succeeds when the disks are there already, or a killed run left something.
	prepare --dry-run
	done_
	[ "$output" = "has disk.0: copy raw - $PWD/base 8388608" ]
	document 8 "$(copy 0 SIZE=8)"
	prepare --dry-run
	refused exists 'has the disks of VM 7'
	document 7 "$(copy 0 SIZE=9)"
	prepare --dry-run
	refused exists 'with another disk.0'
	sed -i 's/"whole":true/"whole":false/' vm/.kvm-image.json
	before=$(find vm -printf '%p %i %T@ %s\n' | sort)
	prepare --dry-run
	done_
	[ "$output" = "would make disk.0: copy raw - $PWD/base 9437184" ]
	[ "$(find vm -printf '%p %i %T@ %s\n' | sort)" = "$before" ]
	prepare
	done_
	[ "$(stat -c %s vm/disk.0)" -eq 9437184 ]
	kvm_image prepare vm.xml
	[ "$status" -eq 2 ]
	[[ $stderr == *'--directory is missing [usage]'* ]]
}

@test "kvm-image prepare: the document of docs/operations.md gives disks and a domain that belong together" {
	sed -n '/^```xml/,/^```$/{//!p}' "$TOP/docs/operations.md" | sed "s|/var/lib/one/datastores/1/debian.qcow2|$PWD/base.qcow2|" >vm.xml
	prepare
	done_
	[ "$(size qcow2 vm/disk.0)" -eq 21474836480 ]
	"$BUILD/drivers/kvm_domain/kvm-domain" vm.xml >domain 2>/dev/null
	[ "$(grep -o "/0/7/disk[.0-9]*" domain | sort | tr '\n' ' ')" = '/0/7/disk.0 /0/7/disk.1 /0/7/disk.2 ' ]
}

# store SETTING...: file vm.ds, a datastore with these.
store() {
	local pair
	{
		printf '<DATASTORE><ID>0</ID><TEMPLATE>'
		for pair; do printf '<%s>%s</%s>' "${pair%%=*}" "${pair#*=}" "${pair%%=*}"; done
		printf '</TEMPLATE></DATASTORE>'
	} >vm.ds
}

overlay() {	# ID [NAME=TEXT...]
	disk DISK_ID="$1" TYPE=FILE CLONE=YES SOURCE="$PWD/base" DRIVER=qcow2 "${@:2}"
}

# bases: how many there are in the cache.
bases() {
	find .cache -name '*.base' | wc -l
}

@test "kvm-image prepare: STORAGE = qcow2 makes overlays on one base, which stays while a VM needs it" {
	local vm
	store STORAGE=qcow2
	document 7 "$(overlay 0 SIZE=8)" "$(overlay 3)"
	prepare --datastore vm.ds
	done_
	document 8 "$(overlay 0)"
	kvm_image prepare vm.xml --directory vm8 --datastore vm.ds
	done_
	[ "$(bases)" -eq 1 ]
	[ "$(stat -c '%h %a' .cache/*.base)" = '4 400' ]
	[ "$(size qcow2 vm/disk.0)" -eq 8388608 ]
	[ "$(qemu-img info -f qcow2 --output=json vm/disk.0 | jq -r '."backing-filename" + " " + ."backing-filename-format"')" = '.base.0 raw' ]
	for vm in vm/disk.3 vm8/disk.0; do qemu-img compare -q -f raw -F qcow2 base "$vm"; done
	kvm_image check vm/disk.0 --format qcow2
	done_
	dispose
	refused refused 'has the disks of VM 7, not of VM 8'
	document 7
	dispose
	done_
	[ "$(bases)" -eq 1 ]
	qemu-img compare -q -f raw -F qcow2 base vm8/disk.0
	# What has not our names is another's.
	install -m 400 base .cache/mine.raw.base
	document 8
	kvm_image dispose vm.xml --directory vm8
	done_
	[ "$(ls .cache)" = mine.raw.base ]
	sources_are_whole
}

@test "kvm-image prepare: an image that changed has another base; a base that was changed is refused" {
	store STORAGE=qcow2 FORCE_RAW_IMAGES=no
	document 7 "$(overlay 0 FORMAT=raw)"
	prepare --datastore vm.ds
	done_
	printf x | dd of=base conv=notrunc status=none
	document 8 "$(overlay 0 FORMAT=raw)"
	kvm_image prepare vm.xml --directory vm8 --datastore vm.ds
	done_
	[ "$(bases)" -eq 2 ]
	qemu-img compare -q -f raw -F qcow2 base vm8/disk.0
	chmod 600 .cache/*.base
	truncate -s 1M .cache/*.base
	document 9 "$(overlay 0 FORMAT=raw)"
	kvm_image prepare vm.xml --directory vm9 --datastore vm.ds
	refused refused "is not the base that was made of $PWD/base"
	[ ! -e vm9 ]
}

@test "kvm-image prepare: what killed runs left of bases goes; another's lock is waited for and dies with its owner" {
	local lock
	store STORAGE=qcow2
	document 7 "$(overlay 0)"
	export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
	# The second fchmod is that of the base, which has no name yet; its lock has.
	for call in link:when=1 renameat2:when=1 fchmod:when=2; do
		run strace -o /dev/null -e trace="${call%%:*}" -e inject="${call/:/:signal=KILL:}" \
			"$KVM_IMAGE" prepare vm.xml --directory vm --datastore vm.ds
		[ "$status" -ne 0 ]
		[ -n "$(ls .cache/*.lock)" ]
		dispose
		done_
		[ -z "$(ls -A .cache)" ]
	done
	prepare --datastore vm.ds
	done_
	lock=$(echo .cache/*.base).lock
	# The process that took it stays: below a PID namespace /proc/locks hides those of others.
	flock -o "$lock" sh -c 'echo $$ >held; exec sleep 600' 3>&- &
	wait_for test -s held
	document 8 "$(overlay 0)"
	"$KVM_IMAGE" prepare vm.xml --directory vm8 --datastore vm.ds >/dev/null 3>&- &
	wait_for grep -q -- "-> FLOCK .* $! " /proc/locks
	[ ! -e vm8/disk.0 ]
	kill %1 "$(cat held)"
	wait %2
	[ -e vm8/disk.0 ]
}

@test "kvm-image prepare: PREALLOCATE, SPARSE, flat and raw; from kvmrc unless the datastore says" {
	store STORAGE=flat PREALLOCATE=space
	document 7 "$(copy 0 SIZE=8)" "$(disk DISK_ID=1 TYPE=fs SIZE=2)"
	prepare --datastore vm.ds
	done_
	[ "$(stat -c %b vm/disk.0)" -ge 16384 ] && [ "$(stat -c %b vm/disk.1)" -ge 4096 ]
	dispose
	done_
	mkdir vm
	store SPARSE=no
	cp vm.ds vm/ds.xml
	prepare
	done_
	[ "$(stat -c %b vm/disk.0)" -ge 16384 ]
	dispose
	done_
	[ "$(ls -A vm)" = ds.xml ]
	# What a request says of its datastore goes before that file.
	sed -i 's|^|<VMM_DRIVER_ACTION_DATA><DATASTORE><TEMPLATE><SPARSE>yes</SPARSE></TEMPLATE></DATASTORE>|; s|$|</VMM_DRIVER_ACTION_DATA>|' vm.xml
	prepare
	done_
	[ "$(stat -c %b vm/disk.0)" -lt 2048 ]
	dispose
	document 7 "$(copy 0 SIZE=8)" "$(disk DISK_ID=1 TYPE=fs SIZE=2)"
	rm -r vm
	printf 'SPARSE=no\nSTORAGE=raw\n' >rc
	prepare --kvmrc rc
	done_
	[[ $stderr == *'STORAGE = raw is the old name of flat'* ]]
	[ "$(stat -c %b vm/disk.0)" -ge 16384 ]
	dispose
	store SPARSE=yes
	prepare --kvmrc rc --datastore vm.ds
	done_
	[ "$(stat -c %b vm/disk.0)" -lt 2048 ]
}

@test "kvm-image prepare: settings that contradict each other or the document are [config] errors at once" {
	local words
	document 7 "$(copy 0)" "$(overlay 1)"
	while IFS=';' read -r words text; do
		# shellcheck disable=SC2086
		store $words
		prepare --datastore vm.ds
		refused config "$text"
		[ ! -e vm ]
	done <<-'END'
		STORAGE=zfs;STORAGE = 'zfs': not flat, qcow2, lvm, rbd or default
		STORAGE=lvm;STORAGE = lvm: VOLUME_GROUP is missing
		STORAGE=lvm VOLUME_GROUP=vg;disk.0: by its TYPE or DISK_TYPE it is a file, but STORAGE makes it a block device
		STORAGE=lvm VOLUME_GROUP=vg FORCE_RAW_IMAGES=no;FORCE_RAW_IMAGES = no contradicts that
		STORAGE=lvm VOLUME_GROUP=vg SPARSE=yes;STORAGE = lvm: SPARSE = yes needs THIN_POOL
		STORAGE=rbd;disk.0: by its TYPE or DISK_TYPE it is a file, but STORAGE makes it an image in a Ceph pool
		STORAGE=rbd RBD_DOWNLOAD=yes;RBD_DOWNLOAD = yes contradicts that
		STORAGE=rbd FORCE_RAW_IMAGES=no;FORCE_RAW_IMAGES = no contradicts that
		STORAGE=rbd PREALLOCATE=space;PREALLOCATE = space and SPARSE = no contradict that
		STORAGE=lvm VOLUME_GROUP=vg THIN_POOL=p SPARSE=no;THIN_POOL = 'p' contradicts PREALLOCATE = space and SPARSE = no
		FORCE_RAW_IMAGES=maybe;FORCE_RAW_IMAGES = 'maybe': not yes or no
		FORCE_RAW_IMAGES=yes;disk.1: DRIVER = 'qcow2' contradicts FORCE_RAW_IMAGES = yes
		STORAGE=qcow2;disk.0: DRIVER = 'raw' contradicts STORAGE = qcow2
		STORAGE=qcow2 SPARSE=no;an overlay takes no space when it is made
		PREALLOCATE=space;disk.1: DRIVER = 'qcow2' contradicts PREALLOCATE = space
		PREALLOCATE=space SPARSE=yes;PREALLOCATE = space contradicts SPARSE = yes
		PREALLOCATE=full;PREALLOCATE = 'full': not none or space
	END
	document 7 "$(disk DISK_ID=0 TYPE=BLOCK CLONE=YES SOURCE="$PWD/base")"
	prepare
	refused config 'disk.0: by its TYPE or DISK_TYPE it is a block device, but STORAGE makes it a file'
	document 7 "$(disk DISK_ID=0 TYPE=BLOCK CLONE=YES SOURCE="$PWD/base" DRIVER=qcow2)"
	store STORAGE=lvm VOLUME_GROUP=vg
	prepare --datastore vm.ds
	refused config "disk.0: DRIVER = 'qcow2' contradicts STORAGE, which makes raw disks"
}

@test "kvm-image: killed at 20 random moments it leaves the old image or the new one, and the next run its room" {
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 run "$TOP/tests/tools/kill-image" "$KVM_IMAGE" 10 "$RANDOM"
	echo "$output"
	[ "$status" -eq 0 ]
}
