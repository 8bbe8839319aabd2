# SPDX-License-Identifier: Apache-2.0
# bats file_tags=fast,once
# Usage in the files that OpenNebula's forecast program reads, and its forecasts in what monitord is told; the program is a
# stand-in that reads the tables and takes the arguments as OpenNebula's does.
load helper
load node
load monitord

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	set_of_agent
	LIB=$SET/im/lib/python
	mkdir -p "$LIB"
	cp "$TOP/remotes/im/forecasts.py" "$SET/im"
	stock
	cp "$DATA/monitor/prediction.py" "$LIB"
	period 0.02
}

teardown() {
	end_agent
	end_receiver
	[ -n "${BATS_TEST_COMPLETED:-}" ] || cat messages errors "$LIB/runs"
}

# As OpenNebula has it, but for its comments.
stock() {
	printf '%s\n' '#!/bin/bash' 'SCRIPT_DIR=$(dirname "$0")' '' \
		'PYTHONPATH=$SCRIPT_DIR python "$SCRIPT_DIR/prediction.py" "$@" --pythonpath $SCRIPT_DIR' >"$LIB/prediction.sh"
	chmod +x "$LIB/prediction.sh"
}

# period MINUTES [ENABLED]: forecast.conf.
period() {
	local kind
	for kind in host virtualmachine; do
		printf '%s:\n  db_retention: 2\n  forecast:\n    enabled: %s\n    period: %s\n  forecast_far:\n    enabled: %s\n' \
			$kind "${2:-true}" "$1" "${2:-true}"
	done >"$SET/etc/im/kvm-probes.d/forecast.conf"
}

# usage VM TEXT: what monitord was told of that VM has it, now or soon.
usage() {
	received "any(.[]; .type == \"MONITOR_VM\" and (.text | [match(\"ID=\\\"$1\\\",.*?MONITOR=\\\"(.*?)\\\"\"; \"g\").captures[0].string | @base64d] |
		any(contains($2))))" >/dev/null
}

more_usage() {	# N
	local before
	before=$(jq -s 'map(select(.type == "MONITOR_VM")) | length' messages)
	received "map(select(.type == \"MONITOR_VM\")) | length >= $before + $1" >/dev/null
}

# table FILE TABLE: how many rows it has.
table() {
	python3 -c 'import sqlite3, sys; print(sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True).execute("SELECT count(*) FROM " + sys.argv[2]).fetchone()[0])' "$1" "$2"
}

rows_of_6() {
	table db/6.db virtualmachine_6_cpu_monitoring
}

has_rows() {	# FILE TABLE
	[ -e "$1" ] && [ "$(table "$1" "$2" 2>/dev/null)" -gt 0 ]
}

@test "usage is kept in tables; one nice process forecasts for all VMs and the host; one that hangs delays nothing; an edited one is run for each" {
	period 0.02 false
	agent
	more_usage 2
	[ ! -e "$LIB/runs" ]
	period 0.02
	usage 5 '"CPU_FORECAST=\"1.5\"\n"'
	usage 6 '"CPU_FORECAST=\"1.5\"\n"'
	received 'any(.[]; .type == "MONITOR_HOST" and (.text | contains("USEDCPU_FORECAST=\"2.5\"\n")))' >/dev/null
	never grep -q nan <(jq -r 'select(.type == "MONITOR_HOST" or .type == "MONITOR_VM").text' messages | sed 's/.*MONITOR="\(.*\)"\]/\1/' | base64 -d 2>/dev/null)
	wait_for has_rows db/5.db virtualmachine_5_cpu_monitoring
	wait_for has_rows db/5.db virtualmachine_5_diskrdbytes_monitoring
	wait_for has_rows db/host.db host_7_usedmemory_monitoring
	[ ! -e db/-1.db ]
	[ "$(cat db/config)" = "$(cat start)" ]
	[ "$(head -n 3 "$LIB/runs" | cut -d' ' -f2- | sort)" = "host,7,7,$PWD/db nice 19 threads 1 memory limited
virtualmachine,5,$(uuid 5),$PWD/db nice 19 threads 1 memory limited
virtualmachine,6,$(uuid 6),$PWD/db nice 19 threads 1 memory limited" ]
	[ "$(head -n 3 "$LIB/runs" | cut -d' ' -f1 | sort -u | wc -l)" -eq 1 ]
	touch "$LIB/hang"
	: >"$LIB/runs"
	wait_for test -s "$LIB/runs"
	more_usage 2
	echo 'echo "EDITED_FORECAST=\"3\""' >>"$LIB/prediction.sh"
	sed -i 's/ python / python3 /' "$LIB/prediction.sh"
	rm "$LIB/hang"
	: >messages
	usage 5 '"EDITED_FORECAST=\"3\"\n"'
	usage 6 '"CPU_FORECAST=\"1.5\"\n"'
	period 5 false
	before=$(rows_of_6)
	more_usage 2
	end_agent
	[ "$(rows_of_6)" -gt "$before" ]	# what was kept is written at the end
}

@test "the list of probes says whether the forecast program is OpenNebula's, and it can be recorded so" {
	mkdir -p "$SET/im/kvm-probes.d/host/monitor"
	run "$SET/im/kvm-probes" --list
	assert_output --regexp '^forecasts +prediction.sh +run once for all VMs$'
	echo 'echo' >>"$LIB/prediction.sh"
	run "$SET/im/kvm-probes" --list
	assert_output --regexp "^forecasts +prediction.sh +run: it is not OpenNebula's own"
	run "$SET/im/kvm-probes" --record
	assert_output lib/python/prediction.sh
	run "$SET/im/kvm-probes" --list
	assert_output --regexp '^forecasts +prediction.sh +run once for all VMs$'
}

@test "a full, read-only, broken or hanging disk, a damaged and a locked file: monitoring goes on, and usage is kept after it" {
	local state locker
	mkdir db
	mkfifo free
	receiver
	: >disk.state
	ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD=$BUILD/tests/fake/disk.so MODEL_DISK=$PWD/db MODEL_DISK_STATE=$PWD/disk.state start_agent
	for state in full readonly broken hang; do
		echo $state >disk.state
		more_usage 1
	done
	more_usage 1
	: >disk.state
	: >messages
	usage 5 '"CPU_FORECAST="'
	head -c 4096 /dev/zero >db/5.db
	wait_for test -e db/5.db.damaged
	python3 -c 'import sqlite3, sys; c = sqlite3.connect("db/6.db"); c.execute("BEGIN EXCLUSIVE"); print(flush=True); sys.stdin.read()' \
		<free >locked 3>&- &
	locker=$!
	exec 6>free
	wait_for test -s locked
	more_usage 2
	exec 6>&-
	wait $locker
	wait_for has_rows db/5.db virtualmachine_5_cpu_monitoring
}

peak() {	# the most memory that the agent has had, in KiB
	awk '/VmHWM/ { print $2 }' "/proc/$AGENT/status"
}

@test "a forecast program that prints megabytes of anything costs the agent no memory, and other forecasts are kept" {
	local before
	period 0.02 false
	agent
	more_usage 2
	before=$(peak)
	# shellcheck disable=SC2016
	sed -i '1,/^    kind, number/s|^    kind, number|    if entity.startswith("host"): print("\\n" * 6000000 + "@x\\nCPU_FORECAST=\\"9\\"")\n&|' "$LIB/prediction.py"
	period 0.02
	usage 5 '"CPU_FORECAST=\"1.5\"\n"'
	usage 6 '"CPU_FORECAST=\"1.5\"\n"'
	[ $(($(peak) - before)) -lt 100000 ]
}

@test "the program of later releases: no main(), data classes, far forecasts in slots of time, one that fails spoils no other" {
	mkdir lib
	cat >lib/prediction.py <<-'END'
		import argparse
		import time
		from dataclasses import dataclass
		from datetime import timedelta
		from types import SimpleNamespace

		@dataclass
		class Entity:
		    id: int

		def parse_args():
		    parser = argparse.ArgumentParser()
		    parser.add_argument("--entity", type=lambda text: Entity(int(text.split(",")[1])), required=True)
		    parser.add_argument("--pythonpath", required=True)
		    return parser.parse_args()

		def _is_time_slot_eligible(monitor_interval, forecast_period, entity):
		    return False

		def run_all_forecasts(entity_dto, pythonpath):
		    if entity_dto.id == 8:
		        raise ValueError("eight")
		    if entity_dto.id == 9:
		        raise SystemExit(0)
		    slot = int(time.time() // 30) - 3	# passed 90 s ago
		    entity = SimpleNamespace(uid=SimpleNamespace(id=slot % 5760))
		    print('FAR="%s"' % _is_time_slot_eligible(timedelta(seconds=30), timedelta(hours=48), entity))
	END
	printf 'virtualmachine,%s,u,d\n' x 8 9 7 >entities
	run --separate-stderr python3 "$TOP/remotes/im/forecasts.py" "$PWD/lib" 300 <entities
	assert_success
	[ "$output" = '@virtualmachine,x,u,d

@virtualmachine,8,u,d

@virtualmachine,9,u,d

@virtualmachine,7,u,d
FAR="True"' ]
	[[ $stderr == *'Error: eight (ValueError)'* ]]
	run --separate-stderr python3 "$TOP/remotes/im/forecasts.py" "$PWD/lib" 30 <entities
	[[ $output == *'FAR="False"' ]]
}
