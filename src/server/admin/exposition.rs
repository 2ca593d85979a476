//! The text format in which Prometheus takes metrics, version 0.0.4.

use std::fmt::{self, Write as _};

/// Metrics of one name.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// What it is, in a line.
    pub(crate) help: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It only grows, until the server starts anew.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Counts by upper bound, cumulative.
    Histogram,
}

/// Metrics, written family by family.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    text: String,
}

/// Samples of one family.
#[derive(Debug)]
pub(crate) struct Samples<'a> {
    text: &'a mut String,
    name: &'static str,
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
        }
    }

    /// A family of one sample without labels.
    pub(crate) fn single(&mut self, family: &Family, value: impl fmt::Display) {
        self.family(family).sample("", &[], value);
    }

    /// All of it.
    pub(crate) fn finish(self) -> String {
        self.text
    }
}

impl Samples<'_> {
    /// Adds a sample; `suffix` is what a histogram's samples have behind their name.
    pub(crate) fn sample(
        &mut self,
        suffix: &str,
        labels: &[(&str, &str)],
        value: impl fmt::Display,
    ) {
        let _ = write!(self.text, "{}{suffix}", self.name);
        for (index, (name, value)) in labels.iter().enumerate() {
            let opening = if index == 0 { '{' } else { ',' };
            let _ = write!(self.text, "{opening}{name}=\"{}\"", Escaped(value));
        }
        let closing = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{closing} {value}");
    }
}

/// The value of a label.
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
    fn a_family_is_told_before_its_samples() {
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
    fn no_value_of_a_label_can_end_it() {
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
