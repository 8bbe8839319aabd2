# SPDX-License-Identifier: Apache-2.0
# lock.bats - the lock of a VM: two of ours exclude each other, nobody else can take it.
load helper
load node

# A VM of this machine's tests alone.
setup() {
	cd "$BATS_TEST_TMPDIR" || return
	NUMBER=$((4000000 + $$))
	sed "s/one-5\b/one-$NUMBER/g; s|/0/5]|/0/$NUMBER]|" "${LIBVIRT_URI#test://}" >node.xml
	export LIBVIRT_URI=test://$PWD/node.xml
	HASH=$(printf %s "one-$NUMBER" | sha256sum | cut -d' ' -f1)
}

teardown() {
	[ -z "${holder:-}" ] || kill "$holder" 2>/dev/null || true
}

# The lock's file, once an action has made it.
lock_file() {
	local file
	for file in "/run/one/vm-locks/$HASH" ~/.vmmexec-locks-*/"$HASH"; do
		[ ! -e "$file" ] || { echo "$file"; return; }
	done
	return 1
}

hold() {
	flock "$1" sh -c 'echo held; exec sleep 600' >held 3>&- &
	holder=$!
	wait_for test -s held
}

@test "lock: the holder of a VM's lock is named, and the lock ends with the holder, however that ends" {
	local file
	action shutdown "one-$NUMBER"
	assert_success
	file=$(lock_file)
	[ "$(stat -c %a "$file")" = 600 ]
	[ "$(stat -c %a "$(dirname "$file")")" = 700 ]
	hold "$file"
	action shutdown --deadline $((2 * PACE)) "one-$NUMBER"
	echo "$stderr"
	assert_failure 1
	[[ $(error_message) =~ "domain one-$NUMBER is being worked on by "[a-z]+" (process "[0-9]+") [busy]" ]]
	kill -9 "$holder"
	pkill -9 -P "$holder" || true
	fuser -k -9 "$file" >/dev/null 2>&1 || true
	action shutdown --deadline $((5 * PACE)) "one-$NUMBER"
	assert_success
}

@test "lock: the holder of a file with the same inode number on another file system is not named" {
	[ "$EUID" -eq 0 ]
	mkdir -p other
	cat >as.sh <<-'END'
		mkdir -p /run/one
		mount -t tmpfs -o mode=755 none /run/one && mount -t tmpfs none other || exit
		"$1" "$2" && file=$(ls /run/one/vm-locks/*) && number=$(stat -c %i "$file") || exit
		until same=$(find other -inum "$number" | grep .); do : >other/$((n += 1)); done
		# Of two that were taken on one processor the kernel lists the later one first.
		cpu=$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')
		for held in "$file" "$same"; do
			rm -f held
			taskset -c "$cpu" flock "$held" sh -c 'echo held; exec sleep 600' >held 3>&- &
			pids+=($!)
			until [ -s held ]; do sleep 0.05; done
		done
		"$1" --deadline $((2 * PACE)) "$2"
		fuser -k -9 "$file" "$same" >/dev/null 2>&1
		echo "held by ${pids[*]}"
	END
	run unshare -m bash as.sh "$REMOTES/shutdown" "one-$NUMBER"
	echo "$output"
	[[ $output =~ "held by "([0-9]+) ]]
	assert_output --partial "is being worked on by flock (process ${BASH_REMATCH[1]}) [busy]"
}

@test "lock: a second action waits for the first one" {
	local file
	action shutdown "one-$NUMBER"
	file=$(lock_file)
	flock "$file" sh -c 'echo held; sleep 1; echo done >first' >held 3>&- &
	wait_for test -s held
	action shutdown --deadline $((20 * PACE)) "one-$NUMBER"
	assert_success
	[ -e first ]
}

@test "lock: another user reaches neither the file nor its directory, and no abstract socket is taken for our lock" {
	local file
	[ "$EUID" -eq 0 ]
	action shutdown "one-$NUMBER"
	file=$(lock_file)
	never setpriv --reuid 65534 --regid 65534 --clear-groups cat "$file"
	never setpriv --reuid 65534 --regid 65534 --clear-groups flock -n "$file" true
	never setpriv --reuid 65534 --regid 65534 --clear-groups flock -n "$(dirname "$file")" true
	# Our python3 cannot be run by user 65534, so it starts as root and becomes that user.
	python3 -c "
import os, socket, time
os.setgroups([]); os.setgid(65534); os.setuid(65534)
s = socket.socket(socket.AF_UNIX); s.bind('\0vmmexec/vm/$HASH'); s.listen(64); print('held', flush=True); time.sleep(60)" >held 3>&- &
	holder=$!
	wait_for test -s held
	action shutdown --deadline $((5 * PACE)) "one-$NUMBER"
	assert_success
}

@test "lock: root's and our user's actions exclude each other, with /run/one and without" {
	[ "$EUID" -eq 0 ]
	# A user of its own gets a directory in place of /run, and a home.
	mkdir -p run home bin
	chmod 755 . run bin
	chown 12345 run home
	cp "$REMOTES/shutdown" bin/
	chown -R 12345 bin
	chmod 644 node.xml
	cat >as.sh <<-'END'
		mount --bind "$1/run" /run && mount --make-private /run
		sed "s|^nobody:.*|&\nvmmuser:x:12345:12345::$1/home:/bin/sh|" /etc/passwd >"$1/passwd" && mount --bind "$1/passwd" /etc/passwd
		run() { setpriv --reuid "$1" --regid 12345 --clear-groups env "LIBVIRT_URI=$LIBVIRT_URI" bin/shutdown --deadline $(($2 * PACE)) "$3"; }
		for first in 12345 0; do
			other=$((12345 - first))
			for dir in none run; do
				rm -rf run/one home/.vmm* held
				[ $dir = none ] || { mkdir run/one; chown 12345 run/one; }
				chmod 755 run; [ $dir = run ] || chown 0 run
				run $first 20 "$2" || exit
				file=$(ls run/one/vm-locks/* home/.vmmexec-locks-*/* 2>/dev/null | head -n 1)
				setpriv --reuid $first --regid 12345 --clear-groups flock "$file" sh -c 'echo held; exec sleep 600' >held 3>&- &
				for _ in $(seq 2000); do [ ! -s held ] || break; sleep 0.05; done
				run $other 2 "$2" 2>err && { echo "not excluded: $first $dir $file"; exit 1; }
				grep -q 'is being worked on by' err || { cat err; exit 1; }
				fuser -k -9 "$file" >/dev/null 2>&1
				run $other 20 "$2" || exit
				run $first 20 "$2" || exit
			done
		done
	END
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/.."
	run unshare -m bash as.sh "$PWD" "one-$NUMBER"
	echo "$output"
	assert_success
}

@test "lock: exec without /run/one, or with one of another owner, says whose it must be and what creates it" {
	[ "$EUID" -eq 0 ]
	mkdir -p run bin
	cp "$REMOTES/exec" bin/
	chmod 644 node.xml
	chmod 755 . run bin "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR/.."
	cat >as.sh <<-'END'
		mount --bind "$1/run" /run && mount --make-private /run
		try() { setpriv --reuid 65534 --regid 65534 --clear-groups env "LIBVIRT_URI=$LIBVIRT_URI" bin/exec "$1" h '/bin/true'; }
		try "$2"; mkdir -m 755 /run/one; try "$2"
	END
	run unshare -m bash as.sh "$PWD" "$NUMBER"
	echo "$output"
	assert_output --partial "cannot make directory /run/one: Permission denied [permission] (hint: /run/one must be nobody's: as root, write 'd /run/one 0755 nobody nobody -' to /etc/tmpfiles.d/vmmexec.conf and run systemd-tmpfiles --create)"
	assert_output --partial "cannot open /run/one/.exec-lock: Permission denied [permission] (hint: /run/one, which belongs to root, must be nobody's: as root"
}
