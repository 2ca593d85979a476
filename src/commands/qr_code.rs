//! A URL as a QR code, in characters of a terminal, for the camera of a phone.
//!
//! A character is two modules high. In colour, the code is black on white, whatever colours the
//! terminal has. Without colour, only light modules are drawn, so the code is right on a dark
//! terminal and inverted on a light one. Most phones read both.

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
    let black_on_white = Style::new()
        .fg_color(Some(BLACK.into()))
        .bg_color(Some(WHITE.into()));
    let line = |y: isize| {
        let drawn = |x, y| is_dark(x, y) == (ink == TermStyle::Terminal);
        let characters = modules
            .clone()
            .map(|x| match (drawn(x, y), drawn(x, y + 1)) {
                (true, true) => '\u{2588}',
                (true, false) => '\u{2580}',
                (false, true) => '\u{2584}',
                (false, false) => ' ',
            });
        ink.paint(black_on_white, &characters.collect::<String>())
    };
    Some(modules.clone().step_by(2).map(line).collect())
}

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
    fn in_colour_it_is_black_on_white_and_without_it_the_light_modules_are_drawn() {
        let painted = qr_code(URL, TermStyle::Terminal, 80).unwrap();
        for line in &painted {
            assert!(line.starts_with("\x1b[38;5;16m\x1b[48;5;231m"), "{line:?}");
            assert!(line.ends_with("\x1b[0m"), "{line:?}");
        }
        // The quiet zone: blank in colour, full without.
        assert!(painted[0].contains(&" ".repeat(29)));
        let plain = qr_code(URL, TermStyle::Plain, 80).unwrap();
        assert_eq!(plain[0], "\u{2588}".repeat(29));
    }
}
