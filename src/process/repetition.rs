//! Repeated lines: one a second is written for each reason, with a count of the others.
//!
//! Clients can make a server report the same thing thousands of times a second. The reason of a
//! line is its level and its text without the quoted parts, since text that a client chose is
//! always quoted.

use log::Level;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

/// The lines of the last second, by reason.
#[derive(Debug, Default)]
pub(super) struct Repetitions {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    reason: u64,
    /// The time at which the next line may be written.
    next: Instant,
    /// The first line left out since the last one written, and the number of lines left out.
    left_out: Option<(Line, u64)>,
}

/// A line to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) level: Level,
    pub(super) target: String,
    pub(super) text: String,
}

impl Repetitions {
    pub(super) const fn new() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    /// Returns the line if it may be written now; otherwise counts it and returns `None`.
    pub(super) fn admit(&mut self, line: Line, now: Instant) -> Option<Line> {
        let mut reason = reason(&line);
        let is_known = |entry: &Entry| entry.reason == reason;
        if self.entries.len() >= REASONS_MAX && !self.entries.iter().any(is_known) {
            reason = OTHERS;
        }
        match self.entries.iter_mut().find(|it| it.reason == reason) {
            None => {
                self.entries.push(Entry {
                    reason,
                    next: now + INTERVAL,
                    left_out: None,
                });
                Some(line)
            }
            Some(entry) if entry.left_out.is_none() && entry.next <= now => {
                entry.next = now + INTERVAL;
                Some(line)
            }
            Some(entry) => {
                entry.left_out.get_or_insert((line, 0)).1 += 1;
                None
            }
        }
    }

    /// Returns the time at which the first of the lines left out is due.
    pub(super) fn due(&self) -> Option<Instant> {
        let waiting = self.entries.iter().filter(|it| it.left_out.is_some());
        waiting.map(|entry| entry.next).min()
    }

    /// Returns the lines that are due: for each reason the first line left out, with the number of
    /// the others.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Line> {
        let mut due = Vec::new();
        self.entries.retain_mut(|entry| {
            if now < entry.next {
                return true;
            }
            let left_out = entry.left_out.take();
            let is_repeated = left_out.is_some();
            due.extend(left_out.map(|(line, count)| line.with_count(count - 1)));
            entry.next = now + INTERVAL;
            is_repeated
        });
        due
    }

    /// Returns all lines left out, due or not.
    pub(super) fn take_all(&mut self) -> Vec<Line> {
        let entries = std::mem::take(&mut self.entries).into_iter();
        let left_out = entries.filter_map(|entry| entry.left_out);
        left_out
            .map(|(line, count)| line.with_count(count - 1))
            .collect()
    }
}

impl Line {
    fn with_count(mut self, more: u64) -> Self {
        if more > 0 {
            let more = with_thousands(more);
            // Writing to a string cannot fail.
            let _ = write!(self.text, " … and {more} more like it in the last second");
        }
        self
    }
}

/// Returns a hash that lines with the same reason share.
fn reason(line: &Line) -> u64 {
    let mut hasher = DefaultHasher::new();
    line.level.hash(&mut hasher);
    line.target.hash(&mut hasher);
    let (mut is_quoted, mut is_escaped) = (false, false);
    for char in line.text.chars() {
        match char {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if !is_quoted => char.hash(&mut hasher),
            _ => {}
        }
    }
    hasher.finish()
}

fn with_thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The time between two lines for the same reason.
const INTERVAL: Duration = Duration::from_secs(1);

/// The number of reasons that are distinguished within a second. There are a few dozen in all;
/// beyond the limit, they count as one.
const REASONS_MAX: usize = 64;

const OTHERS: u64 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line {
            level: Level::Info,
            target: "millpond".to_owned(),
            text: text.to_owned(),
        }
    }

    fn texts(lines: Vec<Line>) -> Vec<String> {
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn one_line_a_second_is_written_for_each_reason_and_the_others_are_counted() {
        let begun = Instant::now();
        let at = |millis| begun + Duration::from_millis(millis);
        let mut repetitions = Repetitions::default();
        let mut said = |path: usize, now| {
            let line = line(&format!("\"/{path}\\\"/\" is not served: no index"));
            repetitions.admit(line, now).is_some()
        };
        assert!(said(0, at(0)));
        for number in 1..=1235 {
            assert!(!said(number, at(500)), "{number}");
        }
        assert!(repetitions.take_due(at(999)).is_empty());
        assert_eq!(repetitions.due(), Some(at(1000)));
        let expected =
            "\"/1\\\"/\" is not served: no index … and 1,234 more like it in the last second";
        assert_eq!(texts(repetitions.take_due(at(1000))), [expected]);
        assert_eq!(repetitions.due(), None);
        // The line with the count started another second.
        let again = line("\"/a\" is not served: no index");
        assert_eq!(repetitions.admit(again.clone(), at(1999)), None);
        assert_eq!(repetitions.take_due(at(2000)), std::slice::from_ref(&again));
        assert!(repetitions.take_due(at(3000)).is_empty());
        assert!(repetitions.entries.is_empty(), "nothing is kept of it");
        assert!(repetitions.admit(again, at(3001)).is_some());
    }

    #[test]
    fn another_reason_is_written_at_once_and_the_number_of_reasons_is_bounded() {
        let (mut repetitions, now) = (Repetitions::default(), Instant::now());
        for text in ["\"a\" is not served: one", "\"a\" is not served: two"] {
            assert!(repetitions.admit(line(text), now).is_some(), "{text}");
        }
        let admitted = (0..1000).filter(|number| {
            let text = format!("reason {number}");
            repetitions.admit(line(&text), now).is_some()
        });
        assert_eq!(admitted.count(), REASONS_MAX - 2 + 1);
        assert!(repetitions.entries.len() <= REASONS_MAX + 1);
        let all = texts(repetitions.take_all());
        assert_eq!(all.len(), 1);
        assert!(
            all[0].ends_with(" … and 936 more like it in the last second"),
            "{all:?}"
        );
    }

    #[test]
    fn thousands_are_separated() {
        for (number, text) in [
            (7, "7"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(with_thousands(number), text);
        }
    }
}
