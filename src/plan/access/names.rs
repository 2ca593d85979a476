//! The names with which a client could request a protected file.
//!
//! A rule is written for one name of a file. A page may have a second name without its extension, a
//! directory one without its slash and one of its index file, and a file one of its compressed
//! form. So a rule also counts for a request if it matches one of these other names, unless an
//! earlier rule matches the path itself. This may protect more than was intended, but never less.
//!
//! The names lead in both directions: from a URL to the file, for a rule that names the file, and
//! from a file to its URLs, for a rule that names one of these. They are only taken from the path,
//! whatever exists there, so a response reveals nothing.

use crate::http::coding::Coding;

/// Returns the other names of what is at a path. `index` are the names of index files.
pub(super) fn other_names(path: &[u8], index: &[String]) -> Vec<Vec<u8>> {
    let plain = path.strip_suffix(b"/").unwrap_or(path);
    let mut names = vec![
        plain.to_vec(),
        [plain, b"/"].concat(),
        [plain, PAGE_EXTENSION].concat(),
    ];
    let decoded = Coding::ALL
        .into_iter()
        .find_map(|coding| plain.strip_suffix(coding.extension().as_bytes()));
    names.extend(decoded.map(<[u8]>::to_vec));
    for file in [Some(plain), decoded].into_iter().flatten() {
        let page = file.strip_suffix(PAGE_EXTENSION);
        let shorter = page.into_iter().chain(directory(file, index));
        for name in shorter {
            let name = name.strip_suffix(b"/").unwrap_or(name);
            names.push(name.to_vec());
            names.push([name, b"/"].concat());
        }
    }
    names.retain(|name| name != path);
    names
}

/// Returns the directory that a path may be the index file of, with the slash at its end.
fn directory<'a>(path: &'a [u8], index: &[String]) -> Option<&'a [u8]> {
    index.iter().find_map(|name| {
        let name = name.as_bytes();
        let without_extension = name.strip_suffix(PAGE_EXTENSION);
        let directory = [Some(name), without_extension]
            .into_iter()
            .flatten()
            .find_map(|name| path.strip_suffix(name))?;
        (directory.is_empty() || directory.ends_with(b"/")).then_some(directory)
    })
}

const PAGE_EXTENSION: &[u8] = b".html";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_from_a_url_to_its_file_and_back() {
        let index = ["index.html".to_owned(), "start.php".to_owned()];
        for (path, expected) in [
            ("a.txt", &["a.txt/", "a.txt.html"][..]),
            ("a", &["a/", "a.html"]),
            ("a/", &["a", "a.html"]),
            ("a.html", &["a.html/", "a.html.html", "a", "a/"]),
            ("a.js.gz", &["a.js.gz/", "a.js.gz.html", "a.js"]),
            (
                "d/a.html.br",
                &[
                    "d/a.html.br/",
                    "d/a.html.br.html",
                    "d/a.html",
                    "d/a",
                    "d/a/",
                ],
            ),
            (
                "d/index.html",
                &[
                    "d/index.html/",
                    "d/index.html.html",
                    "d/index",
                    "d/index/",
                    "d",
                    "d/",
                ],
            ),
            ("d/index", &["d/index/", "d/index.html", "d", "d/"]),
            ("start.php", &["start.php/", "start.php.html", "", "/"]),
            ("restart.php", &["restart.php/", "restart.php.html"]),
        ] {
            let names = other_names(path.as_bytes(), &index);
            let names: Vec<_> = names
                .iter()
                .map(|name| str::from_utf8(name).unwrap())
                .collect();
            assert_eq!(names, expected, "{path}");
        }
    }
}
