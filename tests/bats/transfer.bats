# SPDX-License-Identifier: Apache-2.0
# transfer.bats - TM_MAD = kvm_image: what oned's transfer lines say becomes disks, and nothing of another's is removed or replaced.
# ssh, onevm and onedatastore are stand-ins: ssh runs its command here, the others print a file.
# bats file_tags=once
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
	# kill.COMMAND names a system call and its number, at which that command of a host is killed.
	cat >set/vmm/kvm-image <<-END
		#!/bin/bash
		kill=kill.\$3
		[ ! -e "\$kill" ] || { read -r step which <"\$kill"; rm "\$kill"; exec strace -o /dev/null -e trace="\$step" -e inject="\$step:signal=KILL:when=\$which" "$KVM_IMAGE" "\$@"; }
		exec "$KVM_IMAGE" "\$@"
	END
	chmod +x set/vmm/kvm-image
	: >set/etc/vmm/kvm/kvmrc
	echo "#!$KVM_IMAGE" >bin/action
	chmod +x bin/action
	for action in $ACTIONS; do ln bin/action "one/var/remotes/tm/kvm_image/$action"; done
	cat >bin/ssh <<-'END'
		#!/bin/bash
		for word; do :; done
		echo "$@" >>ssh.calls
		{ read -r from; read -r to; } 2>/dev/null <h2.map && [[ " $* " == *' h2 '* ]] && word=${word//"$from"/"$to"}
		[ ! -e down ] || { echo 'ssh: connect to host h1 port 22: No route to host' >&2; exit 255; }
		[ ! -e breaks ] || [[ $word != *"$(cat breaks)"* ]] || { rm breaks; sh -c "$word" 2> >(grep -v ':end ' >&2); exit 255; }
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
	THERE=$PWD/host2/datastores/0/7
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
	local action disk
	for action in $ACTIONS; do
		tm "$action"
		case $action in
		clone | ln | mk* | mv* | cpds | context | delete | resize | *migrate | snap_create | snap_delete | snap_revert)
			[ "$status" -eq 2 ] || { echo "$action: $status $stderr"; return 1; }
			[[ $(error_message) == "$action: usage: $action "* ]]
			;;
		monitor | monitor_ds) refused not-found "cannot run one/var/remotes/tm/ssh/$action" ;;
		*) refused config "TM_MAD kvm_image has no $action" ;;
		esac
	done
	never grep -q . ssh.calls
	diff <(tr ' ' '\n' <<<"$ACTIONS" | sort) <(sed -n '/^} actions/,/^};/s/^\t{ "\([a-z_]*\)".*/\1/p' "$TOP/drivers/kvm_image/transfer.c" | sort)
	mkdir one/var/remotes/tm/ssh
	printf '#!/bin/sh\necho stock "$@"\n' >one/var/remotes/tm/ssh/context
	chmod +x one/var/remotes/tm/ssh/context
	vm 7 7 "$(clone 0)" "$(clone 2)"
	tm context /x/context.sh '/x/two words' "h1:$DIR/disk.1" 7 0
	[ "$output" = "stock /x/context.sh /x/two words h1:$DIR/disk.1 7 0" ]
	# It would write through a link to a volume.
	for disk in 0 2; do
		tm context /x/context.sh "h1:$DIR/disk.$disk" 7 0
		refused refused "disk.$disk is a disk of VM 7"
	done
	tm context /x/context.sh "h1:/etc/disk.1" 7 0
	refused input 'is not the directory of VM 7'
}

@test "TM_MAD kvm_image: operands that contradict oned's document, or name another place, are refused" {
	vm 7 7 "$(clone 0)" "$(disk DISK_ID=1 TYPE=fs SIZE=4 DRIVER=raw)"
	vm 8 7 "$(clone 0)"
	cp ds.0.xml ds.1.xml
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
		input is_not_the_number_of_a_snapshot cpds h1:$DIR/disk.0 fe:$IMAGE.new ../x 7 1
		input is_not_the_number_of_a_snapshot snap_create h1:$DIR/disk.0 ../x 7 1
		refused is_on_host_h1,_in_datastore_0 snap_revert h2:$DIR/disk.0 1 7 1
		refused is_on_host_h1,_in_datastore_0 mv h3:$DIR h4:$DIR 7 0
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
	local size n
	truncate -s 60M sparse
	printf x | dd of=sparse bs=1 seek=50000000 conv=notrunc status=none
	"$KVM_IMAGE" send sparse >stream
	[ "$(stat -c %s stream)" -lt 2000000 ]
	"$KVM_IMAGE" receive got <stream
	cmp sparse got
	[ "$(stat -c %b got)" -lt 4096 ]
	[ "$(stat -c %Y got)" -eq "$(stat -c %Y sparse)" ]
	# Also where there is little data between them.
	truncate -s 60M scattered
	for n in {0..59}; do printf x | dd of=scattered bs=1 seek=$((n * 1048576 + 70000)) conv=notrunc status=none; done
	"$KVM_IMAGE" receive gathered < <("$KVM_IMAGE" send scattered)
	cmp scattered gathered
	[ "$(stat -c %b gathered)" -le $(($(stat -c %b scattered) * 2)) ]
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
	# JSON behind it would be a part of what is sent.
	run --separate-stderr "$KVM_IMAGE" send --json sparse
	[ "$status" -eq 2 ]
	[ "$(jq -r .error.class <<<"$output")" = usage ]
	run script -qec "'$KVM_IMAGE' send sparse" /dev/null
	[[ $output == *'standard output is a terminal: it is for kvm-image receive [usage]'* ]]
	qemu-img create -q -u -f qcow2 -b /etc/passwd -F raw evil 1M
	run --separate-stderr "$KVM_IMAGE" send evil
	[[ $stderr == *'a part of it is in another file [refused]'* ]]
}

@test "kvm-image receive: what a killed one left of another file is taken away, not what is received now" {
	local pids=() name
	mkdir images
	"$KVM_IMAGE" send "$IMAGE" --format raw >sent
	for name in killed now; do
		mkfifo "$name"
		"$KVM_IMAGE" receive "images/$name" <"$name" 3>&- 2>/dev/null &
		pids+=($!)
	done
	exec 8>killed 9>now
	head -c 200000 sent | tee killed >now
	for name in killed now; do
		wait_for test -e "images/.$name.kvm-image"
		wait_for grep -q "OFDLCK .*:$(stat -c %i "images/.$name.kvm-image") " /proc/locks
	done
	kill -KILL "${pids[0]}"
	wait "${pids[0]}" || true
	printf x >images/.mine.kvm-image.not
	run -0 "$KVM_IMAGE" receive images/other <sent
	[ "$(ls -A images | tr '\n' ' ')" = '.mine.kvm-image.not .now.kvm-image other ' ] || { ls -A images; return 1; }
	tail -c +200001 sent >&9
	exec 8>&- 9>&-
	wait "${pids[1]}"
	cmp "$IMAGE" images/now
	cmp "$IMAGE" images/other
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

# A VM with disks of all kinds, and what else its directory may have.
make_vm() {
	vm 7 7 "$(clone 0)" "$(persistent 1)" "$(disk DISK_ID=2 TYPE=swap SIZE=2 DRIVER=raw)" "$(disk DISK_ID=3 TYPE=fs SIZE=16 FS=ext4 DRIVER=qcow2)" \
		'<CONTEXT><DISK_ID>4</DISK_ID><TARGET>hda</TARGET></CONTEXT>'
	tm clone "fe:$IMAGE" "h1:$DIR/disk.0" 7 1
	done_
	tm ln "fe:$IMAGE" "h1:$DIR/disk.1" 7 1
	done_
	tm mkswap 2 "h1:$DIR/disk.2" 7 0
	done_
	tm mkimage 16 qcow2 "h1:$DIR/disk.3" 7 0
	done_
	printf guest | dd of="$DIR/disk.1" bs=1 seek=2000000 conv=notrunc status=none
	"$KVM_IMAGE" prepare vm.7.xml --directory medium --disk 4
	cp medium/disk.4 "$DIR/"
	ln -s "$DIR/disk.4" "$DIR/disk.4.iso"
	echo '<domain/>' >"$DIR/deployment.0"
	head -c 100000 /dev/urandom >"$DIR/checkpoint"
	chmod 640 "$DIR/checkpoint"
	mkdir "$DIR/tpm"
	echo state >"$DIR/tpm/tpm2-00.permall"
	ln -s h1 "$DIR/tpm/.host"
	touch "$DIR/.disk.0.source" "$DIR/.vmmexec-migrating"
	all='deployment.0 checkpoint disk.0 disk.1 disk.2 disk.3 disk.4 tpm/tpm2-00.permall'
	sums=$(cd "$DIR" && sha256sum $all)
}

# is_whole DIRECTORY: it has all of that VM, bit by bit.
is_whole() { (cd "$1" && sha256sum --quiet -c <<<"$sums" && [ "$(readlink tpm/.host)" = h1 ] && [ -L disk.4.iso ]); }

# What a move leaves behind, on any host.
no_marks() {
	[ -z "$(find host host2 -name '*.kvm-image*' ! -name '.kvm-image.disk.*.json' 2>/dev/null)" ] || { find host host2 -name '*.kvm-image*'; return 1; }
}

@test "TM_MAD kvm_image: mv brings all of a VM to another host, and empties the first; the disks are known there" {
	local disk
	make_vm
	for disk in 0 1 2 3; do
		tm mv "h1:$DIR/disk.$disk" "h2:$THERE/disk.$disk" 7 0
		done_
	done
	is_whole "$DIR"
	[ ! -e host2 ]
	tm mv "h1:$DIR" "h2:$THERE" 7 0
	done_
	is_whole "$THERE"
	[ ! -e "$DIR" ]
	[ "$(stat -c %a "$THERE/checkpoint")" = 640 ]
	[ "$(stat -c %b "$THERE/disk.0")" -lt 3000 ]
	[ "$(ls -A "$THERE" | tr '\n' ' ')" = '.kvm-image.disk.0.json .kvm-image.disk.1.json .kvm-image.disk.2.json .kvm-image.disk.3.json checkpoint deployment.0 disk.0 disk.1 disk.2 disk.3 disk.4 disk.4.iso tpm ' ]
	tm mv "h1:$DIR" "h2:$THERE" 7 0
	done_
	is_whole "$THERE"
	tm mvds "h2:$THERE/disk.1" "fe:$IMAGE" 7 1
	done_
	cmp "$THERE/disk.1" "$IMAGE"
	tm mv "h2:$THERE" "h1:$DIR" 7 0
	done_
	is_whole "$DIR"
	[ ! -e "$THERE" ]
	no_marks
	tm delete "h1:$DIR" 7 0
	done_
	[ ! -e "$DIR" ]
	tm mv "h1:$DIR" "h2:$THERE" 7 0
	refused not-found "neither $DIR of host h1 nor $THERE of host h2 has all of VM 7"
}

@test "TM_MAD kvm_image: mv to the front-end and back, as stop and resume do; delete there, too" {
	make_vm
	tm mv "h1:$DIR" "$(hostname):$THERE" 7 0
	done_
	is_whole "$THERE"
	[ ! -e "$DIR" ]
	never grep -v ' h1 ' ssh.calls
	tm mv "$(hostname):$THERE" "h1:$DIR" 7 0
	done_
	is_whole "$DIR"
	[ ! -e "$THERE" ]
	tm mv "h1:$DIR" "$(hostname).example.org:$THERE" 7 0
	done_
	tm delete "$(hostname):$THERE" 7 0
	done_
	[ ! -e "$THERE" ]
	never grep -v ' h1 ' ssh.calls
}

@test "TM_MAD kvm_image: an upgrade of the program in the middle of a step does not change the step" {
	local own=$PWD/own/kvm-image from upgrade words
	mkdir own
	echo "#!$own" >bin/action
	printf '#!/bin/sh\necho "$@" >>newer\nexit 9\n' >next
	chmod +x next
	# oned answers, or a host does, while the package is installed.
	for from in onevm ssh; do
		sed -i "2i [ ! -e upgrade.$from ] || { cp next own/new; mv -f own/new '$own'; rm upgrade.$from; }" bin/$from
	done
	vm 7 7 "$(persistent 0)"
	for words in "ln fe:$IMAGE h1:$DIR/disk.0 7 1" "mvds h1:$DIR/disk.0 fe:$IMAGE 7 1" "mv h1:$DIR $(hostname):$THERE 7 0" "mv $(hostname):$THERE h1:$DIR 7 0"; do
		for upgrade in onevm ssh; do
			cp "$KVM_IMAGE" own/old
			mv -f own/old "$own"
			: >upgrade.$upgrade
			# shellcheck disable=SC2086
			tm $words
			[ ! -e "upgrade.$upgrade" ]
			done_ || { echo "$words, upgrade by $upgrade"; return 1; }
		done
	done
	[ ! -e newer ]
	cmp "$IMAGE" "$DIR/disk.0"
	[ ! -e "$THERE" ]
}

@test "TM_MAD kvm_image: mv to another datastore, on another host or the same; not into one that keeps no files" {
	local there=${THERE%0/7}1/7 here=${DIR%0/7}1/7
	make_vm
	sed 's/<ID>0</<ID>1</' ds.0.xml >ds.1.xml
	"$KVM_IMAGE" snap-create 1 --directory "$DIR" --disk 0 --vm 7
	tm mv "h1:$DIR" "h2:$there" 7 1
	done_
	is_whole "$there"
	[ "$(readlink "$there/disk.4.iso")" = "$there/disk.4" ]
	cmp "$there/disk.0" "$there/disk.0.snap.1"
	[ ! -e "$DIR" ]
	sed -i 's/>h1</>h2</; s/<DS_ID>0</<DS_ID>1</' vm.7.xml
	tm snap_revert "h2:$there/disk.0" 1 7 1
	done_
	tm mv "h2:$there" "h2:$here" 7 1
	done_
	is_whole "$here"
	[ ! -e "$there" ]
	sed 's/<TEMPLATE>/&<STORAGE>lvm<\/STORAGE>/' ds.1.xml >ds.2.xml
	sed -i 's/<ID>1</<ID>2</' ds.2.xml
	tm mv "h2:$here" "h2:${here%1/7}2/7" 7 2
	refused config "from datastore 1 to datastore 2, which has STORAGE = 'lvm'"
	is_whole "$here"
	no_marks
}

@test "TM_MAD kvm_image: mv between hosts that share the directory moves nothing, and removes nothing" {
	make_vm
	tm mv "h1:$DIR" "h2:$DIR" 7 0
	done_
	is_whole "$DIR"
	ln -s host mount
	tm mv "h1:$DIR" "h2:$PWD/mount/datastores/0/7" 7 0
	done_
	is_whole "$DIR"
	no_marks
	"$KVM_IMAGE" state vm.7.xml --directory "$DIR" | grep -q 'whole'
	# The source looks, too, before it removes anything.
	id=11111111-2222-4333-8444-555555555555
	"$KVM_IMAGE" send vm.7.xml --all --directory "$DIR" --move $id >stream
	run --separate-stderr "$KVM_IMAGE" leave vm.7.xml --directory "$DIR" --move $id --token $id
	[[ $stderr == *'is the destination, too: nothing is removed [refused]'* ]]
	is_whole "$DIR"
}

@test "TM_MAD kvm_image: a shared datastore that is not mounted at the destination: nothing is moved below its place" {
	make_vm
	datastore SHARED=YES
	tm mv "h1:$DIR" "h2:$DIR" 7 0
	done_
	tm mv "h1:$DIR" "h2:$THERE" 7 0
	refused config "$THERE here is not the directory of the other host, as its datastore is SHARED"
	is_whole "$DIR"
	[ ! -e host2 ]
	# The front-end need not have it.
	tm mv "h1:$DIR" "$(hostname):$THERE" 7 0
	done_
	is_whole "$THERE"
	no_marks
}

@test "TM_MAD kvm_image: overlays move with their base, which VMs share again where they come" {
	local there=${THERE%7}
	datastore STORAGE=qcow2
	for vm in 7 8; do
		vm $vm 7 "$(disk DISK_ID=0 TYPE=FILE CLONE=YES SOURCE="$IMAGE" FORMAT=raw DRIVER=qcow2)"
		tm clone "fe:$IMAGE" "h1:${DIR%7}$vm/disk.0" $vm 1
		done_
		qemu-io -f qcow2 -c "write -P $vm 70000 512" "${DIR%7}$vm/disk.0" >/dev/null
		cp --sparse=always "$IMAGE" flat.$vm
		qemu-io -f raw -c "write -P $vm 70000 512" flat.$vm >/dev/null
	done
	tm mv "h1:$DIR" "h2:$THERE" 7 0
	done_
	qemu-img compare -q -f raw -F qcow2 flat.7 "$THERE/disk.0"
	qemu-img compare -q -f raw -F qcow2 flat.8 "${DIR%7}8/disk.0"
	[ "$(ls -A "$THERE" | tr '\n' ' ')" = '.base.0 .kvm-image.disk.0.json disk.0 ' ]
	tm mv "h1:${DIR%7}8" "h2:${there}8" 8 0
	done_
	qemu-img compare -q -f raw -F qcow2 flat.8 "${there}8/disk.0"
	[ "$(stat -c %i "$THERE/.base.0")" -eq "$(stat -c %i "${there}8/.base.0")" ]
	[ "$(stat -c %h "$THERE/.base.0")" -eq 3 ]
	[ -z "$(ls -A host/datastores/0/.cache)" ]
	# A base of that name with other bytes is not taken.
	tm mv "h2:${there}8" "h1:${DIR%7}8" 8 0
	done_
	base=$(ls host/datastores/0/.cache/*.base)
	cp "$base" x && printf x | dd of=x bs=1 seek=5000 conv=notrunc status=none
	chmod 400 x && mv -f x "$base"
	tm mv "h2:$THERE" "h1:$DIR" 7 0
	done_
	qemu-img compare -q -f raw -F qcow2 flat.7 "$DIR/disk.0"
	for vm in 7 8; do
		tm delete "h1:${DIR%7}$vm" $vm 0
		done_
	done
	[ -z "$(ls -A host/datastores/0/.cache host2/datastores/0/.cache | grep base)" ]
}

@test "TM_MAD kvm_image: mv of what is not the VM's alone, is in use, or has no room, moves nothing" {
	local pid
	make_vm
	mkdir "$DIR/notes"
	tm mv "h1:$DIR" "h2:$THERE" 7 0
	refused refused "$DIR/notes was not made by kvm-image for VM 7: nothing is moved"
	rmdir "$DIR/notes"
	coproc HOLD { exec qemu-io -f raw "$DIR/disk.0"; }
	pid=$HOLD_PID
	echo 'read 0 512' >&"${HOLD[1]}"
	read -r _ <&"${HOLD[0]}"
	tm mv "h1:$DIR" "h2:$THERE" 7 0
	refused busy "cannot move $DIR/disk.0: another program has it open"
	kill "$pid"
	wait "$pid" || true
	mv "$DIR/disk.2" x
	tm mv "h1:$DIR" "h2:$THERE" 7 0
	refused not-found "$DIR/disk.2, which was made for VM 7, is gone"
	mv x "$DIR/disk.2"
	[ ! -e "$THERE" ]
	mkdir -p "$THERE"
	echo mine >"$THERE/disk.0"
	tm mv "h1:$DIR" "h2:$THERE" 7 0
	refused refused "$THERE/disk.0 was not made by kvm-image for VM 7"
	rm "$THERE/disk.0"
	"$KVM_IMAGE" prepare vm.7.xml --directory "$THERE" --disk 2
	inode=$(stat -c %i "$THERE/disk.2")
	tm mv "h1:$DIR" "h2:$THERE" 7 0
	refused exists "has disks of VM 7 already, and nothing says that they are an older copy"
	[ "$(stat -c %i "$THERE/disk.2")" -eq "$inode" ]
	is_whole "$DIR"
	"$KVM_IMAGE" dispose vm.7.xml --directory "$THERE" --disk 2
	echo '<old/>' >"$THERE/vm.xml"
	tm mv "h1:$DIR" "h2:$THERE" 7 0
	done_
	is_whole "$THERE"
	touch down
	tm mv "h2:$THERE" "h1:$DIR" 7 0
	refused connection 'cannot reach host'
	is_whole "$THERE"
}

@test "TM_MAD kvm_image: a copy whose source was not emptied goes when the VM moves again, unless it was used" {
	make_vm
	echo 'rename 1' >kill.leave
	tm mv "h1:$DIR" "h2:$THERE" 7 0
	[ "$status" -eq 1 ]
	is_whole "$DIR"
	is_whole "$THERE"
	printf changed | dd of="$DIR/disk.0" bs=1 conv=notrunc status=none
	sums=$(cd "$DIR" && sha256sum $all)
	tm mv "h1:$DIR" "h2:$THERE" 7 0
	done_
	is_whole "$THERE"
	echo 'rename 1' >kill.leave
	tm mv "h2:$THERE" "h1:$DIR" 7 0
	[ "$status" -eq 1 ]
	printf used | dd of="$DIR/disk.0" bs=1 conv=notrunc status=none
	tm mv "h2:$THERE" "h1:$DIR" 7 0
	refused refused "$DIR/disk.0 was changed since it was copied"
	is_whole "$THERE"
	# It is the VM's now, and goes back to where the old one still is.
	sums=$(cd "$DIR" && sha256sum $all)
	tm mv "h1:$DIR" "h2:$THERE" 7 0
	done_
	is_whole "$THERE"
	[ ! -e "$DIR" ]
	no_marks
}

@test "TM_MAD kvm_image: what goes back replaces its old source only if that has nothing newer" {
	make_vm
	mv_is_killed() { echo "$2" >"kill.$1"; tm mv "h1:$DIR" "h2:$THERE" 7 0; [ "$status" -eq 1 ]; }
	mv_is_killed leave 'rename 1'
	cp "$DIR/disk.0" old
	printf newer | dd of="$DIR/disk.0" bs=1 conv=notrunc status=none
	tm mv "h2:$THERE" "h1:$DIR" 7 0
	refused refused "$DIR/disk.0 was changed since it was copied"
	[ "$(head -c 5 "$DIR/disk.0")" = newer ]
	# Nor when the change has been sent, and has not come there.
	echo 'pwrite64 1' >kill.receive
	tm mv "h1:$DIR" "h2:${THERE/host2/host3}" 7 0
	[ "$status" -eq 1 ]
	tm mv "h2:$THERE" "h1:$DIR" 7 0
	refused exists "$DIR has disks of VM 7 already"
	[ "$(head -c 5 "$DIR/disk.0")" = newer ]
	is_whole "$THERE"
	# Nor is what was made since where it came, and is in no file that was copied.
	rm -r "$THERE" host3
	sums=$(cd "$DIR" && sha256sum $all)
	mv_is_killed leave 'rename 1'
	"$KVM_IMAGE" snap-create 1 --directory "$THERE" --disk 0 --vm 7
	tm mv "h1:$DIR" "h2:$THERE" 7 0
	refused refused "$THERE/disk.0.snap.1 was made since the VM was copied"
	cmp "$THERE/disk.0.snap.1" "$DIR/disk.0"
	"$KVM_IMAGE" snap-delete 1 --directory "$THERE" --disk 0 --vm 7
	echo state >"$THERE/tpm/tpm-00.permall"
	tm mv "h1:$DIR" "h2:$THERE" 7 0
	refused refused "$THERE/tpm/tpm-00.permall was made since the VM was copied"
	rm "$THERE/tpm/tpm-00.permall"
	tm mv "h1:$DIR" "h2:$THERE" 7 0
	done_
	is_whole "$THERE"
	[ ! -e "$DIR" ]
	no_marks
}

# An image in a pool, which all hosts see; rbd is a stand-in that has this one.
pooled() {
	mkdir -p "$DIR" one/var/remotes/etc/vmm/kvm
	# Ceph's library, where the host has it, knows nothing of a stand-in.
	echo RBD=rbd | tee set/etc/vmm/kvm/kvmrc >one/var/remotes/etc/vmm/kvm/kvmrc
	cat >bin/rbd <<-'END'
		#!/bin/sh
		case " $* " in
		*" info "*one-sys-7-0" "*) [ -e rbd.gone ] || exec echo '{"size":1048576,"id":"abc"}' ;;
		*" rm "*) echo "$@" >>rbd.removed; exec touch rbd.gone ;;
		*" info "*) ;;
		*) exec echo '{}' ;;
		esac
		echo 'rbd: error opening image: (2) No such file or directory' >&2
		exit 2
	END
	chmod +x bin/rbd
	vm 7 7 "$(disk DISK_ID=0 TYPE=RBD SIZE=1 DRIVER=raw)"
	echo '{"vm":"7","whole":true,"made_directory":true,"files":[{"name":"disk.0","wish":"x","volume":"rbd:one/one-sys-7-0","id":"abc"}]}' >"$DIR/.kvm-image.disk.0.json"
	chmod 600 "$DIR/.kvm-image.disk.0.json"
}

@test "TM_MAD kvm_image: an image in a pool goes with the VM, and only the host that has the VM removes it" {
	pooled
	cp ds.0.xml ds.1.xml
	echo 'rename 1' >kill.leave
	tm mv "h1:$DIR" "h2:$THERE" 7 0
	[ "$status" -eq 1 ]
	# Either may have it now. By hand, nothing is removed; of a VM that ends, all is.
	run --separate-stderr "$KVM_IMAGE" dispose vm.7.xml --all --directory "$DIR"
	[ "$status" -eq 1 ]
	[[ $stderr == *"$DIR/disk.0 is a volume that the other host of a move sees, too"*'[refused]'* ]]
	[ -e "$DIR/.kvm-image.disk.0.json" ]
	tm mv "h1:$DIR" "h2:$THERE" 7 0
	done_
	[ ! -e "$DIR" ]
	echo 'unlink 1' >kill.keep
	tm mv "h2:$THERE" "h1:$DIR" 7 0
	[ "$status" -eq 1 ]
	tm mv "h2:$THERE" "h1:$DIR" 7 0
	done_
	no_marks
	tm mv "h1:$DIR" "h2:${THERE%0/7}1/7" 7 0
	refused config 'TM_MAD kvm_image does not move rbd:one/one-sys-7-0=abc from datastore 0 to datastore 1'
	[ ! -e rbd.removed ]
	echo 'rename 1' >kill.leave
	tm mv "h1:$DIR" "h2:$THERE" 7 0
	[ "$status" -eq 1 ]
	sed -i 's/<LCM_STATE>7</<LCM_STATE>23</' vm.7.xml
	tm delete "h2:$THERE" 7 0
	done_
	[ ! -e rbd.removed ]
	tm delete "h1:$DIR" 7 0
	done_
	[ "$(wc -l <rbd.removed)" -eq 1 ]
	[ ! -e "$DIR" ]
	[ ! -e "$THERE" ]
}

@test "kvm-image receive --all: the record says which volume a killed run may have left unfinished" {
	local id=11111111-2222-4333-8444-555555555555
	cat >bin/lvs <<-'END'
		#!/bin/sh
		echo '{"report":[{"lv":[],"vg":[{"vg_free":"99999999","vg_extent_size":"4096"}]}]}'
	END
	cp bin/lvs bin/vgs
	printf '#!/bin/sh\ntouch made\nkill -KILL $PPID\n' >bin/lvcreate
	chmod +x bin/*
	run "$KVM_IMAGE" receive --all --directory "$THERE" --vm 7 < <(stream_of "{\"vm\":\"7\",\"move\":\"$id\",\"state\":\"sending\",\"items\":[{\"name\":\"disk.0\",\"kind\":\"volume\",\"link\":\"/dev/vg/lv-one-7-0\",\"size\":4194304}],\"records\":[{\"disk\":\"disk.0\",\"vm\":\"7\",\"whole\":true,\"files\":[{\"name\":\"disk.0\",\"wish\":\"x\",\"id\":\"y\",\"volume\":\"lvm:vg/lv-one-7-0\",\"link\":\"/dev/vg/lv-one-7-0\"}]}]}")
	[ "$status" -eq 137 ]
	[ -e made ]
	[ "$(jq -r '.files[0].volume, .files[0].id' "$THERE/.kvm-image.disk.0.json" | tr '\n' ' ')" = 'lvm:vg/lv-one-7-0 null ' ]
}

@test "kvm-image receive --all: a volume that may have been written to since it was sent is not replaced by what goes back" {
	local id=11111111-2222-4333-8444-555555555555 volume='"name":"disk.0","wish":"x","volume":"lvm:vg/lv-one-7-0","id":"u","link":"/dev/vg/lv-one-7-0"' record
	record="{\"disk\":\"disk.0\",\"vm\":\"7\",\"whole\":true,\"files\":[{$volume}]}"
	mkdir -p bin "$DIR"
	cat >bin/lvs <<-'END'
		#!/bin/sh
		echo '{"report":[{"lv":[{"lv_size":"4194304","lv_uuid":"u","lv_tags":"kvm-image.x","lv_attr":"-wi-a-----"}]}]}'
	END
	printf '#!/bin/sh\necho "$0 $*" >>lvm.calls\n' >bin/lvremove
	chmod +x bin/*
	cp bin/lvremove bin/lvchange
	cp bin/lvremove bin/lvrename
	ln -s /dev/vg/lv-one-7-0 "$DIR/disk.0"
	(umask 077 && echo "$record" >"$DIR/.kvm-image.disk.0.json")
	(umask 077 && echo "{\"vm\":\"7\",\"move\":\"$id\",\"state\":\"sending\",\"items\":[{\"name\":\"disk.0\",\"kind\":\"volume\",\"link\":\"/dev/vg/lv-one-7-0\"}],\"records\":[$record]}" >"$DIR/.kvm-image.move.json")
	run --separate-stderr "$KVM_IMAGE" receive --all --directory "$DIR" --vm 7 < <(stream_of \
		"{\"vm\":\"7\",\"move\":\"33333333-2222-4333-8444-555555555555\",\"was\":\"$id\",\"state\":\"sending\",\"items\":[]}"; printf 'kvm-image-vm end\n')
	[[ $stderr == *"$DIR has disks of VM 7 already"*'[exists]'* ]] || { echo "$stderr"; return 1; }
	[ ! -e lvm.calls ]
	[ -L "$DIR/disk.0" ]
}

@test "TM_MAD kvm_image: delete of the directory of a VM that runs or is powered off as oned says, came late" {
	local state
	vm 7 3 "$(clone 0)"
	tm clone "fe:$IMAGE" "h1:$DIR/disk.0" 7 1
	done_
	sed -i 's/<LCM_STATE>/<STATE>3<\/STATE>&/' vm.7.xml
	tm delete "h1:$DIR" 7 0
	refused refused "oned says that VM 7 runs: $DIR is not removed"
	sed -i 's/<STATE>3</<STATE>8</; s/<LCM_STATE>3</<LCM_STATE>0</' vm.7.xml
	tm delete "h1:$DIR" 7 0
	refused refused "oned says that VM 7 is powered off"
	cmp "$IMAGE" "$DIR/disk.0"
	sed -i 's/<STATE>8</<STATE>3</; s/<LCM_STATE>0</<LCM_STATE>11</' vm.7.xml
	tm delete "h1:$DIR" 7 0
	done_
	[ ! -e "$DIR" ]
}

@test "TM_MAD kvm_image: delete of a disk, and what is done to its snapshots, came late if oned says that nothing is in progress" {
	local state lcm is action later
	vm 7 53 "$(clone 0)"
	tm clone "fe:$IMAGE" "h1:$DIR/disk.0" 7 1
	done_
	tm snap_create "h1:$DIR/disk.0" 1 7 1
	done_
	printf later | dd of="$DIR/disk.0" bs=1 seek=1000 conv=notrunc status=none
	later=$(cat "$DIR"/disk.* "$DIR"/.kvm-image.* | sha256sum)
	while read -r state lcm is; do
		sed -i "s/<STATE>[0-9]*<.STATE>//; s/<LCM_STATE>[0-9]*</<STATE>$state<\/STATE><LCM_STATE>$lcm</" vm.7.xml
		for action in "delete h1:$DIR/disk.0" "snap_revert h1:$DIR/disk.0 1" "snap_delete h1:$DIR/disk.0 1" "snap_create h1:$DIR/disk.0 2" "delete h1:$DIR"; do
			# shellcheck disable=SC2086
			tm $action 7 0
			refused refused "oned says that VM 7 $is" || { echo "$state $action"; return 1; }
			[ "$(cat "$DIR"/disk.* "$DIR"/.kvm-image.* | sha256sum)" = "$later" ]
		done
	done <<-'END'
		3 3 runs
		8 0 is powered off
		5 0 is suspended
	END
	# An action of a VM that is powered off or suspended makes it active.
	sed -i 's/<STATE>5</<STATE>3</; s/<LCM_STATE>0</<LCM_STATE>52</' vm.7.xml
	tm snap_revert "h1:$DIR/disk.0" 1 7 1
	done_
	cmp "$IMAGE" "$DIR/disk.0"
	sed -i 's/<LCM_STATE>52</<LCM_STATE>45</' vm.7.xml
	tm delete "h1:$DIR/disk.0" 7 0
	done_
	[ ! -e "$DIR/disk.0" ]
}

@test "TM_MAD kvm_image: a part of a VM gets no disk, no snapshot, and is not brought back to an image" {
	make_vm
	echo 'pwrite64 1' >kill.receive
	tm mv "h1:$DIR" "h2:$THERE" 7 0
	[ "$status" -eq 1 ]
	printf '%s\n' "$DIR" "$THERE" >h2.map
	sed -i 's/>h1</>h2</' vm.7.xml
	tm clone "fe:$IMAGE" "h2:$DIR/disk.0" 7 1
	refused refused "$THERE has only a part of VM 7: the last move has not ended"
	[ ! -e "$THERE/disk.0" ]
	rm h2.map
	echo 'unlink 4' >kill.leave
	tm mv "h1:$DIR" "h2:$THERE" 7 0
	[ "$status" -eq 1 ]
	[ -e "$DIR/.kvm-image.disk.1.json" ]
	tm mvds "h1:$DIR/disk.1" "fe:$IMAGE" 7 1
	refused refused "$DIR has only a part of VM 7: the last move has not ended"
	image_is_whole
	run "$KVM_IMAGE" snap-create 1 --directory "$DIR" --disk 1 --vm 7
	[[ $output == *'has only a part of VM 7'* ]]
	tm mv "h1:$DIR" "h2:$THERE" 7 0
	done_
	is_whole "$THERE"
	no_marks
	# Nor is what is left of a VM that was being removed taken for it.
	sed -i 's/>h1</>h2</' vm.7.xml
	echo 'unlink 2' >kill.dispose
	tm delete "h2:$THERE" 7 0
	[ "$status" -eq 1 ]
	tm mv "h1:$DIR" "h2:$THERE" 7 0
	refused not-found "neither $DIR of host h1 nor $THERE of host h2 has all of VM 7"
}

@test "TM_MAD kvm_image: a directory that cannot be read is neither empty nor removed" {
	local fails=(strace -o /dev/null -e trace=getdents64 -e 'inject=getdents64:error=EIO')
	export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
	make_vm
	run --separate-stderr "${fails[@]}" "$KVM_IMAGE" dispose vm.7.xml --all --directory "$DIR"
	[ "$status" -eq 1 ]
	[[ $stderr == *"cannot read directory $DIR"* ]]
	run --separate-stderr "${fails[@]}" "$KVM_IMAGE" state vm.7.xml --directory "$DIR"
	[ "$status" -eq 1 ]
	[[ $stderr == *"cannot read directory $DIR"* ]]
	# Of the TPM's state alone: it is not left out.
	run --separate-stderr "${fails[@]}:when=7+" "$KVM_IMAGE" send vm.7.xml --all --directory "$DIR" --move 11111111-2222-4333-8444-555555555555
	[ "$status" -eq 1 ]
	[[ $stderr == *"cannot read directory $DIR/tpm"* ]]
	is_whole "$DIR"
}

@test "kvm-image receive --all: a power cut takes back no name of what the source no longer has" {
	local link sync
	vm 7 7 "$(clone 0)"
	tm clone "fe:$IMAGE" "h1:$DIR/disk.0" 7 1
	done_
	mkdir "$DIR/tpm"
	ln -s h1 "$DIR/tpm/.host"
	"$KVM_IMAGE" send vm.7.xml --all --directory "$DIR" --move 11111111-2222-4333-8444-555555555555 >stream
	export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
	strace -y -o calls -e trace=symlink,symlinkat,fsync "$KVM_IMAGE" receive --all --directory "$THERE" --vm 7 <stream
	link=$(grep -n '^symlink.*tpm/.host' calls | cut -d: -f1)
	sync=$(grep -n '^fsync(.*/tpm>)' calls | tail -n 1 | cut -d: -f1)
	[ "$link" -lt "${sync:-0}" ] || { cat calls; return 1; }
}

@test "TM_MAD kvm_image: mv that is killed at any step leaves all of the VM on one side, and the next one ends it" {
	local command step which n=0
	export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
	make_vm
	while read -r command step which; do
		echo "$step $which" >kill.$command
		tm mv "h1:$DIR" "h2:$THERE" 7 0
		[ "$status" -eq 0 ] || n=$((n + 1))
		[ ! -e "kill.$command" ]
		is_whole "$DIR" 2>/dev/null || is_whole "$THERE" || { echo "$command $step $which"; return 1; }
		tm mv "h1:$DIR" "h2:$THERE" 7 0
		done_ || { echo "$command $step $which"; return 1; }
		is_whole "$THERE"
		[ ! -e "$DIR" ]
		no_marks
		mv "$THERE" "$DIR"
	done <<-END
		send write 2
		send write 6
		receive pwrite64 1
		receive fsync 9
		receive renameat2 1
		receive renameat2 3
		receive rename 2
		receive rename 11
		receive rename 14
		receive symlink 1
		leave rename 1
		leave rename 2
		leave unlink 4
		leave unlink 14
		leave rmdir 2
		keep unlink 2
	END
	[ "$n" -gt 12 ]
}

@test "TM_MAD kvm_image: mv whose connection breaks in the middle; the same again ends it" {
	local command
	make_vm
	for command in state send receive leave keep; do
		echo "$command'" >breaks
		tm mv "h1:$DIR" "h2:$THERE" 7 0
		# A sender's last word is not needed when the receiver has all.
		[ $command = send ] || refused connection 'the connection to host'
		is_whole "$DIR" 2>/dev/null || is_whole "$THERE"
		tm mv "h1:$DIR" "h2:$THERE" 7 0
		done_
		is_whole "$THERE"
		[ ! -e "$DIR" ]
		no_marks
		mv "$THERE" "$DIR"
	done
}

# stream_of JSON: as send --all begins it.
stream_of() {
	printf 'kvm-image-vm 1\n'
	printf "$(printf '%016x' ${#1} | sed 's/../\\x&/g')"
	printf "$(printf %s "$1" | sha256sum | cut -c 1-64 | sed 's/../\\x&/g')"
	printf %s "$1"
}

@test "kvm-image receive --all: cut, changed or with names that lead elsewhere, leaves nothing" {
	local id=11111111-2222-4333-8444-555555555555 cut size name
	vm 7 7 "$(clone 0)"
	tm clone "fe:$IMAGE" "h1:$DIR/disk.0" 7 1
	done_
	"$KVM_IMAGE" send vm.7.xml --all --directory "$DIR" --move $id >stream
	size=$(stat -c %s stream)
	mkdir -p there/0
	for cut in 0 10 60 300 $((size / 2)) $((size - 30)) $((size - 1)); do
		run --separate-stderr "$KVM_IMAGE" receive --all --directory there/0/7 --vm 7 < <(head -c "$cut" stream)
		[[ $stderr == *'ends too early [connection]'* ]] || { echo "$cut: $stderr"; return 1; }
		[ ! -e there/0/7 ]
	done
	for at in 3 16 30 200 $((size / 2)) $((size - 5)); do
		cp stream changed
		printf '\377' | dd of=changed bs=1 seek="$at" conv=notrunc status=none
		run "$KVM_IMAGE" receive --all --directory there/0/7 --vm 7 <changed
		[ "$status" -eq 1 ]
		[ ! -e there/0/7 ] || { echo "$at: $(ls -A there/0/7)"; return 1; }
	done
	for name in ../x tpm/../../x disk./../x.1 .kvm-image.lock .kvm-image.disk.0.json .kvm-image.move.json notes /etc/x; do
		run --separate-stderr "$KVM_IMAGE" receive --all --directory there/0/7 --vm 7 < <(stream_of \
			"{\"vm\":\"7\",\"move\":\"$id\",\"state\":\"sending\",\"items\":[{\"name\":\"$name\",\"kind\":\"link\",\"link\":\"x\"}]}"; printf 'kvm-image-vm end\n')
		[[ $stderr == *'no directory of a VM has that [input]'* ]] || { echo "$name: $stderr"; return 1; }
		[ ! -e there/0/7 ]
	done
	forged() { run --separate-stderr "$KVM_IMAGE" receive --all --directory there/0/7 --vm 7 < <(stream_of "{\"vm\":\"7\",\"move\":\"$id\",\"state\":\"sending\",$1}"; printf 'kvm-image-vm end\n'); }
	for name in notes .kvm-image.disk.0.json .kvm-image.move.json vm.xml; do
		forged "\"context\":\"$name\",\"items\":[{\"name\":\"$name\",\"kind\":\"link\",\"link\":\"x\"}]"
		[[ $stderr == *'no directory of a VM has that [input]'* ]] || { echo "$name: $stderr"; return 1; }
	done
	forged '"items":[{"name":".vmmexec-migrating","kind":"link","link":"x"}]'
	[[ $stderr == *'no directory of a VM has that [input]'* ]]
	# Another VM's volume, or a link to that, does not become this VM's.
	for name in lvm:vg/lv-one-8-0,/dev/vg/lv-one-8-0 lvm:vg/lv-one-17-0,/dev/vg/lv-one-17-0 lvm:vg/lv-one-7-1,/dev/vg/lv-one-7-1 lvm:vg/lv-one-7-0,/dev/vg/lv-one-8-0 rbd:one/one-sys-8-0,; do
		forged "\"items\":[],\"records\":[{\"disk\":\"disk.0\",\"vm\":\"7\",\"whole\":true,\"files\":[{\"name\":\"disk.0\",\"wish\":\"x\",\"id\":\"y\",\"volume\":\"${name%,*}\"$(sed 's/.\+/,"link":"&"/' <<<"${name#*,}")}]}]"
		[[ $stderr == *"${name%,*} is no volume of VM 7 [input]"* ]] || { echo "$name: $stderr"; return 1; }
	done
	[ ! -e there/0/7 ]
	run --separate-stderr "$KVM_IMAGE" receive --all --directory there/0/8 --vm 8 <stream
	[[ $stderr == *'VM 7 is received, not VM 8 [refused]'* ]]
	"$KVM_IMAGE" receive --all --directory there/0/7 --vm 7 <stream
	cmp "$IMAGE" there/0/7/disk.0
	# Nor does a stream that names a part of an id take a source for what has gone back.
	"$KVM_IMAGE" send vm.7.xml --all --directory "$DIR" --move 22222222-2222-4333-8444-555555555555 >stream
	for was in '' 1 1111-2222; do
		run --separate-stderr "$KVM_IMAGE" receive --all --directory "$DIR" --vm 7 < <(stream_of \
			"{\"vm\":\"7\",\"move\":\"33333333-2222-4333-8444-555555555555\",\"was\":\"$was\",\"state\":\"sending\",\"items\":[]}"; printf 'kvm-image-vm end\n')
		[[ $stderr == *'has disks of VM 7 already'*'[exists]'* ]] || { echo "$was: $stderr"; return 1; }
		[ -s "$DIR/disk.0" ]
	done
}

@test "TM_MAD kvm_image: a snapshot is what the disk was; a revert brings it back and keeps all snapshots" {
	local n
	datastore STORAGE=qcow2
	vm 7 8 "$(disk DISK_ID=0 TYPE=FILE CLONE=YES SOURCE="$IMAGE" FORMAT=raw DRIVER=qcow2)" "$(persistent 1 DRIVER=raw)"
	tm clone "fe:$IMAGE" "h1:$DIR/disk.0" 7 1
	done_
	for n in 1 2 3; do
		qemu-io -f qcow2 -c "write -P $n 70000 512" "$DIR/disk.0" >/dev/null
		tm snap_create "h1:$DIR/disk.0" $n 7 1
		done_
	done
	qemu-io -f qcow2 -c "write -P 9 70000 512" "$DIR/disk.0" >/dev/null
	tm snap_delete "h1:$DIR/disk.0" 1 7 1
	done_
	tm snap_delete "h1:$DIR/disk.0" 1 7 1
	done_
	for n in 3 2 3; do
		tm snap_revert "h1:$DIR/disk.0" $n 7 1
		done_
		qemu-io -f qcow2 -c "read -P $n 70000 512" "$DIR/disk.0" | grep -q 'read 512/512'
		never grep -q 'verification failed' < <(qemu-io -f qcow2 -c "read -P $n 70000 512" "$DIR/disk.0")
	done
	tm snap_revert "h1:$DIR/disk.0" 1 7 1
	refused not-found "$DIR/disk.0.snap.1 is gone"
	tm snap_create "h1:$DIR/disk.1" 1 7 1
	refused config 'disk.1 is a persistent image'
	for action in snap_create_live prebackup; do
		tm $action "h1:$DIR/disk.0" 1 7 1
		refused config "TM_MAD kvm_image has no $action"
	done
	tm clone "fe:$IMAGE" "h1:$DIR/disk.0" 7 1
	done_
	# They go with the VM, and are known there.
	sums=$(cd "$DIR" && sha256sum disk.0 disk.0.snap.2 disk.0.snap.3)
	tm mv "h1:$DIR" "h2:$THERE" 7 0
	done_
	sed -i 's/>h1</>h2</' vm.7.xml
	(cd "$THERE" && sha256sum --quiet -c <<<"$sums")
	tm snap_revert "h2:$THERE/disk.0" 2 7 1
	done_
	cmp "$THERE/disk.0" "$THERE/disk.0.snap.2"
	tm delete "h2:$THERE" 7 0
	done_
	[ ! -e "$THERE" ]
}

@test "TM_MAD kvm_image: a disk in use has no snapshot made or brought back; a snapshot is saved as an image" {
	local pid
	vm 7 8 "$(clone 0)"
	tm clone "fe:$IMAGE" "h1:$DIR/disk.0" 7 1
	done_
	tm snap_create "h1:$DIR/disk.0" 0 7 1
	done_
	cmp "$IMAGE" "$DIR/disk.0.snap.0"
	[ "$(stat -c %b "$DIR/disk.0.snap.0")" -lt 2000 ]
	printf guest | dd of="$DIR/disk.0" bs=1 seek=1000 conv=notrunc status=none
	coproc HOLD { exec qemu-io -f raw "$DIR/disk.0"; }
	pid=$HOLD_PID
	echo 'read 0 512' >&"${HOLD[1]}"
	read -r _ <&"${HOLD[0]}"
	tm snap_create "h1:$DIR/disk.0" 1 7 1
	refused busy 'another program has it open'
	tm snap_revert "h1:$DIR/disk.0" 0 7 1
	refused busy 'another program has it open'
	kill "$pid"
	wait "$pid" || true
	[ "$(ls -A "$DIR" | tr '\n' ' ')" = '.kvm-image.disk.0.json disk.0 disk.0.snap.0 ' ]
	tm cpds "h1:$DIR/disk.0" "fe:$IMAGE.saved" 0 7 1
	done_
	cmp "$IMAGE" "$IMAGE.saved"
	echo mine >"$DIR/x" && mv "$DIR/x" "$DIR/disk.0.snap.0"
	tm snap_revert "h1:$DIR/disk.0" 0 7 1
	refused not-found 'is gone, or is not what was made'
	tm snap_delete "h1:$DIR/disk.0" 0 7 1
	done_
	[ "$(cat "$DIR/disk.0.snap.0")" = mine ]
	# Nor does the next snapshot of that number replace it.
	tm snap_create "h1:$DIR/disk.0" 0 7 1
	refused exists "$DIR/disk.0.snap.0 is there, and was not made for VM 7"
	[ "$(cat "$DIR/disk.0.snap.0")" = mine ]
}

@test "TM_MAD kvm_image: a snapshot, a revert or its deletion that is killed leaves the old disk or the new one" {
	local step which command n=0 old
	export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
	vm 7 8 "$(clone 0)"
	tm clone "fe:$IMAGE" "h1:$DIR/disk.0" 7 1
	done_
	tm snap_create "h1:$DIR/disk.0" 0 7 1
	done_
	while read -r command step which; do
		printf guest | dd of="$DIR/disk.0" bs=1 seek=1000 conv=notrunc status=none
		cp "$DIR/disk.0" old
		echo "$step $which" >"kill.snap-$command"
		tm snap_$command "h1:$DIR/disk.0" $([ $command = revert ] && echo 0 || echo 1) 7 1
		[ "$status" -eq 0 ] || n=$((n + 1))
		cmp -s "$DIR/disk.0" old || { [ $command = revert ] && cmp "$DIR/disk.0" "$IMAGE"; }
		cmp "$DIR/disk.0.snap.0" "$IMAGE"
		"$KVM_IMAGE" send vm.7.xml --all --directory "$DIR" --move 11111111-2222-4333-8444-555555555555 >/dev/null
		rm "$DIR"/.kvm-image.move.*
		tm snap_$command "h1:$DIR/disk.0" $([ $command = revert ] && echo 0 || echo 1) 7 1
		done_
		cmp -s "$DIR/disk.0" old || { [ $command = revert ] && cmp "$DIR/disk.0" "$IMAGE"; }
		[ $command != create ] || cmp "$DIR/disk.0" "$DIR/disk.0.snap.1"
		[ $command != delete ] || tm snap_create "h1:$DIR/disk.0" 1 7 1
	done <<-END
		create pwrite64 1
		create fsync 1
		create fsync 2
		create rename 1
		create rename 2
		create rename 3
		revert fsync 1
		revert fsync 2
		revert rename 1
		revert rename 2
		revert rename 3
		delete rename 1
		delete unlink 1
		delete rename 2
	END
	[ "$n" -gt 10 ]
	tm delete "h1:$DIR" 7 0
	done_
	[ ! -e "$DIR" ]
}

# What the action migrate does between hosts with storage of their own: docs/facts/actions.md 7.
migrated() {
	cp "$DIR/disk.0" "$THERE/disk.0"
	printf after | dd of="$THERE/disk.0" bs=1 seek=200000 conv=notrunc status=none
	echo '<x/>' >"$THERE/vm.xml"
	printf moved >"$DIR/.vmmexec-migrating"
}

@test "TM_MAD kvm_image: around a live migration the base comes before, and the disks are the VM's after it" {
	local pid
	datastore STORAGE=qcow2
	THERE=$PWD/host2/datastores/0/7
	vm 7 3 "$(disk DISK_ID=0 TYPE=FILE CLONE=YES SOURCE="$IMAGE" FORMAT=raw DRIVER=qcow2)"
	tm clone "fe:$IMAGE" "h1:$DIR/disk.0" 7 1
	done_
	tm snap_create "h1:$DIR/disk.0" 4 7 1
	done_
	coproc HOLD { exec qemu-io -f qcow2 "$DIR/disk.0"; }
	pid=$HOLD_PID
	echo 'read 0 512' >&"${HOLD[1]}"
	read -r _ <&"${HOLD[0]}"
	# The two hosts have one path, and here are one.
	printf '%s\n' "$DIR" "$THERE" >h2.map
	tm premigrate h1 h2 "$DIR" 7 0 <<<xml
	done_
	[ "$(ls -A "$THERE" | grep -v 'kvm-image.move' | tr '\n' ' ')" = '.base.0 .kvm-image.disk.0.json disk.0.snap.4 ' ]
	tm postmigrate h1 h2 "$DIR" 7 0 <<<xml
	refused not-found "$THERE/disk.0 of VM 7 has not come here"
	tm failmigrate h1 h2 "$DIR" 7 0 <<<xml
	done_
	[ ! -e "$THERE" ]
	tm premigrate h1 h2 "$DIR" 7 0 <<<xml
	done_
	migrated
	rm "$DIR/.vmmexec-migrating"
	tm failmigrate h1 h2 "$DIR" 7 0 <<<xml
	refused refused "$THERE/disk.0 was not made by kvm-image for VM 7"
	tm postmigrate h1 h2 "$DIR" 7 0 <<<xml
	refused busy "cannot move $DIR/disk.0: another program has it open"
	kill "$pid"
	wait "$pid" || true
	tm postmigrate h1 h2 "$DIR" 7 0 <<<xml
	refused refused 'nothing says that the VM has moved away'
	printf moved >"$DIR/.vmmexec-migrating"
	tm postmigrate h1 h2 "$DIR" 7 0 <<<xml
	done_
	[ ! -e "$DIR" ]
	[ "$(ls -A "$THERE" | tr '\n' ' ')" = '.base.0 .kvm-image.disk.0.json disk.0 disk.0.snap.4 vm.xml ' ]
	tm postmigrate h1 h2 "$DIR" 7 0 <<<xml
	done_
	sed -i 's/>h1</>h2</' vm.7.xml
	tm delete "h2:$DIR" 7 0
	done_
	[ ! -e "$THERE" ]
}

@test "TM_MAD kvm_image: steps around a live migration that are killed, come late or come twice" {
	local state
	datastore STORAGE=qcow2
	printf '%s\n' "$DIR" "$THERE" >h2.map
	vm 7 3 "$(disk DISK_ID=0 TYPE=FILE CLONE=YES SOURCE="$IMAGE" FORMAT=raw DRIVER=qcow2)"
	tm clone "fe:$IMAGE" "h1:$DIR/disk.0" 7 1
	done_
	# failmigrate takes a part back, too.
	for state in 'rename 1' 'fsync 3' 'rename 2' 'rename 3'; do
		echo "$state" >kill.receive
		tm premigrate h1 h2 "$DIR" 7 0 <<<xml
		[ "$status" -eq 1 ]
		tm failmigrate h1 h2 "$DIR" 7 0 <<<xml
		done_ || { echo "$state"; return 1; }
		[ ! -e "$THERE" ]
		[ -z "$(find "$DIR" -name '.kvm-image.move*')" ]
	done
	# So does it again after one that was killed while it removed what came.
	for state in 'unlink 1' 'unlink 2' 'unlink 3' 'unlink 4'; do
		tm premigrate h1 h2 "$DIR" 7 0 <<<xml
		done_
		echo "$state" >kill.abandon
		tm failmigrate h1 h2 "$DIR" 7 0 <<<xml
		[ "$status" -eq 1 ]
		tm failmigrate h1 h2 "$DIR" 7 0 <<<xml
		done_ || { echo "$state"; return 1; }
		[ ! -e "$THERE" ]
	done
	tm premigrate h1 h2 "$DIR" 7 0 <<<xml
	done_
	migrated
	echo 'rename 1' >kill.leave
	tm postmigrate h1 h2 "$DIR" 7 0 <<<xml
	[ "$status" -eq 1 ]
	# The disk there is the VM's by now, and it is off: nothing has it open.
	tm failmigrate h1 h2 "$DIR" 7 0 <<<xml
	refused refused 'VM 7 has moved from host h1 to host h2: nothing is removed there'
	state=$("$KVM_IMAGE" state vm.7.xml --directory "$THERE" --running --json | jq -r .move)
	run --separate-stderr "$KVM_IMAGE" abandon vm.7.xml --directory "$THERE" --move "$state"
	[[ $stderr == *"$THERE/disk.0 was made since the VM was copied [refused]"* ]]
	tm premigrate h1 h2 "$DIR" 7 0 <<<xml
	refused refused "$DIR: VM 7 has moved away from there"
	echo after | cmp -n 5 - <(tail -c +200001 "$THERE/disk.0")
	# A disk that nobody has sent keeps its directory from being emptied.
	"$KVM_IMAGE" prepare vm.7.xml --directory other --disk 0
	cp other/.kvm-image.disk.0.json "$DIR/.kvm-image.disk.5.json"
	sed -i 's/"disk.0"/"disk.5"/; s/".base.0"/".base.5"/' "$DIR/.kvm-image.disk.5.json"
	tm postmigrate h1 h2 "$DIR" 7 0 <<<xml
	refused refused "$DIR/disk.5"
	rm "$DIR/.kvm-image.disk.5.json"
	echo 'unlink 1' >kill.keep
	tm postmigrate h1 h2 "$DIR" 7 0 <<<xml
	[ "$status" -eq 1 ]
	[ ! -e "$DIR" ]
	tm postmigrate h1 h2 "$DIR" 7 0 <<<xml
	done_
	no_marks
	echo after | cmp -n 5 - <(tail -c +200001 "$THERE/disk.0")
	# One directory for both: a run that was killed before the source was told.
	rm h2.map
	mkdir -p "${DIR%/7}"
	mv "$THERE" "$DIR"
	rm "$DIR/vm.xml"
	echo 'unlink 1' >kill.keep
	tm premigrate h1 h2 "$DIR" 7 0 <<<xml
	[ "$status" -eq 1 ]
	tm failmigrate h1 h2 "$DIR" 7 0 <<<xml
	done_
	no_marks
	echo after | cmp -n 5 - <(tail -c +200001 "$DIR/disk.0")
}

@test "TM_MAD kvm_image: around a live migration with shared storage nothing is made, moved or removed" {
	local action before
	vm 7 3 "$(clone 0)"
	tm clone "fe:$IMAGE" "h1:$DIR/disk.0" 7 1
	done_
	mkdir "$DIR/notes"
	before=$(ls -lAR --time-style=full-iso "$DIR" | grep -v '^total' | awk '$1 !~ /^d/')
	for action in premigrate postmigrate premigrate failmigrate; do
		tm $action h1 h2 "$DIR" 7 0 <<<xml
		done_
	done
	[ "$(ls -lAR --time-style=full-iso "$DIR" | grep -v '^total' | awk '$1 !~ /^d/')" = "$before" ]
	tm premigrate h1 h1 "$DIR" 7 0 <<<xml
	done_
}

@test "kvm-image leave, keep: what was made or changed since the copy stays, and another move's end is refused" {
	local id=11111111-2222-4333-8444-555555555555 other=11111111-2222-4333-8444-666666666666 token
	make_vm
	"$KVM_IMAGE" send vm.7.xml --all --directory "$DIR" --move $id >stream
	token=$("$KVM_IMAGE" receive --all --directory "$THERE" --vm 7 --json <stream | jq -r .token)
	leave() { run --separate-stderr "$KVM_IMAGE" leave vm.7.xml --directory "$DIR" --move "$1" --token "$token"; }
	leave $other
	[[ $stderr == *"no move $other of VM 7 ends here [refused]"* ]]
	echo '<x/>' >"$DIR/snap-1.xml"
	leave $id
	[[ $stderr == *'snap-1.xml was made since the VM was copied [refused]'* ]]
	rm "$DIR/snap-1.xml"
	echo state >"$DIR/tpm/tpm-00.permall"
	leave $id
	[[ $stderr == *'tpm/tpm-00.permall was made since the VM was copied [refused]'* ]]
	rm "$DIR/tpm/tpm-00.permall"
	"$KVM_IMAGE" snap-create 1 --directory "$DIR" --disk 0 --vm 7
	leave $id
	[[ $stderr == *'disk.0.snap.1 was made since the VM was copied [refused]'* ]]
	"$KVM_IMAGE" snap-delete 1 --directory "$DIR" --disk 0 --vm 7
	touch "$DIR/disk.1"
	leave $id
	[[ $stderr == *'disk.1 was changed since it was copied [refused]'* ]]
	is_whole "$DIR"
	run --separate-stderr "$KVM_IMAGE" keep vm.7.xml --directory "$THERE" --move $other
	[[ $stderr == *"no move $other of VM 7 ends here [refused]"* ]]
	run --separate-stderr "$KVM_IMAGE" send vm.8.xml --all --directory "$DIR" --move $id </dev/null
	[ "$status" -eq 1 ]
	"$KVM_IMAGE" keep vm.7.xml --directory "$THERE" --move $id
	is_whole "$THERE"
}
