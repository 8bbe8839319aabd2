# SPDX-License-Identifier: Apache-2.0
"""A stand-in for OpenNebula's prediction.py: the same arguments, files, tables and form of output. It notes in "runs" how it was run;
while "hang" is there, it hangs."""
import argparse
import os
import resource
import sqlite3
import time

HOME = os.path.dirname(os.path.abspath(__file__))
FIGURES = {"host": {"usedcpu": 2.5, "freememory": float("nan")},
           "virtualmachine": {"cpu": 1.5, "diskwriops": float("nan")}}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--entity", required=True)
    parser.add_argument("--pythonpath", required=True)
    entity = parser.parse_args().entity
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    with open(HOME + "/runs", "a", encoding="utf-8") as file:
        print(os.getpid(), entity, "nice", os.nice(0), "threads", os.environ.get("OMP_NUM_THREADS"),
              "memory", "unlimited" if limit == resource.RLIM_INFINITY else "limited", file=file)
    while os.path.exists(HOME + "/hang"):
        time.sleep(0.05)
    kind, number, _, directory = entity.split(",")
    path = os.path.join(directory, "host.db" if kind == "host" else number + ".db")
    connection = sqlite3.connect(path)
    for figure, value in FIGURES[kind].items():
        table = "%s_%s_%s_monitoring" % (kind, number, figure)
        if connection.execute("SELECT count(*) FROM %s WHERE TIMESTAMP > %d AND VALUE >= 0" % (table, time.time() - 3600)).fetchone()[0]:
            print('%s_FORECAST="%s"' % (figure.upper(), value))


if __name__ == "__main__":
    main()
