//! Made-up histories, which shrink if they fail.

use super::disk::Disk;
use super::model::{Look, State, Versions};
use crate::http::Limits;
use crate::http::fields::FieldStorage;
use crate::http::path::RequestPath;
use crate::http::request::RequestHead;
use crate::plan::Policy;
use crate::site::file::Source;
use crate::site::find::Resolution;
use crate::site::jobs::Outcome;
use crate::site::open::Site;
use crate::site::options::Options;
use crate::site::{LookupError, ROOT_EVENTS_ARE_REFUSED};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::env;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// Something that happens to the name with this number.
#[derive(Clone, Copy, Debug)]
enum Action {
    Write(usize, Size),
    /// Shorter than before, in place.
    Truncate(usize),
    WriteKeepingTime(usize, Size),
    Replace(usize, Size),
    ReplaceKeepingTime(usize, Size),
    /// As a program does that has mapped the file.
    WriteMapped(usize),
    /// The first name becomes a link to the second.
    Link(usize, usize),
    LinkOutside(usize),
    Remove(usize),
    SetReadable(usize, bool),
    Pass(u64),
    SetBack(u64),
    LookUp(usize),
    /// In the tick of the last lookup.
    LookUpAgain(usize),
    /// Looks up a name, lets its content change without a trace, and looks it up again after so
    /// many milliseconds.
    LookUpAround(usize, u64),
}

/// The size of a file, in bytes.
#[derive(Clone, Copy, Debug)]
enum Size {
    Few,
    /// Kept in memory, as the one before.
    More,
    /// Held open.
    Many,
}

const NAMES: [&str; 2] = ["a.txt", "b.txt"];

/// The lengths of time that something depends on, in milliseconds, and those just below.
const MILLIS: [u64; 6] = [1, 999, 1999, 2000, 3999, 4000];

/// A disk, a site, and what the model knows of both.
struct History {
    disk: Disk,
    site: Site,
    names: BTreeMap<&'static str, Named>,
    /// What was served in the present tick.
    served: BTreeMap<&'static str, State>,
    /// The content of each entity tag.
    tags: BTreeMap<String, Vec<u8>>,
    written: u32,
    is_privileged: bool,
}

/// What is at a name itself.
#[derive(Clone, Debug, Default)]
struct Named {
    link: Option<&'static str>,
    /// `true` if it is a link that leads out of the root.
    leads_out: bool,
    /// The content, if it is a file.
    content: Option<Vec<u8>>,
    is_unreadable: bool,
    /// What it leads to, over time.
    versions: Versions,
}

impl History {
    fn new(step: Duration) -> Self {
        ROOT_EVENTS_ARE_REFUSED.set(true);
        let disk = Disk::new(step);
        let options = Options {
            root: disk.root(),
            precompressed: false,
            compression: false,
            ..Options::default()
        };
        let site = Site::open(&options, Policy::default(), 10, disk.moment().now).unwrap();
        let names = NAMES.map(|name| (name, Named::default()));
        Self {
            disk,
            site,
            names: names.into(),
            served: BTreeMap::new(),
            tags: BTreeMap::new(),
            written: 0,
            is_privileged: rustix::process::geteuid().is_root(),
        }
    }

    /// Returns content that no file had before.
    fn content(&mut self, size: Size) -> Vec<u8> {
        let length = match size {
            Size::Few => 8,
            Size::More => 5000,
            Size::Many => 70_000,
        };
        self.content_of(length)
    }

    fn content_of(&mut self, length: usize) -> Vec<u8> {
        self.written += 1;
        let number = format!("{:08}", self.written);
        number.bytes().cycle().take(length).collect()
    }

    fn act(&mut self, action: Action) -> Result<(), TestCaseError> {
        match action {
            Action::Write(name, size) => self.write(name, size, Disk::write),
            Action::WriteKeepingTime(name, size) => {
                self.write(name, size, Disk::write_keeping_time);
            }
            Action::Replace(name, size) => self.replace(name, size, Disk::replace),
            Action::ReplaceKeepingTime(name, size) => {
                self.replace(name, size, Disk::replace_keeping_time);
            }
            Action::Truncate(name) => self.truncate(name),
            Action::WriteMapped(name) => self.write_mapped(name),
            Action::Link(name, target) => {
                let target = NAMES[target];
                self.disk.link(NAMES[name], target);
                self.put(
                    name,
                    Named {
                        link: Some(target),
                        ..Named::default()
                    },
                );
            }
            Action::LinkOutside(name) => {
                self.disk.link_outside(NAMES[name]);
                self.put(
                    name,
                    Named {
                        leads_out: true,
                        ..Named::default()
                    },
                );
            }
            Action::Remove(name) => {
                self.disk.remove(NAMES[name]);
                self.put(name, Named::default());
            }
            Action::SetReadable(name, is_readable) => self.set_readable(name, is_readable),
            Action::Pass(millis) => self.disk.pass(Duration::from_millis(millis)),
            Action::SetBack(millis) => self.disk.set_back(Duration::from_millis(millis)),
            Action::LookUp(name) => return self.look_up_in_another_tick(NAMES[name]),
            Action::LookUpAgain(name) => return self.look_up(NAMES[name]),
            Action::LookUpAround(name, millis) => {
                self.look_up_in_another_tick(NAMES[name])?;
                self.write_mapped(name);
                self.note_changes();
                self.disk.pass(Duration::from_millis(millis));
                return self.look_up_in_another_tick(NAMES[name]);
            }
        }
        self.note_changes();
        Ok(())
    }

    /// Writes to what a name leads to, if that is a file or can become one.
    fn write(&mut self, name: usize, size: Size, write: impl Fn(&Disk, &str, &[u8])) {
        let Some(target) = self.target(NAMES[name]) else {
            return;
        };
        if self.names[target].is_unreadable {
            return;
        }
        let content = self.content(size);
        write(&self.disk, target, &content);
        self.names.get_mut(target).unwrap().content = Some(content);
    }

    fn replace(&mut self, name: usize, size: Size, replace: impl Fn(&Disk, &str, &[u8])) {
        let content = self.content(size);
        replace(&self.disk, NAMES[name], &content);
        let content = Some(content);
        self.put(
            name,
            Named {
                content,
                ..Named::default()
            },
        );
    }

    fn truncate(&mut self, name: usize) {
        let named = &self.names[NAMES[name]];
        let Some(content) = named.content.clone().filter(|_| !named.is_unreadable) else {
            return;
        };
        let content = &content[..content.len() / 2];
        self.disk.write(NAMES[name], content);
        self.names.get_mut(NAMES[name]).unwrap().content = Some(content.to_vec());
    }

    fn write_mapped(&mut self, name: usize) {
        let named = &self.names[NAMES[name]];
        let Some(length) = named.content.as_ref().map(Vec::len) else {
            return;
        };
        if named.is_unreadable {
            return;
        }
        let content = self.content_of(length);
        self.disk.write_mapped(NAMES[name], &content);
        self.names.get_mut(NAMES[name]).unwrap().content = Some(content);
    }

    fn set_readable(&mut self, name: usize, is_readable: bool) {
        let named = self.names.get_mut(NAMES[name]).unwrap();
        if named.content.is_some() {
            named.is_unreadable = !is_readable;
            self.disk.set_readable(NAMES[name], is_readable);
        }
    }

    /// Replaces what is at a name.
    fn put(&mut self, name: usize, named: Named) {
        let before = self.names.get_mut(NAMES[name]).unwrap();
        let versions = std::mem::take(&mut before.versions);
        *before = Named { versions, ..named };
    }

    /// Returns the name that a name leads to in the end; `None` if it leads in a circle or out.
    fn target(&self, name: &'static str) -> Option<&'static str> {
        let mut target = name;
        for _ in 0..=NAMES.len() {
            let named = &self.names[target];
            match named.link {
                _ if named.leads_out => return None,
                Some(next) => target = next,
                None => return Some(target),
            }
        }
        None
    }

    /// Returns what a name leads to now, and what `stat` shows of it.
    fn present(&self, name: &'static str) -> (State, Option<Look>) {
        let Some(target) = self.target(name) else {
            return (State::Nothing, None);
        };
        let named = &self.names[target];
        let is_readable = !named.is_unreadable || self.is_privileged;
        let state = match &named.content {
            Some(content) if is_readable => State::File(content.clone()),
            _ => State::Nothing,
        };
        let look = named.content.as_ref().map(|_| self.disk.look(target));
        (state, look)
    }

    /// Takes note of what each name leads to, if that has changed.
    fn note_changes(&mut self) {
        for name in NAMES {
            let (state, look) = self.present(name);
            let now = self.disk.elapsed();
            let versions = &mut self.names.get_mut(name).unwrap().versions;
            if !versions.is_present(&state, look) {
                versions.push(state, look, now);
            }
        }
    }

    fn look_up_in_another_tick(&mut self, name: &'static str) -> Result<(), TestCaseError> {
        self.disk.begin_tick();
        self.served.clear();
        self.look_up(name)
    }

    /// Looks a name up, and compares the result with what may be served.
    fn look_up(&mut self, name: &'static str) -> Result<(), TestCaseError> {
        let served = self.resolve(name)?;
        let versions = &mut self.names.get_mut(name).unwrap().versions;
        let allowed = versions.allowed(self.disk.elapsed());
        let is_as_before = self.served.get(name) == Some(&served);
        prop_assert!(
            is_as_before || allowed.contains(&&served),
            "{name} is served as {served:?}, and may be {allowed:?}: {versions:?}"
        );
        versions.note_lookup(self.disk.wall());
        self.served.insert(name, served);
        Ok(())
    }

    fn resolve(&mut self, name: &str) -> Result<State, TestCaseError> {
        let head = format!("GET /{name} HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut storage = FieldStorage::default();
        let parsed = RequestHead::parse(head.as_bytes(), &mut storage, &Limits::default());
        let (request, _) = parsed.unwrap().unwrap();
        let address = format!("/{name}");
        let path = RequestPath::parse(address.as_bytes()).unwrap();
        let moment = self.disk.moment();
        let outcome: Outcome = match self.site.resolve(&request, &path, &moment) {
            Resolution::Ready(outcome) => outcome,
            Resolution::Pending(handle) => loop {
                if let Some(outcome) = handle.outcome() {
                    break outcome;
                }
                self.site.advance();
            },
        };
        let file = match outcome {
            Ok(file) => file,
            Err(
                LookupError::Nothing
                | LookupError::LeadsOut
                | LookupError::TooManyLinks
                | LookupError::Forbidden,
            ) => return Ok(State::Nothing),
            Err(error) => return Err(TestCaseError::fail(format!("{name}: {error}"))),
        };
        if let (Source::Descriptor(_), Some(served)) = (&file.source, self.served.get(name)) {
            // It is sent from disk, with the fields of the first lookup in the tick. If it has
            // become shorter since, sending notices that.
            return Ok(served.clone());
        }
        let metadata = file.representation.metadata();
        let length = usize::try_from(metadata.length).unwrap();
        let content = match &file.source {
            Source::Memory(content) => content.to_vec(),
            Source::Descriptor(descriptor) => {
                let mut content = vec![0; length + 1];
                let file = File::from(descriptor.try_clone().unwrap());
                let count = file.read_at(&mut content, 0).unwrap();
                content.truncate(count);
                content
            }
            Source::Coded => return Err(TestCaseError::fail("nothing is precompressed")),
        };
        prop_assert_eq!(content.len(), length, "{} has its length", name);
        if let Some(tag) = &metadata.entity_tag {
            let tag = format!("{tag:?}");
            let is_in_memory = matches!(file.source, Source::Memory(_));
            // The tag of a file that is sent from disk is made before it is sent.
            let is_exact = is_in_memory || !self.is_any_ambiguous();
            let known = self.tags.entry(tag).or_insert_with(|| content.clone());
            prop_assert!(!is_exact || *known == content, "a tag names two contents");
        }
        Ok(State::File(content))
    }

    fn is_any_ambiguous(&self) -> bool {
        Versions::are_ambiguous(self.names.values().map(|it| &it.versions))
    }
}

fn size() -> impl Strategy<Value = Size> {
    prop_oneof![4 => Just(Size::Few), 1 => Just(Size::More), 1 => Just(Size::Many)]
}

fn action() -> impl Strategy<Value = Action> {
    let name = || 0..NAMES.len();
    let millis = || prop::sample::select(&MILLIS[..]);
    prop_oneof![
        3 => (name(), size()).prop_map(|(name, size)| Action::Write(name, size)),
        1 => name().prop_map(Action::Truncate),
        1 => (name(), size()).prop_map(|(name, size)| Action::WriteKeepingTime(name, size)),
        1 => (name(), size()).prop_map(|(name, size)| Action::Replace(name, size)),
        1 => (name(), size()).prop_map(|(name, size)| Action::ReplaceKeepingTime(name, size)),
        2 => name().prop_map(Action::WriteMapped),
        1 => (name(), name()).prop_map(|(name, target)| Action::Link(name, target)),
        1 => name().prop_map(Action::LinkOutside),
        1 => name().prop_map(Action::Remove),
        1 => (name(), any::<bool>()).prop_map(|(name, it)| Action::SetReadable(name, it)),
        5 => millis().prop_map(Action::Pass),
        1 => millis().prop_map(Action::SetBack),
        8 => name().prop_map(Action::LookUp),
        1 => name().prop_map(Action::LookUpAgain),
        2 => (name(), millis()).prop_map(|(name, millis)| Action::LookUpAround(name, millis)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        // As many as take a second or two without optimization.
        cases: env::var("PROPTEST_CASES").map_or(128, |cases| cases.parse().expect("a number")),
        // A failing case becomes a test of its own, so no file stores it.
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// With clocks of file times from the finest to the coarsest.
    #[test]
    fn only_what_a_name_leads_to_is_served_and_for_four_seconds_what_changed_without_a_trace(
        step in prop::sample::select(vec![1, 4_000_000, 1_000_000_000, 2_000_000_000]),
        actions in prop::collection::vec(action(), 1..60),
    ) {
        let mut history = History::new(Duration::from_nanos(step));
        for action in actions {
            history.act(action)?;
        }
    }
}
