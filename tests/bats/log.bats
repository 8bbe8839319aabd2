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
