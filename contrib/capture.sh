#!/bin/sh
# Records what a running Linux asks of its software IO TLB, for `swiotlb-bench replay` and `tune`.
# docs/CAPTURE.md says what each way shows and costs.
#
#   contrib/capture.sh [-p] [-t SECONDS] [-b KIB] [-o NAME]
#
#   -p  probes instead of the events dma:* (needs a kernel with fprobe events or kprobe events, x86-64)
#   -t  how long, in seconds (default 60)
#   -b  ring buffer for each CPU, in KiB (default 65536)
#   -o  writes NAME.trace.txt.gz and NAME.meta.json (default swiotlb)
#
# Runs as root, in an instance of its own, so that other tracing is left alone. Fails, and says so, where the kernel
# cannot record it, where events were lost, and where nothing was recorded.
set -eu

probes=no seconds=60 buffer=65536 name=swiotlb
while getopts pt:b:o: flag; do
    case $flag in
        p) probes=yes ;;
        t) seconds=$OPTARG ;;
        b) buffer=$OPTARG ;;
        o) name=$OPTARG ;;
        *) sed -n '2,13p' "$0" >&2; exit 2 ;;
    esac
done
for number in "$seconds" "$buffer"; do
    case $number in
        '' | *[!0-9]*) echo "capture.sh: $number is no whole number of seconds (-t) or KiB (-b)" >&2; exit 2 ;;
    esac
done

root=/sys/kernel/tracing
debug=/sys/kernel/debug
instance=$root/instances/swiotlb_capture
warn() { echo "capture.sh: $*" >&2; }
die() { warn "$*"; exit 1; }
[ "$(id -u)" = 0 ] || die "run it as root"
[ -e "$root/trace" ] || mount -t tracefs none "$root" || die "no tracefs at $root"
[ -e $root/events/swiotlb/swiotlb_bounced ] || die "this kernel has no event swiotlb_bounced (CONFIG_SWIOTLB, CONFIG_TRACING)"
[ ! -e $instance ] || die "$instance exists: another capture runs, or one was killed (rmdir it)"
# Its own probes are removed at the end: those of somebody else would go with them.
[ $probes = no ] || [ ! -e $root/events/swiotlb_kp ] ||
    die "probes called swiotlb_kp exist: another capture was killed, or they are yours (remove them from $root/dynamic_events)"
[ -d $debug/swiotlb ] || mount -t debugfs none $debug 2>/dev/null || true
if grep -q 'swiotlb=noforce' /proc/cmdline; then
    warn "booted with swiotlb=noforce: nothing is bounced, and nothing will be recorded"
elif [ -d $debug/swiotlb ] && [ ! -e $debug/swiotlb/io_tlb_nslabs ]; then
    warn "this kernel has set up no software IO TLB: nothing will be recorded"
fi

release=$(uname -r)
# The names of what is probed, and where arguments lie, differ between versions: see docs/CAPTURE.md.
define() {
    (echo "$1" >> $root/dynamic_events) 2>/dev/null ||
        die "the kernel refused a probe (it has none: CONFIG_FPROBE_EVENTS; or no such function or argument): $1"
}
# Linux 6.1: kprobes, since it has no function probes; the offsets are those of Debian's kernel.
define_probes_of_6_1() {
    parms=${DMA_PARMS:-608}
    define "p:swiotlb_kp/map_entry swiotlb_tbl_map_single dev=%di:x64 devname=+0(+0(%di)):string orig_addr=%si:x64 mapping_size=%dx:u64 alloc_size=%cx:u64 alloc_align_mask=%r8:x32 dir=%r9:u32 attrs=\$stack1:x64 min_align=+4(+$parms(%di)):u32 seg_bound=+8(+$parms(%di)):x64"
    define "r128:swiotlb_kp/map_ret swiotlb_tbl_map_single tlb_addr=\$retval:x64"
    define "p:swiotlb_kp/unmap swiotlb_tbl_unmap_single dev=%di:x64 devname=+0(+0(%di)):string tlb_addr=%si:x64 mapping_size=%dx:u64 dir=%cx:u32 attrs=%r8:x64"
    define "p:swiotlb_kp/sync_dev swiotlb_sync_single_for_device dev=%di:x64 devname=+0(+0(%di)):string tlb_addr=%si:x64 size=%dx:u64 dir=%cx:u32"
    define "p:swiotlb_kp/sync_cpu swiotlb_sync_single_for_cpu dev=%di:x64 devname=+0(+0(%di)):string tlb_addr=%si:x64 size=%dx:u64 dir=%cx:u32"
}
# Pools that a growing kernel adds and frees; the offsets are those of Debian's 6.12.
define_pool_probes() {
    if ! grep -q ' swiotlb_alloc_pool\.isra\.0$' /proc/kallsyms; then return; fi
    define "f16:swiotlb_kp/pool_alloc swiotlb_alloc_pool.isra.0%return pool=\$retval:x64 start=+0(\$retval):x64 end=+8(\$retval):x64 nslabs=+24(\$retval):u64 nareas=+36(\$retval):u32 area_nslabs=+40(\$retval):u32"
    define "f:swiotlb_kp/pool_free swiotlb_dyn_free start=-80(\$arg1):x64 end=-72(\$arg1):x64 transient=+16(\$arg1):u8"
}
define_probes() {
    [ "$(uname -m)" = x86_64 ] || die "probes read registers of x86-64: without -p the kernel's own events are recorded"
    case $release in
        6.1.*) define_probes_of_6_1 && return ;;
        6.12.*) define_pool_probes ;;
    esac
    # offsets of dma_parms in struct device, as pahole prints them: DMA_PARMS=624 contrib/capture.sh -p
    parms=${DMA_PARMS:-624}
    define "f:swiotlb_kp/map_entry swiotlb_tbl_map_single dev=\$arg1:x64 devname=+0(+0(\$arg1)):string orig_addr=\$arg2:x64 mapping_size=\$arg3:u64 alloc_align_mask=\$arg4:x32 dir=\$arg5:u32 attrs=\$arg6:x64 min_align=+4(+$parms(\$arg1)):u32 seg_bound=+8(+$parms(\$arg1)):x64"
    define "f64:swiotlb_kp/map_ret swiotlb_tbl_map_single%return tlb_addr=\$retval:x64"
    define "f:swiotlb_kp/unmap __swiotlb_tbl_unmap_single dev=\$arg1:x64 devname=+0(+0(\$arg1)):string tlb_addr=\$arg2:x64 mapping_size=\$arg3:u64 dir=\$arg4:u32 attrs=\$arg5:x64"
    define "f:swiotlb_kp/sync_dev __swiotlb_sync_single_for_device dev=\$arg1:x64 devname=+0(+0(\$arg1)):string tlb_addr=\$arg2:x64 size=\$arg3:u64 dir=\$arg4:u32"
    define "f:swiotlb_kp/sync_cpu __swiotlb_sync_single_for_cpu dev=\$arg1:x64 devname=+0(+0(\$arg1)):string tlb_addr=\$arg2:x64 size=\$arg3:u64 dir=\$arg4:u32"
}
undefine_probes() {
    for event in map_entry map_ret unmap sync_dev sync_cpu pool_alloc pool_free; do
        echo "-:swiotlb_kp/$event" >> $root/dynamic_events 2>/dev/null || true
    done
}
sleeper=
clean() {
    if [ -n "$sleeper" ]; then kill $sleeper 2>/dev/null || true; fi
    if [ -d $instance ]; then
        echo 0 > $instance/tracing_on
        echo 0 > $instance/events/enable
        rmdir $instance
    fi
    if [ $probes = yes ]; then undefine_probes; fi
}
trap clean EXIT
trap 'exit 1' INT TERM

# What the kernel counts, as JSON. What it does not tell is left out: a file that says 0 would say that it does not grow.
counters() {
    all=
    for counter in io_tlb_nslabs io_tlb_used io_tlb_used_hiwater io_tlb_transient_nslabs; do
        value=$(cat $debug/swiotlb/$counter 2>/dev/null || true)
        if [ -n "$value" ]; then all="$all${all:+, }\"$counter\": \"$value\""; fi
    done
    echo "{$all}"
}

if [ $probes = yes ]; then define_probes; fi
mkdir $instance
echo 0 > $instance/tracing_on
echo mono > $instance/trace_clock
echo "$buffer" > $instance/buffer_size_kb
echo 1 > $instance/events/swiotlb/enable
if [ $probes = yes ]; then
    echo 1 > $instance/events/swiotlb_kp/enable
elif [ -d $instance/events/dma ]; then
    echo 1 > $instance/events/dma/enable
else
    die "this kernel has no events dma:* (they came with 6.12): use -p"
fi

at_start=$(counters)
echo 1 > $instance/tracing_on
echo "recording for $seconds s" >&2
sleep "$seconds" &
sleeper=$!
wait $sleeper
sleeper=
echo 0 > $instance/tracing_on
# Its size is never known beforehand, which gzip would complain of in a file.
cat $instance/trace | gzip -c > "$name.trace.txt.gz"

lost=0
for stats in $instance/per_cpu/cpu*/stats; do
    for n in $(sed -n 's/^\(overrun\|dropped events\|commit overrun\): //p' "$stats"); do lost=$((lost + n)); done
done
text() { sed 's/[\\"]/\\&/g' | tr -d '\n'; }
areas=$(dmesg 2>/dev/null | sed -n 's/.*software IO TLB: area num \([0-9]*\).*/\1/p' | head -1)
# "mapped [mem 0x7987d000-0x7d87d000]": where the pool of boot lies, and so how many slots of 2,048 bytes it has.
mapped=$(dmesg 2>/dev/null | sed -n 's/.*software IO TLB: mapped \[mem \(0x[0-9a-f]*\)-\(0x[0-9a-f]*\)\].*/\1 \2/p' | head -1)
start=${mapped% *} end=${mapped#* }
pool=
add() { pool="$pool${pool:+, }\"$1\": $2"; }
if [ -n "$mapped" ]; then
    add nslabs_initial $(((end - start + 2047) / 2048))
elif [ ! -e $debug/swiotlb/io_tlb_transient_nslabs ]; then
    # A kernel that grows counts all of its pools there.
    slots=$(cat $debug/swiotlb/io_tlb_nslabs 2>/dev/null || true)
    if [ "${slots:-0}" -gt 0 ]; then add nslabs_initial "$slots"; fi
fi
if [ -n "$areas" ]; then add nareas "$areas"; fi
if [ -n "$start" ]; then add start "\"$start\""; fi
cat > "$name.meta.json" <<META
{
 "name": "$(basename "$name" | text)",
 "kernel": "$(echo "$release" | text)",
 "kernel_cmdline": "$(tr ' ' '\n' < /proc/cmdline | grep '^swiotlb=' | text)",
 "guest_cpus": $(getconf _NPROCESSORS_ONLN),
 "io_tlb_debugfs": {"at_trace_start": $at_start, "after": $(counters)},
 "pool": {$pool}
}
META
events=$(gzip -dc "$name.trace.txt.gz" | grep -vc '^#' || true)
bounced=$(gzip -dc "$name.trace.txt.gz" | grep -c ' swiotlb_bounced: ' || true)
echo "$name.trace.txt.gz, $name.meta.json; events: $events, bounced: $bounced, lost: $lost" >&2
[ "$lost" = 0 ] || die "$lost events were lost: record again with a larger -b, or for a shorter time"
[ "$bounced" -gt 0 ] || die "no mapping was bounced meanwhile: nothing here for replay or tune (no load, no device that \
needs it, or a boot with swiotlb=noforce; swiotlb=force bounces every mapping)"
