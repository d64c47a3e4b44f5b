//! Files: fetched from Twilio by the path that a webhook names, whatever host it says.

use http::header;
use postroad_core::provider::{BuildError, Provider, media::Way};
use postroad_providers::twilio::SMS;

use super::{NUMBER, connection};

const PATH: &str = "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages/MM1/Media/ME2";

#[test]
fn a_file_is_fetched_with_the_accounts_secret_from_twilio_itself() {
    let desk = SMS.media().expect("people send files");
    for host in ["https://api.twilio.com", "https://evil.example", "https://api.twilio.com@evil.example"] {
        let Ok(Way::Fetch(request)) = desk.way(&connection(NUMBER), &format!("{host}{PATH}")) else { panic!("{host}") };
        assert_eq!(request.uri().to_string(), format!("https://api.twilio.example{PATH}"));
        assert!(request.headers()[header::AUTHORIZATION].is_sensitive());
    }
}

#[test]
fn only_a_file_of_a_message_is_one() {
    let desk = SMS.media().expect("people send files");
    for wrong in [
        "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json",
        "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME2/../../Keys",
        "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME2?x=1",
        "https://demo.twilio.com/owl.png",
    ] {
        assert!(matches!(desk.way(&connection(NUMBER), wrong), Err(BuildError::Malformed(_))), "{wrong}");
    }
}
