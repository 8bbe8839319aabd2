# SPDX-License-Identifier: Apache-2.0
# bats file_tags=fast
# output.bats - a program whose result did not get to standard output does not say that all is well.
load helper

# lost STATUS WORDS...: what it prints is lost, and it ends with STATUS and says so.
lost() {
	local to=$1 wanted=$2 text='No space left on device'
	shift 2
	if [ "$to" = closed ]; then
		text='it is closed'
		run --separate-stderr bash -c 'exec "$@" >&-' - "$@"
	else
		run --separate-stderr bash -c 'exec "$@" >/dev/full' - "$@"
	fi
	[ "$status" -eq "$wanted" ] && [[ $stderr == *"cannot write standard output: $text"* ]] || { echo "$to: $*: $status $stderr"; return 1; }
}

# All programs that people or scripts call with --help.
programs() {
	find "$BUILD/drivers" "$BUILD/remotes" -type f -perm -100 ! -name '*.sh' ! -name 'restore.ceph' ! -name 'save.ceph'
	echo "$BUILD/remotes/im/kvm.d/monitord-client_control.sh"
}

@test "--help and --version of each program fail when standard output is closed or full" {
	local program wanted n=0
	while read -r program; do
		# 3 there is "unknown".
		wanted=1
		[ "${program##*/}" != host_check ] || wanted=3
		lost closed $wanted "$program" --help
		lost full $wanted "$program" --help
		n=$((n + 1))
		case $program in
		*_control.sh | */vgpu | */vtpm_setup) continue ;;
		esac
		lost closed $wanted "$program" --version
		lost full $wanted "$program" --version
	done < <(programs)
	[ "$n" -gt 35 ]
}

@test "the result of each program of the front-end, and of the agent, is not lost in silence" {
	local to
	export ONE_LOCATION=$PWD
	mkdir etc var
	truncate -s 1M image
	for to in closed full; do
		lost $to 1 "$BUILD/drivers/kvm_image/kvm-image" info image
		lost $to 1 "$BUILD/drivers/kvm_image/kvm-image" info image --json
		lost $to 1 "$BUILD/drivers/kvm_sync_hosts/kvm-sync-hosts" --list a b
		lost $to 1 "$BUILD/drivers/vmmexec/vmmexec" --dir "$BUILD/remotes" --connect test:///default list
		lost $to 1 "$BUILD/drivers/one_vmm_exec/one_vmm_exec" --plans
		lost $to 1 "$BUILD/drivers/one_vmm_exec/one_vmm_exec" --check-config
		lost $to 1 "$BUILD/drivers/one_vmm_exec/one_vmm_exec" --journal
		lost $to 1 "$BUILD/remotes/im/monitord-client" --once host/system --print --connect test:///default
		lost $to 3 "$BUILD/remotes/vmm/kvm/host_check" --only msrs
	done
	run --separate-stderr bash -c 'exec "$@" >&-' - "$BUILD/drivers/kvm_image/kvm-image" send image
	[ "$status" -eq 1 ] && [[ $stderr == *'cannot send: '* ]]
}

@test "an action whose result cannot be written says that its outcome is unknown; one that prints nothing is done" {
	run --separate-stderr bash -c 'exec "$@" >&-' - "$REMOTES/poll" --connect test:///default one-5
	[ "$status" -eq 3 ] || { echo "$status $stderr"; return 1; }
	[[ $stderr == *'the action succeeded, but its result cannot be written'* ]]
	run bash -c 'exec "$@" >&-' - "$REMOTES/reset" --connect test:///default nothing
	[ "$status" -eq 1 ]
}
