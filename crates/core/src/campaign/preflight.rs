//! What a campaign stands on: looked at before it starts, and as long as it runs. Pure.

use serde::{Deserialize, Serialize};

use crate::{
    account::AccountStatus,
    consent::Purpose,
    template::{TemplateCategory, TemplateStatus},
    words::words,
};

words! {
    /// One thing that is not as it should be.
    Finding {
        /// Nobody can send through it before somebody acts at the provider.
        AccountNotActive = "account_not_active",
        /// By a person's hand: it holds everything, and lets it go on when it is released.
        AccountPaused = "account_paused",
        ProviderOff = "provider_off",
        SendingPaused = "sending_paused",
        TemplateNotApproved = "template_not_approved",
        TemplateCategory = "template_category_mismatch",
        TemplateParameters = "template_parameters",
        TemplateChanged = "template_changed",
        MissingValues = "missing_values",
        NoRecipients = "no_recipients",
        CreditTooLow = "credit_too_low",
        AccountRests = "account_rests",
        EndsTooLate = "ends_too_late",
        /// Links in messages lead to an address that people cannot open.
        LinksUnreachable = "links_unreachable",
        /// More people than the account's portfolio may write to now.
        PortfolioTooSmall = "portfolio_too_small",
    }
}

words! {
    Severity {
        /// It does not start, and a running one pauses.
        Blocks = "blocks",
        /// It can run; somebody should know.
        Warns = "warns",
    }
}

impl Finding {
    pub const fn severity(self) -> Severity {
        match self {
            Self::AccountNotActive
            | Self::TemplateNotApproved
            | Self::TemplateCategory
            | Self::TemplateParameters
            | Self::TemplateChanged
            | Self::CreditTooLow => Severity::Blocks,
            _ => Severity::Warns,
        }
    }
}

/// Facts about account and template, as they are at one moment. Kept with a campaign from its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ground {
    pub account_status: AccountStatus,
    pub provider_off: bool,
    /// By the kill switch of the tenant or of the installation.
    pub sending_paused: bool,
    pub template_status: TemplateStatus,
    pub template_category: TemplateCategory,
    pub placeholders: usize,
    /// Of the text that people get: SHA-256, lower-case hex.
    pub body_sha256: String,
}

/// What the campaign needs.
#[derive(Debug, Clone, Copy)]
pub struct Need {
    pub purpose: Purpose,
    /// Values it gives.
    pub values: usize,
}

/// What is wrong with the ground now. Empty: nothing.
pub fn findings(ground: &Ground, need: Need) -> Vec<Finding> {
    let marketing = ground.template_category == TemplateCategory::Marketing && need.purpose != Purpose::Marketing;
    let wrong = [
        (ground.account_status == AccountStatus::Paused, Finding::AccountPaused),
        (is_broken(ground.account_status), Finding::AccountNotActive),
        (ground.provider_off, Finding::ProviderOff),
        (ground.sending_paused, Finding::SendingPaused),
        (ground.template_status != TemplateStatus::Approved, Finding::TemplateNotApproved),
        (marketing, Finding::TemplateCategory),
        (ground.placeholders != need.values, Finding::TemplateParameters),
    ];
    wrong.into_iter().filter_map(|(is_wrong, finding)| is_wrong.then_some(finding)).collect()
}

const fn is_broken(status: AccountStatus) -> bool {
    matches!(status, AccountStatus::Disconnected | AccountStatus::Restricted)
}

/// What makes a running campaign stop: it was right when it started, and is not any more. Kill switches are no drift: they
/// hold everything by themselves, and let it go on when they are released.
pub fn drift(before: &Ground, now: &Ground, need: Need) -> Vec<Finding> {
    let old = findings(before, need);
    let changed = before.body_sha256 != now.body_sha256;
    findings(now, need)
        .into_iter()
        .filter(|finding| finding.severity() == Severity::Blocks && !old.contains(finding))
        .chain(changed.then_some(Finding::TemplateChanged))
        .collect()
}

/// For people: what it was and what it is.
pub fn difference(finding: Finding, before: &Ground, now: &Ground) -> String {
    match finding {
        Finding::AccountNotActive => {
            format!("the account was {}, and is {}", before.account_status, now.account_status)
        }
        Finding::TemplateNotApproved => {
            format!("the template was {}, and is {}", before.template_status, now.template_status)
        }
        Finding::TemplateCategory => {
            format!(
                "the template was {}, and the provider calls it {}",
                before.template_category, now.template_category
            )
        }
        Finding::TemplateParameters => {
            format!("the template had {} placeholders, and has {}", before.placeholders, now.placeholders)
        }
        Finding::TemplateChanged => "the text of the template has changed".to_owned(),
        other => other.as_str().replace('_', " "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Ground {
        Ground {
            account_status: AccountStatus::Active,
            provider_off: false,
            sending_paused: false,
            template_status: TemplateStatus::Approved,
            template_category: TemplateCategory::Utility,
            placeholders: 1,
            body_sha256: "00".into(),
        }
    }

    const NEED: Need = Need { purpose: Purpose::Transactional, values: 1 };

    #[test]
    fn each_thing_that_can_be_wrong_has_its_name() {
        let cases = [
            (sound(), vec![]),
            (Ground { account_status: AccountStatus::Paused, ..sound() }, vec![Finding::AccountPaused]),
            (Ground { account_status: AccountStatus::Disconnected, ..sound() }, vec![Finding::AccountNotActive]),
            (Ground { provider_off: true, ..sound() }, vec![Finding::ProviderOff]),
            (Ground { sending_paused: true, ..sound() }, vec![Finding::SendingPaused]),
            (Ground { template_status: TemplateStatus::Paused, ..sound() }, vec![Finding::TemplateNotApproved]),
            (Ground { template_category: TemplateCategory::Marketing, ..sound() }, vec![Finding::TemplateCategory]),
            (Ground { placeholders: 2, ..sound() }, vec![Finding::TemplateParameters]),
        ];
        for (ground, expected) in cases {
            assert_eq!(findings(&ground, NEED), expected, "{ground:?}");
        }
    }

    #[test]
    fn only_what_became_wrong_is_a_drift() {
        let paused = Ground { template_status: TemplateStatus::Paused, ..sound() };
        assert_eq!(drift(&sound(), &paused, NEED), [Finding::TemplateNotApproved]);
        assert_eq!(drift(&paused, &paused, NEED), []);
        assert_eq!(drift(&paused, &sound(), NEED), []);
        let other_text = Ground { body_sha256: "11".into(), ..sound() };
        assert_eq!(drift(&sound(), &other_text, NEED), [Finding::TemplateChanged]);
        let off = Ground { provider_off: true, sending_paused: true, account_status: AccountStatus::Paused, ..sound() };
        assert_eq!(drift(&sound(), &off, NEED), []);
        let restricted = Ground { account_status: AccountStatus::Restricted, ..sound() };
        assert_eq!(drift(&sound(), &restricted, NEED), [Finding::AccountNotActive]);
    }

    #[test]
    fn a_drift_is_told_with_both_ends() {
        let paused = Ground { template_status: TemplateStatus::Paused, ..sound() };
        let told = difference(Finding::TemplateNotApproved, &sound(), &paused);
        assert_eq!(told, "the template was approved, and is paused");
    }
}
