# SPDX-License-Identifier: Apache-2.0
# steps.bats - what one_vmm_exec runs for each action, in which order, and what it makes of it.
load helper
load driver

@test "DEPLOY: transfer, network, directory, files, deploy, network; the reply is deploy's id" {
	start
	send "$(deploy_request 306)"
	expect '^DEPLOY SUCCESS 306 one-306$'
	finish
	[ "$(called)" = 'context pre deploy post' ]
	[ "$(sed -n 2p calls)" = 'host-a rem/vnm/bridge/pre ' ]
	[ "$(sed -n 3p calls)" = "host-a rem/vmm/kvm/deploy $PWD/ds/113/306/deployment.0 host-a 306 host-a" ]
	[ "$(sed -n 4p calls)" = 'host-a rem/vnm/bridge/post one-306 host-a' ]
	[ "$(cat stdin.deploy)" = '<domain/>' ]
	[[ $(base64 -d stdin.pre) == '<VM><ID>306</ID>'*'<NIC>'*'</VM>' ]]
	[[ $(cat ds/113/306/vm.xml) == '<VM><ID>306</ID>'*'</VM>' ]]
	[[ $(cat ds/113/306/ds.xml) == '<DATASTORE><ID>113</ID>'*'</DATASTORE>' ]]
	[ "$(stat -c %a ds/113/306/vm.xml ds/113/306/ds.xml | tr '\n' ' ')" = '600 600 ' ]
}

@test "DEPLOY: each step is logged with its time, as oned's users know it" {
	start
	send "$(deploy_request 306)"
	expect '^DEPLOY SUCCESS'
	finish
	[ "$(sed -n 's/^LOG I 306 \(Success.*\.\) (\([0-9.]*\) s\(, host-a\)\?)$/\1/p' out)" = "$(cat <<-EOF
	Successfully execute transfer manager driver operation: tm_context.
	Successfully execute network driver operation: pre.
	Successfully execute virtualization driver operation: /bin/mkdir -p.
	Successfully execute virtualization driver operation: /bin/cat - >$PWD/ds/113/306/vm.xml.
	Successfully execute virtualization driver operation: /bin/cat - >$PWD/ds/113/306/ds.xml.
	Successfully execute virtualization driver operation: deploy.
	Successfully execute network driver operation: post.
	EOF
	)" ]
}

@test "DEPLOY: several network drivers run in their order, elastic's post here" {
	for n in bridge 802.1Q ovswitch elastic vxlan; do
		for a in pre post clean; do stub "rem/vnm/$n/$a"; done
	done
	stub var/remotes/vnm/elastic/post
	MESSAGE=DEPLOY-multi-vnm
	start
	send "$(deploy_request 314)"
	expect '^DEPLOY SUCCESS 314 one-306$'
	finish
	[ "$(awk '/vnm/ { split($2, p, "/vnm/"); printf "%s:%s ", $1, p[2] }' calls)" = \
		'host-a:bridge/pre host-a:802.1Q/pre host-a:ovswitch/pre host-a:elastic/pre host-a:vxlan/pre host-a:bridge/post host-a:802.1Q/post host-a:ovswitch/post here:elastic/post host-a:vxlan/post ' ]
}

@test "DEPLOY: when deploy fails its network is cleaned and the reply says what deploy said" {
	stub rem/vmm/kvm/deploy 'echo "ERROR: deploy: log line" >&2; echo "no such" >&2; echo "  file  " >&2; exit 1'
	start
	send "$(deploy_request 306)"
	expect '^DEPLOY FAILURE 306 no such file$'
	expect '^LOG E 306 deploy: log line$'
	finish
	[ "$(called)" = 'context pre deploy clean' ]
}

@test "DEPLOY: when the network after it fails the VM is cancelled and cleaned" {
	stub rem/vnm/bridge/post 'echo "no bridge" >&2; exit 1'
	start
	send "$(deploy_request 306)"
	expect '^DEPLOY FAILURE 306 bridge: no bridge$'
	finish
	[ "$(called)" = 'context pre deploy post cancel clean' ]
	[ "$(grep cancel calls)" = 'host-a rem/vmm/kvm/cancel one-306 host-a 306 host-a' ]
}

@test "DEPLOY: an unknown outcome is verified: the VM is cancelled" {
	stub rem/vmm/kvm/deploy 'echo "libvirt went away" >&2; exit 3'
	start
	send "$(deploy_request 306)"
	expect '^DEPLOY FAILURE 306 outcome unknown: libvirt went away; it was undone if host-a made domain [0-9a-f-]{36}: its scripts cannot say '
	finish
	[ "$(called)" = 'context pre deploy cancel clean' ]
}

@test "DEPLOY: an unknown outcome that cannot be undone says that the VM may run" {
	stub rem/vmm/kvm/deploy 'exit 3'
	stub rem/vmm/kvm/cancel 'echo "cannot ask libvirt" >&2; exit 1'
	start
	send "$(deploy_request 306)"
	expect '^DEPLOY FAILURE 306 outcome unknown: .*; undoing it failed: cancel: cannot ask libvirt; the VM may be running on host-a$'
	finish
	[ "$(called)" = 'context pre deploy cancel' ]
}

@test "DEPLOY: a deploy that prints no id, or no usable one, is undone" {
	stub rem/vmm/kvm/deploy
	start
	send "$(deploy_request 1)"
	expect '^DEPLOY FAILURE 1 outcome unknown: deploy printed no valid id'
	[ "$(called)" = 'context pre deploy cancel clean' ]
	stub rem/vmm/kvm/deploy 'head -c 100000 /dev/zero | tr "\0" x'
	send "$(deploy_request 2)"
	expect '^DEPLOY FAILURE 2 outcome unknown: deploy printed no valid id'
	finish
}

@test "DEPLOY: only the first line of what deploy prints is the id, a reply is one line" {
	stub rem/vmm/kvm/deploy 'printf "  one-306\nsecond line\n"'
	start
	send "$(deploy_request 306)"
	expect '^DEPLOY SUCCESS 306 one-306 second line$'
	finish
	[ "$(grep post calls)" = 'host-a rem/vnm/bridge/post one-306 host-a' ]
}

@test "DEPLOY: without a deployment file nothing is run" {
	start
	send "$(request DEPLOY 306)"
	expect '^DEPLOY FAILURE 306 Cannot open deployment file /var/lib/one/vms/306/deployment.0: cannot read .*: No such file'
	: >empty
	send "$(request DEPLOY 307 - LOCAL_DEPLOYMENT_FILE=@DIR@/empty)"
	expect '^DEPLOY FAILURE 307 Cannot open deployment file .*/empty: it is empty$'
	finish
	[ ! -s calls ]
}

@test "DEPLOY: a transfer driver or script that is not there is named" {
	start
	send "$(deploy_request 1 'TM_COMMAND=CONTEXT nosuch a b')"
	expect "^DEPLOY FAILURE 1 Transfer Driver 'nosuch' not available\$"
	send "$(deploy_request 2 'TM_COMMAND=NOSUCH.sys qcow2 a b')"
	expect "^DEPLOY FAILURE 2 Driver path '.*/tm/qcow2/nosuch.sys' nor '.*/tm/qcow2/nosuch' exists\$"
	send "$(deploy_request 3 'TM_COMMAND=CONTEXT ../../bin a b')"
	expect "^DEPLOY FAILURE 3 transfer driver '../../bin' is not a name\$"
	finish
	[ ! -s calls ]
}

@test "DEPLOY: a user's text is data: quotes, EOT, \$(…), new lines, emoji; nothing of it runs" {
	name=$'a\'b"c<d>&\n$(touch x)\n`touch x`\nEOT\ntouch x\n😀; touch x'
	start
	send "$(deploy_request 306 "VM/NAME=$name" "VM/USER_TEMPLATE/DESCRIPTION=$name" \
		"TM_COMMAND=CONTEXT qcow2 it's\$(touch x);\`touch x\` host-a:/d 306 113")"
	expect '^DEPLOY SUCCESS 306 one-306$'
	finish
	[ -z "$(find . -name x)" ]
	[ "$(head -1 calls)" = "here var/remotes/tm/qcow2/context it's\$(touch x);\`touch x\` host-a:/d 306 113" ]
	[ "$(xmllint --xpath 'string(/VM/NAME)' ds/113/306/vm.xml)" = "$name" ]
}

@test "DEPLOY: oned's own messages with EOT lines and other alphabets go through unharmed" {
	stub var/remotes/tm/shared/context
	for m in DEPLOY-eot DEPLOY-utf8; do
		MESSAGE=$m
		start
		send "$(deploy_request 306)"
		expect '^DEPLOY SUCCESS 306 one-306$'
		finish
		cmp <("$TOP/tests/tools/requests" "$DATA/messages/$m.msg" D 1 | awk '{ print $3 }' | base64 -d |
			xmllint --xpath 'string(//VM/USER_TEMPLATE)' -) \
			<(xmllint --xpath 'string(/VM/USER_TEMPLATE)' ds/113/306/vm.xml)
	done
}

@test "DEPLOY: a host name, path or id with quotes stays one word on the far end" {
	start
	send "$(deploy_request 306 "REMOTE_DEPLOYMENT_FILE=@DIR@/ds/it's \$(touch x) \"q\"/deployment.0")"
	expect '^DEPLOY SUCCESS 306 one-306$'
	finish
	[ -z "$(find . -name x)" ]
	[ -e "ds/it's \$(touch x) \"q\"/vm.xml" ]
}

@test "SHUTDOWN and CANCEL: the VM, then its network; the script gets the whole request" {
	start
	send "$(request SHUTDOWN 306)"
	expect '^SHUTDOWN SUCCESS 306 -$'
	send "$(request CANCEL 306)"
	expect '^CANCEL SUCCESS 306 -$'
	finish
	[ "$(called)" = 'shutdown clean cancel clean' ]
	[ "$(head -1 calls)" = 'host-a rem/vmm/kvm/shutdown one-306 host-a 306 host-a' ]
	[ "$(sed -n 2p calls)" = 'host-a rem/vnm/bridge/clean host-a' ]
	cmp stdin.shutdown <(request SHUTDOWN 306 | awk '{ print $3 }' | base64 -d)
}

@test "SHUTDOWN: a VM that is gone is gone, also when its network clean-up fails; that is logged" {
	stub rem/vnm/bridge/clean 'echo "ovs is down" >&2; exit 1'
	start
	send "$(request SHUTDOWN 306)"
	expect '^SHUTDOWN SUCCESS 306 -$'
	expect '^LOG E 306 clean: bridge: ovs is down \(the shutdown itself was done\)$'
	finish
}

@test "SHUTDOWN: a failed or unknown shutdown leaves the network alone" {
	stub rem/vmm/kvm/shutdown 'echo "Timed out" >&2; exit 255'
	start
	send "$(request SHUTDOWN 306)"
	expect '^SHUTDOWN FAILURE 306 Timed out$'
	stub rem/vmm/kvm/shutdown 'exit 3'
	send "$(request SHUTDOWN 306)"
	expect '^SHUTDOWN FAILURE 306 outcome unknown: '
	finish
	[ "$(called)" = 'shutdown shutdown' ]
}

@test "REBOOT, RESET, POLL: one script each" {
	stub rem/vmm/kvm/poll 'echo "STATE=a CPU=1"'
	start
	for a in REBOOT RESET; do
		send "$(request $a 306)"
		expect "^$a SUCCESS 306 -\$"
	done
	send "$(request POLL 306)"
	expect '^POLL SUCCESS 306 STATE=a CPU=1$'
	finish
	[ "$(called)" = 'reboot reset poll' ]
	never grep -q '^LOG .*poll' out
}

@test "errors: the text between OpenNebula's marks is the reason, the rest is log" {
	stub rem/vmm/kvm/reset 'exec >&2
		echo "INFO: reset: trying"; echo "WARN: slow"; echo "DEBUG: 306 dbg"; echo plain
		echo "ERROR MESSAGE --8<------"; echo "reset: cannot: why [busy]"; echo "ERROR MESSAGE ------>8--"; exit 1'
	start
	send "$(request RESET 306)"
	expect '^RESET FAILURE 306 reset: cannot: why \[busy\]$'
	for l in 'I 306 reset: trying' 'W 306 slow' 'D 306 dbg' 'I 306 plain'; do
		[ "$(grep -c "^LOG $l\$" out)" -eq 1 ]
	done
	finish
}

@test "errors: a megabyte of stderr neither hangs nor is lost whole: both its ends are kept" {
	stub rem/vmm/kvm/reset '{ echo first cause; yes "middle line" | head -c 1500000; echo; echo last word; } >&2; exit 1'
	start
	send "$(request RESET 306)"
	expect '^RESET FAILURE 306 first cause.*last word$'
	[ "$(wc -c <out)" -lt 60000 ]
	finish
}

@test "errors: a silent failure reports the script and its status; a killed one is unknown" {
	stub rem/vmm/kvm/reset 'exit 7'
	mkdir -p var/remotes/vmm/kvm
	stub var/remotes/vmm/kvm/reboot 'kill -KILL $$'
	start '-l reboot kvm'
	send "$(request RESET 1)"
	expect '^RESET FAILURE 1 .*/rem/vmm/kvm/reset failed with status 7$'
	send "$(request REBOOT 2)"
	expect '^REBOOT FAILURE 2 outcome unknown: .*/vmm/kvm/reboot was killed by signal 9$'
	finish
}

@test "errors: a script that is not on the host is named, with what to do" {
	rm rem/vmm/kvm/reset
	start
	send "$(request RESET 1)"
	expect '^RESET FAILURE 1 .*/rem/vmm/kvm/reset is not on host-a \(hint: onehost sync --force\)$'
	finish
}

@test "-l: those actions run here, with another script if it is named" {
	stub var/remotes/vmm/kvm/deploy 'echo one-306'
	stub var/remotes/vmm/kvm/poll_other 'echo STATE=d'
	start '-l deploy,poll=poll_other, kvm -p'
	send "$(deploy_request 306)"
	expect '^DEPLOY SUCCESS 306 one-306$'
	send "$(request POLL 306)"
	expect '^POLL SUCCESS 306 STATE=d$'
	finish
	[ "$(sed -n 3p calls)" = "here var/remotes/vmm/kvm/deploy $PWD/vms/deployment.0 host-a 306 host-a" ]
	[[ $(cat vms/vm.xml) == '<VM><ID>306</ID>'* ]]
	[ "$(tail -1 calls)" = 'here var/remotes/vmm/kvm/poll_other one-306 host-a 306 host-a' ]
}

@test "-s: the far end's shell" {
	printf '#!/bin/sh\ntouch %s/myshell-ran\nexec bash "$@"\n' "$PWD" >bin/myshell
	chmod +x bin/myshell
	start '-s myshell kvm'
	send "$(request RESET 1)"
	expect '^RESET SUCCESS 1 -$'
	finish
	[ -e myshell-ran ]
}

@test "configuration: PRIORITY, exported variables and the working directory reach local scripts" {
	printf 'PRIORITY=5\nFROM_DEFAULTRC=1\n' >etc/defaultrc
	echo 'FROM_EXECRC="a b"' >>etc/vmm_exec/vmm_execrc
	stub var/remotes/tm/qcow2/context 'echo "$(nice) $FROM_DEFAULTRC $FROM_EXECRC $PWD" >seen'
	start
	send "$(deploy_request 306)"
	expect '^DEPLOY SUCCESS'
	finish
	[ "$(cat var/seen)" = "$(nice -n 5 nice) 1 a b $PWD/var" ]
}

@test "configuration: a fault in vmm_exec.cfg is named with its line, and the driver does not start" {
	printf '\nssh: { conect_timeout_s = 3; };\n' >etc/vmm_exec/vmm_exec.cfg
	run --separate-stderr "$DRIVER" kvm </dev/null
	[ "$status" -eq 255 ]
	[[ $stderr == *"vmm_exec.cfg:2: "*"connect_timeout_s"* ]]
}
