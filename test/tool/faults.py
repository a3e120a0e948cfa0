# SPDX-License-Identifier: Apache-2.0
# faults.py — every sub-command when its standard output cannot be written, or what it reads cannot be read.
import os
import re
import subprocess

import tool

DIGEST = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'  # Of "hello".

# Sub-command: arguments behind it, input, and whether it says something on success: as text, as JSON. {new} is another
# number each time, {file} a file, {repo} a git repository.
COMMANDS = {
    'init': (['--segment-size', '64K'], '', True, True),
    'append': (['--stream', 's'], 'line\n', True, True),
    'log': ([], '', True, True),
    'put': (['{file}'], '', True, True),
    'get': ([DIGEST], '', True, True),
    'has': ([DIGEST], '', True, True),
    'run create': (['--spec-digest', DIGEST, '--run', 'new {new}'], '', True, True),
    'run append': (['run', '--kind', 'tool', '--payload', '{{}}'], '', True, True),
    'run complete': (['end {new}'], '', None, None),
    'run fail': (['end {new}'], '', None, None),
    'run cancel': (['end {new}'], '', None, None),
    'run show': (['run'], '', True, True),
    'run events': (['run'], '', True, True),
    'run list': ([], '', True, True),
    'run record': (['--run', 'record {new}', '--', 'true'], '', False, False),
    'release promote': (['name', DIGEST], '', True, True),
    'release current': (['name'], '', True, True),
    'release history': (['name'], '', True, True),
    'import git': (['{repo}'], '', True, True),
    'stat': ([], '', True, True),
    'dump': ([], '', True, True),
    'replay': ([], '', True, True),
    'verify': ([], '', True, True),
    'bench': (['--count', '1', '--dir', '{folder}', 'put'], '', True, True),
    'help': ([], '', True, True),
}

# What cannot be read, the exit code, and a part of the text; {mem} is a file that opens and fails at the first read.
UNREADABLE = [
    (['append', '--stream', 's', '{mem}'], 4, 'Input/output error'),
    (['append', '--stream', 's', '--whole', '{mem}'], 4, 'Input/output error'),
    (['append', '--stream', 's', '{missing}'], 2, 'No such file'),
    (['put', '{mem}'], 4, 'Input/output error'),
    (['put', '{missing}'], 2, 'No such file'),
    (['put', '{folder}'], 2, 'Is a directory'),
    (['run', 'append', 'run', '{mem}'], 4, 'Input/output error'),
    (['run', 'append', 'run', '--kind', 'tool', '--payload-file', '{mem}'], 4, 'Input/output error'),
    (['run', 'append', 'run', '{missing}'], 2, 'No such file'),
    (['run', 'create', '--spec', '{mem}'], 4, 'Input/output error'),
    (['run', 'create', '--object', '{mem}'], 4, 'Input/output error'),
    (['run', 'create', '--object', '{missing}'], 2, 'No such file'),
    (['dump', '{mem}'], 4, 'Input/output error'),
    (['dump', '{missing}'], 1, 'No such file'),
    (['import', 'git', '{folder}'], 2, 'not a git repository'),
]


class Faults(tool.Case):
    serial = 0

    def fill(self):
        """A ledger in which every command finds something."""
        self.make()
        self.append(['one', 'two'])
        self.expect(0, 'put', '-', input='hello')
        self.expect(0, 'run', 'create', '--spec-digest', DIGEST, '--run', 'run')
        self.expect(0, 'run', 'append', 'run', '--kind', 'tool', '--payload', '{}')
        self.expect(0, 'release', 'promote', 'name', DIGEST)
        self.repository = self.path('repository')
        git = ['git', '-C', self.repository, '-c', 'user.name=n', '-c', 'user.email=e']
        os.mkdir(self.repository)
        for command in (['init', '-q'], ['commit', '-q', '--allow-empty', '-m', 'first']):
            subprocess.run(git + command, check=True, stdout=subprocess.DEVNULL)

    def words(self, arguments):
        Faults.serial += 1
        new = 'x%d' % Faults.serial
        if any(word.startswith('end ') for word in arguments):
            self.expect(0, 'run', 'create', '--spec-digest', DIGEST, '--run', 'end ' + new)
        return [word.format(new=new, file=self.write('file', new), repo=getattr(self, 'repository', ''),
                            folder=self.folder, mem='/proc/self/mem', missing=self.path('missing'))
                for word in arguments]

    def ledger_of(self, name):
        """The ledger that a command is given: a new one where it makes one."""
        if name != 'init':
            return self.ledger
        Faults.serial += 1
        return self.path('ledger %d' % Faults.serial)

    def test_every_command_has_a_row(self):
        """The table holds each sub-command that help lists, and no other."""
        listed = re.findall(r'^  ([a-z]+(?: [a-z]+)?)  +\S', tool.run('help').out.split('Options of')[0], re.M)
        self.assertEqual(sorted(listed), sorted(COMMANDS))

    def speaks(self, name, json):
        """Whether a command says anything on standard output when all is well."""
        arguments, input, text, document = COMMANDS[name]
        said = document if json else text
        answer = tool.run('-l', self.ledger_of(name), *(['--json'] if json else []), *name.split(),
                          *self.words(arguments), input=input)
        self.assertEqual(answer.code, 0, '%s: %s' % (name, answer.err))
        if said is not None:
            self.assertEqual(answer.out != '', said, '%s says: %s' % (name, answer.out))
        return answer.out != ''

    def refused(self, name, json, stdout, text, **options):
        """A command whose output cannot be written: exit code 4 and a text if it has anything to say, else 0."""
        arguments, input, _, _ = COMMANDS[name]
        words = ['-l', self.ledger_of(name), *(['--json'] if json else []), *name.split(), *self.words(arguments)]
        answer = tool.run(*words, input=input, stdout=stdout, **options)
        self.assertEqual(answer.code, 4, '%s: %s' % (words, answer.err))
        self.assertIn('standard output: ' + text, answer.error()['message'] if json else answer.err, str(words))

    def test_output_is_full(self):
        """Whatever is to be said and cannot be, for want of space, is exit code 4 and a text, with --json an object."""
        self.fill()
        with open('/dev/full', 'wb') as full:
            for name in COMMANDS:
                for json in (False, True):
                    if self.speaks(name, json):
                        self.refused(name, json, full, 'No space left on device')
        self.expect(0, 'verify')

    def test_output_is_closed(self):
        """The same where standard output is closed: nothing of the ledger takes its place."""
        self.fill()
        for name in COMMANDS:
            if self.speaks(name, False):
                self.refused(name, False, None, 'Bad file descriptor', preexec_fn=lambda: os.close(1))
        self.expect(0, 'verify')

    def test_output_nobody_reads(self):
        """A reader who went away ends a command as SIGPIPE would, without a word; what was done stays."""
        self.fill()
        for name, (arguments, input, _, _) in COMMANDS.items():
            if not self.speaks(name, False):
                continue
            reader, writer = os.pipe()
            os.close(reader)
            with os.fdopen(writer, 'wb') as end:
                answer = tool.run('-l', self.ledger_of(name), *name.split(), *self.words(arguments), input=input,
                                  stdout=end)
            self.assertEqual(answer.code, 141, name)
            self.assertNotIn('standard output', answer.err, name)
        self.expect(0, 'verify')

    def test_input_cannot_be_read(self):
        """Input that is not there is exit code 2, of dump 1; one that breaks off is 4, with its name."""
        self.fill()
        before = self.expect(0, '--json', 'stat').json()['records_count']
        for arguments, code, text in UNREADABLE:
            answer = self.expect(code, *self.words(arguments))
            self.assertIn(text, answer.err, str(arguments))
            self.assertIn('/', answer.err)
        for arguments in (['append', '--stream', 's'], ['put', '-'], ['run', 'append', 'run', '-']):
            folder = os.open('/', os.O_RDONLY)
            try:
                answer = self.expect(2, *arguments, stdin=folder)
            finally:
                os.close(folder)
            self.assertIn('standard input: Is a directory', answer.err)
        self.assertEqual(self.expect(0, '--json', 'stat').json()['records_count'], before)


tool.main()
