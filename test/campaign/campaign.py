# SPDX-License-Identifier: Apache-2.0
# campaign.py — run the long campaigns of table.py, keep what they counted, and write docs/reliability.md from it.
import argparse
import concurrent.futures
import datetime
import json
import os
import platform
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
import report  # noqa: E402
import table  # noqa: E402

RESULTS = os.path.join(HERE, 'results.jsonl')
# A campaign looks at the clock between rounds; one that takes this much longer than it was given hangs.
GRACE_SECONDS = 900
USAGE_EPILOG = '''\
list      the campaigns and what each does
run       run some (all if no name is given), several side by side; each goes on where it was, and its counts are kept
record    keep the counts of the last complete test/run (build-test-logs/run.txt)
report    write docs/reliability.md from what was kept
'''


def version():
    """The commit whose sources run, with a plus sign if they were changed since."""
    try:
        said = subprocess.run(['git', '-C', ROOT, 'describe', '--always', '--dirty=+', '--exclude=*'],
                              capture_output=True, text=True, check=True)
        return said.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return 'unknown'


def machine():
    """Where it ran, as far as a result can depend on it."""
    return 'Linux %s, %s, %d cores' % (platform.release().split('-')[0], platform.machine(), os.cpu_count())


def stamp():
    return datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%d')


def counts_of(output):
    """The counts of the last summary in an output; None if there is none."""
    for line in reversed(output.splitlines()):
        if line.startswith('summary: '):
            pairs = (word.split('=', 1) for word in line.split()[1:])
            return {key: int(value) for key, value in pairs}
    return None


def keep(result):
    with open(RESULTS, 'a', encoding='utf-8') as out:
        out.write(json.dumps(result, sort_keys=True) + '\n')


def campaigns(names):
    known = {campaign.name: campaign for row in table.ROWS for campaign in row.campaigns}
    for name in names:
        if name not in known:
            sys.exit('campaign: there is no campaign %s; test/campaign/run list tells the names' % name)
    return [campaign for campaign in known.values() if not names or campaign.name in names]


def run_one(campaign, options):
    """Runs one campaign to its end, keeps its result, and returns whether it passed."""
    words = {'state': options.state, 'seconds': options.seconds}
    words.update((name, os.path.join(ROOT, 'build-test-' + folder))
                 for name, folder in (('release', 'release'), ('coverage', 'coverage'), ('asan', 'asan')))
    command = [word.format(**words) for word in campaign.command]
    log = os.path.join(options.state, campaign.name + '.log')
    start = time.monotonic()
    with open(log, 'w+', encoding='utf-8', errors='replace') as out:
        try:
            status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd=ROOT,
                                    env=dict(os.environ, LLVM_PROFILE_FILE='/dev/null'),
                                    timeout=options.seconds + GRACE_SECONDS, check=False).returncode
        except subprocess.TimeoutExpired:
            status = 'did not end'
        except OSError as error:
            status = str(error)
        out.seek(0)
        output = out.read()
    counts = counts_of(output)
    seconds = time.monotonic() - start
    if status == 77:
        print('%s: skipped: %s' % (campaign.name, last_line(output)), flush=True)
        return True
    if status == 0 and counts is None:
        status = 'no summary'
    result = {'campaign': campaign.name, 'date': stamp(), 'version': version(), 'machine': machine(),
              'seconds': round(seconds), 'status': status, 'counts': counts or {}}
    if status != 0:
        result['said'] = last_line(output)
    keep(result)
    print('%s: %s after %d s: %s' % (campaign.name, 'passed' if status == 0 else 'FAILED, see ' + log, seconds,
                                     last_line(output)), flush=True)
    return status == 0


def last_line(output):
    lines = output.strip().splitlines()
    return lines[-1] if lines else 'nothing said'


def run(options):
    os.makedirs(options.state, exist_ok=True)
    options.state = os.path.abspath(options.state)
    chosen = campaigns(options.names)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        together = [pool.submit(run_one, campaign, options) for campaign in chosen if not campaign.alone]
        passed = [job.result() for job in together]
    passed += [run_one(campaign, options) for campaign in chosen if campaign.alone]
    return 0 if all(passed) else 1


def show_list(options):
    for row in table.ROWS:
        for campaign in row.campaigns:
            print('%-4s %-18s %s' % (row.name, campaign.name, campaign.what))
    return 0


def record(options):
    totals = {'tests': {}}
    with open(options.run, encoding='utf-8') as lines:
        for words in map(str.split, lines):
            if words[0] == 'test':
                totals['tests'][words[1]] = counts_of('summary: ' + ' '.join(words[2:]))
            else:
                totals[words[0]] = int(words[1])
    if totals.get('failed', 1) != 0:
        sys.exit('campaign: %s is not of a run that came to its end and passed' % options.run)
    totals.update({'campaign': 'test/run', 'date': stamp(), 'version': version(), 'machine': machine(), 'status': 0})
    keep(totals)
    return 0


def write_report(options):
    with open(os.path.join(ROOT, 'docs', 'reliability.md'), 'w', encoding='utf-8') as out:
        out.write(report.page())
    return 0


def main():
    parser = argparse.ArgumentParser(prog='test/campaign/run', description='Long campaigns, and the page on them.',
                                     epilog=USAGE_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest='verb', required=True, metavar='list|run|record|report')
    verbs.add_parser('list').set_defaults(do=show_list)
    runs = verbs.add_parser('run')
    runs.add_argument('names', nargs='*', metavar='NAME')
    runs.add_argument('--seconds', type=int, default=3600, help='for each campaign; default 3600')
    runs.add_argument('--state', default=os.path.join(ROOT, 'build-test-state'), help='where they remember their place')
    runs.add_argument('--jobs', type=int, default=os.cpu_count(), help='campaigns side by side; default one a core')
    runs.set_defaults(do=run)
    records = verbs.add_parser('record')
    records.add_argument('--run', default=os.path.join(ROOT, 'build-test-logs', 'run.txt'))
    records.set_defaults(do=record)
    verbs.add_parser('report').set_defaults(do=write_report)
    options = parser.parse_args()
    return options.do(options)


if __name__ == '__main__':
    sys.exit(main())
