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

RELEASE = '{release}/test/'
# Of clang, without checked library functions, which would pass by the tests that stand in for them.
PLAIN = '{coverage}/test/'
MEMCHECK = ['valgrind', '-q', '--error-exitcode=9', '--leak-check=full', '--errors-for-leak-kinds=definite']


def goes_on(name):
    """The arguments with which a program of ours goes on where it was."""
    return ['--long', '{state}/%s.place' % name, '--seconds', '{seconds}']


def on_disk(name):
    """The same for one that needs room for files."""
    return goes_on(name) + ['--folder', '{state}']


def model(name):
    return Campaign('model-' + name, 'random commands against a small model of the store: ' + name,
                    ['env', '-C', '{state}', RELEASE + 'model/test_%s_model' % name, '--long',
                     '{state}/model-%s.seed' % name, '--seconds', '{seconds}'])


ROWS = [
    Row('R1', 'crash states on the simulated disk', ['sweep_1', 'sweep_2'],
        {'states': 1000000, 'seeds': 200},
        [Campaign('sweep', 'random histories, crashed at every step of the disk',
                  [RELEASE + 'crash/sweep', '--states', '500'] + goes_on('sweep'))],
        {'states': 100000000}),
    Row('R2', 'every sequence of few operations, every crash', ['sweep_every_1', 'sweep_every_2'],
        {'sequences': 421},
        [Campaign('every', 'all sequences of up to three of twenty operations, every crash point, every subset',
                  [RELEASE + 'crash/every', '--length', '3'] + goes_on('every'))],
        {'sequences': 8421}),
    Row('R3', 'crash during recovery', ['sweep_again'], {'workloads': 10},
        [Campaign('again', 'each recovery of a workload crashed at each of its steps',
                  [RELEASE + 'crash/every', '--workloads', '1..1000'] + goes_on('again'))],
        {'workloads': 1000}),
    Row('R4', 'faults in durable bytes, names and files',
        ['damage_bits_clean_1', 'damage_bits_clean_2', 'damage_bits_unclean_1', 'damage_bits_unclean_2',
         'damage_lists', 'crash_damage_some'],
        {'bits': 1240612, 'sectors': 51740, 'files': 1924},
        [Campaign('damage', 'every bit with every operation, and one to three random faults at a time',
                  [RELEASE + 'crash/damage_sweep'] + goes_on('damage'))],
        {'bits_queried': 1240612, 'random': 10000000}),
    Row('R5', 'an I/O error at every operation of every public function',
        ['fault_simulated', 'fault_folder', 'fault_ring'], {'cases': 69, 'functions': 65},
        [Campaign('fault-simulated', 'six errors and short writes at every operation, on the simulated disk',
                  [PLAIN + 'fault/fault_simulated'] + goes_on('fault-simulated')),
         Campaign('fault-folder', 'the same in a real folder with LMDB, portable backend',
                  [PLAIN + 'fault/fault_folder'] + on_disk('fault-folder')),
         Campaign('fault-ring', 'the same with io_uring',
                  [PLAIN + 'fault/fault_folder', '--ring'] + on_disk('fault-ring'))],
        {'cases': 207}),
    Row('R6', 'an allocation that fails, at every one, in every public function',
        ['fault_simulated', 'fault_folder', 'fault_ring'], {'heap': 1, 'malloc': 1},
        [Campaign('memcheck', 'under memcheck, every allocation of the process, LMDB and OpenSSL included',
                  MEMCHECK + ['--soname-synonyms=somalloc=nouserintercepts', PLAIN + 'fault/fault_folder',
                              '--memory'] + on_disk('memcheck')),
         Campaign('memcheck-simulated', 'the same on the simulated disk',
                  MEMCHECK + [PLAIN + 'fault/fault_simulated_plain'] + goes_on('memcheck-simulated'))],
        {'cases': 138}),
    Row('R7', 'SIGKILL of a writer on the real ring', ['kill', 'kill_portable', 'kill_checked'], {'kills': 300},
        [Campaign('kill', 'writers killed at random moments, io_uring',
                  [RELEASE + 'kill/kill', '--kills', '20000'] + on_disk('kill')),
         Campaign('kill-portable', 'the same with the portable backend',
                  [RELEASE + 'kill/kill', '--portable', '--kills', '5000'] + on_disk('kill-portable'))],
        {'kills': 20000}),
    Row('R8', 'power cuts on ext4 and xfs', ['cut_ext4', 'cut_xfs', 'cut_checked'], {'cuts': 100},
        [Campaign('cut-ext4', 'the file system is shut down without its log, under writers',
                  [RELEASE + 'kill/cut', '--fs', 'ext4', '--cuts', '5000'] + on_disk('cut-ext4')),
         Campaign('cut-xfs', 'the same on xfs',
                  [RELEASE + 'kill/cut', '--fs', 'xfs', '--cuts', '5000'] + on_disk('cut-xfs'))],
        {'cuts': 10000}),
    Row('R9', 'block-level replay of recorded devices', [], None,
        [Campaign('replay', 'writes recorded in user-mode-linux, replayed up to each, any part of the last ones lost',
                  [RELEASE + 'replay/replay', '--recordings', '30'] + on_disk('replay'))],
        {'states': 5000}),
    Row('R10', 'devices that fail, fill up or stall', ['fault', 'full', 'slow', 'inject'], 'one round of each',
        [Campaign('device', 'write, flush and read errors, glitches, unplugging, thin devices, file systems that end',
                  [RELEASE + 'kernel/fault', '--rounds', '100000'] + on_disk('device')),
         Campaign('full', 'a full disk at each place in turn, and room again',
                  [RELEASE + 'kernel/full', '--points', '100000'] + on_disk('full')),
         Campaign('inject', 'system calls that fail, do nothing, wait, or end the process',
                  [RELEASE + 'kernel/inject', '--rounds', '100000'] + on_disk('inject'))],
        'the matrix of fault, moment, backend and file system, round after round'),
    Row('R11', 'without io_uring', ['noring', 'noring_sysctl'], 'the suites, and each way in which it can be missing',
        [], None),
    Row('R12', 'fuzzing of every decoder, and of operations', [], 'the kept inputs of 21 targets',
        [Campaign('fuzz', 'coverage-guided, each target in turn, address and undefined behaviour sanitizers',
                  ['test/fuzz/campaign', '--long', '{state}/fuzz.json', '--work', '{state}/fuzz', '--seconds',
                   '{seconds}'])],
        'at least 100,000,000 executions of each decoder'),
    Row('R13', 'coverage', [], 'lines never below test/coverage/committed',
        [Campaign('coverage', 'lines, branches and conditions with clang 19',
                  ['test/coverage/report', '--folder', '{state}/coverage', '--long', '{state}/coverage.seed',
                   '--seconds', '{seconds}'])],
        'every line of the stores; every branch and 95 % of conditions of the rest'),
    Row('R14', 'planted bugs', ['crash_planted'], {'found': 10},
        [Campaign('planted', 'each in a copy of the sources; the test that it names turns red',
                  ['test/planted/run', '--all', '{state}/planted'])],
        {'found': 25}),
    Row('R15', 'one history under many options: one digest', ['differ_1', 'differ_2'], {'seeds': 20, 'differences': 0},
        [Campaign('differ', 'backends, sizes, merges, crashes, readers: the same digest and the same answers',
                  [RELEASE + 'differ/differ'] + on_disk('differ'))],
        {'seeds': 5000}),
    Row('R16', 'sanitizers', [], 'address and undefined behaviour: the suites; thread: unit, contract, api', [], None),
    Row('R17', 'soak', ['soak'], {'kills': 1},
        [Campaign('soak', 'mixed load, kills, reopenings, readers, verify and replay; nothing grows',
                  [RELEASE + 'soak/soak', '--seconds', '{seconds}', '--folder', '{state}', '--long', '{state}/soak',
                   '--samples', '{state}/soak.csv'], True)],
        {'seconds': 3600}),
    Row('–', 'models', [], None,
        [Campaign('spin', 'group commit, crash and recovery, 5 batches and 3 crashes, every interleaving',
                  ['test/spin/run', '{state}/spin', '3', '5']),
         Campaign('eva', 'the decoders of record, group, segment header and footer, for all inputs',
                  ['test/eva/run', '{state}/eva']),
         model('content'), model('run'), model('release')],
        'the claim stands, no alarm'),
]
