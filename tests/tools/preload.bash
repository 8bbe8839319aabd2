# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# preload.bash - what LD_PRELOAD must hold for our libraries of tests/fake.

# sanitizer_of PROGRAM: prints the sanitizer's library that it needs, if any. Its file is read: ldd
# would run it.
sanitizer_of() { readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(lib[at]san[^]]*\)\]$/\1/p'; }

# preload_for PROGRAM NAME: prints NAME.so, for PROGRAM; a sanitizer must be loaded before it.
preload_for() {
	local sanitizer
	sanitizer=$(sanitizer_of "$1")
	echo "${sanitizer:+$sanitizer }$BUILD/tests/fake/$2.so"
}
