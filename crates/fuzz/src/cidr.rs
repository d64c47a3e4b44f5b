//! Networks from which somebody may call.

use postroad_core::cidr::AllowList;

/// A network in each line.
#[test]
fn a_list_of_networks_means_the_same_when_it_is_written_down() {
    target!(|input: &[u8]| {
        let text = String::from_utf8_lossy(input);
        let Ok(list) = AllowList::parse(text.lines()) else { return false };
        let written: Vec<String> = list.networks().iter().map(ToString::to_string).collect();
        assert_eq!(AllowList::parse(written.iter().map(String::as_str)).as_ref(), Ok(&list));
        let ends = list.networks().iter().flat_map(|network| [network.network(), network.broadcast()]);
        // An IPv4 address in the clothes of IPv6 is one of IPv4, and in no network of IPv6.
        assert!(ends.filter(|end| end.to_canonical() == *end).all(|end| list.allows(end)));
        true
    });
}
