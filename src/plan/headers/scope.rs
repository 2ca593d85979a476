//! The requests that a rule applies to, besides the path: those with certain hosts or methods.

use crate::http::host::Host;
use crate::http::method::Method;
use crate::http::request::RequestHead;

/// The requests that a rule applies to, besides the path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The hosts of matching requests; empty for any.
    pub hosts: Vec<Host>,
    /// The methods of matching requests; empty for any.
    pub methods: Vec<Method>,
}

impl Scope {
    /// The methods that operators can name. Requests with other methods get an error anyway.
    pub const METHODS: [(Method, &str); 3] = [
        (Method::Get, "GET"),
        (Method::Head, "HEAD"),
        (Method::Options, "OPTIONS"),
    ];

    /// Returns `true` if the scope includes every request.
    pub fn is_all(&self) -> bool {
        self.hosts.is_empty() && self.methods.is_empty()
    }

    /// Returns `true` if the scope includes this request.
    pub fn holds(&self, request: &RequestHead<'_>) -> bool {
        // RFC 9110 §9.3.2: HEAD is answered like GET.
        let fits = |method: &Method| {
            *method == request.method || (*method, request.method) == (Method::Get, Method::Head)
        };
        let is_named = || {
            let authority = request.authority();
            self.hosts.iter().any(|host| host.matches(authority))
        };
        (self.methods.is_empty() || self.methods.iter().any(fits))
            && (self.hosts.is_empty() || is_named())
    }
}
