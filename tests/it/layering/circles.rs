//! The imports between files, and the cycles among them.
//!
//! A path in the code is followed, through re-exports, to the file that defines its target. So a
//! `mod.rs` that only declares and re-exports modules closes no cycle.

use super::source::{Source, paths};
use std::collections::{BTreeMap, VecDeque};

/// The path of a module without the crate's name, segment by segment.
type Module = Vec<String>;

/// The imports between the modules of a crate.
pub(crate) struct Imports {
    files: BTreeMap<Module, String>,
    edges: BTreeMap<Module, Vec<Module>>,
}

impl Imports {
    /// Reads the imports of these sources, without those in tests.
    pub(crate) fn of(sources: &[&Source]) -> Self {
        let modules: BTreeMap<Module, &Source> = sources
            .iter()
            .filter(|source| !source.name.ends_with("/tests.rs"))
            .map(|source| (module_of(&source.name), *source))
            .collect();
        let names = code_names(sources);
        let exports: BTreeMap<_, _> = modules
            .iter()
            .map(|(module, source)| (module.clone(), exports(module, source.production(), &names)))
            .collect();
        let edges = modules
            .iter()
            .map(|(module, source)| {
                let paths = source.paths().iter();
                let targets = paths
                    .filter_map(|path| absolute(module, path, &exports))
                    .filter_map(|path| resolve(path, &exports))
                    .filter(|target| target != module);
                (module.clone(), targets.collect())
            })
            .collect();
        let files = sources
            .iter()
            .map(|source| (module_of(&source.name), source.name.clone()))
            .collect();
        Self { files, edges }
    }

    /// Returns the shortest cycle through each file that is part of one, as a chain of files.
    pub(crate) fn circles(&self) -> Vec<String> {
        let mut seen: Vec<Vec<&Module>> = Vec::new();
        for start in self.edges.keys() {
            if seen.iter().any(|circle| circle.contains(&start)) {
                continue;
            }
            seen.extend(self.circle_through(start));
        }
        let name = |module: &&Module| self.files.get(*module).map_or("?", String::as_str);
        let chain = |circle: Vec<&Module>| {
            let names: Vec<_> = circle.iter().map(name).collect();
            names.join(" → ")
        };
        seen.into_iter().map(chain).collect()
    }

    fn circle_through<'a>(&'a self, start: &'a Module) -> Option<Vec<&'a Module>> {
        let mut before: BTreeMap<&Module, &Module> = BTreeMap::new();
        let mut pending = VecDeque::from([start]);
        while let Some(module) = pending.pop_front() {
            for target in self.edges.get(module).into_iter().flatten() {
                if target == start {
                    let mut circle = vec![start, module];
                    while let Some(earlier) = circle.last().and_then(|last| before.get(last)) {
                        circle.push(earlier);
                    }
                    circle.reverse();
                    circle.dedup();
                    return Some(circle);
                }
                if target != module && !before.contains_key(target) {
                    before.insert(target, module);
                    pending.push_back(target);
                }
            }
        }
        None
    }
}

/// The re-exports of each module: a name, and the path that it stands for.
type Exports = BTreeMap<Module, BTreeMap<String, Module>>;

fn module_of(file: &str) -> Module {
    let path = file.trim_start_matches("src/").trim_end_matches(".rs");
    let mut module: Module = path.split('/').map(str::to_owned).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
        module.pop();
    }
    module
}

fn code_names(sources: &[&Source]) -> Exports {
    let names = sources.iter().map(|source| module_of(&source.name));
    names.map(|module| (module, BTreeMap::new())).collect()
}

fn exports(module: &Module, code: &str, modules: &Exports) -> BTreeMap<String, Module> {
    let starts = code.match_indices("pub");
    let statements = starts.filter_map(|(start, _)| {
        let statement = code[start..].split_once(';')?.0;
        let (visibility, tree) = statement.split_once(" use ")?;
        let is_visibility = visibility == "pub" || visibility.starts_with("pub(");
        (is_visibility && !visibility.contains([' ', '\n'])).then_some(tree)
    });
    let named = statements.flat_map(|tree| {
        let is_ours = ["crate", "super", "self"]
            .iter()
            .any(|start| tree.starts_with(start));
        assert!(
            !(is_ours && tree.contains(" as ")),
            "{module:?} re-exports under another name, which is not followed: {tree}"
        );
        paths(tree).collect::<Vec<_>>()
    });
    named
        .filter_map(|path| {
            let target = absolute(module, &path, modules)?;
            Some((target.last()?.clone(), target))
        })
        .collect()
}

/// Returns the path from the root of the crate; `None` if other crates or the module itself define
/// the name.
fn absolute(module: &Module, path: &[String], modules: &Exports) -> Option<Module> {
    let supers = path
        .iter()
        .take_while(|segment| *segment == "super")
        .count();
    let (base, rest) = match path.first().map(String::as_str) {
        Some("crate") => (&module[..0], &path[1..]),
        Some("self") => (&module[..], &path[1..]),
        _ if supers > 0 => (module.get(..module.len() - supers)?, &path[supers..]),
        Some(first) => {
            let child = [&module[..], &[first.to_owned()]].concat();
            (path.len() > 1 && modules.contains_key(&child)).then_some((&module[..], path))?
        }
        None => return None,
    };
    // `pub(super)` is not an import.
    (!rest.is_empty()).then_some(())?;
    let rest = rest.iter().filter(|segment| *segment != "self").cloned();
    Some(base.iter().cloned().chain(rest).collect())
}

/// Returns the module that defines the target of a path.
fn resolve(mut path: Module, exports: &Exports) -> Option<Module> {
    // A longer chain of re-exports would be a mistake.
    for _ in 0..9 {
        let length = (1..=path.len())
            .rev()
            .find(|length| exports.contains_key(&path[..*length]))?;
        let (module, rest) = path.split_at(length);
        let stands_for = rest.first().and_then(|name| exports[module].get(name));
        match stands_for {
            Some(target) => path = [target, &rest[1..]].concat(),
            None => return Some(module.to_vec()),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        let sources: Vec<_> = files
            .iter()
            .map(|(name, text)| Source::new(name, text))
            .collect();
        Imports::of(&sources.iter().collect::<Vec<_>>()).circles()
    }

    #[test]
    fn a_circle_through_a_re_export_is_found_and_printed() {
        let found = circles(&[
            ("src/a/mod.rs", "mod one;\nmod two;\npub use two::Two;\n"),
            ("src/a/one.rs", "use super::Two;\npub struct One(Two);\n"),
            (
                "src/a/two.rs",
                "pub struct Two;\nfn f() -> super::one::One { todo!() }\n",
            ),
        ]);
        assert_eq!(found, ["src/a/one.rs → src/a/two.rs → src/a/one.rs"]);
    }

    #[test]
    fn a_child_that_imports_what_its_parent_defines_and_uses_is_a_circle() {
        let found = circles(&[
            (
                "src/a/mod.rs",
                "mod one;\nuse one::One;\npub struct A(One);\n",
            ),
            (
                "src/a/one.rs",
                "use super::A;\npub struct One(Option<Box<A>>);\n",
            ),
        ]);
        assert_eq!(found, ["src/a/mod.rs → src/a/one.rs → src/a/mod.rs"]);
    }

    #[test]
    fn a_parent_that_declares_and_re_exports_closes_no_circle() {
        let found = circles(&[
            (
                "src/a/mod.rs",
                "mod one;\nmod two;\npub use one::One;\npub use two::Two;\n",
            ),
            ("src/a/one.rs", "use crate::a::Two;\npub struct One(Two);\n"),
            (
                "src/a/two.rs",
                "pub struct Two;\n#[cfg(test)]\nmod tests {\n    use super::super::One;\n}\n",
            ),
        ]);
        assert_eq!(found, [""; 0]);
    }
}
