# SPDX-License-Identifier: Apache-2.0
# injection.bats - what a VM's owner writes is data, whatever it looks like: it runs nothing, splits no
# word, and neither stops the driver nor makes it grow. The front-end runs no shell.
# bats file_tags=once
load helper
load driver

RECORD='#!/bin/sh
{ printf "%s\0" "$0" "$@" >"$ONE_LOCATION/argv.$$"; } 2>&-
cat >/dev/null
echo one-1'

setup() {
	driver_setup
	local script
	rm -r rem var/remotes
	mkdir -p rem/vmm/kvm rem/vnm/bridge var/remotes/tm/qcow2 var/remotes/datastore/rsync
	echo "$RECORD" >record
	chmod +x record
	for script in deploy shutdown cancel save restore migrate attach_disk detach_disk attach_nic detach_nic prereconfigure reconfigure \
		reboot reset resize_disk snapshot_revert poll snapshot_create snapshot_delete resize exec exec_cancel; do
		cp record "rem/vmm/kvm/$script"
	done
	for script in pre post clean update_sg update_nic; do cp record "rem/vnm/bridge/$script"; done
	for script in context clone delete resize snap_create_live premigrate postmigrate failmigrate prebackup_live postbackup_live; do
		cp record "var/remotes/tm/qcow2/$script"
	done
	cp -r var/remotes/tm/qcow2 var/remotes/tm/shared
	for script in backup backup_cancel; do cp record "var/remotes/datastore/rsync/$script"; done
	echo 'LIVE_DISK_SNAPSHOTS="kvm-qcow2"' >>etc/vmm_exec/vmm_execrc
	echo '<domain/>' >vms/deployment.0
	# As sshd has it: the words in one piece for the login shell.
	sed -i 's|^exec bash -c "$\*"$|exec sh -c "$*"|' bin/ssh
}

inject() {	# EVERY
	[ -z "${INJECT_ALL:-}" ] || [ "$1" = big ] || set -- 1
	run "$TOP/tests/tools/inject" "$DRIVER" '-t 15 kvm -p' "$DATA/messages" "$1"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == 'actions 27 '*' canary none '* ]]
}

@test "by relay: the corpus in the fields of each action" {
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	configure 'transport = "relay"; hosts: { failures = 1000; };'
	inject 11
}

@test "by ssh, through the far end's login shell: the corpus in the fields of each action" {
	configure 'transport = "ssh"; hosts: { failures = 1000; };'
	grep -q 'exec sh -c' bin/ssh
	inject 29
}

@test "a text of 10 MiB in each action: an answer, and the memory is given back" {
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	configure 'transport = "relay"; hosts: { failures = 1000; };'
	inject big
	[[ $BUILD == */asan ]] || [ "$(sed 's/.*rss_mib //' <<<"$output")" -lt 80 ]
}

# The programs that the front-end itself runs, one a line, without what they run.
programs() {
	awk '/execve\("/ { split($0, quoted, "\""); path[$1] = quoted[2]; if (!driver) driver = $1 }
		/execve(\(| resumed).*= 0$/ && !($1 in ran) { ran[$1] = path[$1] }
		$1 == driver && /(fork|clone3?)(\(| resumed).*= [0-9]+$/ { child[$NF] = 1 }
		END { for (c in child) if (c in ran) print ran[c] }' trace | sort -u
}

@test "the front-end runs no shell: ssh, and its own scripts, which are programs" {
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	cp -r rem/vmm var/remotes/
	for way in relay ssh; do
		configure "transport = \"$way\"; hosts: { failures = 1000; };"
		printf '#!/bin/sh\nexec strace -f -qq -o %s/trace -e trace=execve,fork,vfork,clone,clone3 %s "$@"\n' "$PWD" "$DRIVER" >traced
		chmod +x traced
		ASAN_OPTIONS=detect_leaks=0 run "$TOP/tests/tools/inject" "$PWD/traced" '-l reset,poll -t 15 kvm -p' "$DATA/messages" 197
		echo "$output"
		[ "$status" -eq 0 ]
		programs
		[ "$(programs | grep -vc "^$PWD/var/remotes/")" -eq 1 ]
		programs | grep -qx "$PWD/bin/ssh"
		programs | grep -q "^$PWD/var/remotes/tm/qcow2/"
		programs | grep -qx "$PWD/var/remotes/vmm/kvm/reset"
	done
}

@test "a configuration file with shell instructions is read by the shell it is written for" {
	echo 'if true; then FROM_SHELL=1; fi' >>etc/vmm_exec/vmm_execrc
	cp var/remotes/tm/qcow2/context real-context
	stub var/remotes/tm/qcow2/context 'echo "$FROM_SHELL" >seen'
	ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o trace -e trace=execve,fork,vfork,clone,clone3 "$DRIVER" kvm \
		< <(echo INIT; deploy_request 1; wait_for grep -q '^DEPLOY ' out; echo FINALIZE) >out
	programs
	[ "$(programs | grep -c '/bash$')" -eq 1 ]
	[ "$(programs | grep -c '/ssh$\|/env$\|/sh$')" -eq 1 ]
	[ "$(cat var/seen)" = 1 ]
}

@test "RAW of a VM: no place of libvirt's schema takes a path, device or address of the host, or a relative path" {
	run "$TOP/tests/tools/raw-walk" "$TOP/scripts/schema-places" /usr/share/libvirt/schemas/domain.rng \
		"$BUILD/drivers/kvm_domain/kvm-domain" --conf "$DATA/domain/conf/stock.conf" --config "$TOP/etc/vmm_exec/vmm_exec.cfg" --libvirt 11.0.0 -
	echo "$output"
	[ "$status" -eq 0 ]
	[[ ${lines[-1]} == *' bad 0' ]]
}
