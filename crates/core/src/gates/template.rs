//! A template goes out only as the provider approved it. What can never become right is refused; what the provider may
//! still approve, or may release again, waits.

use super::{Facts, Reason, TemplateStanding, Verdict, recheck};
use crate::{
    consent::Purpose,
    template::{TemplateCategory, TemplateStatus},
};

pub fn check(facts: &Facts) -> Verdict {
    let Some(template) = &facts.template else {
        return Verdict::Pass;
    };
    let Some(standing) = template.found else {
        return Verdict::Refuse { reason: Reason::TemplateMissing };
    };
    if let Some(reason) = refused(&standing, template.parameters, facts.purpose) {
        return Verdict::Refuse { reason };
    }
    match standing.status {
        TemplateStatus::Draft | TemplateStatus::Submitted => look_again(facts, Reason::TemplateNotApproved),
        TemplateStatus::Paused => look_again(facts, Reason::TemplatePaused),
        _ => Verdict::Pass,
    }
}

fn refused(standing: &TemplateStanding, parameters: usize, purpose: Purpose) -> Option<Reason> {
    match standing.status {
        TemplateStatus::Deleted => Some(Reason::TemplateMissing),
        TemplateStatus::Rejected | TemplateStatus::Disabled => Some(Reason::TemplateRejected),
        // The provider polices it as marketing, so the person must have agreed to marketing.
        _ if standing.category == TemplateCategory::Marketing && purpose != Purpose::Marketing => {
            Some(Reason::TemplateCategoryMismatch)
        }
        _ if standing.placeholders != parameters => Some(Reason::TemplateParameters),
        _ => None,
    }
}

fn look_again(facts: &Facts, reason: Reason) -> Verdict {
    Verdict::Wait { until: recheck(facts.now), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gates::{
        TemplateFacts,
        sendable::{approved, refuse, sendable, wait},
    };

    fn check_with(found: Option<TemplateStanding>, parameters: usize, purpose: Purpose) -> Verdict {
        check(&Facts { template: Some(TemplateFacts { found, parameters }), purpose, ..sendable() })
    }

    #[test]
    fn each_standing_has_its_verdict() {
        let later = |reason| wait("2026-03-02T12:15:00Z", reason);
        let cases = [
            (TemplateStatus::Draft, later(Reason::TemplateNotApproved)),
            (TemplateStatus::Submitted, later(Reason::TemplateNotApproved)),
            (TemplateStatus::Approved, Verdict::Pass),
            (TemplateStatus::Rejected, refuse(Reason::TemplateRejected)),
            (TemplateStatus::Paused, later(Reason::TemplatePaused)),
            (TemplateStatus::Disabled, refuse(Reason::TemplateRejected)),
            (TemplateStatus::Deleted, refuse(Reason::TemplateMissing)),
        ];
        assert_eq!(cases.len(), TemplateStatus::ALL.len());
        for (status, expected) in cases {
            let found = Some(TemplateStanding { status, ..approved() });
            assert_eq!(check_with(found, 1, Purpose::Marketing), expected, "{status}");
        }
        assert_eq!(check_with(None, 1, Purpose::Marketing), refuse(Reason::TemplateMissing));
        assert_eq!(check(&Facts { template: None, ..sendable() }), Verdict::Pass);
    }

    #[test]
    fn a_marketing_template_carries_marketing_only_and_marketing_may_use_any() {
        for category in TemplateCategory::ALL {
            for purpose in Purpose::ALL {
                let mismatch = *category == TemplateCategory::Marketing && *purpose != Purpose::Marketing;
                let expected = if mismatch { refuse(Reason::TemplateCategoryMismatch) } else { Verdict::Pass };
                let found = Some(TemplateStanding { category: *category, ..approved() });
                assert_eq!(check_with(found, 1, *purpose), expected, "{category} {purpose}");
            }
        }
    }

    #[test]
    fn a_message_brings_exactly_the_values_that_the_template_has_places_for() {
        for (parameters, expected) in
            [(0, refuse(Reason::TemplateParameters)), (1, Verdict::Pass), (2, refuse(Reason::TemplateParameters))]
        {
            assert_eq!(check_with(Some(approved()), parameters, Purpose::Marketing), expected, "{parameters}");
        }
    }

    #[test]
    fn what_can_never_be_right_does_not_wait_for_approval() {
        let draft = TemplateStanding { status: TemplateStatus::Draft, ..approved() };
        assert_eq!(check_with(Some(draft), 5, Purpose::Marketing), refuse(Reason::TemplateParameters));
    }
}
