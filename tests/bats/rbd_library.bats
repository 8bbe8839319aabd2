# SPDX-License-Identifier: Apache-2.0
# bats file_tags=fast
# rbd_library.bats - kvm-image and Ceph's library, in whose place tests/fake/librbd.c is: it ends, fails, or we end, at each call.
# The same with a real cluster: tests/lab/ceph.bats.
load helper

KVM_IMAGE=$BUILD/drivers/kvm_image/kvm-image
export ONE_LOCATION=$BATS_TEST_TMPDIR FAKE_RBD=$BATS_TEST_TMPDIR/room/ceph

kvm_image() { run --separate-stderr -- env LD_LIBRARY_PATH="$PWD/lib" "$KVM_IMAGE" "$@" --kvmrc rc; }

# The program, for what moves images and after the library has ended: it works on the same directory.
setup() {
	mkdir -p "$BATS_TEST_TMPDIR/room"
	cd "$BATS_TEST_TMPDIR/room" || return
	mkdir -p ceph/one bin lib
	ln -s "$BUILD/tests/fake/librbd.so" lib/librbd.so.1
	echo 9437184 aaaa | tee ceph/one/image >ceph/one/image@snap
	cat >bin/rbd <<-'END'
		#!/bin/bash
		echo "$*" >>calls
		file=$FAKE_RBD/${!#}
		[ -e "$file" ] || { echo "rbd: error opening image ${file##*/}: (2) No such file or directory" >&2; exit 2; }
		case " $* " in
		*' info '*) read -r size id <"$file" && echo "{\"size\":$size,\"id\":\"$id\"}" ;;
		*' status '* | *' image-meta list '*) echo '{}' ;;
		*' rm '*) rm "$file" ;;
		*) echo "rbd: $*" >&2; exit 1 ;;
		esac
	END
	chmod +x bin/rbd
	PATH=$PWD/bin:$PATH
	echo RBD_CONNECT_TIMEOUT=7 >rc
	printf '<VM><ID>7</ID><NAME>x</NAME><TEMPLATE><MEMORY>64</MEMORY>%s%s</TEMPLATE></VM>' "$(clone 0 16)" "$(clone 1 9)" >vm.xml
	echo '<DATASTORE><ID>0</ID><TEMPLATE><STORAGE>rbd</STORAGE></TEMPLATE></DATASTORE>' >vm.ds
	PART=kvm-image.$(hostname | tr -c "A-Za-z0-9.\n-" _)
}

clone() {	# ID SIZE
	echo "<DISK><DISK_ID>$1</DISK_ID><TYPE>RBD</TYPE><CLONE>YES</CLONE><SOURCE>one/image</SOURCE><FORMAT>raw</FORMAT><SIZE>$2</SIZE></DISK>"
}

prepare() { kvm_image prepare vm.xml --directory vm --datastore vm.ds; }

dispose() { kvm_image dispose vm.xml --directory vm; }

done_() { [ "$status" -eq 0 ] || { echo "status $status: $output $stderr"; return 1; }; }

# refused CLASS TEXT
refused() {
	[ "$status" -eq 1 ] || { echo "status $status: $output $stderr"; return 1; }
	[[ $stderr == *"$2"*"[$1]"* ]] || { echo "$stderr"; return 1; }
}

images() { find ceph/one -type f -printf '%f\n' | sort | xargs; }

@test "kvm-image prepare: clones are made by the library, with its limits, and rbd is not run" {
	prepare
	done_
	[ "$(images)" = 'image image-7-0 image-7-1 image@snap' ]
	[ ! -e calls ]
	[ "$(cut -d' ' -f1 ceph/one/image-7-0 | head -n 1)" -eq 16777216 ]
	[ "$(cut -d' ' -f1 ceph/one/image-7-1 | head -n 1)" -eq 9437184 ]
	read -r _ id <ceph/one/image-7-0
	[ "$(sed -n 2p ceph/one/image-7-0)" = "kvm-image $id" ]
	[ "$(xargs <ceph/options)" = 'client_mount_timeout=7 rados_mon_op_timeout=7 rados_osd_op_timeout=60' ]
	prepare
	done_
	[[ $output == *'has disk.0: '* ]]
	[ ! -e calls ]
	kvm_image info rbd:one/image-7-0
	done_
	[[ $output == *'in use: no'*'made by kvm-image: yes'* ]]
	# A clone or a copy of it has the mark, too, and another id.
	sed '1s/ .*/ other/' ceph/one/image-7-0 >ceph/one/copy
	kvm_image remove rbd:one/copy
	refused refused 'kvm-image did not make it'
	rm ceph/one/copy
	touch ceph/one/image-7-0.watched
	dispose
	refused busy 'another program has it open'
	rm ceph/one/image-7-0.watched
	dispose
	done_
	[ "$(images)" = 'image image@snap' ]
	[ ! -e vm ]
	never grep -v ' rm ' calls
}

@test "kvm-image prepare: killed after each call, its traces go, and another's image of that name stays" {
	local call n killed=0 file
	for call in 'open 1' 'open 2' 'open 3' 'open 5' 'open 6' 'open 7' 'clone 1' 'clone 2' 'read 1' 'read 2' 'set_meta 1' 'set_meta 2' 'resize 1' 'rename 1' 'rename 2'; do
		for other in '' other; do
			FAKE_RBD_KILL=$call prepare
			[ "$status" -eq 137 ] || { echo "$call: $status $output $stderr"; return 1; }
			# Another host has made both in the meantime, but for what has its name already.
			for n in 0 1; do
				file=ceph/one/image-7-$n
				[ -z "$other" ] || [ -e $file ] || { echo "1048576 other$n" >$file; }
			done
			dispose
			done_
			[ ! -e vm ] || rmdir vm	# before there was a record of it
			[[ $(images) != *kvm-image* ]] || { echo "$call leaves $(images)"; return 1; }
			for file in ceph/one/image-7-*; do
				[ ! -e "$file" ] || [ "$(cut -d' ' -f2 "$file")" = "other${file##*-}" ] || { echo "$call: $file is $(cat "$file")"; return 1; }
			done
			[ -z "$other" ] || [[ $call == rename* ]] || [ "$(images)" = 'image image-7-0 image-7-1 image@snap' ]
			rm -f ceph/one/image-7-*
			killed=$((killed + 1))
		done
	done
	[ $killed -eq 30 ]
	prepare
	done_
}

@test "kvm-image: each error of the library has its class, and nothing is left" {
	local call class text
	while IFS=';' read -r call class text; do
		FAKE_RBD_FAIL=$call prepare
		refused "$class" "$text" || { echo "$call: $status $output $stderr"; return 1; }
		[ ! -e vm ]
		[ "$(images)" = 'image image@snap' ]
	done <<-'END'
		connect 110;connection;rbd failed: couldn't connect to the cluster
		connect 1;connection;rbd failed: couldn't connect to the cluster
		open 1;permission;error opening image image-7-0: (1) Operation not permitted
		open 110;connection;error opening image image-7-0: (110) Connection timed out
		clone 1;permission;clone error of
		clone 28;no-space;clone error of
		resize 110;connection;error resizing
		read 110;connection;error setting metadata of
		set_meta 1;permission;error setting metadata of
		rename 17;exists;rename error of
		rename 110;connection;rename error of
	END
	kvm_image info rbd:none/image
	refused config "error opening pool 'none': (2) No such file or directory"
	kvm_image info rbd:one/none
	refused not-found 'rbd:one/none is not there'
	echo CEPH_CONF=/nowhere/ceph.conf >>rc
	kvm_image info rbd:one/image
	refused config 'cannot use the configuration /nowhere/ceph.conf: (2) No such file or directory'
}

@test "kvm-image: the library ends its process: that call has failed, and rbd does the rest" {
	local call
	for call in open clone set_meta resize rename; do
		FAKE_RBD_CRASH=$call prepare
		refused internal 'rbd failed: its library has ended the process'
		[ ! -e vm ] || { ls -A vm; return 1; }
		[ "$(images)" = 'image image@snap' ]
	done
	grep -q ' rm ' calls
}

@test "kvm-image: SIGTERM while Ceph does not answer cancels it: nothing is left, and no process" {
	local pid begin=$SECONDS
	FAKE_RBD_HANG=clone LD_LIBRARY_PATH=$PWD/lib "$KVM_IMAGE" prepare vm.xml --directory vm --datastore vm.ds --kvmrc rc >said 2>&1 3>&- &
	pid=$!
	until [ -e ceph/hangs ]; do ! late "$begin" 20 || return 1; sleep 0.05; done
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	[ "$status" -eq 1 ]
	grep -q 'rbd was cancelled.*\[cancelled\]' said || { cat said; return 1; }
	[ ! -e vm ]
	[ "$(images)" = 'image image@snap' ]
	never pgrep -f "rbd-service $pid "
}
