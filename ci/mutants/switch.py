"""All mutants of a list in one program, of which each run switches one on: see ci/mutants.sh.

switch.py LIST.json SOURCE TREE VERDICTS.tsv: TREE is a copy of SOURCE that is rewritten.

A function that has mutants begins with a `match` on the number of the one that is alive; each arm returns what the
mutated body gives. So a mutant is the text that cargo-mutants would have written, in a program that was built once.
`const fn` becomes `fn` for it, because a constant cannot ask which mutant is alive.

What cannot be switched, constants and other values of an opaque type, comes last: each in a program of its own.
"""
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading

CRATE = 'swiotlb-core'
TESTS = ['--lib', *(word for name in ['growth', 'index_bytes', 'museum', 'same_answers'] for word in ['--test', name])]
# Functions of these are called in constants; no mutant lies in them.
STAY_CONST = re.compile(r'src/((phys|reclaim|lock|model)/|addr\.rs)')
# Seconds of CPU, and of the clock, after which a mutant does not end. A test program needs six of the former at most.
CPU_SECONDS, CLOCK_SECONDS = 30, 900
SWITCH = '''//! Which mutant is alive.
use core::sync::atomic::{AtomicU32, Ordering};
static ALIVE: AtomicU32 = AtomicU32::new(u32::MAX);
#[inline]
pub(crate) fn alive() -> u32 {
    let id = ALIVE.load(Ordering::Relaxed);
    if id == u32::MAX { read() } else { id }
}
#[cold]
fn read() -> u32 {
    let id = std::env::var("SWIOTLB_MUTANT").ok().and_then(|id| id.parse().ok()).unwrap_or(0);
    ALIVE.store(id, Ordering::Relaxed);
    id
}
'''


def place(text, at):
    """The offset of a line and column in `text`."""
    lines = text.splitlines(keepends=True)
    return sum(map(len, lines[:at['line'] - 1])) + at['column'] - 1


def body(text, start, end):
    """The offset behind the opening brace of the function text[start:end]."""
    at = re.compile(r'\bfn\s+\w+').search(text, start, end).end()
    depth = 0
    while depth or text[at] != '{':
        depth += (text[at] in '([') - (text[at] in ')]')
        at += 1
    return at + 1


def functions(text, mutants):
    """Spans of functions in order, each with its mutants; a function inside another is part of that."""
    spans = collections.defaultdict(list)
    for mutant in mutants:
        span = mutant['function']['span']
        spans[place(text, span['start']), place(text, span['end'])].append(mutant)
    outer = []
    for span in sorted(spans, key=lambda span: (span[0], -span[1])):
        if outer and span[1] <= outer[-1][0][1]:
            outer[-1][1].extend(spans[span])
        else:
            outer.append((span, list(spans[span])))
    return outer


def switched(text, mutants):
    """The file with a switch in each function; and where the arms begin: lines, each with a mutant's number."""
    pieces, last, line, arms = [], 0, 1, []

    def add(piece, number=None):
        nonlocal line
        if number is not None:
            arms.append((line, number))
        pieces.append(re.sub(r'\bconst (unsafe )?fn\b', r'\1fn', piece))
        line += piece.count('\n')

    for (start, end), its in functions(text, mutants):
        opened = body(text, start, end)
        add(text[last:opened])
        add(' match crate::mutant::alive() {\n')
        for mutant in its:
            first, after = place(text, mutant['span']['start']), place(text, mutant['span']['end'])
            changed = text[opened:first] + mutant['replacement'] + text[after:end - 1]
            add(f'{mutant["id"]} => return {{{changed}}},\n', mutant['id'])
        add('_ => {} }\n', 0)
        last = opened
    add(text[last:])
    return ''.join(pieces), arms


def cargo(tree, *args):
    """What cargo says in JSON."""
    done = subprocess.run(['cargo', *args, '-p', CRATE, '--message-format', 'json'], cwd=tree, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{')]


def errors(messages):
    """Errors of the compiler, each with file and line of its primary spans."""
    for message in messages:
        if message.get('reason') == 'compiler-message' and message['message']['level'] == 'error':
            spans = [span for span in message['message']['spans'] if span['is_primary']]
            yield message['message']['rendered'], [(span['file_name'], span['line_start']) for span in spans]


def write(source, tree, mutants, left_out):
    """Writes every file anew; the arms of each."""
    arms = {}
    sources = subprocess.run(['git', 'ls-files', f'{CRATE}/src'], cwd=source, stdout=subprocess.PIPE, text=True)
    for path in sources.stdout.split():
        if not path.endswith('.rs') or STAY_CONST.search(path) or not os.path.exists(os.path.join(source, path)):
            continue
        text = open(os.path.join(source, path)).read()
        its = [mutant for mutant in mutants if mutant['file'] == path and mutant['id'] not in left_out]
        text, arms[path] = switched(text, its)
        if path == f'{CRATE}/src/lib.rs':
            text = text.replace('\npub mod addr;', '\nmod mutant;\npub mod addr;')
        open(os.path.join(tree, path), 'w').write(text)
    open(os.path.join(tree, CRATE, 'src/mutant.rs'), 'w').write(SWITCH)
    return arms


def at_line(arms, line):
    """The mutant whose arm holds a line, or 0."""
    return max([(0, 0)] + [arm for arm in arms if arm[0] <= line])[1]


def opaque(mutant):
    """Whether a mutant lies in a function of an opaque type."""
    return 'impl ' in (mutant['function']['return_type'] or '')


def build(source, tree, mutants, left_out):
    """Drops what does not compile, until the rest does; the test programs."""
    manifest = os.path.join(tree, 'Cargo.toml')
    text = re.sub(r'(?m)^members = .*', f'members = ["{CRATE}"]', open(manifest).read())
    open(manifest, 'w').write(text)
    # A check finds most of them; a few errors come with the build only.
    for what in [['check'], ['test', '--no-run', *TESTS]]:
        while True:
            arms = write(source, tree, mutants, left_out)
            code, messages = cargo(tree, *what)
            if code == 0:
                break
            found = {at_line(arms.get(path, []), line) for _, spans in errors(messages) for path, line in spans}
            if not found - {0} - left_out.keys():
                sys.exit('\n'.join(rendered for rendered, _ in errors(messages)) or f'cargo {what[0]} fails')
            left_out.update((number, 'alone' if opaque(mutants[number - 1]) else 'unviable') for number in found if number)
    programs = [message['executable'] for message in messages if message.get('executable')]
    # The quick ones first.
    return sorted(programs, key=lambda program: re.search('museum|same_answers', program) is not None)


def limits():
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(tree, number, program, args):
    """A test program with one mutant alive, until the first test fails."""
    env = dict(os.environ, SWIOTLB_MUTANT=str(number), RUST_BACKTRACE='0', PROPTEST_MAX_SHRINK_ITERS='0',
               PROPTEST_RNG_SEED='7')
    child = subprocess.Popen([program, *args], env=env, cwd=os.path.join(tree, CRATE), stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, errors='replace', preexec_fn=limits)
    bell = threading.Timer(CLOCK_SECONDS, os.killpg, (child.pid, signal.SIGKILL))
    bell.start()
    failed = passed = False
    for line in child.stdout:
        if re.match(r'test .* \.\.\. FAILED', line):
            failed = True
            os.killpg(child.pid, signal.SIGKILL)
            break
        passed = passed or line.startswith('test result: ok')
    child.stdout.close()
    code = child.wait()
    bell.cancel()
    if passed and code == 0:
        return 'missed'
    return 'timeout' if not failed and code in (-signal.SIGKILL, -signal.SIGXCPU) else 'caught'


def restore(source, tree):
    """The sources as they are, without a switch."""
    sources = subprocess.run(['git', 'ls-files', f'{CRATE}/src'], cwd=source, stdout=subprocess.PIPE, text=True)
    for path in sources.stdout.split():
        if os.path.exists(os.path.join(source, path)):
            shutil.copy(os.path.join(source, path), os.path.join(tree, path))


def alone(tree, mutant):
    """The verdict of a mutant in a program of its own."""
    path = os.path.join(tree, mutant['file'])
    text = pathlib.Path(path).read_text()
    first, after = place(text, mutant['span']['start']), place(text, mutant['span']['end'])
    pathlib.Path(path).write_text(text[:first] + mutant['replacement'] + text[after:])
    said = 'missed'
    # All but the unit tests are built only if these do not notice.
    for tests in [TESTS[:1], TESTS[1:]]:
        code, messages = cargo(tree, 'test', '--no-run', *tests)
        if code != 0:
            # A build that fails without an error of the compiler (a full disk) says nothing of the mutant.
            said = 'unviable' if any(errors(messages)) else sys.exit(f'cannot build {mutant["name"]}')
        else:
            said = verdict(tree, mutant, [message['executable'] for message in messages if message.get('executable')])
        if said != 'missed':
            break
    pathlib.Path(path).write_text(text)
    return said


def verdict(tree, mutant, programs):
    """The tests of the mutant's own file first, then all."""
    module = re.sub(r'(/.*)?\.rs$', '', mutant['file'].removeprefix(f'{CRATE}/src/')).split('/')[0] + '::'
    own = [program for program in programs if os.path.basename(program).startswith('swiotlb_core')]
    for program, args in [(program, [module]) for program in own] + [(program, []) for program in programs]:
        said = run(tree, mutant['id'], program, args)
        if said != 'missed':
            break
    return said


def main(listed, source, tree, verdicts):
    mutants = json.load(open(listed))
    left_out = {}
    for number, mutant in enumerate(mutants, 1):
        mutant['id'] = number
        # An opaque type is one type, which an operator does not change.
        if not mutant['function'] or mutant['genre'] == 'FnValue' and opaque(mutant):
            left_out[number] = 'alone'
    programs = build(source, tree, mutants, left_out)
    broken = [program for program in programs if run(tree, 0, program, []) != 'missed']
    if broken:
        sys.exit(f'without any mutant fails: {broken}')
    with open(verdicts, 'w') as out, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        said = {mutant['id']: pool.submit(verdict, tree, mutant, programs)
                for mutant in mutants if mutant['id'] not in left_out}
        for mutant in mutants:
            number = mutant['id']
            if left_out.get(number) != 'alone':
                ended = said[number].result() if number in said else left_out[number]
                print(mutant['name'], ended, sep='\t', file=out, flush=True)
        restore(source, tree)
        for mutant in mutants:
            if left_out.get(mutant['id']) == 'alone':
                print(mutant['name'], alone(tree, mutant), sep='\t', file=out, flush=True)


if __name__ == '__main__':
    main(*sys.argv[1:])
