# SPDX-License-Identifier: Apache-2.0
# bats file_tags=fast
# kvm_host_check.bats - kvm-host-check: asks all hosts at once, prints one table, and names what no host said.
load helper

CHECK=$BUILD/drivers/kvm_host_check/kvm-host-check

# Hosts are directories here: @HOST@ in the remote directory becomes the host's name.
setup() {
	cd "$BATS_TEST_TMPDIR" || return
	export ONE_LOCATION=$PWD PATH=$PWD/bin:$PATH
	mkdir -p var/remotes bin
	echo "SCRIPTS_REMOTE_DIR=$PWD/@HOST@/one" >var/config
	echo 7.0.0 >var/remotes/VERSION
	cat >bin/ssh <<-'EOF'
	#!/bin/bash
	echo "$*" >>"$ONE_LOCATION/ssh.log"
	while [[ $1 == -* ]]; do case $1 in --) shift; break ;; -o) shift 2 ;; *) shift ;; esac; done
	host=$1
	shift
	[ ! -e "$ONE_LOCATION/no-ssh-$host" ] || { echo "ssh: connect to host $host port 22: No route to host" >&2; exit 255; }
	[ ! -e "$ONE_LOCATION/hangs-$host" ] || exec sleep 600
	text=$*
	exec bash -c "${text//@HOST@/$host}"
	EOF
	chmod +x bin/ssh
}

# host NAME [CHECKS [SECONDS [CPU]]]: a host whose host_check says that; its clock is ahead by SECONDS.
host() {
	local result=ok
	[[ ${2:-} != *'"warn"'* ]] || result=warn
	[[ ${2:-} != *'"fail"'* ]] || result=fail
	mkdir -p "$1/one/vmm/kvm"
	cat >"$1/one/vmm/kvm/host_check" <<-END
		#!/bin/bash
		printf '%s\n' "\$@" >$PWD/$1/args
		cat >$PWD/$1/stdin
		echo '{"result":"$result","version":"${VERSION:-$(version)}","set_version":"${SET:-7.0.0}","time_ms":'\$((\${EPOCHREALTIME%%.*} + ${3:-0}))'000,"cpu":{${4:-}},"checks":[${2:-}]}'
	END
	chmod +x "$1/one/vmm/kvm/host_check"
}

version() { "$CHECK" --version | cut -d' ' -f2; }

FAULT='{"id":"kvm-device","result":"fail","found":"/dev/kvm is not there","hint":"load it","commands":["modprobe -a kvm kvm-amd"]}'

@test "one line a host when all is well" {
	host h1 '{"id":"cpu-virt","result":"ok","found":"the processor has svm","commands":[]}'
	host h2 '{"id":"iommu","result":"info","found":"no IOMMU","commands":["x"]}'
	run --separate-stderr "$CHECK" h1 h2
	[ "$status" -eq 0 ]
	[ "$(sed '$d' <<<"$output" | sort)" = $'OK    h1  fit\nOK    h2  fit' ]
	[ "${lines[2]}" = '2 hosts: 2 fit, 0 not fit, 0 unknown' ]
	[ -z "$stderr" ]
	run "$CHECK" --verbose h1
	[ "${lines[0]}" = 'OK    h1  cpu-virt      the processor has svm' ]
}

@test "a fault is a line with its hint and the command below; the status is 1" {
	host h1
	host h2 "$FAULT"
	run --separate-stderr "$CHECK" h1 h2
	[ "$status" -eq 1 ]
	grep -qx 'FAIL  h2  kvm-device    /dev/kvm is not there (hint: load it)' <<<"$output"
	grep -qx '        modprobe -a kvm kvm-amd' <<<"$output"
	[ "${lines[-1]}" = '2 hosts: 1 fit, 1 not fit, 0 unknown' ]
}

@test "a host that cannot be reached, or has no host_check, is unknown: status 3, and what may cure it" {
	host h1
	mkdir h3
	touch no-ssh-h2
	run --separate-stderr "$CHECK" h1 h2 h3
	[ "$status" -eq 3 ]
	grep -q '^?     h2  ssh           .*No route to host' <<<"$output"
	grep -qx '        ssh -v h2 true' <<<"$output"
	grep -qx '?     h3  ssh           it has no host_check' <<<"$output"
	grep -qx '        kvm-sync-hosts h3' <<<"$output"
	# A certain fault is worse.
	host h3 "$FAULT"
	run "$CHECK" h1 h2 h3
	[ "$status" -eq 1 ]
}

@test "output that is not an answer is not taken for one" {
	mkdir -p h1/one/vmm/kvm
	for text in '' '{' '[]' '{"checks":3}' 'hello'; do
		printf '#!/bin/sh\necho %q\n' "$text" >h1/one/vmm/kvm/host_check
		chmod +x h1/one/vmm/kvm/host_check
		run --separate-stderr "$CHECK" h1
		[ "$status" -eq 3 ]
		[[ $output == '?     h1  ssh           its answer is not JSON'* ]]
	done
}

@test "a host that hangs delays no other host's line, and is ended at its time limit" {
	host h1
	touch hangs-h2
	"$CHECK" --timeout 600 h2 h1 >out 3>&- &
	pid=$!
	wait_for test -s out
	kill "$pid"
	kill -KILL $(ours '^sleep ') 2>/dev/null || true
	grep -qx 'OK    h1  fit' out
	run "$CHECK" --timeout 1 h2 h1
	[ "$status" -eq 3 ]
	grep -qx '?     h2  ssh           no answer in time' <<<"$output"
}

@test "a clock that differs for certain, and a set of another version, are warned of" {
	host h1 '' 100
	host h2 '' -100
	SET=6.10.0 host h3
	host h4
	run "$CHECK" h1 h2 h3 h4
	[ "$status" -eq 0 ]
	grep -qE "^WARN  h1  clock         its clock is at least [0-9.]+ s ahead the front-end's" <<<"$output"
	grep -qE "^WARN  h2  clock         its clock is at least [0-9.]+ s behind the front-end's" <<<"$output"
	grep -q "^WARN  h3  set-version   it has the set of vmmexec $(version) and OpenNebula 6.10.0, here are $(version) and 7.0.0" <<<"$output"
	grep -qx '        kvm-sync-hosts h3' <<<"$output"
	grep -qx 'OK    h4  fit' <<<"$output"
}

@test "clocks of two hosts that differ, each near enough to the front-end's" {
	local ahead try
	for ahead in 1800:h1 -1800:h2; do
		host "${ahead#*:}"
		sed -i "s/'\$((.*))'000/'\$((\${EPOCHREALTIME\/.\/} \/ 1000 + ${ahead%:*}))'/" "${ahead#*:}/one/vmm/kvm/host_check"
	done
	# What the way takes is no certain difference.
	for try in {1..20}; do
		run "$CHECK" h1 h2
		[[ $output != *'to h2: its clock is at least '[23]*' s ahead (hint: use NTP'* ]] || break
	done
	[[ $output == *'WARN  h1  pair          to h2: its clock is at least '* ]]
	[ "$status" -eq 0 ]
	run "$CHECK" --json h1 h2
	[ "$(jq '.hosts | length' <<<"$output")" -eq 2 ]
	host h1
	host h2
	run "$CHECK" h1 h2
	[[ $output != *pair* ]]
}

@test "--json: one object with all hosts" {
	host h1
	host h2 "$FAULT"
	touch no-ssh-h3
	run --separate-stderr "$CHECK" --json h1 h2 h3
	[ "$status" -eq 1 ]
	[ "$(jq -c '[.result, (.hosts[] | [.host, .result, (.checks | length), (.error // "" | length > 0)])]' <<<"$output")" = \
		'["fail",["h1","ok",0,false],["h2","fail",1,false],["h3","unknown",0,true]]' ]
}

@test "options and the VM document reach each host" {
	host h1
	host h2
	echo '<VM/>' >vm.xml
	"$CHECK" --only kvm-device,sev --require sev --type qemu --arch aarch64 --storage 'lvm:a b' --vm vm.xml h1 h2
	diff h1/args - <<-'END'
		--json
		--only=kvm-device,sev
		--require=sev
		--type=qemu
		--arch=aarch64
		--storage=lvm:a b
		--vm=-
	END
	[ "$(cat h2/stdin)" = '<VM/>' ]
}

@test "--pairs: each host is asked about each other, processors and machine types are compared" {
	host h1 '' 0 '"arch":"x86_64","vendor":"AMD","model":"EPYC","features":"avx svm","machines":"q35 pc"'
	host h2 '' 0 '"arch":"x86_64","vendor":"AMD","model":"EPYC","features":"avx svm","machines":"q35 pc"'
	run "$CHECK" --pairs h1 h2
	[ "$status" -eq 0 ]
	[ "$(cat h1/args)" = $'--json\n--peer=h2' ]
	never grep -q pair <<<"$output"
	host h2 '' 0 '"arch":"x86_64","vendor":"AMD","model":"EPYC-Rome","features":"avx","machines":"q35"'
	host h3 '' 0 '"arch":"x86_64","vendor":"Intel","model":"Haswell","features":"avx","machines":"q35 pc"'
	run "$CHECK" --pairs h1 h2 h3
	[ "$status" -eq 1 ]
	grep -q '^WARN  h1  pair          to h2: the processors are EPYC and EPYC-Rome, the second lacks svm (hint: ' <<<"$output"
	grep -q '^WARN  h1  pair          to h2: the second has no machine types pc (hint: ' <<<"$output"
	grep -q '^FAIL  h1  pair          to h3: the processors are of AMD and Intel' <<<"$output"
	run "$CHECK" --pairs --json h1 h2
	[ "$status" -eq 0 ]
	[ "$(jq -c '[.pairs[] | select(.from == "h1") | .result]' <<<"$output")" = '["warn","warn"]' ]
}

@test "--pairs: the hosts of the list do not all log in to the first one first" {
	for i in 1 2 3; do host h$i; done
	run "$CHECK" --pairs h1 h2 h3
	[ "$(cat h1/args h2/args h3/args)" = $'--json\n--peer=h2\n--peer=h3\n--json\n--peer=h3\n--peer=h1\n--json\n--peer=h1\n--peer=h2' ]
}

@test "host_check --peer: one that hangs delays no other's login" {
	# h1 answers only when all others have been reached.
	cat >bin/ssh <<-'EOF'
	#!/bin/bash
	[ "$1" != -G ] || exit 0
	while [[ $1 == -* ]]; do case $1 in --) shift; break ;; -o) shift 2 ;; *) shift ;; esac; done
	echo "$1" >>"$ONE_LOCATION/reached"
	while [ "$1" = h1 ] && [ "$(grep -c 'h[2-5]' "$ONE_LOCATION/reached")" -lt 4 ]; do sleep 0.02; done
	EOF
	run "$REMOTES/host_check" --only peer --peer h1 --peer h2 --peer h3 --peer h4 --peer h5
	[[ $output == *'no libvirt of h5: '* ]]
	[[ $output != *'no ssh to'* ]]
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
	host h1
	host h2
	run "$CHECK" --cluster prod
	[ "$status" -eq 0 ]
	[ "$output" = 'OK    h2  fit' ]
	run "$CHECK" --all
	[ "${lines[-1]}" = '2 hosts: 2 fit, 0 not fit, 0 unknown' ]
}

@test "50 hosts with the real host_check" {
	local h hosts=()
	mkdir -p root/proc
	for h in {1..50}; do
		mkdir -p "n$h/one/vmm/kvm"
		printf '#!/bin/sh\nexec %q --sysroot %q "$@"\n' "$REMOTES/host_check" "$PWD/root" >"n$h/one/vmm/kvm/host_check"
		chmod +x "n$h/one/vmm/kvm/host_check"
		hosts+=("n$h")
	done
	run --separate-stderr "$CHECK" --only cpu-virt,guestfs --require guestfs "${hosts[@]}"
	[ "$status" -eq 1 ]
	[ "$(grep -c '^FAIL  n[0-9]* *guestfs  ' <<<"$output")" -eq 50 ]
	[ "${lines[-1]}" = '50 hosts: 0 fit, 50 not fit, 0 unknown' ]
}

@test "hosts that OpenNebula does not name could not be told; that is no misuse" {
	printf '#!/bin/sh\necho "no such zone" >&2\nexit 1\n' >bin/onehost
	chmod +x bin/onehost
	run "$CHECK" --all
	[ "$status" -eq 3 ]
	[[ $output == 'kvm-host-check: onehost failed with status 1: no such zone ['* ]]
	run "$CHECK" --all h1
	[ "$status" -eq 2 ]
}

# bats test_tags=root
@test "a set that another user of the host has made is not run" {
	host h1
	chmod 755 . "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR/.."
	chmod 777 h1
	sed -i 's|^exec bash -c|exec setpriv --reuid 12345 --regid 12345 --clear-groups bash -c|' bin/ssh
	run "$CHECK" h1
	[ "$status" -eq 0 ]
	rm h1/args
	chown -R 65534 h1/one
	run "$CHECK" h1
	[ "$status" -eq 3 ]
	[[ $output == *"host_check failed with status 126: $PWD/h1/one belongs to another user"* ]]
	[ ! -e h1/args ]
	chown -R 12345 h1/one
	run "$CHECK" h1
	[ "$status" -eq 0 ]
}

@test "a host's time is a number of any size" {
	for time in -9223372036854775808 9223372036854775807 -1e300 1e300; do
		mkdir -p h1/one/vmm/kvm
		printf '#!/bin/sh\necho \x27{"checks":[],"result":"ok","time_ms":%s}\x27\n' $time >h1/one/vmm/kvm/host_check
		chmod +x h1/one/vmm/kvm/host_check
		cp -r h1 h2
		run --separate-stderr "$CHECK" --pairs --json h1 h2
		[ "$status" -le 1 ]
		jq -e '.hosts | length == 2' <<<"$output"
	done
}

@test "what a host answers forges no line, and moves no cursor" {
	host h1 '{"id":"x\u001b[2Jy\nOK    h2  fit","result":"fail","found":"a\n\u001b[1mb","hint":"c\nd","commands":["\u001b[3me\nf",null,3]},null,3,"x"'
	run --separate-stderr "$CHECK" h1
	[ "$status" -eq 1 ]
	[ "${lines[0]}" = 'FAIL  h1  x [2Jy OK h2 fit a [1mb (hint: c d)' ]
	[ "${lines[1]}" = '        [3me f' ]
	[[ $output != *$'\033'* ]]
	never grep -qv '^        \|^[A-Z?]*  *h1' <<<"$output"
}

@test "misuse: no host, what could be an option for ssh, a check that is none" {
	run "$CHECK"
	[ "$status" -eq 2 ]
	run "$CHECK" -- -oProxyCommand=x
	[ "$status" -eq 2 ]
	[[ $output == *"'-oProxyCommand=x' is not a host name"* ]]
	run "$CHECK" --remote-dir relative h1
	[ "$status" -eq 2 ]
	run "$CHECK" --vm nowhere h1
	[ "$status" -eq 2 ]
	[ ! -e ssh.log ]
}
