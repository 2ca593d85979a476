//! Settings written as a TOML file: all at their defaults, for `config/millpond.toml`, or as they
//! are in force.

use super::{
    Settings,
    options::{Definition, GROUPS},
    tables::TABLES,
};

/// What `config/millpond.toml` holds: every option, explained, and commented out at its default.
pub fn sample_file() -> String {
    let options = document(SAMPLE_INTRODUCTION, |definition| {
        let explanation = format!("{}. {}", definition.help, definition.reason);
        let explanation = wrap(&explanation, COMMENT_WIDTH).join("\n# ");
        format!(
            "\n# {explanation}\n#{} = {}\n",
            definition.name,
            definition.default()
        )
    });
    let tables = TABLES.iter().map(|table| {
        let explanation = format!("{}. {}", table.help, table.reason);
        let explanation = wrap(&explanation, COMMENT_WIDTH).join("\n# ");
        let example = table.example.lines().map(|line| format!("#{line}\n"));
        format!("\n# {explanation}\n{}", example.collect::<String>())
    });
    options + TABLES_INTRODUCTION + &tables.collect::<String>()
}

impl Settings {
    /// The settings in force as a file that gives them again, and where each comes from.
    pub fn to_file(&self) -> String {
        let options = document(IN_FORCE_INTRODUCTION, |definition| {
            let Definition { name, kind, .. } = definition;
            let meaning = kind.meaning(self);
            let meaning = meaning.map_or(String::new(), |it| format!(": {it}"));
            format!(
                "{name} = {}  # {}{meaning}\n",
                kind.show(self),
                self.origin(name)
            )
        });
        let tables = TABLES.iter().map(|table| match (table.show)(self) {
            text if text.is_empty() => text,
            text => format!("\n# {}\n{text}", self.origin(table.name)),
        });
        options + &tables.collect::<String>()
    }

    /// Where the value of an option, or a table, comes from.
    fn origin(&self, name: &str) -> String {
        let origin = self.origins.get(name);
        let origin = origin.map_or("default".to_owned(), ToString::to_string);
        // A path may hold what no comment can.
        origin.replace(char::is_control, "?")
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

const TABLES_INTRODUCTION: &str = "
# --- Tables ---
#
# These have no flag and no variable. They come last, since TOML takes what follows a table for a
# part of it. What stands in them here are examples.
";

const IN_FORCE_INTRODUCTION: &str =
    "# The settings of millpond that are in force, and where each comes from.\n\n";
