#!/usr/bin/env bash
# The tree itself: no paths of one machine, no long files, nothing unfinished or switched off.
set -euo pipefail
cd "$(dirname "$0")/.."

failed=0
complain() {
    echo "ci/tree.sh: $1" >&2
    failed=1
}

# A class of one letter keeps each pattern from finding itself.
if git grep -nIE '(^|[^[:alnum:]_.])/([w]ork|[r]oot|tmp/[b]ash_jobs|tmp/[w]t)/' -- . ':!LICENSE*'; then
    complain "these lines name paths of one machine"
fi
if git grep -nE '#\[[i]gnore|[t]odo!\(|[u]nimplemented!\(|[d]bg!\(' -- '*.rs'; then
    complain "these lines switch tests off or are not finished"
fi
while IFS= read -r file; do
    lines=$(wc -l <"$file")
    if ((lines > 350)); then
        complain "$file has $lines lines, more than 350; split it"
    fi
done < <(git ls-files '*.rs')
while IFS= read -r script; do
    if [[ ! -x $script ]]; then
        complain "$script is not executable"
    fi
done < <(git ls-files .ci 'ci/*.sh')
version=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
if ! grep -qF "Rust toolchain, $version or newer" README.md; then
    complain "README.md states another toolchain than Cargo.toml's rust-version, $version"
fi
# A fault that can no longer be put back is found at once, not at night.
ci/museum.sh --check || failed=1
exit "$failed"
