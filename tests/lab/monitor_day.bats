# SPDX-License-Identifier: Apache-2.0
# monitor_day.bats - the agent with OpenNebula's own periods and a clock that runs SPEED=100 times as fast, for HOURS=0.2 of
# that clock, beside GUESTS=3 guests of which one ends and starts again and again: its memory, descriptors, threads and
# files do not grow. make monitor-day takes 24 hours of it.
bats_require_minimum_version 1.5.0
load lab
load action
load ../bats/monitord
load monitor

NORMAL_S=4	# the clock is true while the agent starts

# OpenNebula's forecast program is a stand-in; forecast.conf is as shipped.
forecasts() {
	on mkdir -p $IM/lib/python
	on cp "$LAB_TOP/tests/data/monitor/prediction.py" $IM/lib/python
	printf '%s\n' '#!/bin/bash' 'SCRIPT_DIR=$(dirname "$0")' \
		'PYTHONPATH=$SCRIPT_DIR python "$SCRIPT_DIR/prediction.py" "$@" --pythonpath $SCRIPT_DIR' | on tee $IM/lib/python/prediction.sh >/dev/null
	on chmod +x $IM/lib/python/prediction.sh
	printf '%s:\n  db_retention: 2\n  forecast:\n    period: 5\n' host virtualmachine |
		on tee /var/tmp/one/etc/im/kvm-probes.d/forecast.conf >/dev/null
}

# figures PID: memory in KiB, threads, descriptors, files; each the least of some looks, as work comes and goes.
figures() {
	# shellcheck disable=SC2016
	on bash -c '
		for i in {1..20}; do
			echo "$(awk "/^RssAnon/ { print \$2 }" /proc/$1/status) $(ls /proc/$1/task | wc -l) $(ls /proc/$1/fd | wc -l) $(ls -A /var/tmp/one_db | wc -l)"
			sleep 0.05
		done | awk "{ for (i = 1; i <= NF; i++) if (NR == 1 || \$i < least[i]) least[i] = \$i } END { print least[1], least[2], least[3], least[4] }"' - "$1"
}

# grown FIRST NOW: whether one of the figures is larger than it was.
grown() {
	local first now i
	read -r -a first <<<"$1"
	read -r -a now <<<"$2"
	# A sanitizer keeps for a while what was given back.
	[[ ${BUILD:-} == *asan* ]] || [ "${now[0]}" -le $((first[0] + 1024)) ] || return 0
	for i in 1 2 3; do [ "${now[i]}" -le "$((first[i] + 1))" ] || return 0; done
	return 1
}

# all_written GUESTS: whether the agent has written each file of which it keeps one.
all_written() {
	local i
	on test -e /var/tmp/one_db/host.db || return 1
	for ((i = 1; i <= $1; i++)); do on test -e /var/tmp/one_db/$i.db || return 1; done
}

@test "a day at a hundred times its pace: memory, descriptors, threads and files do not grow" {
	local speed=${SPEED:-100} guests=${GUESTS:-3} seconds begun end guest=1 pid first='' now i since
	seconds=$(awk "BEGIN { print int(${HOURS:-0.2} * 3600 / $speed) }")
	forecasts
	for ((i = 1; i <= guests; i++)); do with_disk $i; done
	CLOCK=(ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0 "LD_PRELOAD=$BUILD/tests/fake/clock.so" "FAKE_CLOCK=$speed $NORMAL_S")
	agent '<SYNC_STATE_VM>180</SYNC_STATE_VM>'
	pid=$(on cat "/tmp/one-monitord-$HOST.pid")
	begun=$(jq -rs 'last.time // 0' messages)
	since=$SECONDS i=0
	end=$((since + NORMAL_S + seconds))
	while [ $SECONDS -lt $end ] || [ -z "$first" ]; do
		lab_virsh node1 destroy one-$guest
		with_disk $guest
		now=$(figures "$pid")
		i=$((i + 1))
		# What is there once all has been done is the measure; on a slow machine that takes longer than a quarter of
		# the day, and the other three begin then.
		if [ -z "$first" ] && [ $SECONDS -ge $((end - seconds + seconds / 4)) ] && all_written $guests; then
			first=$now
			end=$((SECONDS + seconds - seconds / 4))
		fi
		[ -n "$first" ] || never late $since $((NORMAL_S + seconds + 60))
		[ -z "${HOURS:-}" ] || ((i % 20)) || echo "# hour $(awk "BEGIN { print int(($SECONDS - $end + $seconds) * $speed / 360) / 10 }"): KiB, threads, descriptors, files: $now" >&3
	done
	[ -z "${HOURS:-}" ] || echo "# KiB, threads, descriptors, files after a quarter: $first; at the end: $now" >&3
	# What is in progress at that moment ends; what has grown does not.
	since=$SECONDS
	while grown "$first" "$now"; do
		echo "first $first, last $now"
		never late $since 20
		now=$(figures "$pid")
	done
	# The day was one: so many messages came, and forecasts with them.
	end=$(jq -rs '[.[].time] | max' messages)
	[ $((end - begun)) -ge $((seconds * speed * 8 / 10)) ]
	since=$SECONDS
	until [ "$(jq -s 'map(select(.type == "MONITOR_VM")) | length' messages)" -ge $((seconds * speed / 30 / 2)) ] &&
		[[ $(usage_of 2) == *CPU_FORECAST=* ]]; do
		never late $since 20
		sleep 0.2
	done
	on rm -r $IM/lib /var/tmp/one/etc/im/kvm-probes.d/forecast.conf
}
