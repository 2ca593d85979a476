//! Settings written as a TOML file: all at their defaults, for `config/millpond.toml`, or as they
//! are in force.

use super::{
    Settings,
    options::{Definition, GROUPS},
};

/// What `config/millpond.toml` holds: every option, explained, and commented out at its default.
pub fn sample_file() -> String {
    document(SAMPLE_INTRODUCTION, |definition| {
        let explanation = format!("{}. {}", definition.help, definition.reason);
        let explanation = wrap(&explanation, COMMENT_WIDTH).join("\n# ");
        format!(
            "\n# {explanation}\n#{} = {}\n",
            definition.name,
            definition.default()
        )
    })
}

impl Settings {
    /// The settings in force as a file that gives them again, and where each comes from.
    pub fn to_file(&self) -> String {
        document(IN_FORCE_INTRODUCTION, |definition| {
            let name = definition.name;
            let origin = self
                .origins
                .get(name)
                .map_or("default".to_owned(), ToString::to_string);
            // A path may hold what no comment can.
            let origin = origin.replace(char::is_control, "?");
            format!("{name} = {}  # {origin}\n", definition.kind.show(self))
        })
    }
}

fn document(introduction: &str, line: impl Fn(&Definition) -> String) -> String {
    let mut document = introduction.to_owned();
    for group in GROUPS {
        if let Some(heading) = group.heading {
            document.extend(["\n# --- ", heading, " ---\n"]);
        }
        document.extend(group.options.iter().map(&line));
    }
    document
}

/// The words of `text` in lines of at most `width` characters, if none is longer by itself.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len().saturating_add(word.len()) < width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// In columns.
const COMMENT_WIDTH: usize = 98;

const SAMPLE_INTRODUCTION: &str = "\
# The settings of millpond, each at its default. To change one, take away the # before its name:
#
#     millpond --config millpond.toml --check
#
# tests the file. The flag of the same name beats what stands here, and so does the environment
# variable: --idle-timeout, MILLPOND_IDLE_TIMEOUT.
";

const IN_FORCE_INTRODUCTION: &str =
    "# The settings of millpond that are in force, and where each comes from.\n\n";
