//! From which address a request comes, when proxies stand in front.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName};
use postroad_core::cidr::{AllowList, CidrError};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Hops that are looked at. Nobody has so many proxies.
const HOPS_MAX: usize = 32;

/// A network that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("trusted proxies: {0}")]
pub struct ProxyError(#[from] CidrError);

pub(crate) struct TrustedProxies(AllowList);

impl TrustedProxies {
    pub(crate) fn parse(networks: &[String]) -> Result<Self, ProxyError> {
        Ok(Self(AllowList::parse(networks.iter().map(String::as_str))?))
    }

    /// The rightmost hop that is no proxy of ours. What stands left of it, anybody could have written.
    pub(crate) fn client_ip(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.0.contains(client) {
            return client;
        }
        let hops = headers.get_all(FORWARDED_FOR).iter().rev().filter_map(|value| value.to_str().ok());
        for hop in hops.flat_map(|value| value.rsplit(',')).take(HOPS_MAX) {
            let Some(ip) = address(hop) else { return client };
            client = ip;
            if !self.0.contains(client) {
                break;
            }
        }
        client
    }
}

/// An address, with or without a port.
fn address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bare = hop.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(hop, |(inside, _)| inside);
    let parsed = bare.parse().or_else(|_| bare.parse::<std::net::SocketAddr>().map(|socket| socket.ip()));
    parsed.ok().map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client_ip(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let trusted: Vec<String> = trusted.iter().map(ToString::to_string).collect();
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        TrustedProxies::parse(&trusted).unwrap().client_ip(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_what_a_trusted_proxy_says_is_believed() {
        let cases: &[(&[&str], &str, &[&str], &str)] = &[
            // Nobody is trusted: the header is anybody's.
            (&[], "192.0.2.1", &["198.51.100.7"], "192.0.2.1"),
            (&["10.0.0.0/8"], "192.0.2.1", &["198.51.100.7"], "192.0.2.1"),
            (&["10.0.0.0/8"], "10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            // What the client wrote itself stands left of what the proxy saw.
            (&["10.0.0.0/8"], "10.0.0.1", &["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
            (&["10.0.0.0/8"], "10.0.0.1", &["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
            (&["10.0.0.0/8"], "10.0.0.1", &["203.0.113.9, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),
            (&["10.0.0.0/8"], "10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            (&["10.0.0.0/8"], "10.0.0.1", &[], "10.0.0.1"),
            (&["10.0.0.0/8"], "10.0.0.1", &["198.51.100.7, nonsense"], "10.0.0.1"),
            (&["10.0.0.0/8"], "10.0.0.1", &["198.51.100.7:4711"], "198.51.100.7"),
            (&["10.0.0.0/8"], "10.0.0.1", &["[2001:db8::7]:4711"], "2001:db8::7"),
            (&["::1"], "::1", &["::ffff:198.51.100.7"], "198.51.100.7"),
            (&["10.0.0.0/8"], "::ffff:10.0.0.1", &["2001:db8::7"], "2001:db8::7"),
        ];
        for (trusted, peer, forwarded, expected) in cases {
            assert_eq!(client_ip(trusted, peer, forwarded), *expected, "{peer} says {forwarded:?}");
        }
    }
}
