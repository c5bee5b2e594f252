//! A finished figure as a PNG picture.
//!
//! Text is set in DejaVu Sans, which is part of the program: no font of the system is looked for, and no
//! file is read. The picture of one figure is the same everywhere.

use std::sync::{Arc, OnceLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use crate::PlotError;
use crate::shade::{self, Shade};

/// The largest width and height of a picture, px.
const MOST: f32 = 16_384.0;

/// The picture of `svg`, a figure of this crate, `scale` times its size.
///
/// # Errors
/// [`PlotError::Picture`] for what is no figure, and for a scale that gives no px or more than 16,384 a side.
pub fn picture(svg: &str, shade: Shade, scale: f32) -> Result<Vec<u8>, PlotError> {
    let options = Options { font_family: "DejaVu Sans".to_owned(), fontdb: fonts(), ..Options::default() };
    let tree = Tree::from_str(&shade::picture(svg, shade), &options).map_err(|e| refused(&e))?;
    let size = |px: f32| -> Result<u32, PlotError> {
        let px = (px * scale).ceil();
        if !(1.0..=MOST).contains(&px) {
            return Err(refused(&format!("a side of {px} px, 1 to {MOST} are possible")));
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 1 and MOST
        Ok(px as u32)
    };
    let (width, height) = (size(tree.size().width())?, size(tree.size().height())?);
    let mut map = Pixmap::new(width, height).ok_or_else(|| refused(&"no memory"))?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut map.as_mut());
    map.encode_png().map_err(|e| refused(&e))
}

fn refused(error: &dyn std::fmt::Display) -> PlotError {
    PlotError::Picture(reports::text::visible(&error.to_string()))
}

fn fonts() -> Arc<fontdb::Database> {
    static FONTS: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    let load = || {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(dejavu::sans::regular().to_vec());
        fonts.set_sans_serif_family("DejaVu Sans");
        Arc::new(fonts)
    };
    Arc::clone(FONTS.get_or_init(load))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    #[test]
    fn a_picture_has_the_size_asked_for() {
        let svg = crate::svg::sheet((30, 20), ("t", "d"), |_| Ok(())).unwrap();
        for (scale, width) in [(1.0, 30), (0.5, 15), (2.0, 60)] {
            let png = picture(&svg, Shade::Light, scale).unwrap();
            assert_eq!(png[..8], *b"\x89PNG\r\n\x1a\n");
            assert_eq!(png[16..20], u32::to_be_bytes(width));
        }
    }

    #[test]
    fn what_gives_no_picture_is_an_error() {
        let svg = crate::svg::sheet((30, 20), ("t", "d"), |_| Ok(())).unwrap();
        for scale in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e6] {
            assert!(matches!(picture(&svg, Shade::Light, scale), Err(PlotError::Picture(_))), "{scale}");
        }
        assert!(matches!(picture("<b>", Shade::Dark, 1.0), Err(PlotError::Picture(_))));
    }

    #[test]
    fn light_and_dark_differ() {
        let svg = crate::svg::sheet((30, 20), ("t", "d"), |_| Ok(())).unwrap();
        assert_ne!(picture(&svg, Shade::Light, 1.0), picture(&svg, Shade::Dark, 1.0));
    }
}
