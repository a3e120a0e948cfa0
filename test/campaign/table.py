# SPDX-License-Identifier: Apache-2.0
# table.py — the rows that docs/reliability.md reports: what each shows, its sizes, its tests and its long campaigns.
#
# A test or campaign tells its counts in its last line, `summary: key=value …`. Goals are demands on the sums of these.
# In a command, {state} is the folder in which a campaign remembers where it was, {seconds} how long it may take, and
# {release}, {coverage}, {asan} are the builds of test/run.
import collections

# what: one sentence. command: argument list; None: there is none. alone: nothing else runs beside it. root: needs root.
Campaign = collections.namedtuple('Campaign', 'name what command alone', defaults=(False,))

# tests: names of tests whose summaries add up to what every run shows. every, long: demands on the sums, or a text.
Row = collections.namedtuple('Row', 'name title tests every campaigns long')

ROWS = [
    Row('R1', 'crash states on the simulated disk',
        ['crash_sweep_1', 'crash_sweep_2'], {'states': 1000000, 'seeds': 200},
        [Campaign('sweep', 'random histories, crashed at every step of the disk',
                  ['{release}/test/crash/sweep', '--long', '{state}/sweep.seed', '--seconds', '{seconds}'])],
        {'states': 100000000}),
    Row('R7', 'SIGKILL of a writer on the real ring',
        ['kill'], {'rounds': 300},
        [Campaign('kill', 'a writer killed at random moments, io_uring',
                  ['{release}/test/kill/kill', '--rounds', '20000', '--folder', '{state}', '--seconds', '{seconds}',
                   '--long', '{state}/kill'])],
        {'rounds': 20000}),
]
