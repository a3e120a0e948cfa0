# SPDX-License-Identifier: Apache-2.0
# run.py — firn run create, append, complete, fail, cancel, show, events, list; firn release.
import hashlib
import json
import re

import tool

SPEC = hashlib.sha256(b'spec').hexdigest()
T0 = '2024-06-01T12:00:00Z'


def event(seq, kind, payload='{"detail":"k"}', time=T0):
    number = '' if seq is None else '"seq":%d,' % seq
    return '{%s"kind":%s,"payload":%s,"timestamp":"%s"}' % (number, json.dumps(kind), payload, time)


class Runs(tool.Case):
    def create(self, run_id='R', *options):
        return self.expect(0, '--json', 'run', 'create', '--run', run_id, '--spec-digest', SPEC, *options).json()

    def show(self, run_id='R'):
        return self.expect(0, '--json', 'run', 'show', run_id).json()

    def lines(self, *rows, run_id='R', code=0):
        return self.expect(code, '--json', 'run', 'append', run_id, input=''.join(row + '\n' for row in rows))

    def events(self, *options, run_id='R'):
        return self.expect(0, '--json', 'run', 'events', run_id, *options).json_lines()

    def test_create_and_show(self):
        """A new run is a RunRecord with the members of the contract in their order, and no others."""
        self.make()
        self.assertEqual(self.create('R', '--agent', 'test-agent', '--git-sha', 'abc123', '--tags', '{"env": "test"}'),
                         {'run_id': 'R', 'created': True})
        text = self.expect(0, '--json', 'run', 'show', 'R').out
        record = json.loads(text)
        self.assertEqual(list(record), ['run_id', 'spec_digest', 'metadata', 'status', 'summary', 'created_at',
                                        'completed_at', 'event_count', 'last_seq'])
        self.assertEqual(record['metadata'], {'git_sha': 'abc123', 'agent_name': 'test-agent', 'tags': {'env': 'test'}})
        self.assertIn('"tags":{"env": "test"}', text)
        self.assertEqual((record['status'], record['summary'], record['completed_at'], record['event_count'],
                          record['last_seq']), ('RUNNING', None, None, 0, None))
        self.assertIn('RUNNING', self.expect(0, 'run', 'show', 'R').out)

    def test_create_without_an_id(self):
        """Without an id every create makes a run with a new UUIDv4."""
        self.make()
        found = {self.expect(0, 'run', 'create', '--spec-digest', SPEC).out.strip() for _ in range(2)}
        self.assertEqual(len(found), 2)
        for run_id in found:
            self.assertRegex(run_id, r'^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$')

    def test_create_again(self):
        """Creating again with equal content is found, also when the run has ended; other content is exit code 5."""
        self.make()
        self.create()
        self.assertFalse(self.create()['created'])
        self.expect(0, 'run', 'complete', 'R')
        self.assertFalse(self.create()['created'])
        answer = self.expect(5, '--json', 'run', 'create', '--run', 'R', '--spec-digest', SPEC, '--agent', 'other')
        self.assertEqual(answer.error()['status'], 'FIRN_EEXISTS')
        self.assertIn('run R already exists with different content', answer.error()['message'])

    def test_create_from_an_object(self):
        """A run can come as its wire object; what is missing or of a wrong type in it is exit code 2."""
        self.make()
        good = {'run_id': 'W', 'spec_digest': SPEC, 'metadata': {
            'git_sha': None, 'agent_name': 'a\n\u0142', 'tags': [1.0, {}],
            'evaluation': {'rubricPath': 'r.md', 'isPromotionGate': True, 'agentPhase': 3}}}
        self.expect(0, 'run', 'create', '--object', '-', input=json.dumps(good))
        self.assertEqual(self.show('W')['metadata'], good['metadata'])
        for path, value in (('spec_digest', 'xyz'), ('metadata', {'tags': None}), ('metadata', {'agent_name': 'a'}),
                            ('run_id', ''), ('run_id', 'a\nb'), ('run_id', 'x' * 256), ('run_id', 7)):
            self.expect(2, 'run', 'create', '--object', '-', input=json.dumps(dict(good, **{path: value})))
        for phase in (256, -1, 1.0):
            bad = dict(good, metadata=dict(good['metadata'], evaluation={'isPromotionGate': True, 'agentPhase': phase}))
            self.expect(2, 'run', 'create', '--object', '-', input=json.dumps(bad))
        self.expect(2, 'run', 'create', '--object', '-', input='{"spec_digest"')
        self.assertEqual(len(self.expect(0, '--json', 'run', 'list').json_lines()), 1)

    def test_create_with_a_spec_file(self):
        """--spec puts a file as content and takes its digest."""
        self.make()
        self.expect(0, 'run', 'create', '--run', 'R', '--spec', self.write('spec', 'spec'))
        self.assertEqual(self.show()['spec_digest'], SPEC)
        self.assertEqual(self.expect(0, 'get', SPEC).out, 'spec')
        self.assertIn('is needed', self.expect(2, 'run', 'create').err)

    def test_append_one(self):
        """One event by options: numbered by itself or as told, the payload from option, file or standard input."""
        self.make()
        self.create()
        self.assertEqual(self.expect(0, 'run', 'append', 'R', '--kind', 'a', '--payload', '{"n":1.0}').out, '1\n')
        self.expect(0, 'run', 'append', 'R', '--kind', 'b', '--payload-file', self.write('p', ' [1, 2] \n'))
        self.expect(0, 'run', 'append', 'R', '--kind', 'c', '--seq', 10, '--time', T0, input='null')
        again = self.expect(0, '--json', 'run', 'append', 'R', '--kind', 'c', '--seq', 10, '--time', T0, input='null')
        self.assertEqual(again.json(), {'seq': 10, 'appended': False})
        text = self.expect(0, '--json', 'run', 'events', 'R').out
        self.assertIn('"payload":{"n":1.0}', text)
        self.assertIn('"payload":[1, 2],', text)
        self.assertEqual([(e['seq'], e['kind']) for e in self.events()], [(1, 'a'), (2, 'b'), (10, 'c')])
        self.assertEqual(self.events('--from', 10)[0]['timestamp'], T0)

    def test_append_lines(self):
        """JSON lines go in and come out to the byte; appended again they are there already."""
        self.make()
        self.create()
        rows = [event(2, 'node_exited'), event(1, 'Custom:na\u00efve', '{"b" : 1.0 , "a" : [1e2,-0]}'),
                event(7, 'x', 'null')]
        said = self.lines(*rows).json()
        self.assertEqual(said, {'appended': 3, 'duplicates': 0, 'seqs': [2, 1, 7], 'event_count': 3, 'last_seq': 7})
        self.assertEqual(self.lines(*rows).json()['duplicates'], 3)
        out = self.expect(0, '--json', 'run', 'events', 'R').out
        self.assertEqual(out, ''.join(row.replace('\\u00ef', '\u00ef') + '\n' for row in (rows[1], rows[0], rows[2])))
        self.create('C')
        self.expect(0, 'run', 'append', 'C', input=out)
        self.assertEqual(self.expect(0, '--json', 'run', 'events', 'C').out, out)

    def test_wrong_lines(self):
        """Case 51: a wrong line is exit code 2 with its place; batches before it stay, its own is not appended."""
        self.make()
        self.create()
        path = self.write('in', '\n'.join([event(None, kind) for kind in 'abc'] + ['{"kind":"d"}']) + '\n')
        answer = self.expect(2, '--json', 'run', 'append', 'R', '--batch', 2, path)
        self.assertIn('in:4: ', answer.error()['message'])
        self.assertEqual(answer.json()['appended'], 2)
        for row in ('{', event(None, 'k', time='2024-02-30T00:00:00Z'), '{"seq":-1,' + event(None, 'k')[1:],
                    '{"seq":1.0,' + event(None, 'k')[1:], '{"seq":null,' + event(None, 'k')[1:],
                    '{"seq":18446744073709551616,' + event(None, 'k')[1:], '{"seq":"1",' + event(None, 'k')[1:],
                    event(None, 'k', '"\\ud800"'), event(None, 'k' * 256)):
            self.assertIn(self.lines(row, code=2).error()['status'], ('FIRN_EINVAL', 'FIRN_ETOOBIG'), row)
        self.assertEqual(len(self.events()), 2)

    def test_taken_number(self):
        """A number that another event has is exit code 5, and nothing of the batch is appended."""
        self.make()
        self.create()
        self.lines(event(1, 'a'))
        answer = self.lines(event(2, 'b'), event(1, 'other'), code=5)
        self.assertIn('event 1 of run R already exists with different content', answer.error()['message'])
        self.assertEqual(len(self.events()), 1)

    def test_ends(self):
        """complete, fail and cancel end a run with the summary given or computed, once and for ever."""
        self.make()
        for command, status, success in (('complete', 'COMPLETED', True), ('fail', 'FAILED', False),
                                         ('cancel', 'CANCELLED', False)):
            self.create(status)
            self.lines(event(1, 'a'), run_id=status)
            record = self.expect(0, '--json', 'run', command, status, '--duration-ms', 100).json()
            self.assertEqual(record['summary'], {'total_events': 1, 'final_state_digest': None, 'duration_ms': 100,
                                                 'success': success})
            self.assertEqual(record['status'], status)
            self.assertEqual(record, self.show(status))
            text = 'run %s is %s, expected RUNNING' % (status, status)
            for again in ('complete', 'fail', 'cancel'):
                self.assertIn(text, self.expect(5, 'run', again, status).err)
            self.assertIn(text, self.lines(event(2, 'late'), run_id=status, code=5).error()['message'])
            self.assertEqual(self.show(status), record)

    def test_summary_object(self):
        """Case 65: a summary is kept as given, whatever the facts; a wrong one leaves the run running."""
        self.make()
        self.create()
        good = {'total_events': 99, 'final_state_digest': SPEC, 'duration_ms': 5, 'success': False}
        self.assertIn('invalid digest: xyz', self.expect(2, 'run', 'complete', 'R', '--summary', '-', input=json.dumps(
            dict(good, final_state_digest='xyz'))).err)
        self.expect(2, 'run', 'complete', 'R', '--summary', '-', input='{"success":true}')
        self.assertEqual(self.show()['status'], 'RUNNING')
        self.expect(0, 'run', 'complete', 'R', '--summary', '-', input=json.dumps(good))
        self.assertEqual(self.show()['summary'], good)

    def test_unknown_run(self):
        """Every command on an unknown run is exit code 1 with the text of the contract."""
        self.make()
        for arguments in (['show', 'nonexistent'], ['events', 'nonexistent'], ['complete', 'nonexistent'],
                          ['fail', 'nonexistent'], ['cancel', 'nonexistent'],
                          ['append', 'nonexistent', '--kind', 'k', '--payload', '1']):
            answer = self.expect(1, '--json', 'run', *arguments)
            self.assertEqual(answer.error()['status'], 'FIRN_ENOTFOUND')
            self.assertIn('run not found: nonexistent', answer.error()['message'])

    def test_events(self):
        """Events by number, kind, page, from the end; ranges are inclusive."""
        self.make()
        self.create()
        kinds = ['a', 'b', 'Custom:x', 'Custom:y', 'a', 'a', 'b', 'a', 'a', 'a']
        self.lines(*[event(i + 1, kind) for i, kind in enumerate(kinds)])

        def seqs(*options):
            return [e.get('seq', e) for e in self.events(*options)]
        self.assertEqual(seqs('--from', 3, '--to', 5), [3, 4, 5])
        self.assertEqual(seqs('--from', 5, '--to', 3), [])
        self.assertEqual(seqs('--from', 3, '--limit', 2), [3, 4, {'next': 5}])
        self.assertEqual(seqs('--reverse', '--limit', 2), [10, 9, {'next': 8}])
        self.assertEqual(seqs('--limit', 10)[-1], {'next': None})
        self.assertEqual(seqs('--tail', 3), [8, 9, 10])
        self.assertEqual(seqs('--tail', 20), list(range(1, 11)))
        self.assertEqual(seqs('--kind', 'Custom:*'), [3, 4])
        self.assertEqual(seqs('--kind', 'b', '--kind', 'Custom:x'), [2, 3, 7])
        self.assertEqual(seqs('--kind', 'a', '--tail', 1), [10])
        self.assertTrue(self.expect(0, 'run', 'events', 'R').out.startswith('1\t%s\ta\t{"detail":"k"}\n' % T0))

    def test_list(self):
        """Runs are listed newest first, by conditions joined by AND, in pages that repeat and skip nothing."""
        self.make()
        for i in range(5):
            self.create('r%d' % i, '--agent', 'even' if i % 2 == 0 else 'odd')
        self.expect(0, 'run', 'fail', 'r2')

        def ids(*options):
            return [row['run_id'] for row in self.expect(0, '--json', 'run', 'list', *options).json_lines()]
        self.assertEqual(ids(), ['r4', 'r3', 'r2', 'r1', 'r0'])
        self.assertEqual(ids('--agent', 'even', '--status', 'RUNNING'), ['r4', 'r0'])
        self.assertEqual(ids('--status', 'FAILED', '--status', 'CANCELLED'), ['r2'])
        self.assertEqual(ids('--spec-digest', hashlib.sha256(b'none').hexdigest()), [])
        created = self.show('r2')['created_at']
        self.assertEqual(ids('--created-to', created), ['r1', 'r0'])
        self.assertIn('r2', ids('--created-from', created))
        page = self.expect(0, '--json', 'run', 'list', '--limit', 2).json_lines()
        self.create('later')
        walked = [row['run_id'] for row in page[:-1]]
        while page[-1]['next'] is not None:
            page = self.expect(0, '--json', 'run', 'list', '--limit', 2, '--cursor', page[-1]['next']).json_lines()
            walked += [row['run_id'] for row in page[:-1]]
        self.assertEqual(walked, ['r4', 'r3', 'r2', 'r1', 'r0'])
        self.assertIn('invalid cursor: !!', self.expect(2, 'run', 'list', '--cursor', '!!').err)
        self.assertIn('invalid status: DONE', self.expect(2, 'run', 'list', '--status', 'DONE').err)
        self.assertEqual(len(re.findall(r'^r\d\t', self.expect(0, 'run', 'list').out, flags=re.M)), 5)


class Releases(tool.Case):
    def test_releases(self):
        """A name points to what was promoted last, and its history holds all of it, newest first."""
        self.make()
        digests = [hashlib.sha256(b'v%d' % i).hexdigest() for i in (1, 2, 3)]
        for i, digest in enumerate(digests):
            more = ['--notes', 'third'] if i == 2 else []
            record = self.expect(0, '--json', 'release', 'promote', 'app', digest, '--label', 'v%d' % (i + 1),
                                 '--by', 'ci', *more).json()
            self.assertEqual(list(record), ['name', 'spec_digest', 'metadata', 'created_at', 'position'])
            self.assertEqual((record['spec_digest'], record['position']), (digest, i + 1))
        self.assertEqual(record['metadata'], {'version_label': 'v3', 'promoted_by': 'ci', 'notes': 'third'})
        self.assertEqual(self.expect(0, '--json', 'release', 'current', 'app').json(), record)
        history = self.expect(0, '--json', 'release', 'history', 'app').json_lines()
        self.assertEqual([r['spec_digest'] for r in history], digests[::-1])
        self.assertEqual([r['position'] for r in self.expect(0, '--json', 'release', 'history', 'app', '--before', 3,
                                                             '--limit', 1).json_lines()], [2])
        self.assertIn(digests[2], self.expect(0, 'release', 'current', 'app').out)

    def test_no_release(self):
        """A name without a release: current is exit code 1 and null, its history is empty."""
        self.make()
        self.assertIsNone(self.expect(1, '--json', 'release', 'current', 'none').json())
        self.assertIn('release not found: none', self.expect(1, 'release', 'current', 'none').err)
        self.assertEqual(self.expect(0, 'release', 'history', 'none').out, '')

    def test_wrong_releases(self):
        """A wrong digest, name or label is exit code 2, and nothing is promoted."""
        self.make()
        self.assertIn('invalid digest: xyz', self.expect(2, 'release', 'promote', 'app', 'xyz').err)
        for name in ('', 'a\nb', 'x' * 256):
            self.expect(2, 'release', 'promote', name, SPEC)
        self.expect(2, 'release', 'promote', 'app', SPEC, '--label', 'x' * 256)
        self.expect(2, 'release', 'promote', 'app')
        self.assertEqual(self.expect(0, 'release', 'history', 'app').out, '')


tool.main()
