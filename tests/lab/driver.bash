# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# driver.bash - the installed driver on fe of a lab, its actions on the nodes, as OpenNebula has
# them: for suites that play oned against real libvirt. Needs lab.bash.

DRIVER_VM_DIR=/var/lib/one/datastores/113

teardown_file() {
	load lab
	lab_down
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	LAB_VIRTTYPE=$("$LAB" virttype)
}

teardown() {
	driver_stop
	lab_clean
}

uuid_of() { printf '11111111-2222-4333-8444-%012d' "$1"; }

# Installs the build on fe and brings the set to the nodes that are up.
driver_install() {
	local node
	lab_exec fe make -s -C "$LAB_TOP" O="$BUILD" install &&
		# The guests boot a kernel, and write a console, below this.
		lab_exec fe sed -i 's|kernel_paths = .*|kernel_paths = "/var/lib/one";|; s|host_paths = .*|host_paths = "/var/lib/one";|' \
			/etc/one/vmm_exec/vmm_exec.cfg &&
		lab_exec fe cp -r "$LAB_TOP/tests/lab/remotes/." /var/lib/one/remotes/ || return
	for node in "$@"; do
		lab_exec fe scp -qrp /var/lib/one/remotes/. "$node:/var/tmp/one/" || return
	done
}

# driver_request ACTION ID NODE [ELEMENT=TEXT]...: a line for a small Linux guest, from DRIVER_MESSAGE.
driver_request() {
	local action=$1 id=$2 node=$3 dir=$DRIVER_VM_DIR/$2
	"$LAB_TOP/tests/tools/requests" "$LAB_TOP/tests/data/messages/${DRIVER_MESSAGE:-DEPLOY-noctx-nonic}.msg" "$action" "$id" "$node" \
		"LOCAL_DEPLOYMENT_FILE=/var/lib/one/vms/$id/deployment.0" "REMOTE_DEPLOYMENT_FILE=$dir/deployment.0" \
		"VM/ID=$id" "VM/HISTORY_RECORDS/HISTORY/DS_ID=113" "VM/TEMPLATE/OS/UUID=$(uuid_of "$id")" \
		VM/TEMPLATE/MEMORY=192 VM/TEMPLATE/OS/ARCH=x86_64 VM/TEMPLATE/OS/MACHINE=pc \
		"VM/TEMPLATE/OS/KERNEL=$LAB_GUEST/vmlinuz" "VM/TEMPLATE/OS/INITRD=$LAB_GUEST/initrd.img" \
		"VM/TEMPLATE/OS/KERNEL_CMD=console=ttyS0 quiet lab.name=one-$id ${DRIVER_CMDLINE:-}" \
		VM/TEMPLATE/FEATURES/ACPI=YES VM/TEMPLATE/FEATURES/GUEST_AGENT=YES \
		VM/TEMPLATE/RAW/TYPE=kvm "VM/TEMPLATE/RAW/DATA=<devices>$(lab_serial "one-$id")</devices>" "${@:4}"
}

# driver_prepare ID NODE [ELEMENT=TEXT]...: what oned does before DEPLOY: the deployment file. The lab's
# administrator lets VMs have the lab's kernel and its folder for consoles.
driver_prepare() {
	lab_exec fe tee /var/lib/one/lab.cfg >/dev/null <<-END
		domain: { kernel_paths = "$LAB_GUEST"; host_paths = "/var/lib/one/shared"; };
	END
	driver_request DEPLOY "$@" | awk '{ print $3 }' | base64 -d |
		lab_exec fe sh -c "mkdir -p /var/lib/one/vms/$1 && kvm-domain --config /var/lib/one/lab.cfg --type $LAB_VIRTTYPE - >/var/lib/one/vms/$1/deployment.0"
}

driver_start() {	# [ARGUMENTS]
	rm -f to out
	mkfifo to
	: >out
	"$LAB" exec fe /usr/lib/one/mads/one_vmm_exec "${1--t 15 -r 0 kvm -p}" <to >out 2>err 3>&- &
	driver_pid=$!
	exec 9>to
	echo INIT >&9
	driver_expect '^INIT SUCCESS - -$'
}

driver_send() { printf '%s\n' "$*" >&9; }

# driver_expect PATTERN [SECONDS]
driver_expect() {
	local begin=$SECONDS
	until grep -aqE -- "$1" out; do
		! late "$begin" "${2:-60}" || { echo "no line matches $1 in:"; cat out err; return 1; }
		sleep 0.05
	done
}

driver_stop() {
	[ -n "${driver_pid:-}" ] || return 0
	echo FINALIZE >&9 || true
	exec 9>&-
	wait "$driver_pid" || true
	driver_pid=
}
