//! Who comes in by which door, and what goes out: how this process's settings look from outside.

use std::net::IpAddr;

use super::Check;
use crate::config::Config;

pub(super) fn checks(config: &Config) -> Vec<Check> {
    vec![listening(config), cookie(config), proxies(config), egress(config), log(config)]
}

fn is_https(config: &Config) -> bool {
    config.public_url.as_ref().is_some_and(|url| url.starts_with("https://"))
}

fn listening(config: &Config) -> Check {
    const ID: &str = "doors.listen";
    let address = config.listen;
    match address.ip() {
        ip if ip.is_loopback() => Check::ok(ID, format!("{address}: this machine alone reaches it")),
        _ if is_https(config) => Check::ok(ID, format!("{address}, and a proxy speaks TLS in front of it")),
        _ => Check::warning(
            ID,
            format!("{address} is reached from elsewhere, and nothing says that TLS is in front of it"),
            "listen on 127.0.0.1 behind a proxy with TLS, and set POSTROAD_PUBLIC_URL to its https address",
        ),
    }
}

fn cookie(config: &Config) -> Check {
    const ID: &str = "doors.cookie";
    if is_https(config) {
        return Check::ok(ID, "__Host-postroad: sent over TLS alone, to this host alone");
    }
    if config.listen.ip().is_loopback() && config.public_url.is_none() {
        return Check::ok(ID, "postroad, without TLS: for this machine alone");
    }
    let fix = "set POSTROAD_PUBLIC_URL to an https address: the browser then keeps the cookie from everybody else";
    Check::warning(ID, "the cookie of a session travels without TLS, and its name is postroad", fix)
}

fn proxies(config: &Config) -> Check {
    const ID: &str = "doors.proxies";
    if config.trusted_proxies.iter().any(|network| network.trim().ends_with("/0")) {
        return Check::error(
            ID,
            "everybody is a trusted proxy",
            "name the networks of your proxies in POSTROAD_TRUSTED_PROXIES: callers choose their own address now",
        );
    }
    match config.trusted_proxies.as_slice() {
        [] if is_https(config) && !is_public(config.listen.ip()) => Check::warning(
            ID,
            "a proxy is in front, and none is trusted: all callers have its address",
            "name its network in POSTROAD_TRUSTED_PROXIES: allow-lists of clients and limits of guessers go by addresses",
        ),
        [] => Check::ok(ID, "nobody's word about the caller's address is believed"),
        networks => Check::ok(ID, format!("{} may say where a caller comes from", networks.join(", "))),
    }
}

const fn is_public(ip: IpAddr) -> bool {
    !ip.is_loopback() && !ip.is_unspecified()
}

fn egress(config: &Config) -> Check {
    const ID: &str = "doors.egress";
    if config.egress.is_unbounded() {
        let fix = "name the networks that tenants need in POSTROAD_EGRESS_ALLOW, and no others";
        return Check::error(ID, "tenants may have any address called, our own house's too", fix);
    }
    if config.egress.allows_plain_http() {
        let fix = "take `http` out of POSTROAD_EGRESS_ALLOW: what is told to endpoints can be read on the way";
        return Check::warning(ID, "tenants' endpoints may be called without TLS", fix);
    }
    Check::ok(ID, "the public internet over TLS, and what POSTROAD_EGRESS_ALLOW names")
}

/// At `trace`, libraries tell what they send and read.
fn log(config: &Config) -> Check {
    let filter = &config.log.filter;
    if filter.split([',', '=']).any(|word| word.trim().eq_ignore_ascii_case("trace")) {
        let fix = "use debug for our own crates: at trace the libraries below us tell more than anybody should keep";
        return Check::warning("doors.log", format!("RUST_LOG is {filter}"), fix);
    }
    Check::ok("doors.log", filter.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Found, Origin},
        doctor::Verdict,
    };

    fn verdict(id: &str, settings: &[(&str, &str)]) -> Verdict {
        let lookup = |name: &str| {
            let given = settings.iter().find(|(setting, _)| *setting == name)?;
            Some(Found { value: given.1.to_owned(), origin: Origin::Environment })
        };
        let (config, _) = Config::read(lookup).expect("the settings are sound");
        checks(&config).iter().find(|check| check.id == id).expect("the check exists").verdict
    }

    #[test]
    fn a_door_to_the_outside_without_tls_is_told() {
        let https = ("POSTROAD_PUBLIC_URL", "https://messages.example");
        let http = ("POSTROAD_PUBLIC_URL", "http://messages.example");
        let everywhere = ("POSTROAD_LISTEN", "0.0.0.0:7800");
        for id in ["doors.listen", "doors.cookie", "doors.proxies", "doors.egress", "doors.log"] {
            assert_eq!(verdict(id, &[]), Verdict::Ok, "{id}");
        }
        assert_eq!(verdict("doors.listen", &[everywhere]), Verdict::Warning);
        assert_eq!(verdict("doors.listen", &[everywhere, https]), Verdict::Ok);
        assert_eq!(verdict("doors.cookie", &[everywhere]), Verdict::Warning);
        assert_eq!(verdict("doors.cookie", &[http]), Verdict::Warning);
        assert_eq!(verdict("doors.cookie", &[https]), Verdict::Ok);
    }

    #[test]
    fn trust_and_reach_without_bounds_are_errors() {
        let https = ("POSTROAD_PUBLIC_URL", "https://messages.example");
        assert_eq!(verdict("doors.proxies", &[https]), Verdict::Warning);
        assert_eq!(verdict("doors.proxies", &[https, ("POSTROAD_TRUSTED_PROXIES", "10.0.0.0/8")]), Verdict::Ok);
        assert_eq!(verdict("doors.proxies", &[("POSTROAD_TRUSTED_PROXIES", "0.0.0.0/0")]), Verdict::Error);
        assert_eq!(verdict("doors.egress", &[("POSTROAD_EGRESS_ALLOW", "10.0.0.0/8,:8080")]), Verdict::Ok);
        assert_eq!(verdict("doors.egress", &[("POSTROAD_EGRESS_ALLOW", "http")]), Verdict::Warning);
        assert_eq!(verdict("doors.egress", &[("POSTROAD_EGRESS_ALLOW", "::/0")]), Verdict::Error);
        assert_eq!(verdict("doors.log", &[("RUST_LOG", "info,hyper=trace")]), Verdict::Warning);
    }
}
