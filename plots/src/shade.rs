//! Light and dark: every colour of the theme has a partner on a dark ground.
//!
//! A figure's own colours are the light ones, which also print. A style sheet inside the figure, kept to it
//! by its class, puts the partners in their place where a screen asks for dark; a viewer that knows no such
//! rule shows the light figure.

use std::fmt::Write as _;

/// The class of every figure.
pub const CLASS: &str = "swiotlb-figure";

/// On which ground a picture stands. Text figures know both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shade {
    /// Dark on white.
    Light,
    /// Light on near black.
    Dark,
}

/// Light and dark partner, as the drawing library writes colours.
const PARTNERS: [(&str, &str); 10] = [
    ("#FFFFFF", "#16181A"), // the ground
    ("#222222", "#E8E8E8"), // ink
    ("#D8D8D8", "#3C4044"), // grid
    ("#0072B2", "#4DA6E0"),
    ("#E69F00", "#E69F00"),
    ("#000000", "#FFFFFF"),
    ("#56B4E9", "#9CD5F7"),
    ("#D55E00", "#FF8A3D"),
    ("#009E73", "#2CC79B"),
    ("#CC79A7", "#E3A3C8"),
];

/// The style element of a figure.
#[must_use]
pub fn style() -> String {
    let mut rules = String::new();
    for (light, dark) in PARTNERS.iter().filter(|(light, dark)| light != dark) {
        for what in ["fill", "stroke"] {
            // Writing to a string does not fail.
            let _ = write!(rules, ".{CLASS} [{what}=\"{light}\"]{{{what}:{dark}}}");
        }
    }
    format!("<style>@media screen and (prefers-color-scheme:dark){{{rules}}}</style>")
}

/// `svg` in the colours of `shade`, without its style element.
#[must_use]
pub fn picture(svg: &str, shade: Shade) -> String {
    let mut svg = match (svg.find("<style>"), svg.find("</style>")) {
        (Some(from), Some(to)) if from < to => format!("{}{}", &svg[..from], &svg[to + "</style>".len()..]),
        _ => svg.to_owned(),
    };
    if shade == Shade::Dark {
        // A quoted colour stands in attributes only: in text every quote is escaped.
        for (light, dark) in PARTNERS {
            svg = svg.replace(&format!("=\"{light}\""), &format!("=\" {dark}\""));
        }
        svg = svg.replace("=\" #", "=\"#");
    }
    svg
}

#[cfg(test)]
mod tests {
    use plotters::prelude::RGBColor;

    use super::*;
    use crate::theme;

    fn written(RGBColor(r, g, b): RGBColor) -> String {
        format!("#{r:02X}{g:02X}{b:02X}")
    }

    fn brightness(colour: &str) -> f64 {
        let part = |at: usize| f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap_or(0)) / 255.0;
        let linear = |c: f64| if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) };
        0.2126 * linear(part(1)) + 0.7152 * linear(part(3)) + 0.0722 * linear(part(5))
    }

    #[test]
    fn every_colour_of_the_theme_has_a_partner() {
        let series = (0..7).map(|i| theme::look(i).colour);
        for colour in series.chain([theme::INK, theme::GRID, RGBColor(255, 255, 255)]) {
            assert!(PARTNERS.iter().any(|(light, _)| *light == written(colour)), "{colour:?}");
        }
    }

    #[test]
    fn series_stand_out_from_a_dark_ground() {
        let ground = brightness(PARTNERS[0].1);
        for (_, dark) in &PARTNERS[3..] {
            assert!((brightness(dark) + 0.05) / (ground + 0.05) > 4.5, "{dark}");
        }
    }

    #[test]
    fn colours_are_replaced_in_attributes_only() {
        let svg = "<style>x</style><g fill=\"#FFFFFF\" stroke=\"#000000\">=#000000</g>";
        assert_eq!(picture(svg, Shade::Light), "<g fill=\"#FFFFFF\" stroke=\"#000000\">=#000000</g>");
        assert_eq!(picture(svg, Shade::Dark), "<g fill=\"#16181A\" stroke=\"#FFFFFF\">=#000000</g>");
    }
}
