//! A URL as a QR code, in characters of a terminal, for the camera of a phone.
//!
//! A character is two modules high. In colour, the code is black on white, whatever colours the
//! terminal has. Without colour, only light modules are drawn, so the code is right on a dark
//! terminal and inverted on a light one. Most phones read both.
//!
//! In many fonts, a block does not reach the top of its line, and such gaps make a code unreadable.
//! So in colour, the background draws all but lower halves.

use crate::process::TermStyle;
use anstyle::{Ansi256Color, Style};
use qrcode::{Color, EcLevel, QrCode};

/// Returns the lines of a code, or `None` if it does not fit: a broken line would make it
/// unreadable.
pub(super) fn qr_code(url: &str, ink: TermStyle, columns: u16) -> Option<Vec<String>> {
    let code = QrCode::with_error_correction_level(url, EcLevel::L).ok()?;
    let width = isize::try_from(code.width()).ok()?;
    let modules = -QUIET_ZONE..width + QUIET_ZONE;
    if modules.len() + INDENT > usize::from(columns) {
        return None;
    }
    let colors = code.to_colors();
    let is_dark = |x: isize, y: isize| {
        let is_inside = (0..width).contains(&x) && (0..width).contains(&y);
        let index = usize::try_from(y * width + x).ok().filter(|_| is_inside);
        index.and_then(|index| colors.get(index)) == Some(&Color::Dark)
    };
    let line = |y: isize| {
        let modules = modules.clone();
        let pairs: Vec<_> = modules
            .map(|x| [is_dark(x, y), is_dark(x, y + 1)])
            .collect();
        match ink {
            TermStyle::Terminal => in_colour(&pairs),
            TermStyle::Plain => pairs.iter().copied().map(light).collect(),
        }
    };
    Some(modules.clone().step_by(2).map(line).collect())
}

/// Draws modules, each with the one below it.
fn in_colour(pairs: &[[bool; 2]]) -> String {
    let runs = pairs.chunk_by(|one, other| one == other);
    let painted = runs.filter_map(|run| {
        let [upper, lower] = run
            .first()?
            .map(|is_dark| if is_dark { BLACK } else { WHITE });
        let style = Style::new()
            .fg_color(Some(lower.into()))
            .bg_color(Some(upper.into()));
        let character = if upper == lower { " " } else { LOWER_HALF };
        Some(TermStyle::Terminal.paint(style, &character.repeat(run.len())))
    });
    painted.collect()
}

/// Returns the character that draws the light ones of a module and the one below it.
fn light(are_dark: [bool; 2]) -> &'static str {
    match are_dark {
        [false, false] => "\u{2588}",
        [false, true] => "\u{2580}",
        [true, false] => LOWER_HALF,
        [true, true] => " ",
    }
}

const LOWER_HALF: &str = "\u{2584}";

/// Light modules around the code, of which the standard wants four and cameras need two.
const QUIET_ZONE: isize = 2;

/// Characters before each line.
const INDENT: usize = 2;

// The 256 colours are the same everywhere; the first 16 are for the user to choose.
const BLACK: Ansi256Color = Ansi256Color(16);
const WHITE: Ansi256Color = Ansi256Color(231);

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "http://192.168.178.23:8080/";

    #[test]
    fn all_lines_are_as_long_and_no_longer_than_the_terminal() {
        let lines = qr_code(URL, TermStyle::Plain, 80).unwrap();
        let width = lines[0].chars().count();
        assert_eq!(width, 25 + 2 * 2);
        assert_eq!(lines.len(), width.div_ceil(2));
        assert!(lines.iter().all(|line| line.chars().count() == width));
        assert!(qr_code(URL, TermStyle::Plain, 31).is_some());
        assert_eq!(qr_code(URL, TermStyle::Plain, 30), None);
        assert_eq!(qr_code(&"a".repeat(4000), TermStyle::Plain, 2000), None);
    }

    #[test]
    fn in_colour_the_background_draws_all_but_lower_halves() {
        let painted = qr_code(URL, TermStyle::Terminal, 80).unwrap();
        for line in &painted {
            // The quiet zone, at both ends.
            let white = "\x1b[38;5;231m\x1b[48;5;231m  ";
            assert!(line.starts_with(white), "{line:?}");
            assert!(line.ends_with("  \x1b[0m"), "{line:?}");
            assert!(!line.contains(['\u{2588}', '\u{2580}']), "{line:?}");
        }
        assert!(painted[0].contains(&" ".repeat(29)));
        // The corner of the code: a black line, and below it the space in its square.
        let corner = "\x1b[38;5;16m\x1b[48;5;16m \x1b[0m\x1b[38;5;231m\x1b[48;5;16m\u{2584}";
        assert!(painted[1].contains(corner), "{:?}", painted[1]);
    }

    #[test]
    fn without_colour_the_light_modules_are_drawn() {
        let plain = qr_code(URL, TermStyle::Plain, 80).unwrap();
        assert_eq!(plain[0], "\u{2588}".repeat(29));
    }
}
