//! What is added around a finished drawing.
//!
//! The result is one `<svg>` element that stands alone as a file and inside an HTML page, scales with its
//! surroundings, and tells in words what it shows. Nothing from outside is markup in it.

use plotters::prelude::*;
use reports::text;

use crate::{PlotError, shade, theme};

/// What the drawing library's errors become.
pub fn refused<E: std::error::Error + Send + Sync>(error: DrawingAreaErrorKind<E>) -> PlotError {
    PlotError::Draw(text::visible(&error.to_string()))
}

/// `content` as XML text or as an attribute's value, on one line.
#[must_use]
pub fn escape(content: &str) -> String {
    let mut out = String::with_capacity(content.len());
    for c in text::visible(content).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

/// `content` as an error names it: on one line, and not at any length.
#[must_use]
pub fn short(content: &str) -> String {
    theme::fit(content, theme::NAME_COLUMNS)
}

/// Draws on a white sheet of `width` by `height` px and gives the sheet a title and a description for those
/// who do not see it.
///
/// # Errors
/// Whatever `draw` answers, and [`PlotError::Draw`].
pub fn sheet(
    (width, height): (u32, u32),
    (title, description): (&str, &str),
    draw: impl FnOnce(&Sheet<'_>) -> Result<(), PlotError>,
) -> Result<String, PlotError> {
    let mut drawing = String::new();
    {
        let root = SVGBackend::with_string(&mut drawing, (width, height)).into_drawing_area();
        root.fill(&WHITE).map_err(refused)?;
        draw(&root)?;
        root.present().map_err(refused)?;
    }
    let (_, body) = drawing
        .split_once("<svg")
        .and_then(|(_, rest)| rest.split_once('>'))
        .ok_or_else(|| PlotError::Draw("the drawing has no svg element".to_owned()))?;
    let (title, description) = (escape(title), escape(description));
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" style=\"max-width:100%;height:auto\" role=\"img\" class=\"{class}\">\n\
         <title>{title}</title>\n<desc>{description}</desc>\n{style}{body}",
        class = shade::CLASS,
        style = shade::style(),
    ))
}

/// What is drawn on.
pub type Sheet<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(escape("<a href=\"x\">'&"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
        assert_eq!(escape("a\u{202e}\u{0}\n"), "a\\u{202e}\\u{0}\\n");
    }

    #[test]
    fn a_sheet_has_a_title_and_scales() {
        let svg = sheet((10, 20), ("a<b", "it's"), |_| Ok(())).unwrap();
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{svg}");
        assert!(svg.contains("viewBox=\"0 0 10 20\"") && svg.contains("<title>a&lt;b</title>"), "{svg}");
        assert_eq!(
            sheet((1, 1), ("", ""), |_| Err(PlotError::Draw("x".into()))).unwrap_err().to_string(),
            "the figure could not be drawn: x"
        );
    }
}
