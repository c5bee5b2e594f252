# Walks the static call graph from the measured loops and says what it meets there: see hot_paths.sh.
#
# Reads, in this order, as files named by `part=`: the cold list, the loops of `swiotlb-bench hot`, and the output
# of `objdump -R` and of `objdump -d -C`. Calls to names on the cold list are not followed. Prints a line for each finding and, at the
# end of all, a line of counts for each loop of each policy.

part == "cold" {
    if ($0 == "" || $0 ~ /^#/) next
    if (split($0, field, /\t+/) != 4) { print "no reason given: " $0; bad++; next }
    colds++
    cold_for[colds] = "^(" field[1] ")$"; passes[colds] = field[2]; cold[colds] = field[3]
    next
}

part == "loops" { wanted++; distance[wanted] = $1; policy[wanted] = $2; loop[wanted] = $3; next }

# A word of the global offset table: the function of this program, or the name of another library's.
part == "relocations" {
    if ($2 !~ /^R_X86_64_/) next
    slot = $1; sub(/^0+/, "", slot)
    to = $3
    if (!sub(/^\*ABS\*\+0x0*/, "", to)) sub(/@.*$/, "", to)
    if ($2 == "R_X86_64_RELATIVE") inside[slot] = to
    else named[slot] = to
    next
}

# A function begins.
/^[0-9a-f]+ <.*>:$/ {
    resolve()
    at = $1; sub(/^0+/, "", at)
    name[at] = substr($0, index($0, "<") + 1); sub(/>:$/, "", name[at])
    if (name[at] == anchor) anchors[++anchored] = at
    table = 0
    split("", held); split("", loads); waiting = 0
    next
}

at == "" { next }

{
    # An instruction: its mnemonic is the first word after the address that is no prefix.
    line = $0; sub(/^[^\t]*\t/, "", line)
    if (line == "") next
    locked = line ~ /^lock /
    sub(/^((addr32|data16|notrack|bnd|lock|rep|repz|repnz|cs|ds)[ \t]+)+/, "", line)
    split(line, word, /[ \t]+/)
    size[at]++
    if (table > 0) table--
}

# A register that holds a word of the table, until something else is written to it. What is popped into it is the
# caller's, just before a return; code that follows comes from before.
{
    register = ""
    if (match(line, /,%r[a-z0-9]+( |$)/) && word[1] !~ /^(cmp|test)/) {
        register = substr(line, RSTART + 1, RLENGTH - 1); sub(/ $/, "", register)
        delete held[register]
    }
}
word[1] == "mov" && register != "" {
    place = shown(line)
    if (place == "" && match(word[2], /^%r[a-z0-9]+,%/)) place = held[substr(word[2], 1, RLENGTH - 2)]
    if (place in inside || place in named) {
        held[register] = place
        loads[register] = loads[register] " " place
        next
    }
}

locked { rmw[at]++; next }
word[1] ~ /^xchg/ && line ~ /\(/ { rmw[at]++; next }
word[1] ~ /^[ml]fence$/ || word[1] == "sfence" { fences[at]++; next }
word[1] ~ /^i?div/ { divs[at]++; next }
word[1] ~ /^rdtscp?$/ { clock[at]++; next }
word[1] ~ /^(syscall|sysenter|int)$/ { system_[at]++; next }
# An entry of a jump table is loaded shortly before the jump through it.
word[1] ~ /^(movslq|movsxd|movslq)/ && line ~ /,4\)/ { table = 12; next }
word[1] ~ /^mov/ && line ~ /,8\),%r/ { table = 12; next }

word[1] ~ /^(call|jmp|j[a-z]+)/ {
    if (word[2] ~ /^\*/) {
        place = shown(line)
        if (place == "") place = held[substr(word[2], 2)]
        if (place in named || place in inside) by_table(place)
        else if (place != "") through[at] = through[at] " " place
        else if (word[1] !~ /^jmp/ || (table == 0 && line !~ /,8\)/)) {
            waiting++
            wanted_by[waiting] = " " $1 " " word[1] " " word[2]; target_in[waiting] = substr(word[2], 2)
        }
        next
    }
    if (line ~ /@plt>/) {
        match(line, /<[^>@]*@/); outside(substr(line, RSTART + 1, RLENGTH - 2)); next
    }
    # Within the function: no edge. Names repeat, so functions are told apart by where they begin.
    target = word[2]
    if (word[1] ~ /^j/ && line ~ /\+0x[0-9a-f]+>$/) {
        offset = line; sub(/^.*\+0x/, "", offset); sub(/>$/, "", offset)
        if (index(line, "<" name[at] "+0x") && number(target) - number(offset) == number(at)) next
        target = hex(number(target) - number(offset))
    }
    if (target != at) edge[at] = edge[at] " " target
}

# A call through a word of the table.
function by_table(place) {
    if (place in named) outside(named[place])
    else edge[at] = edge[at] " " inside[place]
}

# The end of a function: a register that it fills from the table somewhere, but not just before the call in the order
# of addresses, is taken to hold any of what it fills it with.
function resolve(   i, j, n, places) {
    for (i = 1; i <= waiting; i++) {
        n = split(loads[target_in[i]], places, " ")
        for (j = 1; j <= n; j++) by_table(places[j])
        if (n == 0) indirect[at] = indirect[at] wanted_by[i]
    }
    waiting = 0
}

# The address that the disassembler works out for an operand.
function shown(text) {
    return match(text, /# [0-9a-f]+/) ? substr(text, RSTART + 2, RLENGTH - 2) : ""
}

# A call to a function of another library, by its name.
function outside(what) {
    if (what ~ /^(malloc|free|calloc|realloc|posix_memalign|aligned_alloc|memalign|mmap(64)?|munmap)$/) alloc[at]++
    else if (what ~ /^(clock_gettime|gettimeofday|time)$/) clock[at]++
    else if (what ~ /^(mem(cpy|move|set|cmp|chr)|bcmp|strlen|__tls_get_addr)$/) copies[at]++
    # `_Unwind_Resume` ends what a panic began; who yields has spun in vain for long.
    else if (what != "_Unwind_Resume" && what != "__errno_location" && what != "sched_yield") others[at] = others[at] " " what
}

function number(text,   i, n) {
    n = 0
    for (i = 1; i <= length(text); i++) n = 16 * n + index("0123456789abcdef", substr(text, i, 1)) - 1
    return n
}

function hex(n,   text, rest) {
    text = ""
    while (n > 0) { rest = n % 16; text = substr("0123456789abcdef", rest + 1, 1) text; n = (n - rest) / 16 }
    return text
}

# Whether the list lets something pass in a function called `what`.
function is_cold(sort, what,   i) {
    for (i = 1; i <= colds; i++) if (passes[i] == sort && what ~ cold[i] && policy[w] "/" loop[w] ~ cold_for[i]) {
        used[i]++
        return 1
    }
    return 0
}

# How a walk came to a function, innermost first; names are cut to what tells them apart.
function way(f,   text, steps) {
    text = ""
    while (f in from && steps++ < 8) { f = from[f]; text = text " < " brief(name[f]) }
    return text
}

function brief(text) {
    gsub(/swiotlb_core::|bench_suite::/, "", text)
    return length(text) > 90 ? substr(text, 1, 87) "..." : text
}

# A finding, said once for all the policies that share it.
function find(sort, f, what,   key) {
    if (is_cold(sort, name[f])) return
    found[sort]++
    if (sort == "alloc" && loop[w] == "fallback") return
    key = sort " in " brief(name[f]) what way(f)
    if (!(key in said)) { said[key] = policy[w] "/" loop[w]; keys[++findings] = key } else more[key]++
}

function walk(start,   queue, head, tail, f, i, n, next_) {
    split("", from); split("", seen); split("", found)
    head = tail = 1; queue[1] = start; seen[start] = 1
    while (head <= tail) {
        f = queue[head++]
        found["rmw"] += rmw[f]; found["fences"] += fences[f]; found["div"] += divs[f]; found["instructions"] += size[f]
        if (f in indirect) find("indirect", f, indirect[f])
        if (f in through) find("indirect", f, " through memory" through[f])
        if (f in alloc) find("alloc", f, "")
        if (f in clock) find("clock", f, "")
        if (f in system_) find("system", f, "")
        if (f in others) find("outside", f, others[f])
        n = split(edge[f], next_, " ")
        for (i = 1; i <= n; i++) {
            if (next_[i] in seen) continue
            seen[next_[i]] = 1
            if (!(next_[i] in name)) { print "no function begins at " next_[i] ", called by " name[f]; bad++; continue }
            if (is_cold("call", name[next_[i]])) continue
            from[next_[i]] = f; queue[++tail] = next_[i]
        }
    }
    found["functions"] = tail
}

END {
    resolve()
    if (wanted == 0) { print "the program names no loop"; bad++ }
    if (anchored != 1) { print "the function " anchor " is there " anchored + 0 " times"; bad++; wanted = 0 }
    for (w = 1; w <= wanted; w++) {
        start = hex(number(anchors[1]) + distance[w])
        if (!(start in name)) { print policy[w] " " loop[w] ": no function begins at " start; bad++; continue }
        walk(start)
        printf "%s %s indirect=%d alloc=%d clock=%d system=%d locked-rmw=%d fences=%d div=%d functions=%d instructions=%d\n", \
            policy[w], loop[w], found["indirect"], found["alloc"], found["clock"], found["system"] + found["outside"], \
            found["rmw"], found["fences"], found["div"], found["functions"], found["instructions"] >counts
    }
    for (i = 1; i <= findings; i++)
        print keys[i] "  [" said[keys[i]] (keys[i] in more ? " and " more[keys[i]] " more" : "") "]"
    for (i = 1; i <= colds; i++) if (!(i in used)) print "note: nothing is there for " cold[i] >"/dev/stderr"
    exit findings + bad > 0
}
