//! What pages say, in each language there is. To add one: a constant and its line in [`ALL`].

use axum::http::{HeaderMap, header};
use postroad_app::preferences::Shown;
use postroad_core::{account::Channel, language};

/// Everything that pages say in one language.
pub(super) struct Words {
    pub(super) language: &'static str,
    /// Before the name of who writes.
    pub(super) messages_from: &'static str,
    pub(super) choose: &'static str,
    pub(super) marketing: &'static str,
    pub(super) transactional: &'static str,
    pub(super) suppressed: &'static str,
    pub(super) nowhere: &'static str,
    pub(super) save: &'static str,
    pub(super) saved: &'static str,
    pub(super) stop_everything: &'static str,
    pub(super) stop_means: &'static str,
    pub(super) stopped: &'static str,
    pub(super) unsubscribe: &'static str,
    pub(super) unsubscribe_means: &'static str,
    pub(super) unsubscribed: &'static str,
    pub(super) more_choices: &'static str,
    pub(super) agree_question: &'static str,
    pub(super) agree: &'static str,
    pub(super) agreed: &'static str,
    pub(super) expired: &'static str,
    pub(super) withdrawn: &'static str,
    pub(super) worst: &'static str,
    pub(super) best: &'static str,
    pub(super) comment: &'static str,
    pub(super) send: &'static str,
    pub(super) rated: &'static str,
    pub(super) rating_over: &'static str,
    pub(super) not_found: &'static str,
    pub(super) not_found_means: &'static str,
    pub(super) later: &'static str,
    pub(super) later_means: &'static str,
    /// Before what reaches a business, or whoever runs the installation.
    pub(super) reach: &'static str,
    phone_call: &'static str,
    chat: &'static str,
    email: &'static str,
}

pub(super) const ENGLISH: Words = Words {
    language: "en",
    messages_from: "Messages from",
    choose: "Choose what you want to receive, and where.",
    marketing: "Offers and news",
    transactional: "Messages about my orders, appointments and account",
    suppressed: "Nothing is sent here.",
    nowhere: "Nothing is stored where we could write to you.",
    save: "Save",
    saved: "Your choice is saved.",
    stop_everything: "Stop everything",
    stop_means: "You get no more messages, except answers to what you write yourself.",
    stopped: "Everything is stopped.",
    unsubscribe: "Unsubscribe",
    unsubscribe_means: "You get no more offers and news after this.",
    unsubscribed: "You are unsubscribed.",
    more_choices: "Choose in detail",
    agree_question: "Do you agree?",
    agree: "Yes, I agree",
    agreed: "Thank you. You have agreed.",
    expired: "This link has expired. Please sign up again.",
    withdrawn: "You said stop after this was asked, and that counts. Please sign up again if you want to.",
    worst: "very bad",
    best: "very good",
    comment: "What should we know? You need not say anything.",
    send: "Send",
    rated: "Thank you. Your answer is kept.",
    rating_over: "This link has expired.",
    not_found: "This link leads nowhere",
    not_found_means: "It is incomplete, or it is not valid any more. Please use the link of a newer message.",
    later: "Please try again in a moment",
    later_means: "We cannot answer right now. Nothing was changed.",
    reach: "How to reach",
    phone_call: "Phone call",
    chat: "Chat",
    email: "Email",
};

pub(super) const GERMAN: Words = Words {
    language: "de",
    messages_from: "Nachrichten von",
    choose: "Wählen Sie, was Sie wo erhalten möchten.",
    marketing: "Angebote und Neuigkeiten",
    transactional: "Nachrichten zu meinen Bestellungen, Terminen und meinem Konto",
    suppressed: "Hierhin wird nichts gesendet.",
    nowhere: "Es ist nichts gespeichert, wohin wir Ihnen schreiben könnten.",
    save: "Speichern",
    saved: "Ihre Auswahl ist gespeichert.",
    stop_everything: "Alles abbestellen",
    stop_means: "Sie erhalten keine Nachrichten mehr, außer Antworten auf das, was Sie selbst schreiben.",
    stopped: "Alles ist abbestellt.",
    unsubscribe: "Abbestellen",
    unsubscribe_means: "Sie erhalten danach keine Angebote und Neuigkeiten mehr.",
    unsubscribed: "Sie haben abbestellt.",
    more_choices: "Im Einzelnen auswählen",
    agree_question: "Stimmen Sie zu?",
    agree: "Ja, ich stimme zu",
    agreed: "Danke. Sie haben zugestimmt.",
    expired: "Dieser Link ist abgelaufen. Bitte melden Sie sich erneut an.",
    withdrawn: "Sie haben nach dieser Anfrage abbestellt, und das gilt. Wenn Sie möchten, melden Sie sich bitte erneut an.",
    worst: "sehr schlecht",
    best: "sehr gut",
    comment: "Was sollten wir wissen? Sie müssen nichts schreiben.",
    send: "Senden",
    rated: "Danke. Ihre Antwort ist gespeichert.",
    rating_over: "Dieser Link ist abgelaufen.",
    not_found: "Dieser Link führt nirgendwohin",
    not_found_means: "Er ist unvollständig oder nicht mehr gültig. Bitte nutzen Sie den Link einer neueren Nachricht.",
    later: "Bitte versuchen Sie es gleich noch einmal",
    later_means: "Wir können gerade nicht antworten. Es wurde nichts geändert.",
    reach: "So erreichen Sie",
    phone_call: "Anruf",
    chat: "Chat",
    email: "E-Mail",
};

/// The first is for whoever asks for none of the others.
const ALL: &[&Words] = &[&ENGLISH, &GERMAN];

/// Preferences of one header that are looked at. A browser sends a handful.
const PREFERENCES_MAX: usize = 20;

impl Words {
    /// By `Accept-Language` (RFC 9110, 12.5.4): of what there is, what is wanted most.
    pub(super) fn wanted(headers: &HeaderMap) -> Option<&'static Self> {
        let header = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
        let mut best: Option<(f32, &'static Self)> = None;
        for part in header.split(',').take(PREFERENCES_MAX) {
            let (tag, weight) = part.split_once(';').map_or((part, 1.0), |(tag, q)| (tag, weight(q)));
            let Some(words) = Self::of(tag.trim()) else { continue };
            if weight > 0.0 && best.is_none_or(|(most, _)| weight > most) {
                best = Some((weight, words));
            }
        }
        best.map(|(_, words)| words)
    }

    /// `de`, `de-AT`, `de_AT`.
    pub(super) fn of(tag: &str) -> Option<&'static Self> {
        let tag = language::comparable(tag);
        let primary = tag.split('-').next().unwrap_or_default();
        ALL.iter().find(|words| words.language == primary).copied()
    }

    /// What the visitor wants, else the person's own language, else English.
    pub(super) fn for_person(wanted: Option<&'static Self>, own: Option<&str>) -> &'static Self {
        wanted.or_else(|| own.and_then(Self::of)).unwrap_or(ALL[0])
    }

    pub(super) const fn shown(&self) -> Shown {
        Shown { language: self.language, marketing: self.marketing, transactional: self.transactional }
    }

    pub(super) const fn channel(&self, channel: Channel) -> &'static str {
        match channel {
            Channel::Whatsapp => "WhatsApp",
            Channel::Sms => "SMS",
            Channel::Instagram => "Instagram",
            Channel::Messenger => "Messenger",
            Channel::Telegram => "Telegram",
            Channel::Discord => "Discord",
            Channel::X => "X",
            Channel::Email => self.email,
            Channel::Widget | Channel::Internal | Channel::Generic => self.chat,
            Channel::Voice => self.phone_call,
            Channel::Sandbox => "Sandbox",
        }
    }
}

fn weight(q: &str) -> f32 {
    q.trim().strip_prefix("q=").and_then(|text| text.parse().ok()).filter(|q| (0.0..=1.0).contains(q)).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(header: &str) -> &'static str {
        let headers = [(header::ACCEPT_LANGUAGE, header.parse().unwrap())].into_iter().collect();
        Words::for_person(Words::wanted(&headers), None).language
    }

    #[test]
    fn the_language_is_what_is_wanted_most_of_what_there_is() {
        for (header, expected) in [
            ("de", "de"),
            ("DE-at", "de"),
            ("en-GB,en;q=0.9,de;q=0.8", "en"),
            ("fr-CH, fr;q=0.9, de;q=0.8, en;q=0.7", "de"),
            ("en;q=0.2,de;q=0.3", "de"),
            ("de;q=0", "en"),
            ("de;q=nonsense", "en"),
            ("fr", "en"),
            ("*", "en"),
            ("", "en"),
            (",;,;q=", "en"),
        ] {
            assert_eq!(language(header), expected, "{header:?}");
        }
    }

    #[test]
    fn without_a_wish_of_the_browser_the_persons_own_language_counts() {
        assert_eq!(Words::for_person(None, Some("de_AT")).language, "de");
        assert_eq!(Words::for_person(Some(&ENGLISH), Some("de")).language, "en");
        assert_eq!(Words::for_person(None, Some("fi")).language, "en");
    }
}
