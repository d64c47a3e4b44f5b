//! Master keys: what they wrap, and what stays shut without the ones that are missing.

use anyhow::Result;
use postroad_app::{
    App,
    secrets::{Keyring, Lost},
};
use postroad_store::{PoolSizes, Store};

use super::Check;
use crate::{config::Config, start};

const ID: &str = "secrets.master_keys";

/// Of an installation that opens: all its keys are at hand.
pub(super) async fn check(app: &App) -> Check {
    let usage = match Keyring::usage(&app.store).await {
        Ok(usage) => usage,
        Err(error) => return Check::error(ID, error.to_string(), "look into the server's log"),
    };
    judged(&app.keyring.key_ids(), &usage)
}

/// `at_hand`: the current one first. `usage`: how many data keys each one wraps.
fn judged(at_hand: &[&str], usage: &[(String, i64)]) -> Check {
    let wraps = |id: &str| usage.iter().find(|(key, _)| key == id).map_or(0, |(_, count)| *count);
    let told: Vec<String> = at_hand.iter().map(|id| format!("{id} wraps {} data keys", wraps(id))).collect();
    let evidence = told.join(", ");
    match at_hand {
        [] | [_] => Check::ok(ID, evidence),
        [_, former @ ..] if former.iter().any(|id| wraps(id) > 0) => Check::warning(
            ID,
            evidence,
            "`postroad secrets rotate` wraps them under the first key; it may be stopped anywhere",
        ),
        [_, former @ ..] => Check::warning(
            ID,
            evidence,
            format!("nothing needs {} any more: take it out of POSTROAD_MASTER_KEYS", former.join(", ")),
        ),
    }
}

/// Of an installation that does not open: one line for each key that went too early.
pub(super) async fn lost(config: &Config) -> Vec<Check> {
    match look(config).await {
        Ok(lost) => lost.iter().map(told).collect(),
        Err(error) => vec![Check::skipped(ID, format!("{error:#}"))],
    }
}

async fn look(config: &Config) -> Result<Vec<Lost>> {
    let keyring = start::keyring(config)?;
    let opened = start::find(config).await?;
    let store = Store::open(&opened.urls, PoolSizes::default())?;
    let lost = keyring.lost(&store).await;
    store.close().await;
    opened.stop().await?;
    Ok(lost?)
}

fn told(lost: &Lost) -> Check {
    let Lost { kek_id, keys, tenants, slugs, accounts, api_keys, endpoints } = lost;
    let more = if usize::try_from(*tenants).is_ok_and(|count| count > slugs.len()) { ", …" } else { "" };
    Check::error(
        ID,
        format!(
            "master key {kek_id} is missing: it wraps {keys} data keys of {tenants} tenants ({}{more}), and with them the \
             credentials of {accounts} accounts, the secrets of {api_keys} API keys and of {endpoints} endpoints",
            slugs.join(", ")
        ),
        format!("put {kek_id} back behind the current key, then `postroad secrets rotate`; only after that it may go"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_former_master_key_is_told_of_until_it_is_gone() {
        let usage = |k1, k2| [("k1".to_owned(), k1), ("k2".to_owned(), k2)];
        assert_eq!(judged(&["k1"], &usage(3, 0)).verdict, Verdict::Ok);
        let half = judged(&["k2", "k1"], &usage(3, 4));
        assert_eq!(
            (half.verdict, half.evidence.as_str()),
            (Verdict::Warning, "k2 wraps 4 data keys, k1 wraps 3 data keys")
        );
        assert!(half.fix.unwrap().contains("postroad secrets rotate"));
        let done = judged(&["k2", "k1"], &usage(0, 7));
        assert!(done.fix.unwrap().starts_with("nothing needs k1 any more"));
        assert_eq!(judged(&["k2"], &usage(0, 7)).verdict, Verdict::Ok);
    }
}
