//! The messages for an invalid command line: one line for each wrong word, with the correction.
//!
//! clap finds most errors. Its messages are not shown: they do not know other servers, and advise
//! changes (`use '-- -p'`) that turn a flag into the name of a directory.

use super::habits;
use crate::settings::{
    listen, option_spec::PREFIX, options, suggest::nearest, text::is_number, values::switch_word,
};
use clap::{
    Command,
    error::{ContextKind, ContextValue, ErrorKind},
};
use std::{ffi::OsString, fmt, path::Path};

/// The reason why a command line asks for no action.
#[derive(Debug)]
pub enum Unparsed {
    /// The user asked for the help or the version. Carries its text.
    Asked(clap::Error),
    /// The command line is wrong. Carries the reasons, one line each.
    Wrong(String),
}

/// A function that returns `true` if a directory of this name exists.
pub(super) type IsDirectory<'a> = dyn Fn(&Path) -> bool + 'a;

/// Joins a switch and the following word if that is its value, as in `--spa true`. Separate, the
/// word would be the name of a directory.
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

/// Reports a word with one dash that is a flag with two, as in Go and Java. clap would read it as
/// several short flags, or as `-p` and its value.
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

/// Translates clap's error into one line.
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
    // In the form of the usage: `--listen <ADDRESS>`.
    let usage = text(ContextKind::InvalidArg).replace(['<', '>'], "");
    let usage = usage.trim_end_matches('.');
    let flag = stem_of_flag(usage);
    Unparsed::Wrong(match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return Unparsed::Asked(error),
        ErrorKind::UnknownArgument if usage.starts_with('-') && usage.len() > 1 => {
            let mut all = unknown_flags(words, command);
            if !all.contains(&flag) {
                // One of several letters after one dash.
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
            prior => format!("{flag} and {prior} cannot be used together"),
        },
        ErrorKind::TooManyValues => format!("{flag} takes no value"),
        _ => {
            let all = error.to_string();
            let line = all.lines().next().unwrap_or_default();
            line.trim_start_matches("error: ").to_owned()
        }
    })
}

/// Returns the message for a missing directory whose name may be a misplaced flag, port or command.
pub(super) fn of_directory(
    name: &str,
    words: &[OsString],
    command: &Command,
    is_directory: &IsDirectory<'_>,
) -> Option<String> {
    let mut pairs = words.iter().zip(words.iter().skip(1));
    // A URL after a flag may be the value of that flag.
    let is_of_flag = name.contains("://")
        && pairs.any(|(flag, word)| flag.as_encoded_bytes().starts_with(b"--") && word == name);
    if is_directory(Path::new(name)) || is_of_flag {
        return None;
    }
    misplaced(name, None, command)
}

/// Returns the unknown flags. Words that begin with a dash are never values, except numbers.
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

/// Returns the message for an unknown option.
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
    let advice = advice.unwrap_or_else(|| "see --help for all options".to_owned());
    format!("unknown option {flag}; {advice}")
}

/// Returns the message for `--no-listing` and similar flags.
fn turned_off(name: &str) -> Option<String> {
    let off = ["no-", "disable-", "without-"];
    let off = off.iter().find_map(|start| name.strip_prefix(start));
    let on = ["enable-", "with-"];
    let on = on.iter().find_map(|start| name.strip_prefix(start));
    let option = options::find(off.or(on)?)?;
    let name = option.name;
    let is_switch = option.value.is_switch();
    match off {
        Some(_) if is_switch => Some(format!("write --{name}=false")),
        Some(_) => option
            .value
            .off()
            .map(|off| format!("write --{name} {off}")),
        None => is_switch.then(|| format!("write --{name}")),
    }
}

/// Returns the message for a second directory, or for a word in its place.
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

/// Returns the message for a word in the place of a directory that is something else: a port, a
/// command, a flag without dashes.
fn misplaced(word: &str, next: Option<&str>, command: &Command) -> Option<String> {
    if is_number(word) {
        let port = listen::port(word).map_or("PORT".to_owned(), |port| port.to_string());
        return Some(format!(
            "there is no directory {word}; for a port, write --port {port}"
        ));
    }
    // Word processors turn two dashes into one long one.
    if let Some(name) = word.strip_prefix(['\u{2012}', '\u{2013}', '\u{2014}', '\u{2212}']) {
        return Some(format!("{word} begins with a long dash; write --{name}"));
    }
    if let Some(advice) = habits::of_command(word, next) {
        return Some(format!("unknown command {word}; {advice}"));
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
    match listen::parse(word.as_ref()) {
        Ok(_) if !word.contains('/') || word.contains("://") => Some(format!(
            "there is no directory {word}; for an address, write --listen {word}"
        )),
        _ => None,
    }
}

/// Returns the flag in `word` if it is a switch without a value.
fn switch(word: &OsString) -> Option<&str> {
    let word = word.to_str()?;
    let option = options::find(word.strip_prefix("--")?)?;
    option.value.is_switch().then_some(word)
}

fn is_switch_value(word: &str) -> bool {
    switch_word(word).is_some()
}

/// Returns `true` if this is the name of an option or an action.
fn is_known(name: &str, command: &Command) -> bool {
    let mut known = command.get_arguments().filter_map(|it| it.get_long());
    known.any(|known| known == name)
}

/// Returns `true` if this is the letter of a short option.
fn is_known_letter(letter: char, command: &Command) -> bool {
    let mut known = command.get_arguments().filter_map(clap::Arg::get_short);
    known.any(|known| known == letter)
}

/// Returns the name at the beginning of `--name=value`, with its dashes.
fn stem_of_flag(text: &str) -> &str {
    let name = text.trim_start_matches('-');
    let dashes = text.len().saturating_sub(name.len());
    let length = dashes.saturating_add(stem(name).len());
    text.get(..length).unwrap_or(text)
}

/// Returns the name at the beginning of `name=value`.
fn stem(text: &str) -> &str {
    let is_in_name = |char: char| char.is_alphanumeric() || "-_?".contains(char);
    let end = text.find(|char| !is_in_name(char)).unwrap_or(text.len());
    text.get(..end).unwrap_or(text)
}

/// Returns the value after a flag, in the same word or the next one.
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

/// Returns the directory on the command line, even if other words are wrong.
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

    /// Returns the message for these words if the directories `dist` and `public` exist.
    fn said(words: &[&str]) -> Option<String> {
        let words = ["millpond"].iter().chain(words);
        let is_directory = |path: &Path| path == Path::new("dist") || path == Path::new("public");
        let parsed = Arguments::parse(words, &is_directory);
        parsed.err().map(|unparsed| unparsed.to_string())
    }

    #[test]
    fn an_unknown_flag_gets_a_line_with_advice() {
        for (words, expected) in [
            (
                &["--bind", "0.0.0.0", "dist"][..],
                "unknown option --bind; write --listen 0.0.0.0",
            ),
            (
                &["--bind=:3000"],
                "unknown option --bind; write --listen :3000",
            ),
            (
                &[
                    "--bind", "::", "-p", "3000", "-d", "dist", "--bind", "::1", "--", "--tls",
                ],
                "unknown option --bind; write --listen ::\n\
                 unknown option -d; write the directory by itself: millpond dist",
            ),
            (
                &["-d", "dist"],
                "unknown option -d; write the directory by itself: millpond dist",
            ),
            (
                &["-sp", "3000"],
                "unknown option -s; write --spa, which serves the start \
                 page for missing pages",
            ),
            (
                &["--no-listing"],
                "unknown option --no-listing; write --listing=false",
            ),
            (
                &["--enable-listing"],
                "unknown option --enable-listing; write --listing",
            ),
            (
                &["--no-sandbox"],
                "unknown option --no-sandbox; write --sandbox off",
            ),
            (
                &["--lisen", ":80"],
                "unknown option --lisen; did you mean --listen?",
            ),
            (
                &["--max-connections=9"],
                "unknown option --max-connections; did you mean --connections-max?",
            ),
            (
                &["--vesion"],
                "unknown option --vesion; did you mean --version?",
            ),
            (
                &["--frobnicate"],
                "unknown option --frobnicate; see --help for all options",
            ),
            (&["-Z"], "unknown option -Z; see --help for all options"),
        ] {
            assert_eq!(said(words).as_deref(), Some(expected), "{words:?}");
        }
    }

    #[test]
    fn a_flag_with_wrong_syntax_gets_a_line_with_advice() {
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
                "--check and --man cannot be used together",
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
    fn the_advice_for_every_switch_turns_it_off() {
        for option in options::all() {
            if option.value.is_switch() {
                let name = option.name;
                let advice = format!("unknown option --no-{name}; write --{name}=false");
                assert_eq!(said(&[&format!("--no-{name}")]), Some(advice));
                assert_eq!(said(&[&format!("--{name}=false")]), None, "{name}");
            }
        }
    }

    #[test]
    fn a_word_that_is_not_a_directory_may_be_a_port_a_command_or_a_flag() {
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
                "unknown command serve; write millpond dist",
            ),
            (&["help"], "unknown command help; write millpond --help"),
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
                "there is no directory https://localhost; for an address, write --listen \
                 https://localhost",
            ),
            (
                &["dist", "public"],
                "dist and public are two directories; serve one, or the one above both",
            ),
        ] {
            assert_eq!(said(words).as_deref(), Some(expected), "{words:?}");
        }
        // These directories do not exist, which is reported when they are opened.
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
    fn a_word_after_a_switch_is_its_value_unless_it_is_a_directory() {
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
            // A directory, and a flag that is not a switch.
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
