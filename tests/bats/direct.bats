# SPDX-License-Identifier: Apache-2.0
# direct.bats - transport "direct": the actions run here, against the libvirt of the host.
load helper
load driver

setup() {
	driver_setup
	for a in pre post clean; do stub "rem/vnm/802.1Q/$a"; done
	for s in shutdown cancel reboot reset deploy; do stub "var/remotes/vmm/kvm/$s"; done
	configure 'transport = "ssh"; host: ( { name = "host-a"; transport = "direct"; uri = "qemu+tls://%h/system"; } );'
}

@test "actions that need no files run here with --connect; those of networks and files run on the host" {
	cp "$BUILD/remotes/vmm/relay" rem/vmm/relay
	start
	send "$(request RESET 1)"
	expect '^RESET SUCCESS 1 -$'
	send "$(request SHUTDOWN 2)"
	expect '^SHUTDOWN SUCCESS 2 -$'
	send "$(deploy_request 306)"
	expect '^DEPLOY SUCCESS 306 one-306$'
	send "$(request RESET 3 host-b)"
	expect '^RESET SUCCESS 3 -$'
	finish
	[ "$(grep -c '^LOG I [0-9]* [a-z]* needs files of host-a: it goes by relay or ssh$' out)" -eq 1 ]
	grep -q '^LOG I 306 deploy needs files of host-a: ' out
	[ "$(sed -n 1p calls)" = 'here var/remotes/vmm/kvm/reset --connect qemu+tls://host-a/system -- one-306 host-a 1 host-a' ]
	grep -q '^here var/remotes/vmm/kvm/shutdown --connect' calls
	grep -q '^host-a rem/vnm/bridge/clean host-a' calls
	grep -q '^host-a rem/vmm/kvm/deploy ' calls
	grep -q '^host-b rem/vmm/kvm/reset one-306 host-b 3 host-b' calls
}

@test "a VM with a TPM or a vGPU is shut down on its host: there is its state" {
	start
	send "$(request SHUTDOWN 1 host-a VM/TEMPLATE/TPM/MODEL=tpm-crb)"
	expect '^SHUTDOWN SUCCESS 1 -$'
	send "$(request CANCEL 2 host-a VM/TEMPLATE/PCI/UUID=e4042b96-e63d-56cf-bcc8-4e6eecccc12e)"
	expect '^CANCEL SUCCESS 2 -$'
	finish
	grep -q '^host-a rem/vmm/kvm/shutdown one-306' calls
	grep -q '^host-a rem/vmm/kvm/cancel one-306' calls
	[ "$(grep -c 'needs files of host-a' out)" -eq 2 ]
}

@test "an action really asks that libvirt" {
	cp "$BUILD/remotes/vmm/kvm/reset" var/remotes/vmm/kvm/reset
	configure 'host: ( { name = "*"; transport = "direct"; uri = "test:///default"; } );'
	start
	send "$(request RESET 1 host-a DEPLOY_ID=nosuch)"
	expect '^RESET FAILURE 1 .*reset: .*nosuch'
	finish
}

@test "plain TCP is warned about once, with a safer alternative" {
	configure 'host: ( { name = "host-a"; transport = "direct"; uri = "qemu+tcp://%h/system"; } );'
	start
	expect '^LOG W -1 one_vmm_exec: host host-a: qemu\+tcp is not encrypted.*\(safer: qemu\+tls or qemu\+ssh\)$'
	send "$(request RESET 1)"
	expect '^RESET SUCCESS 1 -$'
	finish
	[ "$(grep -c 'qemu+tcp is not' out)" -eq 1 ]
}

@test "configuration: an unknown way, a row without a name and direct without uri are named" {
	for bad in 'transport = "smoke";=vmm_exec.cfg:1: transport '"'smoke'"' is not relay, ssh or direct' 'host: ( { transport = "ssh"; } );=has no name' \
		'host: ( { name = "a"; transport = "direct"; } );=direct and no uri' 'host: ( { name = "a"; port = "1"; } );=unknown key host.port'; do
		echo "${bad%=*}" >etc/vmm_exec/vmm_exec.cfg
		run --separate-stderr "$DRIVER" kvm </dev/null
		[ "$status" -eq 255 ]
		[[ $stderr == *"${bad##*=}"* ]]
	done
}
