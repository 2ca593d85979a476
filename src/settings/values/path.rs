//! Directories, files and file names.

use super::printed::Printed;
use super::value::{Field, InvalidValue, TomlForm, Value, get, list, one};
use crate::settings::store::Settings;
use crate::settings::text::{path, utf8};
use clap::ValueHint;
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::{Component, PathBuf},
};

/// A directory. If the path is not UTF-8, its TOML form is only an approximation.
pub(crate) struct Directory(pub(crate) Field<PathBuf>);

impl Value for Directory {
    fn assign(&self, settings: &mut Settings, texts: &[OsString]) -> Result<(), InvalidValue> {
        *(self.0)(settings) = directory(one(texts)?)?;
        Ok(())
    }

    fn print(&self, settings: &Settings) -> Printed {
        Printed::Text(get(self.0, settings).display().to_string())
    }

    fn placeholder(&self) -> &'static str {
        "DIRECTORY"
    }

    fn toml(&self) -> TomlForm {
        TomlForm {
            types: &["string"],
            wanted: "a path in quotes, like \"/srv/www\"",
        }
    }

    fn hint(&self) -> ValueHint {
        ValueHint::DirPath
    }
}

/// Directories by absolute paths.
pub(crate) struct Directories(pub(crate) Field<Vec<PathBuf>>);

impl Value for Directories {
    fn assign(&self, settings: &mut Settings, texts: &[OsString]) -> Result<(), InvalidValue> {
        *(self.0)(settings) = list(texts, absolute_directory, |_| true)?;
        Ok(())
    }

    fn print(&self, settings: &Settings) -> Printed {
        let paths = get(self.0, settings);
        Printed::List(paths.iter().map(|it| it.display().to_string()).collect())
    }

    fn placeholder(&self) -> &'static str {
        "DIRECTORY"
    }

    fn toml(&self) -> TomlForm {
        TomlForm {
            types: &["array", "string"],
            wanted: "paths in quotes, like [\"/mnt/media\"]",
        }
    }

    fn hint(&self) -> ValueHint {
        ValueHint::DirPath
    }

    fn is_list(&self) -> bool {
        true
    }
}

/// A file, or none.
pub(crate) struct OptionalFile(pub(crate) Field<Option<PathBuf>>);

impl Value for OptionalFile {
    fn assign(&self, settings: &mut Settings, texts: &[OsString]) -> Result<(), InvalidValue> {
        *(self.0)(settings) = match one(texts)? {
            text if text.is_empty() => None,
            text => Some(path(text)?),
        };
        Ok(())
    }

    fn print(&self, settings: &Settings) -> Printed {
        let file = get(self.0, settings).unwrap_or_default();
        Printed::Text(file.display().to_string())
    }

    fn placeholder(&self) -> &'static str {
        "FILE"
    }

    fn toml(&self) -> TomlForm {
        TomlForm {
            types: &["string"],
            wanted: "a path in quotes, like \"/run/millpond.pid\"",
        }
    }

    fn hint(&self) -> ValueHint {
        ValueHint::FilePath
    }
}

/// Names of files, without directories.
pub(crate) struct FileNames(pub(crate) Field<Vec<String>>);

impl Value for FileNames {
    fn assign(&self, settings: &mut Settings, texts: &[OsString]) -> Result<(), InvalidValue> {
        *(self.0)(settings) = list(texts, file_name, |_| true)?;
        Ok(())
    }

    fn print(&self, settings: &Settings) -> Printed {
        Printed::List(get(self.0, settings))
    }

    fn placeholder(&self) -> &'static str {
        "NAME"
    }

    fn toml(&self) -> TomlForm {
        TomlForm {
            types: &["array", "string"],
            wanted: "names in quotes, like [\"index.html\"]",
        }
    }

    fn is_list(&self) -> bool {
        true
    }
}

/// Parses the path of a directory.
fn directory(text: &OsStr) -> Result<PathBuf, String> {
    match text.as_bytes() {
        [] => Err("the name of the directory is empty; write . for the current one".to_owned()),
        [b'f', b'i', b'l', b'e', b':', b'/', b'/', path @ ..] => Err(format!(
            "{:?} is a URL; write the path by itself, as in {}",
            text.to_string_lossy(),
            String::from_utf8_lossy(path)
        )),
        _ => path(text),
    }
}

/// Parses the absolute path of a directory that is not the top of everything.
fn absolute_directory(text: &OsStr) -> Result<PathBuf, String> {
    let path = directory(text)?;
    let shown = path.display().to_string();
    let has_parent = path.components().any(|it| it == Component::ParentDir);
    if !path.is_absolute() || has_parent {
        return Err(format!(
            "{shown:?} is not an absolute path without ..; write one like \"/mnt/media\""
        ));
    }
    if path.parent().is_none() {
        return Err("/ has all files of this machine in it; name a directory below it".to_owned());
    }
    Ok(path)
}

/// Parses a file name that can be the last segment of a path below the root.
fn file_name(text: &OsStr) -> Result<String, String> {
    let name = utf8(text)?;
    match name {
        "" => Err("a name cannot be empty".to_owned()),
        _ if name.starts_with('.') => Err(format!(
            "{name:?} starts with a dot, and such files are not served"
        )),
        _ if name.contains(['/', '\0']) => Err(format!(
            "{name:?} is not the name of a file; write one without a slash, like index.html"
        )),
        _ => Ok(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_for_links_is_absolute_and_not_everything() {
        for text in ["/mnt", "/mnt/", "/nix/store"] {
            assert_eq!(
                absolute_directory(OsStr::new(text)),
                Ok(text.into()),
                "{text}"
            );
        }
        for text in [
            "/",
            "//",
            "/.",
            "mnt",
            "./mnt",
            "/mnt/..",
            "/mnt/../x",
            "~/x",
            "",
        ] {
            assert!(absolute_directory(OsStr::new(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn a_path_must_not_need_expansion_by_a_shell() {
        for text in ["a", "./~", "a~", "~a", "/a/~", "file:"] {
            assert_eq!(directory(OsStr::new(text)), Ok(text.into()), "{text}");
        }
        for (text, advice) in [
            ("", "is empty; write . for the current one"),
            ("~", "which only a shell expands"),
            ("~/site", "write the path in full"),
            (
                "file:///srv/www",
                "is a URL; write the path by itself, as in /srv/www",
            ),
            ("a\0", "has a NUL"),
        ] {
            let message = directory(OsStr::new(text)).expect_err(text);
            assert!(message.contains(advice), "{text}: {message}");
        }
    }
}
