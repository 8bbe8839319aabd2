#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What kvm-domain prints is defined by a real libvirt. SEED and ROUNDS: other VMs than those of CI, and more.
bats_require_minimum_version 1.5.0
load lab
load action

setup_file() {
	lab_up 1
}

teardown() {
	:
}

# The domains of the documents in this directory; those that are refused have none.
build_all() {
	local data=$LAB_TOP/tests/data/domain site conf file level arguments
	for file in [0-9]*.xml; do
		read -r site conf <"$(cat "${file%.xml}.case")/case"
		site=$data/sites/${site#site=}
		arguments=(--conf "$data/conf/${conf#conf=}" --config "$data/conf/allow.cfg" --type qemu)
		for level in host cluster datastore; do
			[ ! -e "$site/$level.xml" ] || arguments+=("--$level" "$site/$level.xml")
		done
		"$BUILD/drivers/kvm_domain/kvm-domain" "${arguments[@]}" "$file" >"domain.$file" 2>"refused.$file" || rm "domain.$file"
	done
	# The emulators of these sites are not in the lab.
	sed -i -E 's:<emulator>[^<]*</emulator>:<emulator>/usr/bin/qemu-kvm-one</emulator>:' domain.*.xml
}

@test "what kvm-domain prints is defined by libvirt, whatever elements VMs have together" {
	local data=$LAB_TOP/tests/data/domain seed=${SEED:-1}
	cd "$BATS_TEST_TMPDIR"
	echo "seed $seed"
	"$LAB_TOP/tests/tools/random-vm" "$data/cases,$data/cases-random" "${ROUNDS:-300}" "$seed" .
	build_all
	# shellcheck disable=SC2016
	lab_exec node1 bash -c 'cd "$1" && for file in domain.*.xml; do
		said=$(virsh -q -c qemu:///system define "$file" 2>&1) || { echo "$file: ${said##*error: }"; continue; }
		echo "$file: defined"
		name=$(virsh -q -c qemu:///system list --all --name)
		virsh -q -c qemu:///system undefine --nvram $name >/dev/null
	done' bash "$PWD" >said
	echo "$(grep -c ': defined$' said) defined"
	[ "$(grep -c ': defined$' said)" -gt $((${ROUNDS:-300} / 10)) ]
	# This QEMU is for x86_64 only, which has no machine virt, and built without SEV.
	never grep -vE ': defined$|SEV launch security is not supported|does not support (arch|machine type .virt)' said
}
