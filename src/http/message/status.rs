//! The status codes that millpond sends (RFC 9110 §15).

macro_rules! statuses {
    ($($name:ident $code:literal $reason:literal,)+) => {
        /// A status code with its reason phrase.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Status {
            $(#[doc = concat!(stringify!($code), " ", $reason)] $name = $code,)+
        }

        impl Status {
            /// Every status, in the order of their codes.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Returns the reason phrase of RFC 9110.
            pub const fn reason(self) -> &'static str {
                match self { $(Self::$name => $reason,)+ }
            }

            /// Returns the status line (RFC 9112 §4) with its line end.
            pub const fn line(self) -> &'static str {
                match self {
                    $(Self::$name => concat!("HTTP/1.1 ", $code, " ", $reason, "\r\n"),)+
                }
            }
        }
    };
}

statuses! {
    Ok 200 "OK",
    NoContent 204 "No Content",
    PartialContent 206 "Partial Content",
    MovedPermanently 301 "Moved Permanently",
    Found 302 "Found",
    NotModified 304 "Not Modified",
    TemporaryRedirect 307 "Temporary Redirect",
    PermanentRedirect 308 "Permanent Redirect",
    BadRequest 400 "Bad Request",
    Unauthorized 401 "Unauthorized",
    Forbidden 403 "Forbidden",
    NotFound 404 "Not Found",
    MethodNotAllowed 405 "Method Not Allowed",
    RequestTimeout 408 "Request Timeout",
    PreconditionFailed 412 "Precondition Failed",
    ContentTooLarge 413 "Content Too Large",
    UriTooLong 414 "URI Too Long",
    RangeNotSatisfiable 416 "Range Not Satisfiable",
    ExpectationFailed 417 "Expectation Failed",
    MisdirectedRequest 421 "Misdirected Request",
    TooManyRequests 429 "Too Many Requests",
    RequestHeaderFieldsTooLarge 431 "Request Header Fields Too Large",
    InternalServerError 500 "Internal Server Error",
    NotImplemented 501 "Not Implemented",
    ServiceUnavailable 503 "Service Unavailable",
    HttpVersionNotSupported 505 "HTTP Version Not Supported",
}

impl Status {
    /// Returns the three-digit code.
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// Returns the digits of the code.
    pub fn digits(self) -> &'static str {
        let start = "HTTP/1.1 ".len();
        self.line().get(start..start + 3).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_line_carries_code_and_reason() {
        assert_eq!(
            Status::PartialContent.line(),
            "HTTP/1.1 206 Partial Content\r\n"
        );
        for status in Status::ALL {
            let expected = format!("HTTP/1.1 {} {}\r\n", status.code(), status.reason());
            assert_eq!(status.line(), expected);
            assert_eq!(status.digits(), status.code().to_string());
        }
    }
}
