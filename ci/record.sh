#!/usr/bin/env bash
# Records what this machine says, for keeping: run folders, compressed, with the machine's facts and the commands
# beside them, in reports/record/DATE-MACHINE; then what README.md and docs/FINDINGS.md show is made of it (ci/headline.sh).
# Usage: ci/record.sh [--dry-run] [--parts FILE] [FOLDER]
#
# What is recorded stands in ci/record.parts; --dry-run says how long it takes. Wants a machine that does nothing else.
# After an interruption the same command goes on, without FOLDER too. BENCH names a program that is built already.
set -euo pipefail
cd "$(dirname "$0")/.."

dry=0 parts=ci/record.parts folder=
while (($#)); do
    case $1 in
    --dry-run) dry=1 ;;
    --parts) parts=$2 && shift ;;
    -*) sed -n '2,7p' "$0" >&2 && exit 2 ;;
    *) folder=${1%/} ;;
    esac
    shift
done

bench=${BENCH:-}
if [[ -z $bench ]]; then
    cargo build --profile bench --bin swiotlb-bench
    bench="${CARGO_TARGET_DIR:-target}/release/swiotlb-bench"
fi

# What no end was written to is gone on with.
unfinished() {
    local old
    for old in reports/record/*/; do
        if [[ -d $old && ! -e $old/README.md ]]; then echo "${old%/}" && return; fi
    done
}
model=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1 | tr '[:upper:]' '[:lower:]' | tr -cs 'a-z0-9\n' -)
model=$(cut -c 1-40 <<<"${model:-unknown}" | sed 's/^-*//; s/-*$//')
folder=${folder:-$(unfinished)}
folder=${folder:-reports/record/$(date -u +%F)-$model-$(nproc)}

# Runs a part, or what is left of it, and compresses it.
part() {
    local name=$1 out="$folder/$1" code=0
    shift
    if ((dry)); then
        "$bench" measure "$@" --dry-run | sed "s/^/$name: /"
        return
    fi
    if [[ ! -e $out/runs.jsonl.gz ]]; then
        if [[ -e $out/plan.json ]]; then set -- "$@" --resume; fi
        "$bench" measure "$@" --out "$out" >"$folder/$name.txt" || code=$?
        # Void launches have records, which say why, and a report tells them first.
        if ((code)) && ! "$bench" measure --resume --out "$out" --dry-run | grep -q '^in all about 0 s$'; then
            echo "record: $name was not finished: run the same again to go on" >&2
            exit "$code"
        fi
        gzip -9n "$out/runs.jsonl"
    fi
    if [[ -e $out/plan.json ]]; then gzip -9n "$out/plan.json"; fi
    rm -f "$folder/$name.txt"
    echo "record: $name: $(du -ch "$out" | tail -n 1 | cut -f 1), after $SECONDS s"
}

if ((!dry)); then
    if ! git diff --quiet HEAD; then
        echo "record: files differ from the last commit: nobody can build this program again" >&2
    fi
    echo "record: into $folder"
    mkdir -p "$folder"
    # Once: a second look would see this run. An unfit machine is told, and in the report too.
    if [[ ! -e $folder/machine.txt ]]; then
        "$bench" doctor >"$folder/machine.new" || true
        mv "$folder/machine.new" "$folder/machine.txt"
        grep '^Not fit' "$folder/machine.txt" >&2 || true
    fi
fi
# shellcheck source=ci/record.parts
. "$parts"
if ((dry)); then exit; fi

cat >"$folder/README.md" <<END
# Record ${folder##*/}

Made by \`ci/record.sh\` at revision $(git rev-parse --short=12 HEAD), ended on $(date -u +%F). \`machine.txt\` is what
\`swiotlb-bench doctor\` said before it began; each folder is a run, compressed, with its command lines in \`commands.txt\`.
As a page:

    swiotlb-bench report $folder/*/ --out report.html
END
bytes=$(du -b -s "$folder" | cut -f 1)
echo "record: $folder: $((bytes / 1024)) KiB, after $SECONDS s"
if ((bytes > 3 << 20)); then echo "record: more than 3 MiB to keep: take suites out of $parts" >&2; fi
if [[ $folder == reports/record/* ]]; then BENCH=$bench ci/headline.sh "$folder"; fi
