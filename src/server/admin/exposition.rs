//! The text format of Prometheus, version 0.0.4.

use std::fmt::{self, Write as _};

/// The metrics with one name.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// A one-line description.
    pub(crate) help: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A value that only grows, until the server restarts.
    Counter,
    /// A value that goes up and down.
    Gauge,
    /// Cumulative counts by upper bound.
    Histogram,
}

/// Returns a family of counters.
pub(super) const fn counter(name: &'static str, help: &'static str) -> Family {
    let kind = Kind::Counter;
    Family { name, kind, help }
}

/// Returns a family of gauges.
pub(super) const fn gauge(name: &'static str, help: &'static str) -> Family {
    let kind = Kind::Gauge;
    Family { name, kind, help }
}

/// Metrics, written family by family.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    text: String,
}

/// The samples of one family.
#[derive(Debug)]
pub(crate) struct Samples<'a> {
    text: &'a mut String,
    name: &'static str,
    /// The worker to which the next samples belong, if each worker has its own.
    worker: Option<&'a str>,
}

impl Exposition {
    /// Begins a family; its samples follow.
    pub(crate) fn family(&mut self, family: &Family) -> Samples<'_> {
        let Family { name, kind, help } = *family;
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        Samples {
            text: &mut self.text,
            name,
            worker: None,
        }
    }

    /// Writes a family with one sample without labels.
    pub(crate) fn single(&mut self, family: &Family, value: impl fmt::Display) {
        self.family(family).sample("", &[], value);
    }

    /// Returns the whole text.
    pub(crate) fn finish(self) -> String {
        self.text
    }
}

impl<'a> Samples<'a> {
    /// Sets the worker to which the next samples belong, if each worker has its own.
    pub(super) fn of_worker(&mut self, worker: Option<&'a str>) {
        self.worker = worker;
    }

    /// Adds a sample; `suffix` follows the name in a histogram.
    pub(crate) fn sample(
        &mut self,
        suffix: &str,
        labels: &[(&str, &str)],
        value: impl fmt::Display,
    ) {
        let _ = write!(self.text, "{}{suffix}", self.name);
        let worker = self.worker.map(|worker| ("worker", worker));
        for (index, (name, value)) in labels.iter().copied().chain(worker).enumerate() {
            let opening = if index == 0 { '{' } else { ',' };
            let _ = write!(self.text, "{opening}{name}=\"{}\"", Escaped(value));
        }
        let has_none = labels.is_empty() && worker.is_none();
        let closing = if has_none { "" } else { "}" };
        let _ = writeln!(self.text, "{closing} {value}");
    }
}

/// The value of a label, escaped.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            match char {
                '\\' => out.write_str("\\\\")?,
                '"' => out.write_str("\\\"")?,
                '\n' => out.write_str("\\n")?,
                _ => out.write_char(char)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_described_before_its_samples() {
        let family = Family {
            name: "a_seconds",
            kind: Kind::Histogram,
            help: "How long.",
        };
        let mut exposition = Exposition::default();
        let mut samples = exposition.family(&family);
        samples.sample("_bucket", &[("le", "+Inf")], 2);
        samples.sample("_sum", &[], 0.25);
        assert_eq!(
            exposition.finish(),
            "# HELP a_seconds How long.\n\
             # TYPE a_seconds histogram\n\
             a_seconds_bucket{le=\"+Inf\"} 2\n\
             a_seconds_sum 0.25\n"
        );
    }

    #[test]
    fn the_label_of_a_worker_comes_last() {
        let family = gauge("a", "A.");
        let mut exposition = Exposition::default();
        let mut samples = exposition.family(&family);
        samples.of_worker(Some("2"));
        samples.sample("", &[], 0);
        samples.sample("", &[("b", "c")], 1);
        let text = exposition.finish();
        assert!(
            text.ends_with("\na{worker=\"2\"} 0\na{b=\"c\",worker=\"2\"} 1\n"),
            "{text}"
        );
    }

    #[test]
    fn no_value_can_end_a_label() {
        let family = Family {
            name: "a",
            kind: Kind::Gauge,
            help: "A.",
        };
        let mut exposition = Exposition::default();
        let labels = [("b", "\"} 1\n\\"), ("c", "ü")];
        exposition.family(&family).sample("", &labels, 0);
        let text = exposition.finish();
        assert!(
            text.ends_with("a{b=\"\\\"} 1\\n\\\\\",c=\"ü\"} 0\n"),
            "{text}"
        );
    }
}
