//! A strict parser of Prometheus's text format, version 0.0.4: the requirements of its
//! documentation, and the complaints of `promtool`.

use std::collections::{BTreeMap, BTreeSet};

/// The metric families of an exposition, by name.
pub(crate) type Exposition = BTreeMap<String, Family>;

/// A metric family.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) kind: String,
    pub(crate) help: String,
    samples: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    /// The value as it was written.
    text: String,
    value: f64,
}

impl Sample {
    fn count(&self) -> u64 {
        let whole = self.text.parse();
        whole.unwrap_or_else(|_| panic!("not a count: {self:?}"))
    }
}

impl Family {
    /// Returns the count of the sample with exactly these labels.
    pub(crate) fn count(&self, labels: &[(&str, &str)]) -> u64 {
        let labels: BTreeMap<_, _> = labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let found = self.samples.iter().find(|sample| sample.labels == labels);
        found
            .unwrap_or_else(|| panic!("no {labels:?} in {self:?}"))
            .count()
    }

    /// Returns the value of the only sample.
    pub(crate) fn value(&self) -> f64 {
        assert_eq!(self.samples.len(), 1, "{self:?}");
        self.samples[0].value
    }

    /// Returns the sum of all counts.
    pub(crate) fn total(&self) -> u64 {
        self.samples.iter().map(Sample::count).sum()
    }

    /// Returns the names of the labels, which all samples of a family share, except `le`.
    pub(crate) fn label_names(&self) -> BTreeSet<&str> {
        let names = self.samples.iter().flat_map(|sample| sample.labels.keys());
        names.map(String::as_str).collect()
    }

    /// Returns the samples of a histogram with one suffix, in their order.
    fn with_suffix(&self, suffix: &str) -> Vec<&Sample> {
        let samples = self.samples.iter();
        samples
            .filter(|sample| sample.name.ends_with(suffix))
            .collect()
    }
}

/// Parses an exposition, or returns its first error.
pub(crate) fn parse(text: &str) -> Result<Exposition, String> {
    let mut families = Exposition::new();
    let mut lines = text.split('\n').peekable();
    while let Some(line) = lines.next() {
        if line.is_empty() && lines.peek().is_none() {
            return check(families);
        }
        let (name, help) = comment(line, "HELP")?;
        let (same_name, kind) = comment(lines.next().unwrap_or_default(), "TYPE")?;
        if same_name != name || !["counter", "gauge", "histogram"].contains(&kind) {
            return Err(format!(
                "TYPE of {same_name} is {kind} after HELP of {name}"
            ));
        }
        let mut samples = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.is_empty() && !line.starts_with('#')) {
            samples.push(sample(line)?);
        }
        let family = Family {
            kind: kind.to_owned(),
            help: help.to_owned(),
            samples,
        };
        if families.insert(name.to_owned(), family).is_some() {
            return Err(format!("{name} comes twice"));
        }
    }
    Err("the last line has no end".to_owned())
}

fn comment<'a>(line: &'a str, word: &str) -> Result<(&'a str, &'a str), String> {
    let wrong = || format!("{line:?} is no {word}");
    let rest = line.strip_prefix("# ").ok_or_else(wrong)?;
    let rest = rest.strip_prefix(word).ok_or_else(wrong)?;
    let rest = rest.strip_prefix(' ').ok_or_else(wrong)?;
    let (name, text) = rest.split_once(' ').ok_or_else(wrong)?;
    // In HELP, a backslash must be doubled; no help here contains one.
    if !is_name(name, true) || text.trim() != text || text.is_empty() || text.contains('\\') {
        return Err(wrong());
    }
    Ok((name, text))
}

fn sample(line: &str) -> Result<Sample, String> {
    let wrong = |what: &str| format!("{what} in {line:?}");
    let end = line.find(['{', ' ']).ok_or_else(|| wrong("no value"))?;
    let (name, mut rest) = line.split_at(end);
    if !is_name(name, true) {
        return Err(wrong("no name"));
    }
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, quoted) = rest.split_once("=\"").ok_or_else(|| wrong("no label"))?;
            let (value, after) = label_value(quoted).ok_or_else(|| wrong("no value of a label"))?;
            if !is_name(label, false) || labels.insert(label.to_owned(), value).is_some() {
                return Err(wrong("a label that is none, or comes twice"));
            }
            if let Some(after) = after.strip_prefix('}') {
                rest = after;
                break;
            }
            rest = after.strip_prefix(',').ok_or_else(|| wrong("no comma"))?;
        }
    }
    let text = rest.strip_prefix(' ').ok_or_else(|| wrong("no space"))?;
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b".e-+".contains(&byte));
    let value = text.parse().ok().filter(|_| plain);
    Ok(Sample {
        name: name.to_owned(),
        labels,
        text: text.to_owned(),
        value: value.ok_or_else(|| wrong("no number"))?,
    })
}

/// Splits off a value at its closing quote, and returns it with the rest.
fn label_value(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    loop {
        match chars.next()? {
            (at, '"') => return Some((value, &quoted[at + 1..])),
            (_, '\\') => value.push(match chars.next()?.1 {
                'n' => '\n',
                escaped @ ('"' | '\\') => escaped,
                _ => return None,
            }),
            (_, char) => value.push(char),
        }
    }
}

fn is_name(name: &str, is_of_metric: bool) -> bool {
    let is_first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let may_be = |byte: u8| is_first(byte) || byte.is_ascii_digit() || is_of_metric && byte == b':';
    name.bytes().next().is_some_and(is_first) && name.bytes().all(may_be)
}

/// A family with one sample for each certificate, so it has none without HTTPS.
pub(crate) const OF_CERTIFICATES: &str = "millpond_tls_certificate_expiry_timestamp_seconds";

/// The families with samples for each of several sites, which have none if there is a single site.
pub(crate) const OF_SITES: [&str; 2] = [
    "millpond_site_root_available",
    "millpond_site_responses_total",
];

fn check(families: Exposition) -> Result<Exposition, String> {
    for (name, family) in &families {
        let wrong = |what: &str| format!("{name} {what}");
        let may_lack = name == OF_CERTIFICATES || OF_SITES.contains(&name.as_str());
        if family.samples.is_empty() && !may_lack {
            return Err(wrong("has no sample"));
        }
        if (family.kind == "counter") != name.ends_with("_total") {
            return Err(wrong("is named for what it is not"));
        }
        let mut seen = BTreeSet::new();
        for sample in &family.samples {
            let suffix = sample.name.strip_prefix(name.as_str());
            let suffixes: &[&str] = match family.kind.as_str() {
                "histogram" => &["_bucket", "_sum", "_count"],
                _ => &[""],
            };
            if !suffix.is_some_and(|suffix| suffixes.contains(&suffix)) {
                return Err(wrong("has a sample of another"));
            }
            if !seen.insert((&sample.name, &sample.labels)) {
                return Err(wrong("has a sample twice"));
            }
            if family.kind != "gauge" && sample.value < 0.0 {
                return Err(wrong("counts below nothing"));
            }
        }
        if family.kind == "histogram" {
            check_histogram(family).map_err(wrong)?;
        }
    }
    Ok(families)
}

fn check_histogram(family: &Family) -> Result<(), &'static str> {
    let mut last = (f64::NEG_INFINITY, 0.0);
    for bucket in family.with_suffix("_bucket") {
        let bound = match bucket.labels.get("le").map(String::as_str) {
            Some("+Inf") => f64::INFINITY,
            Some(bound) => bound.parse().map_err(|_| "has a bound that is no number")?,
            None => return Err("has a bucket without a bound"),
        };
        if bound <= last.0 || bucket.value < last.1 {
            return Err("has buckets that do not add up");
        }
        last = (bound, bucket.value);
    }
    match *family.with_suffix("_count").as_slice() {
        [count] if last == (f64::INFINITY, count.value) => {}
        _ => return Err("counts others than those below +Inf"),
    }
    match *family.with_suffix("_sum").as_slice() {
        [sum] if sum.value >= 0.0 => Ok(()),
        _ => Err("has no sum"),
    }
}

#[test]
fn invalid_expositions_are_recognised() {
    let good = "# HELP a_total A.\n# TYPE a_total counter\na_total{b=\"\\\\\\\"\\n\"} 1\n";
    let parsed = parse(good).unwrap();
    assert_eq!(parsed["a_total"].count(&[("b", "\\\"\n")]), 1);
    let histogram = "# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\n\
                     h_bucket{le=\"+Inf\"} 2\nh_sum 3.5\nh_count 2\n";
    assert!(parse(histogram).is_ok());
    for (text, from, to) in [
        (good, "counter\n", "counter"),
        (good, "# HELP a_total A.\n", ""),
        (good, "# TYPE a_total counter\n", ""),
        (good, "counter", "quantity"),
        (good, "_total", ""),
        (good, "\\n", "\\t"),
        (good, "} 1", "}1"),
        (good, " 1", " one"),
        (good, " 1\n", " 1"),
        (good, "} 1\n", "} 1\n\n"),
        (good, "b=", "b:="),
        (histogram, "+Inf", "2"),
        (histogram, "h_count 2", "h_count 1"),
        (histogram, "\"1\"} 1", "\"1\"} 3"),
        (histogram, "h_sum 3.5\n", ""),
    ] {
        let broken = text.replacen(from, to, usize::MAX);
        assert!(parse(&broken).is_err(), "{broken}");
    }
}
