# SPDX-License-Identifier: Apache-2.0
# docs.py — the pages agree with the headers: statuses, details, terms, links. With --files: print the tables of files.
import os
import re
import sys

import lint

TERMS = ['record', 'batch', 'group', 'segment', 'seq', 'incarnation', 'offset', 'kind', 'stream', 'version',
         'allocated', 'written', 'durable', 'merged', 'mark', 'delta', 'view', 'store', 'commit', 'release', 'snapshot',
         'branch', 'archive', 'epoch', 'cursor', 'receipt', 'ticket', 'witness', 'torn tail', 'damage', 'cut',
         'poisoned', 'manifest', 'seal', 'footer', 'spare', 'verdict', 'replay', 'tail', 'scan', 'seam', 'intake',
         'apply', 'decide']
PAGES = ['architecture.md', 'format.md', 'stores.md', 'index.md', 'recovery.md', 'durability.md', 'concurrency.md',
         'errors.md', 'glossary.md', 'operations.md', 'reliability.md', 'style.md']

# What a user may hand to firn: each has a row in docs/errors.md under "Bad input".
BAD_INPUT = ['not a ledger', 'newer version', 'damaged segment header', 'one damaged manifest slot',
             'two damaged manifest slots', 'foreign segment', 'missing segment', 'damaged group', 'second writer',
             'read-only file system', 'path too long', 'zero length', 'above `FIRN_EVENT_SIZE_MAX`',
             'malformed msgpack', 'malformed JSON', 'full disk', 'killed process', 'unknown run', 'finished run',
             'digest of wrong length', 'index missing', 'of another ledger, another incarnation',
             'index with a spoilt row', 'index with spoilt pages', 'index whose map is full', 'index behind the log',
             'command that cannot start', 'repository that is none']
# Folders whose files stand in docs/architecture.md.
TOLD = lint.LAYERS + ['tools', 'bench']
# What later parts rely on: each has a test that names it.
NEEDS = ['N1', 'N2', 'N3', 'N4', 'N5', 'N6', 'N7', 'N9', 'N10', 'N11', 'N12', 'N13', 'N14', 'N15', 'N16', 'N18']
# Names that show a form and stand for none.
EXAMPLES = ['FIRN_NOUN_X']


def pages():
    tops = [name for name in sorted(os.listdir(lint.ROOT)) if name.endswith('.md')]
    return tops + lint.files('docs', ending='.md')


def missing_pages():
    for name in PAGES:
        if not os.path.exists(os.path.join(lint.ROOT, 'docs', name)):
            yield 'docs/%s is missing' % name


def stale_report():
    """The page on reliability is made from results; one that was changed by hand, or not made again, tells nothing."""
    folder = os.path.join(lint.ROOT, 'test', 'campaign')
    sys.path.insert(0, folder)
    import report as campaigns
    if lint.text('docs/reliability.md') != campaigns.page():
        yield 'docs/reliability.md: another text than test/campaign/run report writes'


def anchors(page):
    """The anchors of a page's headings, as forges make them."""
    found, fenced = set(), False
    for line in lint.text(page).splitlines():
        fenced ^= line.startswith('```')
        match = None if fenced else re.match(r'#+ (.*)', line)
        if match:
            heading = re.sub(r'[`*]', '', match.group(1)).strip().lower()
            found.add(re.sub(r'[^\w\- ]', '', heading).replace(' ', '-'))
    return found


def broken_links():
    for page in pages():
        prose = re.sub(r'```.*?```', '', lint.text(page), flags=re.S)
        for target in re.findall(r'\]\(([^)\s]+)\)', prose):
            if re.match(r'[a-z]+:', target):
                continue
            path, _, anchor = target.partition('#')
            path = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
            if not os.path.exists(os.path.join(lint.ROOT, path)):
                yield '%s: %s leads nowhere' % (page, target)
            elif anchor and path.endswith('.md') and anchor not in anchors(path):
                yield '%s: %s has no heading #%s' % (page, path, anchor)


def unreachable():
    """A page that no other page links to is found by nobody."""
    linked = set()
    for page in pages():
        for target in re.findall(r'\]\(([^)\s]+)\)', lint.text(page)):
            if not re.match(r'[a-z]+:', target):
                linked.add(os.path.normpath(os.path.join(os.path.dirname(page), target.partition('#')[0])))
    for page in pages():
        if page != 'README.md' and page not in linked and os.path.dirname(page) not in linked:
            yield '%s: no page links to it' % page


def statuses():
    return dict(re.findall(r'X\((\w+), (-?\d+),', lint.text('engine/include/firn/status.h')))


def details():
    return dict(re.findall(r'(FIRN_DETAIL_\w+) = (\d+)', lint.text('engine/include/firn/status.h')))


def status_sections():
    page = lint.text('docs/errors.md')
    told = dict(re.findall(r'^### `FIRN_(\w+)` \((-?\d+)\)', page, flags=re.M))
    for name, value in statuses().items():
        if name not in told:
            yield 'docs/errors.md: no section on FIRN_%s' % name
        elif told[name] != value:
            yield 'docs/errors.md: FIRN_%s is %s, not %s' % (name, value, told[name])
    for name in told:
        if name not in statuses():
            yield 'docs/errors.md: there is no FIRN_%s' % name
    for section in re.split(r'^### ', page, flags=re.M)[1:]:
        title = section.splitlines()[0]
        for part in ('When', 'State after', 'What to do'):
            if title.startswith('`FIRN_') and '**%s.**' % part not in section:
                yield 'docs/errors.md: %s has no "%s"' % (title, part)


def detail_rows():
    told = dict((name, value) for value, name in
                re.findall(r'^\| (\d+) \| `(FIRN_DETAIL_\w+)`', lint.text('docs/errors.md'), flags=re.M))
    for name, value in details().items():
        if told.get(name) != value:
            yield 'docs/errors.md: no row | %s | `%s`' % (value, name)
    for name in told:
        if name not in details():
            yield 'docs/errors.md: there is no %s' % name


def bad_input():
    """Each kind of bad input has its row; what it quotes between … stands in the sources."""
    page = lint.text('docs/errors.md')
    rows = re.findall(r'^\|.*\|$', page[page.index('## Bad input'):], flags=re.M)[2:]
    for name in BAD_INPUT:
        if not any(name in row.split('|')[1] for row in rows):
            yield 'docs/errors.md: no row on bad input: %s' % name
    literals = []
    for path in lint.files('engine', 'format', 'tools', ending=('.c', '.h')):
        joined = re.sub(r'"\s*(?:PRI\w+)?\s*"', '', lint.text(path))
        literals += re.findall(r'"((?:[^"\\\n]|\\.)*)"', joined)
    known = '\n'.join(literals)
    for row in rows:
        for quoted in re.findall(r'`([^`]*)`', row):
            for piece in re.split(r'…|: ', quoted if ' ' in quoted else ''):
                if len(piece.strip(' :,')) > 4 and piece.strip(' :,') not in known:
                    yield 'docs/errors.md: nobody says "%s" (%s)' % (piece.strip(' :,'), row.split('|')[1].strip())


def names_in_docs():
    """FIRN_… and firn_…() in the pages exist."""
    headers = '\n'.join(lint.text(p) for p in lint.files('engine/include', ending='.h'))
    sources = '\n'.join(lint.text(p) for p in lint.files('engine', 'tools', 'test')
                        if p.endswith(('.c', '.h', 'meson.build')) or p == 'test/run')
    for page in pages():
        for name in sorted(set(re.findall(r'`(firn_\w+)\(\)`', lint.text(page)))):
            if not re.search(r'\b%s\b' % name, headers):
                yield '%s: there is no %s()' % (page, name)
        for name in sorted(set(re.findall(r'\bFIRN_[A-Z_]*[A-Z]\b', lint.text(page)))):
            short = name[len('FIRN_'):]
            if name not in EXAMPLES and short not in statuses() and not re.search(r'\b%s' % name, sources):
                yield '%s: there is no %s' % (page, name)


def jobs(folder):
    """Rows of a table of the folder's files, as their first sentences say; headers only without a .c beside."""
    paths = [path for path in lint.files(folder, ending=('.c', '.h', '.def')) if os.path.dirname(path) == folder]
    for path in paths:
        if path.endswith('.h') and (path[:-2] + '.c' in paths or path[:-2] + '.def' in paths):
            continue
        head = re.search(r'%s — (.*?)(?:\*/|\n \*\n)' % re.escape(os.path.basename(path)), lint.text(path), flags=re.S)
        if head:
            sentence = re.sub(r'\s*\n \*\s*', ' ', head.group(1)).split('. ')[0].rstrip(' .\n')
            yield '| `%s` | %s |' % (os.path.basename(path), sentence)


def untold_files():
    page = lint.text('docs/architecture.md').splitlines()
    for folder in TOLD:
        for row in jobs(folder):
            if row not in page:
                yield 'docs/architecture.md: no row %s' % row
    names = {row.split('|')[1].strip() for folder in TOLD + ['test/disk'] for row in jobs(folder)}
    for line in page:
        match = re.match(r'\| (`[a-z0-9_]+\.(?:c|h|def)`) \|', line)
        if match and match.group(1) not in names:
            yield 'docs/architecture.md: there is no %s' % match.group(1)


def terms():
    page = lint.text('docs/glossary.md').lower()
    for term in TERMS:
        if '**%s**' % term not in page:
            yield 'docs/glossary.md: no **%s**' % term


def untested_needs():
    tests = '\n'.join(lint.text(path) for path in lint.files('test', ending=('.c', '.py')) if '/lint/' not in path)
    for need in NEEDS:
        if not re.search(r'\b%s\b' % need, tests):
            yield 'no test names %s' % need


def decisions():
    for path in [path for path in lint.files('docs/adr', ending='.md') if not path.endswith('/README.md')]:
        content = lint.text(path)
        for part in ('## Context', '## Decision', '## Consequences', '## Alternatives'):
            if part not in content:
                yield '%s: no "%s"' % (path, part)
        if not re.match(r'docs/adr/\d{4}-[a-z0-9-]+\.md$', path):
            yield '%s: must be named NNNN-what-it-says.md' % path


if sys.argv[1:] == ['--files']:
    for name in TOLD:
        print('### %s\n' % name + '\n'.join(['| file | job |', '| --- | --- |', *jobs(name), '']))
    sys.exit()
report = lint.Report()
report.check('the pages that the design names are there', missing_pages())
report.check('docs/reliability.md is what the kept results give', stale_report())
report.check('links lead somewhere', broken_links())
report.check('every page is linked to', unreachable())
report.check('docs/errors.md has a section for every status, and no other', status_sections())
report.check('docs/errors.md has a row for every detail code, and no other', detail_rows())
report.check('docs/errors.md tells of each kind of bad input what the sources say', bad_input())
report.check('functions and constants named in the pages exist', names_in_docs())
report.check('docs/architecture.md tells every file', untold_files())
report.check('docs/glossary.md has every term', terms())
report.check('every need has a test that names it', untested_needs())
report.check('decisions have context, decision, consequences and alternatives', decisions())
report.finish()
