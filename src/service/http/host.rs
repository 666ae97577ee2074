//! Who a request believes to talk to. A page of the internet can give its own name the address 127.0.0.1 (DNS rebinding) and
//! then ask this endpoint from the browser of whoever opens it; such a request names the other host.

use std::net::IpAddr;

use axum::http::{HeaderMap, header};

/// What a request is told that names another host.
pub const NOT_LOCAL: &str =
    "this endpoint is local: open it as http://127.0.0.1 or http://localhost with its port";

/// Whether the header names an IP address or localhost, or is missing, as no browser leaves it out.
pub fn is_local(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST) else {
        return true;
    };
    let host = host.to_str().unwrap_or_default();
    let has_port = |(_, port): &(&str, &str)| port.bytes().all(|byte| byte.is_ascii_digit());
    let name = host.rsplit_once(':').filter(has_port);
    let name = name.map_or(host, |(name, _)| name);
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.ends_with(".localhost") || address.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_are_not_local() {
        let is_local = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            is_local(&headers)
        };
        for host in [
            "127.0.0.1:9464",
            "127.0.0.1",
            "localhost:1",
            "[::1]:9464",
            "demo.localhost:9464",
            "192.0.2.1:80",
        ] {
            assert!(is_local(host), "{host}");
        }
        for host in [
            "evil.example:9464",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:9464",
            "",
        ] {
            assert!(!is_local(host), "{host}");
        }
        assert!(super::is_local(&HeaderMap::new()));
    }
}
