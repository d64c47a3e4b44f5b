//! What messages cost, and the words of a wallet's statement.
//!
//! A price belongs to a channel and to what the message says of itself, its [`Category`]. What a provider bills afterwards
//! is another matter: a price is known before anything is sent. Deliberately absent: wallets, which are rows.

use std::collections::HashMap;

use crate::{
    account::Channel,
    consent::Purpose,
    message::{Class, Content},
    segments::Estimate,
    words::words,
};

words! {
    /// A line of a wallet's statement.
    EntryKind {
        /// Somebody paid.
        TopUp = "top_up",
        /// Taken for messages that are accepted and not sent yet.
        Reserve = "reserve",
        /// What was reserved is spent: a provider has the message, or nobody will ever know.
        Settle = "settle",
        /// What was reserved comes back: it was not sent.
        Refund = "refund",
        /// An operator put something right.
        Correction = "correction",
    }
}

words! {
    /// What a message is for, as prices tell messages apart.
    Category {
        Authentication = "authentication",
        Marketing = "marketing",
        Utility = "utility",
        Service = "service",
    }
}

impl Category {
    pub const fn of(class: Class, purpose: Purpose) -> Self {
        match (class, purpose) {
            (Class::Auth, _) => Self::Authentication,
            (_, Purpose::Marketing) => Self::Marketing,
            (_, Purpose::Transactional) => Self::Utility,
            (_, Purpose::Conversational) => Self::Service,
        }
    }
}

/// For what a price is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Priced {
    pub channel: Channel,
    /// None: of every category that has no price of its own.
    pub category: Option<Category>,
}

/// A tenant's prices. What has none costs one credit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prices(HashMap<Priced, i64>);

impl Prices {
    /// Of a message, or of one part of an SMS.
    pub fn of(&self, channel: Channel, category: Category) -> i64 {
        let found = |category| self.0.get(&Priced { channel, category }).copied();
        found(Some(category)).or_else(|| found(None)).unwrap_or(1)
    }

    /// What a whole message costs.
    pub fn price(&self, channel: Channel, category: Category, content: &Content) -> i64 {
        let parts = segments(channel, content).map_or(1, |parts| i64::try_from(parts.max(1)).unwrap_or(i64::MAX));
        self.of(channel, category).saturating_mul(parts)
    }
}

impl FromIterator<(Priced, i64)> for Prices {
    fn from_iter<I: IntoIterator<Item = (Priced, i64)>>(prices: I) -> Self {
        Self(prices.into_iter().collect())
    }
}

/// Parts that are billed; none where a message is one thing.
pub fn segments(channel: Channel, content: &Content) -> Option<usize> {
    match (channel, content) {
        (Channel::Sms, Content::Text { body, .. }) => Some(Estimate::of(&body.0).segments),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Body;

    fn text(chars: usize) -> Content {
        Content::Text { body: Body("x".repeat(chars)), preview_url: false }
    }

    #[test]
    fn the_price_of_a_category_comes_before_that_of_its_channel_and_one_credit_is_the_last_word() {
        let sms = |category| Priced { channel: Channel::Sms, category };
        let prices: Prices = [(sms(None), 3), (sms(Some(Category::Marketing)), 5)].into_iter().collect();
        let cases = [
            // (channel, category, characters, credits)
            (Channel::Sms, Category::Marketing, 10, 5),
            (Channel::Sms, Category::Utility, 10, 3),
            (Channel::Sms, Category::Utility, 160, 3),
            (Channel::Sms, Category::Utility, 161, 6),
            (Channel::Sms, Category::Marketing, 300, 10),
            (Channel::Sms, Category::Service, 0, 3),
            (Channel::Whatsapp, Category::Marketing, 1_000, 1),
        ];
        for (channel, category, chars, credits) in cases {
            assert_eq!(prices.price(channel, category, &text(chars)), credits, "{channel} {category} {chars}");
        }
        assert_eq!(Prices::default().price(Channel::Sms, Category::Service, &text(161)), 2);
    }

    #[test]
    fn a_one_time_code_is_authentication_whatever_it_is_for() {
        let cases = [
            (Class::Auth, Purpose::Marketing, Category::Authentication),
            (Class::Campaign, Purpose::Marketing, Category::Marketing),
            (Class::Transactional, Purpose::Transactional, Category::Utility),
            (Class::AgentReply, Purpose::Conversational, Category::Service),
        ];
        for (class, purpose, expected) in cases {
            assert_eq!(Category::of(class, purpose), expected, "{class} {purpose}");
        }
    }
}
