//! From a source to programs: compiled once by cargo, linked once for each layout.
//!
//! A small script stands in for the linker. It links as rustc asks, and then again for every layout with the
//! functions in the order that the layout's number draws (lld's `--shuffle-sections`; a function is a section of its
//! own). Invariant: all layouts of a build are linked of the very same objects, so that they differ in nothing but
//! where code lies: order, distance, and alignment against cache lines and pages.

use super::builds::Layout;
use super::cache::{self, forget_old, lock, touch};
use super::source::Source;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;
use thiserror::Error;

/// The program's name.
const PROGRAM: &str = "swiotlb-bench";
/// How the names of what cargo links begin in its own folder.
const LINKED: &str = "swiotlb_bench-";
/// The variable that tells a build its revision (`build.rs`).
const REVISION: &str = "SWIOTLB_BENCH_REVISION";
/// What the profile is called that programs are built with.
const PROFILE: &str = "layouts";
/// What the linker's stand-in is called: rustc takes from the name what arguments it understands, those of a C compiler.
const STAND_IN: &str = "cc";
/// The linker's stand-in. A layout gets its name when it is whole. The last `-o` counts. What debuggers read is left
/// out: it is most of a program and no part of its layout.
const SCRIPT: &str = r#"#!/bin/sh
# Links as asked, then once for each layout, its functions in another order.
set -e
"${CC:-cc}" "$@"
for layout in $SWIOTLB_BENCH_LINK; do
    to="$SWIOTLB_BENCH_LINK_INTO/layout-$layout"
    mkdir -p "$to"
    "${CC:-cc}" "$@" "-Wl,--shuffle-sections=.text*=$layout" -Wl,--strip-debug -o "$to/swiotlb-bench.new"
    mv "$to/swiotlb-bench.new" "$to/swiotlb-bench"
done
"#;

/// How programs are built.
#[derive(Clone, Debug)]
pub struct Relink {
    /// Where they are kept, and cargo's own files.
    pub cache: PathBuf,
    /// cargo's profile.
    pub profile: String,
}

/// Why there are no programs.
#[derive(Debug, Error)]
pub enum RelinkError {
    /// No cargo.
    #[error(
        "no cargo: builds are made with it; install Rust, or compare programs that are there (build:PATH)"
    )]
    NoCargo,
    /// cargo failed, and has said why.
    #[error(
        "cargo could not build {source} with the profile {profile} (see above). Layouts are linked with lld, which \
         rustc brings for x86-64 Linux", source = .0.display(), profile = .1
    )]
    Cargo(PathBuf, String),
    /// The linker did not shuffle.
    #[error("{0} and {1} are the same program: the linker leaves functions in their order; lld is wanted")]
    Same(String, String),
    /// A folder or file.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A program.
    #[error("{0}")]
    Program(String),
}

impl Relink {
    /// The layouts with these numbers, built where they are not there. A checkout is always built: its files may
    /// have changed. Waits while another comparison builds below the same cache.
    ///
    /// # Errors
    /// [`RelinkError`].
    pub fn layouts(&self, source: &Source, numbers: RangeInclusive<u32>) -> Result<Vec<Layout>, RelinkError> {
        let what = source.revision.as_deref().unwrap_or("checkout");
        let cache = self.made(&self.cache)?;
        let told = |source| RelinkError::Io { path: cache.clone(), source };
        let _held = lock(&cache).map_err(told)?;
        let maker = cache::maker(&source.root, SCRIPT);
        let folder = self.made(&cache.join(format!("{what}-{}-{maker}", self.profile)))?;
        touch(&folder).and_then(|()| forget_old(&cache, SystemTime::now())).map_err(told)?;
        let path = |number: u32| folder.join(format!("layout-{number}")).join(PROGRAM);
        let there = numbers.clone().all(|number| path(number).exists());
        if source.revision.is_none() || !there {
            self.build(source, &cache, &folder, numbers.clone())?;
        }
        let layout = |number| {
            let name = format!("{what}/{number}");
            let layout = Layout::of(name, &path(number)).map_err(RelinkError::Program)?;
            if source.revision.is_none() { kept(layout, &folder).map_err(told) } else { Ok(layout) }
        };
        let layouts: Vec<Layout> = numbers.map(layout).collect::<Result<_, _>>()?;
        for (one, other) in layouts.iter().zip(layouts.iter().skip(1)) {
            if one.sha256 == other.sha256 {
                return Err(RelinkError::Same(one.name.clone(), other.name.clone()));
            }
        }
        Ok(layouts)
    }

    /// Makes a folder; its whole path.
    fn made(&self, path: &Path) -> Result<PathBuf, RelinkError> {
        let made = std::fs::create_dir_all(path).and_then(|()| path.canonicalize());
        made.map_err(|source| RelinkError::Io { path: path.to_owned(), source })
    }

    fn build(
        &self,
        source: &Source,
        cache: &Path,
        folder: &Path,
        numbers: RangeInclusive<u32>,
    ) -> Result<(), RelinkError> {
        let (script, target) = (cache.join(STAND_IN), cache.join("target"));
        put_script(&script).map_err(|source| RelinkError::Io { path: script.clone(), source })?;
        forget_linked(&target).map_err(|source| RelinkError::Io { path: target.clone(), source })?;
        let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["rustc", "--locked", "--package", "bench-suite", "--bin", PROGRAM]);
        // A profile of its own that is the same: to `cargo rustc`, `bench` and `test` mean that the program becomes a
        // test harness.
        cargo
            .args(["--profile", PROFILE, "--config"])
            .arg(format!("profile.{PROFILE}.inherits={:?}", self.profile));
        cargo.arg("--manifest-path").arg(source.root.join("Cargo.toml"));
        cargo.arg("--target-dir").arg(&target).arg("--").arg(linker(&script));
        cargo.env("SWIOTLB_BENCH_LINK", numbers.join(" ")).env("SWIOTLB_BENCH_LINK_INTO", folder);
        if let Some(revision) = &source.revision {
            cargo.env(REVISION, revision);
        }
        match cargo.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => Err(RelinkError::Cargo(source.root.clone(), self.profile.clone())),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(RelinkError::NoCargo),
            Err(error) => Err(RelinkError::Io { path: "cargo".into(), source: error }),
        }
    }
}

/// A checkout's program under a name of its content: the next build of the checkout, whose files may have changed by then,
/// replaces no program that a comparison is running.
fn kept(layout: Layout, folder: &Path) -> std::io::Result<Layout> {
    let own = folder.join(&layout.sha256);
    let program = own.join(PROGRAM);
    if !program.exists() {
        std::fs::create_dir_all(&own)?;
        std::fs::hard_link(&layout.program, &program)?;
    }
    Ok(Layout { program, ..layout })
}

fn linker(script: &Path) -> std::ffi::OsString {
    [OsStr::new("-Clinker="), script.as_os_str()].into_iter().collect()
}

/// Writes the script, whole or not at all: another comparison may be linking with it.
fn put_script(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    std::fs::write(&draft, SCRIPT)?;
    std::fs::set_permissions(&draft, std::fs::Permissions::from_mode(0o755))?;
    std::fs::rename(&draft, path)
}

/// Removes what was linked before in the cache's own target folder: cargo links again what is not there, and the
/// script is what links layouts.
fn forget_linked(target: &Path) -> std::io::Result<()> {
    let there = |path: &Path| match std::fs::read_dir(path) {
        Ok(entries) => entries.collect::<Result<Vec<_>, _>>(),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    };
    for profile in there(target)? {
        for file in there(&profile.path().join("deps")).unwrap_or_default() {
            if file.file_name().to_string_lossy().starts_with(LINKED) {
                std::fs::remove_file(file.path())?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "relink_tests.rs"]
mod tests;
