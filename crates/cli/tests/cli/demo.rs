//! The main job, on sample data.

use serde_json::Value;

use crate::home::Home;

#[test]
fn the_demonstration_accounts_for_every_message() {
    let home = Home::new();
    let output = home.output(&["demo", "--once", "--json"]);
    let told = crate::home::text(&output.stdout);
    assert!(output.status.success(), "{told}{}", crate::home::text(&output.stderr));
    let summary: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    assert_eq!((&summary["lost"], &summary["doubled"]), (&0.into(), &0.into()));
    assert_eq!((&summary["provider"]["duplicates"], &summary["provider"]["over_limit"]), (&0.into(), &0.into()));
    assert_eq!(summary["api"]["accepted"], 1_000);
    assert_eq!(summary["automation"], serde_json::json!({"inbound": 200, "replies": 200}));
    assert!(!home.data_dir().exists(), "it leaves nothing behind");
}
