//! WhatsApp message ids, as Meta writes them: base64 of a small binary structure with the recipient and a number.
//!
//! Ours carry the send's place in the ledger, so that a status can find its message and nothing is stored.

use data_encoding::BASE64;

/// (life of the ledger, place in it)
pub(crate) type Place = (u32, u32);

/// An id of a message sent by the business. `epoch` counts resets, so that ids never repeat.
pub(crate) fn outbound(recipient: &str, seed: u64, (epoch, index): Place) -> String {
    // 18 hexadecimal digits: 2 of the epoch, 8 of the seed, 8 of the place.
    let tail = format!("{:02X}{:08X}{index:08X}", epoch & 0xff, seed & 0xffff_ffff);
    encode(recipient, 0x11, &tail)
}

/// An id of a message received from a contact.
pub(crate) fn inbound(sender: &str, seed: u64, (epoch, index): Place) -> String {
    let tail = format!("3A{:02X}{:08X}{index:08X}", epoch & 0xff, seed & 0xffff_ffff);
    encode(sender, 0x12, &tail)
}

fn encode(address: &str, direction: u8, tail: &str) -> String {
    let short = |text: &str| u8::try_from(text.len()).unwrap_or(u8::MAX);
    let mut bytes = vec![0x1c, 0x18, short(address)];
    bytes.extend_from_slice(address.as_bytes());
    bytes.extend_from_slice(&[0x15, 0x02, 0x00, direction, 0x18, short(tail)]);
    bytes.extend_from_slice(tail.as_bytes());
    bytes.push(0);
    let mut id = String::from("wamid.");
    BASE64.encode_append(&bytes, &mut id);
    id
}

/// Where an id of ours points to.
pub(crate) fn place(id: &str) -> Option<Place> {
    let bytes = BASE64.decode(id.strip_prefix("wamid.")?.as_bytes()).ok()?;
    let tail = bytes.strip_suffix(&[0])?;
    let tail = std::str::from_utf8(tail.get(tail.len().checked_sub(18)?..)?).ok()?;
    let number = |range: std::ops::Range<usize>| u32::from_str_radix(tail.get(range)?, 16).ok();
    Some((number(0..2)?, number(10..18)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_leads_back_to_its_place() {
        for place_in in [(0, 0), (1, 999_999), (255, u32::MAX)] {
            assert_eq!(place(&outbound("15550100001", 7, place_in)), Some(place_in));
            assert_eq!(place(&inbound("US.13491208655302741918", 7, place_in)), Some(place_in));
        }
        for foreign in ["", "wamid.", "wamid.xyz", "HBgLMTY1MDM4Nzk0MzkVAgARGBI="] {
            assert_eq!(place(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn an_id_looks_like_metas() {
        let documented = BASE64
            .decode(b"HBgLMTY1MDM4Nzk0MzkVAgARGBJCOTY3NDc0NDFDRUI3NTA0Q0UA")
            .expect("the example of the documents");
        let ours = outbound("16503879439", 1, (0, 1));
        let ours = BASE64.decode(&ours.as_bytes()["wamid.".len()..]).expect("base64");
        assert_eq!(ours.len(), documented.len());
        assert_eq!(ours[..20], documented[..20]);
    }
}
