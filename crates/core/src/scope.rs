//! What a caller may do. An API client carries a list of these, and a member has those of their role; a route names the one
//! it needs.

use crate::{conversation::Role, words::words};

words! {
    /// `<noun>:<verb>`. Reading never includes writing, nor the other way round.
    Scope {
        MessagesSend = "messages:send",
        MessagesRead = "messages:read",
        ContactsRead = "contacts:read",
        ContactsWrite = "contacts:write",
        CampaignsRead = "campaigns:read",
        CampaignsWrite = "campaigns:write",
        /// May let campaigns loose: start, schedule, resume and approve them.
        CampaignsSend = "campaigns:send",
        AccountsRead = "accounts:read",
        AccountsWrite = "accounts:write",
        TemplatesRead = "templates:read",
        TemplatesWrite = "templates:write",
        ConversationsRead = "conversations:read",
        ConversationsWrite = "conversations:write",
        AutomationsRead = "automations:read",
        AutomationsWrite = "automations:write",
        WebhooksRead = "webhooks:read",
        /// May make endpoints, and learns their secrets.
        WebhooksWrite = "webhooks:write",
        MembersRead = "members:read",
        MembersWrite = "members:write",
        TenantRead = "tenant:read",
        TenantWrite = "tenant:write",
        ClientsRead = "clients:read",
        /// May make clients and keys, with scopes that it has itself.
        ClientsWrite = "clients:write",
        /// Who changed what, from where.
        AuditRead = "audit:read",
    }
}

/// Works in conversations, and sees whom and what they are about.
const AGENT: &[Scope] = &[
    Scope::MessagesRead,
    Scope::ContactsRead,
    Scope::ContactsWrite,
    Scope::AccountsRead,
    Scope::TemplatesRead,
    Scope::ConversationsRead,
    Scope::ConversationsWrite,
    Scope::MembersRead,
    Scope::TenantRead,
];
/// Besides, writes to many at once, and says what happens by itself.
const MANAGER: &[Scope] = &[
    Scope::MessagesSend,
    Scope::CampaignsRead,
    Scope::CampaignsWrite,
    Scope::CampaignsSend,
    Scope::TemplatesWrite,
    Scope::AutomationsRead,
    Scope::AutomationsWrite,
];
/// Besides, decides who and what the tenant works with.
const ADMIN: &[Scope] = &[
    Scope::AccountsWrite,
    Scope::MembersWrite,
    Scope::TenantWrite,
    Scope::WebhooksRead,
    Scope::WebhooksWrite,
    Scope::ClientsRead,
    Scope::ClientsWrite,
    Scope::AuditRead,
];
/// Answers whom they were given, and makes nobody.
const LIMITED_AGENT: &[Scope] = &[
    Scope::MessagesRead,
    Scope::ContactsRead,
    Scope::AccountsRead,
    Scope::TemplatesRead,
    Scope::ConversationsRead,
    Scope::ConversationsWrite,
    Scope::MembersRead,
];

/// Whoever may do one of these makes people and programs that may do more than they do themselves: no role that a tenant makes has
/// them.
const FOR_ADMINS: [Scope; 3] = [Scope::MembersWrite, Scope::ClientsWrite, Scope::TenantWrite];

impl Scope {
    pub fn is_for_admins(self) -> bool {
        FOR_ADMINS.contains(&self)
    }
}

impl Role {
    /// What a member of this role may do.
    pub fn scopes(self) -> Vec<Scope> {
        match self {
            Self::Owner | Self::Admin => [AGENT, MANAGER, ADMIN].concat(),
            Self::Manager => [AGENT, MANAGER].concat(),
            Self::Agent => AGENT.to_vec(),
            Self::LimitedAgent => LIMITED_AGENT.to_vec(),
        }
    }

    /// Nobody gives a role that may do more than their own.
    pub fn may_give(self, role: Self) -> bool {
        self == Self::Owner || (self == Self::Admin && role != Self::Owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_do_everything_that_those_below_may_and_an_owner_everything() {
        let roles = [Role::LimitedAgent, Role::Agent, Role::Manager, Role::Admin, Role::Owner];
        for pair in roles.windows(2) {
            let [below, above] = [pair[0].scopes(), pair[1].scopes()];
            assert!(below.iter().all(|scope| above.contains(scope)), "{pair:?}");
        }
        let mut all: Vec<Scope> = Scope::ALL.to_vec();
        all.retain(|scope| !Role::Owner.scopes().contains(scope));
        assert!(all.is_empty(), "an owner lacks {all:?}");
    }

    #[test]
    fn who_may_give_which_role() {
        let roles = [Role::Owner, Role::Admin, Role::Manager, Role::Agent, Role::LimitedAgent];
        let given = roles.map(|giver| roles.into_iter().filter(|role| giver.may_give(*role)).count());
        assert_eq!(given, [5, 4, 0, 0, 0]);
    }
}
