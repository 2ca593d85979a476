//! The figures of each of several sites.

use super::served::CLASSES;

/// The figures of one site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SiteFigures {
    pub(crate) name: String,
    /// `true` if there is a directory to serve.
    pub(crate) has_root: bool,
    /// The responses by the first digit of their status, starting with 1xx.
    pub(crate) responses: [u64; CLASSES],
}

impl SiteFigures {
    /// Adds the figures of another site, or of the same site in another loop.
    pub(crate) fn add(&mut self, other: &Self) {
        self.has_root &= other.has_root;
        for (count, more) in self.responses.iter_mut().zip(other.responses) {
            *count += more;
        }
    }
}

/// Returns the sums of the figures of the same sites in several loops.
pub(crate) fn merged<'a>(loops: impl Iterator<Item = &'a Vec<SiteFigures>>) -> Vec<SiteFigures> {
    let mut all: Vec<SiteFigures> = Vec::new();
    for sites in loops {
        for site in sites {
            // During a reload, loops may have different sites.
            match all.iter_mut().find(|it| it.name == site.name) {
                Some(sum) => sum.add(site),
                None => all.push(site.clone()),
            }
        }
    }
    all
}

/// Returns the figures of the first sites, and the sum of all others.
pub(crate) fn bounded(sites: impl Iterator<Item = SiteFigures>) -> Vec<SiteFigures> {
    let mut all: Vec<SiteFigures> = Vec::new();
    for site in sites {
        if all.len() < SITES_MAX {
            all.push(site);
        } else if let Some(others) = all.get_mut(SITES_MAX) {
            others.add(&site);
        } else {
            let name = OTHERS.to_owned();
            all.push(SiteFigures { name, ..site });
        }
    }
    all
}

/// The most sites that are reported separately: each takes six lines in every scrape.
const SITES_MAX: usize = 100;

/// The name of all other sites together. No site has it, because the name of a site ends in a
/// slash.
const OTHERS: &str = "other";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_sites_are_reported_as_a_bounded_number() {
        let site = |number: usize| SiteFigures {
            name: format!("{number}.test/"),
            has_root: number != 150,
            responses: [0, 1, 0, 0, 0],
        };
        assert_eq!(bounded((0..3).map(site)).len(), 3);
        let all = bounded((0..250).map(site));
        assert_eq!(all.len(), SITES_MAX + 1);
        let others = all.last().unwrap();
        assert_eq!((others.name.as_str(), others.has_root), (OTHERS, false));
        assert_eq!(others.responses, [0, 150, 0, 0, 0]);
    }
}
