//! What is said of a command line that is not understood: a line for each word that is wrong, with
//! what to write instead.
//!
//! clap finds most of what is wrong. Its messages are not shown: they know nothing of other servers,
//! and give advice (`use '-- -p'`) that makes a flag the name of a directory.

use super::{
    habits,
    kind::Kind,
    likeness::nearest,
    listen,
    options::{self, PREFIX},
    value,
};
use clap::{
    Command,
    error::{ContextKind, ContextValue, ErrorKind},
};
use std::{ffi::OsString, fmt, path::Path};

/// Why a command line asks for nothing to be done.
#[derive(Debug)]
pub enum Unparsed {
    /// It asks for the help or the version, which is this.
    Asked(clap::Error),
    /// It is wrong, for these reasons, a line each.
    Wrong(String),
}

/// A way to learn whether there is a directory of this name.
pub(super) type IsDirectory<'a> = dyn Fn(&Path) -> bool + 'a;

/// Joins a switch and the word behind it where that is its value, as `--spa true` has it: by itself
/// it would be the name of a directory.
pub(super) fn join_switches(
    words: &[OsString],
    is_directory: &IsDirectory<'_>,
) -> Result<Vec<OsString>, Unparsed> {
    let mut joined: Vec<OsString> = Vec::with_capacity(words.len());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        joined.push(word.clone());
        if word == "--" {
            break;
        }
        let next = words.as_slice().first().and_then(|next| next.to_str());
        let Some((switch, value)) = switch(word).zip(next.filter(|next| is_switch_value(next)))
        else {
            continue;
        };
        if is_directory(Path::new(value)) {
            return Err(Unparsed::Wrong(format!(
                "{value} may be the value of {switch} or the directory {value}; write \
                 {switch}={value}, or ./{value} for the directory"
            )));
        }
        joined.pop();
        joined.push(format!("{switch}={value}").into());
        words.next();
    }
    joined.extend(words.cloned());
    Ok(joined)
}

/// A word with one dash that is a flag with two, as Go and Java have it. To clap it would be many
/// short flags, or `-p` and its value.
pub(super) fn single_dash(words: &[OsString], command: &Command) -> Option<Unparsed> {
    let words = words.iter().skip(1).take_while(|word| *word != "--");
    let mut names = words.filter_map(|word| {
        let name = stem(word.to_str()?.strip_prefix('-')?);
        let is_long = name.len() > 1 && name.starts_with(|first: char| first.is_ascii_alphabetic());
        (is_long && is_known(name, command)).then_some(name)
    });
    let name = names.next()?;
    Some(Unparsed::Wrong(format!(
        "-{name} has one dash; write --{name}"
    )))
}

/// Says what clap has found, in a line.
pub(super) fn of_clap(
    error: clap::Error,
    words: &[OsString],
    command: &Command,
    is_directory: &IsDirectory<'_>,
) -> Unparsed {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    };
    // As the usage has it: `--listen <ADDRESS>`.
    let usage = text(ContextKind::InvalidArg).replace(['<', '>'], "");
    let usage = usage.trim_end_matches('.');
    let flag = stem_of_flag(usage);
    Unparsed::Wrong(match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return Unparsed::Asked(error),
        ErrorKind::UnknownArgument if usage.starts_with('-') && usage.len() > 1 => {
            let mut all = unknown_flags(words, command);
            if !all.contains(&flag) {
                // One of several letters behind a dash.
                all.insert(0, flag);
            }
            let all = all
                .iter()
                .map(|flag| unknown_flag(flag, value_of(flag, words), command));
            all.collect::<Vec<_>>().join("\n")
        }
        ErrorKind::UnknownArgument => {
            let first = first_directory(words, command).unwrap_or_default();
            two_directories([&first, usage], words, command, is_directory)
        }
        ErrorKind::InvalidValue if text(ContextKind::InvalidValue).is_empty() => {
            format!("{flag} needs a value; write {usage}")
        }
        ErrorKind::InvalidValue => {
            let value = text(ContextKind::InvalidValue);
            let known = text(ContextKind::ValidValue);
            format!("{flag}: {value:?} is none of {known}")
        }
        ErrorKind::ArgumentConflict => match stem_of_flag(&text(ContextKind::PriorArg)) {
            prior if prior == flag => format!("{flag} is given twice"),
            prior => format!("{flag} and {prior} do not go together"),
        },
        ErrorKind::TooManyValues => format!("{flag} takes no value"),
        _ => {
            let all = error.to_string();
            let line = all.lines().next().unwrap_or_default();
            line.trim_start_matches("error: ").to_owned()
        }
    })
}

/// What is said of the name of a directory that is none, if it may be something else.
pub(super) fn of_directory(
    name: &str,
    words: &[OsString],
    command: &Command,
    is_directory: &IsDirectory<'_>,
) -> Option<String> {
    let mut pairs = words.iter().zip(words.iter().skip(1));
    // A URL behind a flag may be meant for the flag.
    let is_of_flag = name.contains("://")
        && pairs.any(|(flag, word)| flag.as_encoded_bytes().starts_with(b"--") && word == name);
    if is_directory(Path::new(name)) || is_of_flag {
        return None;
    }
    misplaced(name, None, command)
}

/// The flags that there are not. Words that begin with a dash are never values, but for numbers.
fn unknown_flags<'w>(words: &'w [OsString], command: &Command) -> Vec<&'w str> {
    let words = words.iter().skip(1).take_while(|word| *word != "--");
    let mut unknown = Vec::new();
    for word in words.filter_map(|word| word.to_str()) {
        let flag = match word.strip_prefix("--") {
            Some(name) if !is_known(stem(name), command) => stem_of_flag(word),
            None if word.starts_with('-') => match word.chars().nth(1) {
                Some(letter) if letter.is_alphabetic() && !is_known_letter(letter, command) => word
                    .get(..1_usize.saturating_add(letter.len_utf8()))
                    .unwrap_or(word),
                _ => continue,
            },
            _ => continue,
        };
        if flag.len() > 1 && !unknown.contains(&flag) {
            unknown.push(flag);
        }
    }
    unknown
}

/// An option that there is not.
fn unknown_flag(flag: &str, value: Option<&str>, command: &Command) -> String {
    let name = flag.trim_start_matches('-');
    if is_known(name, command) {
        // `--port:3000`, as on other systems.
        return format!("--{name} takes its value after a space or an equals sign");
    }
    let advice = habits::of_flag(flag, value)
        .or_else(|| turned_off(name))
        .or_else(|| {
            let is_long = flag.starts_with("--");
            let known = command.get_arguments().filter_map(|it| it.get_long());
            let known: Vec<_> = known.collect();
            let nearest = nearest(name, known.into_iter()).filter(|_| is_long)?;
            Some(format!("did you mean --{nearest}?"))
        });
    let advice = advice.unwrap_or_else(|| "--help lists those that there are".to_owned());
    format!("there is no option {flag}; {advice}")
}

/// `--no-listing` and the like.
fn turned_off(name: &str) -> Option<String> {
    let off = ["no-", "disable-", "without-"];
    let off = off.iter().find_map(|start| name.strip_prefix(start));
    let on = ["enable-", "with-"];
    let on = on.iter().find_map(|start| name.strip_prefix(start));
    let definition = options::find(off.or(on)?)?;
    let name = definition.name;
    match (&definition.kind, off) {
        (kind, Some(_)) if kind.is_switch() => Some(format!("write --{name}=false")),
        (kind, None) if kind.is_switch() => Some(format!("write --{name}")),
        (Kind::Sandbox(_) | Kind::LogDestination(_), Some(_)) => {
            Some(format!("write --{name} off"))
        }
        _ => None,
    }
}

/// A second directory, or a word that would be one.
fn two_directories(
    [first, second]: [&str; 2],
    words: &[OsString],
    command: &Command,
    is_directory: &IsDirectory<'_>,
) -> String {
    let of_first = (!is_directory(Path::new(first)))
        .then(|| misplaced(first, Some(second), command))
        .flatten();
    of_first
        .or_else(|| of_directory(second, words, command, is_directory))
        .unwrap_or_else(|| {
            format!("{first} and {second} are two directories; serve one, or the one above both")
        })
}

/// A word that stands where a directory may, and is none: a port, a command, a flag without dashes.
fn misplaced(word: &str, next: Option<&str>, command: &Command) -> Option<String> {
    if value::is_number(word) {
        let port = listen::port(word).map_or("PORT".to_owned(), |port| port.to_string());
        return Some(format!(
            "there is no directory {word}; for a port, write --port {port}"
        ));
    }
    // Word processors make one of two dashes.
    if let Some(name) = word.strip_prefix(['\u{2012}', '\u{2013}', '\u{2014}', '\u{2212}']) {
        return Some(format!("{word} begins with a long dash; write --{name}"));
    }
    if let Some(advice) = habits::of_command(word, next) {
        return Some(format!("there is no command {word}; {advice}"));
    }
    if word.starts_with(PREFIX) && word.contains('=') {
        return Some(format!(
            "{word} is a variable; write it before the command: {word} millpond"
        ));
    }
    let name = word.split('=').next().unwrap_or(word);
    if is_known(name, command) {
        return Some(format!(
            "there is no directory {word}; for the option, write --{word}"
        ));
    }
    let is_https = word
        .get(..8)
        .is_some_and(|it| it.eq_ignore_ascii_case("https://"));
    match listen::parse(word.as_ref()) {
        Err(message) if is_https => Some(message),
        Ok(_) if !word.contains('/') || word.contains("://") => Some(format!(
            "there is no directory {word}; for an address, write --listen {word}"
        )),
        _ => None,
    }
}

/// The flag in `word`, if it is that of a switch without a value.
fn switch(word: &OsString) -> Option<&str> {
    let word = word.to_str()?;
    let definition = options::find(word.strip_prefix("--")?)?;
    definition.kind.is_switch().then_some(word)
}

fn is_switch_value(word: &str) -> bool {
    value::switch_word(word).is_some()
}

/// Whether this is the name of an option, or of something to do.
fn is_known(name: &str, command: &Command) -> bool {
    let mut known = command.get_arguments().filter_map(|it| it.get_long());
    known.any(|known| known == name)
}

/// Whether this is the short name of an option.
fn is_known_letter(letter: char, command: &Command) -> bool {
    let mut known = command.get_arguments().filter_map(clap::Arg::get_short);
    known.any(|known| known == letter)
}

/// The name at the beginning of `--name=value`, with its dashes.
fn stem_of_flag(text: &str) -> &str {
    let name = text.trim_start_matches('-');
    let dashes = text.len().saturating_sub(name.len());
    let length = dashes.saturating_add(stem(name).len());
    text.get(..length).unwrap_or(text)
}

/// The name at the beginning of `name=value`.
fn stem(text: &str) -> &str {
    let is_in_name = |char: char| char.is_alphanumeric() || "-_?".contains(char);
    let end = text.find(|char| !is_in_name(char)).unwrap_or(text.len());
    text.get(..end).unwrap_or(text)
}

/// What stands behind a flag, in the same word or the next.
fn value_of<'w>(flag: &str, words: &'w [OsString]) -> Option<&'w str> {
    let mut words = words.iter().filter_map(|word| word.to_str());
    words
        .find_map(|word| word.strip_prefix(flag))
        .and_then(|rest| match rest.strip_prefix('=') {
            Some(value) => Some(value),
            None if rest.is_empty() => words.next().filter(|next| !next.starts_with('-')),
            None => None,
        })
}

/// The directory that the command line names, whatever else is wrong with it.
fn first_directory(words: &[OsString], command: &Command) -> Option<String> {
    let matches = command
        .clone()
        .ignore_errors(true)
        .try_get_matches_from(words)
        .ok()?;
    let mut directory = matches.get_raw("root")?;
    Some(directory.next()?.to_string_lossy().into_owned())
}

impl fmt::Display for Unparsed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked(text) => text.fmt(out),
            Self::Wrong(reason) => out.write_str(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Arguments;

    /// What is said of these words where there are the directories `dist` and `public`.
    fn said(words: &[&str]) -> Option<String> {
        let words = ["millpond"].iter().chain(words);
        let is_directory = |path: &Path| path == Path::new("dist") || path == Path::new("public");
        let parsed = Arguments::parse(words, &is_directory);
        parsed.err().map(|unparsed| unparsed.to_string())
    }

    #[test]
    fn a_flag_that_there_is_not_gets_a_line_with_what_to_write() {
        for (words, expected) in [
            (
                &["--bind", "0.0.0.0", "dist"][..],
                "there is no option --bind; write --listen 0.0.0.0",
            ),
            (
                &["--bind=:3000"],
                "there is no option --bind; write --listen :3000",
            ),
            (
                &[
                    "--bind", "::", "-p", "3000", "-d", "dist", "--bind", "::1", "--", "--tls",
                ],
                "there is no option --bind; write --listen ::\n\
                 there is no option -d; write the directory by itself: millpond dist",
            ),
            (
                &["-d", "dist"],
                "there is no option -d; write the directory by itself: millpond dist",
            ),
            (
                &["-sp", "3000"],
                "there is no option -s; write --spa, which answers pages that are missing with \
                 the start page",
            ),
            (
                &["--no-listing"],
                "there is no option --no-listing; write --listing=false",
            ),
            (
                &["--enable-listing"],
                "there is no option --enable-listing; write --listing",
            ),
            (
                &["--no-sandbox"],
                "there is no option --no-sandbox; write --sandbox off",
            ),
            (
                &["--lisen", ":80"],
                "there is no option --lisen; did you mean --listen?",
            ),
            (
                &["--max-connections=9"],
                "there is no option --max-connections; did you mean --connections-max?",
            ),
            (
                &["--vesion"],
                "there is no option --vesion; did you mean --version?",
            ),
            (
                &["--frobnicate"],
                "there is no option --frobnicate; --help lists those that there are",
            ),
            (
                &["-Z"],
                "there is no option -Z; --help lists those that there are",
            ),
        ] {
            assert_eq!(said(words).as_deref(), Some(expected), "{words:?}");
        }
    }

    #[test]
    fn a_flag_that_is_given_wrongly_gets_a_line_too() {
        for (words, expected) in [
            (&["-port", "3000"][..], "-port has one dash; write --port"),
            (&["-listen=:80"], "-listen has one dash; write --listen"),
            (
                &["--port:3000"],
                "--port takes its value after a space or an equals sign",
            ),
            (
                &["--listen"],
                "--listen needs a value; write --listen ADDRESS",
            ),
            (
                &["--listen", "--spa"],
                "--listen needs a value; write --listen ADDRESS",
            ),
            (&["-p", "1", "-p", "2"], "--port is given twice"),
            (
                &["--check", "--man"],
                "--check and --man do not go together",
            ),
            (&["--check=yes"], "--check takes no value"),
            (
                &["--completions", "dash"],
                "--completions: \"dash\" is none of bash, elvish, fish, powershell, zsh",
            ),
        ] {
            assert_eq!(said(words).as_deref(), Some(expected), "{words:?}");
        }
    }

    #[test]
    fn every_switch_can_be_turned_off_by_what_is_said() {
        for definition in options::all() {
            if definition.kind.is_switch() {
                let name = definition.name;
                let advice = format!("there is no option --no-{name}; write --{name}=false");
                assert_eq!(said(&[&format!("--no-{name}")]), Some(advice));
                assert_eq!(said(&[&format!("--{name}=false")]), None, "{name}");
            }
        }
    }

    #[test]
    fn a_word_that_is_no_directory_may_be_something_else() {
        for (words, expected) in [
            (
                &["3000"][..],
                "there is no directory 3000; for a port, write --port 3000",
            ),
            (
                &["dist", "3000"],
                "there is no directory 3000; for a port, write --port 3000",
            ),
            (
                &["99999"],
                "there is no directory 99999; for a port, write --port PORT",
            ),
            (
                &["serve", "dist"],
                "there is no command serve; write millpond dist",
            ),
            (&["help"], "there is no command help; write millpond --help"),
            (
                &["check"],
                "there is no directory check; for the option, write --check",
            ),
            (
                &["port=3000"],
                "there is no directory port=3000; for the option, write --port=3000",
            ),
            (
                &["MILLPOND_SPA=1"],
                "MILLPOND_SPA=1 is a variable; write it before the command: MILLPOND_SPA=1 millpond",
            ),
            (
                &["\u{2014}spa"],
                "\u{2014}spa begins with a long dash; write --spa",
            ),
            (
                &["localhost:3000"],
                "there is no directory localhost:3000; for an address, write --listen localhost:3000",
            ),
            (
                &["http://127.0.0.1"],
                "there is no directory http://127.0.0.1; for an address, write --listen \
                 http://127.0.0.1",
            ),
            (
                &["https://localhost"],
                "\"https://localhost\" asks for HTTPS, which millpond does not have; put a proxy in \
                 front that has it, and write http://localhost",
            ),
            (
                &["dist", "public"],
                "dist and public are two directories; serve one, or the one above both",
            ),
        ] {
            assert_eq!(said(words).as_deref(), Some(expected), "{words:?}");
        }
        // They are not there, and are said so when they are opened.
        for words in [
            &["nowhere"][..],
            &["/run/nowhere"],
            &["index.html"],
            &["dist"],
            &["--open", "https://nowhere"],
        ] {
            assert_eq!(said(words), None, "{words:?}");
        }
    }

    #[test]
    fn a_word_behind_a_switch_is_its_value_if_it_can_be_one_and_no_directory() {
        let joined = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(OsString::from).collect();
            join_switches(&words, &|path| path == Path::new("on"))
                .map(|words| words.join(OsString::from(" ").as_os_str()))
                .map_err(|unparsed| unparsed.to_string())
        };
        for (words, expected) in [
            (&["--spa", "true"][..], "--spa=true"),
            (&["--spa", "No", "dist"], "--spa=No dist"),
            (&["--spa", "0", "--listing", "yes"], "--spa=0 --listing=yes"),
            (&["--spa", "--listing", "1"], "--spa --listing=1"),
            // A directory, and what is no switch.
            (&["--open", "dist"], "--open dist"),
            (&["--spa", "./true"], "--spa ./true"),
            (&["--spa=true", "false"], "--spa=true false"),
            (&["--port", "1"], "--port 1"),
            (&["--check", "true"], "--check true"),
            (&["--", "--spa", "true"], "-- --spa true"),
        ] {
            assert_eq!(joined(words), Ok(expected.into()), "{words:?}");
        }
        assert_eq!(
            joined(&["--spa", "on"]),
            Err(
                "on may be the value of --spa or the directory on; write --spa=on, or ./on for the \
                 directory"
                    .to_owned()
            )
        );
    }
}
