//! The manual page.

use super::{command::command, guide::SECTIONS};
use clap_mangen::{Man, roff::Roff};

/// Returns the manual page in roff.
pub fn manual() -> String {
    let command = command()
        .override_usage("millpond [OPTIONS] [DIR]")
        .mut_args(|argument| match argument.get_possible_values().as_slice() {
            [] => argument,
            // The values would take one line each, and the text already names them.
            _ => argument.hide_possible_values(true),
        });
    let page = Man::new(command)
        .section("8")
        .manual("System administration");
    let mut text = Vec::new();
    // Writing to memory cannot fail.
    let _ = page
        .render_title(&mut text)
        .and_then(|()| page.render_name_section(&mut text))
        .and_then(|()| page.render_synopsis_section(&mut text))
        .and_then(|()| page.render_description_section(&mut text))
        .and_then(|()| page.render_options_section(&mut text));
    let mut rest = Roff::new();
    for (heading, blocks) in SECTIONS {
        rest.control("SH", [heading.to_uppercase().as_str()]);
        for block in *blocks {
            block.render(&mut rest);
        }
    }
    String::from_utf8_lossy(&text).into_owned() + &rest.render()
}
