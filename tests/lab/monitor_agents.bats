# SPDX-License-Identifier: Apache-2.0
# monitor_agents.bats - what the agents inside guests say, in the usage of VMs.
bats_require_minimum_version 1.5.0
load lab
load action
load ../bats/monitord
load monitor

# rules LINE...: guestagent.conf.
rules() {
	printf '%s\n' "$@" | on tee /var/tmp/one/etc/im/kvm-probes.d/guestagent.conf >/dev/null
}

# says NUMBER TEXT: the last usage of that VM has it, now or soon.
says() {
	until [[ $(usage_of "$1") == *"$2"* ]]; do more MONITOR_VM 1; done
}

# with_gpus NUMBER [DEVICES [CMDLINE]]: a guest whose metadata have a GPU of NVIDIA's among its devices.
with_gpus() {
	lab_guest_xml "one-$1" "${@:2}" | stamp "$1" |
		sed 's|</one:vm>|<one:pci_devices>8086:1572:0200,10de:20b5:0302</one:pci_devices>&|' | lab_create node1
	lab_wait_console node1 "one-$1" LAB-READY
	lab_wait_agent node1 "one-$1"
}

# A program in that guest that answers as nvidia-smi does on record; while /run/smi-hangs is there, it hangs.
nvidia_smi() {
	# shellcheck disable=SC2016
	lab_in_guest node1 "one-$1" 'printf "%s\n" "#!/bin/sh" \
		"[ \"\$*\" = \"--query-gpu=gpu_uuid,utilization.gpu,utilization.memory,power.draw,memory.free --format=csv,noheader,nounits\" ] || exit 2" \
		"while [ -e /run/smi-hangs ]; do usleep 100000; done" \
		"echo \"GPU-1b724e78-eef5-4163-d43c-e4da15d41176, 40, 12, 71.25, 20000\"" \
		"echo \"GPU-5a3cbb8e-1ab1-0a9c-53b5-b1a3e0ac3a1c, 21, [N/A], 24.50, 24217\"" >/bin/nvidia-smi; chmod +x /bin/nvidia-smi'
}

@test "guests' agents: GPUs, system, addresses, commands; one that hangs delays nobody; one that an action works on is not asked" {
	local lock
	rules
	with_gpus 1 '' lab.ip=10.77.0.81/24	# and no nvidia-smi
	with_gpus 2
	nvidia_smi 2
	deploy_deaf 3
	agent
	says 2 $'GPU_UTILIZATION="30.50"\nGPU_MEMORY_UTILIZATION="12.00"\nGPU_MEMORY_FREE="44217.00"\nGPU_POWER_USAGE="95.75"\nGPU_COUNT="2"'
	lab_in_guest node1 one-2 'touch /run/smi-hangs'
	until [[ $(usage_of 2) != *GPU_* ]]; do more MONITOR_VM 1; done
	more MONITOR_VM 1
	[ "$(lab_in_guest node1 one-2 'pidof nvidia-smi | wc -w')" -eq 1 ]
	lab_in_guest node1 one-2 'rm /run/smi-hangs'
	says 2 'GPU_COUNT="2"'
	[[ $(usage_of 1) == *NETRX=* ]]
	[[ $(usage_of 1) != *GPU_* ]]
	rules ':enabled: true' ':commands:' "  :vm_qemu_ping: \"one-\$vm_id '{\\\"execute\\\":\\\"guest-ping\\\"}' --timeout 5\"" \
		'  :vm_none:' "    :command: one-\$vm_id '{\"execute\":\"guest-none\"}'" \
		'  :vm_other:' "    :command: one-\$vm_id '{\"execute\":\"guest-ping\"}'" '    :os_types: [ mswindows ]' \
		'  :vm_shell: "one-$vm_id '"'{}'"' | touch here"'
	says 1 'GUEST_IP_ADDRESSES="10.77.0.81'
	says 2 'VM_QEMU_PING="{}"'
	usage_of 1
	says 1 $'OS_ID="unknown"\nOS_TYPE="posix"\nOS_VERSION="unknown"\nOS_MACHINE="x86_64"\nGUEST_IP_ADDRESSES="10.77.0.81'
	until [[ $(usage_of 1) == *'VM_NONE="error: '*guest-none* ]]; do more MONITOR_VM 1; done
	says 1 'VM_SHELL="error: not of the form'
	[[ $(usage_of 1) != *VM_OTHER* ]]
	says 3 'VM_QEMU_PING="error: '
	[[ $(usage_of 3) != *OS_ID* ]]
	# Its agent hangs, its QEMU does not. On a busy machine it hangs before it has said how that command ended.
	lab_in_guest node1 one-2 '(sleep 0.3; kill -STOP $(pidof qemu-ga)) >/dev/null 2>&1 &' || true
	says 2 'VM_QEMU_PING="error: the guest'"'"'s agent does not answer"'
	[[ $(usage_of 2) == *CPU=*NETRX=*'OS_MACHINE="x86_64"'* ]]
	[[ $(usage_of 2) != *GUEST_IP_ADDRESSES* ]]
	more MONITOR_VM 2
	says 1 'VM_QEMU_PING="{}"'
	lock=/run/one/vm-locks/$(printf one-1 | sha256sum | cut -d' ' -f1)
	on install -d -m 700 /run/one /run/one/vm-locks
	on flock "$lock" sh -c 'until [ -e /run/free ]; do sleep 0.1; done' 3>&- &
	lab_until node1 10 sh -c "! flock -n $lock true"
	until [[ $(usage_of 1) != *GUEST_IP_ADDRESSES* ]]; do more MONITOR_VM 1; done
	[[ $(usage_of 1) == *OS_MACHINE* ]]
	[[ $(usage_of 1) != *VM_QEMU_PING* ]]
	on touch /run/free
	says 1 GUEST_IP_ADDRESSES
	on rm -f /run/free
	rules ':enabled: false' ':commands:' '  :vm_qemu_ping: x'
	says 1 'VM_QEMU_PING="QEMU Guest Agent monitoring disabled"'
	[[ $(usage_of 1) != *OS_ID* ]]
	rules
}
