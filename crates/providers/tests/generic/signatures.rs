//! Standard Webhooks, by its own example and by everything that is a little different.

use chrono::{DateTime, TimeDelta};
use http::HeaderMap;

use super::{FORMER, SECRET, URL, credentials, headers, is_believed, of_viber, sign};
use crate::samples::now;

const BODY: &[u8] = br#"{"type": "receipt"}"#;
const ID: &str = "msg_1";

fn timestamp(seconds: i64) -> String {
    (now().timestamp() + seconds).to_string()
}

fn signed(secret: &str) -> HeaderMap {
    headers(ID, &timestamp(0), &sign(secret, ID, &timestamp(0), BODY))
}

#[test]
fn the_example_of_the_standard_holds() {
    let signed =
        headers("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    let at = DateTime::from_timestamp(1_614_265_330, 0).expect("it is a time");
    for secret in ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
        let known = credentials(&[("platform", "viber"), ("webhook_secret", secret)]);
        assert!(is_believed(URL, &signed, br#"{"test": 2432232314}"#, at, &known));
        assert!(!is_believed(URL, &signed, br#"{"test": 2432232315}"#, at, &known));
    }
}

#[test]
fn whatever_is_changed_is_not_believed() {
    let (at, known) = (now(), of_viber());
    assert!(is_believed(URL, &signed(SECRET), BODY, at, &known));
    let right = sign(SECRET, ID, &timestamp(0), BODY);
    let flipped = right.replacen(&right[3..4], if &right[3..4] == "A" { "B" } else { "A" }, 1);
    let wrong = [
        ("another id", headers("msg_2", &timestamp(0), &right)),
        ("another time", headers(ID, &timestamp(1), &right)),
        ("a time written otherwise", headers(ID, &format!("+{}", timestamp(0)), &right)),
        ("a bit", headers(ID, &timestamp(0), &flipped)),
        ("no version", headers(ID, &timestamp(0), &right[3..])),
        ("a version of tomorrow", headers(ID, &timestamp(0), &right.replacen("v1", "v2", 1))),
        ("less of it", headers(ID, &timestamp(0), &right[..right.len() - 4])),
        ("nothing after the version", headers(ID, &timestamp(0), "v1,")),
        ("another secret", signed(FORMER)),
        ("no id", headers("", &timestamp(0), &sign(SECRET, "", &timestamp(0), BODY))),
        ("an id with blanks", headers("a b", &timestamp(0), &sign(SECRET, "a b", &timestamp(0), BODY))),
    ];
    for (what, headers) in wrong {
        assert!(!is_believed(URL, &headers, BODY, at, &known), "{what}");
    }
    assert!(!is_believed(URL, &signed(SECRET), br#"{"type":"receipt"}"#, at, &known), "the bytes count");
    for missing in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let mut headers = signed(SECRET);
        headers.remove(missing);
        assert!(!is_believed(URL, &headers, BODY, at, &known), "{missing}");
        let mut headers = signed(SECRET);
        headers.append(missing, headers[missing].clone());
        assert!(!is_believed(URL, &headers, BODY, at, &known), "{missing} twice");
    }
}

#[test]
fn another_platform_or_place_in_the_address_is_not_believed_though_the_signature_holds() {
    let wrong = [
        URL.replacen("viber", "line", 1),
        URL.replacen("viber", "Viber", 1),
        URL.replacen("/webhook/", "/hook/", 1),
        "https://messages.example/webhooks/meta".to_owned(),
        String::new(),
    ];
    for url in wrong {
        assert!(!is_believed(&url, &signed(SECRET), BODY, now(), &of_viber()), "{url}");
    }
    assert!(is_believed(&format!("{URL}?a=b"), &signed(SECRET), BODY, now(), &of_viber()));
}

#[test]
fn a_post_is_believed_for_five_minutes_before_and_after() {
    for (seconds, holds) in [(-301, false), (-300, true), (0, true), (300, true), (301, false)] {
        let stamp = timestamp(seconds);
        let headers = headers(ID, &stamp, &sign(SECRET, ID, &stamp, BODY));
        assert_eq!(is_believed(URL, &headers, BODY, now(), &of_viber()), holds, "{seconds}");
    }
    for stamp in ["99999999999999999999", "9223372036854775807", "-9223372036854775808", "", "1767225600.0"] {
        let headers = headers(ID, stamp, &sign(SECRET, ID, stamp, BODY));
        assert!(!is_believed(URL, &headers, BODY, now(), &of_viber()), "{stamp}");
    }
}

#[test]
fn one_of_several_signatures_is_enough_and_a_hundredth_is_not_tried() {
    let right = sign(SECRET, ID, &timestamp(0), BODY);
    let other = sign(FORMER, ID, &timestamp(0), BODY);
    let both = headers(ID, &timestamp(0), &format!("v1a,xyz {other} {right}"));
    assert!(is_believed(URL, &both, BODY, now(), &of_viber()));
    let many = headers(ID, &timestamp(0), &format!("{}{right}", format!("{other} ").repeat(99)));
    assert!(!is_believed(URL, &many, BODY, now(), &of_viber()));
}

#[test]
fn the_former_secret_holds_until_its_time_and_the_new_one_at_once() {
    let until = now() + TimeDelta::seconds(60);
    let known = credentials(&[
        ("platform", "viber"),
        ("webhook_secret", SECRET),
        ("former_webhook_secret", FORMER),
        ("former_webhook_secret_until", &until.to_rfc3339()),
    ]);
    assert!(is_believed(URL, &signed(SECRET), BODY, now(), &known));
    assert!(is_believed(URL, &signed(FORMER), BODY, until - TimeDelta::seconds(1), &known));
    assert!(!is_believed(URL, &signed(FORMER), BODY, until, &known));
    assert!(is_believed(URL, &signed(SECRET), BODY, until, &known));
}

#[test]
fn an_account_without_a_secret_or_with_a_poor_one_believes_nobody() {
    for poor in ["", "whsec_", "whsec_AAAA", "not base64!", "whsec_===="] {
        let known = credentials(&[("platform", "viber"), ("webhook_secret", poor)]);
        let empty = headers(ID, &timestamp(0), &sign("whsec_", ID, &timestamp(0), BODY));
        assert!(!is_believed(URL, &empty, BODY, now(), &known), "{poor:?}");
    }
    assert!(!is_believed(URL, &signed(SECRET), BODY, now(), &credentials(&[("webhook_secret", SECRET)])));
    assert!(!is_believed(URL, &signed(SECRET), BODY, now(), &credentials(&[("platform", "viber")])));
}
