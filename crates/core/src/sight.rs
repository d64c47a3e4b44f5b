//! Which conversations a member sees, and with them which people and messages.
//!
//! The rule stands twice, because rows are kept back by the database and live updates by this process: here, and as
//! `sees_conversation` in the schema. A test holds them against each other.

use serde::{Deserialize, Serialize};

use crate::{
    conversation::Role,
    ids::{AccountId, DepartmentId, MemberId},
    words::words,
};

words! {
    /// How far a role sees.
    Sees {
        Everything = "everything",
        /// What is of their department, of none, or theirs.
        Department = "department",
        /// What was given to them.
        Assigned = "assigned",
    }
}

impl Role {
    pub const fn sees(self) -> Sees {
        match self {
            Self::Owner | Self::Admin | Self::Manager => Sees::Everything,
            Self::Agent => Sees::Department,
            Self::LimitedAgent => Sees::Assigned,
        }
    }
}

/// Where a conversation stands: what decides who sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub assignee: Option<MemberId>,
    pub department: Option<DepartmentId>,
    pub account: AccountId,
}

/// What one member sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    pub member: MemberId,
    pub sees: Sees,
    pub department: Option<DepartmentId>,
    /// Only what comes through these. None: through any.
    pub accounts: Option<Vec<AccountId>>,
}

impl Sight {
    /// Nothing is kept back.
    pub const fn is_whole(&self) -> bool {
        matches!(self.sees, Sees::Everything) && self.accounts.is_none()
    }

    /// Whose conversations alone they see. None: others' too, so looking for what is theirs is not enough.
    pub fn only_of(&self) -> Option<MemberId> {
        (self.sees == Sees::Assigned).then_some(self.member)
    }

    /// Where a conversation stands that they begin, so that they see it; none: they cannot begin one through the account.
    pub fn keeps(&self, account: AccountId) -> Option<Standing> {
        let comes_through = self.accounts.as_ref().is_none_or(|accounts| accounts.contains(&account));
        comes_through.then_some(Standing { assignee: self.only_of(), department: self.department, account })
    }

    /// Whatever was given to somebody they see, wherever it stands.
    pub fn covers(&self, standing: &Standing) -> bool {
        let is_near = match self.sees {
            Sees::Everything => true,
            Sees::Department => standing.department.is_none() || standing.department == self.department,
            Sees::Assigned => false,
        };
        let comes_through = self.accounts.as_ref().is_none_or(|accounts| accounts.contains(&standing.account));
        standing.assignee == Some(self.member) || (is_near && comes_through)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn whoever_begins_a_conversation_sees_it() {
        let now = DateTime::UNIX_EPOCH;
        let [ours, theirs] = [AccountId::new(now), AccountId::new(now)];
        for &sees in Sees::ALL {
            for department in [None, Some(DepartmentId::new(now))] {
                let sight = Sight { member: MemberId::new(now), sees, department, accounts: Some(vec![ours]) };
                let kept = sight.keeps(ours).unwrap();
                assert!(sight.covers(&kept), "{sight:?}");
                assert_eq!(kept.assignee.is_some(), sees == Sees::Assigned, "{sight:?}");
                assert_eq!(sight.keeps(theirs), None, "{sight:?}");
            }
        }
    }

    #[test]
    fn who_sees_what() {
        let now = DateTime::UNIX_EPOCH;
        let (me, other) = (MemberId::new(now), MemberId::new(now));
        let (sales, support) = (DepartmentId::new(now), DepartmentId::new(now));
        let (ours, theirs) = (AccountId::new(now), AccountId::new(now));
        let stands = |assignee, department, account| Standing { assignee, department, account };
        let all = [
            stands(Some(me), Some(support), theirs),
            stands(None, None, ours),
            stands(Some(other), Some(sales), ours),
            stands(None, Some(support), ours),
            stands(None, Some(sales), theirs),
        ];
        let sight = |sees, accounts| Sight { member: me, sees, department: Some(sales), accounts };
        let seen = |sight: Sight| all.map(|standing| sight.covers(&standing));
        assert_eq!(seen(sight(Sees::Everything, None)), [true; 5]);
        assert_eq!(seen(sight(Sees::Everything, Some(vec![ours]))), [true, true, true, true, false]);
        assert_eq!(seen(sight(Sees::Department, None)), [true, true, true, false, true]);
        assert_eq!(seen(sight(Sees::Department, Some(vec![ours]))), [true, true, true, false, false]);
        assert_eq!(seen(sight(Sees::Assigned, None)), [true, false, false, false, false]);
        let of_none = Sight { department: None, ..sight(Sees::Department, None) };
        assert_eq!(
            seen(of_none),
            [true, true, false, false, false],
            "whoever is of no department sees what is of none"
        );
    }
}
