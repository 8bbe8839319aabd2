# SPDX-License-Identifier: Apache-2.0
# bats file_tags=fast
# vmmexec.bats - the actions by hand: on an invented node, with programs that only say what they were
# asked, and on a host behind a stub of ssh. Real guests are in tests/lab/vmmexec.bats.
load helper
load node

VMMEXEC=$BUILD/drivers/vmmexec/vmmexec

vmmexec() {
	run --separate-stderr -- "$VMMEXEC" --dir "$BUILD/remotes" "$@"
}

# on_terminal COMMAND...: what a person sees, without kvmrc's absence and carriage returns.
on_terminal() {
	run script -qec "'$VMMEXEC' $*" /dev/null
	output=$(tr -d '\r' <<<"$output" | grep -v 'kvmrc: No such file')
}

# stub ACTION SCRIPT: a program of that name below ./set, which is noted with its words and input.
stub() {
	mkdir -p set/vmm/kvm
	printf '#!/bin/bash\nprintf "%%s\\n" "${0##*/}" "$@" >>%q\ncat >%q\n%s\n' "$PWD/calls" "$PWD/input" "$2" >"set/vmm/kvm/$1"
	chmod 755 "set/vmm/kvm/$1"
}

stubbed() {
	rm -f calls
	run --separate-stderr -- "$VMMEXEC" --dir "$PWD/set" "$@"
}

# signalled SIGNAL: sends it to vmmexec, process $pid, once its action is up; it fails then.
signalled() {
	local begin=$SECONDS rc=0
	until [ -e up ] || late "$begin" 10; do sleep 0.05; done
	kill -"$1" $pid
	wait $pid || rc=$?
	[ "$rc" -eq 1 ]
}

DONE='echo "{\"action\":\"x\",\"outcome\":\"done\",\"output\":\"\"}"'

@test "vmmexec: list is a table, --names the names, --json objects" {
	vmmexec list
	assert_success
	assert_line --index 0 --regexp '^VM +STATE +CPU +MEMORY +RECEIVED +SENT$'
	assert_line --index 1 --regexp '^one-5  running +([0-9.]+%|-) +- +0 bytes +0 bytes$'
	assert_line --index 2 --regexp '^one-6  paused'
	vmmexec list --names
	assert_output $'one-5\none-6\nx"y'
	vmmexec list --json
	run jq -c '.outcome, (.vms | length), (.vms[0].vm_id | type)' <<<"$output"
	assert_output $'"done"\n3\n"number"'
}

@test "vmmexec: show takes a number, a name or a UUID" {
	local vm
	for vm in 5 one-5 "$(uuid 5)"; do
		vmmexec show "$vm"
		assert_success
		assert_line --regexp '^VM +one-5$'
		assert_line --regexp "^Title +it's \"one-5\" <b> ✓$"
		assert_line --regexp "^Directory +$BATS_FILE_TMPDIR/file/0/5$"
		assert_line --regexp '^Memory +- used, 64.0 MiB at most$'
	done
	vmmexec show 7
	assert_failure 1
	[ "$stderr" = "$(grep -F kvmrc <<<"$stderr")"$'\nvmmexec: there is no running VM one-7 [not-found] (hint: vmmexec list shows those of a host)' ]
}

@test "vmmexec: success is silent in a pipe, one line with the time on a terminal" {
	vmmexec reset 5
	assert_success
	assert_output ''
	on_terminal --dir "$BUILD/remotes" reset 5
	assert_output --regexp $'^\e\\[32mone-5: restarted\e\\[0m \\([0-9.]+ s\\)$'
	on_terminal --dir "$BUILD/remotes" reset 5 --quiet
	assert_output ''
}

@test "vmmexec: NO_COLOR and TERM=dumb" {
	NO_COLOR=1 on_terminal --dir "$BUILD/remotes" reset 5
	assert_output --regexp '^one-5: restarted \([0-9.]+ s\)$'
	TERM=dumb on_terminal --dir "$BUILD/remotes" reset 5
	assert_output --regexp '^one-5: restarted \([0-9.]+ s\)$'
}

@test "vmmexec: an error is reported once, with class and hint" {
	vmmexec reboot 99
	assert_failure 1
	[ "$(grep -c 'cannot find domain one-99' <<<"$stderr")" -eq 1 ]
	[[ $stderr == *'vmmexec: reboot: cannot find domain one-99: Domain not found [not-found] (hint: vmmexec list shows those of a host)' ]]
	vmmexec reboot 99 --connect "$NOWHERE"
	assert_failure 1
	[[ $stderr == *'[connection] (hint: '* ]]
}

@test "vmmexec: misuse is status 2, in JSON, too" {
	local line
	for line in '' frob reboot 'reboot 5 6' 'attach-disk 5' 'attach-nic 5' 'resize 5' 'restore relative' 'reboot 5 --file x' \
		'resize 5 --memory 2X' 'resize 5 --memory 1K' 'resize 5 --vcpus 0' 'attach-disk 5 --file a.b' 'exec x"y id' 'deploy vm.xml' \
		'attach-disk 5 --file a.img --target vd1' 'detach-disk 5 /a/b.qcow2' 'detach-nic 5 br0' 'attach-nic 5 --bridge br0 --mac 01:00:00:00:00:01' \
		'attach-nic 5 --bridge br0 --mac 02:00:00:00:01' 'eject 5 0' 'resize-disk 5 0 20G' 'resize-disk 5 vda 20' 'save 5 relative' 'update-disk 5 vda' \
		'update-disk 5 vda --limit none --limit total_iops_sec=1' 'update-disk 5 vda --limit inbound_avg_bw=1M' 'update-nic 5 02:00:00:00:00:01' \
		'update-disk 5 0 --limit none' 'update-nic 5 br0 --limit none' 'reset 5 --limit none' \
		'exec 5' 'exec --large 5 ls' 'resize 5 --large'; do
		# shellcheck disable=SC2086
		vmmexec --json $line
		assert_failure 2
		[ "$(jq -r .error.class <<<"$output")" = usage ] || { echo "$line: $output"; return 1; }
	done
	for line in --no-such 'exec --no-such 5 ls' 'reboot 5 --no-such' 'reboot 5 --host'; do
		# shellcheck disable=SC2086
		run -2 --separate-stderr "$VMMEXEC" $line
		[ -z "$output" ]
		[[ $stderr == 'vmmexec: '*' [usage]'* ]] && [ "$(wc -l <<<"$stderr")" -eq 1 ]
	done
	# It was parsed too little to know, but a program that reads JSON gets an object.
	run -2 --separate-stderr "$VMMEXEC" reboot 5 --json --no-such
	[ "$(jq -r .error.class <<<"$output")" = usage ]
	[ -z "$stderr" ]
}

@test "vmmexec: --dry-run says so, and nothing is changed" {
	vmmexec cancel 5 --dry-run
	assert_success
	assert_output 'dry-run: would end domain one-5 at once' || assert_output --regexp '^dry-run: would .*one-5'
	vmmexec cancel 5 --dry-run --json
	[ "$(jq -r .outcome <<<"$output")" = dry-run ]
	vmmexec save 5 --dry-run
	assert_output --regexp "^dry-run: would save domain one-5 to $BATS_FILE_TMPDIR/file/0/5/checkpoint$"
}

@test "vmmexec: attach-disk makes the disk of a file; the next free target is its default" {
	truncate -s 1M x.img
	vmmexec attach-disk 5 --file x.img --readonly --cache none --dry-run
	assert_success
	assert_output --partial "<source file=\"$PWD/x.img\"/>"
	assert_output --partial '<target dev="vda"'
	assert_output --partial '<readonly/>'
	assert_output --regexp '<driver [^>]*type="raw"[^>]*cache="none"|<driver [^>]*cache="none"[^>]*type="raw"'
	vmmexec attach-disk 5 --file x.img --format qcow2 --dry-run
	assert_failure 1
	assert_regex "$stderr" 'vmmexec: attach-disk: .*qcow2'
}

@test "vmmexec: attach-nic, with a MAC of its own making" {
	vmmexec attach-nic 5 --bridge 'br<0' --dry-run
	assert_success
	assert_output --regexp '<mac address="02:00:([0-9a-f]{2}:?){4}"/>'
	assert_output --partial '<source bridge="br&lt;0"/>'
	vmmexec attach-nic 5 --bridge br0 --mac 02:00:00:00:00:01 --model e1000 --dry-run
	assert_output --partial '<mac address="02:00:00:00:00:01"/>'
	assert_output --partial '<model type="e1000"/>'
}

@test "vmmexec: words of each command, as the action expects them" {
	local command words
	for action in shutdown migrate snapshot_create snapshot_revert snapshot_delete detach_disk detach_nic prereconfigure reconfigure resize \
		resize_disk exec exec_cancel restore save; do stub "$action" "$DONE"; done
	while IFS=';' read -r command words; do
		# shellcheck disable=SC2086
		stubbed $command
		assert_success
		[ "$(grep -v -e '^--json$' -e '^--progress$' calls | tr '\n' ' ')" = "$words " ] || { echo "$command:"; cat calls; return 1; }
	done <<-'END'
		shutdown 7;shutdown -- one-7 - 7
		shutdown wild;shutdown -- wild - -
		save 7 /a/b;save -- one-7 /a/b - 7
		restore /a/b;restore -- /a/b
		migrate one-7 node2;migrate -- one-7 node2 - 7
		snapshot-create 7 3;snapshot_create -- one-7 3 7 -
		snapshot_revert 7 3;snapshot_revert -- one-7 snap-3 7 -
		snapshot-delete 7 mine;snapshot_delete -- one-7 mine 7 -
		detach-disk 7 vdb;detach_disk -- one-7 - vdb - 7
		detach-nic 7 02:00:00:00:00:01;detach_nic -- one-7 02:00:00:00:00:01 7
		eject 7 hda;prereconfigure -- one-7 hda 7
		insert 7 hda /a.iso;reconfigure -- one-7 hda /a.iso 7
		resize-disk 7 vda 20G;resize_disk --bounded -- one-7 vda 20480 - - 7
		resize-disk 7 vda 20T --large;resize_disk -- one-7 vda 20971520 - - 7
		exec-cancel 7;exec_cancel -- 7 -
		--deadline 9 exec 7 --wait 5 -- uname -a b;exec --deadline 9 --wait 5 -- 7 - 'uname' '-a' 'b'
		exec 7 --wait 0 id;exec -- 7 - 'id'
		exec 7 fsck -n --json;exec --wait 60 -- 7 - 'fsck' '-n' '--json'
		-d 9 exec -w 5 7 ls --wait 3 -- -q;exec --deadline 9 --wait 5 -- 7 - 'ls' '--wait' '3' '--' '-q'
		exec 7 -- -x --no-such;exec --wait 60 -- 7 - '-x' '--no-such'
		exec 7 --connect -- id -n;exec --connect -- --wait 60 -- 7 - 'id' '-n'
		-- exec 7 ls -n;exec --wait 60 -- 7 - 'ls' '-n'
		exec 7 ls --version --help;exec --wait 60 -- 7 - 'ls' '--version' '--help'
	END
	stubbed resize 7 --memory 2G --vcpus 4
	[ "$(cat input)" = '<VM><ID>7</ID><TEMPLATE><MEMORY>2048</MEMORY><VCPU>4</VCPU></TEMPLATE></VM>' ]
}

# A node with a disk and a NIC in one-5: vdb, 02:00:00:00:00:05; and in one-6: its own and a NIC.
with_devices() {
	local n
	mkdir -p file/0/5 file/0/6 file/0/9 other
	truncate -s 1M file/0/5/disk.0 file/0/6/disk.0 file/0/9/disk.0 base.img x.img
	python3 - "$BATS_FILE_TMPDIR/node.xml" "$PWD" >node.xml <<-'END'
		import sys
		text, here = open(sys.argv[1]).read(), sys.argv[2]
		text = text.replace(sys.argv[1].rsplit("/", 1)[0] + "/file", here + "/file")
		for n in "56":
		    devices = """<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='%s/file/0/%s/disk.0'/>
		        <backingStore type='file'><format type='raw'/><source file='%s/base.img'/></backingStore><target dev='vdb' bus='virtio'/></disk>
		        <interface type='bridge'><mac address='02:00:00:00:00:0%s'/><source bridge='br0'/></interface>""" % (here, n, here, n)
		    begin, end = text.split("<name>one-%s</name>" % n, 1)
		    text = begin + "<name>one-%s</name>" % n + end.replace("<devices>", "<devices>" + devices, 1)
		print(text)
	END
	export LIBVIRT_URI=test://$PWD/node.xml
}

@test "vmmexec: update-disk and update-nic set what is named, with units, and remove the rest" {
	with_devices
	vmmexec update-disk 5 vdb --limit total_iops_sec=500 --limit READ_BYTES_SEC=50M --dry-run
	assert_success
	assert_output $'dry-run: would set read_bytes_sec of vdb to 52428800\nwould set total_iops_sec of vdb to 500'
	vmmexec update-disk 5 vdb --limit none
	assert_success
	vmmexec update-nic 5 02:00:00:00:00:05 --limit inbound_avg_bw=10M --limit outbound_avg_bw=1G --dry-run
	assert_success
	assert_output $'dry-run: would set inbound.average of 02:00:00:00:00:05 to 10240\nwould set outbound.average of 02:00:00:00:00:05 to 1048576'
	vmmexec update-nic 5 02:00:00:00:00:05 --limit none
	assert_success
	stub poll 'echo "{\"vms\":[{\"name\":\"one-7\",\"disks\":[{\"target\":\"vda\"}]}]}"'
	stub update_disk "$DONE"
	on_terminal --dir "$PWD/set" update-disk 7 vda --limit write_iops_sec=9
	assert_output --regexp 'one-7: vda has write_iops_sec=9, and no other limit.*\([0-9.]+ s\)$'
	on_terminal --dir "$PWD/set" update-disk 7 vda --limit none
	assert_output --regexp 'one-7: vda has no limit.*\([0-9.]+ s\)$'
	[ "$(cat input)" = '<VM><ID>7</ID><TEMPLATE><DISK><DISK_ID>0</DISK_ID><TYPE>FILE</TYPE><DRIVER>raw</DRIVER><TARGET>vda</TARGET></DISK></TEMPLATE></VM>' ]
}

@test "vmmexec: implausible limits, and devices that the VM does not have, are refused" {
	local words why
	with_devices
	while IFS=';' read -r words why; do
		# shellcheck disable=SC2086
		vmmexec $words --dry-run
		assert_failure
		[[ $(tail -n 1 <<<"$stderr") == "vmmexec: ${why%\*}"* ]] || { echo "$words: $stderr"; return 1; }
	done <<-'END'
		update-disk 5 vdb --limit read_bytes_sec=50;--limit read_bytes_sec=50: 50 is not a number of KiB [usage] (hint: give a unit: 50M)
		update-disk 5 vdb --limit total_iops_sec=5K;--limit total_iops_sec=5K: '5K' is not a number from 1 to 2147483647 [usage] (hint: see --help)
		update-disk 5 vdb --limit iops=5;--limit iops=5: a disk has no limit iops [usage] (hint: one of total_bytes_sec, *
		update-disk 5 vdb --limit total_iops_sec;--limit total_iops_sec: it is not NAME=VALUE [usage] (hint: see --help)
		update-disk 5 vdb --limit total_iops_sec=1 --limit TOTAL_IOPS_SEC=2;--limit TOTAL_IOPS_SEC=2: it is given twice [usage] (hint: see --help)
		update-disk 5 vda --limit none;one-5 has no device vda [not-found] (hint: vmmexec show one-5)
		update-nic 5 02:00:00:00:00:06 --limit none;one-5 has no device 02:00:00:00:00:06 [not-found] (hint: vmmexec show one-5)
		update-nic 5 02:00:00:00:00:05 --limit inbound_avg_bw=1500;--limit inbound_avg_bw=1500: 1500 is not a number of KiB [usage] (hint: give a unit: 1500M)
	END
	vmmexec update-nic 5 02:00:00:00:00:05 --limit inbound_peak_bw=1M
	assert_failure 1
	[[ $stderr == *'INBOUND_AVG_BW is missing'* ]]
}

@test "vmmexec: attach-disk refuses an image that another VM uses, or that lies in its directory" {
	with_devices
	attach() {	# FILE OPTION...
		vmmexec attach-disk 5 --format raw --dry-run --file "$@"
	}
	refused() {	# CLASS TEXT
		assert_failure 1
		[[ $(tail -n 1 <<<"$stderr") == "vmmexec: attach-disk: cannot attach $2 [$1] (hint: "* ]] || { echo "$stderr"; return 1; }
	}
	attach "$PWD/file/0/6/disk.0"
	refused busy "$PWD/file/0/6/disk.0 to domain one-5: domain one-6 uses it for its disk vdb"
	ln "$PWD/file/0/6/disk.0" other/same
	attach other/same
	refused busy "$PWD/other/same to domain one-5: domain one-6 uses it for its disk vdb"
	attach file/0/5/disk.0
	refused busy "$PWD/file/0/5/disk.0 to domain one-5: domain one-5 uses it for its disk vdb"
	attach base.img
	assert_failure 1
	assert_regex "$stderr" "cannot attach $PWD/base.img to domain one-5: domain one-[56] uses it for its disk vdb \\[busy\\]"
	attach base.img --readonly
	assert_success
	attach file/0/6/disk.0 --shareable
	refused busy "$PWD/file/0/6/disk.0 to domain one-5: domain one-6 uses it for its disk vdb"
	attach file/0/9/disk.0
	refused refused "$PWD/file/0/9/disk.0 to domain one-5: it lies in the directory of VM 9"
	ln -s "$PWD/file/0/9/disk.0" other/link
	attach other/link
	refused refused "$PWD/file/0/9/disk.0 to domain one-5: it lies in the directory of VM 9"
	attach file/0/9/disk.0 --foreign
	assert_success
	truncate -s 1M file/0/5/disk.1
	attach file/0/5/disk.1
	assert_success
	attach x.img --shareable
	assert_success
	assert_output --partial '<shareable/>'
}

@test "vmmexec: attach-disk refuses an image that is called raw and is none" {
	with_devices
	qemu-img create -q -f qcow2 disk.img 1M
	vmmexec attach-disk 5 --file disk.img --dry-run
	assert_failure 1
	[ "$(tail -n 1 <<<"$stderr")" = "vmmexec: attach-disk: $PWD/disk.img is called as a raw image, and has the header of a qcow2 image [input] (hint: give --format qcow2; or --format raw, if its guest wrote that header)" ]
	vmmexec attach-disk 5 --file disk.img --format qcow2 --dry-run
	assert_success
	vmmexec attach-disk 5 --file disk.img --format raw --dry-run
	assert_success
	vmmexec attach-disk 5 --file x.img --dry-run
	assert_success
}

@test "vmmexec: attach-nic refuses an address that a VM of the host has" {
	with_devices
	local n
	for n in 5 6; do
		vmmexec attach-nic 5 --bridge br0 --mac 02:00:00:00:00:0$n --dry-run
		assert_failure 1
		[[ $(tail -n 1 <<<"$stderr") == "vmmexec: attach-nic: cannot attach NIC 02:00:00:00:00:0$n to domain one-5: domain one-$n has a NIC of that address [exists]"* ]]
	done
}

@test "vmmexec: save and deploy keep off another VM's directory" {
	stub save "$DONE"
	stub deploy "$DONE"
	stubbed save 7 /stores/0/8/checkpoint
	assert_failure 2
	[ "$stderr" = 'vmmexec: save: /stores/0/8 is the directory of VM 8, not of VM 7 [usage] (hint: say --foreign if that is meant)' ]
	[ ! -e calls ]
	stubbed save 7 /stores/0/8/checkpoint --foreign
	assert_success
	stubbed save 7 /stores/0/7/checkpoint
	assert_success
	echo '<VM><ID>7</ID><TEMPLATE/></VM>' >vm.xml
	stubbed deploy vm.xml --directory /stores/0/8/
	assert_failure 2
	[ "$stderr" = 'vmmexec: --directory: /stores/0/8 is the directory of VM 8, not of VM 7 [usage] (hint: say --foreign if that is meant)' ]
	stubbed deploy vm.xml --directory /stores/0/7
	assert_success
	# A relative path is one of here, whatever the action's own directory is.
	mkdir -p stores/0/8
	cd stores/0
	run --separate-stderr -- "$VMMEXEC" --dir "$BATS_TEST_TMPDIR/set" deploy ../../vm.xml --directory 8
	cd ../..
	assert_failure 2
	[ "$stderr" = "vmmexec: --directory: $PWD/stores/0/8 is the directory of VM 8, not of VM 7 [usage] (hint: say --foreign if that is meant)" ]
	stubbed deploy vm.xml --directory stores/0/7
	assert_success
	[ "$(tail -1 calls)" = "$PWD/stores/0/7/deployment.0" ]
	stubbed --host node1 deploy vm.xml --directory stores/0/7
	assert_failure 2
	[ "$stderr" = 'vmmexec: --directory stores/0/7: not an absolute path of node1 [usage] (hint: see --help)' ]
	echo '<VM/>' >vm.xml
	stubbed deploy vm.xml --directory /stores/0/7
	assert_failure 1
	[ "$stderr" = 'vmmexec: vm.xml: no VM with an ID [input]' ]
}

@test "vmmexec: programs of other users, and those that others can write, are not run" {
	stub reboot "$DONE"
	chmod 777 set/vmm/kvm
	stubbed reboot 5
	assert_failure 1
	[[ $stderr == 'vmmexec: '*'/set/vmm/kvm belongs to another user, or any user can write to it [permission] (hint: '* ]]
	[ ! -e calls ]
	chmod 755 set/vmm/kvm
	stubbed reboot 5
	assert_success
	rm set/vmm/kvm/reboot
	stubbed reboot 5
	assert_failure 1
	[[ $stderr == *'reboot: No such file or directory [not-found] (hint: run vmmexec on the VM'*'s host'* ]]
}

@test "vmmexec: a signal reaches the action, whose answer is told" {
	stub save 'stop() { echo "{\"outcome\":\"failed\",\"error\":{\"message\":\"was stopped\",\"class\":\"cancelled\"}}"; exit 1; }
trap stop TERM; echo >up; while :; do sleep 0.05; done'
	"$VMMEXEC" --dir "$PWD/set" save 7 /f 2>err 3>&- & pid=$!
	signalled INT
	[ "$(tail -n 1 err)" = 'vmmexec: save: was stopped [cancelled]' ]
}

@test "vmmexec: an action that dies without an answer leaves the outcome unknown; one that only reads does not" {
	stub save 'kill -9 $$'
	stubbed save 7 /f
	assert_failure 3
	[[ $stderr == 'vmmexec: save ended without an answer (signal 9): [internal] (the outcome is unknown)' ]]
	stub poll 'kill -9 $$'
	stubbed list
	assert_failure 1
}

@test "vmmexec: a bar while the action says how far it is" {
	stub migrate 'for i in 4 3 2 1; do echo "{\"action\":\"migrate\",\"progress\":{\"total_bytes\":4194304,\"remaining_bytes\":${i}048576}}"; sleep 0.3; done; '"$DONE"
	on_terminal --dir "$PWD/set" migrate 7 node2
	assert_output --regexp 'migrate \[#+ *\] +[0-9]+% [0-9.]+ MiB of 4.0 MiB'
	assert_output --regexp $'\e\\[Kone-7: moved to node2|\e\\[32mone-7: moved to node2'
	stubbed migrate 7 node2
	assert_output ''
}

# What ssh would do, on this machine: the last word is a command line for a shell. It notes the host.
remote() {
	mkdir -p bin
	# shellcheck disable=SC2016
	printf '#!/bin/bash\nfor w; do case $w in node*) echo "$w" >>%q;; esac; done\n%s\nsh -c "${!#}"\n' "$PWD/hosts" "${1:-}" >bin/ssh
	chmod 755 bin/ssh
	export PATH=$PWD/bin:$PATH
}

@test "vmmexec: a list that cannot be printed is an error that is said" {
	run --separate-stderr bash -c '"$@" >/dev/full' - "$VMMEXEC" --dir "$BUILD/remotes" list
	assert_failure 1
	[[ $stderr == *'vmmexec: cannot write standard output: No space left on device [no-space]'* ]]
}

@test "vmmexec: an option of a variable that is not set is misuse, not the directory one is in" {
	local option
	stub deploy "$DONE"
	echo '<VM><ID>7</ID><TEMPLATE/></VM>' >vm.xml
	stubbed deploy vm.xml --directory ''
	assert_failure 2
	[ "$stderr" = 'vmmexec: --directory is empty [usage] (hint: see --help)' ]
	for option in host connect deadline ssh; do
		stubbed deploy vm.xml --directory /stores/0/7 --$option ''
		assert_failure 2
		[ "$stderr" = "vmmexec: --$option is empty [usage] (hint: see --help)" ]
	done
	[ ! -e calls ]
}

# bats test_tags=root
@test "vmmexec: a set that another user of a host has made is not run there" {
	remote 'set -- setpriv --reuid 12345 --regid 12345 --clear-groups sh -c "${!#}"; exec "$@"'
	printf '#!/bin/sh\necho "{\\"outcome\\":\\"done\\"}"\n' >save
	chmod 755 save . "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR/.."
	mkdir -p set/vmm/kvm
	mv save set/vmm/kvm
	stubbed save 7 /f --host node1
	assert_success
	chown -R 65534 set
	stubbed save 7 /f --host node1
	assert_failure 1
	[ "$stderr" = "vmmexec: node1: $PWD/set belongs to another user [permission] (hint: remove it there, then run kvm-sync-hosts)" ]
	chown -R 12345 set
	stubbed save 7 /f --host node1
	assert_success
}

@test "vmmexec: a connection that breaks behind the answer changes nothing about it" {
	local outcome
	remote
	echo 'exit 255' >>bin/ssh
	for outcome in '0 done' '0 dry-run' '1 failed' '3 unknown' '3 else'; do
		stub save "echo '{\"outcome\":\"${outcome#* }\"}'"
		stubbed save 7 /f --host node1 --json
		[ "$status" -eq "${outcome% *}" ]
	done
}

@test "vmmexec: --host runs the action there, with its words and input whole" {
	remote
	stub attach_nic "$DONE"
	stubbed attach-nic 7 --bridge "a'b \$(id)" --mac 02:00:00:00:00:01 --host node1
	assert_success
	[ "$(cat hosts)" = node1 ]
	grep -qxF "a'b \$(id)" calls
	grep -qF "<BRIDGE>a'b \$(id)</BRIDGE>" input
	stubbed save 7 /f --host node1
	assert_failure 1
	[[ $stderr == "vmmexec: node1 has no program $PWD/set/vmm/kvm/save [not-found] (hint: kvm-sync-hosts brings the programs to a host)" ]]
	stubbed save 7 /f --host -oProxyCommand=x
	assert_failure 1
	[[ $stderr == *'[input]'* ]]
	stubbed attach-disk 7 --file relative.img --host node1
	assert_failure 2
}

@test "vmmexec: --host that is not reached, and one that is lost in the middle" {
	remote 'echo "no route" >&2; exit 255'
	stub save "$DONE"
	stubbed save 7 /f --host node1 --json
	assert_failure 1
	run jq -r '.outcome, .error.message, .error.class, .error.retry_safe' <<<"$output"
	assert_output $'failed\ncannot reach node1: no route\nconnection\ntrue'
	remote 'sh -c "${!#}" >/dev/null; echo "{\"pid\":1}"; exit 255'
	stubbed save 7 /f --host node1
	assert_failure 3
	[[ $stderr == 'vmmexec: lost the connection to node1: ssh ended [connection]'*'(the outcome is unknown)' ]]
}

@test "vmmexec: a signal reaches an action on another host" {
	remote
	cat >set.c <<-'END'
		#include <signal.h>
		#include <stdio.h>
		#include <unistd.h>
		static void stop(int s) { (void)s; puts("{\"outcome\":\"failed\",\"error\":{\"message\":\"stopped\",\"class\":\"cancelled\"}}"); fflush(stdout); _exit(1); }
		int main(void) { signal(SIGTERM, stop); FILE *f = fopen("up", "w"); fclose(f); for (;;) pause(); }
	END
	mkdir -p set/vmm/kvm
	gcc -o set/vmm/kvm/save set.c
	"$VMMEXEC" --dir "$PWD/set" --host node1 save 7 /f 2>err 3>&- & pid=$!
	signalled TERM
	[ "$(cat err)" = 'vmmexec: save: stopped [cancelled]' ]
}

@test "vmmexec: a host that cannot say whether a VM runs is not a VM that does not run" {
	for command in 'save 7' 'snapshot-create 7' 'attach-disk 7 --file x.qcow2' 'update-disk 7 vda --limit none' 'show 7'; do
		# shellcheck disable=SC2086
		vmmexec --connect "test://$PWD/nowhere.xml" $command
		[ "$status" -eq 1 ]
		[[ ${stderr##*$'\n'} == "vmmexec: "*"cannot connect to test://$PWD/nowhere.xml: "*']' ]]
		[[ $stderr != *'not-found'* ]]
		# shellcheck disable=SC2086
		vmmexec --connect "test://$PWD/nowhere.xml" --json $command
		[ "$status" -eq 1 ]
		jq -e '.outcome == "failed" and .error.class != "not-found"' <<<"$output"
	done
}

@test "vmmexec: whatever a host answers, an error is one line, and nothing crashes" {
	local member value
	for value in null 1 '"x"' '[null]' '[1,"x"]' '{"x":1}' '"\u001b[31m"'; do
		for member in vms output error; do
			stub poll "printf '%s\n' '{\"outcome\":\"done\",\"$member\":$value}'"
			for command in list 'list --names' 'show 7' 'save 7' 'snapshot-create 7' 'attach-disk 7 --file /x.qcow2' 'update-disk 7 vda --limit none'; do
				# shellcheck disable=SC2086
				stubbed $command
				echo "$member $value $command: $status $output $stderr"
				[ "$status" -le 2 ]
				[[ $output$stderr != *$'\033'* ]]
			done
		done
		for member in name state vcpus memory_kib uptime_s cpu_percent disks nics snapshots directory; do
			stub poll "printf '%s\n' '{\"outcome\":\"done\",\"vms\":[{\"$member\":$value}]}'"
			for command in list 'show 7' 'snapshot-create 7' 'attach-disk 7 --file /x.qcow2'; do
				# shellcheck disable=SC2086
				stubbed $command
				echo "$member $value $command: $status $output $stderr"
				[ "$status" -le 2 ]
				[[ $output$stderr != *$'\033'* ]]
			done
		done
	done
}

# complete WORD...: what bash offers for the last of them.
complete_words() {
	# shellcheck disable=SC1091
	. "$TOP/completion/bash/vmmexec"
	vmmexec() { "$VMMEXEC" --dir "$BUILD/remotes" "$@"; }
	COMP_WORDS=(vmmexec "$@") COMP_CWORD=$#
	_vmmexec
	printf '%s\n' "${COMPREPLY[@]}"
}

@test "completion for bash: commands, options, VMs, hosts, files" {
	mkdir bin
	printf '#!/bin/sh\nprintf "NAME\\nnode1\\nnode2\\n"\n' >bin/onehost
	chmod 755 bin/onehost
	PATH=$PWD/bin:$PATH
	[ "$(complete_words att)" = $'attach-disk\nattach-nic' ]
	[ "$(complete_words --dry)" = --dry-run ]
	[ "$(complete_words save one-)" = $'one-5\none-6' ]
	[ "$(complete_words migrate one-5 node)" = $'node1\nnode2' ]
	[ "$(complete_words list --host node)" = $'node1\nnode2' ]
	touch disk.qcow2
	[ "$(complete_words attach-disk one-5 --file disk)" = disk.qcow2 ]
	[ "$(complete_words attach-disk one-5 --format q)" = qcow2 ]
	[ "$(complete_words update-disk one-5 vda --limit total_i)" = $'total_iops_sec=\ntotal_iops_sec_max=\ntotal_iops_sec_max_length=' ]
	[ "$(complete_words update-nic one-5 02:00:00:00:00:01 --limit in)" = $'inbound_avg_bw=\ninbound_peak_bw=\ninbound_peak_kb=' ]
	[ "$(complete_words update-)" = $'update-disk\nupdate-nic' ]
	[ "$(complete_words resize-disk one-5 vda 20T --la)" = --large ]
	[ "$(complete_words exec one-5 --wa)" = --wait ]
	# Behind the first word of a guest's command there is nothing of ours.
	[ -z "$(complete_words exec one-5 ls --wa)$(complete_words exec --wait 3 one-5 ls --host node)$(complete_words exec one-5 ls -l disk)" ]
}

@test "completion for bash: what others name is quoted, and never run" {
	local hostile='x$(touch run)' program
	mkdir bin
	printf '#!/bin/sh\nprintf "NAME\\n%%s\\n" %q\n' "$hostile" >bin/onehost
	cp bin/onehost bin/onecluster
	chmod 755 bin/*
	PATH=$PWD/bin:$PATH
	stub poll 'printf "%s\n" '"'"'{"outcome":"done","vms":[{"name":"x$(touch run)"}]}'"'"
	vmm_list() { "$VMMEXEC" --dir "$PWD/set" "$@"; }
	# shellcheck disable=SC1091
	. "$TOP/completion/bash/vmmexec"
	COMP_WORDS=(vmm_list save x) COMP_CWORD=2
	_vmmexec
	[ "${COMPREPLY[*]}" = 'x\$\(touch\ run\)' ]
	for program in vmmexec kvm-sync-hosts kvm-host-check; do
		# shellcheck disable=SC1090
		. "$TOP/completion/bash/$program"
		COMP_WORDS=("$program" --cluster x) COMP_CWORD=2
		[ "$program" != vmmexec ] || COMP_WORDS=("$program" --host x)
		"_${program//-/_}"
		[ "${COMPREPLY[*]}" = 'x\$\(touch\ run\)' ]
	done
	[ ! -e run ]
	# Names of files are left to bash, which is told that they are.
	compopt() { printf '%s\n' "$*" >>compopted; }
	touch 'f$(touch run)'
	# shellcheck disable=SC1091
	. "$TOP/completion/bash/kvm-image"
	COMP_WORDS=(kvm-image info f) COMP_CWORD=2
	_kvm_image
	[ "${COMPREPLY[*]} $(<compopted)" = 'f$(touch run) -o filenames' ]
	kvm-image() { "$BUILD/drivers/kvm_image/kvm-image" "$@"; }
	COMP_WORDS=(kvm-image snap) COMP_CWORD=1
	_kvm_image
	[ "${COMPREPLY[*]}" = 'snap-create snap-revert snap-delete' ]
	[ ! -e run ]
}

@test "completion for zsh: commands, options, VMs, hosts" {
	cat >try <<-'END'
		_describe() { print -l -- ${(P)2} }
		compadd() { if [[ $1 == -a ]]; then print -l -- ${(P)2}; else print -l -- "$@"; fi }
		_hosts() { print hosts }
		_files() { print files }
		vmmexec() { $VMMEXEC --dir $BUILD/remotes "$@" }
		words=(vmmexec "$@") CURRENT=$#words PREFIX=${@[-1]}
		f() { . $TOP/completion/zsh/_vmmexec }
		f
	END
	export VMMEXEC BUILD TOP
	run -0 zsh -f try ''
	assert_line --regexp '^attach-disk:give it one more disk'
	run -0 zsh -f try --
	assert_line --regexp '^--dry-run:'
	run -0 zsh -f try save ''
	assert_output $'one-5\none-6\nx"y'
	run -0 zsh -f try migrate one-5 ''
	assert_output hosts
	run -0 zsh -f try list --host ''
	assert_output hosts
	run -0 zsh -f try update-nic one-5 02:00:00:00:00:01 --limit ''
	assert_output --partial $'inbound_avg_bw=\ninbound_peak_bw='
	run -0 zsh -f try update-disk one-5 vda --limit ''
	assert_output --partial read_bytes_sec_max_length=
	run -0 zsh -f try resize-disk one-5 vda 20T --
	assert_line --regexp '^--large:'
	run -0 zsh -f try exec --wait 3 ''
	assert_output $'one-5\none-6\nx"y'
	for words in 'ls --' 'ls --host ' 'ls '; do
		# shellcheck disable=SC2086
		run -0 zsh -f try exec --wait 3 one-5 ${words% } "${words##* }"
		assert_output ''
	done
}
