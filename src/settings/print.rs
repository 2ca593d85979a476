//! Settings as a TOML file: all defaults, for `config/millpond.toml`, or the settings in force.

use super::{
    option_spec::OptionSpec, options::GROUPS, store::Settings, tables::TABLES, wrap::wrap,
};

/// Returns the content of `config/millpond.toml`: every option, explained, and commented out at its
/// default.
pub fn sample_file() -> String {
    let options = document(SAMPLE_INTRODUCTION, |option| {
        let explanation = format!("{}. {}", option.help, option.reason);
        let explanation = wrap(&explanation, COMMENT_WIDTH).join("\n# ");
        format!(
            "\n# {explanation}\n#{} = {}\n",
            option.name,
            option.default()
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
    /// Returns the settings in force as a file that sets them again, with the source of each.
    pub fn to_file(&self) -> String {
        let options = document(IN_FORCE_INTRODUCTION, |option| {
            let OptionSpec { name, value, .. } = option;
            if self.has_no_default_site() && *name == "root" {
                return NO_ROOT.to_owned();
            }
            let meaning = value.meaning(self);
            let meaning = meaning.map_or(String::new(), |it| format!(": {it}"));
            format!(
                "{name} = {}  # {}{meaning}\n",
                value.print(self),
                self.origin(name)
            )
        });
        let tables = TABLES.iter().map(|table| match (table.show)(self) {
            text if text.is_empty() => text,
            text => format!("\n# {}\n{text}", self.origin(table.name)),
        });
        options + &tables.collect::<String>()
    }

    /// Returns `true` if all sites are tables. A root outside of the tables would be another site.
    fn has_no_default_site(&self) -> bool {
        !self.sites.is_empty() && !self.origins.contains_key("root")
    }

    /// Returns the source of an option or a table.
    fn origin(&self, name: &str) -> String {
        let origin = self.origins.get(name);
        let origin = origin.map_or("default".to_owned(), ToString::to_string);
        // A path may contain characters that a comment cannot.
        origin.replace(char::is_control, "?")
    }
}

fn document(introduction: &str, line: impl Fn(&OptionSpec) -> String) -> String {
    let mut document = introduction.to_owned();
    for group in GROUPS {
        if let Some(heading) = group.heading {
            document.extend(["\n# --- ", heading, " ---\n"]);
        }
        document.extend(group.options.iter().map(&line));
    }
    document
}

/// The width in columns.
const COMMENT_WIDTH: usize = 98;

const SAMPLE_INTRODUCTION: &str = "\
# All settings of millpond, at their defaults. To change one, remove the # before its name. Test the
# file with:
#
#     millpond --config millpond.toml --check
#
# A flag or an environment variable of the same name overrides a setting in this file:
# --idle-timeout, MILLPOND_IDLE_TIMEOUT.
";

const TABLES_INTRODUCTION: &str = "
# --- Tables ---
#
# Tables have no flag and no environment variable. They come last, because in TOML all lines after
# the name of a table belong to it. These are examples.
";

const NO_ROOT: &str = "# no root: all sites are in tables below\n";

const IN_FORCE_INTRODUCTION: &str = "# The settings in use, and where each comes from.\n\n";
