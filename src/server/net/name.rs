//! The URLs with a server's name in the local network.

use crate::server::listen_address::ListenAddress;

/// Returns the URLs with this name for a server at these addresses, for the first port of each
/// protocol.
pub(crate) fn urls(label: &str, addresses: &[ListenAddress]) -> Vec<String> {
    let host = host(label);
    let url_of = |is_tls| first_port(addresses, is_tls).map(|port| url(is_tls, &host, port));
    [false, true].into_iter().filter_map(url_of).collect()
}

/// Returns the first port for HTTPS, or for HTTP.
pub(crate) fn first_port(addresses: &[ListenAddress], is_tls: bool) -> Option<u16> {
    let mut of_kind = addresses.iter().filter(|at| at.is_tls() == is_tls);
    let address = of_kind.find_map(ListenAddress::socket_address)?;
    Some(address.port())
}

/// Returns a URL without the default port.
pub(crate) fn url(is_tls: bool, host: &str, port: u16) -> String {
    let (scheme, default_port) = if is_tls { ("https", 443) } else { ("http", 80) };
    if port == default_port {
        format!("{scheme}://{host}/")
    } else {
        format!("{scheme}://{host}:{port}/")
    }
}

/// Returns the host name of a label.
pub(crate) fn host(label: &str) -> String {
    format!("{label}.local")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_port_of_each_protocol_has_a_url() {
        let at = |text: &str| text.parse().unwrap();
        let addresses = [
            ListenAddress::Unix("/run/a".into()),
            ListenAddress::Tls(at("0.0.0.0:443")),
            ListenAddress::Tcp(at("0.0.0.0:8080")),
            ListenAddress::Tcp(at("[::]:8081")),
        ];
        assert_eq!(
            urls("millpond", &addresses),
            ["http://millpond.local:8080/", "https://millpond.local/"]
        );
        assert_eq!(urls("millpond", &addresses[..1]), [""; 0]);
    }
}
