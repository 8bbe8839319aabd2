# SPDX-License-Identifier: Apache-2.0
# bats file_tags=fast
# sync.bats - kvm-sync-hosts: hosts have the old set or the new one, whole, at any moment.
load helper

SYNC=$BUILD/drivers/kvm_sync_hosts/kvm-sync-hosts

# Hosts are directories here: @HOST@ in the remote directory becomes the host's name.
setup() {
	cd "$BATS_TEST_TMPDIR" || return
	export ONE_LOCATION=$PWD PATH=$PWD/bin:$PATH
	mkdir -p var/remotes/vmm/kvm var/remotes/tm/qcow2 bin
	echo "SCRIPTS_REMOTE_DIR=$PWD/@HOST@/one" >var/config
	cp "$BUILD/remotes/vmm/relay" var/remotes/vmm/relay
	printf '#!/bin/sh\necho 1\n' >var/remotes/vmm/kvm/deploy
	chmod +x var/remotes/vmm/kvm/deploy
	ln -s deploy var/remotes/vmm/kvm/link
	echo '7.0.0' >var/remotes/VERSION
	head -c 300000 /dev/urandom >"var/remotes/tm/qcow2/a name with blanks and 'quotes'"
	mkdir -p "var/remotes/$(printf 'deep%.0s' {1..30})"
	echo deep >"var/remotes/$(printf 'deep%.0s' {1..30})/file"
	cat >bin/ssh <<-'EOF'
	#!/bin/bash
	echo "$*" >>"$ONE_LOCATION/ssh.log"
	while [[ $1 == -* ]]; do case $1 in --) shift; break ;; -o) shift 2 ;; *) shift ;; esac; done
	host=$1
	shift
	[ ! -e "$ONE_LOCATION/no-ssh-$host" ] || { echo "ssh: connect to host $host port 22: No route to host" >&2; exit 255; }
	text=$*
	exec bash -c "${text//@HOST@/$host}" < <(tee >(wc -c >>"$ONE_LOCATION/sent-$host"))
	EOF
	chmod +x bin/ssh
}

# sent HOST: how many bytes it got since forget_sent, by all connections; what counts them may end after the sync.
sent() {
	wait_for eval "[ \"\$(wc -l <sent-$1)\" -eq \"\$(grep -c -- '-- $1 ' ssh.log)\" ]" || return
	awk '{ all += $1 } END { print all }' "sent-$1"
}

forget_sent() {	# HOST
	sent "$1" >/dev/null || return
	rm "sent-$1"
	: >ssh.log
}

same() {	# HOST: has exactly the set
	diff -r --exclude=.vmmexec-manifest var/remotes "$1/one"
	[ -x "$1/one/vmm/kvm/deploy" ]
	[ "$(find "$1" -maxdepth 1 -name 'one.staged*' | wc -l)" -eq 0 ]
}

@test "a new host gets the whole set; the second time next to nothing is sent" {
	run "$SYNC" h1 h2 h3
	echo "$output"
	[ "$status" -eq 0 ]
	for h in h1 h2 h3; do
		same $h
		grep -qE "^\[[123]/3\] $h: updated, 6 files, [0-9.]+ MB" <<<"$output"
	done
	[ ! -L h1/one/vmm/kvm/link ]
	forget_sent h1
	run "$SYNC" h1 h2 h3
	[ "$status" -eq 0 ]
	[ "$(grep -c ': up to date' <<<"$output")" -eq 3 ]
	[ "$(grep -c . ssh.log)" -eq 3 ]
	[ "$(sent h1)" -eq 0 ]
}

@test "--check says who is behind, and sends nothing; --list names the hosts, and asks none" {
	"$SYNC" -q h1 h2
	rm -r h2
	: >ssh.log
	run --separate-stderr "$SYNC" --check h1 h2
	[ "$status" -eq 1 ]
	[[ $output == *'h1: up to date'* ]]
	[[ $output =~ 'h2: behind, 6 files, '[0-9.]+' MB' ]]
	[[ $output == *'1 hosts have it, 1 are behind, 0 failed' ]]
	[ ! -e h2 ]
	run "$SYNC" --check h1
	[ "$status" -eq 0 ]
	: >ssh.log
	run "$SYNC" --list h1 h2
	[ "$status" -eq 0 ]
	[ "$output" = $'h1\nh2' ]
	[ "$("$SYNC" --list --json h1 h2)" = '{"hosts":["h1","h2"]}' ]
	[ ! -s ssh.log ]
}

@test "--json: one object, with numbers, and each error with its class" {
	"$SYNC" -q h1
	touch no-ssh-h3
	run --separate-stderr "$SYNC" --json h1 h2 h3
	[ "$status" -eq 1 ]
	[ -z "$stderr" ]
	[ "$(jq -c '[.failed, .updated], (.hosts | sort_by(.host)[] | [.host, .outcome, .files, (.bytes > 300000), (.elapsed_ms | type), .error.class])' <<<"$output")" = \
		$'[1,1]\n["h1","up-to-date",0,false,"number",null]\n["h2","updated",6,true,"number",null]\n["h3","failed",0,false,"number","connection"]' ]
}

@test "--json: what is wrong before a host is asked is an object, too" {
	local words
	for words in --no-such '' '--timeout 0 h1' '--timeout 4294968 h1' '--parallel 0 h1' '--parallel x h1' '--remote-dir x h1' '--remote-dir / h1'; do
		# shellcheck disable=SC2086
		run -2 --separate-stderr "$SYNC" --json $words
		[ "$(jq -r '.outcome, .error.class' <<<"$output" | xargs)" = 'failed usage' ] || { echo "$words: $output"; return 1; }
		[[ $stderr == 'kvm-sync-hosts: '*' [usage]'* ]] && [ "$(wc -l <<<"$stderr")" -eq 1 ]
		# shellcheck disable=SC2086
		run -2 --separate-stderr "$SYNC" $words
		[ -z "$output" ]
	done
}

@test "on a terminal: a bar while it sends, and a failure is red, unless NO_COLOR" {
	head -c 3000000 /dev/urandom >var/remotes/tm/qcow2/big
	sed -i 's|exec bash -c|sleep 1; &|' bin/ssh
	run script -qec "'$SYNC' h1" /dev/null
	grep -aqE "sending \[[# ]+\] +[0-9]+% .* of [0-9.]+ MiB" <<<"$output"
	[[ $output =~ '[1/1] h1: updated, 7 files' ]]
	touch no-ssh-h2
	run script -qec "'$SYNC' h2" /dev/null
	[[ $output == *$'h2: \e[31mcannot reach it'* ]]
	NO_COLOR=1 run script -qec "'$SYNC' h2" /dev/null
	[[ $output == *'h2: cannot reach it'* ]]
	run "$SYNC" h3
	[[ $output != *sending* ]]
}

@test "only changed files are sent, removed ones are removed, modes are kept" {
	"$SYNC" h1
	echo 'echo 2' >>var/remotes/vmm/kvm/deploy
	chmod +x var/remotes/VERSION
	rm var/remotes/vmm/kvm/link
	forget_sent h1
	run "$SYNC" h1
	[[ $output == *'h1: updated, 2 files'* ]]
	same h1
	[ -x h1/one/VERSION ]
	[ ! -e h1/one/vmm/kvm/link ]
	[ "$(sent h1)" -lt 10000 ]
}

@test "a script that runs on a host keeps its file" {
	printf '#!/bin/sh\n: >"$1.begun"\nuntil [ -e "$1" ]; do sleep 0.02; done\necho old\n' >var/remotes/vmm/kvm/deploy
	"$SYNC" h1
	h1/one/vmm/kvm/deploy "$PWD/go" >answer 3>&- &
	wait_for test -e go.begun
	printf '#!/bin/sh\necho new\n' >var/remotes/vmm/kvm/deploy
	"$SYNC" h1
	touch go
	wait
	[ "$(cat answer)" = old ]
	[ "$(h1/one/vmm/kvm/deploy)" = new ]
}

@test "killed at any moment: the host has one whole set, and the next sync continues" {
	"$SYNC" -q h1
	cp -r var/remotes old
	echo '7.1.0' >var/remotes/VERSION
	head -c 3000000 /dev/urandom >var/remotes/tm/qcow2/big
	for i in {1..15}; do
		setsid "$SYNC" -q h1 &
		pid=$!
		sleep "0.0$((i % 10))$((RANDOM % 10))"
		kill -KILL -- "-$pid" 2>/dev/null || true
		pkill -KILL -f "kvm-sync-hosts $PWD/h1" || true
		wait "$pid" 2>/dev/null || true
		diff -r --exclude=.vmmexec-manifest old h1/one >/dev/null || diff -r --exclude=.vmmexec-manifest var/remotes h1/one
		rm -rf back
		[ ! -e h1/one/tm/qcow2/big ] || { rm -rf h1/one; cp -r old h1/one; }
	done
	"$SYNC" h1
	same h1
}

@test "a file that was changed on a host is replaced: the whole set is sent" {
	"$SYNC" h1
	echo broken >"h1/one/tm/qcow2/a name with blanks and 'quotes'"
	echo new >var/remotes/VERSION
	run "$SYNC" h1
	[ "$status" -eq 0 ]
	same h1
	echo broken >h1/one/VERSION
	"$SYNC" --force h1
	same h1
}

@test "a host that cannot be reached is named with the reason, the others get the set" {
	touch no-ssh-h2
	run --separate-stderr "$SYNC" h1 h2 h3
	[ "$status" -eq 1 ]
	[[ $stderr == *'h2: cannot reach it: ssh: connect to host h2 port 22: No route to host [connection]'* ]]
	[ "${lines[-1]}" = '2 hosts have it (2 updated), 1 failed' ]
	same h1
	same h3
}

@test "two at once: one reports that the other runs, and the set is whole" {
	mkdir h1
	exec 8>h1/one.lock
	flock 8
	run "$SYNC" h1
	[ "$status" -eq 1 ]
	[[ $output == *'another sync is running [busy]'* ]]
	exec 8>&-
	"$SYNC" h1
	same h1
}

# A host whose directory is in one as /var/tmp is, and what any user may make there.
sticky() {	# HOST
	mkdir -p "$1"
	chmod 1777 "$1"
	chmod 755 . "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR/.."
}

stranger() {
	setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
}

# bats test_tags=root
@test "in a sticky directory another user can neither block a sync nor have it write through his links" {
	[ "$EUID" -eq 0 ]
	sticky h1
	echo mine >victim
	for name in one.lock one.staged.want one.staged one.lock.aaaaaa one.staged.aaaaaa one.lock.AAAAAA one.staged.AAAAAA; do
		case $name in
		*A) stranger mkdir -m 777 "h1/$name" ;;
		one.staged) stranger mkdir "h1/$name"; stranger touch "h1/$name/x" ;;
		*) stranger ln -s "$PWD/victim" "h1/$name" ;;
		esac
	done
	stranger flock h1/one.lock.AAAAAA sh -c 'echo held; exec sleep 600' >held 3>&- &
	holder=$!
	wait_for test -s held
	"$SYNC" h1
	diff -r --exclude=.vmmexec-manifest var/remotes h1/one
	[ "$(cat victim)" = mine ]
	[ -e h1/one.staged/x ]
	# The lock that is ours is no stranger's to open, and does its work.
	lock=$(find h1 -maxdepth 1 -name 'one.lock.*' -user root)
	[ "$(wc -l <<<"$lock")" -eq 1 ]
	never stranger flock -n "$lock" true
	stranger flock h1/one sh -c 'echo held; exec sleep 600' >held2 3>&- &
	holders="$holder $!"
	wait_for test -s held2
	echo 8.0.0 >var/remotes/VERSION
	exec 8<"$lock"
	flock 8
	run "$SYNC" h1
	[ "$status" -eq 1 ]
	[[ $output == *'another sync is running'* ]]
	exec 8>&-
	"$SYNC" h1
	diff -r --exclude=.vmmexec-manifest var/remotes h1/one
	[ "$(find h1 -maxdepth 1 -user root -name 'one.staged*' | wc -l)" -eq 0 ]
	kill $holders
}

# bats test_tags=root
@test "in a sticky directory: a set that is another user's is not built upon" {
	[ "$EUID" -eq 0 ]
	sticky h1
	stranger mkdir -p h1/one/vmm/kvm
	stranger sh -c 'echo evil >h1/one/vmm/kvm/deploy; echo "# x" >h1/one/.vmmexec-manifest'
	# As root we become the owner; any other user of ours gets an error.
	"$SYNC" h1
	diff -r --exclude=.vmmexec-manifest var/remotes h1/one
	[ "$(find h1/one ! -user root | wc -l)" -eq 0 ]
	# Nor is one taken for up to date that says so.
	sticky h3
	"$SYNC" h3
	cp -r h3/one evil
	rm -r h3/one
	echo 'echo evil' >>evil/vmm/kvm/deploy
	chown -R 65534 evil
	mv evil h3/one
	run "$SYNC" --check h3
	[ "$status" -eq 1 ]
	"$SYNC" h3
	diff -r --exclude=.vmmexec-manifest var/remotes h3/one
	[ "$(find h3/one ! -user root | wc -l)" -eq 0 ]
	sticky h2
	stranger mkdir -p h2/one
	sed -i 's|^exec bash -c|exec setpriv --reuid 12345 --regid 12345 --clear-groups bash -c|; s|^exec setpriv.*|& #|' bin/ssh
	sed -i 's| < <(tee .*||' bin/ssh
	run "$SYNC" h2
	[ "$status" -eq 1 ]
	[[ $output == *"h2/one belongs to another user [permission]"* ]]
	stranger rmdir h2/one
	mkdir h2/real
	ln -s real h2/one
	run "$SYNC" h2
	[ "$status" -eq 1 ]
	[[ $output == *"h2/one is a link to real [permission]"* ]]
}

# bats test_tags=root
@test "a file of the set that root has made anew on a host does not keep oneadmin's sync out" {
	[ "$EUID" -eq 0 ]
	mkdir h1
	chown 12345 h1
	chmod 755 . "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR/.."
	sed -i 's| < <(tee .*||; s|^exec bash -c|exec setpriv --reuid 12345 --regid 12345 --clear-groups bash -c|' bin/ssh
	"$SYNC" h1
	echo root >new
	mv new h1/one/vmm/kvm/deploy
	echo 8.0.0 >var/remotes/VERSION
	run "$SYNC" h1
	echo "$output"
	[ "$status" -eq 0 ]
	diff -r --exclude=.vmmexec-manifest var/remotes h1/one
	# What cannot be removed is no reason against the new set, nor against the next one.
	mkdir h1/one/roots
	touch h1/one/roots/file
	for version in 9.0.0 10.0.0; do
		echo $version >var/remotes/VERSION
		run "$SYNC" h1
		echo "$output"
		[ "$status" -eq 0 ]
		diff -r --exclude=.vmmexec-manifest var/remotes h1/one
	done
}

@test "a directory that holds other things than a set of scripts is not replaced" {
	mkdir -p h1/one/datastores/0/7 h2/one/vmm h3/one h4
	echo guest >h1/one/datastores/0/7/disk.0
	echo notes >h4/one
	run "$SYNC" h1 h2 h3 h4
	echo "$output"
	[ "$status" -eq 1 ]
	grep -q "h1: .*$PWD/h1/one holds other files than a set of scripts" <<<"$output"
	grep -q "h4: .*$PWD/h4/one holds other files than a set of scripts" <<<"$output"
	[ "$(cat h1/one/datastores/0/7/disk.0)" = guest ]
	[ "$(cat h4/one)" = notes ]
	[ "$(find h1 h4 -name 'one.*' | wc -l)" -eq 0 ]
	same h2
	same h3
}

@test "a directory with a slash at its end is the same directory, also for what lies beside it" {
	"$SYNC" --remote-dir "$PWD/h1/one/" h1
	same h1
	echo 8.0.0 >var/remotes/VERSION
	echo "SCRIPTS_REMOTE_DIR=$PWD/@HOST@/./one//" >var/config
	"$SYNC" h1
	same h1
	[ "$(find h1/one -maxdepth 1 -name '.*' -printf '%f\n')" = .vmmexec-manifest ]
	run "$SYNC" --remote-dir /var/.. h1
	[ "$status" -eq 2 ]
	[[ $output == *"'/var/..' is no directory for a set [usage]"* ]]
}

@test "a host that is named twice gets the set once, and all is well" {
	run "$SYNC" h1 h2 h1
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[-1]}" = '2 hosts have it (2 updated), 0 failed' ]
	same h1
}

@test "what is no set is sent to nobody" {
	for dir in "$PWD/var" var nosuch; do
		run "$SYNC" --dir "$dir" h1
		[ "$status" -eq 1 ]
		[[ $output == "kvm-sync-hosts: cannot send $dir: it is no set of scripts: it has no directory vmm [not-found] (hint: name the set by --dir;"* ]]
	done
	[ ! -e h1 ]
	[ ! -e ssh.log ]
}

@test "what others may not read here, they may not read on a host" {
	mkdir -p var/remotes/etc/market var/remotes/closed/in
	echo secret >var/remotes/etc/market/password
	echo secret >var/remotes/closed/in/open
	printf '#!/bin/sh\n' >var/remotes/etc/program
	chmod 640 var/remotes/etc/market/password
	chmod 750 var/remotes/etc/program
	"$SYNC" h1
	[ "$(cd h1/one && stat -c '%a' etc/market/password etc/program closed/in/open vmm/kvm/deploy VERSION | tr '\n' ' ')" = '600 700 644 755 644 ' ]
	"$SYNC" h1
	chmod 711 var/remotes/closed
	chmod 600 var/remotes/VERSION
	chmod 644 var/remotes/etc/market/password
	chmod 700 var/remotes/closed
	run "$SYNC" h1
	[[ $output == *'h1: updated, 3 files'* ]]
	[ "$(cd h1/one && stat -c '%a' etc/market/password etc/program closed/in/open VERSION | tr '\n' ' ')" = '644 700 600 600 ' ]
	run "$SYNC" h1
	[[ $output == *'h1: up to date'* ]]
}

# bats test_tags=root
@test "a host that is full is named with the reason, and gets its room back" {
	mkdir h1
	mount -t tmpfs -o size=100k none h1
	run "$SYNC" h1
	left=$(find h1 -name 'one*' ! -name 'one.lock*')
	umount h1
	echo "$output"
	[ "$status" -eq 1 ]
	# tar's words of a file that has no room, or not all that it needs.
	[[ $output == *'h1: installing files failed with status 74: tar: '*': '@(*'No space left on device'|'Wrote only '*)' [no-space]'* ]]
	[ -z "$left" ]
}

@test "a host of another platform gets its own build, a missing one is named" {
	own=$(. /etc/os-release; echo "$ID-$VERSION_ID-$(uname -m)")
	echo other-1-sparc >var/remotes/vmm/platform
	run "$SYNC" h1
	[ "$status" -eq 1 ]
	[[ $output == *"it is $own, and there is no build for that in $PWD/var/remotes-builds (here is one for other-1-sparc)"* ]]
	[ ! -e h1/one ]
	mkdir -p "var/remotes-builds/$own/vmm/kvm"
	printf '#!/bin/sh\necho theirs\n' >"var/remotes-builds/$own/vmm/kvm/deploy"
	chmod +x "var/remotes-builds/$own/vmm/kvm/deploy"
	"$SYNC" h1
	[ "$(h1/one/vmm/kvm/deploy)" = theirs ]
	[ "$(cat h1/one/VERSION)" = 7.0.0 ]
}

@test "a directory with other builds that is named must be there" {
	run --separate-stderr -- "$SYNC" --dir "$BUILD/remotes" --builds "$PWD/missing" node1
	[ "$status" -eq 2 ] && [[ $stderr == "kvm-sync-hosts: --builds: '$PWD/missing' is not a directory [usage]"* ]]
}

@test "the platform that a host reports never leads out of the builds directory" {
	mkdir -p evil/x etc
	cat >bin/cat <<-'EOF'
	#!/bin/sh
	[ "$1" != /etc/os-release ] || { printf 'ID=../../evil\nVERSION_ID=x/../..\n'; exit; }
	exec /bin/cat "$@"
	EOF
	chmod +x bin/cat
	echo other-1-sparc >var/remotes/vmm/platform
	run "$SYNC" h1
	[ "$status" -eq 1 ]
	[[ $output == *"it is _./.._evil"* || $output == *"it is _._.._evil-x_.._..-$(uname -m), and there is no build for that"* ]]
	[ ! -e h1/one ]
}

@test "--all and --cluster: the hosts that OpenNebula lists, without those that are offline" {
	cat >bin/onehost <<-'EOF'
	#!/bin/sh
	cat <<-END
	<HOST_POOL><HOST><ID>0</ID><NAME>h1</NAME><STATE>2</STATE><CLUSTER>default</CLUSTER></HOST>
	<HOST><ID>1</ID><NAME>h2</NAME><STATE>2</STATE><CLUSTER>prod</CLUSTER></HOST>
	<HOST><ID>2</ID><NAME>h3</NAME><STATE>8</STATE><CLUSTER>prod</CLUSTER></HOST></HOST_POOL>
	END
	EOF
	chmod +x bin/onehost
	run "$SYNC" --cluster prod
	[ "$status" -eq 0 ]
	same h2
	[ ! -e h1 ]
	run "$SYNC" --all
	[[ $output == *'/2] h1: updated'* ]]
	[ ! -e h3 ]
	run "$SYNC" --cluster nosuch
	[ "$status" -eq 1 ]
	[ "$output" = "kvm-sync-hosts: no host that is not offline is in cluster 'nosuch' [not-found] (hint: see onehost list)" ]
	run "$SYNC" --all h1
	[ "$status" -eq 2 ]
	[[ $output == *'either hosts are named, or --all or --cluster is given [usage]'* ]]
	rm bin/onehost
	run "$SYNC" --all
	[ "$status" -eq 1 ]
	[[ $output == *'onehost: No such file or directory [not-found] (hint: run it on the front-end, as oneadmin, or name the hosts)' ]]
}

@test "what cannot be printed is an error, and said, unless the reader has gone" {
	local words
	for words in '--list h1' 'h1' '--json h1'; do
		# shellcheck disable=SC2086
		run --separate-stderr bash -c '"$@" >/dev/full' - "$SYNC" $words
		[ "$status" -eq 1 ]
		[[ $stderr == 'kvm-sync-hosts: cannot write standard output: '*' ['*']'* ]]
	done
	run --separate-stderr bash -c '{ sleep 1; "$@"; echo $? >status; } | true' - "$SYNC" --list h1
	[ "$(cat status)" -eq 1 ]
	[ -z "$stderr" ]
}

@test "misuse: no host, or what could be an option for ssh" {
	run "$SYNC"
	[ "$status" -eq 2 ]
	run "$SYNC" -- -oProxyCommand=x
	[ "$status" -eq 2 ]
	[[ $output == *"'-oProxyCommand=x' is not a host name"* ]]
	run "$SYNC" --remote-dir relative h1
	[ "$status" -eq 2 ]
	[ ! -e ssh.log ]
}
