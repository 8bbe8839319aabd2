# SPDX-License-Identifier: Apache-2.0
# content.bats - odd contents of requests and odd outputs of scripts: each has an answer that says
# what was wrong, or is plain data. Each row is what the original driver was recorded with.
load helper
load driver

setup() {
	driver_setup
	for script in save restore migrate attach_disk detach_disk attach_nic detach_nic resize resize_disk \
		snapshot_create snapshot_revert snapshot_delete prereconfigure reconfigure exec exec_cancel; do
		stub "rem/vmm/kvm/$script"
	done
	stub rem/vmm/kvm/snapshot_create 'echo snap-0'
	for n in bridge 802.1Q; do
		for a in pre post clean update_sg update_nic; do stub "rem/vnm/$n/$a"; done
	done
	for s in context clone delete delete.qcow2 resize snap_create_live premigrate postmigrate failmigrate \
		prebackup_live postbackup_live; do
		stub "var/remotes/tm/qcow2/$s"
	done
	stub var/remotes/datastore/rsync/backup 'echo "backup-id 1024 raw"'
	echo 'LIVE_DISK_SNAPSHOTS="kvm-qcow2 kvm-lvm_thin"' >>etc/vmm_exec/vmm_execrc
}

# rows: "ACTION; ELEMENT=TEXT…; reply without action and id; scripts that run", one after the other.
rows() {
	start
	local action change reply scripts n=100 args
	while IFS=';' read -r action change reply scripts; do
		[ -n "$action" ] || continue
		: >calls
		args=()
		while IFS= read -r -d '&' c; do args+=("$c"); done <<<"$change&"
		[ -n "$change" ] || args=()
		n=$((n + 1))
		send "$(request "$action" $n - "${args[@]}")"
		expect "^$action [A-Z]* $n( |\$)" || { echo "$action: no reply"; return 1; }
		grep -aqE "^$action $(sed "s/ / $n /" <<<"$reply")\$" out || {
			echo "$action with $change: not $reply but $(grep -a "^$action [A-Z]* $n" out)"
			return 1
		}
		[ "$(called)" = "$scripts" ] || { echo "$action with $change ran $(called), not $scripts"; return 1; }
	done
	finish
}

@test "a missing element of a request is reported, and nothing runs" {
	rows <<-'EOF'
	ATTACHNIC;VM/TEMPLATE/NIC[ATTACH='YES']/MAC=;FAILURE Missing VN_MAD, BRIDGE, TARGET or MAC in VM NIC;
	DETACHNIC;VM/TEMPLATE/NIC[ATTACH='YES']/MAC=;FAILURE Error in DETACHNIC, MAC needed in NIC;
	ATTACHDISK;TM_COMMAND=;FAILURE Cannot perform ATTACHDISK, expecting TM_COMMAND;
	DETACHDISK;VM/TEMPLATE/DISK[ATTACH='YES']/ATTACH=NO;FAILURE Cannot perform DETACHDISK, expecting VM/TEMPLATE/DISK\[ATTACH='YES'\]/TARGET;
	BACKUP;DATASTORE/DS_MAD=;FAILURE Cannot perform BACKUP, expecting DATASTORE/DS_MAD;
	BACKUP;VM/LCM_STATE=;FAILURE Cannot perform BACKUP, expecting VM/LCM_STATE;
	BACKUP;TM_COMMAND=;FAILURE Cannot perform BACKUP, expecting TM_COMMAND;
	BACKUPCANCEL;TM_COMMAND=;FAILURE Cannot perform BACKUPCANCEL, expecting TM_COMMAND;
	DISKSNAPSHOTCREATE;VM/TEMPLATE/DISK[DISK_SNAPSHOT_ACTIVE='YES']/TM_MAD=nosuch;FAILURE Cannot perform a live DISKSNAPSHOTCREATE operation;
	EXEC;VM/TEMPLATE/QEMU_GA_EXEC/COMMAND=;FAILURE Cannot perform EXEC, expecting VM/TEMPLATE/QEMU_GA_EXEC/COMMAND;
	MIGRATE;MIGR_HOST=;FAILURE Cannot perform MIGRATE, expecting MIGR_HOST;
	MIGRATE;MIGR_HOST=-oProxyCommand=x;FAILURE '-oProxyCommand=x' is not a host name;
	RESIZEDISK;VM/TEMPLATE/DISK[RESIZE='YES']/SIZE=;FAILURE Cannot perform RESIZEDISK, expecting VM/TEMPLATE/DISK\[RESIZE='YES'\]/SIZE;
	SNAPSHOTCREATE;VM/TEMPLATE/SNAPSHOT[ACTIVE='YES']/SNAPSHOT_ID=;FAILURE Cannot perform SNAPSHOTCREATE, expecting VM/TEMPLATE/SNAPSHOT\[ACTIVE='YES'\]/SNAPSHOT_ID;
	SNAPSHOTREVERT;VM/TEMPLATE/SNAPSHOT[ACTIVE='YES']/HYPERVISOR_ID=;FAILURE Cannot perform SNAPSHOTREVERT, expecting VM/TEMPLATE/SNAPSHOT\[ACTIVE='YES'\]/HYPERVISOR_ID;
	UPDATESG;SECURITY_GROUP_ID=;FAILURE Cannot perform UPDATESG, expecting SECURITY_GROUP_ID;
	SAVE;CHECKPOINT_FILE=;FAILURE Cannot perform SAVE, expecting CHECKPOINT_FILE;
	EOF
}

@test "optional elements of a request may be absent" {
	rows <<-'EOF'
	ATTACHNIC;VM/TEMPLATE/NIC[ATTACH='YES']/BRIDGE=;SUCCESS -;pre attach_nic post prereconfigure context reconfigure
	CLEANUP;TM_COMMAND=;SUCCESS ;cancel clean clean
	RESTORE;TM_COMMAND=;SUCCESS -;pre pre restore post post
	UPDATESG;;SUCCESS 100 bridge: - 802.1Q: -;update_sg update_sg
	DISKSNAPSHOTCREATE;TM_COMMAND=SNAP_CREATE.ssh qcow2 a b c;SUCCESS ;snap_create_live
	BACKUP;;SUCCESS backup-id 1024 raw;prebackup_live backup postbackup_live
	BACKUP;DATASTORE/DS_MAD=nods;FAILURE Datastore Driver 'nods' not available;prebackup_live postbackup_live
	EOF
	grep -q 'here var/remotes/tm/qcow2/postbackup_live' calls
	grep -q '<BACKUP_RESULT>FAILURE</BACKUP_RESULT>' stdin.postbackup_live
}

@test "quotes, dollars and blanks in what a user may write are data, in every action" {
	configure 'document_argument = "yes";'
	export evil="x'\"; touch x; \$(touch x)\`touch x\` -o y"
	start
	send "$(request ATTACHDISK 1 - "VM/TEMPLATE/DISK[ATTACH='YES']/TARGET=$evil" "DISK_TARGET_PATH=$evil")"
	send "$(request ATTACHNIC 2 - "VM/TEMPLATE/NIC[ATTACH='YES']/MODEL=$evil" "VM/TEMPLATE/CONTEXT/TARGET=$evil")"
	send "$(request RESIZE 3 - "DEPLOY_ID=$evil")"
	send "$(request SHUTDOWN 4 - "DEPLOY_ID=$evil")"
	send "$(request SNAPSHOTREVERT 5 - "VM/TEMPLATE/SNAPSHOT[ACTIVE='YES']/HYPERVISOR_ID=$evil")"
	send "$(request EXEC 6 - "VM/TEMPLATE/QEMU_GA_EXEC/COMMAND=$evil" "VM/TEMPLATE/QEMU_GA_EXEC/STDIN=$evil")"
	send "$(request SAVE 7 - "CHECKPOINT_FILE=$evil")"
	for id in 1 2 3 4 5 6 7; do expect "^[A-Z]* SUCCESS $id( |\$)"; done
	finish
	[ -z "$(find . -name x)" ]
	grep -qF "rem/vmm/kvm/resize $evil 3 host-a" calls
	grep -qF "rem/vmm/kvm/exec 6 host-a $evil $evil" calls
	grep -qF "rem/vmm/kvm/snapshot_revert one-306 $evil 5 host-a" calls
	[[ $(grep 'kvm/attach_disk' calls) == *" $evil $evil 24 "*' 1 host-a' ]]
}

@test "an attached disk's index is its target's last letter, in any case" {
	start
	send "$(request ATTACHDISK 1 - "VM/TEMPLATE/DISK[ATTACH='YES']/TARGET=sdAB")"
	expect '^ATTACHDISK SUCCESS 1 -$'
	finish
	[[ $(grep 'kvm/attach_disk' calls) == *' sdAB 1 '* ]]
}

@test "a request that no command line can hold still reaches the script on its input" {
	start
	send "$(request ATTACHDISK 1 - "VM/USER_TEMPLATE/BIG=$(head -c 120000 /dev/zero | tr '\0' x)")"
	expect '^ATTACHDISK SUCCESS 1 -$'
	finish
	[ "$(wc -c <stdin.attach_disk)" -gt 120000 ]
}

@test "a snapshot without a usable id is a failure, of several words the line is reported" {
	stub rem/vmm/kvm/snapshot_create
	start
	send "$(request SNAPSHOTCREATE 1)"
	expect '^SNAPSHOTCREATE FAILURE 1 outcome unknown: SNAPSHOTCREATE printed no valid id$'
	stub rem/vmm/kvm/snapshot_create 'printf "a b\nc\n"'
	send "$(request SNAPSHOTCREATE 2)"
	expect '^SNAPSHOTCREATE SUCCESS 2 a b c$'
	finish
}

@test "a backup without an id fails, and its transfer driver is informed" {
	stub var/remotes/datastore/rsync/backup
	start
	send "$(request BACKUP 1)"
	expect '^BACKUP FAILURE 1 .*backup printed no valid id'
	finish
	[ "$(called)" = 'prebackup_live backup postbackup_live' ]
}

@test "a script's words that looked like the original's marks are its output" {
	stub rem/vmm/kvm/deploy 'echo one-306; echo EOF_OUT; echo "ExitCode: 7 EOF_ERR" >&2'
	start
	send "$(deploy_request 306)"
	expect '^DEPLOY SUCCESS 306 one-306 EOF_OUT$'
	expect '^LOG I 306 ExitCode: 7 EOF_ERR$'
	finish
}

@test "other alphabets in an error arrive whole" {
	stub rem/vmm/kvm/reset 'echo "é漢" >&2; exit 1'
	start
	send "$(request RESET 1)"
	expect '^RESET FAILURE 1 é漢$'
	finish
}

@test "a script that is not executable is reported as missing" {
	chmod -x rem/vmm/kvm/resize
	start '-r 2 kvm'
	send "$(request RESIZE 1)"
	expect '^RESIZE FAILURE 1 .*/vmm/kvm/resize is not on host-a \(hint: '
	finish
}

@test "UPDATESG and UPDATENIC name their object also when they fail" {
	stub rem/vnm/bridge/update_sg 'echo no >&2; exit 1'
	stub rem/vnm/bridge/update_nic 'echo no >&2; exit 1'
	configure 'wait_s: { network = 1; };'
	start
	send "$(request UPDATESG 1)"
	expect '^UPDATESG FAILURE 1 100 bridge: no$'
	send "$(request UPDATENIC 2)"
	expect '^UPDATENIC FAILURE 2 0 bridge: no$'
	touch no-ssh-host-a
	send "$(request UPDATESG 3)"
	expect '^UPDATESG FAILURE 3 100 .*bridge: '
	finish
}

@test "a host that cannot be reached: an attached disk's image is undone, a clean-up continues" {
	touch no-ssh-host-a
	start
	send "$(request ATTACHDISK 1)"
	expect '^ATTACHDISK FAILURE 1 Error connecting to host-a'
	[ "$(called)" = 'clone delete.qcow2' ]
	: >calls
	send "$(request CLEANUP 2)"
	expect '^CLEANUP SUCCESS 2 $'
	expect '^LOG E 2 cancel: Error connecting to host-a.*the cleanup continues'
	[ "$(called)" = 'delete delete.qcow2 delete' ]
	finish
}

@test "CANCEL of an unknown number of VMs: a local network and hypervisor run here, with plain XML" {
	stub var/remotes/vmm/kvm/cancel
	for n in bridge 802.1Q; do stub "var/remotes/vnm/$n/clean"; done
	start '-l clean,cancel kvm -p'
	send "$(request CANCEL 1)"
	expect '^CANCEL SUCCESS 1 -$'
	finish
	[ "$(cut -d' ' -f1 calls | sort -u)" = here ]
	[[ $(cat stdin.cancel) == '<VMM_DRIVER_ACTION_DATA>'* ]]
}

@test "-l: its keys are the names of steps, not those of requests" {
	stub var/remotes/vmm/kvm/snapshot_create 'echo snap-1'
	start '-l attachdisk,snapshotcreate kvm -p'
	send "$(request ATTACHDISK 1)"
	expect '^ATTACHDISK SUCCESS 1 -$'
	grep -q '^host-a rem/vmm/kvm/attach_disk ' calls
	send "$(request SNAPSHOTCREATE 2)"
	expect '^SNAPSHOTCREATE SUCCESS 2 snap-1$'
	grep -q '^here var/remotes/vmm/kvm/snapshot_create ' calls
	finish
}

@test "another hypervisor's name is another directory of scripts" {
	stub rem/vmm/other/reset
	start '-t 3 other'
	send "$(request RESET 1)"
	expect '^RESET SUCCESS 1 -$'
	grep -q 'rem/vmm/other/reset' calls
	finish
}

@test "without oned's own configuration scripts are looked for where oned has them by default" {
	rm var/config
	start
	send "$(request RESET 1)"
	expect '^RESET FAILURE 1 /var/tmp/one/vmm/kvm/reset is not on host-a'
	finish
}

@test "MIGRATE: scripts of both hosts, in order, the keys lent for the migration alone" {
	export SSH_LOG=$PWD/ssh.log
	start
	send "$(request MIGRATE 1)"
	expect '^MIGRATE SUCCESS 1 -$'
	finish
	[ "$(awk '{ n = split($2, p, "/"); printf "%s:%s ", $1, p[n] }' calls)" = \
		'here:premigrate host-a:pre host-a:pre host-b:migrate host-b:clean host-b:clean host-a:post host-a:post here:postmigrate ' ]
	[ "$(grep -c 'ForwardAgent=yes' ssh.log)" -eq 1 ]
	grep -q 'ForwardAgent=yes.*kvm/migrate' ssh.log
}

# deploys ID CHANGED-BY [PATTERN]: a DEPLOY whose document went through that sed command.
deploys() {
	deploy_request "$1" | awk '{ print $3 }' | base64 -d | tr -d '\n' | sed -E "$2" | base64 -w0 >document
	send "DEPLOY  $1 $(cat document)"
	expect "^DEPLOY ${3:-SUCCESS $1 one-306}\$"
}

@test "DEPLOY: no network driver, an empty one, no DATASTORE, white space, several TM_COMMANDs" {
	start
	deploys 1 's/<VN_MAD>[^\/]*<\/VN_MAD>/<VN_MAD><\/VN_MAD>/g'
	[ "$(called)" = 'context deploy' ]
	: >calls
	deploys 2 's/<VN_MAD>[^\/]*<\/VN_MAD>//g'
	[ "$(called)" = 'context deploy' ]
	: >calls
	deploys 3 's/(<\/VM>)<DATASTORE>.*<\/DATASTORE>/\1/'
	[ "$(called)" = 'context pre deploy post' ]
	: >calls
	deploys 4 's/></>\n   </g'
	[ "$(called)" = 'context pre deploy post' ]
	: >calls
	send "$(deploy_request 5 $'TM_COMMAND=CONTEXT qcow2 a b\n\nCONTEXT qcow2 c d\n')"
	expect '^DEPLOY SUCCESS 5 one-306$'
	[ "$(head -2 calls)" = $'here var/remotes/tm/qcow2/context a b\nhere var/remotes/tm/qcow2/context c d' ]
	finish
}

@test "DEPLOY: an id with quotes is one word for what follows; status 255 of a script is its failure, not ssh's" {
	stub rem/vmm/kvm/deploy $'echo "o\'ne \\$(touch x)"'
	start
	send "$(deploy_request 1)"
	expect "^DEPLOY SUCCESS 1 o'ne \\\$\(touch x\)\$"
	[ "$(grep vnm/bridge/post calls)" = "host-a rem/vnm/bridge/post o'ne \$(touch x) host-a" ]
	stub rem/vmm/kvm/deploy 'echo no kvm >&2; exit 255'
	send "$(deploy_request 2)"
	expect '^DEPLOY FAILURE 2 no kvm$'
	send "$(request RESET 3)"
	expect '^RESET SUCCESS 3 '
	finish
	[ -z "$(find . -name x)" ]
}

@test "DEPLOY: a file where the VM's directory should be: the network is undone" {
	start
	mkdir -p ds/113
	: >ds/113/306
	send "$(deploy_request 306)"
	expect '^DEPLOY FAILURE 306 .*(File exists|Not a directory)'
	finish
	[ "$(called)" = 'context pre clean' ]
}

@test "-w: a DEPLOY that takes longer is verified: the VM is cancelled, its networks are cleaned" {
	stub rem/vmm/kvm/deploy 'sleep 967.5 & wait'
	start '-w 2 kvm -p'
	send "$(deploy_request 306)"
	expect '^DEPLOY FAILURE 306 outcome unknown: .*/kvm/deploy did not end within 2 s.*; it was undone if host-a made domain [0-9a-f-]{36}: its scripts cannot say '
	wait_for never sleeps 967.5
	finish
	[ "$(called)" = 'context pre deploy cancel clean' ]
}

@test "-l: EXEC, RESIZE, UPDATESG and another script for MIGRATE run here with their usual words" {
	for s in exec resize migrate_local; do stub "var/remotes/vmm/kvm/$s"; done
	for n in bridge 802.1Q; do stub "var/remotes/vnm/$n/update_sg"; done
	start '-l exec,resize,update_sg,migrate=migrate_local kvm -p'
	for action in EXEC RESIZE UPDATESG MIGRATE; do
		send "$(request $action 306)"
		expect "^$action SUCCESS 306 "
	done
	finish
	grep -q '^here var/remotes/vmm/kvm/exec 306 host-a ' calls
	grep -q '^here var/remotes/vmm/kvm/resize one-306 306 host-a$' calls
	grep -q '^here var/remotes/vmm/kvm/migrate_local one-306 host-a host-b 306 host-b$' calls
	[ "$(grep -c '^here var/remotes/vnm/[a-zQ0-9.]*/update_sg one-306$' calls)" -eq 2 ]
}

@test "the output of a device's script is in the reply; that of several networks with their names" {
	stub rem/vmm/kvm/attach_disk 'printf "\n  hda \nat 0\n"'
	stub rem/vnm/bridge/update_sg 'echo rules: 4'
	start
	send "$(request ATTACHDISK 1)"
	expect '^ATTACHDISK SUCCESS 1 hda at 0$'
	send "$(request UPDATESG 2)"
	expect '^UPDATESG SUCCESS 2 100 bridge: rules: 4 802.1Q: -$'
	finish
}

# A request whose document has that many bytes.
sized() {	# BYTES ACTION ID
	local empty
	empty=$(request "$2" "$3" - VM/USER_TEMPLATE/BIG=x | awk '{ print $3 }' | base64 -d | wc -c)
	request "$2" "$3" - "VM/USER_TEMPLATE/BIG=$(head -c $(($1 - empty + 1)) /dev/zero | tr '\0' x)"
}

@test "a document too long for a command line is passed on stdin only, and that is logged; by ssh and relay" {
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	stub rem/vmm/kvm/attach_disk 'echo "${#5}"'
	for way in ssh relay; do
		configure "transport = \"$way\"; document_argument = \"yes\";"
		start
		for bytes in 80001 98292 98400 120000; do
			sized $bytes ATTACHDISK $bytes >line
			cat line >&9
			expect "^ATTACHDISK [SF][A-Z]* $bytes "
			cmp stdin.attach_disk <(awk '{ print $3 }' line | base64 -d)
		done
		expect '^ATTACHDISK SUCCESS 80001 106668$'
		[ "$(grep -c '^LOG W [0-9]* attach_disk: no command line can hold the document: ' out)" -eq 3 ]
		[ "$(grep -c '^ATTACHDISK SUCCESS [0-9]* 0$' out)" -eq 3 ]
		finish
	done
}

@test "an argument too long for a command line is a failure that says so; by ssh, relay and here" {
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	mkdir -p var/remotes/vmm/kvm
	stub var/remotes/vmm/kvm/exec
	for way in ssh relay here; do
		configure "transport = \"${way/here/relay}\";"
		if [ "$way" = here ]; then start '-l exec kvm'; else start; fi
		python3 - "$DATA/messages/EXEC.msg" >line <<-'EOF'
		import base64, re, sys
		document = base64.b64decode(open(sys.argv[1], "rb").read().split()[-1])
		document = re.sub(rb"<COMMAND>.*?</COMMAND>", b"<COMMAND>%s</COMMAND>" % (b"x" * 200000), document)
		print("EXEC  7", base64.b64encode(document).decode())
		EOF
		cat line >&9
		expect '^EXEC FAILURE 7 .*Argument list too long'
		send "$(request RESET 8)"
		expect '^RESET SUCCESS 8'
		finish
	done
}
