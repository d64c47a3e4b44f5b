//! People whom WhatsApp names by a number, by an id of its own, or by both.

use postroad_app::merges;
use postroad_core::{ids::ContactId, unknown::Graces};
use serde_json::{Value, json};

use crate::courtesies::{ADA, Stage};

const ADA_ID: &str = "US.13491208655302741918";
const ANOTHER_ID: &str = "US.13491208655302741919";

impl Stage {
    /// Somebody says something, and is named by these.
    async fn heard(&mut self, id: &str, phone: Option<&str>, scoped: Option<&str>) -> ContactId {
        let mut message = json!({"id": format!("wamid.{id}"), "timestamp": self.world.app.clock.now().timestamp().to_string(),
                                 "type": "text", "text": {"body": "hello"}});
        let mut contact = json!({"profile": {"name": "Ada"}});
        for (value, ours, theirs) in [(phone, "from", "wa_id"), (scoped, "from_user_id", "user_id")] {
            if let Some(value) = value {
                message[ours] = Value::from(value);
                contact[theirs] = Value::from(value);
            }
        }
        self.told_of(contact, message).await;
        self.until(
            "select count(*) from apalis.jobs
             where job_type = 'maintenance' and convert_from(job, 'utf8') like '%merge_same%' and status not in ('Done', 'Killed')",
        )
        .await;
        let wamid = format!("wamid.{id}");
        let said = "select contact_id from messages where provider_ref = $1";
        let contact = sqlx::query_scalar(said).bind(wamid).fetch_one(self.world.seed.conn()).await.unwrap();
        ContactId::from_uuid(contact)
    }

    async fn merges(&self, contact: ContactId) -> Vec<merges::Merge> {
        merges::list(&self.world.app, self.by.tenant, contact, None, 10).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_names_number_and_id_once_is_known_by_either() {
    let mut stage = Stage::new().await;
    let (stop, _running) = stage.world.work(Graces::default());
    let ada = stage.heard("1", Some(ADA), Some(ADA_ID)).await;
    assert_eq!(stage.heard("2", None, Some(ADA_ID)).await, ada);
    assert_eq!(stage.heard("3", Some(ADA), None).await, ada);
    assert!(stage.merges(ada).await.is_empty());

    // The number went to somebody else, who is not Ada: nothing is taken over.
    stage.heard("4", Some(ADA), Some(ANOTHER_ID)).await;
    assert_ne!(stage.heard("5", None, Some(ANOTHER_ID)).await, ada);
    assert!(stage.merges(ada).await.is_empty());
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_contacts_whom_one_webhook_names_are_merged_and_stay_two_when_somebody_parts_them() {
    let mut stage = Stage::new().await;
    let (stop, _running) = stage.world.work(Graces::default());
    let by_id = stage.heard("1", None, Some(ADA_ID)).await;
    let by_phone = stage.heard("2", Some(ADA), None).await;
    assert_ne!(by_id, by_phone);

    assert_eq!(stage.heard("3", Some(ADA), Some(ADA_ID)).await, by_phone);
    let merged = stage.merges(by_phone).await;
    assert_eq!((merged.len(), merged[0].other), (1, by_id));
    assert_eq!(stage.heard("4", None, Some(ADA_ID)).await, by_phone);

    merges::undo(&stage.world.app, stage.by.tenant, by_phone, merged[0].id).await.unwrap();
    sqlx::query("delete from apalis.jobs where status = 'Done'").execute(stage.world.seed.conn()).await.unwrap();
    stage.heard("5", Some(ADA), Some(ADA_ID)).await;
    assert_eq!(stage.heard("6", None, Some(ADA_ID)).await, by_id);
    stop.cancel();
}
