# SPDX-License-Identifier: Apache-2.0
# help.py — usage: wrong command lines, help, and completion as a shell uses it.
import os
import shutil
import subprocess
import unittest

import tool


def complete(*words):
    """What bash offers for the last word of a command line."""
    script = ('. /dev/stdin <<<"$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _firn; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    source = tool.run('help', '--completion').out
    done = subprocess.run(['bash', '-c', script, 'bash', source, *words], stdout=subprocess.PIPE, text=True, check=True)
    return [word for word in done.stdout.split('\n') if word]


class Usage(tool.Case):
    def wrong(self, text, *arguments):
        answer = tool.run(*arguments)
        self.assertEqual(answer.code, 2, answer.err)
        self.assertIn(text, answer.err)
        self.assertEqual(answer.out, '')
        return answer

    def test_wrong_command_lines(self):
        """A wrong command line is exit code 2 and a text that names the word, and nothing is made."""
        self.wrong('a command is missing')
        self.wrong("'frobnicate' is not a command", 'frobnicate')
        self.wrong("'--frobnicate'", '-l', self.ledger, 'init', '--frobnicate')
        self.wrong("'-x'", '-l', self.ledger, 'init', '-x')
        self.wrong("'-x'", '-x')
        self.wrong("'--ledger' needs a value", '--ledger')
        self.wrong("unexpected operand 'more'", '-l', self.ledger, 'init', 'more')
        self.wrong("--segment-size: '63K'", '-l', self.ledger, 'init', '--segment-size', '63K')
        self.wrong("--segment-size: '1X'", '-l', self.ledger, 'init', '--segment-size', '1X')
        self.wrong("--key-age: 'soon'", '-l', self.ledger, 'init', '--key-age', 'soon')
        self.wrong('--key-age: 0 would keep no key', '-l', self.ledger, 'init', '--key-age', '0s')
        self.wrong("--io-path: 'telepathy' is none of: auto uring portable", '-l', self.ledger, 'init', '--io-path',
                   'telepathy')
        self.wrong('--stream is needed', '-l', self.ledger, 'append')
        self.wrong("--kind: '0'", '-l', self.ledger, 'append', '--stream', 's', '--kind', '0')
        self.wrong("--kind: '32768'", '-l', self.ledger, 'append', '--stream', 's', '--kind', '32768')
        self.wrong('only one of', '-l', self.ledger, 'append', '--stream', 's', '--jsonl', '--whole')
        self.wrong('--scope needs --key', '-l', self.ledger, 'append', '--stream', 's', '--scope', 'x')
        self.wrong("--from: '-1'", '-l', self.ledger, 'log', '--from', '-1')
        self.wrong("'P99' is not a case", 'bench', 'P99')
        self.assertFalse(os.path.exists(self.ledger))

    def test_errors_as_json(self):
        """With --json, wherever it stands, an error is one JSON object on standard error."""
        for arguments in (['--json', 'frobnicate'], ['stat', '--json', '--wrong'], ['append', '--json']):
            answer = tool.run('-l', self.ledger, *arguments)
            self.assertEqual((answer.code, answer.out), (2, ''))
            self.assertEqual((answer.error()['status'], answer.error()['code']), ('FIRN_EINVAL', -1))
        answer = tool.run('-l', self.ledger, 'stat', '--json')
        self.assertEqual(answer.code, 3)
        self.assertEqual((answer.error()['status'], answer.error()['detail']), ('FIRN_ENOTFOUND', 1))
        self.assertIn(self.ledger, answer.error()['message'])

    def test_help_is_no_error(self):
        """Help and version go to standard output with exit code 0, behind any command too."""
        self.assertIn('Commands:', tool.run('--help').out)
        self.assertIn('--stream', tool.run('append', '--help').out)
        self.assertEqual(tool.run('help', 'append').out, tool.run('append', '-h').out)
        self.assertRegex(tool.run('--version').out, r'^firn \d+\.\d+\.\d+\n$')
        self.assertEqual(list(tool.run('--version', '--json').json()), ['version'])
        self.assertEqual(tool.run('help', 'frobnicate').code, 2)

    def test_ledger_of_the_environment(self):
        """FIRN_LEDGER names the ledger, and --ledger overrules it."""
        tool.environment['FIRN_LEDGER'] = self.ledger
        try:
            self.assertEqual(tool.run('init', '--segment-size', '64K').code, 0)
            self.assertEqual(tool.run('stat').code, 0)
            self.assertEqual(tool.run('-l', self.path('other'), 'stat').code, 3)
        finally:
            del tool.environment['FIRN_LEDGER']


class Pages(tool.Case):
    def test_completion(self):
        """Bash completes commands, the options of the command at hand, and the words that an option takes."""
        self.assertEqual(complete('firn', 'ver'), ['verify'])
        self.assertEqual(complete('firn', '-l', '/tmp/x', 'app'), ['append'])
        self.assertEqual(complete('firn', 'append', '--str'), ['--stream'])
        self.assertEqual(complete('firn', 'init', '--io-path', 'p'), ['portable'])
        self.assertEqual(complete('firn', 'help', 'dum'), ['dump'])
        self.assertNotIn('--stream', complete('firn', 'stat', '--'))

    @unittest.skipUnless(shutil.which('groff'), 'no groff here')
    def test_manual_page(self):
        """The manual page is good roff: no warning."""
        page = tool.run('help', '--man').raw
        done = subprocess.run(['groff', '-man', '-Tutf8', '-ww'], input=page, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        self.assertEqual(done.stderr.decode(), '')
        self.assertGreater(len(done.stdout.splitlines()), 100)
        self.assertIn(b'.SH EXIT STATUS', page)


tool.main()
