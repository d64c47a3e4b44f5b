//! Where we call on a tenant's word: public addresses over TLS, and what the operator has allowed beside them.
//!
//! Pure: an address is read by the parser that the client uses too, so that no spelling means one thing here and another
//! there, and whoever looks a name up asks [`Policy::allows`] about each address that was found. Deliberately absent: looking
//! up and calling, which is the worker's.

use std::net::IpAddr;

use http::Uri;
use ipnet::IpNet;
use url::{Host, Url};

use crate::{
    cidr::{AllowList, CidrError},
    limits::ENDPOINT_URL_CHARS_MAX,
};

/// Ports that anybody may name.
const PORTS: [u16; 3] = [80, 443, 8443];

/// Networks of IPv4 that are not the public internet (IANA's special-purpose registry, and what is no unicast).
const PRIVATE_V4: [&str; 15] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
];

/// All that is given out of IPv6 today. Outside lie loopback, link-local, unique-local, multicast, NAT64 and mapped IPv4.
const GIVEN_OUT_V6: &str = "2000::/3";

/// Within it, what leads elsewhere: protocol assignments with Teredo, documentation twice, 6to4.
const PRIVATE_V6: [&str; 4] = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];

/// Whether an address is one of the public internet, in whichever family it is spelled.
pub fn is_public(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let within = |network: &&str| network.parse::<IpNet>().is_ok_and(|network| network.contains(&address));
    match address {
        IpAddr::V4(_) => !PRIVATE_V4.iter().any(within),
        IpAddr::V6(_) => within(&GIVEN_OUT_V6) && !PRIVATE_V6.iter().any(within),
    }
}

/// Why an address is not called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the address is none like https://hooks.example.com/postroad")]
    Malformed,
    #[error("the address has more than {ENDPOINT_URL_CHARS_MAX} characters")]
    TooLong,
    #[error("the address begins with {scheme}:, and only https: is called")]
    Scheme { scheme: String },
    #[error("the address holds a user name or password: what is sent is signed instead")]
    Credentials,
    #[error("port {port} is not called; 443, 8443 and 80 are")]
    Port { port: u16 },
    #[error("{host} is not on the public internet")]
    NotPublic { host: String },
}

/// Why the operator's list is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    #[error(transparent)]
    Network(#[from] CidrError),
    #[error("{entry:?} is neither a network, a name, a port like :8080, nor http")]
    Entry { entry: String },
}

/// What may be called. The default is the public internet over TLS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    networks: AllowList,
    /// In lower case, without a dot at the end.
    names: Vec<String>,
    ports: Vec<u16>,
    http: bool,
}

impl Policy {
    /// By commas: `10.0.0.0/8` and `192.0.2.7` may be reached although they are not public, `erp.example.internal` wherever it
    /// leads, `:8080` is one more port, and `http` allows what is not encrypted. For all tenants, each by itself.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let mut policy = Self::default();
        let mut networks = Vec::new();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            if entry == "http" {
                policy.http = true;
            } else if let Some(port) = entry.strip_prefix(':').and_then(|port| port.parse().ok()) {
                policy.ports.push(port);
            } else if is_network(entry) {
                networks.push(entry);
            } else {
                policy.names.push(name(entry)?);
            }
        }
        policy.networks = AllowList::parse(networks)?;
        Ok(policy)
    }

    /// The operator allowed every address of a family: nothing of our own house is kept from tenants.
    pub fn is_unbounded(&self) -> bool {
        self.networks.networks().iter().any(|network| network.prefix_len() == 0)
    }

    /// Calls may go out without TLS.
    pub const fn allows_plain_http(&self) -> bool {
        self.http
    }

    /// Reads an address as the client will. A name is still to be looked up: see [`Self::allows`].
    pub fn check(&self, text: &str) -> Result<Url, Refused> {
        if text.chars().count() > ENDPOINT_URL_CHARS_MAX {
            return Err(Refused::TooLong);
        }
        let mut url = Url::parse(text).map_err(|_| Refused::Malformed)?;
        // It is nobody's business but a browser's.
        url.set_fragment(None);
        match url.scheme() {
            "https" => {}
            "http" if self.http => {}
            scheme => return Err(Refused::Scheme { scheme: scheme.chars().take(20).collect() }),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::Credentials);
        }
        let port = url.port_or_known_default().ok_or(Refused::Malformed)?;
        if !PORTS.contains(&port) && !self.ports.contains(&port) {
            return Err(Refused::Port { port });
        }
        self.check_host(&url)?;
        url.as_str().parse::<Uri>().map_err(|_| Refused::Malformed)?;
        // The one spelling may be longer than the one that was given.
        if url.as_str().len() > ENDPOINT_URL_CHARS_MAX { Err(Refused::TooLong) } else { Ok(url) }
    }

    fn check_host(&self, url: &Url) -> Result<(), Refused> {
        let host = url.host().ok_or(Refused::Malformed)?;
        let may = match &host {
            Host::Domain(name) => is_public_name(name) || self.is_named(name),
            Host::Ipv4(address) => self.allows(None, IpAddr::V4(*address)),
            Host::Ipv6(address) => self.allows(None, IpAddr::V6(*address)),
        };
        if may { Ok(()) } else { Err(Refused::NotPublic { host: host.to_string() }) }
    }

    /// Whether an address may be connected to, that this name was found to lead to.
    pub fn allows(&self, name: Option<&str>, address: IpAddr) -> bool {
        is_public(address) || self.networks.contains(address) || name.is_some_and(|name| self.is_named(name))
    }

    fn is_named(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.').to_lowercase();
        self.names.contains(&name)
    }
}

fn is_network(entry: &str) -> bool {
    entry.contains('/') || entry.parse::<IpAddr>().is_ok()
}

/// As the client spells it: international names in their ASCII form.
fn name(entry: &str) -> Result<String, PolicyError> {
    match Host::parse(entry) {
        Ok(Host::Domain(name)) => Ok(name.trim_end_matches('.').to_owned()),
        _ => Err(PolicyError::Entry { entry: entry.chars().take(60).collect() }),
    }
}

/// Names of one's own house are told at once; where any other leads is seen when it is looked up.
fn is_public_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    let last = name.rsplit('.').next().unwrap_or_default();
    name.contains('.') && !matches!(last, "localhost" | "local" | "internal" | "lan" | "home" | "arpa")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spellings of what must not be reached, and of what is not called at all.
    const REFUSED: &[&str] = &[
        // Loopback, however it is written.
        "https://127.0.0.1/",
        "https://127.1/",
        "https://127.0.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://017700000001/",
        "https://0177.1/",
        "https://127.0.0.1./",
        "https://127.255.255.254/",
        "https://%31%32%37.0.0.1/",
        "https://127\u{3002}0\u{3002}0\u{3002}1/",
        "https://\u{ff11}\u{ff12}\u{ff17}.0.0.1/",
        "https://\u{2460}\u{2461}\u{2466}.\u{24ea}.\u{24ea}.\u{2460}/",
        "https://0/",
        "https://0.0.0.0/",
        "https://0x0/",
        "https://00.00/",
        "https://[::1]/",
        "https://[0:0:0:0:0:0:0:1]/",
        "https://[::]/",
        "https://[::127.0.0.1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[0000::ffff:7f00:0001]/",
        "https://localhost/",
        "https://LOCALHOST/",
        "https://localhost./",
        "https://a.localhost/",
        "https://ｌocalhost/",
        // Machines in the same house.
        "https://10.0.0.1/",
        "https://0x0a000001/",
        "https://012.1/",
        "https://172.16.0.1/",
        "https://172.31.255.255/",
        "https://192.168.1.1/",
        "https://3232235777/",
        "https://[::ffff:192.168.1.1]/",
        "https://100.64.0.1/",
        "https://100.127.255.255/",
        "https://198.18.0.1/",
        "https://198.19.255.255/",
        "https://[fc00::1]/",
        "https://[fdff::1]/",
        "https://[fec0::1]/",
        "https://redis/",
        "https://redis.internal/",
        "https://printer.local/",
        "https://router.lan/",
        "https://nas.home.arpa/",
        // What a cloud tells its own machines.
        "https://169.254.169.254/latest/meta-data/",
        "https://2852039166/",
        "https://0xa9fea9fe/",
        "https://0251.0376.0251.0376/",
        "https://[::ffff:a9fe:a9fe]/",
        "https://[fe80::1]/",
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://[fd00:ec2::254]/",
        // Ways into IPv4 through IPv6.
        "https://[64:ff9b::7f00:1]/",
        "https://[64:ff9b::10.0.0.1]/",
        "https://[64:ff9b:1::1]/",
        "https://[2002:7f00:1::]/",
        "https://[2002:c0a8:101::1]/",
        "https://[2001::1]/",
        "https://[2001:0:7f00:1::]/",
        // Nobody's, and everybody's.
        "https://192.0.0.1/",
        "https://192.0.2.1/",
        "https://192.88.99.1/",
        "https://198.51.100.1/",
        "https://203.0.113.1/",
        "https://224.0.0.1/",
        "https://239.255.255.255/",
        "https://240.0.0.1/",
        "https://255.255.255.255/",
        "https://4294967295/",
        "https://[100::1]/",
        "https://[2001:db8::1]/",
        "https://[3fff::1]/",
        "https://[5f00::1]/",
        "https://[ff02::1]/",
        "https://[4000::1]/",
        // Not called whoever it is.
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "data:text/plain,x",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "https://:password@example.com/",
        "https://example.com@127.0.0.1/",
        "https://127.0.0.1#@example.com/",
        "https://127.0.0.1\\@example.com/",
        "https://example.com:22/",
        "https://example.com:6379/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://256.256.256.256/",
        "https://1.2.3.4.5/",
        "https://[::1/",
        "https://exa mple.com/",
        "https://",
        "https:///",
        "//example.com/",
        "example.com",
        "",
    ];

    #[test]
    fn no_spelling_of_an_address_in_our_own_house_is_called() {
        assert!(REFUSED.len() >= 60, "{}", REFUSED.len());
        let policy = Policy::default();
        for address in REFUSED {
            assert!(policy.check(address).is_err(), "{address:?} is {:?}", policy.check(address).map(String::from));
        }
        assert_eq!(policy.check(&format!("https://example.com/{}", "x".repeat(2_048))), Err(Refused::TooLong));
    }

    #[test]
    fn public_addresses_are_called_and_are_written_the_one_way() {
        let cases = [
            ("https://hooks.example.com/postroad?x=1", "https://hooks.example.com/postroad?x=1"),
            ("HTTPS://Hooks.Example.COM:443", "https://hooks.example.com/"),
            ("https://hooks.example.com.:8443/", "https://hooks.example.com.:8443/"),
            ("https://bücher.example/", "https://xn--bcher-kva.example/"),
            ("https://8.8.8.8/", "https://8.8.8.8/"),
            ("https://0x08080808/", "https://8.8.8.8/"),
            ("https://100.63.255.255/", "https://100.63.255.255/"),
            ("https://100.128.0.0/", "https://100.128.0.0/"),
            ("https://172.15.255.255/", "https://172.15.255.255/"),
            ("https://172.32.0.0/", "https://172.32.0.0/"),
            ("https://223.255.255.255/", "https://223.255.255.255/"),
            ("https://[2606:4700:4700::1111]/", "https://[2606:4700:4700::1111]/"),
            ("https://[2001:200::1]/", "https://[2001:200::1]/"),
        ];
        for (text, expected) in cases {
            assert_eq!(Policy::default().check(text).map(String::from), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn the_operator_allows_networks_names_ports_and_http_each_by_itself() {
        let allowed = |list: &str, address: &str| Policy::parse(list).unwrap().check(address).is_ok();
        let cases = [
            ("10.0.0.0/8", "https://10.1.2.3/", true),
            ("10.0.0.0/8", "https://[::ffff:10.1.2.3]/", true),
            ("10.0.0.0/8", "https://11.1.2.3/", true),
            ("10.0.0.0/8", "https://192.168.0.1/", false),
            ("10.0.0.0/8", "http://10.1.2.3/", false),
            ("10.0.0.0/8", "https://10.1.2.3:8080/", false),
            ("10.0.0.0/8, http,:8080", "http://10.1.2.3:8080/", true),
            ("http", "http://example.com/", true),
            ("http", "http://127.0.0.1/", false),
            (":8080", "https://example.com:8080/", true),
            ("ERP.internal", "https://erp.internal./", true),
            ("erp.internal", "https://crm.internal/", false),
            ("erp.internal", "https://x.erp.internal/", false),
            ("localhost", "https://localhost/", true),
            ("localhost", "https://127.0.0.1/", false),
            ("", "https://example.com/", true),
        ];
        for (list, address, expected) in cases {
            assert_eq!(allowed(list, address), expected, "{address} with {list:?}");
        }
    }

    #[test]
    fn where_a_name_leads_is_asked_for_each_address() {
        let policy = Policy::parse("erp.internal,10.0.0.0/8").unwrap();
        let cases = [
            ("hooks.example.com", "8.8.8.8", true),
            ("hooks.example.com", "127.0.0.1", false),
            ("hooks.example.com", "::ffff:127.0.0.1", false),
            ("hooks.example.com", "10.9.9.9", true),
            ("erp.internal", "127.0.0.1", true),
        ];
        for (name, address, expected) in cases {
            assert_eq!(policy.allows(Some(name), address.parse().unwrap()), expected, "{name} at {address}");
        }
    }

    #[test]
    fn a_list_that_is_not_understood_is_refused() {
        for list in ["10.0.0.1/8", "10.0.0.0/33", "0300.1", ":http", ":99999", "a b", "https://example.com", "[::1]"] {
            assert!(Policy::parse(list).is_err(), "{list}");
        }
    }
}
