# SPDX-License-Identifier: Apache-2.0
# secrets.bats - what a request holds is in no command line, environment, log, counter or core.
# bats file_tags=once
load helper
load driver

setup() {
	driver_setup
	for script in save restore migrate attach_disk detach_disk attach_nic detach_nic resize resize_disk snapshot_create \
		snapshot_revert prereconfigure reconfigure exec deploy cancel shutdown reboot reset; do
		spy "rem/vmm/kvm/$script"
	done
	for n in bridge 802.1Q vxlan; do
		for a in pre post clean update_sg update_nic; do spy "rem/vnm/$n/$a"; done
	done
	for s in context attach detach clone delete premigrate postmigrate failmigrate resize snap_create_live prebackup postbackup \
		prebackup_live postbackup_live mkimage mvds mvds.restic; do
		spy "var/remotes/tm/qcow2/$s"
	done
	for ds in restic rsync; do
		for s in backup backup_cancel; do spy "var/remotes/datastore/$ds/$s"; done
	done
	echo 'LIVE_DISK_SNAPSHOTS="kvm-qcow2 kvm-lvm_thin"' >>etc/vmm_exec/vmm_execrc
	mkdir -p spied vms
}

# A script that keeps its command line, that of who called it, and its environment; it fails when the file fail is there.
spy() {
	mkdir -p "$(dirname "$1")"
	cat >"$1" <<-'EOS'
	#!/bin/bash
	cat /proc/$$/cmdline /proc/$PPID/cmdline /proc/$$/environ >"$ONE_LOCATION/spied/${0##*/}.$$"
	cat >"$ONE_LOCATION/stdin.${0##*/}"
	echo "${0##*/}" >>"$CALLS"
	case ${0##*/} in deploy) echo one-306 ;; snapshot_create) echo snap-0 ;; backup) echo 'id 1 raw' ;; esac
	[ ! -e "$ONE_LOCATION/fail" ] || { echo "ERROR: it does not work" >&2; exit 1; }
	EOS
	chmod +x "$1"
}

# Every recorded message, its fields being secrets, in files of lines.
make_lines() {
	local message action id=1
	for message in "$DATA"/messages/*.msg; do
		action=$(head -c 30 "$message" | awk '{ print $1 }')
		case $message in *eot.msg) continue ;; esac
		echo '<domain>SECRET-deployment-SECRET</domain>' >vms/deployment.0
		"$TOP/tests/tools/secrets" make "$message" "$action" $id LOCAL_DEPLOYMENT_FILE=@DIR@/vms/deployment.0 \
			REMOTE_DEPLOYMENT_FILE=@DIR@/ds/113/$id/deployment.0 >"line.$id"
		id=$((id + 1))
	done
	count=$((id - 1))
	[ "$count" -ge 25 ]
}

play() {	# ARGUMENTS: of the driver
	local id
	: >watching
	"$TOP/tests/tools/secrets" watch watching >watched 2>&1 3>&- &
	watcher=$!
	start "$@"
	cat line.* >&9
	for ((id = 1; id <= count; id++)); do expect "^[A-Z_]+ (SUCCESS|FAILURE) $id "; done
	"$DRIVER" --journal >journal.printed
	wait_for grep -q vmm_exec_actions_total vmm.prom
	finish
	rm watching
	wait "$watcher" || { cat watched; return 1; }
	cat watched
}

@test "secrets in every field of every action: no command line, environment, log or counter has one; by ssh, relay and here" {
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	mkdir -p var/remotes/vmm/kvm
	make_lines
	local settings="log: { file = \"$PWD/driver.log\"; }; metrics: { file = \"$PWD/vmm.prom\"; interval_s = 1; };"
	for way in ssh relay here; do
		local options='-t 15 -r 0 kvm -p'
		configure "transport = \"${way/here/ssh}\"; $settings"
		if [ "$way" = here ]; then
			options="-l attach_disk,resize_disk,exec $options"
			for s in attach_disk resize_disk exec; do cp rem/vmm/kvm/$s var/remotes/vmm/kvm/$s; done
			echo 'document_argument = "no";' >>etc/vmm_exec/vmm_exec.cfg
		fi
		for outcome in done fail; do
			rm -rf spied/* fail driver.log vmm.prom
			[ $outcome = done ] || touch fail var/fail
			play "$options"
			[ "$outcome" = fail ] || [ "$(grep -c ' SUCCESS ' out)" -ge 20 ]
			[ "$(find spied -type f | wc -l)" -ge 20 ]
			"$TOP/tests/tools/secrets" find spied/* out err driver.log vmm.prom journal.printed
		done
		rm -f fail var/fail
	done
	# They did come to the scripts, on their input.
	for s in attach_disk resize_disk exec deploy; do never "$TOP/tests/tools/secrets" find "stdin.$s"; done
	grep -q 'SECRET-STDIN-SECRET' stdin.exec
}

@test "document_argument: by default the front-end's copy of the script tells, a host can have its own" {
	mkdir -p var/remotes/vmm/kvm
	stub rem/vmm/kvm/attach_disk 'echo "${5:0:8} $6 $7"'
	stub rem/vmm/kvm/exec 'echo "$# $3"'
	cp "$BUILD/remotes/vmm/kvm/attach_disk" "$BUILD/remotes/vmm/kvm/exec" var/remotes/vmm/kvm/
	start
	send "$(request ATTACHDISK 1)"
	expect '^ATTACHDISK SUCCESS 1 - 1 host-a$'
	MESSAGE=EXEC-stdin; send "$(request EXEC 2)"; MESSAGE=
	expect '^EXEC SUCCESS 2 3 -$'
	cp rem/vmm/kvm/attach_disk rem/vmm/kvm/exec var/remotes/vmm/kvm/
	send "$(request ATTACHDISK 3)"
	expect '^ATTACHDISK SUCCESS 3 PFZNTV9E 3 host-a$'
	MESSAGE=EXEC-stdin; send "$(request EXEC 4)"; MESSAGE=
	expect '^EXEC SUCCESS 4 4 [^-]'
	finish
	configure 'host: ( { name = "host-b"; document_argument = "yes"; } ); document_argument = "no"; transport = "ssh";'
	start
	send "$(request ATTACHDISK 5)"
	expect '^ATTACHDISK SUCCESS 5 - 5 host-a$'
	send "$(request ATTACHDISK 6 host-b)"
	expect '^ATTACHDISK SUCCESS 6 PFZNTV9E 6 host-b$'
	finish
	configure 'document_argument = "maybe";'
	run "$DRIVER" kvm </dev/null
	[ "$status" -eq 255 ]
	[[ $output == *"vmm_exec.cfg:1: document_argument 'maybe' is not auto, yes or no [config]"* ]]
}

@test "a script that fails: its words are logged without the document, also when it has it as a word" {
	configure 'document_argument = "yes";'
	stub rem/vmm/kvm/attach_disk 'exit 7'
	stub rem/vmm/kvm/exec 'exit 7'
	start
	send "$(request ATTACHDISK 1 - VM/USER_TEMPLATE/PASSWORD=SECRET-x-SECRET)"
	expect '^LOG I 1 Command execution fail \(exit code: 7\): .*/vmm/kvm/attach_disk one-306 .* sdc 2 - 1 host-a$'
	send "$(request EXEC 2 - VM/TEMPLATE/QEMU_GA_EXEC/COMMAND=SECRET-c-SECRET VM/TEMPLATE/QEMU_GA_EXEC/STDIN=U0VDUkVULXgtU0VDUkVU)"
	expect '^LOG I 2 Command execution fail \(exit code: 7\): .*/vmm/kvm/exec 2 host-a -$'
	expect '^EXEC FAILURE 2 '
	finish
	"$TOP/tests/tools/secrets" find out
	grep -q 'SECRET-c-SECRET U0VDUkVULXgtU0VDUkVU' calls
}

@test "exec: with - as its command it runs that of the request; an invalid command is never quoted" {
	request() { printf '<VMM_DRIVER_ACTION_DATA><VM><ID>1</ID><TEMPLATE>%s</TEMPLATE></VM></VMM_DRIVER_ACTION_DATA>' "$1"; }
	run --separate-stderr "$REMOTES/exec" --connect test:///default --dry-run test host - \
		<<<"$(request '<QEMU_GA_EXEC><COMMAND>/bin/x SECRET-a-SECRET</COMMAND><STDIN>eA==</STDIN></QEMU_GA_EXEC>')"
	[ "$status" -eq 0 ]
	[ "$output" = 'would run /bin/x in domain test' ]
	run --separate-stderr "$REMOTES/exec" --connect test:///default test host - <<<"$(request '')"
	[ "$status" -eq 1 ]
	[[ $(error_message) == 'exec: stdin: the VM has no QEMU_GA_EXEC/COMMAND [input]'* ]]
	run --separate-stderr "$REMOTES/exec" --connect test:///default test host - \
		<<<"$(request "<QEMU_GA_EXEC><COMMAND>echo 'SECRET-b-SECRET</COMMAND></QEMU_GA_EXEC>")"
	[ "$status" -eq 1 ]
	[ "$(error_message)" = 'exec: the command: a quote is not closed, or it ends with a backslash [input]' ]
	run --separate-stderr "$REMOTES/exec" --connect test:///default test host "echo 'SECRET-b-SECRET"
	[ "$status" -eq 1 ]
	[[ $stderr != *SECRET* ]]
}

@test "attach_disk and resize_disk: a - in the document's place is no document" {
	for words in 'attach_disk test /a/disk vdb 1 -' 'resize_disk test 0 5 -'; do
		run --separate-stderr "$REMOTES"/${words%% *} --connect test:///default ${words#* } 1 host </dev/null
		[ "$status" -eq 1 ]
		[[ $(error_message) == "${words%% *}: stdin: no VM document [input]"* ]]
	done
}

@test "no core of the driver or the relay can hold a document: their memory is root's alone" {
	local program pid
	cat >as-nobody <<-'EOS'
	import os, sys
	fd = os.open(sys.argv[1], os.O_RDONLY)
	if os.getuid() == 0:
	    os.setgroups([])
	    os.setgid(65534)
	    os.setuid(65534)
	os.execve(fd, sys.argv[1:], dict(os.environ, ONE_LOCATION="/nonexistent"))
	EOS
	for program in "$DRIVER" "$BUILD/remotes/vmm/relay"; do
		rm -f in out.nobody	# of the program before
		mkfifo in
		python3 as-nobody "$program" kvm <in >out.nobody 2>&1 3>&- &
		pid=$!
		exec 8>in
		[[ $program == */relay ]] || echo INIT >&8
		wait_for test -s out.nobody
		stat -c %u "/proc/$pid/environ" >owner
		exec 8>&-
		wait "$pid" || true
		[ "$(cat owner)" -eq 0 ]
	done
}
