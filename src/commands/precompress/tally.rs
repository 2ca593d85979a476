//! The results, and their wording.

use super::file::Problem;
use crate::http::coding::Coding;
use std::fmt;

/// Sizes before and after compression, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sizes {
    pub(super) before: usize,
    /// In the order of [`Coding::ALL`]; 0 for a coding that was not made.
    pub(super) after: [usize; Coding::ALL.len()],
}

/// The results of all files.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) written: usize,
    pub(super) sizes: Sizes,
    /// The number of compressed forms whose time was corrected.
    pub(super) renewed: usize,
    pub(super) current: usize,
    /// The number of files for which compression is not worthwhile.
    pub(super) without_gain: usize,
    /// The number of skipped files: too large ones, and links that lead out.
    pub(super) left_out: usize,
}

/// The result of one file.
#[derive(Debug, Default)]
pub(super) struct FileDone {
    pub(super) sizes: Sizes,
    pub(super) written: Vec<Coding>,
    pub(super) renewed: usize,
    /// The compressed forms that a check reports, and the reasons.
    pub(super) lacking: Vec<(Coding, &'static str)>,
    pub(super) is_without_gain: bool,
    pub(super) is_left_out: bool,
}

impl Tally {
    pub(super) fn add(&mut self, done: &FileDone) {
        self.renewed += done.renewed;
        if !done.written.is_empty() {
            self.written += 1;
            self.sizes.add(&done.sizes);
        } else if done.is_left_out {
            self.left_out += 1;
        } else if done.is_without_gain {
            self.without_gain += 1;
        } else if done.lacking.is_empty() {
            self.current += 1;
        }
    }
}

impl Sizes {
    pub(super) fn add(&mut self, other: &Self) {
        self.before += other.before;
        for (sum, more) in self.after.iter_mut().zip(other.after) {
            *sum += more;
        }
    }
}

/// "166.1 kB to 31.0 kB with br, 33.8 kB with gzip"
impl fmt::Display for Sizes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} to ", Bytes(self.before))?;
        let made = Coding::ALL.into_iter().zip(self.after);
        let mut separator = "";
        for (coding, after) in made.filter(|(_, after)| *after > 0) {
            write!(out, "{separator}{} with {coding}", Bytes(after))?;
            separator = ", ";
        }
        Ok(())
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.written == 0 {
            out.write_str("nothing to compress")?;
        } else {
            write!(out, "compressed {}: {}", Files(self.written), self.sizes)?;
        }
        if self.current > 0 {
            let files = Files(self.current);
            write!(out, "; {files} up to date")?;
        }
        if self.renewed > 0 {
            write!(out, ", {} with a corrected time", self.renewed)?;
        }
        if self.without_gain > 0 {
            write!(
                out,
                "; {} no smaller when compressed",
                Files(self.without_gain)
            )?;
        }
        if self.left_out > 0 {
            let files = Files(self.left_out);
            write!(
                out,
                "; {files} skipped, larger than 256 MiB or linked from outside"
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(out, "cannot read it: {error}"),
            Self::ReadForm(coding, error) => {
                write!(out, "cannot read its {} file: {error}", coding.extension())
            }
            Self::Changed => out.write_str("it changed while it was read; run this again"),
            Self::Write(coding, error) => {
                write!(out, "cannot write its {} file: {error}", coding.extension())
            }
            Self::Sync(error) => write!(out, "cannot flush the written file to disk: {error}"),
        }
    }
}

/// "1 file", "2 files"
pub(super) struct Files(pub(super) usize);

impl fmt::Display for Files {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == 1 { "" } else { "s" };
        write!(out, "{} file{plural}", self.0)
    }
}

/// "999 bytes", "1.0 kB", "12.3 MB"
struct Bytes(usize);

impl fmt::Display for Bytes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = |unit: usize| ((self.0 + unit / 20) / (unit / 10), unit);
        match self.0 {
            ..1000 => write!(out, "{} bytes", self.0),
            1000..999_950 => {
                let (tenths, _) = tenths(1000);
                write!(out, "{}.{} kB", tenths / 10, tenths % 10)
            }
            _ => {
                let (tenths, _) = tenths(1_000_000);
                write!(out, "{}.{} MB", tenths / 10, tenths % 10)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, expected) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1000, "1.0 kB"),
            (1049, "1.0 kB"),
            (1050, "1.1 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (12_345_678, "12.3 MB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), expected);
        }
    }

    #[test]
    fn a_tally_is_one_sentence() {
        let mut tally = Tally::default();
        assert_eq!(tally.to_string(), "nothing to compress");
        tally.current = 3;
        tally.without_gain = 1;
        assert_eq!(
            tally.to_string(),
            "nothing to compress; 3 files up to date; 1 file no smaller when compressed"
        );
        tally.written = 1;
        tally.sizes.add(&Sizes {
            before: 10_000,
            after: [2000, 0, 3000],
        });
        tally.renewed = 2;
        tally.without_gain = 0;
        tally.left_out = 1;
        assert_eq!(
            tally.to_string(),
            "compressed 1 file: 10.0 kB to 2.0 kB with br, 3.0 kB with gzip; \
             3 files up to date, 2 with a corrected time; \
             1 file skipped, larger than 256 MiB or linked from outside"
        );
    }
}
