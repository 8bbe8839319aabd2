# SPDX-License-Identifier: Apache-2.0
# bats file_tags=fast
load helper
load node

# All that libvirt does not start, and that act on a VM.
actions() {
	local file
	for file in "$REMOTES"/*; do
		[[ ! -x $file || $file == *.sh || $file == */host_check ]] || echo "${file##*/}"
	done
}

@test "action: help and version need no libvirt" {
	local a
	for a in $(actions); do
		LIBVIRT_URI=$NOWHERE action $a --help
		assert_success
		assert_output --partial "--deadline=SECONDS"
		[ -z "$stderr" ]
		action $a --version
		assert_success
		assert_output --regexp '^vmmexec [0-9.]+$'
	done
}

@test "action: misuse is status 2, with the error block at the end" {
	action cancel
	assert_failure 2
	[[ $(error_message) == "cancel: too few operands; usage: cancel [OPTION…] DEPLOY_ID"*"[usage] (hint: see --help)" ]]
	[[ ${stderr_lines[-1]} == 'ERROR MESSAGE ------>8--' ]]
	action cancel --no-such one-5
	assert_failure 2
	action cancel --deadline 0 one-5
	assert_failure 2
	action cancel --deadline 1x one-5
	assert_failure 2
	[[ $(error_message) == "cancel: --deadline: '1x' is not a number from 1 to 604800 [usage]"* ]]
}

@test "action: an invalid value of an option is misuse, and the option is named" {
	for value in x 0 -1 86401 ''; do
		action exec "--wait=$value" 5 host /bin/true
		assert_failure 2
		[[ $(error_message) == "exec: --wait: '$value' is not a number from 1 to 86400 [usage]"* ]]
	done
}

@test "action: misuse is reported in JSON when that was asked for" {
	action cancel --json
	assert_failure 2
	run jq -r '.outcome, .error.class, .error.retry_safe' <<<"$output"
	assert_output $'failed\nusage\nfalse'
}

@test "action: operands that the dispatcher adds are ignored" {
	action reboot one-5 host 5 host more
	assert_success
	[ -z "$output" ]
}

@test "action: an unreachable libvirt is not reported as a missing domain" {
	local a
	for a in $(actions | grep -vE '^deploy$|\.ceph$'); do
		action $a --connect "$NOWHERE" one-5 /a/b 5 5
		assert_failure 1
		[[ $(error_message) == "$a: cannot connect to $NOWHERE: "*"[connection] (hint: check that libvirtd runs on the host: run host_check --only libvirt)" ]]
		action $a --json -c "$NOWHERE" one-5 /a/b 5 5
		assert_failure 1
		run jq -r '.action, .outcome, .error.class, .error.retry_safe' <<<"$output"
		assert_output "$a"$'\nfailed\nconnection\ntrue'
	done
}

@test "action: a wrong URI is a configuration error" {
	action reboot -c qemu+foo://host/system one-5
	assert_failure 1
	[[ $(error_message) == *"[config] (hint: check LIBVIRT_URI in kvmrc)" ]]
}

@test "action: --json reports what was done" {
	action reset --json one-5
	assert_success
	assert_output '{"action":"reset","outcome":"done","output":""}'
}

@test "action: closed descriptors do no harm" {
	run bash -c "'$REMOTES/poll' one-5 2>&- 0<&-"
	assert_success
	assert_output --regexp '^STATE=a'
	run bash -c "'$REMOTES/cancel' one-5 0<&- 1>&- 2>&-"
	assert_success
	run bash -c "'$REMOTES/cancel' nope -x 0<&- 1>&- 2>&- 3>&-"
	assert_success
}

@test "action: kvmrc beside the action takes effect; faults in it, and a missing one, are warnings" {
	mkdir -p remotes/vmm/kvm remotes/etc/vmm/kvm
	cp "$REMOTES/reboot" remotes/vmm/kvm/
	run --separate-stderr remotes/vmm/kvm/reboot one-5
	assert_success
	[[ $stderr == "WARN: reboot: cannot read $PWD/remotes/etc/vmm/kvm/kvmrc: No such file or directory; using defaults" ]]
	printf 'LIBVIRT_URI="%s"\nSHUTDOWN_TIMEOUT=x\n' "$NOWHERE" >remotes/etc/vmm/kvm/kvmrc
	run --separate-stderr remotes/vmm/kvm/reboot one-5
	assert_failure 1
	[[ ${stderr_lines[0]} == "WARN: reboot: $PWD/remotes/etc/vmm/kvm/kvmrc: SHUTDOWN_TIMEOUT: 'x' is not a number from 1 to 604800; using default 120" ]]
	[[ $(error_message) == *"cannot connect to $NOWHERE"* ]]
	printf 'A=1\nLIBVIRT_URI="x\n' >remotes/etc/vmm/kvm/kvmrc
	run --separate-stderr remotes/vmm/kvm/reboot one-5
	assert_success
	[[ ${stderr_lines[0]} == *"kvmrc:2:13: unterminated quote '\"x'" ]]
}

@test "action: an odd name is reported on one line" {
	action reboot $'no\nsuch\tVM ✓'
	assert_failure 1
	[ "$(error_message)" = 'reboot: cannot find domain no such VM ✓: Domain not found [not-found]' ]
}

@test "action: --json: a dry run is distinguished from a finished action" {
	action reset --dry-run --json one-5
	assert_success
	run jq -r '.outcome, .output' <<<"$output"
	assert_output $'dry-run\nwould reset domain one-5'
}

@test "action: on a terminal an error is one line, with class and hint" {
	run -1 script -qec "'$REMOTES/reboot' one-99" /dev/null
	assert_line --regexp '^reboot: cannot find domain one-99: Domain not found \[not-found\]'
	refute_output --partial ERROR
	[ "$(grep -c one-99 <<<"$output")" -eq 1 ]
}
