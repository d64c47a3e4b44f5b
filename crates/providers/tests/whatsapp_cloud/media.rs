//! Files: the address is asked for by id, and fetched with the same token, at Meta and nowhere else.

use http::{Response, header};
use postroad_core::provider::{
    Provider,
    media::{MediaFault, Way},
};
use postroad_providers::whatsapp_cloud::WhatsappCloud;

use crate::samples;

fn answer(status: u16, body: &str) -> Response<Vec<u8>> {
    Response::builder().status(status).body(body.as_bytes().to_vec()).expect("the status is one")
}

#[test]
fn the_address_of_a_file_is_asked_for_by_its_id_and_number() {
    let desk = WhatsappCloud.media().expect("people send files");
    let Ok(Way::Ask(request)) = desk.way(&samples::connection(), "1037543291543636") else { panic!("it is asked") };
    let expected = "https://graph.example/v25.0/1037543291543636?phone_number_id=106540352242922";
    assert_eq!((request.method().as_str(), request.uri().to_string().as_str()), ("GET", expected));
    assert!(request.headers()[header::AUTHORIZATION].is_sensitive());
}

#[test]
fn the_token_goes_to_metas_hosts_alone() {
    let desk = WhatsappCloud.media().expect("people send files");
    let located =
        |url: &str| desk.located(&samples::connection(), &answer(200, &format!(r#"{{"url":"{url}","id":"1"}}"#)));
    let good =
        located("https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1&ext=2&hash=3").expect("it is Meta's");
    assert!(good.headers()[header::AUTHORIZATION].to_str().expect("it is text").starts_with("Bearer "));
    for foreign in [
        "http://lookaside.fbsbx.com/x",
        "https://lookaside.fbsbx.com.evil.example/x",
        "https://evilfbsbx.com/x",
        "https://lookaside.fbsbx.com:8443/x",
        "https://evil.example/lookaside.fbsbx.com",
    ] {
        let refused = located(foreign).expect_err(foreign);
        assert_eq!(refused, MediaFault::Trouble { code: "foreign_address".to_owned() }, "{foreign}");
    }
}

#[test]
fn metas_codes_say_whether_a_file_will_ever_come() {
    let desk = WhatsappCloud.media().expect("people send files");
    let fault = |code: i64| desk.fault(&answer(400, &format!(r#"{{"error":{{"code":{code},"message":"x"}}}}"#)));
    assert_eq!(fault(100), MediaFault::Gone { code: "100".to_owned() });
    assert_eq!(fault(190), MediaFault::Forbidden { code: "190".to_owned() });
    assert_eq!(fault(2), MediaFault::Trouble { code: "2".to_owned() });
}
