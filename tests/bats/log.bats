# SPDX-License-Identifier: Apache-2.0
# bats file_tags=fast
# log.bats - what an administrator sees: the log file, JSON lines, counters.
load helper
load driver

@test "log.file: each answer and each line with its time; log.level leaves out the rest" {
	configure "log: { file = \"$PWD/driver.log\"; level = \"warning\"; };"
	stub rem/vmm/kvm/reset 'echo "WARN: slow" >&2; echo "a \"quoted\" é" >&2; exit 1'
	start
	send "$(request RESET 7)"
	expect '^RESET FAILURE 7 a "quoted" é$'
	finish
	grep -qE '^20[0-9-]*T[0-9:.]*Z warning log vm=7 slow$' driver.log
	grep -qE '^20[0-9-]*T[0-9:.]*Z error   reply vm=7 RESET FAILURE a "quoted" é$' driver.log
	never grep -q '^LOG I' out
	[ "$(stat -c %a driver.log)" = 640 ]
}

@test "log.json: each line is an object" {
	configure "log: { file = \"$PWD/driver.log\"; json = true; };"
	stub rem/vmm/kvm/reset 'printf "a \"quoted\" \\\\ é \377\n" >&2; exit 1'
	start
	send "$(request RESET 7)"
	expect '^RESET FAILURE 7 '
	finish
	python3 - driver.log <<-'EOF'
	import json, sys
	lines = [json.loads(l) for l in open(sys.argv[1])]
	reply = [l for l in lines if l["kind"] == "reply"][0]
	assert reply["vm"] == 7 and reply["level"] == "error" and 'a "quoted" \\ é' in reply["text"], reply
	EOF
}

@test "metrics.file: actions by result and class, times, and what waits and runs" {
	configure "metrics: { file = \"$PWD/vmm.prom\"; interval_s = 1; };"
	stub rem/vmm/kvm/reset 'printf "ERROR MESSAGE --8<------\nreset: cannot: no [busy] (hint: x)\nERROR MESSAGE ------>8--\n" >&2; exit 1'
	start
	send "$(request RESET 7)"
	send "$(request REBOOT 8)"
	expect '^RESET FAILURE 7 '
	expect '^REBOOT SUCCESS 8 '
	touch no-ssh-host-c
	send "$(request REBOOT 9 host-c)"
	expect '^REBOOT FAILURE 9 '
	wait_for grep -q 'vmm_exec_actions_total{action="REBOOT",result="failure",class="connection"} 1' vmm.prom
	wait_for grep -q 'vmm_exec_actions_total{action="REBOOT",result="success",class=""} 1' vmm.prom
	grep -q 'vmm_exec_actions_total{action="RESET",result="failure",class="busy"} 1' vmm.prom
	grep -q 'vmm_exec_action_seconds_bucket{action="REBOOT",le="+Inf"} 2' vmm.prom
	[ "$(sed -n 's/^# HELP \([^ ]*\) .*/\1/p' vmm.prom)" = "$(sed -n 's/^# TYPE \([^ ]*\) .*/\1/p' vmm.prom)" ]
	never grep -vqE '^(# (HELP|TYPE) vmm_exec_[a-z_]+ .+|vmm_exec_[a-z_]+(\{[^}]*\})? [0-9.e+-]+)$' vmm.prom
	grep -q '^vmm_exec_build_info{version="[0-9.]*"} 1$' vmm.prom
	grep -q '^vmm_exec_start_time_seconds [0-9]*$' vmm.prom
	grep -q '^vmm_exec_waiting 0$' vmm.prom
	grep -q '^vmm_exec_host_up{host="host-a"} 1$' vmm.prom
	finish
}

@test "each metric that the alert rules and the dashboard name is written by the driver" {
	configure "metrics: { file = \"$PWD/vmm.prom\"; interval_s = 1; };"
	start
	send "$(request REBOOT 8)"
	expect '^REBOOT SUCCESS 8 '
	finish
	grep -oh 'vmm_exec_[a-z_]*' "$TOP"/docs/examples/{alerts.yml,grafana.json} | sed 's/_bucket$//' | sort -u >named
	[ "$(wc -l <named)" -gt 8 ]
	while read -r name; do
		grep -q "^# TYPE $name " vmm.prom || { echo "not written: $name"; return 1; }
	done <named
	jq -e '[.panels[].targets[].expr] | length > 8' "$TOP/docs/examples/grafana.json"
}

# reload TEXT: makes TEXT the vmm_exec.cfg, and sends the driver SIGHUP.
reload() {
	configure "$1"
	kill -HUP "$driver_pid"
}

@test "SIGHUP: what is asked for each time changes at once, what needs a restart is named" {
	configure 'timeout_s: { reset = 3600; }; ssh: { sessions = 4; };'
	stub rem/vmm/kvm/reset 'exec sleep 3600'
	start
	reload 'timeout_s: { reset = 1; }; limits: { running = 7; }; ssh: { sessions = 5; }; host: ( { name = "x"; transport = "ssh"; } );'
	expect 'vmm_exec.cfg was read again: changed: limits.running, timeout_s.reset$'
	expect '^LOG W -1 one_vmm_exec: .*vmm_exec.cfg: a restart of oned is needed for ssh.sessions, host$'
	send "$(request RESET 7)"
	expect '^RESET FAILURE 7 .*(1 s|time)'
	reload 'timeout_s: { reset = 1; }; limits: { running = 7; }; ssh: { sessions = 5; }; host: ( { name = "x"; transport = "ssh"; } );'
	expect 'was read again: changed: nothing$'
	finish
	[ "$status" -eq 0 ]
}

@test "SIGHUP: a wrong file, or none, changes nothing, and says where it is wrong" {
	configure 'timeout_s: { reset = 3600; };'
	start
	reload 'timeout_s: { reset = 1;
bogus = 2; };'
	expect '^LOG E -1 one_vmm_exec: .*vmm_exec.cfg:2: unknown key timeout_s.bogus .*: all settings stay as they are$'
	reload 'host: ( { name = "x"; transport = "direct"; } );'
	expect "^LOG E -1 .*host 'x' has transport direct and no uri: all settings stay as they are$"
	rm etc/vmm_exec/vmm_exec.cfg
	kill -HUP "$driver_pid"
	expect '^LOG E -1 .*cannot read .*vmm_exec.cfg: No such file or directory: all settings stay as they are$'
	reload 'timeout_s: { reset = 3600; };'
	expect 'was read again: changed: nothing$'
	send "$(request RESET 7)"
	expect '^RESET SUCCESS 7 '
	finish
}

@test "SIGHUP: the log file is opened again after a rotation, and by another name" {
	configure "log: { file = \"$PWD/one.log\"; };"
	start
	mv one.log one.log.1
	kill -HUP "$driver_pid"
	wait_for grep -q 'was read again' one.log
	never grep -q 'was read again' one.log.1
	reload "log: { file = \"$PWD/two.log\"; level = \"error\"; };"
	wait_for test -e two.log
	send "$(request RESET 7)"
	expect '^RESET SUCCESS 7 '
	finish
	never grep -q 'RESET SUCCESS' one.log
	[ -e two.log ]
}

# start_beside_journal: the driver, in a mount namespace with a journal of systemd's that the script "listen" stands for.
start_beside_journal() {
	configure 'log: { file = "journal"; };'
	cat >bin/driver <<-END
	#!/bin/bash
	mkdir -p /run/systemd
	mount -t tmpfs none /run/systemd
	mkdir /run/systemd/journal
	python3 listen "$BATS_TEST_TMPDIR/" </dev/null >/dev/null 2>&1 9>&- &
	until [ -e listening ]; do sleep 0.05; done
	exec "$DRIVER" "\$@"
	END
	chmod 755 bin/driver
	printf '#!/bin/bash\nexec unshare -m --propagation private %q "$@"\n' "$PWD/bin/driver" >bin/apart
	chmod 755 bin/apart
	DRIVER=$PWD/bin/apart start
}

# bats test_tags=root
@test "log.file = journal: lines go to systemd's journal, with the VM as a field" {
	cat >listen <<-'END'
	import os, socket, sys
	s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
	s.bind("/run/systemd/journal/socket")
	os.close(os.open("listening", os.O_CREAT | os.O_WRONLY))
	while True:
	    data = s.recv(65536)
	    with open("journal", "ab") as f:
	        f.write(data + b"\n")
	END
	stub rem/vmm/kvm/reset 'echo no >&2; exit 1'
	start_beside_journal
	send "$(request RESET 7)"
	expect '^RESET FAILURE 7 no$'
	wait_for grep -aq 'MESSAGE=RESET FAILURE no' journal
	finish
	grep -aA5 'MESSAGE=RESET FAILURE no' journal >entry
	grep -qx PRIORITY=3 entry
	grep -qx VMMEXEC_VM=7 entry
	grep -qx SYSLOG_IDENTIFIER=one_vmm_exec entry
}

# bats test_tags=root
@test "log.file = journal: one that hangs stops no action, nor the driver's end" {
	cat >listen <<-'END'
	import os, socket, time
	s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
	s.bind("/run/systemd/journal/socket")
	os.close(os.open("listening", os.O_CREAT | os.O_WRONLY))
	time.sleep(1000)
	END
	echo $(($(cat /proc/sys/net/unix/max_dgram_qlen) + 200)) >count
	start_beside_journal
	many RESET 1 "$(cat count)" >lines
	send "$(cat lines)"
	expect "^RESET SUCCESS $(cat count) "
	finish
}
