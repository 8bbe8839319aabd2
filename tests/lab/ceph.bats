# SPDX-License-Identifier: Apache-2.0
# ceph.bats - kvm-image and a real Ceph cluster. "make check-ceph" runs it in one that tests/lab/in-ceph makes: it ends the
# monitor's and the OSD's processes for a while.
bats_require_minimum_version 1.5.0
load ../bats/helper

KVM_IMAGE=$BUILD/drivers/kvm_image/kvm-image
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
FSID=00000000-1ab0-4000-8000-0000000000ce

setup_file() {
	cd "$BATS_FILE_TMPDIR"
	head -c 3000000 /dev/urandom >raw
	truncate -s 3000320 raw
	truncate -s 9M raw
	qemu-img convert -f raw -O qcow2 raw qcow2
	qemu-img convert -f raw -O qed raw qed
	qemu-img convert -f raw -O vmdk -o subformat=streamOptimized raw vmdk
	rbd import --no-progress raw one/image
	rbd snap create one/image@v1 --no-progress
	rbd snap protect one/image@v1
	rbd import --no-progress qcow2 one/cow
	rbd snap create one/cow@v1 --no-progress
}

setup() {
	cd "$BATS_FILE_TMPDIR"
	printf 'CEPH_CONF=%s\nCEPH_USER=one\nRBD_CONNECT_TIMEOUT=4\n' "$CEPH_CONF" >rc
}

teardown() {
	[ "$BATS_TEST_COMPLETED" ] || dispose || :
	kill -CONT "$(pid mon.a)" "$(pid osd.0)"
	rm -rf got vm
}

kvm_image() { run --separate-stderr -- env -u CEPH_CONF ONE_LOCATION="$BATS_FILE_TMPDIR" "$KVM_IMAGE" "$@" --kvmrc rc; }

done_() { [ "$status" -eq 0 ] || { echo "$output $stderr"; return 1; }; }

# refused CLASS TEXT
refused() {
	[ "$status" -eq 1 ] || { echo "status $status: $output $stderr"; return 1; }
	[[ $stderr == *"$2"*"[$1]"* ]] || { echo "$stderr"; return 1; }
}

pid() { cat "$CEPH_DIR/$1.pid"; }

images() { rbd ls one | sort | xargs -r; }

# content IMAGE: its bytes.
content() { rbd export --no-progress "one/$1" - | cat; }

# by_program: all calls are made by the program rbd, not by its library.
by_program() { echo RBD=rbd >>rc; }

# ours NAME: what it is called on this host while it is unfinished.
ours() { echo "$1.kvm-image.$(hostname | tr -c "A-Za-z0-9.\n-" _)"; }

as() { sed -i "s/^CEPH_USER=.*/CEPH_USER=$1/" rc; }

@test "kvm-image import, convert, create, resize, remove: images in a pool, byte for byte" {
	local format
	for format in raw qcow2 qed vmdk; do
		kvm_image import "$format" "rbd:one/from-$format" --from "$format"
		done_
		cmp raw <(content "from-$format")
	done
	kvm_image resize rbd:one/from-raw 16M
	done_
	cmp <(cat raw; head -c 7M /dev/zero) <(content from-raw)
	kvm_image resize rbd:one/from-raw 9M
	refused input 'a volume is never made smaller'
	kvm_image import raw rbd:one/from-raw
	refused exists 'rbd:one/from-raw is there already'
	kvm_image create rbd:one/new --size 1G
	done_
	kvm_image info rbd:one/new --json
	[ "$(jq -r '.outcome + " " + (.virtual_size | tostring) + " " + .in_use' <<<"$output")" = 'done 1073741824 no' ]
	kvm_image create rbd:one/huge --size 9G
	refused no-space 'it needs 9663676416 bytes, and pool one can take'
	for format in from-raw from-qcow2 from-qed from-vmdk new; do
		kvm_image remove "rbd:one/$format"
		done_
	done
	[ "$(images)" = 'cow image' ]
	kvm_image remove rbd:one/new
	refused not-found 'cannot remove rbd:one/new: it is not there'
}

@test "kvm-image: what kvm-image did not make, what has snapshots, and what a guest has open is not removed" {
	kvm_image remove rbd:one/image
	refused refused 'kvm-image did not make it'
	kvm_image remove rbd:one/image --format raw
	refused refused 'has snapshots'
	kvm_image import raw rbd:one/disk
	done_
	coproc HOLD { exec qemu-io -f raw "rbd:one/disk:id=one:conf=$CEPH_CONF"; }
	echo 'write 0 512' >&"${HOLD[1]}"
	read -r _ <&"${HOLD[0]}"
	kvm_image resize rbd:one/disk 16M
	refused busy 'another program has it open'
	# One that dies is waited for: its watch ends by itself.
	(sleep 1; kill -KILL "$HOLD_PID") &
	kvm_image remove rbd:one/disk
	done_
	[ "$(images)" = 'cow image' ]
}

@test "kvm-image remove: a clone or a copy that another program made of an image of ours is not ours" {
	local name
	kvm_image import raw rbd:one/gold
	done_
	kvm_image info rbd:one/gold
	[[ $output == *'made by kvm-image: yes'* ]]
	rbd snap create --no-progress one/gold@snap
	rbd snap protect one/gold@snap
	rbd clone one/gold@snap one/theirs
	rbd cp --no-progress one/gold one/copy
	for name in theirs copy; do
		[ -n "$(rbd image-meta list one/$name)" ]
		kvm_image remove rbd:one/$name
		refused refused 'kvm-image did not make it'
		rbd rm --no-progress one/$name
	done
	rbd snap unprotect one/gold@snap
	rbd snap rm --no-progress one/gold@snap
	kvm_image remove rbd:one/gold
	done_
}

@test "kvm-image: a user without rights, an unknown user, a missing pool: each has its class, nothing is left" {
	local way
	for way in true by_program; do
		$way
		as none
		kvm_image import raw rbd:one/disk
		refused permission 'rbd:one/disk: rbd failed'
		as nobody
		kvm_image import raw rbd:one/disk
		refused connection 'rbd:one/disk: rbd failed'
		as one
		kvm_image import raw rbd:none/disk
		refused config "error opening pool 'none'"
		[ "$(images)" = 'cow image' ]
	done
	sed -i 's|^CEPH_CONF=.*|CEPH_CONF=/nowhere/ceph.conf|; /^RBD=/d' rc
	kvm_image import raw rbd:one/disk
	refused config '/nowhere/ceph.conf'
}

@test "kvm-image: killed in the middle of an import, the next run takes its traces away" {
	mkdir -p bin
	by_program
	for program in qemu-img rbd; do
		printf '#!/bin/bash\n%s "$@" || exit\ncase "$*" in *" convert "* | "convert "* | *image-meta*set*) pkill -KILL -x kvm-image ;; esac\n' \
			"$(type -P "$program")" >"bin/$program"
		chmod +x "bin/$program"
		PATH=$PWD/bin:$PATH kvm_image import raw rbd:one/disk
		[ "$status" -eq 137 ] || { echo "$status: $output $stderr"; return 1; }
		rm "bin/$program"
		[ "$(images)" = "cow $(ours disk) image" ]
		kvm_image import raw rbd:one/disk
		done_
		cmp raw <(content disk)
		kvm_image remove rbd:one/disk
		done_
		[ "$(images)" = 'cow image' ]
	done
}

@test "kvm-image: what another host makes is left, and on this one a volume is made by one program at a time" {
	mkdir -p bin
	rbd create --size 9M one/disk.kvm-image.other
	# It waits between the making of the image and all else.
	printf '#!/bin/bash\n%s "$@" || exit\ncase "$*" in *" create "*) touch made; until [ -e go ]; do sleep 0.1; done ;; esac\n' \
		"$(type -P rbd)" >bin/rbd
	chmod +x bin/rbd
	env -u CEPH_CONF PATH="$PWD/bin:$PATH" ONE_LOCATION="$BATS_FILE_TMPDIR" "$KVM_IMAGE" import raw rbd:one/disk --kvmrc rc >first 2>&1 3>&- &
	until [ -e made ]; do sleep 0.1; done
	kvm_image import qcow2 rbd:one/disk
	refused busy 'another program makes or removes rbd:one/disk now'
	kvm_image remove rbd:one/disk
	refused busy 'another program makes or removes rbd:one/disk now'
	touch go
	wait $!
	cmp raw <(content disk)
	kvm_image remove rbd:one/disk
	done_
	[ "$(images)" = 'cow disk.kvm-image.other image' ]
	rbd rm --no-progress one/disk.kvm-image.other
	rm bin/rbd made go
}

@test "kvm-image fetch: a snapshot becomes a file, byte for byte, as it lies in the pool" {
	kvm_image fetch "rbd://$FSID/one/image/v1" got --checksum "sha256:$(sha256sum raw | cut -d ' ' -f 1)" --format raw
	done_
	cmp raw got
	kvm_image fetch "rbd://$FSID/one/image/v1" got
	refused exists 'got is there already'
	kvm_image fetch "rbd://$FSID/one/cow/v1" got --force --json
	[ "$(jq -r '.outcome + " " + .format' <<<"$output")" = 'done qcow2' ]
	cmp qcow2 got
	[ -z "$(find . -name '.got*')" ]
}

@test "kvm-image fetch: the caller is told whether HTTP is worth trying, and no part is left" {
	local try class url text
	while read -r try class url text; do
		kvm_image fetch "$url" got --json
		[ "$status" -eq 1 ]
		[ "$(jq -r '"\(.try_http) \(.error.class)"' <<<"$output")" = "$try $class" ] || { echo "$output"; return 1; }
		[[ $(jq -r .error.message <<<"$output") == *"$text"* ]] || { echo "$output"; return 1; }
		[ ! -e got ]
	done <<-END
		true not-found rbd://$FSID/one/none/v1 could not fetch image none@v1 of pool one
		true not-found rbd://$FSID/one/image/none could not fetch image image@none of pool one
		true config rbd://$FSID/none/image/v1 error opening pool 'none'
		true not-found rbd://00000000-0000-4000-8000-000000000000/one/image/v1 it is in a different ceph cluster
		true input rbd://$FSID/one/image it is not an rbd snapshot
		true input rbd://$FSID/one//v1 it has blank components
		true input rbd://$FSID/one/a%2Fb/v1 it has a component that is no name in Ceph
		true input https://host/image it is not stored in rbd
	END
	as none
	kvm_image fetch "rbd://$FSID/one/image/v1" got --json
	[ "$(jq -r '"\(.try_http) \(.error.class)"' <<<"$output")" = 'true permission' ]
	echo RBD_DOWNLOAD=no >>rc
	kvm_image fetch "rbd://$FSID/one/image/v1" got --json
	[ "$(jq -r '"\(.try_http) \(.error.class)"' <<<"$output")" = 'true config' ]
	sed -i '/DOWNLOAD/d' rc
	as one
	# The same image would come over HTTP, and to the same place.
	kvm_image fetch "rbd://$FSID/one/cow/v1" got --json --format raw
	[ "$(jq -r '"\(.try_http) \(.error.class)"' <<<"$output")" = 'false input' ]
	kvm_image fetch "rbd://$FSID/one/cow/v1" got --json --checksum "sha256:$(printf '0%.0s' {1..64})"
	[ "$(jq -r '"\(.try_http) \(.error.class)"' <<<"$output")" = 'false input' ]
	kvm_image fetch "rbd://$FSID/one/cow/v1" none/got --json
	[ "$(jq -r '"\(.try_http) \(.error.class)"' <<<"$output")" = 'false not-found' ]
	[ -z "$(find . -name '.got*')" ]
}

@test "kvm-image fetch: an image that leads to other files is refused, and no part is left" {
	qemu-img create -q -u -f qcow2 -b /etc/passwd -F raw evil 1M
	rbd import --no-progress evil one/evil
	rbd snap create --no-progress one/evil@v1
	kvm_image fetch "rbd://$FSID/one/evil/v1" got
	refused refused 'is backed by /etc/passwd: it cannot be imported'
	[ -z "$(find . -name '*got*')" ]
	rbd snap purge --no-progress one/evil
	rbd rm --no-progress one/evil
}

@test "kvm-image: a monitor that is dead or does not answer ends all in the configured time" {
	local signal
	for signal in STOP KILL; do
		kill -"$signal" "$(pid mon.a)"
		for words in "fetch rbd://$FSID/one/image/v1 got" 'import raw rbd:one/disk' 'remove rbd:one/disk'; do
			# shellcheck disable=SC2086
			kvm_image $words
			refused connection ''
		done
		[ "$signal" = KILL ] || kill -CONT "$(pid mon.a)"
	done
	[ -z "$(find . -name '*got*')" ]
	# bats waits for all that has its descriptors.
	ceph-mon -i a 3>&- 4>&-
	until timeout 20 ceph --connect-timeout 5 osd stat | grep -q '1 up'; do sleep 0.2; done
	[ "$(images)" = 'cow image' ]
}

# document ID ELEMENT...: file vm.xml
document() {
	printf '<VM><ID>%s</ID><NAME>x</NAME><TEMPLATE><MEMORY>64</MEMORY><OS><ARCH>x86_64</ARCH></OS>%s</TEMPLATE></VM>' "$1" "${*:2}" >vm.xml
	echo '<DATASTORE><ID>0</ID><TEMPLATE><STORAGE>rbd</STORAGE></TEMPLATE></DATASTORE>' >vm.ds
}

disk() {	# ID SOURCE SIZE [FORMAT]
	echo "<DISK><DISK_ID>$1</DISK_ID><TYPE>RBD</TYPE><CLONE>YES</CLONE><SOURCE>$2</SOURCE><FORMAT>${4:-raw}</FORMAT><SIZE>$3</SIZE><TARGET>vd$(tr 0-9 a-j <<<"$1")</TARGET></DISK>"
}

empty() {	# ID SIZE [FS]
	echo "<DISK><DISK_ID>$1</DISK_ID><TYPE>fs</TYPE><DISK_TYPE>RBD</DISK_TYPE><SIZE>$2</SIZE>${3:+<FS>$3</FS>}<TARGET>vd$(tr 0-9 a-j <<<"$1")</TARGET></DISK>"
}

prepare() { kvm_image prepare vm.xml --directory vm --datastore vm.ds "$@"; }

dispose() { kvm_image dispose vm.xml --directory vm --kvmrc rc; }

@test "kvm-image prepare: STORAGE = rbd clones what is in the cluster and imports what is not, where the domain looks for them" {
	document 7 "$(disk 0 one/image 16)" "$(disk 1 "rbd://$FSID/one/image/v1" 9)" "$(disk 2 "$PWD/qcow2" 16 qcow2)" \
		"$(empty 3 16 ext4)" "$(empty 4 64)" "<CONTEXT><DISK_ID>5</DISK_ID><TARGET>hda</TARGET></CONTEXT>"
	prepare
	done_
	[ "$(images)" = 'cow image image-7-0 one-sys-7-1 one-sys-7-2 one-sys-7-3 one-sys-7-4' ]
	[ "$(rbd info --format json one/image-7-0 | jq -r '.parent.snapshot, .size' | xargs)" = 'snap 16777216' ]
	[ "$(rbd info --format json one/one-sys-7-1 | jq -r '.parent.snapshot')" = v1 ]
	cmp <(cat raw; head -c 7M /dev/zero) <(content image-7-0)
	cmp raw <(content one-sys-7-1)
	cmp <(cat raw; head -c 7M /dev/zero) <(content one-sys-7-2)
	content one-sys-7-3 >fs
	e2fsck -fn fs
	[ "$(rbd info --format json one/one-sys-7-4 | jq .size)" -eq 67108864 ]
	[ "$(ls -A vm | xargs)" = '.kvm-image.json disk.5 vm.xml' ]
	"$BUILD/drivers/kvm_domain/kvm-domain" vm.xml >domain 2>/dev/null
	[ "$(grep -o 'name="one/[^"]*"' domain | sort | xargs)" = 'name=one/image-7-0 name=one/one-sys-7-1 name=one/one-sys-7-2 name=one/one-sys-7-3 name=one/one-sys-7-4' ]
	prepare
	done_
	# A program that is not there knows nothing of its images: they are not "gone".
	echo RBD=/nowhere/rbd >>rc
	dispose
	refused config 'cannot run rbd for rbd:one/'
	[ "$(images | wc -w)" -eq 7 ]
	[ -e vm/.kvm-image.json ]
	sed -i /^RBD=/d rc
	kvm_image remove rbd:one/one-sys-7-4
	prepare
	refused exists 'disk.4 was made already, but is gone'
	dispose
	done_
	[ "$(images)" = 'cow image' ]
	[ ! -e vm ]
	cmp raw <(content image)
}

@test "kvm-image prepare: what contradicts a pool is a [config] error at once; one disk that cannot be made, and none is" {
	local way
	for way in true by_program; do
		$way
		document 7 "$(disk 0 one/image 16)" "$(disk 1 one/cow 16 qcow2)"
		prepare
		refused config 'disk.1: one/cow is not raw: it cannot be cloned'
		document 7 "$(disk 0 one/image 16)" "$(disk 1 one/none 16)"
		prepare
		refused not-found 'error opening image none'
		document 7 "$(disk 0 one/image 8)"
		prepare
		refused input 'disk.0: SIZE is 8 MiB, but one/image has 9437184 bytes'
	done
	document 7 "$(disk 0 one/image 16)"
	sed -i 's|</STORAGE>|&<RBD_DOWNLOAD>yes</RBD_DOWNLOAD>|' vm.ds
	prepare
	refused config 'RBD_DOWNLOAD = yes contradicts that'
	[ ! -e vm ]
	[ "$(images)" = 'cow image' ]
}

@test "kvm-image prepare: several that clone an image for the first time all succeed, and so after one that was killed at its snapshot" {
	local n pids=()
	for way in true by_program; do
		$way
		rbd create --size 8M one/fresh
		for n in 1 2 3 4; do
			document $n "$(disk 0 one/fresh 8)"
			mv vm.xml vm.$n.xml
		done
		for n in 1 2 3 4; do
			env -u CEPH_CONF ONE_LOCATION="$BATS_FILE_TMPDIR" "$KVM_IMAGE" prepare vm.$n.xml --directory vm.$n --datastore vm.ds --kvmrc rc >said.$n 2>&1 3>&- &
			pids+=($!)
		done
		for n in "${pids[@]}"; do wait "$n" || { cat said.*; return 1; }; done
		pids=()
		[ "$(images)" = 'cow fresh fresh-1-0 fresh-2-0 fresh-3-0 fresh-4-0 image' ]
		for n in 1 2 3 4; do
			kvm_image dispose vm.$n.xml --directory vm.$n
			done_
		done
		# It was made, and the run ended before it was protected.
		rbd snap unprotect one/fresh@snap
		document 7 "$(disk 0 one/fresh 8)"
		prepare
		done_
		dispose
		done_
		rbd snap unprotect one/fresh@snap
		rbd snap rm --no-progress one/fresh@snap
		rbd rm --no-progress one/fresh
	done
}

# killed_after WORDS: prepare, which dies when rbd has done that.
killed_after() {
	mkdir -p bin
	printf '#!/bin/bash\n%s "$@" || exit\ncase "$*" in *" %s "*) pkill -KILL -x kvm-image ;; esac\n' "$(type -P rbd)" "$1" >bin/rbd
	chmod +x bin/rbd
	by_program
	PATH=$PWD/bin:$PATH prepare
	[ "$status" -eq 137 ] || { echo "$status: $output $stderr"; return 1; }
	rm bin/rbd
	sed -i /^RBD=/d rc
}

@test "kvm-image dispose, prepare: killed before it knew its image, another's image of that name stays, and so it does later" {
	local way
	document 7 "$(disk 0 one/image 16)"
	for way in dispose prepare; do
		killed_after clone
		[ "$(images)" = "cow image $(ours image-7-0)" ]
		# The VM is made on another host in the meantime.
		rbd create --size 1M one/image-7-0
		$way
		if [ $way = dispose ]; then done_; else refused exists 'rbd:one/image-7-0 is there already'; fi
		[ "$(images)" = 'cow image image-7-0' ]
		[ ! -e vm ] || [ -z "$(ls -A vm)" ]
		rm -rf vm
		rbd rm --no-progress one/image-7-0
	done
	# It knew it, and had not given it its name.
	prepare
	done_
	rbd rename one/image-7-0 "one/$(ours image-7-0)"
	rbd create --size 1M one/image-7-0
	prepare
	refused exists 'vm/disk.0 was made already, but is gone or was replaced'
	jq -c '.whole = false' vm/.kvm-image.json >record
	cat record >vm/.kvm-image.json
	dispose
	done_
	[ "$(images)" = 'cow image image-7-0' ]
	rbd rm --no-progress one/image-7-0
}

@test "kvm-image prepare: killed at any moment with Ceph's library at work, no process is left, and its traces go" {
	local ms pid killed=0
	document 7 "$(disk 0 one/image 16)" "$(disk 1 one/image 9)"
	for ms in $(seq 20 45 1000); do
		env -u CEPH_CONF ONE_LOCATION="$BATS_FILE_TMPDIR" "$KVM_IMAGE" prepare vm.xml --directory vm --datastore vm.ds --kvmrc rc >said 2>&1 3>&- &
		pid=$!
		sleep "0.$(printf %03d "$((ms % 1000))")"
		! kill -KILL $pid 2>/dev/null || killed=$((killed + 1))
		wait $pid || :
		until ! pgrep -f rbd-service >/dev/null; do sleep 0.05; done
		[ -e vm ] || continue
		# A client that died is a watcher for 30 s more.
		until dispose && [ "$status" -eq 0 ]; do
			refused busy ''
			sleep 1
		done
		[ "$(images)" = 'cow image' ] || { echo "after $ms ms: $(images)"; return 1; }
		[ ! -e vm ] || rmdir vm	# before there was a record of it
	done
	[ $killed -gt 3 ]
}

@test "kvm-image send --all, leave: disks in a pool stay where they are, and are the other directory's" {
	local move=11111111-2222-4333-8444-555555555555 id token
	document 7 "$(disk 0 one/image 16)" "$(empty 1 16)"
	mkdir -p here/0
	kvm_image prepare vm.xml --directory here/0/7 --datastore vm.ds --disk 0
	done_
	kvm_image prepare vm.xml --directory here/0/7 --datastore vm.ds --disk 1
	done_
	id=$(rbd info --format json one/image-7-0 | jq -r .id)
	ONE_LOCATION=$PWD env -u CEPH_CONF "$KVM_IMAGE" send vm.xml --all --directory here/0/7 --move $move --kvmrc rc >stream
	[ "$(stat -c %s stream)" -lt 10000 ]
	token=$(ONE_LOCATION=$PWD env -u CEPH_CONF "$KVM_IMAGE" receive --all --directory there/0/7 --vm 7 --kvmrc rc --json <stream | jq -r .token)
	kvm_image leave vm.xml --directory here/0/7 --move $move --token "$token"
	done_
	kvm_image keep vm.xml --directory there/0/7 --move $move
	done_
	[ ! -e here/0/7 ]
	[ "$(rbd info --format json one/image-7-0 | jq -r .id)" = "$id" ]
	[ "$(images)" = 'cow image image-7-0 one-sys-7-1' ]
	kvm_image dispose vm.xml --directory there/0/7 --all
	done_
	[ "$(images)" = 'cow image' ]
	# An image of that name that is another one is not taken for it.
	document 7 "$(disk 0 one/image 16)"
	kvm_image prepare vm.xml --directory here/0/7 --datastore vm.ds --disk 0
	done_
	ONE_LOCATION=$PWD env -u CEPH_CONF "$KVM_IMAGE" send vm.xml --all --directory here/0/7 --move $move --kvmrc rc >stream
	kvm_image remove rbd:one/image-7-0
	rbd create one/image-7-0 --size 16M
	run --separate-stderr env -u CEPH_CONF ONE_LOCATION="$PWD" "$KVM_IMAGE" receive --all --directory there/0/7 --vm 7 --kvmrc rc <stream
	refused config 'does not see rbd:one/image-7-0 of the other host'
	[ ! -e there/0/7 ]
	rbd rm --no-progress one/image-7-0
	rm -rf here there
}
