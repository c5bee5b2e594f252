"""What the verdicts on mutants come to, held to docs/MUTANTS.md: see ci/mutants.sh.

judge.py VERDICTS.tsv DOC [--part]: ends with 1 if fewer than 95 % of those that compile are noticed, if one survives
that DOC does not name, or, unless only a part was tried, if DOC names one that does not survive. A name is without its
place, which every change moves; where several of one name survive, DOC has their number behind it: `name` (2).
"""
import collections
import re
import sys

LEAST = 0.95


def plain(name):
    return re.sub(r':\d+:\d+:', ':', name).replace('swiotlb-core/src/', '')


def named(doc):
    """The survivors that the document names, each with its number."""
    found = re.findall(r'`([\w/]+\.rs: [^`]+)`(?: \((\d+)\))?', open(doc).read())
    return {name: int(number or 1) for name, number in found}


def main(verdicts, doc, *part):
    lines = [line.rstrip('\n').split('\t') for line in open(verdicts)]
    sums = collections.Counter(said for _, said in lines)
    viable = sum(sums.values()) - sums['unviable']
    noticed = sums['caught'] + sums['timeout']
    print(*(f'{said}: {n}' for said, n in sorted(sums.items())), sep='\n')
    print(f'noticed: {noticed} of {viable} that compile, {100 * noticed / max(viable, 1):.1f} %')
    survivors = collections.Counter(plain(name) for name, said in lines if said == 'missed')
    known = named(doc)
    wrong = [f'survives: {name} ({n}, and {doc} names {known.get(name, 0)})'
             for name, n in survivors.items() if n > known.get(name, 0)]
    if not part:
        wrong += [f'{doc} names what does not survive: {name} ({n}, and {survivors[name]} do)'
                  for name, n in known.items() if n > survivors[name]]
        if noticed < LEAST * viable:
            wrong.append(f'fewer than {100 * LEAST:.0f} % are noticed')
    print(*wrong, sep='\n', file=sys.stderr)
    sys.exit(bool(wrong))


if __name__ == '__main__':
    main(*sys.argv[1:])
