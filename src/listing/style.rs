//! The style sheet and the script of the page, and the policy that allows them.

/// The policy with further sources of scripts, and further directives at its end. Only styles and
/// scripts with these hashes are used.
macro_rules! policy {
    ($scripts:literal, $more:literal) => {
        concat!(
            "default-src 'none'; ",
            "style-src 'sha256-x09iWnZtLNpebg+kkYrYHetS6BrtFRJIDwc4XZh8pwU='; ",
            "script-src 'sha256-A/Bhyinm+Yd3ViLugsjRPaI++skExEJ8LmEkE0NWsIc='",
            $scripts,
            "; base-uri 'none'; form-action 'self'",
            $more
        )
    };
}

/// The value of `Content-Security-Policy` on a listing. Nothing is loaded, and forms may only lead
/// to this directory in another order.
pub const CONTENT_SECURITY_POLICY: &str = policy!("", "");

/// The policy for a listing with another script of the same host, which connects to that host.
pub const SECURITY_POLICY_WITH_SCRIPT: &str = policy!(" 'self'", "; connect-src 'self'");

/// Shows times in the visitor's time zone. Without it, they are in UTC.
pub(super) const TIMES: &str = include_str!("times.js");

pub(super) const STYLE: &str = concat!(include_str!("../house.css"), include_str!("listing.css"));
