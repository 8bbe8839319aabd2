# SPDX-License-Identifier: Apache-2.0
# driver.bash - runs one_vmm_exec as oned does, in an installation of its own with stub scripts
# and an ssh that stays on this machine.

DRIVER=$BUILD/drivers/one_vmm_exec/one_vmm_exec

setup() { driver_setup; }

driver_setup() {
	cd "$BATS_TEST_TMPDIR" || return
	export ONE_LOCATION=$PWD PATH=$PWD/bin:$PATH CALLS=$PWD/calls
	mkdir -p etc/vmm_exec var/remotes rem bin ds vms
	printf 'ONE_MAD_DEBUG=\nPRIORITY=0\n' >etc/defaultrc
	echo 'VNMAD_LOCAL_ACTIONS="elastic-post elastic-clean"' >etc/vmm_exec/vmm_execrc
	echo "SCRIPTS_REMOTE_DIR=$PWD/rem" >var/config
	configure
	: >calls
	make_ssh
	for script in deploy shutdown cancel reboot reset poll; do stub "rem/vmm/kvm/$script"; done
	for action in pre post clean; do stub "rem/vnm/bridge/$action"; done
	stub var/remotes/tm/qcow2/context
	stub rem/vmm/kvm/deploy 'echo one-306'
}

teardown() { driver_teardown; }

driver_teardown() {
	[ -z "${driver_pid:-}" ] || kill -KILL "$driver_pid" 2>/dev/null || true
	pkill -KILL -f "$BATS_TEST_TMPDIR/" 2>/dev/null || true
	# shellcheck disable=SC2046
	kill -KILL $(ours '^sleep |/one_vmm_exec ') 2>/dev/null || true
}

configure() {	# [TEXT]: what vmm_exec.cfg says; the way is ssh unless TEXT names another
	echo "${1:-}" >etc/vmm_exec/vmm_exec.cfg
	[[ ${1:-} == transport* || ${1:-} == host:* ]] || echo 'transport = "ssh";' >>etc/vmm_exec/vmm_exec.cfg
}

# Stands for ssh: the command of "ssh [options] host command" runs here, with $ON_HOST set.
# $SSH_LOG gets its arguments; a file no-ssh-HOST makes that host unreachable.
make_ssh() {
	cat >bin/ssh <<-'EOF'
	#!/bin/bash
	[ -z "${SSH_LOG:-}" ] || echo "$*" >>"$SSH_LOG"
	while [[ $1 == -* ]]; do
		case $1 in --) shift; break ;; -o) shift 2 ;; *) shift ;; esac
	done
	export ON_HOST=$1
	[ ! -e "$ONE_LOCATION/no-ssh-$1" ] || { echo "ssh: connect to host $1 port 22: No route to host" >&2; exit 255; }
	shift
	exec bash -c "$*"
	EOF
	chmod +x bin/ssh
}

# stub PATH [BODY]: a script that logs how it is called ("HOST script arguments", stdin in a file
# stdin.SCRIPT) and then runs BODY.
stub() {
	mkdir -p "$(dirname "$1")"
	{
		echo '#!/bin/bash'
		echo 'cat >"$ONE_LOCATION/stdin.${0##*/}"'
		echo 'echo "${ON_HOST:-here} ${0#"$ONE_LOCATION"/} $*" >>"$CALLS"'
		echo "${2:-}"
	} >"$1"
	chmod +x "$1"
}

# request ACTION ID [HOST [ELEMENT=TEXT]...]: the line, from the recorded message of that action.
request() {
	local name=$1
	case $1 in SHUTDOWN) name=SHUTDOWN-poweroff ;; CANCEL) name=CANCEL-poweroff-hard ;; POLL) name=REBOOT ;; esac
	"$TOP/tests/tools/requests" "$DATA/messages/${MESSAGE:-$name}.msg" "$@"
}

# many ACTION FIRST LAST [HOST [ELEMENT=TEXT]...]: the same request for each of those VMs.
many() {
	local action=$1 first=$2 last=$3 line id
	shift 3
	line=$(request "$action" 0 "$@")
	for ((id = first; id <= last; id++)); do
		printf '%s  %s %s\n' "$action" "$id" "${line##* }"
	done
}

deploy_request() {	# ID [ELEMENT=TEXT]...
	local id=$1
	shift
	mkdir -p vms ds
	[ -e "vms/deployment.0" ] || echo '<domain/>' >vms/deployment.0
	request DEPLOY "$id" - "LOCAL_DEPLOYMENT_FILE=@DIR@/vms/deployment.0" \
		"REMOTE_DEPLOYMENT_FILE=@DIR@/ds/113/$id/deployment.0" "$@"
}

start() {	# ARGUMENTS; with an empty INIT nothing is sent
	rm -f in out err
	mkfifo in
	: >out
	"$DRIVER" "${1--t 15 -r 0 kvm -p}" <in >out 2>err 3>&- &
	driver_pid=$!
	exec 9>in
	[ -n "${INIT-INIT}" ] || return 0
	send INIT
	expect '^INIT SUCCESS - -$'
}

send() { printf '%s\n' "$*" >&9; }

# Waits (15 s, times PACE) for a line of output that matches.
expect() {
	local begin=$SECONDS
	until grep -aqE -- "$1" out; do
		! late "$begin" 15 || { echo "no line matches $1 in:"; cat out err; return 1; }
		sleep 0.05
	done
}

finish() {	# ends it as oned does; sets $status
	send FINALIZE
	exec 9>&-
	status=0
	wait "$driver_pid" || status=$?
	driver_pid=
}

# The scripts that were called, in order: "context pre deploy post".
called() { awk '{ n = split($2, p, "/"); printf "%s%s", (NR > 1 ? " " : ""), p[n] }' calls; }

# sleeps SECONDS: the same of "sleep SECONDS". What is to be ended sleeps for longer than any test waits.
sleeps() { ours "^sleep ${1/./[.]}\$"; }

# Sends a RESET of VM 2 while the connection that one of VM 1 went over is being closed.
step_while_closing() {
	local line
	line=$(request RESET 2)
	start
	send "$(request RESET 1)"
	expect '^RESET SUCCESS 1 -$'
	wait_for test -e closing
	send "$line"
	expect '^RESET SUCCESS 2 -$'
}
