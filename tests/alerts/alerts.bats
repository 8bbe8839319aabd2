# SPDX-License-Identifier: Apache-2.0
# alerts.bats - the example rules and the driver's metrics, by promtool (make alerts).
load ../bats/helper
load ../bats/driver
load ../bats/monitord

@test "the alert rules are valid, and each fires when it should and not before" {
	run promtool check rules "$TOP/docs/examples/alerts.yml"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *'7 rules found'* ]]
	cp "$TOP/docs/examples/alerts.yml" "$TOP/tests/alerts/alerts_test.yml" .
	run promtool test rules alerts_test.yml
	echo "$output"
	[ "$status" -eq 0 ]
	# Each has one.
	diff <(sed -n 's/.*- alert: //p' alerts.yml | sort) <(sed -n 's/.*- alertname: //p' alerts_test.yml | sort -u)
}

@test "promtool finds nothing to say of the driver's metrics" {
	configure "metrics: { file = \"$PWD/vmm.prom\"; interval_s = 1; };"
	stub rem/vmm/kvm/reset 'exit 1'
	start
	send "$(request REBOOT 8)"
	send "$(request RESET 9)"
	expect '^REBOOT SUCCESS 8 '
	expect '^RESET FAILURE 9 '
	finish
	run promtool check metrics <vmm.prom
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "promtool finds nothing to say of the monitoring agent's metrics" {
	LIBVIRT_URI=test:///default
	set_of_agent
	echo ":metrics: $PWD/vmm_monitor.prom" >"$SET/etc/im/kvm-probes.d/probe_db.conf"
	agent
	until [ -e vmm_monitor.prom ]; do kill -0 "$AGENT" && sleep 0.05; done
	end_agent
	end_receiver
	run promtool check metrics <vmm_monitor.prom
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}
