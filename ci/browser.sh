#!/usr/bin/env bash
# A real browser opens a report, sorts, filters and follows links, in light and dark, wide and narrow; no request
# leaves the file, and no error is logged. Usage: ci/browser.sh [--install] [REPORT.html]
#
# Without a report, one is made of a small run, a comparison, a suite and a trace whose words try to be markup, advice, a
# kept replay and a history; and one of 1,200 cells, which has to open at once. Where no browser is installed, --install
# gets Debian's headless Chromium, and without it nothing is checked and that is said. With SHOTS set to a folder,
# screenshots and the page as it prints go there.
set -euo pipefail

install=0 report= own=
# Seconds in which a page of many cells is open: a bound that says "at once" on any machine, and no benchmark.
opens_within=10
for argument; do
    case $argument in
    --install) install=1 ;;
    *) report=$(realpath --canonicalize-existing "$argument") ;;
    esac
done
cd "$(dirname "$0")/.."
find_browser() {
    local name
    for name in chromium-headless-shell chromium chromium-browser google-chrome; do
        command -v "$name" && return
    done
}
browser=$(find_browser || true)
if [[ -z $browser && $install == 1 ]]; then
    apt-get update >&2
    apt-get install --yes --no-install-recommends chromium-headless-shell >&2
    browser=$(find_browser)
fi
if [[ -z $browser ]]; then
    echo "browser: SKIPPED, no Chromium here: the report was not opened (ci/browser.sh --install gets one)"
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [[ -z $report ]]; then
    cargo build --bin swiotlb-bench
    bench="${CARGO_TARGET_DIR:-target}/debug/swiotlb-bench"
    cat >"$work/hostile.toml" <<'SUITE'
name = "hostile"
title = "<script>window.broken = 1</script>\"'><img src=x onerror=\"document.title='broken'\">"
analysis = "</style><script>window.broken = 1</script> \u202e ]]> <!-- https://example.org/x.png {{ 7 * 7 }}"
scenario = "dummy"
[parameters]
operations = 200
[axes]
service = ["1us", "2us", "20us", "1ms", "3us", "4us", "5us"]
[[expect]]
says = "<iframe src='https://example.org/'></iframe>"
metric = "ns_per_op"
compare = "service=2us"
above = 0
SUITE
    "$bench" measure "$work/hostile.toml" --quick --launches 2 --no-control --out "$work/<b>run" >"$work/log"
    "$bench" measure quick-find-pool --quick --launches 2 --filter 'policy=kernel|lookup-sorted' --out "$work/run" >"$work/log"
    "$bench" ab none none "$work/hostile.toml" --quick --filter 'service=1us|2us|3us' --out "$work/ab" >"$work/log"
    trace="$work/<i>trace.jsonl"
    # shellcheck disable=SC2016 # every line but the names is as it is
    for number in $(seq 40); do
        printf '{"t_ns":%d,"cpu":0,"op":"map","dev":"%s","orig":"%#x","size":4096,"dir":1,"tlb":"%#x","t_ret_ns":%d}\n' \
            $((number * 1000)) '<script>window.broken = 1</script>\u202e|`' $((number << 20)) $((0x80000000 + number * 4096)) \
            $((number * 1000 + 70))
        printf '{"t_ns":%d,"cpu":0,"op":"unmap","dev":"%s","size":4096,"dir":1,"tlb":"%#x"}\n' \
            $((number * 1000 + 500)) '<script>window.broken = 1</script>\u202e|`' $((0x80000000 + number * 4096))
    done >"$trace"
    "$bench" tune "$trace" --out "$work/advice" >"$work/log"
    "$bench" replay workloads/data/traces/boot_probe.jsonl.gz --out "$work/replay" >"$work/log"
    for again in 1 2; do
        "$bench" measure dummy --quick --launches 2 --no-control --out "$work/night-$again" >"$work/log"
        "$bench" history add "$work/night-$again" --history "$work/history" >"$work/log"
    done
    report="$work/report.html"
    "$bench" report "$work/<b>run" "$work/run" "$work/ab" "$work/night-2" "$work/advice" "$work/replay" --trace "$trace" \
        --trace workloads/data/traces/dyn_growth.jsonl.gz --history "$work/history" --out "$report"
    own=,own
    {
        printf 'name = "many"\ntitle = "t"\nanalysis = "a"\nscenario = "dummy"\n[parameters]\noperations = 1\n[axes]\nservice = ['
        printf '"%dns", ' $(seq 1200)
        printf ']\n'
    } >"$work/many.toml"
    "$bench" measure "$work/many.toml" --quick --launches 1 --no-control --out "$work/many" >"$work/log"
    "$bench" report "$work/many" --out "$work/many.html"
fi

# What the browser does, with the answer of the page on standard output and its log in $work/log. No name resolves.
run() {
    timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-background-networking --no-first-run \
        --user-data-dir="$work/profile" --host-resolver-rules='MAP * ~NOTFOUND' --enable-logging=stderr \
        --log-net-log="$work/net.json" --allow-file-access-from-files --virtual-time-budget=60000 "$@" 2>"$work/log"
}
# Errors that pages log, and requests for anything but files and data.
quiet() {
    # That a script did not run is what `plain` asks for.
    local asked='^$'
    if [[ $1 == plain* ]]; then asked="Blocked script execution"; fi
    if grep -E ":CONSOLE" "$work/log" | grep -v "$asked"; then
        echo "browser: FAILED, the page logged this ($1)" >&2
        exit 1
    fi
    if grep -oE '"url":"[a-z]+:[^"]*"' "$work/net.json" | grep -vE '"url":"(file|data|about|chrome|devtools):'; then
        echo "browser: FAILED, these requests left the file ($1)" >&2
        exit 1
    fi
}

# One pass of drive.html over the report; `plain` is a scheme too.
drive() {
    local scheme=$1 size=$2 result
    shift 2
    run "$@" --window-size="$size" --dump-dom "file://$PWD/ci/browser/drive.html#file://$report,$scheme$own" >"$work/dom"
    result=$(sed -n '/<pre id="result">/,/<\/pre>/p' "$work/dom" | sed 's/<[^>]*>//g')
    if [[ $result != *", 0 failed"*END* ]]; then
        echo "browser: FAILED, $scheme, $size: $result" >&2
        exit 1
    fi
    quiet "$scheme, $size"
    echo "browser: $scheme, $size: $(grep 'checks of' <<<"$result")"
}

for size in 1400,900 390,844; do
    drive light "$size" --blink-settings=preferredColorScheme=1
    drive dark "$size" --blink-settings=preferredColorScheme=0
    if [[ -n ${SHOTS:-} ]]; then
        mkdir -p "$SHOTS"
        for number in 0 1; do
            run --blink-settings=preferredColorScheme="$number" --hide-scrollbars --window-size="${size%,*},3000" \
                --screenshot="$SHOTS/${size%,*}-$number.png" "file://$report"
        done
    fi
done
if [[ -n ${SHOTS:-} ]]; then
    run --no-pdf-header-footer --print-to-pdf="$SHOTS/print.pdf" "file://$report"
fi
# Without scripts everything is there, and nothing is offered that would not work.
drive plain 1400,900

if [[ -n $own ]]; then
    begin=$SECONDS
    run --dump-dom "file://$work/many.html" >"$work/dom"
    took=$((SECONDS - begin))
    if ! grep -q '1200 of 1200 rows' "$work/dom" || ((took > opens_within)); then
        echo "browser: FAILED, the page of 1,200 cells was not there after $took s" >&2
        exit 1
    fi
    quiet "many cells"
    echo "browser: a page of 1,200 cells is open within $opens_within s"
fi
