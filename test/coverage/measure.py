# SPDX-License-Identifier: Apache-2.0
# measure.py — what the raw profiles of a build say about the sources: lines, branches and conditions, file by file.
#
# A build for coverage is one of clang with -fprofile-instr-generate -fcoverage-mapping. Its programs leave profiles
# where LLVM_PROFILE_FILE says; with FOLDER/%4m.profraw all processes of one program add their counts to at most four
# files, under a lock, when they end. A process that is killed adds nothing, which is fine: what it ran is run by others
# that end well.
#
# Each layer is part of many test programs, with the same names and the same counts of regions, so profiles add up
# across programs; the shared library, which holds every layer once and whole, tells where in the sources the regions
# are.
import collections
import glob
import json
import os
import re
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Unmeasured(Exception):
    """Nothing can be said about coverage: the text says why."""


def tools(build):
    """llvm-profdata and llvm-cov of the version of the clang that made the build."""
    with open(os.path.join(build, 'compile_commands.json'), encoding='utf-8') as f:
        compiler = json.load(f)[0]['command'].split()[0]
    said = subprocess.run([compiler, '--version'], stdout=subprocess.PIPE, text=True, check=True).stdout
    version = re.search(r'clang version (\d+)', said)
    if version is None:
        raise Unmeasured('%s is not a build of clang' % build)
    major = version[1]
    found = ['llvm-%s-%s' % (name, major) for name in ('profdata', 'cov')]
    for name in found:
        if shutil.which(name) is None:
            raise Unmeasured('%s is missing: package llvm-%s' % (name, major))
    return found


class File:
    """Counts of one source file.

    lines     {line: executed how often}, of lines that hold code
    branches  {(line, column, side): taken how often}, side 'true' or 'false' of a condition
    mcdc      {(line, column, number of the condition): shown to decide the outcome by itself?}
    """

    def __init__(self, path):
        self.path = path
        self.lines = {}
        self.branches = collections.Counter()
        self.mcdc = {}

    def summary(self):
        """(covered, all) of lines, branches and conditions."""
        return ((sum(1 for n in self.lines.values() if n), len(self.lines)),
                (sum(1 for n in self.branches.values() if n), len(self.branches)),
                (sum(self.mcdc.values()), len(self.mcdc)))

    def read_lines(self, segments):
        """Executions by line, by the rules of llvm-cov.

        A segment is the place from which a count holds. A line has the largest count among those that begin in it and
        the one that it begins with; it has none if it begins outside all regions and no region begins in it.
        """
        by_line = collections.defaultdict(list)
        for line, _, count, has_count, is_entry, *gap in segments:
            by_line[line].append((count, has_count, is_entry, bool(gap and gap[0])))
        wrapped = None
        for line in range(1, max(by_line, default=0) + 1):
            here = by_line.get(line, [])
            starts = [s for s in here if s[2] and s[1] and not s[3]]
            begins_skipped = bool(here) and not here[0][1] and here[0][2]
            if not begins_skipped and ((wrapped and wrapped[1]) or starts):
                counts = [s[0] for s in starts] + ([wrapped[0]] if wrapped and wrapped[1] else [])
                # What a line starts with in the middle of a region counts only if no region begins in it.
                if starts and wrapped and wrapped[3]:
                    counts = [s[0] for s in starts]
                self.lines[line] = max(counts)
            if here:
                wrapped = here[-1]


def measure(build, profiles):
    """{path from the root: File} for format/ and engine/, out of all raw profiles in a folder."""
    raw = sorted(glob.glob(os.path.join(profiles, '*.profraw')))
    if not raw:
        raise Unmeasured('there are no profiles in ' + profiles)
    profdata, cov = tools(build)
    merged = os.path.join(profiles, 'all.profdata')
    subprocess.run([profdata, 'merge', '-sparse', '-failure-mode=all', '-o', merged] + raw, check=True)
    library = os.path.join(build, 'engine', 'libfirn.so')
    answer = subprocess.run([cov, 'export', '-skip-expansions', '-instr-profile', merged, library],
                            stdout=subprocess.PIPE, check=True)
    files = {}
    for entry in json.loads(answer.stdout)['data'][0]['files']:
        path = os.path.relpath(os.path.realpath(os.path.join(build, entry['filename'])), ROOT)
        if not re.match(r'(format|engine)/', path):
            continue
        file = files[path] = File(path)
        file.read_lines(entry['segments'])
        for line, column, _, _, true, false, *_ in entry['branches']:
            file.branches[line, column, 'true'] += true
            file.branches[line, column, 'false'] += false
        for line, column, _, _, *_, conditions in entry.get('mcdc_records', []):
            for number, shown in enumerate(conditions, 1):
                file.mcdc[line, column, number] = file.mcdc.get((line, column, number), False) or shown
    return files


def percent(covered, total):
    return 100.0 * covered / total if total else 100.0
