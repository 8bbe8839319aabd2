# SPDX-License-Identifier: Apache-2.0
"""forecasts - runs OpenNebula's prediction.py for a host and its VMs in one process: loading what that needs takes longer than
a forecast.

usage: python3 forecasts.py DIRECTORY SECONDS <ENTITIES

DIRECTORY holds prediction.py and its libraries; SECONDS is the time since the last run; ENTITIES are what
prediction.py takes as --entity, one a line. For each it prints "@ENTITY" and behind it what prediction.py prints.
"""
import contextlib
import importlib.util
import io
import os
import sys
import time

OLDEST = (3, 9)     # of Python, for prediction.py


def load(path):
    spec = importlib.util.spec_from_file_location("prediction", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["prediction"] = module      # its data classes look there
    spec.loader.exec_module(module)
    return module


def widen(module, seconds):
    """prediction.py makes the far forecast of an entity in one of many short slots of time, and is to be run in each. A slot
    that has passed since the last run is as good as the present one."""
    if not hasattr(module, "_is_time_slot_eligible"):
        return

    def is_eligible(monitor_interval, forecast_period, entity):
        length = monitor_interval.total_seconds()
        slots = max(1, int(forecast_period.total_seconds() // length))
        now = int(time.time() // length)
        own = int(entity.uid.id) % slots
        return any((now - back) % slots == own for back in range(max(1, round(seconds / length))))

    module._is_time_slot_eligible = is_eligible


def forecast(module):
    if hasattr(module, "main"):
        module.main()
    else:
        arguments = module.parse_args()
        module.run_all_forecasts(entity_dto=arguments.entity, pythonpath=arguments.pythonpath)


def main():
    directory, seconds = sys.argv[1], float(sys.argv[2])
    program = os.path.join(directory, "prediction.py")
    sys.path.insert(0, directory)
    module = load(program)
    widen(module, seconds)
    for entity in sys.stdin.read().split():
        sys.argv = [program, "--entity", entity, "--pythonpath", directory]
        text = io.StringIO()
        try:
            with contextlib.redirect_stdout(text):
                forecast(module)
        except SystemExit:
            pass
        except Exception as error:      # pylint: disable=broad-except
            print("Error: %s (%s)" % (error, type(error).__name__), file=sys.stderr)
        print("@%s\n%s" % (entity, text.getvalue()), flush=True)


if sys.version_info < OLDEST:
    os.execvp("python3.9", ["python3.9", __file__] + sys.argv[1:])
main()
