# SPDX-License-Identifier: Apache-2.0
# bats file_tags=fast
# manual.bats - what people read agrees with what the programs do.
load helper
load node

programs() {
	(cd "$TOP" && find remotes -name '*.c') | sed "s|\.c$||; s|^|$BUILD/|"
	echo "$BUILD/drivers/one_vmm_exec/one_vmm_exec"
	echo "$BUILD/drivers/kvm_domain/kvm-domain"
	echo "$BUILD/drivers/kvm_host_check/kvm-host-check"
	echo "$BUILD/drivers/kvm_image/kvm-image"
	echo "$BUILD/drivers/kvm_sync_hosts/kvm-sync-hosts"
	echo "$BUILD/drivers/vmmexec/vmmexec"
}

# example PROGRAM: the last line of its help.
example() {
	"$1" --help | tail -n 1
}

@test "every program has --help with an example" {
	local program
	for program in $(programs); do
		run --separate-stderr -- "$program" --help
		assert_success
		[ -z "$stderr" ]
		assert_output --partial $'\nExample:\n  '
		[[ $(example "$program") == *"${program##*/} "* ]]
	done
}

@test "each action's example is a command line that the action accepts" {
	local program line
	# A host of another name is not there to be asked.
	mkdir bin
	printf '#!/bin/sh\nexit 255\n' >bin/ssh
	chmod +x bin/ssh
	for program in "$REMOTES"/*; do
		[[ -x $program && $program != *.[od] && $program != *.sh ]] || continue
		line=$(example "$program")
		eval "set -- ${line%% <*}"
		shift
		PATH=$PWD/bin:$PATH run "$program" --dry-run --connect test:///default "$@" </dev/null
		[ "$status" -ne 2 ] || { echo "$line: $output"; return 1; }
	done
}

@test "vmm_actions(8) is made of what the programs say" {
	"$TOP/scripts/actions-manual" "$BUILD" >made
	diff "$TOP/man/vmm_actions.8" made
}

@test "vmmexec(7) names every page and every program" {
	local name
	for name in "$TOP"/man/*.[1-8]; do
		name=${name##*/}
		[ "$name" = vmmexec.7 ] || grep -qF "${name%.*} (${name##*.})" <(sed 's/\\-/-/g' "$TOP/man/vmmexec.7") ||
			{ echo "not in vmmexec(7): $name"; return 1; }
	done
}

@test "each manual page has a date, and a name line that apropos vmmexec finds" {
	local page
	for page in "$TOP"/man/*.[1-8]; do
		grep -Eq '^\.TH [A-Z_.-]+ [1-8] 20[0-9]{2}-[0-9]{2}-[0-9]{2} vmmexec' "$page" || { echo "no date: $page"; return 1; }
		sed -n '/^\.SH NAME/{n;p}' "$page" | grep -q vmmexec || { echo "not found: $page"; return 1; }
	done
}

@test "README: the commands that need no host print what README says" {
	local command='' n=0
	# Without the blocks that only a host could fill.
	sed -n 's/^    //p' "$TOP/README.md" | sed '/^\$ kvm-sync-hosts/,/^[^[]/d' >said
	while IFS= read -r line; do
		case $line in
		'$ '*)
			command=${line#\$ }
			(cd "$TOP" && PATH=$BUILD/drivers/kvm_domain:$REMOTES:$PATH bash -c "$command") >>printed
			n=$((n + 1))
			;;
		*) [ -z "$command" ] || echo "$line" >>expected ;;
		esac
	done <said
	[ "$n" -eq 3 ]
	diff expected printed
}

@test "FAULTS.md names tests that are there" {
	local name names
	names=$(grep -h '^@test ' "$TOP"/tests/*/*.bats)
	while IFS= read -r name; do
		name=${name#\"} name=${name%\"} name=${name% …}
		grep -qF "$name" <<<"$names" || { echo "there is no test $name"; return 1; }
	done < <(grep '^|' "$TOP/tests/lab/FAULTS.md" | grep -o '"[^"]*"')
}
