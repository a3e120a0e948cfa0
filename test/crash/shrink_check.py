#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# shrink_check.py — a planted violation is found by the sweep, made simple, and can be repeated by what is printed.
#
# usage: shrink_check.py SWEEP FOLDER
import pathlib
import subprocess
import sys

ACTIONS_MAX = 3


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    print('$', ' '.join(command), f'-> {done.returncode}', done.stdout, done.stderr, sep='\n')
    return done


def want(condition, what):
    if not condition:
        sys.exit(f'wrong: {what}')


def line_behind(text, word):
    lines = [line[len(word):].strip() for line in text.splitlines() if line.startswith(word)]
    want(len(lines) == 1, f'{len(lines)} lines begin with {word}')
    return lines[0]


def value_of(arguments, name):
    return arguments[arguments.index(name) + 1]


def main():
    sweep, folder = sys.argv[1:3]

    # Found, and shrunk at once.
    found = run([sweep, '--plant', '--seeds', '20..60', '--states', '200'])
    want(found.returncode == 1, 'the sweep does not fail')
    want('violation: ' in found.stderr and 'planted: ' in found.stderr, 'no violation is told')
    repeat = line_behind(found.stdout, 'repeat: sweep').split()
    keep = line_behind(found.stdout, 'keep:').split()
    actions = value_of(repeat, '--actions').split(',')
    want('none' not in actions and len(actions) <= ACTIONS_MAX, f'{actions}: one to {ACTIONS_MAX} actions make it')
    want('/' not in value_of(repeat, '--at'), 'one crash is enough')
    want(found.stdout.splitlines()[-1] == 'summary: violations=1', 'the last line is not the summary')

    # The command goes to the same state again, and to nothing else.
    again = run([sweep] + repeat)
    address = value_of(repeat, '--at')
    want(again.returncode == 1 and 'planted: ' in again.stderr, 'the command does not repeat it')
    want(f', at {address} (' in again.stderr, f'it fails elsewhere than at {address}')
    fine = run([sweep] + [word for word in repeat if word != '--plant'])
    want(fine.returncode == 0 and 'summary: states=1 ' in fine.stdout, 'without the plant it is not that state')

    # What is kept fails as part of a list, and by no more than it says.
    jobs = pathlib.Path(folder) / 'shrink_check.list'
    jobs.write_text('# planted\n' + ' '.join(keep) + '\n', encoding='utf-8')
    kept = run([sweep, '--list', str(jobs), '--seeds', '1..0', '--no-shrink'])
    want(kept.returncode == 1 and 'planted: ' in kept.stderr, 'the job that is kept does not fail')
    jobs.write_text(' '.join(word for word in keep if word != '--plant') + '\n', encoding='utf-8')
    kept = run([sweep, '--list', str(jobs), '--seeds', '1..0', '--no-shrink'])
    want(kept.returncode == 0, 'the job that is kept fails without the plant')
    jobs.unlink()


main()
