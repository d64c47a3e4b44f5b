//! Meta's answers, as documented or seen, and what they mean.

use std::fmt::Write;

use postroad_core::provider::Provider;
use postroad_providers::whatsapp_cloud::WhatsappCloud;

use super::{fixtures, recorded};
use crate::shown::{response, told};

#[test]
fn answers_mean_what_was_recorded() {
    let mut table = String::new();
    for (name, bytes) in recorded("answers") {
        let outcome = WhatsappCloud.outcome(&response(&bytes));
        writeln!(table, "{name}\n    {}", told(&WhatsappCloud, &outcome)).expect("text grows");
    }
    insta::with_settings!({ snapshot_path => fixtures(""), prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("outcomes", table);
    });
}
