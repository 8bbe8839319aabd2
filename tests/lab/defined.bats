#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What kvm-domain prints is defined by a real libvirt. SEED and ROUNDS: other VMs than those of CI, and more; EVERY=1: all
# golden cases and messages, and not a sample. "make defined" takes 2,000 and all.
bats_require_minimum_version 1.5.0
load lab
load action

BUILD=${BUILD:-$LAB_TOP/build/release}

setup_file() {
	lab_up 1
}

teardown() {
	:
}

# The domains of the documents in this directory: domain.N.xml, or forced.N.xml of one that is refused.
build_all() {
	local data=$LAB_TOP/tests/data/domain site conf file level arguments
	for file in [0-9]*.xml; do
		read -r site conf <"$(cat "${file%.xml}.case")/case"
		site=$data/sites/${site#site=}
		arguments=(--conf "$data/conf/${conf#conf=}" --config "$data/conf/allow.cfg" --type qemu)
		for level in host cluster datastore; do
			[ ! -e "$site/$level.xml" ] || arguments+=("--$level" "$site/$level.xml")
		done
		"$BUILD/drivers/kvm_domain/kvm-domain" "${arguments[@]}" --force "$file" >"domain.$file" 2>"refused.$file" ||
			mv "domain.$file" "forced.$file"
	done
	# The emulators of these sites are not in the lab.
	sed -i -E 's:<emulator>[^<]*</emulator>:<emulator>/usr/bin/qemu-kvm-one</emulator>:' domain.*.xml forced.*.xml
}

# "FILE: defined" or "FILE: what libvirt says" of each FILE of that kind.
define_all() {	# KIND
	# shellcheck disable=SC2016
	lab_exec node1 bash -c 'cd "$1" && for file in "$2".*.xml; do
		said=$(virsh -q -c qemu:///system define "$file" 2>&1) || { echo "$file: ${said##*error: }"; continue; }
		echo "$file: defined"
		name=$(virsh -q -c qemu:///system list --all --name)
		virsh -q -c qemu:///system undefine --nvram $name >/dev/null
	done' bash "$PWD" "$1"
}

# What was refused of FILE, and has no reason in the list of those that libvirt does not share.
unexplained() {	# FILE
	sed -n 's/^kvm-domain: error: //p' "$1" | grep -vEf <(grep -v '^#' "$LAB_TOP/tests/data/domain/refusals.txt" | cut -f 1)
}

# golden EVERY: the golden cases and the messages, or each EVERYth of them, as random-vm writes its documents.
golden() {
	local data=$LAB_TOP/tests/data file n=0
	for file in "$data"/domain/cases{,-random}/*/vm.xml "$data"/messages/*.msg; do
		((n++ % $1 == 0)) || continue
		case $file in
		*.msg)
			awk '{ print $NF }' "$file" | base64 -d >$n.xml
			echo "$data/domain/cases/041-os-fw-uefi-auto-secure" >$n.case
			;;
		*)
			cp "$file" $n.xml
			dirname "$file" >$n.case
			;;
		esac
	done
}

# Defines what was printed, of each document here, and what was refused: more than LEAST of both.
check_all() {	# LEAST
	local file text
	build_all
	define_all domain >said
	echo "$(grep -c ': defined$' said) defined"
	[ "$(grep -c ': defined$' said)" -gt "$1" ]
	# This QEMU is for x86_64 only, which has no machine virt, and built without SEV; Debian 13 has no UEFI for i686 on pc.
	never grep -vE ": defined$|(SEV|'sev') launch security is not supported|does not support (arch|machine type .virt)|'efi' firmware that is compatible" said
	define_all forced >said
	echo "$(grep -vc ': defined$' said) refused by libvirt too"
	while read -r file text; do
		text=$(unexplained "refused.${file#forced.}") || continue
		echo "libvirt defines $file: $text"
		return 1
	done < <(sed -n 's/: defined$//p' said)
}

@test "what kvm-domain prints is defined by libvirt, whatever elements VMs have together; what it refuses is refused by libvirt, or has its reason" {
	local data=$LAB_TOP/tests/data/domain seed=${SEED:-1}
	cd "$BATS_TEST_TMPDIR"
	echo "seed $seed"
	"$LAB_TOP/tests/tools/random-vm" "$data/cases,$data/cases-random" "${ROUNDS:-300}" "$seed" .
	check_all $((${ROUNDS:-300} / 10))
	[ "$(grep -vc ': defined$' said)" -gt $((${ROUNDS:-300} / 10)) ]
}

@test "what kvm-domain prints of golden cases and of oned's messages is defined by libvirt" {
	cd "$BATS_TEST_TMPDIR"
	golden "${EVERY:-12}"
	check_all $((120 / ${EVERY:-12}))
}
