//! The kernel's own texts, taken apart: text in, a fact or nothing out.
//!
//! Nothing here reads a file and nothing here fails: a text that is not as expected gives `None`.

/// The first line, if it is not empty.
#[must_use]
pub fn word(text: impl AsRef<str>) -> Option<String> {
    let word = text.as_ref().lines().next()?.trim();
    (!word.is_empty()).then(|| word.to_owned())
}

/// `model name` of `/proc/cpuinfo`; elsewhere `Hardware`, `cpu model` or `cpu`.
#[must_use]
pub fn cpu_model(cpuinfo: &str) -> Option<String> {
    ["model name", "Hardware", "cpu model", "cpu"]
        .into_iter()
        .find_map(|key| field(cpuinfo, key).and_then(word))
}

/// How many `processor` entries `/proc/cpuinfo` has.
#[must_use]
pub fn logical_cores(cpuinfo: &str) -> Option<u32> {
    let count = cpuinfo.lines().filter_map(key_value).filter(|(key, _)| *key == "processor").count();
    u32::try_from(count).ok().filter(|&n| n > 0)
}

/// Whether the processor's flags hold `hypervisor`; nothing where there are no such flags (not x86).
#[must_use]
pub fn hypervisor(cpuinfo: &str) -> Option<bool> {
    field(cpuinfo, "flags").map(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor"))
}

/// `MemTotal` of `/proc/meminfo`, in bytes.
#[must_use]
pub fn memory_bytes(meminfo: &str) -> Option<u64> {
    let kib: u64 = field(meminfo, "MemTotal")?.strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// The three averages of `/proc/loadavg`.
#[must_use]
pub fn load_average(loadavg: &str) -> Option<[f64; 3]> {
    let mut numbers = loadavg.split_whitespace().map(|n| n.parse().ok().filter(|n: &f64| n.is_finite()));
    Some([numbers.next()??, numbers.next()??, numbers.next()??])
}

/// The choice in brackets: `always [madvise] never`.
#[must_use]
pub fn chosen(choices: &str) -> Option<String> {
    let (_, after) = choices.split_once('[')?;
    word(after.split_once(']')?.0)
}

/// `32K`, `8M`, `1G` or plain bytes.
#[must_use]
pub fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let (digits, shift) = match text.chars().last()? {
        'K' => (&text[..text.len() - 1], 10),
        'M' => (&text[..text.len() - 1], 20),
        'G' => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// The page size among the kernel's pairs in `/proc/self/auxv` (`AT_PAGESZ`), in bytes.
#[must_use]
pub fn page_bytes(auxv: &[u8]) -> Option<u64> {
    const AT_PAGESZ: usize = 6;
    let (words, _) = auxv.as_chunks::<{ size_of::<usize>() }>();
    let (pairs, _) = words.as_chunks::<2>();
    let pair = pairs.iter().find(|pair| usize::from_ne_bytes(pair[0]) == AT_PAGESZ)?;
    u64::try_from(usize::from_ne_bytes(pair[1])).ok()
}

/// One line of the files in `vulnerabilities`, given as name and text: `open: a, b; mitigated: c; 15 not
/// affected`.
#[must_use]
pub fn mitigations(states: &[(String, String)]) -> Option<String> {
    let (mut open, mut mitigated, mut unaffected) = (Vec::new(), Vec::new(), 0_usize);
    for (name, state) in states {
        match state.trim() {
            "Not affected" => unaffected += 1,
            state if state.starts_with("Mitigation") => mitigated.push(name.as_str()),
            _ => open.push(name.as_str()),
        }
    }
    let list = |names: &[&str]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    (!states.is_empty())
        .then(|| format!("open: {}; mitigated: {}; {unaffected} not affected", list(&open), list(&mitigated)))
}

/// The value of the first line `key : value` with this key.
fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().filter_map(key_value).find(|(k, _)| *k == key).map(|(_, value)| value)
}

fn key_value(line: &str) -> Option<(&str, &str)> {
    line.split_once(':').map(|(key, value)| (key.trim(), value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const X86: &str = "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel\t\t: 1\nmodel name\t: AMD EPYC\n\
        flags\t\t: fpu vme hypervisor lahf_lm\n\nprocessor\t: 1\nmodel name\t: AMD EPYC\nflags\t\t: fpu\n";
    const ARM: &str = "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd\nCPU part\t: 0xd0c\n";

    #[test]
    fn cpuinfo() {
        assert_eq!(cpu_model(X86).as_deref(), Some("AMD EPYC"));
        assert_eq!((logical_cores(X86), hypervisor(X86)), (Some(2), Some(true)));
        assert_eq!(hypervisor("flags : fpu hypervisors\n"), Some(false));
        assert_eq!((cpu_model(ARM), logical_cores(ARM), hypervisor(ARM)), (None, Some(1), None));
        assert_eq!((cpu_model(""), logical_cores("nothing"), hypervisor("")), (None, None, None));
    }

    #[test]
    fn memory_and_load() {
        let meminfo = "MemTotal:       24684092 kB\nMemFree:        23182936 kB\n";
        assert_eq!(memory_bytes(meminfo), Some(24_684_092 * 1024));
        assert_eq!(memory_bytes("MemTotal: 99999999999999999999 kB"), None);
        assert_eq!(memory_bytes("MemTotal: 18446744073709551615 kB"), None);
        assert_eq!(load_average("1.62 0.64 0.28 3/106 5947\n"), Some([1.62, 0.64, 0.28]));
        assert_eq!(load_average("1.62 nan 0.28"), None);
        assert_eq!(load_average("1.62 0.5"), None);
    }

    #[test]
    fn choices_words_and_sizes() {
        assert_eq!(chosen("always [madvise] never\n").as_deref(), Some("madvise"));
        assert_eq!((chosen("always"), chosen("[never"), chosen("[]")), (None, None, None));
        assert_eq!((word("tsc\nkvm\n").as_deref(), word("\n"), word("")), (Some("tsc"), None, None));
        assert_eq!(
            (size("32K"), size("8M"), size("1G"), size("64\n")),
            (Some(32_768), Some(8 << 20), Some(1 << 30), Some(64))
        );
        assert_eq!(
            (size(""), size("K"), size("-1K"), size("1é"), size("99999999999999999G")),
            (None, None, None, None, None)
        );
    }

    #[test]
    fn the_page_size_is_found_among_the_pairs() {
        let auxv: Vec<u8> = [3_usize, 4, 6, 4_096, 0, 0].into_iter().flat_map(usize::to_ne_bytes).collect();
        assert_eq!(page_bytes(&auxv), Some(4_096));
        assert_eq!(page_bytes(&auxv[..31]), None);
        assert_eq!(page_bytes(&[]), None);
    }

    #[test]
    fn mitigations_in_one_line() {
        let states = [
            ("l1tf", "Not affected\n"),
            ("retbleed", "Vulnerable\n"),
            ("spectre_v1", "Mitigation: usercopy/swapgs barriers\n"),
        ]
        .map(|(name, state)| (name.to_owned(), state.to_owned()));
        let line = "open: retbleed; mitigated: spectre_v1; 1 not affected";
        assert_eq!(mitigations(&states).as_deref(), Some(line));
        assert_eq!(mitigations(&states[..1]).as_deref(), Some("open: none; mitigated: none; 1 not affected"));
        assert_eq!(mitigations(&[]), None);
    }
}
