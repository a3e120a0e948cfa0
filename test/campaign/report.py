# SPDX-License-Identifier: Apache-2.0
# report.py — make docs/reliability.md: the text of reliability.in, with tables made from the kept results.
import json
import os

import table

HERE = os.path.dirname(os.path.abspath(__file__))
# How the counts of several runs become one; all others are added up.
SMALLEST = ('first_seed',)
LARGEST = ('last_seed',)


def results():
    with open(os.path.join(HERE, 'results.jsonl'), encoding='utf-8') as lines:
        return [json.loads(line) for line in lines]


def add_up(many):
    """One dictionary of counts from those of several runs."""
    total = {}
    for counts in many:
        for key, value in counts.items():
            if key not in total:
                total[key] = value
            elif key in SMALLEST or key.endswith('_min'):
                total[key] = min(total[key], value)
            elif key in LARGEST or key.endswith('_max'):
                total[key] = max(total[key], value)
            else:
                total[key] += value
    return total


def number(value):
    return '{:,}'.format(value)


def demand(goal):
    """A goal in words: a text as it is, else 'states ≥ 1,000,000'."""
    if isinstance(goal, str):
        return goal
    return ', '.join('%s ≥ %s' % (key.replace('_', ' '), number(value)) for key, value in goal.items())


def told(counts):
    seeds = ''
    if 'first_seed' in counts and 'last_seed' in counts:
        seeds = '; seeds %s to %s' % (number(counts['first_seed']), number(counts['last_seed']))
    words = ['%s %s' % (number(value), key.replace('_', ' ')) for key, value in counts.items()
             if key not in SMALLEST + LARGEST]
    return ', '.join(words) + seeds


def short_of(goal, counts):
    """What a goal asks for and the counts do not reach."""
    if isinstance(goal, str):
        return []
    return ['%s %s of %s' % (key.replace('_', ' '), number(counts.get(key, 0)), number(value))
            for key, value in goal.items() if counts.get(key, 0) < value]


def verdict(goal, counts):
    missing = short_of(goal, counts)
    return 'not yet: ' + ', '.join(missing) if missing else 'reached'


def every_table(kept):
    """What the last kept run of test/run counted, row by row."""
    runs = [result for result in kept if result['campaign'] == 'test/run']
    if not runs:
        return 'No run has been kept.'
    last = runs[-1]
    lines = ['Kept on %s: version %s on %s; %s tests passed, %s failed, %s skipped; %s s of building, %s s of testing.'
             % (last['date'], last['version'], last['machine'], number(last['passed']), number(last['failed']),
                number(last['skipped']), number(last['built']), number(last['tested'])), '',
             '| row | test | goal | counted | |', '| --- | --- | --- | --- | --- |']
    for row in table.ROWS:
        if row.every is None:
            continue
        counts = add_up(last['tests'][name] for name in row.tests if name in last['tests'])
        lines.append('| %s | %s | %s | %s | %s |' % (row.name, row.title, demand(row.every), told(counts) or '–',
                                                    verdict(row.every, counts)))
    return '\n'.join(lines)


def span(values):
    values = list(dict.fromkeys(values))
    return values[0] if len(values) == 1 else '%s to %s' % (values[0], values[-1])


def long_table(kept):
    """What all kept runs of each campaign counted together."""
    lines = ['| row | test | goal | campaign | hours | counted | versions, dates |',
             '| --- | --- | --- | --- | --- | --- | --- |']
    for row in table.ROWS:
        reached = {}
        for place, campaign in enumerate(row.campaigns):
            runs = [result for result in kept if result['campaign'] == campaign.name and result['status'] == 0]
            counts = add_up(result['counts'] for result in runs)
            reached = add_up([reached, counts])
            head = [row.name, row.title, demand(row.long)] if place == 0 else ['', '', '']
            when = '–'
            if runs:
                when = '%s, %s' % (span(result['version'] for result in runs), span(result['date'] for result in runs))
            hours = '%.1f' % (sum(result['seconds'] for result in runs) / 3600)
            lines.append('| %s | %s | %s | %s |' % (' | '.join(head), campaign.name, hours,
                                                    ' | '.join([told(counts) or 'not run', when])))
        if row.campaigns:
            lines.append('| | | %s | | | | |' % verdict(row.long, reached))
    return '\n'.join(lines)


def failure_list(kept):
    """Every run that failed, with what it said: what was wrong then is told in CHANGELOG.md."""
    failed = [result for result in kept if result['status'] != 0]
    if not failed:
        return 'None of the runs that were kept.'
    return '\n'.join('- %s, version %s, %s: %s' % (result['campaign'], result['version'], result['date'],
                                                  result['said']) for result in failed)


def command_table():
    lines = ['| row | campaign | what it does | command |', '| --- | --- | --- | --- |']
    for row in table.ROWS:
        for campaign in row.campaigns:
            words = [word.format(release='build-test-release', coverage='build-test-coverage', asan='build-test-asan',
                                 state='build-test-state', seconds='3600') for word in campaign.command]
            lines.append('| %s | %s | %s | `%s` |' % (row.name, campaign.name, campaign.what, ' '.join(words)))
    return '\n'.join(lines)


def page():
    with open(os.path.join(HERE, 'reliability.in'), encoding='utf-8') as template:
        text = template.read()
    kept = results()
    parts = {'@every@': every_table(kept), '@long@': long_table(kept), '@failures@': failure_list(kept),
             '@commands@': command_table()}
    for mark, part in parts.items():
        text = text.replace(mark, part)
    return text
