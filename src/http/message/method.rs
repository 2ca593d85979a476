//! Request methods (RFC 9110 §9).

/// The methods that the server answers differently (RFC 9110 §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// HEAD
    Head,
    /// OPTIONS
    Options,
    /// CONNECT
    Connect,
    /// A known method that no file allows: POST, PUT, DELETE, PATCH, TRACE.
    NotAllowed,
    /// Any other token.
    Unrecognized,
}

impl Method {
    /// Recognizes a method by its name, which is case-sensitive (RFC 9110 §9.1).
    pub(super) fn recognize(name: &str) -> Self {
        match name {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "OPTIONS" => Self::Options,
            "CONNECT" => Self::Connect,
            "POST" | "PUT" | "DELETE" | "PATCH" | "TRACE" => Self::NotAllowed,
            _ => Self::Unrecognized,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_recognized_by_its_name_in_upper_case() {
        for (name, method) in [
            ("GET", Method::Get),
            ("HEAD", Method::Head),
            ("OPTIONS", Method::Options),
            ("CONNECT", Method::Connect),
            ("POST", Method::NotAllowed),
            ("PUT", Method::NotAllowed),
            ("DELETE", Method::NotAllowed),
            ("PATCH", Method::NotAllowed),
            ("TRACE", Method::NotAllowed),
            ("BREW", Method::Unrecognized),
            ("get", Method::Unrecognized),
            ("", Method::Unrecognized),
        ] {
            assert_eq!(Method::recognize(name), method, "{name}");
        }
    }
}
