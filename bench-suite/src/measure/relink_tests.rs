//! Tests of linking, with cargo and the linker that are here, on a program of a few lines.
#![allow(clippy::unwrap_used)] // a test may stop at the first surprise

use super::*;

/// A source that builds a program of the right name, and of no dependencies.
fn source(root: &Path) -> Source {
    let put = |name: &str, text: &str| std::fs::write(root.join(name), text).unwrap();
    std::fs::create_dir(root.join("src")).unwrap();
    put(
        "Cargo.toml",
        "[package]\nname = \"bench-suite\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
         [[bin]]\nname = \"swiotlb-bench\"\npath = \"src/main.rs\"\n[workspace]\n",
    );
    put("Cargo.lock", "version = 4\n\n[[package]]\nname = \"bench-suite\"\nversion = \"0.1.0\"\n");
    put("src/main.rs", "fn main() { println!(\"ran with {:?}\", std::env::args().nth(1)); }\n");
    Source { root: root.to_owned(), revision: None }
}

#[test]
fn layouts_are_the_program_itself_and_differ() {
    let (root, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let source = source(root.path());
    // The profile that numbers are taken with, which `cargo rustc` would make a test harness of.
    let relink = Relink { cache: cache.path().to_owned(), profile: "bench".to_owned() };
    let layouts = relink.layouts(&source, 1..=3).unwrap();
    for layout in &layouts {
        let output = Command::new(&layout.program).arg("cell").output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "ran with Some(\"cell\")\n", "{}", layout.name);
    }
    assert!(layouts.iter().all(|one| layouts.iter().filter(|other| other.sha256 == one.sha256).count() == 1));
}

#[test]
fn a_running_comparison_keeps_its_programs() {
    let (root, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let source = source(root.path());
    let relink = Relink { cache: cache.path().to_owned(), profile: "dev".to_owned() };
    let says = |layout: &Layout| Command::new(&layout.program).arg("cell").output().unwrap().stdout;
    let before = relink.layouts(&source, 1..=1).unwrap();
    std::fs::write(root.path().join("src/main.rs"), "fn main() { println!(\"edited\"); }\n").unwrap();
    let after = relink.layouts(&source, 1..=1).unwrap();
    assert_eq!(says(&before[0]), b"ran with Some(\"cell\")\n");
    assert_eq!(says(&after[0]), b"edited\n");
}

#[test]
fn a_profile_that_there_is_not_is_named() {
    let (root, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let relink = Relink { cache: cache.path().to_owned(), profile: "no-such".to_owned() };
    let told = relink.layouts(&source(root.path()), 1..=1).unwrap_err().to_string();
    assert!(told.contains("with the profile no-such"), "{told}");
}
