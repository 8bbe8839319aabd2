# SPDX-License-Identifier: Apache-2.0
# transfer.bats - TM_MAD = kvm_image: what oned's transfer lines say becomes disks, and nothing of another's is removed or replaced.
# ssh, onevm and onedatastore are stand-ins: ssh runs its command here, the others print a file.
load helper

KVM_IMAGE=$BUILD/drivers/kvm_image/kvm-image
export ONE_LOCATION=$BATS_TEST_TMPDIR/one
ACTIONS='clone ln mkimage mkswap mv mvds cpds delete resize context monitor monitor_ds premigrate postmigrate failmigrate'
ACTIONS+=' snap_create snap_create_live snap_delete snap_revert prebackup prebackup_live postbackup postbackup_live restore'

setup() {
	local action
	cd "$BATS_TEST_TMPDIR" || return
	mkdir -p bin one/var/datastores/1 one/var/remotes/tm/kvm_image host/datastores set/vmm set/etc/vmm/kvm
	echo "SCRIPTS_REMOTE_DIR=$PWD/set" >one/var/config
	ln -s "$KVM_IMAGE" set/vmm/kvm-image
	: >set/etc/vmm/kvm/kvmrc
	echo "#!$KVM_IMAGE" >bin/action
	chmod +x bin/action
	for action in $ACTIONS; do ln bin/action "one/var/remotes/tm/kvm_image/$action"; done
	cat >bin/ssh <<-'END'
		#!/bin/bash
		for word; do :; done
		echo "$@" >>ssh.calls
		[ ! -e down ] || { echo 'ssh: connect to host h1 port 22: No route to host' >&2; exit 255; }
		[ ! -e breaks ] || { rm breaks; sh -c "$word" 2> >(grep -v ':end ' >&2); exit 255; }
		exec sh -c "$word"
	END
	printf '#!/bin/sh\n[ "$1 $2" = "show -x" ] && exec cat "vm.$3.xml"\n' >bin/onevm
	printf '#!/bin/sh\n[ "$1 $2" = "show -x" ] && exec cat "ds.$3.xml"\n' >bin/onedatastore
	chmod +x bin/*
	PATH=$PWD/bin:$PATH
	IMAGE=$PWD/one/var/datastores/1/abc
	head -c 300000 /dev/urandom >"$IMAGE"
	truncate -s 3M "$IMAGE"
	sum=$(sha256sum "$IMAGE")
	DIR=$PWD/host/datastores/0/7
	datastore
}

# datastore [NAME=TEXT...]: the system datastore.
datastore() {
	local pair
	printf '<DATASTORE><ID>0</ID><NAME>system</NAME><TEMPLATE>' >ds.0.xml
	for pair; do printf '<%s>%s</%s>' "${pair%%=*}" "${pair#*=}" "${pair%%=*}"; done >>ds.0.xml
	echo '</TEMPLATE></DATASTORE>' >>ds.0.xml
}

# disk NAME=TEXT...
disk() {
	local pair
	printf '<DISK>'
	for pair; do printf '<%s>%s</%s>' "${pair%%=*}" "${pair#*=}" "${pair%%=*}"; done
	printf '</DISK>'
}

# vm ID LCM_STATE ELEMENT...
vm() {
	printf '<VM><ID>%s</ID><NAME>x</NAME><LCM_STATE>%s</LCM_STATE><TEMPLATE><MEMORY>64</MEMORY>' "$1" "$2" >"vm.$1.xml"
	printf '%s' "${@:3}" '</TEMPLATE><HISTORY_RECORDS><HISTORY><SEQ>0</SEQ><HOSTNAME>h1</HOSTNAME><DS_ID>0</DS_ID></HISTORY></HISTORY_RECORDS></VM>' \
		>>"vm.$1.xml"
}

clone() { disk DISK_ID="$1" TYPE=FILE CLONE=YES SOURCE="$IMAGE" FORMAT=raw DRIVER=raw "${@:2}"; }

persistent() { disk DISK_ID="$1" TYPE=FILE CLONE=NO SAVE=YES SOURCE="$IMAGE" FORMAT=raw DRIVER=raw "${@:2}"; }

tm() { run --separate-stderr -- "one/var/remotes/tm/kvm_image/$@"; }

done_() {
	[ "$status" -eq 0 ] || { echo "status $status: $output $stderr"; return 1; }
}

# refused CLASS TEXT: one line for oned, and exit status 1.
refused() {
	[ "$status" -eq 1 ] || { echo "status $status: $output $stderr"; return 1; }
	[[ $(error_message) == *"$2"*"[$1]"* ]] || { echo "$stderr"; return 1; }
	[ "$(error_message | wc -l)" -eq 1 ]
}

image_is_whole() { [ "$(sha256sum "$IMAGE")" = "$sum" ]; }

@test "TM_MAD kvm_image: each action is known by its name; what it cannot do is one clear line" {
	local action
	for action in $ACTIONS; do
		tm "$action"
		case $action in
		clone | ln | mk* | mv* | cpds | delete | resize)
			[ "$status" -eq 2 ] || { echo "$action: $status $stderr"; return 1; }
			[[ $(error_message) == "$action: usage: $action "* ]]
			;;
		context | monitor | monitor_ds) refused not-found "cannot run one/var/remotes/tm/ssh/$action" ;;
		postmigrate | failmigrate) done_ ;;
		*) refused config "TM_MAD kvm_image has no $action" ;;
		esac
	done
	never grep -q . ssh.calls
	diff <(tr ' ' '\n' <<<"$ACTIONS" | sort) <(sed -n '/^} actions/,/^};/s/^\t{ "\([a-z_]*\)".*/\1/p' "$TOP/drivers/kvm_image/transfer.c" | sort)
	mkdir one/var/remotes/tm/ssh
	printf '#!/bin/sh\necho stock "$@"\n' >one/var/remotes/tm/ssh/context
	chmod +x one/var/remotes/tm/ssh/context
	tm context /x/context.sh "h1:$DIR/disk.1" 7 0
	[ "$output" = "stock /x/context.sh h1:$DIR/disk.1 7 0" ]
}

@test "TM_MAD kvm_image: operands that contradict oned's document, or name another place, are refused" {
	vm 7 7 "$(clone 0)" "$(disk DISK_ID=1 TYPE=fs SIZE=4 DRIVER=raw)"
	vm 8 7 "$(clone 0)"
	while read -r class text action words; do
		eval "set -- $words"
		tm "$action" "$@"
		refused "$class" "${text//_/ }" || { echo "$action $*"; return 1; }
	done <<-END
		input is_not_HOST:PATH clone fe:$IMAGE $DIR/disk.0 7 1
		input is_not_a_host_name clone fe:$IMAGE -oProxyCommand=x:$DIR/disk.0 7 1
		input is_not_a_host_name clone fe:$IMAGE 'a;b:$DIR/disk.0' 7 1
		input is_not_the_directory_of_VM_8 clone fe:$IMAGE h1:$DIR/disk.0 8 1
		input is_not_the_directory_of_VM_7 delete h1:$DIR/../.. 7 0
		input is_not_the_directory_of_VM_7 delete h1:/ 7 0
		input is_not_the_directory_of_VM_.. delete h1:/etc/.. .. 0
		input is_not_the_directory_of_VM_7 delete h1:$PWD/host/7 7 0
		input is_not_a_disk clone fe:$IMAGE h1:$DIR 7 1
		input SOURCE_=_'/etc/passwd',_but clone fe:/etc/passwd h1:$DIR/disk.0 7 1
		refused is_on_host_h1,_in_datastore_0 clone fe:$IMAGE h2:$DIR/disk.0 7 1
		refused VM_7_has_no_disk_5 clone fe:$IMAGE h1:$DIR/disk.5 7 1
		input SIZE_=_'9',_but mkimage 9 raw h1:$DIR/disk.1 7 0
		input FORMAT_=_'qcow2',_but mkimage 4 qcow2 h1:$DIR/disk.1 7 0
		input is_not_a_number_of_MiB resize h1:$DIR/disk.0 -4 7 0
		refused is_a_clone_of mvds h1:$DIR/disk.0 fe:$IMAGE 7 1
		config knows_no_snapshots cpds h1:$DIR/disk.0 fe:$IMAGE.new 2 7 1
		config stay_on_host_h1 mv h1:$DIR h2:$DIR 7 0
	END
	never grep -q . ssh.calls
	[ ! -e host/datastores/0 ]
	image_is_whole
}

@test "TM_MAD kvm_image: clone brings the image to the host, grown; the same again is done; delete takes it away" {
	local inode
	vm 7 7 "$(clone 0 SIZE=8 ORIGINAL_SIZE=3)" "$(disk DISK_ID=1 TYPE=swap SIZE=2 DRIVER=raw)" "$(disk DISK_ID=2 TYPE=fs SIZE=16 FS=ext4 DRIVER=qcow2)"
	tm mkswap 2 "h1:$DIR/disk.1" 7 0
	done_
	tm clone "fe:$IMAGE" "h1:$PWD/host//datastores/0/7/disk.0" 7 1
	done_
	cmp -n 3145728 "$IMAGE" "$DIR/disk.0"
	[ "$(stat -c %s "$DIR/disk.0")" -eq 8388608 ]
	[[ $(file "$DIR/disk.1") == *'swap file'* ]]
	tm mkimage 16 qcow2 "h1:$DIR/disk.2" 7 0
	done_
	[ "$(qemu-img info -f qcow2 --output=json "$DIR/disk.2" | jq '."virtual-size"')" -eq 16777216 ]
	inode=$(stat -c %i "$DIR/disk.0")
	tm clone "fe:$IMAGE" "h1:$DIR/disk.0" 7 1
	done_
	[ "$(stat -c %i "$DIR/disk.0")" -eq "$inode" ]
	[ "$(ls -A "$DIR" | tr '\n' ' ')" = '.kvm-image.disk.0.json .kvm-image.disk.1.json .kvm-image.disk.2.json disk.0 disk.1 disk.2 ' ]
	tm delete "h1:$DIR/disk.1" 7 0
	done_
	tm delete "h1:$DIR/disk.1" 7 0
	done_
	[ "$(ls -A "$DIR" | tr '\n' ' ')" = '.kvm-image.disk.0.json .kvm-image.disk.2.json disk.0 disk.2 ' ]
	tm delete "h1:$DIR" 7 0
	done_
	[ ! -e "$DIR" ]
	tm delete "h1:$DIR" 7 0
	done_
	image_is_whole
}

@test "TM_MAD kvm_image: overlays of several VMs share a base; one is not saved without it" {
	datastore STORAGE=qcow2
	for vm in 7 8; do vm $vm 7 "$(disk DISK_ID=0 TYPE=FILE CLONE=YES SOURCE="$IMAGE" FORMAT=raw DRIVER=qcow2)"; done
	tm clone "fe:$IMAGE" "h1:$DIR/disk.0" 7 1
	done_
	tm clone "fe:$IMAGE" "h1:${DIR%7}8/disk.0" 8 1
	done_
	[ "$(stat -c %i "$DIR/.base.0")" -eq "$(stat -c %i "${DIR%7}8/.base.0")" ]
	qemu-img compare -q -f raw -F qcow2 "$IMAGE" "$DIR/disk.0"
	tm cpds "h1:$DIR/disk.0" "fe:$IMAGE.saved" -1 7 1
	refused refused 'a part of it is in another file'
	[ ! -e "$IMAGE.saved" ]
	tm delete "h1:$DIR" 7 0
	done_
	qemu-img compare -q -f raw -F qcow2 "$IMAGE" "${DIR%7}8/disk.0"
	tm delete "h1:${DIR%7}8" 8 0
	done_
	[ -z "$(ls -A host/datastores/0/.cache)" ]
}

@test "TM_MAD kvm_image: a persistent image goes to the host and comes back whole; its permissions stay" {
	local pid
	chmod 640 "$IMAGE"
	vm 7 7 "$(persistent 0)" "$(disk DISK_ID=1 TYPE=FILE CLONE=NO SOURCE="$IMAGE" FORMAT=qcow2 DRIVER=raw)"
	tm ln "fe:$IMAGE" "h1:$DIR/disk.0" 7 1
	done_
	cmp "$IMAGE" "$DIR/disk.0"
	[ ! -L "$DIR/disk.0" ]
	printf guest | dd of="$DIR/disk.0" bs=1 seek=2000000 conv=notrunc status=none
	coproc HOLD { exec qemu-io -f raw "$DIR/disk.0"; }
	pid=$HOLD_PID
	echo 'read 0 512' >&"${HOLD[1]}"
	read -r _ <&"${HOLD[0]}"
	tm mvds "h1:$DIR/disk.0" "fe:$IMAGE" 7 1
	refused busy 'another program has it open'
	tm delete "h1:$DIR" 7 0
	refused busy 'another program has it open'
	image_is_whole
	kill "$pid"
	wait "$pid" || true
	tm mvds "h1:$DIR/disk.0" "fe:$IMAGE" 7 1
	done_
	cmp "$IMAGE" "$DIR/disk.0"
	[ "$(stat -c %a "$IMAGE")" = 640 ]
	tm mvds "h1:$DIR/disk.0" "fe:$IMAGE" 7 1
	done_
	tm ln "fe:$IMAGE" "h1:$DIR/disk.1" 7 1
	refused config "its persistent image has FORMAT = 'qcow2'"
}

@test "TM_MAD kvm_image: cpds makes a new image, and replaces one only if oned says that it is this disk's" {
	vm 7 9 "$(clone 0)"
	tm clone "fe:$IMAGE" "h1:$DIR/disk.0" 7 1
	done_
	printf guest | dd of="$DIR/disk.0" bs=1 seek=1000 conv=notrunc status=none
	tm cpds "h1:$DIR/disk.0" "fe:$IMAGE" -1 7 1
	refused exists 'is there already'
	image_is_whole
	tm cpds "h1:$DIR/disk.0" "fe:$IMAGE.new" -1 7 1
	done_
	cmp "$DIR/disk.0" "$IMAGE.new"
	tm cpds "h1:$DIR/disk.0" "fe:$IMAGE.new" -1 7 1
	refused exists 'is there already'
	vm 7 9 "$(clone 0 HOTPLUG_SAVE_AS_SOURCE="$IMAGE.new")"
	tm cpds "h1:$DIR/disk.0" "fe:$IMAGE.new" -1 7 1
	done_
	vm 7 9 "$(clone 0 HOTPLUG_SAVE_AS_SOURCE="$IMAGE.other")"
	tm cpds "h1:$DIR/disk.0" "fe:$IMAGE.new" -1 7 1
	refused input "HOTPLUG_SAVE_AS_SOURCE = '$IMAGE.new', but"
	vm 7 26 "$(clone 0)"
	tm cpds "h1:$DIR/disk.0" "fe:$IMAGE.live" -1 7 1
	refused busy 'of a running VM is not saved'
	[ ! -e "$IMAGE.live" ]
}

@test "TM_MAD kvm_image: resize makes the disk larger, never smaller, and leaves a running VM's alone" {
	vm 7 9 "$(clone 0)"
	tm clone "fe:$IMAGE" "h1:$DIR/disk.0" 7 1
	done_
	tm resize "h1:$DIR/disk.0" 9 7 0
	done_
	[ "$(stat -c %s "$DIR/disk.0")" -eq 9437184 ]
	tm resize "h1:$DIR/disk.0" 4 7 0
	refused input 'more than 4M'
	vm 7 62 "$(clone 0)"
	tm resize "h1:$DIR/disk.0" 12 7 0
	done_
	[ "$(stat -c %s "$DIR/disk.0")" -eq 9437184 ]
	tm delete "h1:$DIR/disk.0" 7 0
	done_
	[ ! -e "$DIR/disk.0" ]
}

@test "TM_MAD kvm_image: what no record names is neither removed, nor replaced, nor saved" {
	vm 7 7 "$(clone 0)" "$(persistent 1)" '<CONTEXT><DISK_ID>2</DISK_ID><TARGET>hda</TARGET></CONTEXT>'
	mkdir -p "$DIR"
	echo mine >"$DIR/disk.1"
	tm ln "fe:$IMAGE" "h1:$DIR/disk.1" 7 1
	refused exists 'disk.1 is there already'
	tm mvds "h1:$DIR/disk.1" "fe:$IMAGE" 7 1
	refused refused 'no record says that it was made for VM 7'
	tm delete "h1:$DIR/disk.1" 7 0
	refused refused 'no record says that it was made for VM 7'
	tm clone "fe:$IMAGE" "h1:$DIR/disk.0" 7 1
	done_
	tm delete "h1:$DIR" 7 0
	refused refused "$DIR/disk.1 was not made by kvm-image for VM 7"
	[ "$(cat "$DIR/disk.1")" = mine ]
	cmp "$IMAGE" "$DIR/disk.0"
	rm "$DIR/disk.1"
	mkdir "$DIR/notes"
	tm delete "h1:$DIR" 7 0
	refused refused "$DIR/notes was not made"
	rmdir "$DIR/notes"
	cp "$DIR/disk.0" "$DIR/x" && mv "$DIR/x" "$DIR/disk.0"
	tm delete "h1:$DIR" 7 0
	refused refused 'is not what was made for VM 7'
	cmp "$IMAGE" "$DIR/disk.0"
	rm "$DIR/disk.0"
	"$KVM_IMAGE" prepare vm.7.xml --directory medium --disk 2
	cp medium/disk.2 "$DIR/"
	ln -s "$DIR/disk.2" "$DIR/disk.2.iso"
	touch "$DIR/deployment.0" "$DIR/vm.xml" "$DIR/one-7_VARS.fd" "$DIR/.disk.0.source" "$DIR/snap-0.xml" "$DIR/.checkpoint.spent"
	mkdir "$DIR/tpm"
	touch "$DIR/tpm/tpm2-00.permall" "$DIR/tpm/key"
	tm delete "h1:$DIR" 7 0
	refused refused "$DIR/tpm was not made by kvm-image"
	rm "$DIR/tpm/key"
	ln -s h1 "$DIR/tpm/.host"
	tm delete "h1:$DIR" 7 0
	done_
	[ ! -e "$DIR" ]
	image_is_whole
}

@test "TM_MAD kvm_image: a copy of another VM's directory is not taken for this VM's" {
	vm 7 7 "$(clone 0)"
	vm 8 7 "$(persistent 0)"
	tm clone "fe:$IMAGE" "h1:$DIR/disk.0" 7 1
	done_
	mv "$DIR" "${DIR%7}8"
	tm delete "h1:${DIR%7}8" 8 0
	refused refused 'has disks of VM 7, not of VM 8'
	tm delete "h1:${DIR%7}8/disk.0" 8 0
	refused refused 'has the disks of VM 7, not of VM 8'
	tm mvds "h1:${DIR%7}8/disk.0" "fe:$IMAGE" 8 1
	refused refused 'no record says that it was made for VM 8'
	cmp "$IMAGE" "${DIR%7}8/disk.0"
}

@test "TM_MAD kvm_image: a host that is not reached, or whose answer is lost; the same action again finds out" {
	vm 7 7 "$(clone 0)"
	touch down
	tm clone "fe:$IMAGE" "h1:$DIR/disk.0" 7 1
	refused connection 'cannot reach host h1'
	tm delete "h1:$DIR" 7 0
	refused connection 'cannot reach host h1'
	rm down
	touch breaks
	tm clone "fe:$IMAGE" "h1:$DIR/disk.0" 7 1
	refused connection 'the connection to host h1 broke in the middle of kvm-image receive'
	[ ! -e "$DIR/disk.0" ]
	tm clone "fe:$IMAGE" "h1:$DIR/disk.0" 7 1
	done_
	cmp "$IMAGE" "$DIR/disk.0"
	touch breaks
	tm delete "h1:$DIR" 7 0
	refused connection 'in the middle of kvm-image dispose'
	tm delete "h1:$DIR" 7 0
	done_
	rm set/vmm/kvm-image
	tm delete "h1:$DIR" 7 0
	refused config 'host h1 has no kvm-image'
	[[ $stderr == *'kvm-sync-hosts h1'* ]]
}

@test "kvm-image send, receive: whole or not at all; holes stay holes; a cut or changed stream leaves nothing" {
	local size
	truncate -s 60M sparse
	printf x | dd of=sparse bs=1 seek=50000000 conv=notrunc status=none
	"$KVM_IMAGE" send sparse >stream
	[ "$(stat -c %s stream)" -lt 2000000 ]
	"$KVM_IMAGE" receive got <stream
	cmp sparse got
	[ "$(stat -c %b got)" -lt 4096 ]
	[ "$(stat -c %Y got)" -eq "$(stat -c %Y sparse)" ]
	run --separate-stderr "$KVM_IMAGE" receive got <stream
	[[ $stderr == *'is there already [exists]'* ]]
	size=$(stat -c %s stream)
	for cut in 0 5 40 60 $((size / 2)) $((size - 1)); do
		run --separate-stderr "$KVM_IMAGE" receive cut < <(head -c "$cut" stream)
		[[ $stderr == *'ends too early [connection]'* ]] || { echo "$cut: $stderr"; return 1; }
		[ -z "$(ls -A | grep cut)" ]
	done
	for at in 3 14 46 60 $((size - 5)); do
		cp stream changed
		printf '\377' | dd of=changed bs=1 seek="$at" conv=notrunc status=none
		run "$KVM_IMAGE" receive cut <changed
		[ "$status" -eq 1 ]
		[ -z "$(ls -A | grep cut)" ] || { echo "$at: $(ls -A)"; return 1; }
	done
	qemu-img create -q -u -f qcow2 -b /etc/passwd -F raw evil 1M
	run --separate-stderr "$KVM_IMAGE" send evil
	[[ $stderr == *'a part of it is in another file [refused]'* ]]
}

@test "TM_MAD kvm_image: killed at each step, other disks of the VM stay, and the next run makes the disk" {
	local step which n=0
	vm 7 7 "$(clone 0)" "$(clone 1)"
	tm clone "fe:$IMAGE" "h1:$DIR/disk.0" 7 1
	done_
	export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
	for step in flock renameat2 fsync unlink; do
		for which in 1 3; do
			cp "$IMAGE" "$DIR/.disk.1.source"
			run strace -o /dev/null -e trace="$step" -e inject="$step:signal=KILL:when=$which" "$KVM_IMAGE" prepare - \
				--directory "$DIR" --disk 1 --received < <(cat vm.7.xml)
			cmp "$IMAGE" "$DIR/disk.0"
			[ "$status" -ne 0 ] && n=$((n + 1))
			tm clone "fe:$IMAGE" "h1:$DIR/disk.1" 7 1
			done_
			cmp "$IMAGE" "$DIR/disk.1"
			run strace -o /dev/null -e trace="$step" -e inject="$step:signal=KILL:when=$which" "$KVM_IMAGE" dispose - \
				--directory "$DIR" --disk 1 < <(cat vm.7.xml)
			cmp "$IMAGE" "$DIR/disk.0"
			tm delete "h1:$DIR/disk.1" 7 0
			done_
			[ "$(ls -A "$DIR" | tr '\n' ' ')" = '.kvm-image.disk.0.json disk.0 ' ] || { ls -A "$DIR"; return 1; }
		done
	done
	[ "$n" -gt 3 ]
}

@test "kvm-image prepare: one that does not get the directory leaves what another one received" {
	vm 7 7 "$(clone 0)"
	mkdir -p "$DIR"
	cp "$IMAGE" "$DIR/.disk.0.source"
	exec 9>"$DIR/.kvm-image.lock"
	flock 9
	run --separate-stderr "$KVM_IMAGE" prepare - --directory "$DIR" --disk 0 --received <vm.7.xml
	[ "$status" -eq 1 ]
	[[ $stderr == *'another kvm-image works in '*'[busy]'* ]]
	cmp "$IMAGE" "$DIR/.disk.0.source"
	exec 9>&-
	"$KVM_IMAGE" prepare - --directory "$DIR" --disk 0 --received <vm.7.xml
	cmp "$IMAGE" "$DIR/disk.0"
	[ ! -e "$DIR/.disk.0.source" ]
}

@test "TM_MAD kvm_image: mvds that is killed leaves the old image or the new one" {
	local step which
	vm 7 7 "$(persistent 0)"
	tm ln "fe:$IMAGE" "h1:$DIR/disk.0" 7 1
	done_
	cp "$IMAGE" old
	printf guest | dd of="$DIR/disk.0" bs=1 seek=1000 conv=notrunc status=none
	"$KVM_IMAGE" send "$DIR/disk.0" >stream
	export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
	for step in pwrite64 ftruncate rename fsync; do
		for which in 1; do
			cp old "$IMAGE"
			run strace -o /dev/null -e trace="$step" -e inject="$step:signal=KILL:when=$which" "$KVM_IMAGE" receive "$IMAGE" --force <stream
			cmp -s old "$IMAGE" || cmp "$DIR/disk.0" "$IMAGE"
			tm mvds "h1:$DIR/disk.0" "fe:$IMAGE" 7 1
			done_
			cmp "$DIR/disk.0" "$IMAGE"
			[ -z "$(find one/var/datastores -name '.*kvm-image*')" ]
		done
	done
}

@test "TM_MAD kvm_image: nothing in an operand becomes a command" {
	DIR="$PWD/host/\$(touch pwned)'\"; touch pwned #/0/7"
	vm 7 7 "$(clone 0)"
	tm clone "fe:$IMAGE" "h1:$DIR/disk.0" 7 1
	done_
	cmp "$IMAGE" "$DIR/disk.0"
	tm delete "h1:$DIR" 7 0
	done_
	[ -z "$(find . -name pwned)" ]
}
