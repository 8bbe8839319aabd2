# SPDX-License-Identifier: Apache-2.0
# driver.bats - one_vmm_exec with real ssh to a real libvirt node and guests that boot.
load ../bats/helper
load lab
load driver

setup_file() {
	load ../bats/helper
	load lab
	load driver
	export BUILD
	lab_up 1
	driver_install node1
}

@test "a VM's life through ssh: deploy, poll, reboot, reset, shutdown; each answer is what libvirt says" {
	driver_prepare 1 node1
	driver_start
	driver_send "$(driver_request DEPLOY 1 node1)"
	driver_expect "^DEPLOY SUCCESS 1 $(uuid_of 1)\$"
	lab_wait_console node1 one-1 LAB-READY
	[ "$(lab_virsh node1 domstate one-1)" = running ]
	driver_send "$(driver_request POLL 1 node1 "DEPLOY_ID=$(uuid_of 1)")"
	driver_expect '^POLL SUCCESS 1 STATE=a '
	driver_send "$(driver_request REBOOT 1 node1 "DEPLOY_ID=$(uuid_of 1)")"
	driver_expect '^REBOOT SUCCESS 1 -'
	lab_wait_console node1 one-1 LAB-READY 60 2
	driver_send "$(driver_request RESET 1 node1 "DEPLOY_ID=$(uuid_of 1)")"
	driver_expect '^RESET SUCCESS 1 -'
	lab_wait_console node1 one-1 LAB-READY 60 3
	driver_send "$(driver_request SHUTDOWN 1 node1 "DEPLOY_ID=$(uuid_of 1)")"
	driver_expect '^SHUTDOWN SUCCESS 1 -'
	[ -z "$(lab_virsh node1 list --all --name)" ]
	driver_send "$(driver_request SHUTDOWN 1 node1 "DEPLOY_ID=$(uuid_of 1)")"
	driver_expect '^SHUTDOWN SUCCESS 1 -'
	driver_send "$(driver_request CANCEL 1 node1 "DEPLOY_ID=$(uuid_of 1)")"
	driver_expect '^CANCEL SUCCESS 1 -'
	lab_exec node1 pgrep -x worker		# made the processes of these
}

@test "a name with quotes, <, &, new lines, \$(touch x), EOT and emoji deploys, polls, shuts down; nothing runs" {
	name=$'a\'b"c<d>&e\n$(touch /tmp/vmmexec-x)\n`touch /tmp/vmmexec-x`\nEOT\ntouch /tmp/vmmexec-x\n😀 ]]> ; touch /tmp/vmmexec-x'
	rm -f /tmp/vmmexec-x
	driver_prepare 2 node1 "VM/NAME=$name" "VM/USER_TEMPLATE/NOTE=$name"
	driver_start
	driver_send "$(driver_request DEPLOY 2 node1 "VM/NAME=$name" "VM/USER_TEMPLATE/NOTE=$name")"
	driver_expect "^DEPLOY SUCCESS 2 $(uuid_of 2)\$"
	lab_wait_console node1 one-2 LAB-READY
	[ "$(lab_virsh node1 dumpxml one-2 | xmllint --xpath "string(//*[local-name()='vm']/*[local-name()='name'])" -)" = "$name" ]
	lab_virsh node1 dumpxml one-2 | xmllint --xpath 'string(/domain/title)' - | grep -qF "😀 ]]> ; touch"
	[ "$(lab_exec node1 xmllint --xpath 'string(/VM/NAME)' $DRIVER_VM_DIR/2/vm.xml)" = "$name" ]
	driver_send "$(driver_request POLL 2 node1 "DEPLOY_ID=$(uuid_of 2)" "VM/NAME=$name")"
	driver_expect '^POLL SUCCESS 2 STATE=a '
	driver_send "$(driver_request SHUTDOWN 2 node1 "DEPLOY_ID=$(uuid_of 2)" "VM/NAME=$name")"
	driver_expect '^SHUTDOWN SUCCESS 2 -'
	[ ! -e /tmp/vmmexec-x ]
	lab_exec node1 test ! -e /tmp/vmmexec-x
}

@test "libvirtd killed in the middle of a deploy: never a success, and the next deploy works" {
	driver_prepare 3 node1
	driver_start
	driver_send "$(driver_request DEPLOY 3 node1)"
	# Its QEMU stands still as soon as it is there, so that the deploy cannot be done before.
	lab_exec node1 bash -c 'for i in {1..2000}; do pkill -STOP -f "[g]uest=one-3" && exit; sleep 0.01; done; exit 1'
	"$LAB" svc node1 crash
	driver_expect '^DEPLOY FAILURE 3 '
	lab_exec node1 pkill -CONT -f 'guest=one-3'
	"$LAB" svc node1 start
	driver_send "$(driver_request CANCEL 3 node1 "DEPLOY_ID=$(uuid_of 3)")"
	driver_expect '^CANCEL SUCCESS 3 -'
	: >out
	driver_send "$(driver_request DEPLOY 3 node1)"
	driver_expect "^DEPLOY SUCCESS 3 $(uuid_of 3)\$"
	lab_wait_console node1 one-3 LAB-READY
}

@test "libvirtd killed in the middle of a shutdown: never a success while the guest runs" {
	DRIVER_CMDLINE=lab.ignore-power
	driver_prepare 4 node1
	driver_start
	driver_send "$(driver_request DEPLOY 4 node1)"
	driver_expect '^DEPLOY SUCCESS 4 '
	lab_wait_console node1 one-4 LAB-READY
	driver_send "$(driver_request SHUTDOWN 4 node1 "DEPLOY_ID=$(uuid_of 4)")"
	lab_until node1 20 pgrep -f 'vmm/kvm/[s]hutdown'
	sleep 1
	"$LAB" svc node1 crash
	driver_expect '^SHUTDOWN FAILURE 4 '
	lab_exec node1 pgrep -f guest=one-4
	"$LAB" svc node1 start
	driver_send "$(driver_request CANCEL 4 node1 "DEPLOY_ID=$(uuid_of 4)")"
	driver_expect '^CANCEL SUCCESS 4 -'
	never lab_exec node1 pgrep -f guest=one-4
}

@test "DRIVER_CANCEL ends the action on the node, not only our ssh, and the VM is left as it is" {
	DRIVER_CMDLINE=lab.ignore-power
	driver_prepare 5 node1
	driver_start
	driver_send "$(driver_request DEPLOY 5 node1)"
	driver_expect '^DEPLOY SUCCESS 5 '
	lab_wait_console node1 one-5 LAB-READY
	driver_send "$(driver_request SHUTDOWN 5 node1 "DEPLOY_ID=$(uuid_of 5)")"
	lab_until node1 20 pgrep -f 'vmm/kvm/[s]hutdown'
	driver_send 'DRIVER_CANCEL  5 '
	driver_expect '^LOG I 5 Driver command for 5 cancelled$'
	lab_until node1 2 bash -c '! pgrep -f "vmm/kvm/[s]hutdown"'
	never grep -q '^SHUTDOWN' out
	[ "$(lab_virsh node1 domstate one-5)" = running ]
}

@test "one connection serves all steps, and a cut one is replaced" {
	driver_prepare 6 node1
	driver_start
	driver_send "$(driver_request DEPLOY 6 node1)"
	driver_expect '^DEPLOY SUCCESS 6 '
	[ "$(lab_exec node1 pgrep -fc 'sshd(-session)?: root@notty')" -le 2 ]
	lab_exec node1 pkill -KILL -f 'sshd(-session)?: root@notty'
	driver_send "$(driver_request POLL 6 node1 "DEPLOY_ID=$(uuid_of 6)")"
	driver_expect '^POLL SUCCESS 6 STATE='
}

# driver_way HOST-ROWS: the rows of list "host" in vmm_exec.cfg.
driver_way() {
	lab_exec fe sed -i '/^host: /d' /etc/one/vmm_exec/vmm_exec.cfg
	lab_exec fe sh -c "echo 'host: ( $1 );' >>/etc/one/vmm_exec/vmm_exec.cfg"
}

@test "by plain ssh, without the relay, it is the same" {
	driver_way '{ name = "*"; transport = "ssh"; }'
	driver_prepare 7 node1
	driver_start
	driver_send "$(driver_request DEPLOY 7 node1)"
	driver_expect "^DEPLOY SUCCESS 7 $(uuid_of 7)\$"
	never lab_exec node1 pgrep -f /var/tmp/one/vmm/relay
	driver_send "$(driver_request CANCEL 7 node1 "DEPLOY_ID=$(uuid_of 7)")"
	driver_expect '^CANCEL SUCCESS 7 -'
}

@test "transport direct: the front-end asks the node's libvirt itself; deploy, which needs files, goes by relay" {
	driver_way '{ name = "*"; transport = "direct"; uri = "qemu+ssh://%h/system"; }'
	driver_prepare 8 node1
	driver_start
	driver_send "$(driver_request DEPLOY 8 node1)"
	driver_expect "^DEPLOY SUCCESS 8 $(uuid_of 8)\$"
	lab_exec node1 mv /var/tmp/one/vmm/kvm/poll /var/tmp/one/vmm/kvm/cancel /run
	driver_send "$(driver_request POLL 8 node1 "DEPLOY_ID=$(uuid_of 8)")"
	driver_expect '^POLL SUCCESS 8 STATE=a '
	driver_send "$(driver_request CANCEL 8 node1 "DEPLOY_ID=$(uuid_of 8)")"
	driver_expect '^CANCEL SUCCESS 8 -'
	lab_exec fe pgrep -x worker
	lab_exec node1 mv /run/poll /run/cancel /var/tmp/one/vmm/kvm/
	[ -z "$(lab_virsh node1 list --all --name)" ]
}

@test "DEPLOY_FROM=vm: the guest has what the host's administrator, its document and oned's XML say, and reboots" {
	local settings=/var/tmp/one/etc/vmm/kvm/kvmrc xml
	# oned knows nothing of RNG; the serial console, of RAW, and the emulator are in its XML.
	driver_prepare 9 node1
	lab_exec fe sed -i 's|</domain>|<on_crash>destroy</on_crash>&|' /var/lib/one/vms/9/deployment.0
	lab_exec node1 sh -c "mkdir -p /etc/one/vmm_exec && cat >/etc/one/vmm_exec/vmm_exec.cfg && echo DEPLOY_FROM=vm >>$settings" <<-END
		domain: { kernel_paths = "$LAB_GUEST"; host_paths = "/var/lib/one/shared"; };
	END
	lab_exec node1 sh -c "echo 'WATCHDOG = [ MODEL = \"i6300esb\" ]' >${settings%/*}/vmm_exec_kvm.conf"
	driver_start
	driver_send "$(driver_request DEPLOY 9 node1 VM/USER_TEMPLATE/RNG/MODEL=virtio)"
	driver_expect "^DEPLOY SUCCESS 9 $(uuid_of 9)\$"
	driver_expect "^LOG D 9 deploy: devices/rng = .*: of the VM document, not in oned's XML"
	[ "$(grep -c "^LOG D 9 deploy: devices/rng = " out)" = 1 ]
	lab_wait_console node1 one-9 LAB-READY
	xml=$(lab_virsh node1 dumpxml one-9)
	[[ $xml == *"<rng model='virtio'>"* && $xml == *"<watchdog model='i6300esb'"* && $xml == *'<on_crash>destroy</on_crash>'* ]]
	driver_send "$(driver_request REBOOT 9 node1 "DEPLOY_ID=$(uuid_of 9)")"
	driver_expect '^REBOOT SUCCESS 9 -'
	lab_wait_console node1 one-9 LAB-READY 60 2
	driver_send "$(driver_request SHUTDOWN 9 node1 "DEPLOY_ID=$(uuid_of 9)")"
	driver_expect '^SHUTDOWN SUCCESS 9 -'
	lab_exec node1 rm -r ${settings%/*}/vmm_exec_kvm.conf /etc/one/vmm_exec
	lab_exec node1 sed -i /DEPLOY_FROM/d $settings
}
