//! The events for pages, and those that a page has missed. Pure: the caller passes the time.

use super::burst::Batch;
use crate::http::path::escaped;
use crate::listing::{json_array, json_string};
use crate::plan::live::Since;
use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

/// The changes since the start of the server, as far as they are remembered.
#[derive(Debug)]
pub(crate) struct History {
    /// The number of this start of the server, by which a page recognises another one.
    instance: u64,
    started: Instant,
    /// The number of the last event.
    number: u64,
    /// The last events, with the newest at the end.
    batches: VecDeque<Batch>,
}

/// The changes that a page has missed.
enum Missed {
    Everything,
    Paths(BTreeSet<Box<[u8]>>),
}

impl History {
    pub(crate) fn new(instance: u64, started: Instant) -> Self {
        Self {
            instance,
            started,
            number: 0,
            batches: VecDeque::new(),
        }
    }

    /// Adds a batch. Returns its event.
    pub(crate) fn push(&mut self, batch: Batch) -> String {
        self.number += 1;
        let missed = match &batch.paths {
            Some(paths) => Missed::Paths(paths.iter().cloned().collect()),
            None => Missed::Everything,
        };
        self.batches.push_back(batch);
        if self.batches.len() > BATCHES_MAX {
            self.batches.pop_front();
        }
        self.event(&missed)
    }

    /// Returns the beginning of a stream: the time to reconnect if it breaks, and the changes that
    /// its page has missed.
    pub(crate) fn greeting(&self, since: Since, now: Instant) -> String {
        let missed = self.missed(since, now);
        format!("retry: {RETRY_MILLISECONDS}\n{}", self.event(&missed))
    }

    fn missed(&self, since: Since, now: Instant) -> Missed {
        let nothing = || Missed::Paths(BTreeSet::new());
        let oldest = self.batches.front();
        match since {
            Since::Now => nothing(),
            Since::Unknown => Missed::Everything,
            Since::Event { instance, number } => {
                let behind = self.number.checked_sub(number);
                let behind = behind.and_then(|behind| usize::try_from(behind).ok());
                match behind {
                    Some(behind) if instance == self.instance && behind <= self.batches.len() => {
                        let first = self.batches.len() - behind;
                        union(self.batches.iter().skip(first))
                    }
                    _ => Missed::Everything,
                }
            }
            Since::Ago(age) => {
                // A page that is older than the server belongs to another one.
                let Some(then) = now.checked_sub(age).filter(|then| *then >= self.started) else {
                    return Missed::Everything;
                };
                let is_remembered = self.batches.len() < BATCHES_MAX
                    || oldest.is_none_or(|oldest| oldest.changed <= then);
                if is_remembered {
                    union(self.batches.iter().filter(|batch| batch.changed > then))
                } else {
                    Missed::Everything
                }
            }
        }
    }

    /// Returns an event: its id, and a JSON list of references, or `null` for everything.
    fn event(&self, missed: &Missed) -> String {
        let mut text = format!("id: {:x}-{}\ndata: ", self.instance, self.number);
        match missed {
            Missed::Everything => text.push_str("null"),
            Missed::Paths(paths) => {
                json_array(&mut text, paths, |text, path| {
                    json_string(text, &format!("/{}", escaped(path)));
                });
            }
        }
        text.push_str("\n\n");
        text
    }
}

fn union<'a>(batches: impl Iterator<Item = &'a Batch>) -> Missed {
    let mut all = BTreeSet::new();
    for batch in batches {
        match &batch.paths {
            Some(paths) => all.extend(paths.iter().cloned()),
            None => return Missed::Everything,
        }
    }
    Missed::Paths(all)
}

/// Keeps idle connections open on their way, and detects clients that are gone.
pub(crate) const KEEP_ALIVE: &str = ": still here\n\n";

/// A server that restarts is back soon.
const RETRY_MILLISECONDS: u32 = 500;

/// A page that missed more changes than this reloads.
const BATCHES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn batch(paths: &[&str], changed: Instant) -> Batch {
        Batch {
            paths: Some(paths.iter().map(|it| it.as_bytes().into()).collect()),
            changed,
        }
    }

    fn data(text: &str) -> &str {
        let (_, rest) = text.split_once("data: ").unwrap();
        rest.strip_suffix("\n\n").unwrap()
    }

    #[test]
    fn an_event_is_an_id_and_a_list_of_references() {
        let now = Instant::now();
        let mut history = History::new(255, now);
        assert_eq!(
            history.push(batch(&["a b/\u{e9}\".html", "c"], now)),
            "id: ff-1\ndata: [\"/a%20b/%C3%A9%22.html\",\"/c\"]\n\n"
        );
        let everything = Batch {
            paths: None,
            changed: now,
        };
        assert_eq!(history.push(everything), "id: ff-2\ndata: null\n\n");
        let greeting = history.greeting(Since::Now, now);
        assert_eq!(greeting, "retry: 500\nid: ff-2\ndata: []\n\n");
    }

    #[test]
    fn a_page_receives_the_changes_that_it_has_missed() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut history = History::new(7, start);
        history.push(batch(&["a"], at(10)));
        history.push(batch(&["b"], at(20)));
        let event = |instance, number| Since::Event { instance, number };
        let ago = |seconds| Since::Ago(Duration::from_secs(seconds));
        for (since, expected) in [
            (Since::Now, "[]"),
            (event(7, 2), "[]"),
            (event(7, 1), "[\"/b\"]"),
            (event(7, 0), "[\"/a\",\"/b\"]"),
            (event(7, 3), "null"),
            (event(8, 2), "null"),
            (Since::Unknown, "null"),
            (ago(5), "[]"),
            (ago(10), "[]"),
            (ago(15), "[\"/b\"]"),
            (ago(30), "[\"/a\",\"/b\"]"),
            // The page was loaded from a server that ran before.
            (ago(31), "null"),
            (Since::Ago(Duration::MAX), "null"),
        ] {
            let greeting = history.greeting(since, at(30));
            assert_eq!(data(&greeting), expected, "{since:?}");
        }
    }

    #[test]
    fn forgotten_changes_count_as_a_change_of_everything() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut history = History::new(7, start);
        for second in 1..=100 {
            history.push(batch(&["a"], at(second)));
        }
        let since = |number| Since::Event {
            instance: 7,
            number,
        };
        let told = |since| data(&history.greeting(since, at(100))).to_owned();
        assert_eq!(told(since(36)), "[\"/a\"]");
        assert_eq!(told(since(35)), "null");
        assert_eq!(told(Since::Ago(Duration::from_secs(63))), "[\"/a\"]");
        assert_eq!(told(Since::Ago(Duration::from_secs(64))), "null");
    }
}
