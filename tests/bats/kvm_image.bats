# SPDX-License-Identifier: Apache-2.0
# bats file_tags=fast,once
# kvm_image.bats - disk images are made whole or not at all, and a hostile one leads nowhere.
load helper

KVM_IMAGE=$BUILD/drivers/kvm_image/kvm-image
export ONE_LOCATION=$BATS_TEST_TMPDIR

kvm_image() {
	run --separate-stderr -- "$KVM_IMAGE" "$@"
}

# Nothing but images: bats has files of its own above.
setup() {
	mkdir "$BATS_TEST_TMPDIR/images"
	cd "$BATS_TEST_TMPDIR/images" || return
}

# traced OPERAND...: runs it and writes what it opens to calls. The leak check does not work under a tracer.
traced() {
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 strace -f -o calls -e trace=open,openat,connect "$KVM_IMAGE" "$@"
}

# refused CLASS TEXT: the last run failed with them, and left nothing half made.
refused() {
	[ "$status" -eq 1 ] || { echo "status $status: $output $stderr"; return 1; }
	[[ $stderr == *"$2"*"[$1]"* ]] || { echo "$stderr"; return 1; }
	no_part
}

no_part() {
	[ -z "$(find . -name '.*.kvm-image')" ]
}

# qemu CREATE-ARGUMENTS...: an image that qemu-img makes without a look at its backing file.
qemu() {
	qemu-img create -q -u "$@"
}

# hold IMAGE: a program with the image open, as a guest has it; ends with the test's stdin.
hold() {
	coproc HOLD { exec qemu-io -f qcow2 "$1"; }
	echo 'read 0 512' >&"${HOLD[1]}"
	read -r _ <&"${HOLD[0]}"
}

# receive_slowly IMAGE: another kvm-image that makes it now; ends with the test.
receive_slowly() {
	mkfifo pipe
	"$KVM_IMAGE" receive "$1" <pipe 3>&- 2>/dev/null &
	exec 9>pipe
	for _ in {1..200}; do
		[ -e ".$1.kvm-image" ] && grep -q "OFDLCK .*:$(stat -c %i ".$1.kvm-image") " /proc/locks && return
		sleep 0.05
	done
	return 1
}

teardown() {
	[ -z "${HOLD_PID:-}" ] || kill "$HOLD_PID" || true
	[ -z "${SERVER_PID:-}" ] || kill "$SERVER_PID" 2>/dev/null || true
}

@test "kvm-image info: the header's word, for people and as JSON; the backing file is not opened" {
	qemu -f qcow2 -b /etc/passwd -F raw image 64M
	traced info image >said
	never grep -q /etc/passwd calls
	grep -qx 'format: qcow2' said
	grep -qx 'virtual size: 67108864 (64.0 MiB)' said
	grep -qx 'backing: /etc/passwd' said
	kvm_image info --json image
	[ "$status" -eq 0 ]
	[[ $output == '{"outcome":"done","image":"'$PWD'/image","format":"qcow2","virtual_size":67108864,"disk_size":'*',"backing":"/etc/passwd","backing_format":"raw"}' ]]
	kvm_image info nothing --json
	[ "$status" -eq 1 ]
	[[ $output == '{"outcome":"failed","error":{"message":"cannot read '*'"class":"not-found","retry_safe":false'* ]]
}

@test "kvm-image check: format, backing files, data files and vmdk types are judged as deploy does" {
	qemu -f qcow2 base 1M
	qemu -f qcow2 -b base -F qcow2 good 1M
	kvm_image check good --format qcow2
	[ "$status" -eq 0 ]
	kvm_image check good --format vmdk
	refused input 'is declared as vmdk, but it is qcow2'
	qemu -f qcow2 -b /etc/passwd -F raw image 1M
	kvm_image check image
	refused refused 'is backed by /etc/passwd, which is not in a datastore'
	printf 'IMAGE_BACKING_PATHS=/etc\n' >rc
	kvm_image check image --kvmrc rc
	[ "$status" -eq 0 ]
	qemu -f qcow2 -b 'json:{"driver":"raw","file":{"driver":"file","filename":"/etc/passwd"}}' -F raw image 1M
	kvm_image check image
	refused refused 'which is not a path'
	qemu-img create -q -f qcow2 -o data_file=data other 1M
	kvm_image check other
	refused refused 'has its data in another file, data'
	qemu-img create -q -f vmdk -o subformat=monolithicFlat flat.vmdk 1M
	kvm_image check flat.vmdk
	refused refused "create type 'monolithicFlat', which is not allowed"
	mkfifo pipe
	kvm_image check pipe
	refused refused 'is neither a file nor a block device'
}

@test "kvm-image create: raw and qcow2 of that size; what is there stays, or is replaced with --force" {
	kvm_image create disk --format raw --size 3M
	[ "$status" -eq 0 ]
	[ "$(stat -c %s disk)" -eq 3145728 ]
	kvm_image create disk --format qcow2 --size 1G
	refused exists 'is there already'
	[ "$(stat -c %s disk)" -eq 3145728 ]
	kvm_image create disk --format qcow2 --size 1G --force
	[ "$status" -eq 0 ]
	[ "$(qemu-img info -f qcow2 --output=json disk | jq '."virtual-size"')" -eq 1073741824 ]
	kvm_image create full --format raw --size 1M --preallocate full
	[ "$(stat -c %b full)" -ge 2048 ]
	ln -s disk link
	kvm_image create link --format raw --size 1M --force
	refused refused 'is not a regular file: it is not replaced'
	kvm_image create none/disk --format raw --size 1M
	refused not-found 'cannot make'
	kvm_image create huge --format raw --size 4000000T --preallocate full
	refused no-space 'are free'
	[ ! -e huge ]
}

@test "kvm-image create: an overlay is as large as its backing file, which lies where deploy allows it" {
	qemu -f qcow2 base 8M
	mkdir sub
	kvm_image create over --format qcow2 --backing base --backing-format qcow2
	[ "$status" -eq 0 ]
	[ "$(qemu-img info -f qcow2 --output=json over | jq -c '[."virtual-size", ."backing-filename", ."backing-filename-format"]')" = '[8388608,"base","qcow2"]' ]
	kvm_image create small --format qcow2 --size 1M --backing base --backing-format qcow2
	refused input 'more than the image that it is to back, 1M'
	kvm_image create lie --format qcow2 --backing base --backing-format vmdk
	refused input 'is declared as vmdk, but it is qcow2'
	kvm_image create sub/over --format qcow2 --backing ../base --backing-format qcow2
	refused refused 'which is not in a datastore'
	kvm_image create leak --format qcow2 --backing /etc/passwd --backing-format raw
	refused refused 'which is not in a datastore'
	kvm_image create leak --format qcow2 --backing nbd:localhost:1 --backing-format raw
	refused refused 'which is not a path'
	[ ! -e leak ] && [ ! -e small ] && [ ! -e lie ]
}

# What another kvm-image makes now is not taken for a killed one's.
another_is_left_alone() {
	receive_slowly other
	kvm_image create other --format raw --size 1M
	[ "$status" -eq 1 ]
	[[ $stderr == *'another program makes '*'[busy]'* ]]
	[ -e .other.kvm-image ]
}

@test "kvm-image create: two at once, and what a killed one left" {
	printf x >.disk.kvm-image
	kvm_image create disk --format raw --size 1M
	[ "$status" -eq 0 ]
	no_part
	another_is_left_alone
}

@test "kvm-image: on NFS its own locks keep neither qemu-img out, nor those who take a killed one's traces away" {
	local format
	head -c 300000 /dev/urandom >source
	truncate -s 1M source
	export ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD=$BUILD/tests/fake/nfs.so
	for format in raw qcow2; do
		printf x >".new.kvm-image"
		kvm_image create new --format $format --size 1M
		[ "$status" -eq 0 ] || { echo "$stderr"; return 1; }
		kvm_image resize new 2M --format $format
		[ "$status" -eq 0 ] || { echo "$stderr"; return 1; }
		kvm_image convert source copy --from raw --format $format
		[ "$status" -eq 0 ] || { echo "$stderr"; return 1; }
		qemu-img compare -f raw -F $format source copy
		rm new copy
	done
	no_part
	another_is_left_alone
}

@test "kvm-image resize: grows; smaller only with --shrink; not under a guest" {
	qemu -f qcow2 disk 4M
	kvm_image resize disk 8M
	[ "$status" -eq 0 ]
	kvm_image resize disk 8M
	[ "$status" -eq 0 ]
	kvm_image resize disk 2M
	refused input 'it has 8388608 bytes (8.0 MiB), more than 2M'
	hold disk
	kvm_image resize disk 16M
	refused busy 'another program has it open'
	kvm_image remove disk
	refused busy 'another program has it open'
	kvm_image create disk --format raw --size 1M --force
	refused busy 'another program has it open'
	kill "$HOLD_PID"
	wait "$HOLD_PID" || true
	HOLD_PID=
	kvm_image resize disk 2M --shrink
	[ "$status" -eq 0 ]
	[ "$(qemu-img info -f qcow2 --output=json disk | jq '."virtual-size"')" -eq 2097152 ]
}

@test "kvm-image create, convert: --force does not replace what the new image is made of, by whatever name" {
	local name sums
	qemu -f qcow2 base 1M
	qemu-io -f qcow2 -c 'write -P 7 0 64k' base >/dev/null
	qemu -f qcow2 -b base -F qcow2 disk 1M
	qemu -f qcow2 -b base -F qcow2 other 1M
	ln base hard
	ln -s base soft
	sums=$(sha256sum base disk)
	for name in base hard "$PWD/../images/base" soft disk; do
		kvm_image create base --format qcow2 --backing "$name" --backing-format qcow2 --force
		refused refused 'cannot be replaced: it is '
	done
	kvm_image convert disk base --from qcow2 --format raw --force
	refused refused 'base cannot be replaced: it is '
	kvm_image convert disk hard --from qcow2 --format raw --force
	refused refused 'hard cannot be replaced: it is '
	[ "$(sha256sum base disk)" = "$sums" ]
	# Another image may be.
	kvm_image convert disk other --from qcow2 --format raw --force
	[ "$status" -eq 0 ]
	kvm_image create other --format qcow2 --backing base --backing-format qcow2 --force
	[ "$status" -eq 0 ]
}

@test "kvm-image resize: what a guest wrote into its raw disk is not followed" {
	qemu -f qcow2 -b /etc/passwd -F raw disk 1M
	kvm_image resize disk 2M
	refused refused 'and its format is not declared'
	kvm_image resize disk 2M --format qcow2
	refused refused 'which is not in a datastore'
	kvm_image resize disk 2M --format raw
	[ "$status" -eq 0 ]
	[ "$(stat -c %s disk)" -eq 2097152 ]
}

@test "kvm-image create: a link with the name of its unfinished file is left alone" {
	echo precious >other
	ln -s other .disk.kvm-image
	kvm_image create disk --format raw --size 1M
	[ "$status" -eq 1 ]
	[[ $stderr == *"cannot replace $PWD/.disk.kvm-image: "* ]]
	[ -L .disk.kvm-image ] && [ "$(cat other)" = precious ] && [ ! -e disk ]
}

@test "kvm-image remove: images, and what is called a raw disk; no link, no directory, no other file" {
	qemu -f qcow2 disk 1M
	truncate -s 1M raw
	echo text >text
	ln -s raw link
	mkdir directory
	kvm_image remove link
	refused refused 'it is a link'
	kvm_image remove directory
	refused refused 'it is not a regular file'
	kvm_image remove text
	refused refused 'it is no image'
	kvm_image remove text --format raw
	refused refused 'it is no image'
	# An archive has the size of a raw disk, too.
	tar -cf archive text
	kvm_image remove archive
	refused refused 'it has no header of an image'
	[[ $stderr == *'(hint: --format raw, if it is a raw disk)' ]]
	rm archive
	kvm_image remove disk --dry-run
	[ "$status" -eq 0 ]
	kvm_image remove disk
	[ "$status" -eq 0 ]
	kvm_image remove raw --format raw
	[ "$status" -eq 0 ]
	[ "$(ls)" = $'directory\nlink\ntext' ]
	kvm_image remove raw
	refused not-found 'cannot remove'
}

@test "kvm-image: a dry run prints the command and makes nothing; names are never protocols or options" {
	kvm_image create --dry-run --format qcow2 --size 1M -- 'json:{a'
	[ "$status" -eq 0 ]
	[ "$output" = "would run: qemu-img create -q -f qcow2 '$PWD/.json:{a.kvm-image' 1048576" ]
	kvm_image create --format raw --size 1M -- -f
	[ "$status" -eq 0 ]
	[ "$(ls)" = -f ]
}

@test "kvm-image: an option of a variable that is not set is misuse, not the directory one is in" {
	local words
	echo '<VM><ID>7</ID><TEMPLATE><DISK><DISK_ID>0</DISK_ID><TYPE>swap</TYPE><SIZE>1</SIZE></DISK></TEMPLATE></VM>' >vm.xml
	mkdir vm
	for words in 'prepare vm.xml --directory' 'dispose vm.xml --all --directory' 'prepare vm.xml --directory vm --kvmrc' \
		'prepare vm.xml --directory vm --datastore' 'create x --size 1M --format' 'create x --format raw --size' 'dispose vm.xml --directory vm --disk'; do
		# shellcheck disable=SC2086
		kvm_image $words ''
		[ "$status" -eq 2 ]
		[ "$stderr" = "kvm-image: --${words##*--} is empty [usage] (hint: see --help)" ]
	done
	[ -z "$(find . -name 'disk.*' -o -name '.kvm*' -o -name x)" ]
}

@test "kvm-image: a place that cannot be looked at is not one that has a file" {
	local words
	"$KVM_IMAGE" create raw --format raw --size 1M
	for words in 'create raw/x --format raw --size 1M' 'convert raw raw/x --format raw' 'import raw raw/x' 'import http://127.0.0.1:1/x raw/x'; do
		for force in '' --force; do
			# shellcheck disable=SC2086
			kvm_image $words $force
			[ "$status" -eq 1 ]
			[[ $stderr == "kvm-image: cannot make $PWD/raw/x: Not a directory ["* ]]
		done
	done
}

# bats test_tags=root
@test "kvm-image resize: a file system that is read-only is [permission]" {
	mkdir fs
	mount -t tmpfs none fs
	"$KVM_IMAGE" create fs/x --format raw --size 1M
	mount -o remount,ro fs
	kvm_image resize fs/x 2M
	umount fs
	[ "$status" -eq 1 ]
	[[ $stderr == *'Read-only file system [permission]' ]]
}

@test "kvm-image: wrong usage is status 2; an operand that is not a file is a [config] error" {
	local words
	for words in '' 'eat x' 'info' 'info a b' 'info a --force' 'create x --format raw' 'create x --format vdi --size 1M' \
		'create x --format raw --size 1000' 'create x --format raw --size 1M --preallocate metadata' \
		'create x --format qcow2 --backing y' 'resize x big' 'create x --format raw --size 99999999999T' \
		'info lvm:vg' 'info lvm:/lv' 'info lvm:vg/lv/x' 'info lvm:vg/-lv' 'info rbd:pool/a@b' 'info rbd:pool/x.kvm-image' 'create lvm:vg/lv' \
		'create lvm:vg/lv --size 1M --format qcow2' 'create lvm:vg/lv --size 1M --force' 'resize lvm:vg/lv 1M --shrink' 'fetch rbd://a/b/c/d'; do
		# shellcheck disable=SC2086
		kvm_image $words
		[ "$status" -eq 2 ] || { echo "$words: $status $stderr"; return 1; }
		[[ $stderr == *'[usage]'* ]]
	done
	for words in 'info x --no-such' 'info x --size' '--no-such' 'info x --size 1M' 'frob x' ''; do
		# shellcheck disable=SC2086
		kvm_image --json $words
		[ "$(jq -r '.outcome, .error.class' <<<"$output" | xargs)" = 'failed usage' ] || { echo "$words: $output"; return 1; }
		[ "$(wc -l <<<"$stderr")" -eq 1 ]
	done
	for words in "create x --format raw --size $((2 ** 63 - 512))" "create x --format qcow2 --size $((2 ** 63 - 512))"; do
		# shellcheck disable=SC2086
		kvm_image $words
		refused input 'too large' || refused input 'exceeds maximum'
	done
	for words in nbd://host/image http://host/image; do
		kvm_image create "$words" --format raw --size 1M
		refused config 'only files are supported there'
	done
	[ -z "$(ls)" ]
}

# serve: a web server on PORT; what it answers is said by the path, and it notes each request in requests.
serve() {
	cat >"$BATS_TEST_TMPDIR/server" <<-'END'
		import http.server, os, sys, time
		class Handler(http.server.BaseHTTPRequestHandler):
		    def log_message(self, *words): pass
		    def do_GET(self):
		        open("requests", "a").write(self.path + "\n")
		        body = open("served", "rb").read()
		        name = self.path.split("?")[0]
		        if name.startswith("/to-"):
		            self.send_response(302)
		            self.send_header("Location", {"/to-good": "/good", "/to-file": "file:///etc/passwd", "/to-loop": "/to-loop"}[name])
		            self.end_headers()
		            return
		        self.send_response({"/gone": 404, "/denied": 403, "/broken": 500}.get(name, 200))
		        if name != "/unsaid":
		            self.send_header("Content-Length", str(len(body)))
		        self.end_headers()
		        if name == "/stalls":
		            self.wfile.write(body[:100000])
		            while not os.path.exists("go"): time.sleep(0.05)
		            body = body[100000:]
		        self.wfile.write(body[:100000] if name == "/cut" else body)
		server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
		print(server.server_port, flush=True)
		server.serve_forever()
	END
	python3 "$BATS_TEST_TMPDIR/server" >"$BATS_TEST_TMPDIR/port" 2>/dev/null 3>&- &
	SERVER_PID=$!
	until [ -s "$BATS_TEST_TMPDIR/port" ]; do kill -0 $SERVER_PID; sleep 0.1; done
	PORT=$(cat "$BATS_TEST_TMPDIR/port")
}

@test "kvm-image import: a URL is downloaded, verified and converted; nothing else is left" {
	head -c 3000000 /dev/urandom >raw
	truncate -s 3M raw
	qemu-img convert -f raw -O qcow2 raw served
	serve
	kvm_image import "http://127.0.0.1:$PORT/to-good?token=secret" disk --format raw --checksum "sha256:$(sha256sum served | cut -d ' ' -f 1)"
	[ "$status" -eq 0 ] || { echo "$stderr"; return 1; }
	cmp raw disk
	kvm_image import "http://127.0.0.1:$PORT/unsaid" copy --max-size 4M
	[ "$status" -eq 0 ]
	qemu-img compare -q -f qcow2 -F raw copy raw
	[ "$(xargs <requests)" = '/to-good?token=secret /good /unsaid' ]
	no_part
	# What would be refused anyhow is not downloaded.
	kvm_image import "http://127.0.0.1:$PORT/good" disk
	refused exists 'disk is there already'
	[ "$(wc -l <requests)" -eq 3 ]
}

@test "kvm-image import: a download that fails has its class, names no secret, and leaves nothing" {
	local class path options text
	head -c 3M /dev/urandom >served
	serve
	while IFS=';' read -r class path options text; do
		# shellcheck disable=SC2086
		kvm_image import "http://127.0.0.1:$PORT/$path?token=secret" disk $options
		refused "$class" "$text"
		[[ $stderr != *secret* ]]
		[ ! -e disk ]
	done <<-END
		not-found;gone;;the server answers 404
		permission;denied;;the server answers 403
		connection;broken;;the server answers 500
		connection;cut;;Transferred a partial file
		refused;to-file;;Unsupported protocol
		refused;to-loop;;Number of redirects hit maximum amount
		input;good;--max-size 1M;it has more than the 1048576 bytes
		input;unsaid;--max-size 1M;it has more than the 1048576 bytes
		input;good;--checksum sha256:$(printf '0%.0s' {1..64});has checksum sha256:
		input;good;--from qcow2;is declared as qcow2, but it is raw
	END
	kill $SERVER_PID
	wait $SERVER_PID || true
	kvm_image import "http://127.0.0.1:$PORT/good" disk
	refused connection 'connect to server'
	kvm_image import "http://me:secret@127.0.0.1:$PORT/good" disk
	[ "$status" -eq 2 ]
	[[ $stderr == *'the URL has a user or a password'* && $stderr != *secret* ]]
	kvm_image import "file:///etc/passwd" disk
	refused config 'only files are supported there'
	[ "$(ls | xargs)" = 'requests served' ]
}

# import_stalls TO: imports what does not come to its end; process $pid has file $part open, what has come so far.
import_stalls() {
	"$KVM_IMAGE" import "http://127.0.0.1:$PORT/stalls" "$1" --from raw 3>&- 2>said &
	pid=$! begin=$SECONDS
	until part=$(find -L "/proc/$pid/fd" -type f -size +90k -exec readlink -f {} + 2>/dev/null | grep 'kvm-image$'); do
		late "$begin" 10 && return 1
		sleep 0.05
	done
}

@test "kvm-image import: what is downloaded for a volume is read by nobody else, and is found again after a kill" {
	local PATH=$PWD/bin:$PATH names='' to rc pid part begin
	head -c 3M /dev/urandom >served
	stub lvs "echo '{\"report\":[{\"lv\":[]}]}'"
	stub vgs "echo '{\"report\":[{\"vg\":[{\"vg_free\":\"4096\",\"vg_extent_size\":\"4096\"}]}]}'"
	serve
	for to in lvm:vg/lv lvm:vg/lv rbd:pool/x disk; do
		import_stalls $to
		[ "$(stat -c '%a %u' "$part")" = "600 $(id -u)" ] || { ls -l "$part"; return 1; }
		case $to in disk) ;; *) [[ $part == /var/tmp/* && $names != *"$part"* ]] ;; esac
		names+=" $part"
		kill -TERM $pid
		rc=0
		wait $pid || rc=$?
		[ "$rc" -eq 1 ]
		[ ! -e "$part" ]
	done
	import_stalls lvm:vg/lv
	kill -KILL $pid
	wait $pid || true
	[ -e "$part" ]
	names=$part
	# Another run takes it away, also for another volume; not what yet another run downloads now, and nothing that is not ours.
	printf x >"/var/tmp/.kvm-image-import.$$.x"
	import_stalls lvm:vg/other
	[ ! -e "$names" ]
	kvm_image import "http://127.0.0.1:$PORT/good" lvm:vg/lv --from raw
	refused no-space 'vg'
	[ -e "$part" ]
	[ -e "/var/tmp/.kvm-image-import.$$.x" ]
	rm "/var/tmp/.kvm-image-import.$$.x"
	: >go
	wait $pid || true
	grep -q 'no-space' said
	[ ! -e "$part" ]
	kvm_image import "http://127.0.0.1:$PORT/good" lvm:vg/lv --from raw --dry-run
	[ "$status" -eq 0 ]
}

@test "kvm-image import: a signal to end that comes while the checksum is computed leaves no download" {
	local n part=$PWD/.disk.download.kvm-image heard=0
	head -c 3M /dev/urandom >served
	serve
	# Its reads: the header's, and then a MiB each.
	for n in 1 2 3 4 5 6; do
		ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 run --separate-stderr strace -qq -o trace -P "$part" -e trace=read -e inject=read:signal=TERM:when=$n \
			"$KVM_IMAGE" import "http://127.0.0.1:$PORT/good" disk --from raw --checksum "sha256:$(sha256sum <served | cut -d ' ' -f 1)"
		[ "$(grep -c '^--- SIGTERM' trace)" -eq 1 ] || continue
		grep -B 1 SIGTERM trace | grep -q ', 1048576)' || continue
		refused cancelled 'a signal to end came'
		[ ! -e disk ]
		heard=$((heard + 1))
	done
	[ "$heard" -ge 3 ]
}

@test "kvm-image: until an image is whole nobody else reads it; then it has the permissions of what it replaced" {
	local umask
	raw_image raw
	tool 'stat -Lc %a "$part" >seen; exec qemu-img "$@"'
	for umask in 022 027; do
		umask $umask
		rm -f out
		kvm_image convert raw out --format raw --kvmrc "$BATS_TEST_TMPDIR/rc"
		[ "$status" -eq 0 ]
		[ "$(cat seen) $(stat -c %a out)" = "600 $(printf %o $((0644 & ~umask)))" ] || { cat seen; ls -l out; return 1; }
	done
	umask 022
	for mode in 600 664 440; do
		chmod $mode out
		kvm_image convert raw out --format qcow2 --force --kvmrc "$BATS_TEST_TMPDIR/rc"
		[ "$(cat seen) $(stat -c %a out)" = "600 $mode" ] || { cat seen; ls -l out; return 1; }
		kvm_image create out --format raw --size 1M --force --kvmrc "$BATS_TEST_TMPDIR/rc"
		[ "$(stat -c %a out)" = "$mode" ]
	done
	stub rbd 'case "$*" in' '*" info "*@*) echo "{\"size\":1048576}" ;;' '*" export "*) cp raw "${!#}"; stat -c %a "${!#}" >seen ;;' 'esac'
	stub ceph 'echo "{\"fsid\":\"f\"}"'
	PATH=$PWD/bin:$PATH kvm_image fetch rbd://f/pool/x/s new
	[ "$status" -eq 0 ] || { echo "$stderr"; return 1; }
	[ "$(cat seen) $(stat -c %a new)" = '600 644' ]
	PATH=$PWD/bin:$PATH kvm_image fetch rbd://f/pool/x/s out --force
	[ "$(cat seen) $(stat -c %a out)" = '600 440' ]
}

# stub NAME LINE...: a program of that name in bin, which notes its words in calls. Where the host has Ceph's library, a command
# of one's own is asked instead.
stub() {
	mkdir -p bin "$ONE_LOCATION/var/remotes/etc/vmm/kvm"
	echo RBD=rbd >"$ONE_LOCATION/var/remotes/etc/vmm/kvm/kvmrc"
	printf '%s\n' '#!/bin/bash' "echo $1 \"\$*\" >>calls" "${@:2}" >"bin/$1"
	chmod +x "bin/$1"
}

@test "kvm-image: if LVM or Ceph does not answer, no volume is taken for missing or free" {
	local row PATH=$PWD/bin:$PATH
	truncate -s 1M raw
	for program in lvcreate lvremove lvrename lvchange vgs ceph; do stub "$program"; done
	stub lvs 'echo "Failed to read lvm state" >&2' 'exit 5'
	stub rbd 'echo "error: connection timed out" >&2' 'exit 110'
	for words in 'create lvm:vg/lv --size 1M' 'import raw lvm:vg/lv' 'remove lvm:vg/lv --format raw'; do
		# shellcheck disable=SC2086
		kvm_image $words
		refused internal 'lvm:vg/lv: lvs failed with status 5: Failed to read lvm state'
		# shellcheck disable=SC2086
		kvm_image ${words/lvm:/rbd:}
		refused connection 'rbd:vg/lv: rbd failed with status 110'
	done
	for row in '' '-wi-X-----' '-wi-aX----'; do
		stub lvs "echo '{\"report\":[{\"lv\":[{\"lv_name\":\"lv\",\"lv_size\":\"1048576\",\"lv_uuid\":\"u\",\"lv_tags\":\"kvm-image.x\",\"lv_attr\":\"$row\"}]}]}'"
		kvm_image remove lvm:vg/lv
		refused internal 'LVM does not say whether a program has it open'
	done
	stub lvs 'echo nothing'
	kvm_image remove lvm:vg/lv
	refused internal 'lvs prints no JSON'
	never grep -E '^(lvcreate|lvremove|lvrename|lvchange)' calls
	never grep -E 'rbd .* (create|rm|rename|resize) ' calls
}

@test "kvm-image: Ceph's programs get the user and the file that are configured, and their time limits" {
	local PATH=$PWD/bin:$PATH
	stub rbd 'echo "error opening image x: (2) No such file or directory" >&2' 'exit 2'
	stub ceph 'echo "{\"fsid\":\"f\"}"'
	printf 'CEPH_USER=me\nCEPH_CONF=/etc/my.conf\nRBD_CONNECT_TIMEOUT=7\nRBD=rbd\n' >rc
	kvm_image info rbd:pool/x --kvmrc rc
	refused not-found 'rbd:pool/x is not there'
	grep -qx 'rbd --id me --conf /etc/my.conf --client_mount_timeout=7 --rados_mon_op_timeout=7 --rados_osd_op_timeout=60 --format json info pool/x' calls
	kvm_image fetch rbd://f/pool/x/s to --kvmrc rc
	refused not-found 'could not fetch image x@s of pool pool'
	grep -qx 'ceph --id me --conf /etc/my.conf --connect-timeout 7 fsid --format json' calls
	echo RBD_CONNECT_TIMEOUT=soon >rc
	kvm_image info rbd:pool/x --kvmrc rc
	refused config "RBD_CONNECT_TIMEOUT = 'soon': not a number of seconds"
}

@test "kvm-image: where Ceph's library is missing or damaged, the program rbd is asked" {
	local PATH=$PWD/bin:$PATH
	stub rbd 'echo "{\"size\":1048576,\"id\":\"abc\"}"'
	mkdir lib
	echo >lib/librbd.so.1
	: >rc
	LD_LIBRARY_PATH=$PWD/lib kvm_image info rbd:pool/x --kvmrc rc
	[ "$status" -eq 0 ] || { echo "$output $stderr"; return 1; }
	[[ $output == *'virtual size: 1048576'*'id: abc'* ]]
	grep -qx 'rbd .* --format json info pool/x' calls
}

@test "kvm-image rbd-service: it serves the process that started it, and no other" {
	run --separate-stderr "$KVM_IMAGE" rbd-service 1 '' '' 5 60 </dev/null
	[ "$status" -eq 1 ]
	[ -z "$output" ]
	run --separate-stderr "$KVM_IMAGE" rbd-service
	[ "$status" -eq 1 ]
}

# tool SCRIPT: file rc, a kvmrc whose QEMU_IMG runs SCRIPT when an image is converted.
tool() {
	printf '#!/bin/bash\n[ "$1" = convert ] || exec qemu-img "$@"\npart=${!#}\n%s\n' "$1" >"$BATS_TEST_TMPDIR/tool"
	chmod +x "$BATS_TEST_TMPDIR/tool"
	echo "QEMU_IMG=$BATS_TEST_TMPDIR/tool" >"$BATS_TEST_TMPDIR/rc"
}

# has_ended PID: within 20 s; init may not have taken its status yet.
has_ended() {
	for _ in {1..200}; do
		[[ $(cut -d' ' -f3 "/proc/$1/stat" 2>/dev/null) == [ZX] || ! -e /proc/$1 ]] && return
		sleep 0.1
	done
	return 1
}

# A raw image with holes.
raw_image() {
	head -c 300000 /dev/urandom >"$1"
	truncate -s 5M "$1"
}

@test "kvm-image convert, import: each format gives the bytes that went in" {
	local format sum
	raw_image raw
	sum=$(sha256sum <raw)
	for format in raw qcow2 qed; do
		qemu-img convert -f raw -O "$format" raw "a.$format"
	done
	qemu-img convert -f raw -O vmdk -o subformat=streamOptimized raw a.vmdk
	for format in raw qcow2 qed vmdk; do
		kvm_image import "a.$format" "$format.raw" --format raw --from "$format"
		[ "$status" -eq 0 ] || { echo "$stderr"; return 1; }
		[ "$(sha256sum <"$format.raw")" = "$sum" ]
		[ "$(stat -c %b "$format.raw")" -lt 2048 ]
		kvm_image convert "$format.raw" "$format.qcow2" --format qcow2
		[ "$status" -eq 0 ]
		qemu-img compare -q -f raw -F qcow2 raw "$format.qcow2"
	done
	[[ $output == *$'\nformat: qcow2\nvirtual size: 5242880 (5.0 MiB)' ]]
	kvm_image import a.qcow2 kept --json
	[[ $output == *'"outcome":"done","image":"'$PWD'/kept","format":"qcow2","virtual_size":5242880'* ]]
	no_part
}

@test "kvm-image convert: backing files become part of the copy, when the format is declared" {
	raw_image base
	qemu -f qcow2 -b base -F raw over 5M
	kvm_image convert over out --format raw
	refused refused 'and its format is not declared'
	kvm_image convert over out --format raw --from qcow2
	[ "$status" -eq 0 ]
	cmp base out
	kvm_image import over other
	refused refused 'is backed by base: it cannot be imported'
	# Declared raw, it is not read.
	kvm_image convert over other --format raw --from raw
	[ "$status" -eq 0 ]
	cmp over <(head -c "$(stat -c %s over)" other)
}

# hostile_images: $HOSTILE, which lead elsewhere or lie about their size.
hostile_images() {
	qemu -f qcow2 -b /etc/passwd -F raw passwd 1M
	qemu -f qcow2 -b 'json:{"driver":"raw","file":{"driver":"file","filename":"/etc/passwd"}}' -F raw json 1M
	qemu -f qcow2 -b nbd://localhost/x -F raw nbd 1M
	qemu-img create -q -f qcow2 -o data_file=data data_file 1M
	qemu-img create -q -f vmdk -o subformat=monolithicFlat flat 1M
	printf '# Disk DescriptorFile\ncreateType="monolithicFlat"\nRW 8 FLAT "/etc/passwd" 0\n' >extent
	qemu -f qcow2 size 1M
	printf '\x7f\xff\xff\xff\xff\xff\xfe\x00' | dd of=size bs=1 seek=24 conv=notrunc status=none
	qemu -f qcow2 table 1M
	printf '\xff\xff\xff\xff' | dd of=table bs=1 seek=36 conv=notrunc status=none
	HOSTILE='passwd json nbd data_file flat extent size table'
}

@test "kvm-image import: a hostile image is refused, and no file outside is opened" {
	local n=0 image
	hostile_images
	for image in $HOSTILE; do
		traced import "$image" out >said 2>&1 && return 1
		grep -qE '\[(refused|input|internal)\]' said || { echo "$image: $(cat said)"; return 1; }
		never grep -E '"/etc/passwd"|AF_INET|"[^"]*/data"' calls
		[ ! -e out ]
		n=$((n + 1))
	done
	[ "$n" -eq 8 ]
	no_part
	kvm_image import passwd out --from raw
	refused input 'is declared as raw, but it is qcow2'
}

# leads_nowhere OPERAND...: it is refused, opens nothing outside, reaches no host but the server and starts none but our programs.
leads_nowhere() {
	# Without SHELL or HOME, the shell of a stub reads /etc/passwd itself.
	HOME=${HOME:-/} SHELL=/bin/bash ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 \
		strace -f -qq -o trace -e trace=open,openat,connect,execve "$KVM_IMAGE" "$@" >said 2>&1 &&
		{ echo "done: $*"; return 1; }
	grep -qE '\[(refused|input|internal|no-space)\]' said || { echo "$*: $(cat said)"; return 1; }
	never grep -E '"/etc/passwd"|"[^"]*/data"' trace
	never grep -vE "htons\($PORT\)|sun_path=\"/var/run/nscd/socket\"" <(grep 'connect(' trace)
	# Where what goes to a volume is downloaded.
	while read -r path; do [ ! -e "$path" ] || { echo "left: $path"; return 1; }; done \
		< <(sed -n 's/.*"\(\/var\/tmp\/\.kvm-image[^"]*\)".*/\1/p' trace)
	never grep -vE '/(kvm-image|setpriv|qemu-img|lvs|vgs|rbd|ceph|cp)"' <(grep 'execve(.* = 0' trace)
	grep -q 'execve(.*kvm-image' trace
}

@test "kvm-image: a signal to end that comes while LVM works is not forgotten" {
	local PATH=$PWD/bin:$PATH call
	truncate -s 1M source
	stub lvs "echo '{\"report\":[{\"lv\":[]}]}'"
	stub vgs 'kill -TERM $PPID' 'sleep 0.2' "echo '{\"report\":[{\"vg\":[{\"vg_free\":\"1048576\",\"vg_extent_size\":\"4096\"}]}]}'"
	stub lvcreate
	printf '#!/bin/sh\nshift\nexec "$@"\n' >bin/sudo
	chmod +x bin/sudo
	for call in 'create lvm:vg/lv --size 1M' 'import source lvm:vg/lv --from raw'; do
		kvm_image $call
		refused cancelled 'lvm:vg/lv is not made: a signal to end came'
	done
	grep -q '^vgs' calls
	never grep '^lvcreate' calls
}

@test "kvm-image import, fetch, prepare: a hostile image that is downloaded, goes to a volume or was received leads nowhere" {
	local image format PATH=$PWD/bin:$PATH n=0
	hostile_images
	stub lvs "echo '{\"report\":[{\"lv\":[]}]}'"
	stub vgs "echo '{\"report\":[{\"vg\":[{\"vg_free\":\"1048576\",\"vg_extent_size\":\"4096\"}]}]}'"
	stub rbd 'case "$*" in' '*" info "*@*) echo "{\"size\":1048576}" ;;' '*" export "*) cp served "${!#}" ;;' \
		'*) echo "error opening image out: (2) No such file or directory" >&2; exit 2 ;;' 'esac'
	stub ceph 'echo "{\"fsid\":\"f\",\"pools\":[{\"name\":\"pool\",\"stats\":{\"max_avail\":1048576}}]}"'
	for image in lvcreate lvremove lvrename lvchange; do stub $image; done
	serve
	mkdir vm
	for image in $HOSTILE; do
		cp "$image" served
		leads_nowhere import "http://127.0.0.1:$PORT/good" out
		# What lies about its size is refused by qemu-img, when there is a volume.
		if [[ $image != [ts]* ]]; then
			leads_nowhere import "http://127.0.0.1:$PORT/good" lvm:vg/out
			leads_nowhere import "$image" rbd:pool/out
			leads_nowhere fetch rbd://f/pool/x/s out
		fi
		case $image in flat | extent) format=vmdk ;; *) format=qcow2 ;; esac
		cp "$image" vm/.disk.0.source
		echo "<VM><ID>7</ID><TEMPLATE><DISK><DISK_ID>0</DISK_ID><TYPE>FILE</TYPE><CLONE>YES</CLONE><SOURCE>/srv/x</SOURCE><FORMAT>$format</FORMAT></DISK></TEMPLATE></VM>" >vm.xml
		leads_nowhere prepare vm.xml --directory vm --disk 0 --received
		[ -z "$(ls -A vm)" ]
		[ ! -e out ]
		n=$((n + 1))
	done
	[ "$n" -eq 8 ]
	never grep -E '^lv(create|remove|rename|change)|rbd .* (create|import|rm|rename) ' calls
	no_part
}

@test "kvm-image fetch: a terminal shows how far it is" {
	local PATH=$PWD/bin:$PATH
	stub ceph 'echo "{\"fsid\":\"f\"}"'
	# rbd continues once its first half was seen.
	stub rbd '[[ $* != *" info "* ]] || { echo "{\"size\":4194304}"; exit; }' 'head -c 2M /dev/zero >"${!#}"' \
		'until grep -q "50%" shown; do sleep 0.1; done' 'head -c 2M /dev/zero >>"${!#}"'
	script -qefc "'$KVM_IMAGE' fetch rbd://f/pool/x/s to" shown >/dev/null
	grep -qE 'fetching \[#{10} {10}\] +50% 2.0 MiB of 4.0 MiB, .*/s, .* left' shown
	[ "$(stat -c %s to)" -eq 4194304 ]
}

# put OFFSET HEX FILE: writes bytes into it.
put() {
	printf "$(sed 's/../\\x&/g' <<<"$2")" | dd of="$3" bs=1 seek="$1" conv=notrunc status=none
}

# bombs: images whose headers lie about how much there is.
bombs() {
	local name
	for name in snapshots clusters refcounts header name lengths; do qemu -f qcow2 "$name" 1M; done
	put 60 7fffffff snapshots
	put 20 0000003f clusters
	put 48 7fffffff00000000ffffffff refcounts
	put 100 ffffffff header
	put 8 00000000000000687fffffff name
	put 104 e2792acafffffff0 lengths
	qemu-img create -q -f vmdk sparse 1M
	cp sparse sectors
	put 28 ffffffffffffff7fffffffffffffff7f sectors
	cp sparse capacity
	put 12 ffffffffffffff7fffffffffffffff7f capacity
	{
		printf '# Disk DescriptorFile\nversion=1\ncreateType="monolithicSparse"\n'
		yes 'RW 8 SPARSE "/etc/passwd"' | head -c 10485760
	} >extents
	{
		printf '# Disk DescriptorFile\nversion=1\ncreateType="streamOptimized"\nRW 2048 SPARSE "/etc/passwd"\n'
	} >one_extent
	qemu-img create -q -f qed qed 1M
	put 4 ffffffffffffffff qed
}

@test "kvm-image import, resize, check: bombs are refused, open no other file and take little memory" {
	local image n=0
	bombs
	for image in snapshots clusters refcounts header name lengths sectors capacity extents one_extent qed; do
		traced import "$image" out --format raw >said 2>&1 && { echo "imported $image"; return 1; }
		grep -qE '\[(refused|input|internal|no-space|no-resource)\]$|\[(refused|input|internal|no-space|no-resource)\] \(hint' said ||
			{ echo "$image: $(cat said)"; return 1; }
		never grep -E '"/etc/passwd"|AF_INET' calls
		[ ! -e out ]
		for command in "check $image" "resize $image 2M --format qcow2" "info $image"; do
			# shellcheck disable=SC2086
			python3 - "$KVM_IMAGE" $command <<-'END' || { echo "$image: $command"; return 1; }
				import resource, subprocess, sys
				subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
				sys.exit(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss > 400 * 1024)
			END
		done
		n=$((n + 1))
	done
	[ "$n" -eq 11 ]
	no_part
}

@test "kvm-image import: another checksum leaves nothing; the right one, in any case, passes" {
	local sum
	raw_image raw
	sum=$(sha256sum <raw)
	sum=${sum%% *}
	kvm_image import raw out --checksum "sha256:${sum/[0-9]/f}"
	refused input "has checksum sha256:$sum, not sha256:"
	[ ! -e out ]
	kvm_image import raw out --checksum "sha256:${sum^^}"
	[ "$status" -eq 0 ]
	cmp raw out
	kvm_image import raw other --checksum "md5:$sum"
	[ "$status" -eq 2 ]
}

@test "kvm-image convert: what is there is replaced with --force only, when the copy is whole" {
	raw_image raw
	echo old >out
	kvm_image convert raw out --format raw
	refused exists 'is there already'
	tool 'echo half >"$part"; echo "qemu-img: out of luck" >&2; exit 1'
	kvm_image convert raw out --format raw --force --kvmrc "$BATS_TEST_TMPDIR/rc"
	refused internal 'out of luck'
	tool 'truncate -s 1M "$part"'
	kvm_image convert raw out --format raw --force --kvmrc "$BATS_TEST_TMPDIR/rc"
	refused internal 'qemu-img made 1048576 bytes of the 5242880'
	tool 'qemu-img "$@"; touch raw'
	kvm_image convert raw out --format raw --force --kvmrc "$BATS_TEST_TMPDIR/rc"
	refused refused 'was changed while it was read'
	# Who changes it and puts its time back: it is not what had the checksum.
	touch -r raw time
	sum=$(sha256sum <raw)
	tool 'qemu-img "$@"; printf x | dd of=raw conv=notrunc status=none; touch -r time raw'
	kvm_image convert raw out --format raw --force --checksum "sha256:${sum%% *}" --kvmrc "$BATS_TEST_TMPDIR/rc"
	refused refused 'was changed while it was read'
	tool 'echo "qemu-img: error while writing: Disk quota exceeded" >&2; exit 1'
	kvm_image convert raw out --format raw --force --kvmrc "$BATS_TEST_TMPDIR/rc"
	refused no-space 'Disk quota exceeded'
	[ "$(cat out)" = old ]
	kvm_image convert raw out --format raw --force
	[ "$status" -eq 0 ]
	cmp raw out
	kvm_image convert raw raw --format raw --force
	[ "$status" -eq 2 ]
}

@test "kvm-image convert: killed in the middle it leaves no image, and the next run clears up" {
	raw_image raw
	tool 'echo half >"$part"; echo $$ >pid; kill -KILL $PPID; exec sleep 60'
	kvm_image convert raw out --format raw --kvmrc "$BATS_TEST_TMPDIR/rc"
	[ "$status" -eq 137 ]
	[ ! -e out ]
	[ -e .out.kvm-image ]
	has_ended "$(cat pid)"
	kvm_image convert raw out --format raw
	[ "$status" -eq 0 ]
	cmp raw out
	no_part
	rm out
	tool 'echo half >"$part"; kill -TERM $PPID; exec sleep 60'
	kvm_image convert raw out --format raw --kvmrc "$BATS_TEST_TMPDIR/rc"
	refused cancelled 'qemu-img was cancelled'
	[ ! -e out ]
}

@test "kvm-image convert: qemu-img has limits on address space and CPU time" {
	raw_image raw
	tool 'for _ in {1..200}; do [ "$(ulimit -t)" = unlimited ] || break; sleep 0.1; done
		echo "$(ulimit -v) $(ulimit -t)" >limits; exec qemu-img "$@"'
	kvm_image convert raw out --format raw --kvmrc "$BATS_TEST_TMPDIR/rc"
	[ "$status" -eq 0 ]
	[ "$(cat limits)" = '8388608 60' ]
}

@test "kvm-image convert: a dry run prints qemu-img with both formats; a terminal shows how far it is" {
	raw_image raw
	kvm_image convert raw out --format qcow2 --dry-run
	[ "$status" -eq 0 ]
	[[ $output == "would run: qemu-img convert -p -f raw -O qcow2 -T "*" -t "*" $PWD/raw $PWD/.out.kvm-image" ]]
	[ "$(ls)" = raw ]
	script -qec "'$KVM_IMAGE' convert raw out --format qcow2" /dev/null >shown
	grep -qE 'converting \[#* *\] +[0-9]+% .* of [0-9.]+ KiB, .*/s, .* left' shown
	qemu-img compare -q -f raw -F qcow2 raw out
}

# bats test_tags=root
@test "kvm-image convert: a file system without room is left as it was" {
	raw_image raw
	mkdir full
	mount -t tmpfs -o size=128k tmpfs full
	kvm_image convert raw full/out --format raw
	umount full
	refused no-space 'cannot make'
}

@test "a program of LVM or Ceph that is not there says nothing about a volume, and what to install is named" {
	echo RBD=/nowhere/rbd >rc
	for command in info remove; do
		kvm_image $command rbd:one/disk --kvmrc rc
		refused config 'cannot run rbd for rbd:one/disk: '
		[[ $stderr == *'(hint: install ceph-common)'* ]]
	done
	echo QEMU_IMG=/nowhere/qemu-img >rc
	truncate -s 1M raw
	kvm_image convert raw made --format qcow2 --from raw --kvmrc rc
	refused config 'cannot run qemu-img for '
	[ ! -e made ]
}

@test "kvm-image: a link that is put in the place of an unfinished image is not written to, whoever fills it" {
	local asked
	raw_image raw
	qemu-img convert -f raw -O qcow2 raw raw.qcow2
	printf precious >victim
	printf '#!/bin/bash\nif [ "$1" = create ] || [ "$1" = convert ]; then mv .out.kvm-image moved; ln -s victim .out.kvm-image; fi\nexec qemu-img "$@"\n' \
		>"$BATS_TEST_TMPDIR/swap"
	chmod +x "$BATS_TEST_TMPDIR/swap"
	echo "QEMU_IMG=$BATS_TEST_TMPDIR/swap" >"$BATS_TEST_TMPDIR/rc"
	for asked in 'create out --format qcow2 --size 1M' 'create out --format raw --size 1M' 'convert raw out --format qcow2' 'import raw.qcow2 out --format raw'; do
		rm -f .out.kvm-image
		# shellcheck disable=SC2086
		kvm_image $asked --kvmrc "$BATS_TEST_TMPDIR/rc"
		[ "$status" -eq 1 ] && [[ $stderr == *"$PWD/.out.kvm-image was replaced by another program [refused]"* ]] || { echo "$asked: $stderr"; return 1; }
		[ "$(cat victim)" = precious ] && [ ! -e out ] && [ -s moved ]
	done
}

@test "kvm-image: a kvmrc that is named must be there, but for the one of the set that the program is of" {
	local file
	raw_image image
	for file in missing "$PWD" etc/vmm/kvm/kvmrc; do
		kvm_image info image --kvmrc "$file"
		refused config "cannot read $file: "
		[ -z "$output" ]
	done
	# Actions, and the front-end, name that of a host, which may have none.
	mkdir -p set/vmm
	cp "$KVM_IMAGE" set/vmm/kvm-image
	run --separate-stderr set/vmm/kvm-image info image --kvmrc "$PWD/set/etc/vmm/kvm/kvmrc"
	[ "$status" -eq 0 ] && [[ $stderr == *'/set/etc/vmm/kvm/kvmrc: No such file or directory; using defaults' ]]
}
