//! What a report writes: its files, or, where it only checks, whether they say what it would write.
//!
//! A figure is written once, however many forms show it; another figure of the same title gets a number.

use super::out::{say, unwritten};
use super::{Failure, complain};
use crate::measure::whole;
use plots::png::picture;
use plots::shade::Shade;
use reports::document::{Document, Figure, safe};
use std::path::{Component, Path, PathBuf};

/// Pixels of a picture for each of its figure's.
const PNG_SCALE: f32 = 2.0;

/// The files of one report.
#[derive(Default)]
pub(super) struct Files {
    /// Writes nothing.
    check: bool,
    /// Where figures go; without it they are named only.
    folder: Option<PathBuf>,
    /// Whether each goes there as a picture too.
    png: bool,
    figures: Vec<(PathBuf, Figure)>,
    /// Files that do not say what they should.
    stale: usize,
}

impl Files {
    pub(super) fn new(check: bool, folder: Option<&Path>, png: bool) -> Result<Self, Failure> {
        if let (Some(folder), false) = (folder, check) {
            std::fs::create_dir_all(folder).map_err(|error| unwritten(folder, &error, "--figures"))?;
        }
        Ok(Self { check, folder: folder.map(Path::to_owned), png, ..Self::default() })
    }

    /// Writes the file that `flag` names and says so; or says that it would be another.
    pub(super) fn write(&mut self, path: &Path, content: &[u8], flag: &str) -> Result<(), Failure> {
        if self.check {
            if std::fs::read(path).ok().as_deref() != Some(content) {
                self.stale += 1;
                complain(format_args!("{}: is not what these records give", path.display()));
            }
            return Ok(());
        }
        whole::write(path, content).map_err(|error| unwritten(path, &error, flag))?;
        say(&format!("{}: {} KiB\n", path.display(), content.len().div_ceil(1_024)))
    }

    /// Writes the figures of `document`, as far as that has not been done, and says where each lies.
    pub(super) fn draw(&mut self, document: &Document) -> Result<Vec<PathBuf>, Failure> {
        let Some(folder) = self.folder.clone() else { return Ok(Vec::new()) };
        let mut paths = Vec::new();
        for figure in document.figures() {
            if let Some((path, _)) = self.figures.iter().find(|(_, known)| known == figure) {
                paths.push(path.clone());
                continue;
            }
            let name = safe(&figure.title);
            let names = std::iter::once(name.clone()).chain((2..).map(|n| format!("{name}-{n}")));
            let mut free = names.map(|name| folder.join(format!("{name}.svg")));
            let taken = |path: &PathBuf| self.figures.iter().any(|(known, _)| known == path);
            let Some(path) = free.find(|path| !taken(path)) else { break };
            self.write(&path, figure.svg.as_bytes(), "--figures")?;
            if self.png {
                let picture = picture(&figure.svg, Shade::Light, PNG_SCALE).map_err(Failure::error)?;
                self.write(&path.with_extension("png"), &picture, "--figures")?;
            }
            self.figures.push((path.clone(), figure.clone()));
            paths.push(path);
        }
        Ok(paths)
    }

    /// The figures of `document` as links from the folder of `page`.
    pub(super) fn links(&mut self, document: &Document, page: &Path) -> Result<Vec<String>, Failure> {
        let base = absolute(page);
        let base: Vec<Component<'_>> = base.parent().map(|p| p.components().collect()).unwrap_or_default();
        let link = |file: &PathBuf| {
            let file = absolute(file);
            let parts: Vec<Component<'_>> = file.components().collect();
            let same = base.iter().zip(&parts).take_while(|(a, b)| a == b).count();
            let up = std::iter::repeat_n("..".to_owned(), base.len() - same);
            let down = parts.iter().skip(same).map(|part| part.as_os_str().to_string_lossy().into_owned());
            up.chain(down).collect::<Vec<_>>().join("/")
        };
        Ok(self.draw(document)?.iter().map(link).collect())
    }

    /// The end: whether all files say what they should.
    pub(super) fn finish(self) -> Result<(), Failure> {
        match self.stale {
            0 => Ok(()),
            1 => Err(Failure::error("1 file is stale: run the same without --check")),
            n => Err(Failure::error(format!("{n} files are stale: run the same without --check"))),
        }
    }
}

fn absolute(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder =
        folder.canonicalize().or_else(|_| std::path::absolute(folder)).unwrap_or_else(|_| folder.to_owned());
    path.file_name().map_or(folder.clone(), |name| folder.join(name))
}
