//! Parsing certificates (X.509, RFC 5280): the validity period, the hosts, the subject and the
//! issuer. Clients check the signatures.

use std::net::IpAddr;

/// The facts in a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CertificateFacts {
    /// The names that it is valid for, in lowercase: host names, some with a leading `*.`.
    pub(super) names: Vec<String>,
    /// The addresses that it is valid for.
    pub(super) addresses: Vec<IpAddr>,
    /// The start of its validity, in seconds since 1970.
    pub(super) not_before: i64,
    /// The end of its validity, in seconds since 1970.
    pub(super) not_after: i64,
    /// Its issuer, as encoded.
    pub(super) issuer: Vec<u8>,
    /// Its subject, as encoded.
    pub(super) subject: Vec<u8>,
}

impl CertificateFacts {
    /// Parses a certificate; `None` if the encoding is invalid.
    pub(super) fn parse(der: &[u8]) -> Option<Self> {
        let mut outer = Reader(der);
        let mut certificate = Reader(outer.expect(SEQUENCE)?);
        let mut fields = Reader(certificate.expect(SEQUENCE)?);
        fields.optional(VERSION);
        // The serial number, and the signature algorithm.
        fields.expect(INTEGER)?;
        fields.expect(SEQUENCE)?;
        let issuer = fields.expect(SEQUENCE)?.to_vec();
        let mut validity = Reader(fields.expect(SEQUENCE)?);
        let not_before = validity.time()?;
        let not_after = validity.time()?;
        let subject = fields.expect(SEQUENCE)?.to_vec();
        // The public key.
        fields.expect(SEQUENCE)?;
        fields.optional(ISSUER_ID);
        fields.optional(SUBJECT_ID);
        let hosts = fields.optional(EXTENSIONS).map(hosts);
        let (names, addresses) = hosts.unwrap_or_else(|| Some(Hosts::default()))?;
        Some(Self {
            names,
            addresses,
            not_before,
            not_after,
            issuer,
            subject,
        })
    }
}

/// Names and addresses.
type Hosts = (Vec<String>, Vec<IpAddr>);

/// Returns the hosts in the subject alternative name (RFC 5280 §4.2.1.6).
fn hosts(extensions: &[u8]) -> Option<Hosts> {
    let mut extensions = Reader(Reader(extensions).expect(SEQUENCE)?);
    while !extensions.is_empty() {
        let mut extension = Reader(extensions.expect(SEQUENCE)?);
        let id = extension.expect(OBJECT_ID)?;
        extension.optional(BOOLEAN);
        let value = extension.expect(OCTET_STRING)?;
        if id != SUBJECT_ALTERNATIVE_NAME {
            continue;
        }
        let mut alternatives = Reader(Reader(value).expect(SEQUENCE)?);
        let (mut names, mut addresses) = Hosts::default();
        while !alternatives.is_empty() {
            let (tag, content) = alternatives.next()?;
            match tag {
                DNS_NAME => names.push(str::from_utf8(content).ok()?.to_ascii_lowercase()),
                IP_ADDRESS => addresses.push(address(content)?),
                _ => {}
            }
        }
        return Some((names, addresses));
    }
    Some(Hosts::default())
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from))
        .ok()
}

/// A reader of consecutive DER values.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the tag and the content of the next value.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            length @ ..=0x7f => (usize::from(*length), rest),
            // A length of up to four bytes. DER has no indefinite lengths.
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = bytes
                    .iter()
                    .fold(0, |length, byte| length << 8 | usize::from(*byte));
                (length, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, content))
    }

    /// Returns the content of the next value, which must have this tag.
    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next()
            .filter(|(found, _)| *found == tag)
            .map(|(_, content)| content)
    }

    /// Returns the content of the next value, if it has this tag.
    fn optional(&mut self, tag: u8) -> Option<&'a [u8]> {
        let is_there = self.0.first() == Some(&tag);
        is_there.then(|| self.expect(tag)).flatten()
    }

    /// Returns a time in seconds since 1970 (RFC 5280 §4.1.2.5). It is always in UTC and has
    /// seconds.
    fn time(&mut self) -> Option<i64> {
        let (tag, content) = self.next()?;
        let digits = content.strip_suffix(b"Z")?;
        let (year, rest) = match tag {
            UTC_TIME => {
                let (year, rest) = digits.split_at_checked(2)?;
                let year = number(year)?;
                (if year < 50 { 2000 + year } else { 1900 + year }, rest)
            }
            GENERALIZED_TIME => {
                let (year, rest) = digits.split_at_checked(4)?;
                (number(year)?, rest)
            }
            _ => return None,
        };
        let parts: Vec<i64> = rest.chunks(2).map(number).collect::<Option<_>>()?;
        let [month, day, hour, minute, second] = parts.try_into().ok()?;
        let is_sound = (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && hour < 24
            && minute < 60
            && second <= 60
            && rest.len() == 10;
        is_sound.then(|| {
            let days = days_since_1970(year, month, day);
            ((days * 24 + hour) * 60 + minute) * 60 + second
        })
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let value = |number, digit: &u8| number * 10 + i64::from(digit - b'0');
    is_number.then(|| digits.iter().fold(0, value))
}

/// Returns the days from 1 January 1970 to a date of the Gregorian calendar. Years start in March,
/// so that a leap day is the last day of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days_before_month = (153 * month + 2) / 5;
    year * 365 + leap_days + days_before_month + day - 1 - DAYS_FROM_MARCH_0_TO_1970
}

const DAYS_FROM_MARCH_0_TO_1970: i64 = 719_468;

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT_ID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const ISSUER_ID: u8 = 0x81;
const SUBJECT_ID: u8 = 0x82;
const EXTENSIONS: u8 = 0xa3;
/// The tags of alternative names.
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;

/// 2.5.29.17
const SUBJECT_ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> Option<i64> {
        let mut der = vec![UTC_TIME, u8::try_from(text.len()).unwrap()];
        der.extend_from_slice(text.as_bytes());
        Reader(&der).time()
    }

    fn generalized(text: &str) -> Option<i64> {
        let mut der = vec![GENERALIZED_TIME, u8::try_from(text.len()).unwrap()];
        der.extend_from_slice(text.as_bytes());
        Reader(&der).time()
    }

    #[test]
    fn times_are_read_as_seconds_since_1970() {
        assert_eq!(utc("700101000000Z"), Some(0));
        assert_eq!(utc("000229120000Z"), Some(951_825_600));
        assert_eq!(utc("491231235959Z"), Some(2_524_607_999));
        assert_eq!(utc("500101000000Z"), Some(-631_152_000));
        assert_eq!(generalized("20500101000000Z"), Some(2_524_608_000));
        assert_eq!(generalized("99991231235959Z"), Some(253_402_300_799));
    }

    #[test]
    fn invalid_times_are_rejected() {
        for text in [
            "",
            "Z",
            "7001010000Z",
            "700101000000",
            "701301000000Z",
            "700100000000Z",
            "700101240000Z",
            "7001010000000Z",
            "70010100000aZ",
            "700101000000+0100",
        ] {
            assert_eq!(utc(text), None, "{text}");
        }
    }

    #[test]
    fn truncated_values_are_rejected() {
        for der in [
            &[][..],
            &[SEQUENCE],
            &[SEQUENCE, 1],
            &[SEQUENCE, 0x80, 0],
            &[SEQUENCE, 0x85, 0, 0, 0, 0, 0],
            &[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert_eq!(Reader(der).next(), None, "{der:?}");
            assert_eq!(CertificateFacts::parse(der), None, "{der:?}");
        }
    }
}
