# SPDX-License-Identifier: Apache-2.0
# content.py — firn put, get, has: content by its digest.
import hashlib
import os
import stat

import tool


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Content(tool.Case):
    def test_round_trip(self):
        """What is put comes back to the byte, under the SHA-256 of its bytes: text, all bytes, nothing, some MiB."""
        self.make()
        for data in (b'hello world', bytes(range(256)), b'', os.urandom(3 << 20)):
            path = self.write('in', data)
            self.assertEqual(self.expect(0, 'put', path).out, digest(data) + '\n')
            self.assertTrue(self.expect(0, 'get', digest(data)).raw == data, 'it came back changed')
            self.expect(0, 'get', digest(data), '--check', '-o', self.path('out'))
            with open(self.path('out'), 'rb') as f:
                self.assertTrue(f.read() == data, 'the file differs')
        self.assertEqual(self.expect(0, 'get', digest(b'hello world').upper()).raw, b'hello world')

    def test_large_file(self):
        """A file above the size that is read whole is streamed; a second put of it appends nothing."""
        self.expect(0, 'init', '--segment-size', '4M')
        data = os.urandom(1 << 20) * 9 + b'end'
        path = self.write('large', data)
        first = self.expect(0, '--json', 'put', path).json()
        self.assertEqual((first['digest'], first['size'], first['existing']), (digest(data), len(data), False))
        before = self.expect(0, '--json', 'stat').json()['records_count']
        self.assertTrue(self.expect(0, '--json', 'put', path).json()['existing'])
        self.assertEqual(self.expect(0, '--json', 'stat').json()['records_count'], before)
        self.assertTrue(self.expect(0, 'get', digest(data)).raw == data, 'it came back changed')

    def test_equal_content_is_kept_once(self):
        """Equal content is found, from a file and from standard input, and appends nothing."""
        self.make()
        path = self.write('in', 'identical bytes')
        self.assertEqual(self.expect(0, '--json', 'put', path).json(),
                         {'digest': digest(b'identical bytes'), 'size': 15, 'existing': False, 'file': path})
        before = self.expect(0, '--json', 'stat').json()['records_count']
        rows = self.expect(0, '--json', 'put', path, '-', input='identical bytes').json_lines()
        self.assertEqual([row['existing'] for row in rows], [True, True])
        self.assertEqual(self.expect(0, '--json', 'stat').json()['records_count'], before)

    def test_has(self):
        """has tells of each digest; one that is missing makes exit code 1."""
        self.make()
        here, there = digest(b'here'), digest(b'there')
        self.expect(0, 'put', '-', input='here')
        self.expect(0, 'has', here)
        self.assertEqual(self.expect(1, 'has', here, there).out, '%s present\n%s missing\n' % (here, there))
        self.assertEqual(self.expect(1, '--json', 'has', there).json(), {'digest': there, 'present': False})

    def test_digests_of_wrong_length(self):
        """What is no digest is exit code 2 wherever one is taken, with its text; nothing is appended or made."""
        self.make()
        self.expect(0, 'run', 'create', '--run', 'R', '--spec-digest', digest(b''))
        before = self.expect(0, '--json', 'stat').json()['records_count']
        for text in ('a' * 63, 'a' * 65, 'a' * 62 + 'xy', digest(b'')[:12], ''):
            for command in (['get', text], ['get', text, '-o', self.path('out')], ['has', digest(b''), text],
                            ['run', 'create', '--spec-digest', text], ['run', 'list', '--spec-digest', text],
                            ['run', 'complete', 'R', '--final-state', text], ['release', 'promote', 'app', text]):
                answer = self.expect(2, '--json', *command)
                self.assertEqual((answer.error()['status'], answer.error()['code']), ('FIRN_EINVAL', -1))
                self.assertIn('invalid digest: ' + text, answer.error()['message'])
        self.assertEqual(self.expect(0, '--json', 'stat').json()['records_count'], before)
        self.assertEqual(self.expect(0, '--json', 'run', 'show', 'R').json()['status'], 'RUNNING')
        self.assertFalse(os.path.exists(self.path('out')))

    def test_missing_content(self):
        """Content that is not there is exit code 1 with the text of the contract, and makes no file."""
        self.make()
        answer = self.expect(1, '--json', 'get', digest(b'x'), '-o', self.path('out'))
        self.assertEqual(answer.error()['status'], 'FIRN_ENOTFOUND')
        self.assertIn('content not found: ' + digest(b'x'), answer.error()['message'])
        self.assertFalse(os.path.exists(self.path('out')))

    def test_wrong_digests(self):
        """A digest of another length or alphabet is exit code 2 with the text as given."""
        self.make()
        for text in ('abcd', 'g' * 64, 'sha256:' + 'a' * 64, 'a' * 63, ' ' + 'a' * 64):
            for command in ('get', 'has'):
                self.assertIn('invalid digest: ' + text, self.expect(2, command, text).err)

    def test_missing_file(self):
        """A file that cannot be read is exit code 2 with its name; files before it are put."""
        self.make()
        answer = self.expect(2, 'put', self.write('a', 'a'), self.path('none'))
        self.assertIn('none', answer.err)
        self.assertEqual(answer.out, digest(b'a') + '\n')

    def test_output_to_a_device(self):
        """A device as output is written, not replaced; a new file has the mode that any program would give it."""
        self.make()
        self.expect(0, 'put', '-', input='x')
        self.expect(0, 'get', digest(b'x'), '-o', '/dev/null')
        self.assertTrue(stat.S_ISCHR(os.stat('/dev/null').st_mode))
        os.umask(0o022)
        self.expect(0, 'get', digest(b'x'), '-o', self.path('out'))
        self.assertEqual(os.stat(self.path('out')).st_mode & 0o777, 0o644)
        self.assertEqual(self.expect(4, 'get', digest(b'x'), '-o', '/dev/full').code, 4)

    def test_no_ledger(self):
        """Without a ledger reading and putting are exit code 3; --create makes one."""
        self.expect(3, 'put', '-', input='x')
        self.expect(3, 'has', digest(b'x'))
        self.expect(0, 'put', '--create', '-', input='x')
        self.expect(0, 'has', digest(b'x'))


tool.main()
