//! Lists of networks: from where an API client may call.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use crate::limits::ALLOW_LIST_MAX;

/// Networks, each in its one spelling.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowList(Vec<IpNet>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    #[error("{entry:?} is neither an address nor a network like 192.0.2.0/24")]
    NotANetwork { entry: String },
    /// Probably a typing mistake; guessing either way could let strangers in.
    #[error("{entry:?} names an address within a network; the network is {network}")]
    HostBits { entry: String, network: IpNet },
    #[error("the list has {count} entries, and {ALLOW_LIST_MAX} is the most we check")]
    TooMany { count: usize },
}

impl AllowList {
    /// One entry per item: an address, or a network. IPv4 written as IPv6 (`::ffff:192.0.2.0/120`) is IPv4.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, CidrError> {
        let networks = entries.into_iter().map(network).collect::<Result<Vec<_>, _>>()?;
        if networks.len() > ALLOW_LIST_MAX {
            return Err(CidrError::TooMany { count: networks.len() });
        }
        Ok(Self(networks))
    }

    /// An empty list allows everybody: a client without a list is not bound to one.
    pub fn allows(&self, address: IpAddr) -> bool {
        self.0.is_empty() || self.contains(address)
    }

    /// The address lies in one of the networks. For lists of trusted proxies, where empty means nobody.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// As they are stored and shown.
    pub fn networks(&self) -> &[IpNet] {
        &self.0
    }
}

fn network(entry: &str) -> Result<IpNet, CidrError> {
    let text = entry.trim();
    let shown = || text.chars().take(60).collect::<String>();
    let parsed = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let network = canonical(parsed.map_err(|_| CidrError::NotANetwork { entry: shown() })?);
    if network != network.trunc() {
        return Err(CidrError::HostBits { entry: shown(), network: network.trunc() });
    }
    Ok(network)
}

/// A network within `::ffff:0:0/96` is a network of IPv4.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else {
        return network;
    };
    let mapped = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96));
    mapped.and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok()).map_or(network, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(entries: &str) -> AllowList {
        AllowList::parse(entries.split_whitespace()).unwrap()
    }

    #[test]
    fn an_address_is_allowed_when_one_network_holds_it_in_either_spelling() {
        let cases = [
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.0/24", "::ffff:192.0.2.7", true),
            ("::ffff:192.0.2.0/120", "192.0.2.7", true),
            ("::ffff:192.0.2.0/120", "192.0.3.7", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("::ffff:192.0.2.7", "192.0.2.7", true),
            ("0.0.0.0/0", "203.0.113.9", true),
            // The whole of one family is nothing of the other.
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "203.0.113.9", false),
            ("2001:db8::/32 203.0.113.9", "2001:db8:ffff::1", true),
            ("2001:db8::/32 203.0.113.9", "203.0.113.9", true),
            ("2001:db8::/32 203.0.113.9", "2001:db9::1", false),
        ];
        for (entries, address, expected) in cases {
            let list = list(entries);
            assert_eq!(list.allows(address.parse().unwrap()), expected, "{address} of {entries}");
            assert_eq!(list.contains(address.parse().unwrap()), expected, "{address} of {entries}");
        }
    }

    #[test]
    fn an_empty_list_allows_everybody_and_contains_nobody() {
        let address = "203.0.113.9".parse().unwrap();
        assert!(AllowList::default().allows(address) && !AllowList::default().contains(address));
    }

    #[test]
    fn a_wrong_entry_is_named() {
        for text in [
            "",
            "192.0.2",
            "192.0.2.0/33",
            "192.0.2.0/",
            "2001:db8::/129",
            "example.org",
            "0300.0.2.1",
            "1",
            "fe80::1%eth0",
        ] {
            let entry = text.to_owned();
            assert_eq!(AllowList::parse([text]), Err(CidrError::NotANetwork { entry }), "{text}");
        }
        let error = AllowList::parse([" 192.0.2.7/24 "]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"192.0.2.7/24\" names an address within a network; the network is 192.0.2.0/24"
        );
        assert_eq!(AllowList::parse(["192.0.2.1"; 101]), Err(CidrError::TooMany { count: 101 }));
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_what_is_read_is_written_the_same(text in "[0-9a-f.:/]{0,24}|\\PC{0,24}") {
            if let Ok(list) = AllowList::parse([text.as_str()]) {
                let written = list.networks()[0].to_string();
                prop_assert_eq!(AllowList::parse([written.as_str()]), Ok(list));
            }
        }

        #[test]
        fn a_network_holds_exactly_the_addresses_that_share_its_bits(network: u32, address: u32, prefix in 0..=32_u32) {
            let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
            let text = format!("{}/{prefix}", std::net::Ipv4Addr::from(network & mask));
            let list = AllowList::parse([text.as_str()]).unwrap();
            let close = network ^ (address >> 28);
            for address in [address, close] {
                let expected = address & mask == network & mask;
                prop_assert_eq!(list.allows(std::net::Ipv4Addr::from(address).into()), expected, "{} {}", text, address);
            }
        }
    }
}
