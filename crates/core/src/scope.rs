//! What an API client may do. A client carries a list of these; a route names the one it needs.

use crate::words::words;

words! {
    /// `<noun>:<verb>`. Reading never includes writing, nor the other way round.
    Scope {
        MessagesSend = "messages:send",
        MessagesRead = "messages:read",
        ContactsRead = "contacts:read",
        ContactsWrite = "contacts:write",
        CampaignsRead = "campaigns:read",
        CampaignsWrite = "campaigns:write",
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
    }
}
