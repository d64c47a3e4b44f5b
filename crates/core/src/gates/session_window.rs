//! Free text goes only to people who wrote within the provider's window (WhatsApp: 24 h); outside, templates.

use chrono::{DateTime, Utc};

use super::{Facts, Reason, Verdict, WindowFacts};

pub fn check(facts: &Facts) -> Verdict {
    match &facts.window {
        Some(window) if !window.content_is_free && !window.is_open(facts.now) => {
            Verdict::Refuse { reason: Reason::WindowClosed }
        }
        _ => Verdict::Pass,
    }
}

impl WindowFacts {
    /// At `closes_at` it is closed.
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        self.closes_at.is_some_and(|closes_at| now < closes_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gates::sendable::{at, refuse, sendable};

    #[test]
    fn free_text_goes_only_while_the_window_is_open() {
        let closed = refuse(Reason::WindowClosed);
        let cases = [
            // (may go outside, closes at, expected)
            (true, None, Verdict::Pass),
            (true, Some("2026-03-01T00:00:00Z"), Verdict::Pass),
            (false, None, closed.clone()),
            (false, Some("2026-03-02T11:59:59Z"), closed.clone()),
            (false, Some("2026-03-02T12:00:00Z"), closed),
            (false, Some("2026-03-02T12:00:00.000001Z"), Verdict::Pass),
        ];
        for (content_is_free, closes_at, expected) in cases {
            let window = Some(WindowFacts { content_is_free, closes_at: closes_at.map(at) });
            assert_eq!(check(&Facts { window, ..sendable() }), expected, "{content_is_free} {closes_at:?}");
        }
        assert_eq!(check(&Facts { window: None, ..sendable() }), Verdict::Pass, "a provider without a window");
    }
}
